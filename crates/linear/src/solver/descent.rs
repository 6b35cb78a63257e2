//! Coordinate descent on the least-squares model of a working set, with extrapolation.

use super::anderson::{DEPTH, History};
use super::gap::Measure;
use super::scored::{Scored, total_cost};
use rarefy_core::Result;
use rarefy_core::kernels::coordinate::{Columns, Residual, pass, scores};
use rarefy_core::penalty::Penalty;

/// Passes at most.
const PASSES: usize = 10_000;

/// Passes over the nonzero weights between two over all of them: as many as an extrapolation looks at, and one to follow it.
const INNER: usize = DEPTH + 1;

/// Passes over nonzero weights end when a pass moves them by this share of what the one over all weights did.
const ENOUGH: f64 = 1e-3;

/// `½‖r‖² + Σⱼ fⱼ pen(wⱼ)` over packed columns: what prox-Newton minimises in each step.
pub(super) struct Model<'a, P> {
    pub columns: &'a Columns,
    /// Where each column is among those packed.
    pub slots: &'a [u32],
    pub penalty: &'a P,
    pub factors: &'a [f64],
}

impl<P: Penalty<f64>> Model<'_, P> {
    /// Descends from `w` and its residual until `wanted`; returns the number of passes.
    ///
    /// A pass over all columns says which are nonzero; some over these alone, with extrapolation, bring them near their minimum; then the
    /// certificate is looked at, which costs as much as a pass.
    pub fn descend(&self, w: &mut [f64], r: &mut Residual, wanted: Measure) -> Result<usize> {
        let mut products = vec![0.0; w.len()];
        let mut passes = 0;
        while passes < PASSES {
            let moved = pass(self.columns, self.slots, self.penalty, self.factors, w, r);
            passes += 1 + self.descend_nonzeros(w, r, moved);
            scores(self.columns, self.slots, r, &mut products);
            if moved == 0.0 || self.measure(w, r, &products, wanted) <= wanted.size() {
                break;
            }
        }
        Ok(passes)
    }

    /// Some passes over the weights that are not zero; returns how many. `moved` is how far the pass before went.
    fn descend_nonzeros(&self, w: &mut [f64], r: &mut Residual, moved: f64) -> usize {
        let nonzero: Vec<usize> = (0..w.len()).filter(|&k| w[k] != 0.0 || self.factors[k] == 0.0).collect();
        let part = |of: &[f64]| nonzero.iter().map(|&k| of[k]).collect::<Vec<f64>>();
        let slots: Vec<u32> = nonzero.iter().map(|&k| self.slots[k]).collect();
        let (mut v, factors) = (part(w), part(self.factors));
        let inner = Model { slots: &slots, factors: &factors, ..*self };
        let mut history = History::default();
        history.restart(&v);
        let mut passes = 0;
        while passes < INNER && !v.is_empty() {
            let step = pass(self.columns, &slots, self.penalty, &factors, &mut v, r);
            passes += 1;
            if let Some(guess) = history.push(&v) {
                inner.jump(&guess, &mut v, r);
                history.restart(&v);
            }
            if step <= ENOUGH * moved {
                break;
            }
        }
        nonzero.iter().zip(v).for_each(|(&k, v)| w[k] = v);
        passes
    }

    /// Goes to `guess` if the objective is lower there.
    fn jump(&self, guess: &[f64], w: &mut [f64], r: &mut Residual) {
        let mut there = r.clone();
        for ((slot, guess), w) in self.slots.iter().zip(guess).zip(w.iter()).filter(|((_, guess), w)| guess != w) {
            there.subtract(self.columns, *slot as usize, guess - w);
        }
        let objective = |w: &[f64], r: &Residual| 0.5 * r.square() + self.cost(w);
        if objective(guess, &there) < objective(w, r) {
            w.copy_from_slice(guess);
            *r = there;
        }
    }

    fn cost(&self, w: &[f64]) -> f64 {
        total_cost(self.penalty, self.factors, w)
    }

    /// How far from the model's minimum `w` is at most, in what `kind` counts.
    fn measure(&self, w: &[f64], r: &Residual, products: &[f64], kind: Measure) -> f64 {
        let scored = Scored { penalty: self.penalty, factors: self.factors, scores: products };
        if let Measure::Violation(_) = kind {
            return scored.violation(w);
        }
        // The targets are r + Σ x̃w, and D(αr) = α rᵀ(targets) − α²‖r‖²/2 − Σ f pen*(αx̃ᵀr/f).
        let (square, along) = (r.square(), products.iter().zip(w).map(|(p, w)| p * w).sum::<f64>());
        let bound = scored.bound(|alpha| alpha * (square + along) - alpha * alpha * square / 2.0);
        // No dual point is feasible before columns that are not penalised are at rest; what each of them can still give is added instead.
        let one = |((norm, factor), product): ((&f64, &f64), &f64)| match *factor == 0.0 && *norm > 0.0 {
            true => product * product / norm,
            false => 0.0,
        };
        let norms = self.slots.iter().map(|&slot| &self.columns.norms()[slot as usize]);
        let rest: f64 = norms.zip(self.factors).zip(products).map(one).sum();
        0.5 * square + self.cost(w) - bound + rest
    }
}
