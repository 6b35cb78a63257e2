//! Logistic function: `y = 1/(1 + e⁻ˣ)`, `dy/dx = y·(1 − y)`.

use super::activation::{Activation, Function};
use super::{Entry, alone};
use rarefy_core::kernels::elementwise;
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// `sigmoid`.
pub(super) const ENTRY: Entry = Entry {
    word: "sigmoid",
    usage: "sigmoid",
    help: "The logistic function, between 0 and 1.",
    make: |arguments, inputs| alone(arguments, Activation::new(inputs, Sigmoid)),
    lift: |op, inputs| matches!(op, Op::Sigmoid).then(|| Ok(Box::new(Activation::new(inputs, Sigmoid)) as _)),
};

/// `1/(1 + e⁻ˣ)`.
pub struct Sigmoid;

impl Function for Sigmoid {
    fn op(&self) -> Op {
        Op::Sigmoid
    }

    fn forward(&self, y: &mut Batch) {
        elementwise::sigmoid(y);
    }

    fn backward(&self, y: &Batch, dy: &mut Batch) {
        elementwise::sigmoid_backward(y, dy);
    }
}
