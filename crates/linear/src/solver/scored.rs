//! Columns with their scores: how far a penalty is from being at rest, and what it lets a dual point claim.

use rarefy_core::penalty::Penalty;

/// Penalty factors and scores `−xⱼᵀ∇F` of some columns.
pub(super) struct Scored<'a, P> {
    pub penalty: &'a P,
    pub factors: &'a [f64],
    pub scores: &'a [f64],
}

/// `factor·pen(w)`
pub(super) fn cost<P: Penalty<f64>>(penalty: &P, factor: f64, w: f64) -> f64 {
    if factor == 0.0 || w == 0.0 { 0.0 } else { factor * penalty.value(&[w]) }
}

/// The sum of these over all columns.
pub(super) fn total_cost<P: Penalty<f64>>(penalty: &P, factors: &[f64], w: &[f64]) -> f64 {
    factors.iter().zip(w).map(|(&factor, &w)| cost(penalty, factor, w)).sum()
}

impl<P: Penalty<f64>> Scored<'_, P> {
    fn entries(&self) -> impl Iterator<Item = (f64, f64)> {
        self.factors.iter().copied().zip(self.scores.iter().copied())
    }

    /// Columns that are penalised.
    fn penalised(&self) -> impl Iterator<Item = (f64, f64)> {
        self.entries().filter(|&(factor, _)| factor > 0.0)
    }

    /// The largest score of a column that is not penalised: 0 at the minimum.
    pub fn free(&self) -> f64 {
        self.entries().filter(|e| e.0 == 0.0).map(|e| e.1.abs()).fold(0.0, f64::max)
    }

    /// The largest distance of `xⱼᵀ∇F + fⱼ∂pen(wⱼ)` to 0.
    pub fn violation(&self, w: &[f64]) -> f64 {
        let one = |((factor, score), &w): ((f64, f64), &f64)| match factor {
            0.0 => score.abs(),
            _ => factor * self.penalty.distance(&[w], &[-score / factor]),
        };
        self.entries().zip(w).map(one).fold(0.0, f64::max)
    }

    /// The best `dual(α) − Σⱼ fⱼ pen*(αscoreⱼ/fⱼ)` of two dual points: the gradient scaled by `α` to where weights of 0 are at rest, and the
    /// gradient itself; −∞ where neither is feasible.
    pub fn bound(&self, mut dual: impl FnMut(f64) -> f64) -> f64 {
        let largest = self.penalised().map(|(factor, score)| score.abs() / factor).fold(0.0, f64::max);
        // A hair inside the edge, where rounding decides whether a conjugate is 0 or infinite.
        let edge = self.penalty.threshold() * (1.0 - 1e-14);
        let feasible = if largest > edge { edge / largest } else { 1.0 };
        let mut best = f64::NEG_INFINITY;
        for alpha in [feasible, 1.0] {
            let one = |(factor, score): (f64, f64)| {
                factor * self.penalty.conjugate(&[alpha * score / factor]).unwrap_or(f64::INFINITY)
            };
            let conjugate: f64 = self.penalised().map(one).sum();
            if conjugate.is_finite() {
                best = best.max(dual(alpha) - conjugate);
            }
            if feasible == 1.0 {
                break;
            }
        }
        best
    }
}
