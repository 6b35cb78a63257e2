//! Probabilities with exact zeros over the features of each sample: sparsemax and 1.5-entmax; formulas and sources in
//! [`rarefy_core::kernels::elementwise::entmax`].
//!
//! The losses of the same names contain them: put these layers last only under another loss.

use super::activation::{Activation, Function};
use super::{Entry, alone};
use rarefy_core::kernels::elementwise::{self, Entmax};
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// `sparsemax`.
pub(super) const SPARSEMAX: Entry = Entry {
    word: "sparsemax",
    usage: "sparsemax",
    help: "As softmax, but with exact zeros; the sparsemax loss has one built in.",
    make: |arguments, inputs| alone(arguments, Activation::new(inputs, Probabilities(Entmax::Sparsemax))),
    lift: |op, inputs| {
        let layer = || Ok(Box::new(Activation::new(inputs, Probabilities(Entmax::Sparsemax))) as _);
        matches!(op, Op::Sparsemax).then(layer)
    },
};

/// `entmax-1.5`.
pub(super) const ENTMAX: Entry = Entry {
    word: "entmax-1.5",
    usage: "entmax-1.5",
    help: "Between softmax and sparsemax: smooth, with exact zeros; the entmax-1.5 loss has one built in.",
    make: |arguments, inputs| alone(arguments, Activation::new(inputs, Probabilities(Entmax::OneAndAHalf))),
    lift: |op, inputs| {
        let layer = || Ok(Box::new(Activation::new(inputs, Probabilities(Entmax::OneAndAHalf))) as _);
        matches!(op, Op::Entmax15).then(layer)
    },
};

/// One of the two.
pub struct Probabilities(Entmax);

impl Function for Probabilities {
    fn op(&self) -> Op {
        match self.0 {
            Entmax::Sparsemax => Op::Sparsemax,
            Entmax::OneAndAHalf => Op::Entmax15,
        }
    }

    fn forward(&self, y: &mut Batch) {
        elementwise::entmax(self.0, y);
    }

    fn backward(&self, y: &Batch, dy: &mut Batch) {
        elementwise::entmax_backward(self.0, y, dy);
    }
}
