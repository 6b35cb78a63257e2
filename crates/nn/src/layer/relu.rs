//! Rectified linear unit: `y = max(x, 0)`; the derivative at 0 is 0.

use super::activation::{Activation, Function};
use super::{Entry, alone};
use rarefy_core::kernels::elementwise;
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// `relu`.
pub(super) const ENTRY: Entry = Entry {
    word: "relu",
    usage: "relu",
    help: "Zero where negative.",
    make: |arguments, inputs| alone(arguments, Activation::new(inputs, Relu)),
    lift: |op, inputs| matches!(op, Op::Relu).then(|| Ok(Box::new(Activation::new(inputs, Relu)) as _)),
};

/// `max(x, 0)`.
pub struct Relu;

impl Function for Relu {
    fn op(&self) -> Op {
        Op::Relu
    }

    fn forward(&self, y: &mut Batch) {
        elementwise::relu(y);
    }

    fn backward(&self, y: &Batch, dy: &mut Batch) {
        elementwise::relu_backward(y, dy);
    }
}
