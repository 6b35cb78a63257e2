//! Softmax over the features of each sample: `y = eˣ / Σ eˣ`; gradient of the input `y·(dy − Σ y·dy)`.
//!
//! The cross-entropy loss contains one: put this layer last only under another loss.

use super::activation::{Activation, Function};
use super::{Entry, alone};
use rarefy_core::kernels::elementwise;
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// `softmax`.
pub(super) const ENTRY: Entry = Entry {
    word: "softmax",
    usage: "softmax",
    help: "Positive numbers that sum to 1 over the features; the cross-entropy loss has one built in.",
    make: |arguments, inputs| alone(arguments, Activation::new(inputs, Softmax)),
    lift: |op, inputs| matches!(op, Op::Softmax).then(|| Ok(Box::new(Activation::new(inputs, Softmax)) as _)),
};

/// `eˣ / Σ eˣ` over the features of a sample.
pub struct Softmax;

impl Function for Softmax {
    fn op(&self) -> Op {
        Op::Softmax
    }

    fn forward(&self, y: &mut Batch) {
        elementwise::softmax(y);
    }

    fn backward(&self, y: &Batch, dy: &mut Batch) {
        elementwise::softmax_backward(y, dy);
    }
}
