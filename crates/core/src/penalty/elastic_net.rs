//! Elastic net: `pen(w) = λ Σ(ρ|wᵢ| + (1−ρ)/2·wᵢ²)`; its prox is that of L1, divided by `1 + sᵢλ(1−ρ)`.
//!
//! Zou and Hastie, *Regularization and variable selection via the elastic net*, 2005; `ρ` as scikit-learn's `l1_ratio`.

use super::{Block, Entry, Penalty, Real, Steps, l1, soft, squares};

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

impl<T: Real> Penalty<T> for ElasticNet {
    fn block(&self) -> Block {
        Block::Entries
    }

    fn value(&self, w: &[T]) -> f64 {
        let (l1, l2) = self.parts();
        w.iter().map(|&w| w.into()).map(|w| l1 * w.abs() + l2 / 2.0 * w * w).sum()
    }

    fn prox(&self, w: &mut [T], steps: Steps<'_, T>) {
        let (l1, l2) = self.parts();
        for (i, w) in w.iter_mut().enumerate() {
            let step = steps.of(i);
            *w = T::near(soft((*w).into(), step * l1) / (1.0 + step * l2));
        }
    }

    fn distance(&self, w: &[T], gradient: &[T]) -> f64 {
        let (l1, l2) = self.parts();
        let entry = |(&w, &g): (&T, &T)| l1::entry(w.into(), g.into() + l2 * w.into(), l1);
        squares(w.iter().zip(gradient).map(entry)).sqrt()
    }

    fn conjugate(&self, u: &[T]) -> Option<f64> {
        let (l1, l2) = self.parts();
        let beyond = squares(u.iter().map(|&u| (u.into().abs() - l1).max(0.0)));
        Some(if beyond == 0.0 { 0.0 } else { beyond / (2.0 * l2) })
    }

    fn threshold(&self) -> f64 {
        self.parts().0
    }
}
