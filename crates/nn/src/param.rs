//! Trainable numbers, with what the optimizer remembers of them.

use rarefy_core::kernels::update::{self, Moments, Prox, Rule, Update};

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
/// `first`, `second`, `gradient` and `memory` are empty or as long as `values`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Param {
    /// The numbers.
    pub values: Vec<f32>,
    /// The optimizer's first moment, if it keeps one.
    pub first: Vec<f32>,
    /// The optimizer's second moment, if it keeps two.
    pub second: Vec<f32>,
    /// The gradient accumulated so far; empty while the optimizer applies gradients at once.
    pub gradient: Vec<f32>,
    /// What a sparsity method remembers of each number: where to rewind to, or its mean gradient; see
    /// [`Sparsity::remembers`](crate::Sparsity::remembers).
    pub memory: Vec<f32>,
    /// The penalty that is taken along with every update; none but in weights that are to become zero.
    pub prox: Prox,
}

impl Param {
    /// `values`, with `moments` (0, 1 or 2) zero moments each.
    pub fn new(values: Vec<f32>, moments: usize) -> Self {
        let n = values.len();
        let moment = |kept: bool| if kept { vec![0.0; n] } else { Vec::new() };
        let (first, second) = (moment(moments > 0), moment(moments > 1));
        Self { values, first, second, ..Self::default() }
    }

    /// The values and, borrowed apart, their moments.
    pub fn split(&mut self) -> (&mut Vec<f32>, Moments<'_>, &mut Vec<f32>) {
        let moments = Moments { first: &mut self.first, second: &mut self.second };
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
                update::apply_parallel(update, fresh, values, moments);
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
        update::apply_parallel(update, gradient, values, moments);
        gradient.fill(0.0);
    }

    /// Bytes held: values, moments, and gradient and memory if kept.
    pub fn bytes(&self) -> usize {
        self.arrays().map(|(_, array)| 4 * array.len()).sum()
    }

    /// The parallel arrays that exist, values first: what moves together when a pattern changes, and what a checkpoint keeps.
    pub fn arrays(&self) -> impl Iterator<Item = (&'static str, &Vec<f32>)> {
        let Self { values, first, second, gradient, memory, .. } = self;
        [("values", values), ("first", first), ("second", second), ("gradient", gradient), ("memory", memory)]
            .into_iter()
            .filter(|(_, array)| !array.is_empty())
    }

    /// As [`Param::arrays`], to change.
    pub fn arrays_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Vec<f32>)> {
        let Self { values, first, second, gradient, memory, .. } = self;
        [("values", values), ("first", first), ("second", second), ("gradient", gradient), ("memory", memory)]
            .into_iter()
            .filter(|(_, array)| !array.is_empty())
    }
}
