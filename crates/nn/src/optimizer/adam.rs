//! Adam (Kingma and Ba, *Adam: a method for stochastic optimization*, 2015) and AdamW (Loshchilov and Hutter, *Decoupled weight
//! decay regularization*, 2019).

use super::{Entry, Kind};

/// As `torch.optim.Adam`.
pub(super) const ADAM: Entry = Entry {
    name: "adam",
    help: "Adam: steps scaled by running estimates of the gradient's mean and square.",
    kind: Kind::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    learning_rate: 1e-3,
    weight_decay: 0.0,
};

/// As `torch.optim.AdamW`.
pub(super) const ADAMW: Entry = Entry {
    name: "adamw",
    help: "Adam with weight decay that does not pass through the gradient's scaling.",
    kind: Kind::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    learning_rate: 1e-3,
    weight_decay: 1e-2,
};
