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
use rarefy_core::kernels::coordinate::{Columns, Residual};
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
        let mut packed =
            state.packed.take().filter(|_| problem.loss.quadratic()).map_or_else(|| Packed::new(problem, state), Ok)?;
        let slots = packed.slots(problem, chosen)?;
        let r = state.gradient.iter().zip(&packed.roots).map(|(g, s)| if *s > 0.0 { -g / s } else { 0.0 }).collect();
        let mut residual = Residual::new(r, packed.direction().map(<[f64]>::to_vec))?;
        let before: Vec<f64> = chosen.iter().map(|&j| state.w[j]).collect();
        let mut after = before.clone();
        let model = Model { columns: &packed.columns, slots: &slots, penalty: &problem.penalty, factors: &factors };
        passes += model.descend(&mut after, &mut residual, wanted.like(share * wanted.size()))?;
        state.packed = Some(packed);
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

/// Columns that have been in a working set, scaled by the roots of the curvatures. For a quadratic loss these stay, and columns are
/// packed once for all strengths of a path.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    columns: Columns,
    roots: Vec<f64>,
    centred: bool,
    /// Where each column of the design is; [`ABSENT`] if it is not.
    places: Vec<u32>,
}

const ABSENT: u32 = u32::MAX;

impl Packed {
    fn new<T: Value + Into<f64>, P: Penalty<f64>>(problem: &Problem<'_, T, P>, state: &State) -> Result<Self> {
        let a = problem.loss.weights();
        let largest = state.curvature.iter().zip(a).filter(|(_, a)| **a > 0.0).map(|(h, a)| h / a).fold(0.0, f64::max);
        let least = LEAST_CURVATURE * if largest > 0.0 { largest.min(1.0) } else { 1.0 };
        let roots: Vec<f64> = state.curvature.iter().zip(a).map(|(h, a)| h.max(least * a).sqrt()).collect();
        // A loss that ignores shifts has a tighter model with an intercept, though it is not taken.
        let centred = problem.intercept || problem.loss.ignores_shifts();
        let columns = problem.design.room(&roots, centred)?;
        Ok(Self { columns, roots, centred, places: vec![ABSENT; problem.design.cols()] })
    }

    /// What columns and residual are projected across.
    fn direction(&self) -> Option<&[f64]> {
        self.centred.then_some(&self.roots[..])
    }

    /// Where the columns `chosen` are; those that are not there yet are packed.
    fn slots<T: Value + Into<f64>, P: Penalty<f64>>(
        &mut self,
        problem: &Problem<'_, T, P>,
        chosen: &[usize],
    ) -> Result<Vec<u32>> {
        for &j in chosen {
            if self.places[j] == ABSENT {
                problem.design.pack(j, &self.roots, self.centred, &mut self.columns)?;
                self.places[j] = self.columns.len() as u32 - 1;
            }
        }
        Ok(chosen.iter().map(|&j| self.places[j]).collect())
    }
}

/// The fall of the objective up to which another Newton step on the same columns is not worth it. From a violation nothing follows for the
/// objective: there steps go on while it falls.
fn least_fall(wanted: Measure) -> f64 {
    match wanted {
        Measure::Gap(size) => INEXACT * size,
        Measure::Violation(_) => 0.0,
    }
}

/// Goes to the weights and the intercept of `there` if the objective is lower at them. (A path is nearly linear between two strengths.)
pub(crate) fn jump<T: Value + Into<f64>, P: Penalty<f64>>(
    problem: &Problem<'_, T, P>,
    state: &mut State,
    there: &[(usize, f64)],
    b: f64,
) {
    let before: Vec<(usize, f64)> = there.iter().map(|&(j, _)| (j, state.w[j])).collect();
    let cost = |weights: &[(usize, f64)]| {
        weights.iter().map(|&(j, w)| scored::cost(&problem.penalty, problem.factors[j], w)).sum::<f64>()
    };
    let (old, shift) = (state.value + cost(&before), b - state.b);
    let (eta, gradient, value, old_b) = (state.eta.clone(), state.gradient.clone(), state.value, state.b);
    let curvature = state.curvature.clone();
    state.eta.iter_mut().for_each(|eta| *eta += shift);
    state.b = b;
    for (&(j, new), &(_, old)) in there.iter().zip(&before).filter(|(new, old)| new != old) {
        problem.design.add(j, new - old, &mut state.eta);
    }
    state.update(problem);
    if state.value + cost(there) < old {
        there.iter().for_each(|&(j, w)| state.w[j] = w);
    } else {
        (state.eta, state.gradient, state.value, state.b) = (eta, gradient, value, old_b);
        state.curvature = curvature;
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
