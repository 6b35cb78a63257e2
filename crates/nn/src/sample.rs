//! A sample of very many outputs: what a training step computes of a layer that has more of them than it should.
//!
//! A [`Sample`] holds the targets of a batch and outputs drawn at random, the same for all samples of the batch. A drawn output
//! stands for `1/E` outputs, `E` being how often it is expected to be drawn; so sums over outputs that are not targets are
//! estimated without bias:
//!
//! * uniform: `size` different outputs of `n`, `E = size/n`;
//! * log-uniform: `size` draws with `P(j) = ln((j + 2)/(j + 1))/ln(n + 1)`, `E = size·P(j)`, an output that is drawn `c` times
//!   counting `c/E`. For classes in falling order of frequency, whose frequencies fall about as `1/j` (Zipf).
//!
//! Jean, Cho, Memisevic and Bengio, *On using very large target vocabulary for neural machine translation*, 2015, and
//! TensorFlow's `log_uniform_candidate_sampler`. Draws depend on (seed, step) only.

use crate::Result;
use rarefy_core::random::{Key, sample};

/// How outputs are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draw {
    /// All alike, without repetition.
    Uniform,
    /// The first outputs more often, with repetition.
    LogUniform,
}

impl Draw {
    /// How often output `j` of `n` is expected among `size` draws.
    pub fn expected(self, j: u32, n: usize, size: usize) -> f64 {
        let share = match self {
            Self::Uniform => 1.0 / n as f64,
            Self::LogUniform => (1.0 / (f64::from(j) + 1.0)).ln_1p() / (n as f64 + 1.0).ln(),
        };
        share * size as f64
    }
}

/// The outputs that take part in a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Their numbers, rising.
    pub outputs: Vec<u32>,
    /// How many outputs each stands for where it is not a target; 0 for those that are here as targets only.
    pub counts: Vec<f32>,
}

impl Sample {
    /// The `targets` of a batch, rising and each once, and `size` draws of `n` outputs.
    ///
    /// # Errors
    /// When `size` is more than `n`, or there is no memory.
    pub fn draw(targets: &[u32], n: usize, size: usize, draw: Draw, key: Key, step: u64) -> Result<Self> {
        let mut stream = key.stream(step);
        let drawn: Vec<u32> = match draw {
            Draw::Uniform => sample(size, n as u64, &mut stream)?.into_iter().map(|j| j as u32).collect(),
            Draw::LogUniform => {
                let range = (n as f64 + 1.0).ln();
                let one = |_| ((stream.uniform_f64() * range).exp() as usize).saturating_sub(1).min(n - 1) as u32;
                let mut drawn: Vec<u32> = (0..size).map(one).collect();
                drawn.sort_unstable();
                drawn
            }
        };
        let mut outputs = Vec::with_capacity(targets.len() + drawn.len());
        let mut counts = Vec::with_capacity(targets.len() + drawn.len());
        let (mut targets, mut drawn) = (targets.iter().copied().peekable(), drawn.into_iter().peekable());
        while let Some(j) = [targets.peek(), drawn.peek()].into_iter().flatten().copied().min() {
            targets.next_if_eq(&j);
            let times = std::iter::from_fn(|| drawn.next_if_eq(&j)).count();
            outputs.push(j);
            counts.push((times as f64 / draw.expected(j, n, size)) as f32);
        }
        Ok(Self { outputs, counts })
    }

    /// The place of an output that is a target.
    pub(crate) fn place(&self, output: u32) -> Option<u32> {
        self.outputs.binary_search(&output).ok().map(|place| place as u32)
    }
}
