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
/// [`Error::Parameter`] for strengths that do not fall; what [`solve`](crate::solve) refuses.
pub fn path<T: Value + Into<f64>, P: Penalty<f64>>(
    mut problem: Problem<'_, T, P>,
    penalty: impl Fn(f64) -> P,
    lambdas: Option<&[f64]>,
    options: &Options,
) -> Result<Path> {
    if let Some(at) = lambdas.and_then(|l| (1..l.len()).find(|&k| l[k].is_nan() || l[k] >= l[k - 1])) {
        let found = format!("{} after {}", lambdas.map_or(0.0, |l| l[at]), lambdas.map_or(0.0, |l| l[at - 1]));
        return Err(Error::Parameter { name: "lambdas", found, expected: "each smaller than the one before" });
    }
    let mut state = State::start(&problem)?;
    if problem.factors.contains(&0.0) {
        // Columns that are not penalised are there at every strength.
        problem = problem.with_penalty(penalty(f64::MAX.sqrt()));
        advance(&problem, options, &mut state, 0)?;
        // So strong a penalty asks for no scores.
        state.safe.fill(f64::NEG_INFINITY);
        state.score(&problem)?;
    }
    // What share of its strength a penalty sets against a weight of zero.
    let share = penalty(1.0).threshold();
    let scores = state.scores.iter().zip(&problem.factors).filter(|(_, f)| **f > 0.0);
    let largest = scores.map(|(score, factor)| score.abs() / factor).fold(0.0, f64::max) / share;
    let lambdas = lambdas.map_or_else(|| strengths(largest, 1e-2, 100), <[f64]>::to_vec);
    let (mut fits, mut last) = (Vec::<Fit>::with_capacity(lambdas.len()), largest);
    // A loss that is not smooth has multipliers for gradients, which a guess would lose.
    let smooth = problem.loss.smoothed(&state.gradient, 1.0).is_none();
    for &lambda in &lambdas {
        let kept = share * (2.0 * lambda - last);
        let strong =
            state.scores.iter().zip(&problem.factors).filter(|(score, factor)| score.abs() >= *factor * kept).count();
        problem = problem.with_penalty(penalty(lambda));
        if let ([.., before, now], true) = (&fits[..], smooth) {
            let ratio = (lambda - last) / (last - lambdas[fits.len() - 2]);
            predict(&problem, &mut state, before, now, ratio);
        }
        fits.push(advance(&problem, options, &mut state, strong)?);
        last = lambda;
    }
    Ok(Path { lambdas, fits })
}

/// Goes as far again from one fit to the next, times `ratio`, where that is lower. Weights do not change their sign, and none leaves zero.
fn predict<T: Value + Into<f64>, P: Penalty<f64>>(
    problem: &Problem<'_, T, P>,
    state: &mut State,
    before: &Fit,
    now: &Fit,
    ratio: f64,
) {
    let ahead = |old: f64, new: f64| {
        let there = new + ratio * (new - old);
        if there * new > 0.0 { there } else { 0.0 }
    };
    let pairs = before.coefficients.iter().zip(&now.coefficients).enumerate();
    let there: Vec<(usize, f64)> =
        pairs.filter(|(_, (_, new))| **new != 0.0).map(|(j, (&old, &new))| (j, ahead(old, new))).collect();
    let b = now.intercept + ratio * (now.intercept - before.intercept);
    jump(problem, state, &there, if problem.intercept { b } else { state.b });
}
