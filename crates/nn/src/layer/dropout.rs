//! Dropout: in training, each activation is 0 with probability `rate`, and multiplied by `1/(1 − rate)` otherwise; in
//! evaluation, nothing.
//!
//! Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, *Dropout: a simple way to prevent neural networks from
//! overfitting*, 2014, scaled in training. The draw is a function of (seed, layer, step, row, feature), so no mask is stored, and
//! neither threads nor the size of micro-batches change it.

use super::{Entry, Layer, Map, Mode, Pass, argument};
use crate::Step;
use crate::net::stream;
use rarefy_core::kernels::elementwise;
use rarefy_core::matrix::Batch;
use rarefy_core::random::Key;
use rarefy_model::graph::Op;

/// `dropout RATE`.
pub(super) const ENTRY: Entry = Entry {
    word: "dropout",
    usage: "dropout RATE",
    help: "Sets this share of the activations to zero while training, at random.",
    make: |arguments, inputs| {
        let rate = argument("rate", arguments, None)?;
        if !(0.0..1.0).contains(&rate) {
            return Err(format!("rate {rate}, expected 0 or above, and below 1"));
        }
        Ok(vec![Box::new(Dropout { features: inputs, rate, at: 0 })])
    },
    // It has no operation.
    lift: |_, _| None,
};

/// Random zeros while training.
pub struct Dropout {
    features: usize,
    /// Probability of a zero, in `0..1`.
    rate: f32,
    /// Number of the layer in its network.
    at: usize,
}

impl Dropout {
    fn apply(&self, batch: &mut Batch, mode: Mode) {
        if let Mode::Train { seed, step, row } = mode {
            let key = Key::new(seed, stream::DROPOUT + self.at as u32);
            elementwise::dropout(batch, self.rate, key, step, row);
        }
    }
}

impl Layer for Dropout {
    fn kind(&self) -> &'static str {
        "dropout"
    }

    fn outputs(&self) -> usize {
        self.features
    }

    fn start(&mut self, at: usize, _: usize) {
        self.at = at;
    }

    fn pass(&mut self) -> Pass<'_> {
        Pass::Map(self)
    }

    fn lower(&self) -> rarefy_core::Result<Vec<Op>> {
        Ok(Vec::new())
    }
}

impl Map for Dropout {
    fn reads_output(&self) -> bool {
        false
    }

    fn forward(&mut self, y: &mut Batch, mode: Mode) {
        self.apply(y, mode);
    }

    fn backward(&mut self, _: &Batch, dy: &mut Batch, mode: Mode, _: Step<'_>) {
        self.apply(dy, mode);
    }
}
