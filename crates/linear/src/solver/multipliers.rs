//! The method of multipliers: a loss that is not smooth is minimised through smooth ones.
//!
//! With multipliers `u`, one a row, [`Loss::smoothed`] gives a smooth loss `sup_v vᵀη − F*(v) − δ/2·Σ(vᵢ − uᵢ)²/aᵢ`. The gradient at the minimum of it
//! and the penalty is the next `u`: the proximal point method on the dual problem. Where loss and penalty are piecewise linear it ends after
//! finitely many steps (solved exactly), for every width `δ`: the smaller, the fewer, and the harder each. It is feasible for the problem itself at every step,
//! so that the certificate is that problem's own duality gap.
//!
//! Rockafellar, *Augmented Lagrangians and applications of the proximal point algorithm in convex programming*, 1976; Li, Sun and Toh, *A highly
//! efficient semismooth Newton augmented Lagrangian method for solving lasso problems*, 2018.

use super::{Fit, Options, Problem, State, advance_smooth, gap, look};
use crate::{Error, Result};
use rarefy_core::matrix::Value;
use rarefy_core::penalty::{Block, Penalty, Steps};

/// The width begins at this share of the loss of the model without columns, which is a mean of residuals. It shrinks by `SHRINK`, down to
/// `LEAST`, where a step leaves more than `SLOW` of the gap, and grows back where a smooth problem was too hard.
const FIRST: f64 = 1.0;
const SHRINK: f64 = 0.1;
const LEAST: f64 = 1e-5;
const SLOW: f64 = 0.1;

/// A smooth problem is solved to this share of the gap that there is, but to no less than `FINEST` of what is wanted.
const INEXACT: f64 = 0.05;
const FINEST: f64 = 0.1;

/// Working sets of one smooth problem at most: the next one may be easier.
const ITERATIONS: usize = 20;

/// As [`advance`](super::advance), for a loss that is not smooth.
pub(super) fn advance<T: Value + Into<f64>, P: Penalty<f64>>(
    problem: &Problem<'_, T, P>,
    options: &Options,
    state: &mut State,
    expected: usize,
) -> Result<Fit> {
    if problem.penalty.conjugate(&[0.0]).is_none() {
        return Err(Error::Concave);
    }
    let unit = if state.null.0 > 0.0 { state.null.0 } else { 1.0 };
    let (mut width, mut bound) = (FIRST * unit, f64::NEG_INFINITY);
    let (mut iterations, mut passes, mut last) = (0, 0, 0.0);
    loop {
        let (measure, fit) = look(problem, options, state, &mut bound, (iterations, passes))?;
        if let Some(fit) = fit {
            return Ok(fit);
        }
        let certificate = gap::certificate(state, measure);
        let wanted = (INEXACT * certificate.size().min(1.0)).max(FINEST * options.tolerance);
        let inner = Options { tolerance: wanted, iterations: ITERATIONS.min(options.iterations - iterations) };
        let fit = step(problem, &inner, state, width, expected)?;
        iterations += fit.iterations.max(1);
        passes += fit.passes;
        if !fit.converged {
            width = (width / SHRINK).min(FIRST * unit);
        } else if certificate.size() > SLOW * last {
            width = (SHRINK * width).max(LEAST * unit);
        }
        last = certificate.size();
    }
}

/// Minimises the smooth problem at the multipliers `state.gradient`, and takes its minimum and its gradient.
fn step<T: Value + Into<f64>, P: Penalty<f64>>(
    problem: &Problem<'_, T, P>,
    options: &Options,
    state: &mut State,
    width: f64,
    expected: usize,
) -> Result<Fit> {
    let Some(loss) = problem.loss.smoothed(&state.gradient, width) else {
        return advance_smooth(problem, options, state, expected);
    };
    let smooth = Problem {
        design: problem.design.clone(),
        loss: &*loss,
        penalty: Borrowed(&problem.penalty),
        factors: problem.factors.clone(),
        offset: problem.offset.clone(),
        intercept: problem.intercept,
    };
    state.update(&smooth);
    state.score(&smooth)?;
    let fit = advance_smooth(&smooth, options, state, expected)?;
    // Gradient and scores are those of the smooth loss, the rest that of the problem itself.
    let multipliers = state.gradient.clone();
    state.update(problem);
    state.gradient = multipliers;
    Ok(fit)
}

/// A penalty of another problem. Not generic: one compiled solver serves all smooth problems.
struct Borrowed<'a>(&'a dyn Penalty<f64>);

impl Penalty<f64> for Borrowed<'_> {
    fn block(&self) -> Block {
        self.0.block()
    }

    fn value(&self, w: &[f64]) -> f64 {
        self.0.value(w)
    }

    fn prox(&self, w: &mut [f64], steps: Steps<'_, f64>) {
        self.0.prox(w, steps);
    }

    fn distance(&self, w: &[f64], gradient: &[f64]) -> f64 {
        self.0.distance(w, gradient)
    }

    fn conjugate(&self, u: &[f64]) -> Option<f64> {
        self.0.conjugate(u)
    }

    fn threshold(&self) -> f64 {
        self.0.threshold()
    }
}
