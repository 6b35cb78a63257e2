//! Elastic net: `pen(w) = λ Σ(ρ|wᵢ| + (1−ρ)/2·wᵢ²)`; its prox is that of L1, divided by `1 + sᵢλ(1−ρ)`.
//!
//! Zou and Hastie, *Regularization and variable selection via the elastic net*, 2005; `ρ` as scikit-learn's `l1_ratio`.

use super::{Entry, Entrywise, l1, soft};

pub(super) const ENTRY: Entry = Entry {
    name: "elastic-net",
    help: "L1 and squares mixed: zeros, and small weights where inputs say the same.",
    single: |n| Box::new(ElasticNet { lambda: n.lambda, l1_ratio: n.l1_ratio }),
    double: |n| Box::new(ElasticNet { lambda: n.lambda, l1_ratio: n.l1_ratio }),
};

/// Elastic net of strength `lambda` (0 or above), of which `l1_ratio` (in 0..=1) is L1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ElasticNet {
    /// Strength, in the unit of the loss's gradient.
    pub lambda: f64,
    /// Share of L1.
    pub l1_ratio: f64,
}

impl ElasticNet {
    /// What multiplies `|w|` and `w²/2`.
    pub fn parts(&self) -> (f64, f64) {
        (self.lambda * self.l1_ratio, self.lambda * (1.0 - self.l1_ratio))
    }
}

impl Entrywise for ElasticNet {
    fn value(&self, w: f64) -> f64 {
        let (l1, l2) = self.parts();
        l1 * w.abs() + l2 / 2.0 * w * w
    }

    fn prox(&self, w: f64, step: f64) -> f64 {
        let (l1, l2) = self.parts();
        soft(w, step * l1) / (1.0 + step * l2)
    }

    fn distance(&self, w: f64, gradient: f64) -> f64 {
        let (l1, l2) = self.parts();
        l1::entry(w, gradient + l2 * w, l1)
    }

    fn conjugate(&self, u: f64) -> Option<f64> {
        let (l1, l2) = self.parts();
        let beyond = (u.abs() - l1).max(0.0);
        Some(if beyond == 0.0 { 0.0 } else { beyond * beyond / (2.0 * l2) })
    }

    fn threshold(&self) -> f64 {
        self.parts().0
    }
}
