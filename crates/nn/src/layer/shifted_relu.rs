//! Shifted ReLU: `y = max(x − τ, 0)` with one `τ` for the layer, learned: `dτ = −Σ dy` over what is above it.
//!
//! The form of the sparse ReLU whose output has a gradient in the threshold.

use super::{Entry, Layer, Map, Mode, Pass, argument};
use crate::{Param, Step};
use rarefy_core::kernels::elementwise;
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// `shifted-relu [TAU]`, from 0 unless told otherwise.
pub(super) const ENTRY: Entry = Entry {
    word: "shifted-relu",
    usage: "shifted-relu [TAU]",
    help: "Zero up to a threshold, less the threshold above it; the threshold is learned, from TAU (0) on.",
    make: |arguments, inputs| {
        let threshold = argument("threshold", arguments, Some(0.0))?;
        if !threshold.is_finite() {
            return Err(format!("threshold {threshold}, expected a finite number"));
        }
        Ok(vec![Box::new(ShiftedRelu::new(inputs, threshold))])
    },
    lift: |op, inputs| match op {
        Op::ShiftedRelu { threshold } => Some(Ok(Box::new(ShiftedRelu::new(inputs, *threshold)))),
        _ => None,
    },
};

/// `max(x − τ, 0)`.
pub struct ShiftedRelu {
    threshold: Param,
    /// `−τ` for each feature, as the kernel takes it.
    bias: Vec<f32>,
    /// The gradient of each feature's bias.
    fresh: Vec<f32>,
}

impl ShiftedRelu {
    /// The layer for this many features, its threshold not trained yet.
    pub fn new(features: usize, threshold: f32) -> Self {
        Self { threshold: Param::new(vec![threshold], 0), bias: vec![0.0; features], fresh: vec![0.0; features] }
    }
}

impl Layer for ShiftedRelu {
    fn kind(&self) -> &'static str {
        "shifted-relu"
    }

    fn outputs(&self) -> usize {
        self.bias.len()
    }

    fn start(&mut self, _: usize, moments: usize) {
        self.threshold = Param::new(std::mem::take(&mut self.threshold.values), moments);
    }

    fn pass(&mut self) -> Pass<'_> {
        Pass::Map(self)
    }

    fn lower(&self) -> rarefy_core::Result<Vec<Op>> {
        Ok(vec![Op::ShiftedRelu { threshold: self.threshold.values[0] }])
    }

    fn params(&self) -> Vec<(&'static str, &Param)> {
        vec![("threshold", &self.threshold)]
    }

    fn params_mut(&mut self) -> Vec<(&'static str, &mut Param)> {
        vec![("threshold", &mut self.threshold)]
    }
}

impl Map for ShiftedRelu {
    fn forward(&mut self, y: &mut Batch, _: Mode) {
        self.bias.fill(-self.threshold.values[0]);
        elementwise::add_bias_relu(y, &self.bias);
    }

    fn backward(&mut self, y: &Batch, dy: &mut Batch, _: Mode, step: Step<'_>) {
        elementwise::relu_backward_row_sums(y, dy, &mut self.fresh);
        let sum: f64 = self.fresh.iter().map(|&g| f64::from(g)).sum();
        self.threshold.take(&[-sum as f32], step);
    }
}
