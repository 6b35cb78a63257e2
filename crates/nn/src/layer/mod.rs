//! Layers: what a network is made of.
//!
//! A [`Layer`] is of one of two kinds, told by [`Layer::pass`]:
//!
//! * a [`Map`] changes its batch in place, and its backward pass needs only its output, if anything: bias, ReLU, tanh, dropout, …
//! * a [`Transform`] reads one batch and writes another: linear, batch norm, GELU.
//!
//! The network owns all batches; a layer owns its parameters. To add a layer: one file here, one line in [`registry`], one
//! entry in the table of `tests/layers.rs`, which checks its gradient by finite differences, its artifact round trip
//! and, for layers with a weight, sparse against masked dense.

mod activation;
mod batch_norm;
mod bias;
mod dropout;
mod entmax;
mod gelu;
mod k_winners;
mod leaky_relu;
mod lift;
mod linear;
mod relu;
mod sampled;
mod shifted_relu;
mod sigmoid;
mod softmax;
mod sparse_relu;
mod sparse_tanh;
mod tanh;

pub use activation::{Activation, Function};
pub use batch_norm::BatchNorm;
pub use bias::Bias;
pub use dropout::Dropout;
pub use entmax::Probabilities;
pub use gelu::Gelu;
pub use k_winners::KWinners;
pub use leaky_relu::LeakyRelu;
pub use lift::lift;
pub use linear::Linear;
pub use relu::Relu;
pub use sampled::Sampled;
pub use shifted_relu::ShiftedRelu;
pub use sigmoid::Sigmoid;
pub use softmax::Softmax;
pub use sparse_relu::SparseRelu;
pub use sparse_tanh::SparseTanh;
pub use tanh::Tanh;

use crate::{Param, Step, Weight};
use rarefy_core::matrix::Batch;
use rarefy_core::random::Key;
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
    pub make: Make,
    /// Makes the layer for this many inputs from an operation that it lowers to, with no moments; none for any other
    /// operation. An error is a sentence without the layer's name.
    pub lift: Lift,
}

/// See [`Entry::make`].
pub type Make = fn(arguments: &[&str], inputs: usize) -> Result<Vec<Box<dyn Layer>>, String>;

/// See [`Entry::lift`].
pub type Lift = fn(op: &Op, inputs: usize) -> Option<Result<Box<dyn Layer>, String>>;

/// All layers.
pub fn registry() -> &'static [Entry] {
    &[
        linear::ENTRY,
        sampled::ENTRY,
        bias::ENTRY,
        relu::ENTRY,
        leaky_relu::ENTRY,
        tanh::ENTRY,
        sigmoid::ENTRY,
        gelu::ENTRY,
        sparse_relu::ENTRY,
        shifted_relu::ENTRY,
        sparse_tanh::ENTRY,
        k_winners::ENTRY,
        softmax::ENTRY,
        entmax::SPARSEMAX,
        entmax::ENTMAX,
        dropout::ENTRY,
        batch_norm::ENTRY,
    ]
}

/// The layer of a word that takes no arguments.
fn alone(arguments: &[&str], layer: impl Layer + 'static) -> Result<Vec<Box<dyn Layer>>, String> {
    match arguments {
        [] => Ok(vec![Box::new(layer)]),
        [first, ..] => Err(format!("found `{first}`, expected nothing after the name")),
    }
}

/// The one number that a layer takes; it may be left out if there is a default.
fn argument(name: &str, arguments: &[&str], default: Option<f32>) -> Result<f32, String> {
    match (arguments, default) {
        ([], Some(default)) => Ok(default),
        ([], None) => Err(format!("the {name} is missing, expected a number after the name")),
        ([text], _) => number(name, text),
        ([_, second, ..], _) => Err(format!("found `{second}`, expected nothing after the {name}")),
    }
}

/// A number that a layer takes.
fn number(name: &str, text: &str) -> Result<f32, String> {
    text.parse().map_err(|_| format!("{name} `{text}`, expected a number such as 0.1"))
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

    /// Draws initial numbers, but for those of a [`Layer::weight`]; after [`Layer::start`].
    fn draw(&mut self, _key: Key) {}

    /// Features that come out of the next pass, if a pass may compute a part of them only.
    fn outputs_now(&self) -> usize {
        self.outputs()
    }

    /// Itself, if it computes a sample of its outputs while training.
    fn sampled(&mut self) -> Option<&mut Sampled> {
        None
    }

    /// Takes over the work of the layer after it, which is then left out, if one kernel does both.
    fn absorb(&mut self, _next: &dyn Layer) -> bool {
        false
    }

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
    fn buffers(&self) -> Vec<(&'static str, &Vec<f32>)> {
        Vec::new()
    }

    /// As [`Layer::buffers`], to change.
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
    /// Whether `backward` reads `y`. A map that follows such a one works on a copy, and leaves `y` as it was.
    fn reads_output(&self) -> bool {
        true
    }

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
