//! L1: `pen(w) = λ Σ|wᵢ|`; its prox moves each weight towards 0 by `sᵢλ`.
//!
//! Tibshirani, *Regression shrinkage and selection via the lasso*, 1996; Donoho, *De-noising by soft-thresholding*, 1995.

use super::{Entry, Entrywise, indicator, soft};

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

impl Entrywise for L1 {
    fn value(&self, w: f64) -> f64 {
        self.lambda * w.abs()
    }

    fn prox(&self, w: f64, step: f64) -> f64 {
        soft(w, self.lambda * step)
    }

    fn distance(&self, w: f64, gradient: f64) -> f64 {
        entry(w, gradient, self.lambda)
    }

    fn conjugate(&self, u: f64) -> Option<f64> {
        Some(indicator(u.abs() <= self.lambda))
    }

    fn threshold(&self) -> f64 {
        self.lambda
    }
}

/// The distance of 0 to `gradient + λ∂|w|`.
pub(super) fn entry(w: f64, gradient: f64, lambda: f64) -> f64 {
    if w == 0.0 { (gradient.abs() - lambda).max(0.0) } else { (gradient + lambda * w.signum()).abs() }
}
