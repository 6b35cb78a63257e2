//! Bias: `y ← y + b`, one number a feature.

use super::{Entry, Layer, Map, Mode, Pass, alone};
use crate::{Param, Step};
use rarefy_core::kernels::elementwise;
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// `bias`: the bias alone; `linear` has one unless told otherwise.
pub(super) const ENTRY: Entry = Entry {
    word: "bias",
    usage: "bias",
    help: "One number added to each feature.",
    make: |arguments, inputs| alone(arguments, Bias::new(inputs)),
    lift: |op, _| match op {
        Op::Bias { values } => {
            Some(Ok(Box::new(Bias { bias: Param::new(values.clone(), 0), fresh: vec![0.0; values.len()] })))
        }
        _ => None,
    },
};

/// `y ← y + b`.
pub struct Bias {
    bias: Param,
    /// The gradient of one batch, before the optimizer takes it.
    fresh: Vec<f32>,
}

impl Bias {
    /// A bias of zeros.
    pub fn new(features: usize) -> Self {
        Self { bias: Param::new(vec![0.0; features], 0), fresh: vec![0.0; features] }
    }
}

impl Layer for Bias {
    fn kind(&self) -> &'static str {
        "bias"
    }

    fn outputs(&self) -> usize {
        self.bias.values.len()
    }

    fn start(&mut self, _: usize, moments: usize) {
        self.bias = Param::new(std::mem::take(&mut self.bias.values), moments);
    }

    fn pass(&mut self) -> Pass<'_> {
        Pass::Map(self)
    }

    fn lower(&self) -> rarefy_core::Result<Vec<Op>> {
        Ok(vec![Op::Bias { values: self.bias.values.clone() }])
    }

    fn params(&self) -> Vec<(&'static str, &Param)> {
        vec![("bias", &self.bias)]
    }

    fn params_mut(&mut self) -> Vec<(&'static str, &mut Param)> {
        vec![("bias", &mut self.bias)]
    }
}

impl Map for Bias {
    fn reads_output(&self) -> bool {
        false
    }

    fn forward(&mut self, y: &mut Batch, _: Mode) {
        elementwise::add_bias(y, &self.bias.values);
    }

    fn backward(&mut self, _: &Batch, dy: &mut Batch, _: Mode, step: Step<'_>) {
        elementwise::row_sums(dy, &mut self.fresh);
        self.bias.take(&self.fresh, step);
    }
}
