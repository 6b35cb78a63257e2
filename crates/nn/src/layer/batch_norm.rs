//! Batch normalisation: `y = γ·x̂ + β`, `x̂ = (x − mean)/√(variance + ε)`, feature by feature.
//!
//! In training, mean and variance are those of the batch's samples (the padding is not a sample), and running statistics
//! follow them: `running ← (1 − momentum)·running + momentum·batch`, the variance there with the divisor `n − 1`. In
//! evaluation the running statistics are used. Constants as `torch.nn.BatchNorm1d`; Ioffe and Szegedy, *Batch normalization*,
//! 2015. Backward, with means over the `n` samples:
//! `dβ = Σ dy`, `dγ = Σ dy·x̂`, `dx = γ/√(variance + ε)·(dy − mean(dy) − x̂·mean(dy·x̂))`; in evaluation
//! `dx = γ/√(variance + ε)·dy`.
//!
//! A batch of one sample has no variance: its output is `β`, and running statistics stay as they are.

use super::{Entry, Layer, Mode, Pass, Transform, argument};
use crate::{Param, Step};
use rarefy_core::matrix::Batch;
use rarefy_core::parallel;
use rarefy_model::graph::Op;
use std::sync::{Mutex, PoisonError};

/// `batch-norm [MOMENTUM]`, 0.1 unless told otherwise.
pub(super) const ENTRY: Entry = Entry {
    word: "batch-norm",
    usage: "batch-norm [MOMENTUM]",
    help: "Brings each feature to a learned mean and spread; running statistics move by MOMENTUM (0.1) a step.",
    make: |arguments, inputs| {
        let momentum = argument("momentum", arguments, Some(MOMENTUM))?;
        if !(momentum > 0.0 && momentum <= 1.0) {
            return Err(format!("momentum {momentum}, expected above 0, up to 1"));
        }
        Ok(vec![Box::new(BatchNorm::new(inputs, momentum))])
    },
    lift: |op, inputs| match op {
        Op::BatchNorm { gamma, beta, mean, variance, epsilon } => Some(Ok(Box::new(BatchNorm {
            gamma: Param::new(gamma.clone(), 0),
            beta: Param::new(beta.clone(), 0),
            mean: mean.clone(),
            variance: variance.clone(),
            epsilon: *epsilon,
            ..BatchNorm::new(inputs, MOMENTUM)
        }))),
        _ => None,
    },
};

/// PyTorch's share of the batch in new running statistics.
const MOMENTUM: f32 = 0.1;

/// PyTorch's `ε`.
const EPSILON: f32 = 1e-5;

/// Floats in one task.
const FLOATS: usize = 16_384;

/// Mean and spread of each feature, learned.
pub struct BatchNorm {
    gamma: Param,
    beta: Param,
    /// Running statistics.
    mean: Vec<f32>,
    variance: Vec<f32>,
    momentum: f32,
    epsilon: f32,
    /// Two numbers a feature: the statistics of the last batch, as mean and `1/√(variance + ε)`.
    batch: Vec<[f32; 2]>,
    /// Two numbers a feature: `dγ` and `dβ` of the last backward pass.
    sums: Vec<[f32; 2]>,
}

impl BatchNorm {
    /// `γ = 1`, `β = 0`; running mean 0 and variance 1, moving by `momentum` (above 0, up to 1) a step.
    pub fn new(features: usize, momentum: f32) -> Self {
        Self {
            gamma: Param::new(vec![1.0; features], 0),
            beta: Param::new(vec![0.0; features], 0),
            mean: vec![0.0; features],
            variance: vec![1.0; features],
            momentum,
            epsilon: EPSILON,
            batch: vec![[0.0; 2]; features],
            sums: vec![[0.0; 2]; features],
        }
    }

    /// Takes the statistics of `x` into `batch`, and moves the running ones.
    fn measure(&mut self, x: &Batch) {
        let n = x.len() as f64;
        each_chunk(&mut self.batch, rows_per_task(x), |first, chunk| {
            for (j, statistics) in (first..).zip(chunk) {
                let row = x.row(j);
                let mean = (sum(row, row, |x, _| x) / n) as f32;
                let variance = sum(row, row, |x, _| (x - mean) * (x - mean)) / n;
                *statistics = [mean, variance as f32];
            }
        });
        let running = self.mean.iter_mut().zip(&mut self.variance);
        for ([mean, variance], (running_mean, running_variance)) in self.batch.iter_mut().zip(running) {
            if n > 1.0 {
                let unbiased = *variance * (n / (n - 1.0)) as f32;
                *running_mean += self.momentum * (*mean - *running_mean);
                *running_variance += self.momentum * (unbiased - *running_variance);
            }
            *variance = 1.0 / (*variance + self.epsilon).sqrt();
        }
    }

    /// Puts the running statistics into `batch`.
    fn recall(&mut self) {
        for (statistics, (&mean, &variance)) in self.batch.iter_mut().zip(self.mean.iter().zip(&self.variance)) {
            *statistics = [mean, 1.0 / (variance + self.epsilon).sqrt()];
        }
    }
}

impl Layer for BatchNorm {
    fn kind(&self) -> &'static str {
        "batch-norm"
    }

    fn outputs(&self) -> usize {
        self.mean.len()
    }

    fn start(&mut self, _: usize, moments: usize) {
        for param in [&mut self.gamma, &mut self.beta] {
            *param = Param::new(std::mem::take(&mut param.values), moments);
        }
    }

    fn pass(&mut self) -> Pass<'_> {
        Pass::Transform(self)
    }

    fn lower(&self) -> rarefy_core::Result<Vec<Op>> {
        Ok(vec![Op::BatchNorm {
            gamma: self.gamma.values.clone(),
            beta: self.beta.values.clone(),
            mean: self.mean.clone(),
            variance: self.variance.clone(),
            epsilon: self.epsilon,
        }])
    }

    fn params(&self) -> Vec<(&'static str, &Param)> {
        vec![("gamma", &self.gamma), ("beta", &self.beta)]
    }

    fn params_mut(&mut self) -> Vec<(&'static str, &mut Param)> {
        vec![("gamma", &mut self.gamma), ("beta", &mut self.beta)]
    }

    fn buffers(&self) -> Vec<(&'static str, &Vec<f32>)> {
        vec![("mean", &self.mean), ("variance", &self.variance)]
    }

    fn buffers_mut(&mut self) -> Vec<(&'static str, &mut Vec<f32>)> {
        vec![("mean", &mut self.mean), ("variance", &mut self.variance)]
    }
}

impl Transform for BatchNorm {
    fn forward(&mut self, x: &Batch, y: &mut Batch, mode: Mode) {
        match mode {
            Mode::Train { .. } => self.measure(x),
            Mode::Eval => self.recall(),
        }
        let (rows, stride) = (rows_per_task(x), x.stride());
        each_chunk(y.data_mut(), rows * stride, |first, chunk| {
            for (j, y) in (first / stride..).zip(chunk.chunks_exact_mut(stride)) {
                let [mean, inverse] = self.batch[j];
                let (scale, beta) = (self.gamma.values[j] * inverse, self.beta.values[j]);
                y.iter_mut().zip(x.row(j)).for_each(|(y, x)| *y = (x - mean) * scale + beta);
            }
        });
    }

    fn backward(&mut self, x: &Batch, dy: &Batch, dx: Option<&mut Batch>, mode: Mode, step: Step<'_>) {
        let (rows, stride, n) = (rows_per_task(x), x.stride(), x.len());
        let batch = &self.batch;
        each_chunk(&mut self.sums, rows, |first, chunk| {
            for (j, sums) in (first..).zip(chunk) {
                let [mean, inverse] = batch[j];
                let (x, dy) = (x.row(j), dy.row(j));
                let gamma = sum(x, dy, |x, dy| (x - mean) * inverse * dy);
                *sums = [gamma as f32, sum(dy, dy, |dy, _| dy) as f32];
            }
        });
        if let Some(dx) = dx {
            // Statistics that the batch had no part in pass no gradient.
            let share = if mode == Mode::Eval { 0.0 } else { 1.0 / n as f32 };
            each_chunk(dx.data_mut(), rows * stride, |first, chunk| {
                for (j, dx) in (first / stride..).zip(chunk.chunks_exact_mut(stride)) {
                    let ([mean, inverse], [along, total]) = (batch[j], self.sums[j]);
                    let (scale, shift, tilt) = (self.gamma.values[j] * inverse, share * total, share * along * inverse);
                    for (dx, (x, dy)) in dx.iter_mut().zip(x.row(j).iter().zip(dy.row(j))) {
                        *dx = scale * (dy - shift - (x - mean) * tilt);
                    }
                    dx[n..].fill(0.0);
                }
            });
        }
        let one = |i: usize| self.sums.iter().map(|sums| sums[i]).collect::<Vec<_>>();
        let (gamma, beta) = (one(0), one(1));
        self.gamma.take(&gamma, step);
        self.beta.take(&beta, step);
    }
}

/// Rows of one task.
fn rows_per_task(x: &Batch) -> usize {
    (FLOATS / x.stride()).max(1)
}

/// Cuts `items` into chunks of `size`, and calls `body` with the number of the first item and the chunk, on all threads.
fn each_chunk<T: Send>(items: &mut [T], size: usize, body: impl Fn(usize, &mut [T]) + Sync) {
    let chunks: Vec<_> = items.chunks_mut(size).map(Mutex::new).collect();
    parallel::run(chunks.len(), |task| {
        body(task * size, &mut chunks[task].lock().unwrap_or_else(PoisonError::into_inner));
    });
}

/// `Σ f(a, b)` over pairs, always in the same order: 16 sums that the compiler keeps in vectors.
fn sum(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f64 {
    let mut sums = [0.0f32; 16];
    let ((a, last_a), (b, last_b)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.iter().zip(b) {
        for (sum, (&a, &b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += f(a, b);
        }
    }
    for (sum, (&a, &b)) in sums.iter_mut().zip(last_a.iter().zip(last_b)) {
        *sum += f(a, b);
    }
    sums.iter().map(|&sum| f64::from(sum)).sum()
}
