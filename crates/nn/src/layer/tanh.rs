//! Hyperbolic tangent: `y = tanh x`, `dy/dx = 1 − y²`.

use super::activation::{Activation, Function};
use super::{Entry, alone};
use rarefy_core::kernels::elementwise;
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// `tanh`.
pub(super) const ENTRY: Entry = Entry {
    word: "tanh",
    usage: "tanh",
    help: "The hyperbolic tangent, between −1 and 1.",
    make: |arguments, inputs| alone(arguments, Activation::new(inputs, Tanh)),
    lift: |op, inputs| matches!(op, Op::Tanh).then(|| Ok(Box::new(Activation::new(inputs, Tanh)) as _)),
};

/// `tanh x`.
pub struct Tanh;

impl Function for Tanh {
    fn op(&self) -> Op {
        Op::Tanh
    }

    fn forward(&self, y: &mut Batch) {
        elementwise::tanh(y);
    }

    fn backward(&self, y: &Batch, dy: &mut Batch) {
        elementwise::tanh_backward(y, dy);
    }
}
