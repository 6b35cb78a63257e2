//! RMSprop; Hinton, *Neural networks for machine learning*, lecture 6e, 2012.

use super::{Entry, Kind};

/// As `torch.optim.RMSprop`.
pub(super) const ENTRY: Entry = Entry {
    name: "rmsprop",
    help: "Gradients divided by a running estimate of their size, with momentum if asked for.",
    kind: Kind::RmsProp { alpha: 0.99, momentum: 0.0, epsilon: 1e-8 },
    learning_rate: 1e-2,
    weight_decay: 0.0,
};
