//! Coordinate descent on the least-squares model of a working set, with extrapolation.

use super::anderson::History;
use super::gap::Measure;
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
        let one = |(&w, &factor): (&f64, &f64)| {
            if w == 0.0 || factor == 0.0 { 0.0 } else { factor * self.penalty.value(&[w]) }
        };
        w.iter().zip(self.factors).map(one).sum()
    }

    /// How far from the model's minimum `w` is at most, in what `kind` counts.
    fn measure(&self, w: &[f64], r: &Residual, products: &[f64], kind: Measure) -> f64 {
        let entries = || products.iter().zip(self.factors).zip(w).map(|((&product, &factor), &w)| (product, factor, w));
        let free = entries().filter(|e| e.1 == 0.0).map(|e| e.0.abs()).fold(0.0, f64::max);
        if let Measure::Violation(_) = kind {
            let distance =
                |(product, factor, w): (f64, f64, f64)| factor * self.penalty.distance(&[w], &[-product / factor]);
            return entries().filter(|e| e.1 > 0.0).map(distance).fold(free, f64::max);
        }
        let largest = entries().filter(|e| e.1 > 0.0).map(|e| e.0.abs() / e.1).fold(0.0, f64::max);
        let feasible = (self.penalty.threshold() / largest).min(1.0);
        // The targets are r + Σ x̃w, and D(αr) = α rᵀ(targets) − α²‖r‖²/2 − Σ f pen*(αx̃ᵀr/f).
        let (square, along) = (r.square(), entries().map(|e| e.0 * e.2).sum::<f64>());
        let dual = |alpha: f64| {
            let conjugate: f64 = entries()
                .filter(|e| e.1 > 0.0)
                .map(|(product, factor, _)| {
                    let u = alpha * product / factor * if alpha < 1.0 { 1.0 - 1e-14 } else { 1.0 };
                    factor * self.penalty.conjugate(&[u]).unwrap_or(f64::INFINITY)
                })
                .sum();
            alpha * (square + along) - alpha * alpha * square / 2.0 - conjugate
        };
        // What unpenalised columns still have to give is not in the bound: their gradient times their weights' likely move is added.
        let slack: f64 = self
            .columns
            .norms()
            .iter()
            .zip(entries())
            .filter(|(n, e)| e.1 == 0.0 && **n > 0.0)
            .map(|(n, e)| e.0 * e.0 / n)
            .sum();
        0.5 * square + self.cost(w) - dual(feasible).max(dual(1.0)) + slack
    }
}
