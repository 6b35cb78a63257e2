//! Prox-Newton: the loss is replaced by its second-order model, that is solved for on a working set, and a line search keeps the objective
//! falling. For the squared loss the model is the loss, and one step is all.
//!
//! With `s = √h` of the curvatures and `r = −∇F/s`, the model in `Δη` is `½‖r − s∘Δη‖²`, but for a constant: least squares with columns `s∘xⱼ`, and
//! with `s` as that of the intercept.
//!
//! Lee, Sun and Saunders, *Proximal Newton-type methods for minimizing composite functions*, 2014.

use super::descent::Model;
use super::gap::Measure;
use super::{Problem, State, scored};
use crate::Result;
use rarefy_core::kernels::coordinate::Residual;
use rarefy_core::matrix::Value;
use rarefy_core::penalty::Penalty;

/// Newton steps on one working set at most.
const STEPS: usize = 20;

/// A curvature is not below this share of the row's weight, or of the largest one a weight if that is below 1: models stay bounded where the
/// loss is flat.
const LEAST_CURVATURE: f64 = 1e-7;

/// A model of a loss that is not quadratic is solved to this share of what is wanted: the next one is another.
const INEXACT: f64 = 0.3;

/// Steps are lengthened where the objective falls by more than this share of what its slope promises.
const MORE: f64 = 0.75;

/// Minimises over the columns `chosen`, until `wanted` where that can be told from the model; returns passes of coordinate descent.
pub(super) fn solve_working_set<T: Value + Into<f64>, P: Penalty<f64>>(
    problem: &Problem<'_, T, P>,
    state: &mut State,
    chosen: &[usize],
    wanted: Measure,
) -> Result<usize> {
    let factors: Vec<f64> = chosen.iter().map(|&j| problem.factors[j]).collect();
    let (steps, share) = if problem.loss.quadratic() { (1, 1.0) } else { (STEPS, INEXACT) };
    let mut passes = 0;
    for _ in 0..steps {
        let a = problem.loss.weights();
        let largest = state.curvature.iter().zip(a).filter(|(_, a)| **a > 0.0).map(|(h, a)| h / a).fold(0.0, f64::max);
        let least = LEAST_CURVATURE * if largest > 0.0 { largest.min(1.0) } else { 1.0 };
        // A loss that ignores shifts has a tighter model with an intercept, though it is not taken.
        let centred = problem.intercept || problem.loss.ignores_shifts();
        let roots: Vec<f64> = state.curvature.iter().zip(a).map(|(h, a)| h.max(least * a).sqrt()).collect();
        let r = state.gradient.iter().zip(&roots).map(|(g, s)| if *s > 0.0 { -g / s } else { 0.0 }).collect();
        let columns = problem.design.pack(chosen, &roots, centred)?;
        let mut residual = Residual::new(r, centred.then_some(roots))?;
        let before: Vec<f64> = chosen.iter().map(|&j| state.w[j]).collect();
        let mut after = before.clone();
        let model = Model { columns: &columns, penalty: &problem.penalty, factors: &factors };
        passes += model.descend(&mut after, &mut residual, wanted.like(share * wanted.size()))?;
        let change = Change {
            chosen,
            before: &before,
            after: &after,
            intercept: if problem.intercept { residual.along() } else { 0.0 },
        };
        let fell = change.apply(problem, state);
        if problem.loss.quadratic() || fell <= least_fall(wanted) {
            break;
        }
    }
    Ok(passes)
}

/// The fall of the objective up to which another Newton step on the same columns is not worth it. From a violation nothing follows for the
/// objective: there steps go on while it falls.
fn least_fall(wanted: Measure) -> f64 {
    match wanted {
        Measure::Gap(size) => INEXACT * size,
        Measure::Violation(_) => 0.0,
    }
}

/// A step in the weights of a working set.
struct Change<'a> {
    chosen: &'a [usize],
    before: &'a [f64],
    after: &'a [f64],
    intercept: f64,
}

impl Change<'_> {
    /// Takes the step, or as much of it as makes the objective fall; returns by how much it fell.
    fn apply<T: Value + Into<f64>, P: Penalty<f64>>(&self, problem: &Problem<'_, T, P>, state: &mut State) -> f64 {
        let moved: Vec<(usize, f64, f64)> = (self.chosen.iter().zip(self.before).zip(self.after))
            .filter(|((_, before), after)| before != after)
            .map(|((&j, &before), &after)| (j, before, after))
            .collect();
        let mut direction = vec![self.intercept; state.eta.len()];
        moved.iter().for_each(|&(j, before, after)| problem.design.add(j, after - before, &mut direction));
        let (old_eta, old_value, old_b) = (state.eta.clone(), state.value, state.b);
        let slope: f64 = state.gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
        let cost = |t: f64| {
            let one = |&(j, before, after): &(usize, f64, f64)| {
                let cost = |w| scored::cost(&problem.penalty, problem.factors[j], w);
                cost(before + t * (after - before)) - cost(before)
            };
            moved.iter().map(one).sum::<f64>()
        };
        let descent = slope + cost(1.0);
        let rounding = 1e-14 * (old_value.abs() + problem.penalty_of(&state.w));
        let go = |state: &mut State, t: f64| {
            state.eta.iter_mut().zip(&old_eta).zip(&direction).for_each(|((eta, old), d)| *eta = old + t * d);
            state.b = old_b + t * self.intercept;
            state.derive(problem);
            state.value - old_value + cost(t)
        };
        let mut t = 1.0;
        let mut change = go(state, t);
        // Armijo's condition, but for rounding: near the end gradients still tell where to go when objectives no longer do. A quadratic
        // loss needs none, its model being exact.
        let quadratic = problem.loss.quadratic();
        while !(quadratic || change <= 1e-4 * t * descent + rounding || t < 1e-10) {
            t *= 0.5;
            change = go(state, t);
        }
        // A model that is right promises twice what it gives. One that gives more is bent more than the loss, which then falls on beyond.
        if !quadratic && t == 1.0 && change < MORE * descent - rounding {
            loop {
                let farther = go(state, 2.0 * t);
                if farther >= change || farther.is_nan() {
                    break;
                }
                (t, change) = (2.0 * t, farther);
            }
            go(state, t);
        }
        for &(j, before, after) in &moved {
            state.w[j] = if t == 1.0 { after } else { before + t * (after - before) };
        }
        if problem.intercept {
            settle_intercept(problem, state);
        }
        -change
    }
}

/// Newton's method on the intercept alone, until the gradients add up to nothing: then the dual point is feasible.
pub(super) fn settle_intercept<T: Value + Into<f64>, P: Penalty<f64>>(problem: &Problem<'_, T, P>, state: &mut State) {
    for _ in 0..50 {
        let slope: f64 = state.gradient.iter().sum();
        let size: f64 = state.gradient.iter().map(|g| g.abs()).sum();
        let curvature: f64 = state.curvature.iter().sum();
        if slope.abs() <= 1e-13 * size || curvature <= 0.0 {
            return;
        }
        let (value, b) = (state.value, state.b);
        let mut step = -slope / curvature;
        loop {
            state.eta.iter_mut().for_each(|eta| *eta += step);
            state.b += step;
            state.derive(problem);
            if state.value <= value || step.abs() < 1e-12 * (1.0 + b.abs()) {
                break;
            }
            state.eta.iter_mut().for_each(|eta| *eta -= step);
            (state.b, step) = (b, step / 2.0);
        }
    }
}
