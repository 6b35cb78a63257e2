//! Gaussian error linear unit, in its tanh form: `y = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))`.
//!
//! Hendrycks and Gimpel, *Gaussian error linear units*, 2016. The derivative does not follow from the output (the function falls
//! and rises), so this is a [`Transform`].

use super::{Entry, Layer, Mode, Pass, Transform, alone};
use crate::Step;
use rarefy_core::kernels::elementwise;
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// `gelu`.
pub(super) const ENTRY: Entry = Entry {
    word: "gelu",
    usage: "gelu",
    help: "A smooth rectifier: the input times the normal distribution's share below it.",
    make: |arguments, inputs| alone(arguments, Gelu::new(inputs)),
    lift: |op, inputs| matches!(op, Op::Gelu).then(|| Ok(Box::new(Gelu::new(inputs)) as _)),
};

/// `x·Φ(x)`, nearly.
pub struct Gelu {
    features: usize,
}

impl Gelu {
    /// The layer for this many features.
    pub fn new(features: usize) -> Self {
        Self { features }
    }
}

impl Layer for Gelu {
    fn kind(&self) -> &'static str {
        "gelu"
    }

    fn outputs(&self) -> usize {
        self.features
    }

    fn pass(&mut self) -> Pass<'_> {
        Pass::Transform(self)
    }

    fn lower(&self) -> rarefy_core::Result<Vec<Op>> {
        Ok(vec![Op::Gelu])
    }
}

impl Transform for Gelu {
    fn forward(&mut self, x: &Batch, y: &mut Batch, _: Mode) {
        elementwise::gelu(x, y);
    }

    fn backward(&mut self, x: &Batch, dy: &Batch, dx: Option<&mut Batch>, _: Mode, _: Step<'_>) {
        if let Some(dx) = dx {
            elementwise::gelu_backward(x, dy, dx);
        }
    }
}
