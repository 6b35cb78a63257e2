//! L1: `pen(w) = λ Σ|wᵢ|`; its prox moves each weight towards 0 by `sᵢλ`.
//!
//! Tibshirani, *Regression shrinkage and selection via the lasso*, 1996; Donoho, *De-noising by soft-thresholding*, 1995.

use super::{Block, Entry, Penalty, Real, Steps, indicator, soft, squares};

pub(super) const ENTRY: Entry = Entry {
    name: "l1",
    help: "The sum of absolute values: small weights become exact zeros.",
    single: |n| Box::new(L1 { lambda: n.lambda }),
    double: |n| Box::new(L1 { lambda: n.lambda }),
};

/// L1 of strength `lambda` (0 or above, in the unit of the loss's gradient).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct L1 {
    /// Strength.
    pub lambda: f64,
}

impl<T: Real> Penalty<T> for L1 {
    fn block(&self) -> Block {
        Block::Entries
    }

    fn value(&self, w: &[T]) -> f64 {
        self.lambda * w.iter().map(|&w| w.into().abs()).sum::<f64>()
    }

    fn prox(&self, w: &mut [T], steps: Steps<'_, T>) {
        w.iter_mut().enumerate().for_each(|(i, w)| *w = T::near(soft((*w).into(), self.lambda * steps.of(i))));
    }

    fn distance(&self, w: &[T], gradient: &[T]) -> f64 {
        squares(w.iter().zip(gradient).map(|(&w, &g)| entry(w.into(), g.into(), self.lambda))).sqrt()
    }

    fn conjugate(&self, u: &[T]) -> Option<f64> {
        Some(indicator(u.iter().all(|&u| u.into().abs() <= self.lambda)))
    }

    fn threshold(&self) -> f64 {
        self.lambda
    }
}

/// The distance of 0 to `gradient + λ∂|w|`.
pub(super) fn entry(w: f64, gradient: f64, lambda: f64) -> f64 {
    if w == 0.0 { (gradient.abs() - lambda).max(0.0) } else { (gradient + lambda * w.signum()).abs() }
}
