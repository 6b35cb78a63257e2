//! Coordinate descent on the least-squares model of a working set, with extrapolation.

use super::anderson::History;
use super::gap::Measure;
use super::scored::{Scored, total_cost};
use rarefy_core::Result;
use rarefy_core::kernels::coordinate::{Columns, Residual, pass, scores};
use rarefy_core::penalty::Penalty;

/// Passes at most.
const PASSES: usize = 10_000;

/// Passes between two looks at the certificate, which cost as much as a pass.
const LOOK: usize = 10;

/// `½‖r‖² + Σⱼ fⱼ pen(wⱼ)` over packed columns: what prox-Newton minimises in each step.
pub(super) struct Model<'a, P> {
    pub columns: &'a Columns,
    pub penalty: &'a P,
    pub factors: &'a [f64],
}

impl<P: Penalty<f64>> Model<'_, P> {
    /// Descends from `w` and its residual until `wanted`; returns the number of passes.
    pub fn descend(&self, w: &mut [f64], r: &mut Residual, wanted: Measure) -> Result<usize> {
        let mut history = History::default();
        history.restart(w);
        let mut products = vec![0.0; w.len()];
        for passes in 1..=PASSES {
            let moved = pass(self.columns, self.penalty, self.factors, w, r);
            if passes % LOOK == 0 || moved == 0.0 {
                scores(self.columns, r, &mut products);
                if moved == 0.0 || self.measure(w, r, &products, wanted) <= wanted.size() {
                    return Ok(passes);
                }
            }
            if let Some(guess) = history.push(w) {
                self.jump(&guess, w, r);
                history.restart(w);
            }
        }
        Ok(PASSES)
    }

    /// Goes to `guess` if the objective is lower there.
    fn jump(&self, guess: &[f64], w: &mut [f64], r: &mut Residual) {
        let mut there = r.clone();
        for (j, (guess, w)) in guess.iter().zip(w.iter()).enumerate().filter(|(_, (guess, w))| guess != w) {
            there.subtract(self.columns, j, guess - w);
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
        let rest: f64 = self.columns.norms().iter().zip(self.factors).zip(products).map(one).sum();
        0.5 * square + self.cost(w) - bound + rest
    }
}
