//! Layers that change each number by itself, have no parameters, and whose derivative follows from their output.

use super::{Layer, Map, Mode, Pass};
use crate::Step;
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// A function of one number; [`Activation`] makes it a layer.
pub trait Function: Send {
    /// What it is in an artifact, where it has the same name as in recipes.
    fn op(&self) -> Op;

    /// `y ← f(y)`.
    fn forward(&self, y: &mut Batch);

    /// `dy ← dy·f′`, where `y` is the output.
    fn backward(&self, y: &Batch, dy: &mut Batch);
}

/// A [`Function`] of every activation.
pub struct Activation<F> {
    features: usize,
    function: F,
}

impl<F: Function> Activation<F> {
    /// The layer for this many features.
    pub fn new(features: usize, function: F) -> Self {
        Self { features, function }
    }
}

impl<F: Function> Layer for Activation<F> {
    fn kind(&self) -> &'static str {
        self.function.op().kind()
    }

    fn outputs(&self) -> usize {
        self.features
    }

    fn pass(&mut self) -> Pass<'_> {
        Pass::Map(self)
    }

    fn lower(&self) -> rarefy_core::Result<Vec<Op>> {
        Ok(vec![self.function.op()])
    }
}

impl<F: Function> Map for Activation<F> {
    fn forward(&mut self, y: &mut Batch, _: Mode) {
        self.function.forward(y);
    }

    fn backward(&mut self, y: &Batch, dy: &mut Batch, _: Mode, _: Step<'_>) {
        self.function.backward(y, dy);
    }
}
