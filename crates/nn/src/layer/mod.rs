//! Layers: what a network is made of.
//!
//! A [`Layer`] is of one of two kinds, told by [`Layer::pass`]:
//!
//! * a [`Map`] changes its batch in place, and its backward pass needs only its output: bias, ReLU, tanh, dropout, …
//! * a [`Transform`] reads one batch and writes another: linear, batch norm, GELU.
//!
//! The network owns all batches; a layer owns its parameters. To add a layer: one file here, one line in [`registry`], one
//! entry in the table of `tests/layers.rs`, which checks its gradient by finite differences, its artifact round trip
//! and, for layers with a weight, sparse against masked dense.

mod bias;
mod linear;

pub use bias::Bias;
pub use linear::Linear;

use crate::{Param, Step, Weight};
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// How recipes name a layer, and how it is made. One line each in [`registry`].
pub struct Entry {
    /// The first word, such as `leaky-relu`.
    pub word: &'static str,
    /// The whole form, such as `leaky-relu [SLOPE]`.
    pub usage: &'static str,
    /// One sentence for help texts.
    pub help: &'static str,
    /// Makes the layer for this many inputs from the words after the first. Weights are empty until
    /// [`Net::build`](crate::Net::build) draws them. An error is a sentence without the layer's name.
    pub make: fn(arguments: &[&str], inputs: usize) -> Result<Vec<Box<dyn Layer>>, String>,
}

/// All layers.
pub fn registry() -> &'static [Entry] {
    &[linear::ENTRY, bias::ENTRY]
}

/// What a pass is for. Random draws of a training pass depend on these numbers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Evaluation: dropout off, batch norm on its running statistics.
    Eval,
    /// Training.
    Train {
        /// The run's seed.
        seed: u64,
        /// The optimizer step, from 0.
        step: u64,
        /// The number of the batch's first row within the step (not 0 in the later micro-batches of a step).
        row: u64,
    },
}

/// One layer of a network.
pub trait Layer: Send {
    /// Its word in recipes, such as `relu`.
    fn kind(&self) -> &'static str;

    /// Features that come out.
    fn outputs(&self) -> usize;

    /// Prepares it for training as layer number `at` of its network, with an optimizer that keeps `moments` moments.
    fn start(&mut self, _at: usize, _moments: usize) {}

    /// How data passes it.
    fn pass(&mut self) -> Pass<'_>;

    /// The operations that it is in an artifact; none for what only training needs, such as dropout.
    fn lower(&self) -> rarefy_core::Result<Vec<Op>>;

    /// Its trainable arrays, each with a name, in a fixed order.
    fn params(&self) -> Vec<(&'static str, &Param)> {
        Vec::new()
    }

    /// As [`Layer::params`], to change.
    fn params_mut(&mut self) -> Vec<(&'static str, &mut Param)> {
        Vec::new()
    }

    /// Arrays that are part of its state and not trained (running statistics), each with a name.
    fn buffers_mut(&mut self) -> Vec<(&'static str, &mut Vec<f32>)> {
        Vec::new()
    }

    /// Its weight, if it has one whose pattern can change.
    fn weight(&self) -> Option<&Weight> {
        None
    }

    /// As [`Layer::weight`], to change.
    fn weight_mut(&mut self) -> Option<&mut Weight> {
        None
    }
}

/// The two kinds of layers.
pub enum Pass<'a> {
    /// In place.
    Map(&'a mut dyn Map),
    /// From one batch to another.
    Transform(&'a mut dyn Transform),
}

/// A layer that changes its batch in place.
pub trait Map {
    /// Turns the input in `y` into the output.
    fn forward(&mut self, y: &mut Batch, mode: Mode);

    /// Turns `dy`, the gradient of the output `y`, into that of the input, and takes the gradients of parameters.
    ///
    /// Padding of `dy` is zero and stays so.
    fn backward(&mut self, y: &Batch, dy: &mut Batch, mode: Mode, step: Step<'_>);
}

/// A layer that reads one batch and writes another.
pub trait Transform {
    /// Computes `y` (`outputs × n`) from `x` (`inputs × n`).
    fn forward(&mut self, x: &Batch, y: &mut Batch, mode: Mode);

    /// Computes `dx`, if wanted, from `dy`, and takes the gradients of parameters.
    ///
    /// Padding of `dy` is zero, and that of `dx` must be.
    fn backward(&mut self, x: &Batch, dy: &Batch, dx: Option<&mut Batch>, mode: Mode, step: Step<'_>);
}
