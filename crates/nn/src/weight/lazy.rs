//! Lazy training on sparse input: columns of features that no sample of a batch has are left alone, moments included, as
//! PyTorch's SparseAdam does; what decay owes them is paid when they are next needed.
//!
//! Decay that shrinks a weight by itself (`w ← (1 − ηλ)·w`: AdamW, and SGD without momentum) is caught up: a column that was
//! last up to date after step `s` is multiplied by `Π (1 − ηλ)` over the steps since. The product is kept as one sum of
//! logarithms for the whole weight, so that a step costs nothing for a column that it leaves alone. Decay that goes through
//! moments (`g ← g + λw`) acts in the steps that touch a column, and in no others. A penalty shrinks all columns in every step, by
//! step sizes that moments decide: under one no training is lazy. Nor is it where the learning rate is estimated: that looks at the sums
//! of all columns, which shrink in every step.

use rarefy_core::kernels::sparse_dense::TwoWay;
use rarefy_core::kernels::update::{self, AdamStep, Rule};

use super::{Storage, Weight};
use crate::Param;

/// What the columns of a weight have missed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lazy {
    /// `Σ ln(1 − ηλ)` over all steps so far.
    owed: f64,
    /// `owed` when each column was last up to date; empty while nothing has been owed.
    paid: Vec<f64>,
    /// Columns with an accumulated gradient, rising.
    touched: Vec<u32>,
}

/// `ln` of what one step multiplies a weight by that has no gradient and no moments.
fn shrinkage(rule: &Rule) -> f64 {
    let decay = match *rule {
        Rule::Sgd { learning_rate, momentum: 0.0, weight_decay, .. }
        | Rule::Adam(AdamStep { learning_rate, weight_decay, decoupled: true, .. }) => {
            f64::from(learning_rate) * f64::from(weight_decay)
        }
        _ => 0.0,
    };
    (-decay.min(1.0 - f64::EPSILON)).ln_1p()
}

impl Lazy {
    /// As numbers for a checkpoint: what is owed, then what each column has paid; none while nothing has been owed.
    pub fn to_bits(&self) -> Vec<u64> {
        if self.paid.is_empty() {
            return Vec::new();
        }
        [self.owed].iter().chain(&self.paid).map(|v| v.to_bits()).collect()
    }

    /// The other way round, for a weight of `cols` columns; `None` for numbers that cannot be.
    pub fn from_bits(bits: &[u64], cols: usize) -> Option<Self> {
        let mut numbers = bits.iter().map(|&v| f64::from_bits(v));
        let owed = numbers.next().unwrap_or(0.0);
        let paid: Vec<f64> = numbers.collect();
        let sound =
            (bits.is_empty() || paid.len() == cols) && owed <= 0.0 && paid.iter().all(|&p| p >= owed && p <= 0.0);
        sound.then_some(Self { owed, paid, touched: Vec::new() })
    }

    /// Brings columns up to date; `values` are those of `pattern` in column order.
    pub(super) fn catch_up(&mut self, columns: impl Iterator<Item = u32>, pattern: &TwoWay, values: &mut [f32]) {
        if self.paid.is_empty() {
            return;
        }
        for j in columns.map(|j| j as usize) {
            let missed = self.owed - self.paid[j];
            if missed != 0.0 {
                let factor = missed.exp() as f32;
                let range = pattern.col_ptr()[j] as usize..pattern.col_ptr()[j + 1] as usize;
                values[range].iter_mut().for_each(|value| *value *= factor);
                self.paid[j] = self.owed;
            }
        }
    }

    /// Counts a step that has touched `columns` alone, of `cols`.
    pub(super) fn advance(&mut self, rule: &Rule, columns: &[u32], cols: usize) {
        let shrinkage = shrinkage(rule);
        if shrinkage == 0.0 {
            return;
        }
        self.paid.resize(cols, 0.0);
        self.owed += shrinkage;
        // Their own step has decayed them.
        columns.iter().for_each(|&j| self.paid[j as usize] = self.owed);
    }

    /// Remembers that a gradient was added to these columns.
    pub(super) fn touch(&mut self, columns: &[u32]) {
        self.touched.extend_from_slice(columns);
        self.touched.sort_unstable();
        self.touched.dedup();
    }

    /// Applies the gradient of the columns that were touched, and clears it.
    pub(super) fn apply_gradient(&mut self, rule: &Rule, pattern: &TwoWay, param: &mut Param) {
        let (touched, update) = (std::mem::take(&mut self.touched), param.update(rule));
        for run in touched.chunk_by(|a, b| a + 1 == *b) {
            let (from, to) = (run[0] as usize, run[run.len() - 1] as usize + 1);
            let range = pattern.col_ptr()[from] as usize..pattern.col_ptr()[to] as usize;
            let (values, moments, gradient) = param.split();
            let moments = moments.part(range.clone());
            update::apply(update, &gradient[range.clone()], &mut values[range.clone()], moments);
            gradient[range].fill(0.0);
        }
        self.advance(rule, &touched, pattern.cols());
    }
}

impl Weight {
    /// From now on, leaves columns of features alone that no sample of a sparse batch has.
    pub fn be_lazy(&mut self) {
        self.lazy.get_or_insert_default();
    }

    /// What its columns have missed, if it is lazy.
    pub fn lazy(&self) -> Option<&Lazy> {
        self.lazy.as_ref()
    }

    /// As [`Weight::lazy`], to change.
    pub fn lazy_mut(&mut self) -> &mut Option<Lazy> {
        &mut self.lazy
    }

    /// Brings the columns of these features up to date; all of them without a list.
    pub fn catch_up(&mut self, features: Option<&[u32]>) {
        if let (Some(lazy), Storage::Sparse(pattern)) = (&mut self.lazy, &self.storage) {
            match features {
                Some(features) => lazy.catch_up(features.iter().copied(), pattern, &mut self.param.values),
                None => lazy.catch_up(0..pattern.cols() as u32, pattern, &mut self.param.values),
            }
        }
    }

    /// Applies the accumulated gradient and clears it; if it is lazy, to the columns that were touched.
    pub fn apply_gradient(&mut self, rule: &Rule) {
        match (&mut self.lazy, &self.storage) {
            (Some(lazy), Storage::Sparse(pattern)) => lazy.apply_gradient(rule, pattern, &mut self.param),
            _ => self.param.apply_gradient(rule),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rarefy_core::pattern::Pattern;

    #[test]
    fn decay_is_caught_up_as_if_every_step_had_been_taken() {
        let pattern = TwoWay::new(&Pattern::full(2, 3).unwrap()).unwrap();
        let rule = |rate: f32| Rule::Sgd { learning_rate: rate, momentum: 0.0, nesterov: false, weight_decay: 0.5 };
        let (mut lazy, mut values) = (Lazy::default(), vec![1.0f32; 6]);
        for rate in [0.1, 0.2, 0.4] {
            lazy.advance(&rule(rate), &[1], 3);
        }
        lazy.catch_up([1, 2].into_iter(), &pattern, &mut values);
        let expected = 0.95 * 0.9 * 0.8;
        assert!(values[4..].iter().all(|v| (v - expected).abs() < 1e-6), "{values:?}");
        assert_eq!(values[..4], [1.0; 4]); // column 0 still owes, column 1 was there all the time
        assert_eq!(Lazy::from_bits(&lazy.to_bits(), 3), Some(lazy.clone()));
        lazy.catch_up([2].into_iter(), &pattern, &mut values);
        assert!((values[5] - expected).abs() < 1e-6);
    }

    #[test]
    fn numbers_that_cannot_be_are_refused() {
        let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        for wrong in
            [&bits(&[-1.0, -0.5])[..], &bits(&[1.0, 0.0, 0.0]), &bits(&[-1.0, -2.0, 0.0]), &bits(&[f64::NAN, 0.0, 0.0])]
        {
            assert_eq!(Lazy::from_bits(wrong, 2), None);
        }
    }
}
