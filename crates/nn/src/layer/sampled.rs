//! Linear layer of many outputs, of which a training step computes few: `y = W x + b`.
//!
//! The trainer says before each step which outputs take part ([`Sampled::choose`]): the targets of the batch, and a random
//! sample of the others. Only their rows are read, multiplied and updated, so that a step costs `O(chosen × (inputs + batch))`,
//! whatever the number of outputs. In evaluation all outputs are computed.
//!
//! Each row of `W` lies in one piece with its bias, its moments likewise. The optimizer is *lazy*: moments of rows that are not
//! chosen stay, as those of PyTorch's `SparseAdam` do. Decoupled weight decay (and that of SGD without momentum) shrinks all rows
//! alike, `w ← (1 − ηλ)·w`: it is kept as one factor for all, so that rows that are not chosen decay too without being touched.
//! Other weight decay is part of the gradient, and acts on chosen rows.
//!
//! [`Step::Accumulate`] keeps a gradient of every row, and the optimizer then takes all of them: correct, but not lazy, and at
//! the cost of all outputs.
//!
//! The rows are dense, and no part of the sparsity target.

use super::{Entry, Layer, Mode, Pass, Transform};
use crate::sample::Draw;
use crate::{Param, Step};
use rarefy_core::kernels::dense::{Strided, product};
use rarefy_core::kernels::elementwise;
use rarefy_core::kernels::update::{self, Moments, Rule};
use rarefy_core::matrix::{Batch, Dense};
use rarefy_core::random::Key;
use rarefy_model::graph;
use rarefy_model::graph::Op;

/// `sampled-linear OUTPUTS SAMPLE [uniform|log-uniform]`.
pub(super) const ENTRY: Entry = Entry {
    word: "sampled-linear",
    usage: "sampled-linear OUTPUTS SAMPLE [log-uniform]",
    help: "As linear, for very many outputs: a training step computes the right ones and a sample of the others.",
    make: |arguments, inputs| {
        let (outputs, size, draw) = match arguments {
            [outputs, size] | [outputs, size, "uniform"] => (outputs, size, Draw::Uniform),
            [outputs, size, "log-uniform"] => (outputs, size, Draw::LogUniform),
            _ => return Err("expected such as `sampled-linear 100000 1000` or `… log-uniform`".to_owned()),
        };
        let above_zero = |text: &str, what: &str| {
            let number = text.parse().ok().filter(|&n: &usize| n > 0);
            number.ok_or_else(|| format!("{what} `{text}`, expected a whole number above 0"))
        };
        let (outputs, size) = (above_zero(outputs, "outputs")?, above_zero(size, "a sample of")?);
        if size > outputs {
            return Err(format!("a sample of {size}, expected at most the {outputs} outputs"));
        }
        if outputs.checked_mul(inputs + 1).is_none_or(|numbers| numbers > u32::MAX as usize) {
            return Err(format!("{outputs} outputs of {inputs} inputs, expected fewer than 2³² weights"));
        }
        Ok(vec![Box::new(Sampled::new(outputs, inputs, size, draw))])
    },
    // It comes back as a linear layer and a bias.
    lift: |_, _| None,
};

/// The factor of all rows at which it is multiplied into them: far from where 32-bit numbers end.
const LEAST_FACTOR: f64 = 1e-6;

/// A linear layer, of which a training step computes some outputs.
pub struct Sampled {
    outputs: usize,
    inputs: usize,
    size: usize,
    draw: Draw,
    /// For each output its weights and its bias, `inputs + 1` numbers in all, without the common factor.
    rows: Param,
    /// The common factor, as a sum of two 32-bit numbers, which a checkpoint can keep.
    factor: Vec<f32>,
    /// The outputs that take part, rising; none in evaluation.
    chosen: Option<Vec<u32>>,
    /// The rows of the chosen outputs, then their biases, moments and gradients.
    values: Vec<f32>,
    bias: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    gradient: Vec<f32>,
    /// How many rows training steps have read so far, each counted every time.
    touched: u64,
}

impl Sampled {
    /// The layer; its numbers come with [`Layer::start`] and [`Layer::draw`].
    pub fn new(outputs: usize, inputs: usize, size: usize, draw: Draw) -> Self {
        let empty = Vec::new;
        Self {
            outputs,
            inputs,
            size,
            draw,
            rows: Param::default(),
            factor: vec![1.0, 0.0],
            chosen: None,
            values: empty(),
            bias: empty(),
            first: empty(),
            second: empty(),
            gradient: empty(),
            touched: 0,
        }
    }

    /// Outputs drawn at random for each batch, and how.
    pub fn sample(&self) -> (usize, Draw) {
        (self.size, self.draw)
    }

    /// Says which outputs take part from now on, in rising order, each once; all of them without a list.
    ///
    /// # Panics
    /// In the next pass, if one is past the last.
    pub fn choose(&mut self, outputs: Option<Vec<u32>>) {
        self.chosen = outputs;
    }

    /// How many rows training has read so far: what a step costs.
    pub fn touched(&self) -> u64 {
        self.touched
    }

    /// The common factor of all rows.
    fn factor(&self) -> f64 {
        f64::from(self.factor[0]) + f64::from(self.factor[1])
    }

    fn set_factor(&mut self, factor: f64) {
        let high = factor as f32;
        self.factor = vec![high, (factor - f64::from(high)) as f32];
    }

    /// Numbers kept for each output: its weights and its bias.
    pub fn width(&self) -> usize {
        self.inputs + 1
    }

    /// Brings the rows of the chosen outputs together.
    fn gather(&mut self, chosen: &[u32]) {
        let (width, factor) = (self.width(), self.factor() as f32);
        self.touched += chosen.len() as u64;
        copy_rows(&self.rows.values, chosen, width, &mut self.values);
        if factor != 1.0 {
            elementwise::scale(&mut self.values, factor);
        }
        self.bias.clear();
        self.bias.extend(self.values.chunks_exact(width).map(|row| row[width - 1]));
    }

    /// Applies the gradient of the chosen rows, whose values are gathered.
    fn apply(&mut self, chosen: &[u32], rule: &Rule) {
        let width = self.width();
        let Self { rows, values, first, second, gradient, .. } = self;
        for (kept, all) in [(&mut *first, &rows.first), (&mut *second, &rows.second)] {
            match all.is_empty() {
                true => kept.clear(),
                false => copy_rows(all, chosen, width, kept),
            }
        }
        update::apply_parallel(
            rule,
            gradient,
            values,
            Moments { first: &mut *first, second: &mut *second, ..Moments::default() },
        );
        let decayed = self.factor() * f64::from(shrinkage(rule));
        self.set_factor(decayed);
        let inverse = (1.0 / self.factor()) as f32;
        if inverse != 1.0 {
            elementwise::scale(&mut self.values, inverse);
        }
        let Self { rows, values, first, second, .. } = self;
        for (from, to) in [(&*values, &mut rows.values), (&*first, &mut rows.first), (&*second, &mut rows.second)] {
            for (row, &output) in from.chunks_exact(width).zip(chosen) {
                to[output as usize * width..][..width].copy_from_slice(row);
            }
        }
        if decayed < LEAST_FACTOR {
            elementwise::scale(&mut self.rows.values, decayed as f32);
            self.set_factor(1.0);
        }
    }

    /// The weights and biases, as the common factor makes them.
    fn whole(&self) -> rarefy_core::Result<(Dense<f32>, Vec<f32>)> {
        let (width, factor) = (self.width(), self.factor() as f32);
        let mut weights = rarefy_core::matrix::try_vec("weights of all outputs", self.outputs * self.inputs, 0.0f32)?;
        let mut bias = Vec::with_capacity(self.outputs);
        for (j, row) in self.rows.values.chunks_exact(width).enumerate() {
            let to = &mut weights[j * self.inputs..][..self.inputs];
            to.iter_mut().zip(row).for_each(|(to, w)| *to = factor * w);
            bias.push(factor * row[width - 1]);
        }
        Ok((Dense::new(self.outputs, self.inputs, weights)?, bias))
    }
}

/// The rows of `all` at `chosen`, one after the other.
fn copy_rows(all: &[f32], chosen: &[u32], width: usize, to: &mut Vec<f32>) {
    to.clear();
    for &output in chosen {
        to.extend_from_slice(&all[output as usize * width..][..width]);
    }
}

/// What one step multiplies every weight with whatever its gradient is.
fn shrinkage(rule: &Rule) -> f32 {
    match *rule {
        Rule::Sgd { learning_rate, momentum: 0.0, weight_decay, .. } => 1.0 - learning_rate * weight_decay,
        _ => rule.decay(),
    }
}

impl Layer for Sampled {
    fn kind(&self) -> &'static str {
        "sampled-linear"
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn outputs_now(&self) -> usize {
        self.chosen.as_ref().map_or(self.outputs, Vec::len)
    }

    fn sampled(&mut self) -> Option<&mut Sampled> {
        Some(self)
    }

    fn start(&mut self, _: usize, moments: usize) {
        let mut values = std::mem::take(&mut self.rows.values);
        values.resize(self.outputs * self.width(), 0.0);
        self.rows = Param::new(values, moments);
    }

    /// Uniform in `±√(6 / inputs)`, as [`Weight::random`](crate::Weight::random); biases are 0.
    fn draw(&mut self, key: Key) {
        let (width, bound) = (self.width(), (6.0 / self.inputs.max(1) as f64).sqrt() as f32);
        key.fill_uniform(0, &mut self.rows.values);
        for row in self.rows.values.chunks_exact_mut(width) {
            row.iter_mut().for_each(|w| *w = (2.0 * *w - 1.0) * bound);
            row[width - 1] = 0.0;
        }
    }

    fn pass(&mut self) -> Pass<'_> {
        Pass::Transform(self)
    }

    fn lower(&self) -> rarefy_core::Result<Vec<Op>> {
        let (weights, bias) = self.whole()?;
        Ok(vec![Op::Linear { weight: graph::Weight::Dense(weights) }, Op::Bias { values: bias }])
    }

    fn params(&self) -> Vec<(&'static str, &Param)> {
        vec![("rows", &self.rows)]
    }

    fn params_mut(&mut self) -> Vec<(&'static str, &mut Param)> {
        vec![("rows", &mut self.rows)]
    }

    fn buffers(&self) -> Vec<(&'static str, &Vec<f32>)> {
        vec![("factor", &self.factor)]
    }

    fn buffers_mut(&mut self) -> Vec<(&'static str, &mut Vec<f32>)> {
        vec![("factor", &mut self.factor)]
    }
}

impl Transform for Sampled {
    fn forward(&mut self, x: &Batch, y: &mut Batch, _: Mode) {
        let (inputs, width, stride) = (self.inputs, self.width(), y.stride());
        let x = Strided::new(x.data(), inputs, x.width(), x.stride());
        match self.chosen.take() {
            Some(chosen) => {
                self.gather(&chosen);
                product(y.data_mut(), stride, 0.0, Strided::new(&self.values, chosen.len(), inputs, width), x);
                elementwise::add_bias(y, &self.bias);
                self.chosen = Some(chosen);
            }
            None => {
                let factor = self.factor() as f32;
                product(y.data_mut(), stride, 0.0, Strided::new(&self.rows.values, self.outputs, inputs, width), x);
                let bias: Vec<f32> = self.rows.values.chunks_exact(width).map(|row| row[width - 1]).collect();
                elementwise::add_bias(y, &bias);
                if factor != 1.0 {
                    elementwise::scale(y.data_mut(), factor);
                }
            }
        }
    }

    fn backward(&mut self, x: &Batch, dy: &Batch, dx: Option<&mut Batch>, _: Mode, step: Step<'_>) {
        let (inputs, width) = (self.inputs, self.width());
        let chosen = self.chosen.take();
        // Without a choice, all are.
        let rows: Vec<u32> = chosen.clone().unwrap_or_else(|| (0..self.outputs as u32).collect());
        if chosen.is_none() {
            self.gather(&rows);
        }
        let along = Strided::new(dy.data(), rows.len(), x.width(), dy.stride());
        if let Some(dx) = dx {
            let stride = dx.stride();
            product(dx.data_mut(), stride, 0.0, Strided::new(&self.values, rows.len(), inputs, width).t(), along);
        }
        self.gradient.resize(rows.len() * width, 0.0);
        let across = Strided::new(x.data(), inputs, x.width(), x.stride()).t();
        product(&mut self.gradient, width, 0.0, along, across);
        self.bias.resize(rows.len(), 0.0);
        elementwise::row_sums(dy, &mut self.bias);
        self.gradient.chunks_exact_mut(width).zip(&self.bias).for_each(|(row, &sum)| row[inputs] = sum);
        match step {
            Step::Apply(rule) => self.apply(&rows, rule),
            Step::Accumulate => {
                self.rows.start_gradient();
                for (row, &output) in self.gradient.chunks_exact(width).zip(&rows) {
                    let sums = &mut self.rows.gradient[output as usize * width..][..width];
                    sums.iter_mut().zip(row).for_each(|(sum, g)| *sum += g);
                }
            }
        }
        self.chosen = chosen;
    }
}
