//! Trainable numbers, with what the optimizer remembers of them.

use rarefy_core::kernels::update::{self, Moments, Prox, Rule, Sums, Update};

/// What a backward pass does with a gradient.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// The optimizer applies it at once, and it is never stored.
    Apply(&'a Rule),
    /// It is added to [`Param::gradient`], for clipping by global norm, for several micro-batches, or for weights used twice.
    Accumulate,
}

/// An array of trainable numbers, its optimizer moments, and its gradient while one is kept.
///
/// `first`, `second`, `sum`, `start`, `gradient` and `memory` are empty or as long as `values`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Param {
    /// The numbers.
    pub values: Vec<f32>,
    /// The optimizer's first moment, if it keeps one.
    pub first: Vec<f32>,
    /// The optimizer's second moment, if it keeps two.
    pub second: Vec<f32>,
    /// The weighted sum of all gradients, if the optimizer estimates its learning rate.
    pub sum: Vec<f32>,
    /// The values that training began with, if the optimizer estimates its learning rate; 0 of numbers that came later.
    pub start: Vec<f32>,
    /// The gradient accumulated so far; empty while the optimizer applies gradients at once.
    pub gradient: Vec<f32>,
    /// What a sparsity method remembers of each number: where to rewind to, or its mean gradient; see
    /// [`Sparsity::remembers`](crate::Sparsity::remembers).
    pub memory: Vec<f32>,
    /// The penalty that is taken along with every update; none but in weights that are to become zero.
    pub prox: Prox,
    /// What the last update summed over the numbers.
    pub sums: Sums,
}

impl Param {
    /// `values`, with `moments` (0, 1, 2 or 4) moments each: zeros, and as the fourth where the values start.
    pub fn new(values: Vec<f32>, moments: usize) -> Self {
        let zeros = || vec![0.0; values.len()];
        let kept = |number: usize, moment: Vec<f32>| if number <= moments { moment } else { Vec::new() };
        let (first, second, sum) = (kept(1, zeros()), kept(2, zeros()), kept(3, zeros()));
        let start = kept(4, values.clone());
        Self { values, first, second, sum, start, ..Self::default() }
    }

    /// Forgets what the optimizer knows of the numbers: they start from where they are.
    pub fn restart(&mut self) {
        [&mut self.first, &mut self.second, &mut self.sum].into_iter().for_each(|moment| moment.fill(0.0));
        if !self.start.is_empty() {
            self.start.clone_from(&self.values);
        }
    }

    /// The values and, borrowed apart, their moments.
    pub fn split(&mut self) -> (&mut Vec<f32>, Moments<'_>, &mut Vec<f32>) {
        let Self { first, second, sum, start, .. } = self;
        let moments = Moments { first, second, sum, start };
        (&mut self.values, moments, &mut self.gradient)
    }

    /// What a rule does to these numbers.
    pub(crate) fn update(&self, rule: &Rule) -> Update {
        Update { rule: *rule, prox: self.prox }
    }

    /// Room for a gradient: zeros unless one is already being accumulated.
    pub fn start_gradient(&mut self) {
        if self.gradient.is_empty() {
            self.gradient.resize(self.values.len(), 0.0);
        }
    }

    /// Takes a gradient of all values: applies or accumulates it.
    pub fn take(&mut self, fresh: &[f32], step: Step<'_>) {
        match step {
            Step::Apply(rule) => {
                let update = self.update(rule);
                let (values, moments, _) = self.split();
                self.sums = update::apply_parallel(update, fresh, values, moments);
            }
            Step::Accumulate => {
                self.start_gradient();
                self.gradient.iter_mut().zip(fresh).for_each(|(sum, g)| *sum += g);
            }
        }
    }

    /// Applies the accumulated gradient and clears it.
    pub fn apply_gradient(&mut self, rule: &Rule) {
        if self.gradient.is_empty() {
            return;
        }
        let update = self.update(rule);
        let (values, moments, gradient) = self.split();
        let sums = update::apply_parallel(update, gradient, values, moments);
        gradient.fill(0.0);
        self.sums = sums;
    }

    /// Bytes held: values, moments, and gradient and memory if kept.
    pub fn bytes(&self) -> usize {
        self.arrays().map(|(_, array)| 4 * array.len()).sum()
    }

    /// The optimizer's moments, kept or not, by name and in the order in which rules count them.
    pub fn moments(&self) -> [(&'static str, &Vec<f32>); 4] {
        [("first", &self.first), ("second", &self.second), ("sum", &self.sum), ("start", &self.start)]
    }

    /// As [`Param::moments`], to change.
    pub fn moments_mut(&mut self) -> [(&'static str, &mut Vec<f32>); 4] {
        let Self { first, second, sum, start, .. } = self;
        [("first", first), ("second", second), ("sum", sum), ("start", start)]
    }

    /// The parallel arrays that exist, values first: what moves together when a pattern changes, and what a checkpoint keeps.
    pub fn arrays(&self) -> impl Iterator<Item = (&'static str, &Vec<f32>)> {
        [("values", &self.values)]
            .into_iter()
            .chain(self.moments())
            .chain([("gradient", &self.gradient), ("memory", &self.memory)])
            .filter(|(_, array)| !array.is_empty())
    }

    /// As [`Param::arrays`], to change.
    pub fn arrays_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Vec<f32>)> {
        let Self { values, first, second, sum, start, gradient, memory, .. } = self;
        [
            ("values", values),
            ("first", first),
            ("second", second),
            ("sum", sum),
            ("start", start),
            ("gradient", gradient),
            ("memory", memory),
        ]
        .into_iter()
        .filter(|(_, array)| !array.is_empty())
    }
}
