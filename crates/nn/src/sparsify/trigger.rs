//! The trigger: weights that are small, and that the loss has long been indifferent to, leave the pattern.
//!
//! Each weight has a running mean of the size of its gradient, `a ← βa + (1 − β)|g|`. At a change a weight `w` is *idle* if
//! `a < gradient · mean(a)` and `|w| < weight · √mean(w²)`, means over the layer's pattern. Idle weights are set to zero and leave
//! the pattern; some may come back by the score to grow by, which then start at the layer's mean gradient, so that they are
//! given time.

use crate::{Error, Param, Result, Weight};

/// When a weight is idle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trigger {
    /// Its mean gradient is below this times the layer's mean; above 0.
    pub gradient: f64,
    /// Its size is below this times the layer's root mean square; above 0.
    pub weight: f64,
    /// Memory of the mean gradient, `β`, in 0..1.
    pub memory: f64,
}

impl Trigger {
    /// Checks every constant.
    pub(super) fn check(&self) -> Result<()> {
        let settings = [
            (
                "trigger's gradient",
                self.gradient,
                self.gradient > 0.0 && self.gradient.is_finite(),
                "a finite number above 0",
            ),
            ("trigger's weight", self.weight, self.weight > 0.0 && self.weight.is_finite(), "a finite number above 0"),
            ("trigger's memory", self.memory, (0.0..1.0).contains(&self.memory), "0 or above, and below 1"),
        ];
        match settings.into_iter().find(|setting| !setting.2) {
            None => Ok(()),
            Some((name, found, _, expected)) => {
                Err(Error::Setting { name, found: found.to_string(), expected: expected.to_owned() })
            }
        }
    }

    /// Takes the gradient that has been accumulated into the running mean.
    pub(super) fn see(&self, param: &mut Param) {
        let (keep, take) = (self.memory as f32, (1.0 - self.memory) as f32);
        param.memory.iter_mut().zip(&param.gradient).for_each(|(a, g)| *a = keep * *a + take * g.abs());
    }

    /// Which entries of the pattern, in row order, are idle.
    pub(super) fn idle(&self, weight: &Weight) -> Vec<bool> {
        let (values, means) = (weight.values(), weight.in_row_order(&weight.param().memory));
        let mean = |sum: f64| sum / values.len().max(1) as f64;
        let gradient = (self.gradient * mean(means.iter().map(|&a| f64::from(a)).sum())) as f32;
        let size = (self.weight * mean(values.iter().map(|&w| f64::from(w) * f64::from(w)).sum()).sqrt()) as f32;
        values.iter().zip(&means).map(|(w, &a)| a < gradient && w.abs() < size).collect()
    }

    /// Gives entries that nothing has moved yet the mean of the layer.
    pub(super) fn welcome(&self, weight: &mut Weight) -> Result<()> {
        let (values, mut means) = (weight.values(), weight.in_row_order(&weight.param().memory));
        let mean = (means.iter().map(|&a| f64::from(a)).sum::<f64>() / means.len().max(1) as f64) as f32;
        let new = values.iter().zip(&mut means).filter(|(w, a)| **w == 0.0 && **a == 0.0);
        new.for_each(|(_, a)| *a = mean);
        weight.remember(&means)
    }
}
