//! Sparse ReLU: `y = x` where `x > τ`, else 0, with `τ ≥ 0`; the derivative is that of the ReLU on what is left.
//!
//! `τ` is fixed, or follows a target activation density `d`: each training batch moves it by [`MOMENTUM`] towards the batch's
//! `(1 − d)`-quantile over all features and samples, but never below 0. In evaluation, and in artifacts, it stays where training
//! left it. The gradient in `τ` is zero wherever it exists: a threshold that is to be *learned* needs the shifted form, `shifted-relu`.

use super::activation::{Activation, Function};
use super::{Entry, Layer, Map, Mode, Pass, number};
use crate::Step;
use rarefy_core::kernels::elementwise;
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// `sparse-relu TAU`, `sparse-relu density DENSITY`.
pub(super) const ENTRY: Entry = Entry {
    word: "sparse-relu",
    usage: "sparse-relu TAU | density DENSITY",
    help: "Zero up to a threshold, fixed or such that this share of the activations is above it.",
    make: |arguments, inputs| match arguments {
        ["density", density] => {
            let density = number("density", density)?;
            if !(density > 0.0 && density < 1.0) {
                return Err(format!("density {density}, expected a number between 0 and 1"));
            }
            Ok(vec![Box::new(Adaptive { features: inputs, density, threshold: vec![0.0] })])
        }
        [tau] => fixed(inputs, number("threshold", tau)?).map(|layer| vec![layer]),
        _ => Err("expected `sparse-relu 0.1` or `sparse-relu density 0.1`".to_owned()),
    },
    lift: |op, inputs| match op {
        Op::SparseRelu { threshold } => Some(fixed(inputs, *threshold)),
        _ => None,
    },
};

/// How far one batch moves the threshold towards its quantile.
const MOMENTUM: f32 = 0.1;

/// Activations from which the quantile of a batch is taken: 4096 give the density to ±0.008 at most, and batches are averaged.
const SAMPLE: usize = 4096;

fn fixed(inputs: usize, threshold: f32) -> Result<Box<dyn Layer>, String> {
    if threshold >= 0.0 && threshold.is_finite() {
        return Ok(Box::new(Activation::new(inputs, SparseRelu { threshold })));
    }
    // Below 0, the sign of the output would not tell whether it passed.
    Err(format!("threshold {threshold}, expected a finite number, 0 or above"))
}

/// `x` where `x > τ`, else 0.
pub struct SparseRelu {
    threshold: f32,
}

impl Function for SparseRelu {
    fn op(&self) -> Op {
        Op::SparseRelu { threshold: self.threshold }
    }

    fn forward(&self, y: &mut Batch) {
        elementwise::sparse_relu(y, self.threshold);
    }

    fn backward(&self, y: &Batch, dy: &mut Batch) {
        elementwise::relu_backward(y, dy);
    }
}

/// A sparse ReLU whose threshold follows a density.
struct Adaptive {
    features: usize,
    /// Share of the activations that should be above the threshold.
    density: f32,
    /// `τ`, alone in its array.
    threshold: Vec<f32>,
}

impl Adaptive {
    /// Moves the threshold towards the quantile of this batch: of the first samples of every feature, as many as `SAMPLE` allows.
    fn follow(&mut self, x: &Batch) {
        let each = SAMPLE.div_ceil(x.features().max(1)).min(x.len());
        let mut sample: Vec<f32> = (0..x.features()).flat_map(|j| &x.row(j)[..each]).copied().collect();
        if sample.is_empty() {
            return;
        }
        let above = (f64::from(self.density) * sample.len() as f64).round() as usize;
        let at = sample.len() - 1 - above.min(sample.len() - 1);
        let (_, &mut quantile, _) = sample.select_nth_unstable_by(at, f32::total_cmp);
        if quantile.is_finite() {
            self.threshold[0] += MOMENTUM * (quantile.max(0.0) - self.threshold[0]);
        }
    }
}

impl Layer for Adaptive {
    fn kind(&self) -> &'static str {
        "sparse-relu"
    }

    fn outputs(&self) -> usize {
        self.features
    }

    fn pass(&mut self) -> Pass<'_> {
        Pass::Map(self)
    }

    fn lower(&self) -> rarefy_core::Result<Vec<Op>> {
        Ok(vec![Op::SparseRelu { threshold: self.threshold[0] }])
    }

    fn buffers(&self) -> Vec<(&'static str, &Vec<f32>)> {
        vec![("threshold", &self.threshold)]
    }

    fn buffers_mut(&mut self) -> Vec<(&'static str, &mut Vec<f32>)> {
        vec![("threshold", &mut self.threshold)]
    }
}

impl Map for Adaptive {
    fn forward(&mut self, y: &mut Batch, mode: Mode) {
        if let Mode::Train { .. } = mode {
            self.follow(y);
        }
        elementwise::sparse_relu(y, self.threshold[0]);
    }

    fn backward(&mut self, y: &Batch, dy: &mut Batch, _: Mode, _: Step<'_>) {
        elementwise::relu_backward(y, dy);
    }
}
