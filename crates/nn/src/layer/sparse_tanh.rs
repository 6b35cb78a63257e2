//! Sparse tanh: `y = tanh x` where `|x| > τ`, else 0; in its soft form `y = tanh(sign(x)·max(|x| − τ, 0))`, which has no jump.
//! The derivative is `1 − y²` where `y ≠ 0`, in both.

use super::activation::{Activation, Function};
use super::{Entry, Layer, number};
use rarefy_core::kernels::elementwise;
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// `sparse-tanh TAU [soft]`.
pub(super) const ENTRY: Entry = Entry {
    word: "sparse-tanh",
    usage: "sparse-tanh TAU [soft]",
    help: "Hyperbolic tangent, zero where the input is at most TAU in size; soft: of the input moved TAU towards zero.",
    make: |arguments, inputs| match arguments {
        [tau] => make(inputs, number("threshold", tau)?, false).map(|layer| vec![layer]),
        [tau, "soft"] => make(inputs, number("threshold", tau)?, true).map(|layer| vec![layer]),
        _ => Err("expected `sparse-tanh 0.1` or `sparse-tanh 0.1 soft`".to_owned()),
    },
    lift: |op, inputs| match op {
        Op::SparseTanh { threshold, soft } => Some(make(inputs, *threshold, *soft)),
        _ => None,
    },
};

fn make(inputs: usize, threshold: f32, soft: bool) -> Result<Box<dyn Layer>, String> {
    if threshold >= 0.0 && threshold.is_finite() {
        return Ok(Box::new(Activation::new(inputs, SparseTanh { threshold, soft })));
    }
    Err(format!("threshold {threshold}, expected a finite number, 0 or above"))
}

/// `tanh`, zero up to a threshold.
pub struct SparseTanh {
    threshold: f32,
    soft: bool,
}

impl Function for SparseTanh {
    fn op(&self) -> Op {
        Op::SparseTanh { threshold: self.threshold, soft: self.soft }
    }

    fn forward(&self, y: &mut Batch) {
        elementwise::sparse_tanh(y, self.threshold, self.soft);
    }

    fn backward(&self, y: &Batch, dy: &mut Batch) {
        elementwise::sparse_tanh_backward(y, dy);
    }
}
