//! A path: fits for a grid of strengths, from the strongest down, each from the solution of the one before.
//!
//! The scores at one solution are those that the next begins with, so that a strength costs one pass over the design and what its working set
//! takes. The working set begins with the columns that the strong rule keeps, `|xⱼᵀ∇F| ≥ fⱼ(2λₖ − λₖ₋₁)`; a column that it misses is found by the
//! pass. Tibshirani et al., *Strong rules for discarding predictors in lasso-type problems*, 2012.

use crate::solver::newton::jump;
use crate::solver::{State, advance};
use crate::{Error, Fit, Options, Problem, Result};
use rarefy_core::matrix::Value;
use rarefy_core::penalty::Penalty;
use std::ops::ControlFlow;

/// Fits for falling strengths.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The strengths.
    pub lambdas: Vec<f64>,
    /// A fit for each.
    pub fits: Vec<Fit>,
}

/// `count` strengths, evenly spaced on a logarithmic scale, from `largest` down to `largest·ratio`.
pub fn strengths(largest: f64, ratio: f64, count: usize) -> Vec<f64> {
    let step = |k: usize| if count < 2 { 0.0 } else { k as f64 / (count - 1) as f64 };
    (0..count).map(|k| largest * ratio.powf(step(k))).collect()
}

/// Fits `problem` for each of `lambdas`, which fall; `penalty` makes the penalty of a strength. `None` takes 100 strengths, from the least one at
/// which all penalised coefficients are zero down to a hundredth of it.
///
/// # Errors
/// As [`walk`].
pub fn path<T: Value + Into<f64>, P: Penalty<f64>>(
    problem: Problem<'_, T, P>,
    penalty: impl Fn(f64) -> P,
    lambdas: Option<&[f64]>,
    options: &Options,
) -> Result<Path> {
    let mut fits = Vec::new();
    let lambdas = walk(problem, penalty, lambdas, options, &mut |_, fit| {
        fits.push(fit);
        ControlFlow::Continue(())
    })?;
    Ok(Path { lambdas, fits })
}

/// As [`path`], but hands each fit over when it is done, with its strength, and ends when told to; returns the strengths.
///
/// # Errors
/// [`Error::Parameter`] for strengths that do not fall; what [`solve`](crate::solve) refuses.
pub fn walk<T: Value + Into<f64>, P: Penalty<f64>>(
    problem: Problem<'_, T, P>,
    penalty: impl Fn(f64) -> P,
    lambdas: Option<&[f64]>,
    options: &Options,
    each: &mut dyn FnMut(f64, Fit) -> ControlFlow<()>,
) -> Result<Vec<f64>> {
    if let Some(at) = lambdas.and_then(|l| (1..l.len()).find(|&k| l[k].is_nan() || l[k] >= l[k - 1])) {
        let found = format!("{} after {}", lambdas.map_or(0.0, |l| l[at]), lambdas.map_or(0.0, |l| l[at - 1]));
        return Err(Error::Parameter { name: "lambdas", found, expected: "each smaller than the one before" });
    }
    let (mut problem, mut state) = begin(problem, &penalty, options)?;
    // What share of its strength a penalty sets against a weight of zero.
    let share = penalty(1.0).threshold();
    let mut last = most(&problem, &state) / share;
    let lambdas = lambdas.map_or_else(|| strengths(last, 1e-2, 100), <[f64]>::to_vec);
    // A loss that is not smooth has multipliers for gradients, which a guess would lose.
    let smooth = problem.loss.smoothed(&state.gradient, 1.0).is_none();
    let mut before: Option<(Vec<f64>, f64, f64)> = None;
    for &lambda in &lambdas {
        // A penalty without an edge at zero keeps every column.
        let kept = if share > 0.0 { share * (2.0 * lambda - last) } else { 0.0 };
        let strong =
            state.scores.iter().zip(&problem.factors).filter(|(score, factor)| score.abs() >= *factor * kept).count();
        problem = problem.with_penalty(penalty(lambda));
        let now = (state.w.clone(), state.b, last);
        if let (Some((w, b, first)), true) = (&before, smooth) {
            guess(&problem, &mut state, w, *b, (lambda - last) / (last - first));
        }
        before = Some(now);
        if each(lambda, advance(&problem, options, &mut state, strong)?).is_break() {
            break;
        }
        last = lambda;
    }
    Ok(lambdas)
}

/// The largest `|xⱼᵀ∇F|/fⱼ` of a model without penalised columns: the least strength at which they are all zero, times what a penalty of strength
/// 1 sets against a weight of zero ([`Penalty::threshold`]).
///
/// # Errors
/// What [`solve`](crate::solve) refuses.
pub fn largest<T: Value + Into<f64>, P: Penalty<f64>>(
    problem: Problem<'_, T, P>,
    penalty: impl Fn(f64) -> P,
    options: &Options,
) -> Result<f64> {
    begin(problem, &penalty, options).map(|(problem, state)| most(&problem, &state))
}

/// The model without penalised columns.
fn begin<'a, T: Value + Into<f64>, P: Penalty<f64>>(
    mut problem: Problem<'a, T, P>,
    penalty: &impl Fn(f64) -> P,
    options: &Options,
) -> Result<(Problem<'a, T, P>, State)> {
    let mut state = State::start(&problem)?;
    if problem.factors.contains(&0.0) {
        // Columns that are not penalised are there at every strength.
        problem = problem.with_penalty(penalty(f64::MAX.sqrt()));
        advance(&problem, options, &mut state, 0)?;
        // So strong a penalty asks for no scores of the others.
        state.score_all(&problem)?;
    }
    Ok((problem, state))
}

/// The largest score of a penalised column, over its factor.
fn most<T, P>(problem: &Problem<'_, T, P>, state: &State) -> f64 {
    let scores = state.scores.iter().zip(&problem.factors).filter(|(_, f)| **f > 0.0);
    scores.map(|(score, factor)| score.abs() / factor).fold(0.0, f64::max)
}

/// Goes on in the direction from `(w, b)` to the solution that `state` is at, `ratio` times as far, if the objective is lower there: between strengths at
/// which no weight leaves or meets zero a path is nearly a straight line. Weights do not change their sign, and none leaves zero.
fn guess<T: Value + Into<f64>, P: Penalty<f64>>(
    problem: &Problem<'_, T, P>,
    state: &mut State,
    w: &[f64],
    b: f64,
    ratio: f64,
) {
    if !(ratio > 0.0 && ratio.is_finite()) {
        return;
    }
    let ahead = |(old, new): (f64, f64)| {
        let there = new + ratio * (new - old);
        if there * new > 0.0 { there } else { 0.0 }
    };
    let nonzero = (0..w.len()).filter(|&j| state.w[j] != 0.0);
    let there: Vec<(usize, f64)> = nonzero.map(|j| (j, ahead((w[j], state.w[j])))).collect();
    let b = if problem.intercept { state.b + ratio * (state.b - b) } else { state.b };
    jump(problem, state, &there, b);
}
