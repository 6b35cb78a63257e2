//! Stochastic gradient descent; Sutskever, Martens, Dahl and Hinton, *On the importance of initialization and momentum in deep
//! learning*, 2013, for momentum and Nesterov's look ahead.

use super::{Entry, Kind};

/// As `torch.optim.SGD`.
pub(super) const ENTRY: Entry = Entry {
    name: "sgd",
    help: "Stochastic gradient descent, with momentum and Nesterov's look ahead if asked for.",
    kind: Kind::Sgd { momentum: 0.0, nesterov: false },
    learning_rate: 1e-3,
    weight_decay: 0.0,
};
