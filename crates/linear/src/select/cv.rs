//! Cross-validation: each strength is judged by rows that its fit has not seen.
//!
//! All folds share one design: the rows that a fold holds back have weight 0 in its fits, and all of the weight when it is judged. The score is the
//! deviance, `2(F(η) − min F)` with the least value `−F*(0)` that the loss has on those rows: the mean squared error of the squared loss, twice
//! the mean negative log likelihood of the logistic loss.

use std::ops::ControlFlow;

use rarefy_core::matrix::Value;
use rarefy_core::penalty::Penalty;
use rarefy_core::progress::Progress;

use super::walk;
use crate::design::check;
use crate::{Design, Error, Fit, Loss, Options, Problem, Result};

/// Makes the loss of all rows with these weights.
pub type MakeLoss<'a> = dyn Fn(&[f64]) -> Result<Box<dyn Loss>> + 'a;

/// What is to be fitted, whatever rows it learns from and how strong its penalty is.
pub struct Task<'a, T> {
    /// The matrix of all rows.
    pub design: Design<'a, T>,
    /// The loss with these weights for the rows.
    pub loss: &'a MakeLoss<'a>,
    /// The rows' weights.
    pub weights: Vec<f64>,
    /// Whether there is an intercept.
    pub intercept: bool,
}

/// How good a fit is at the rows of a fold: their deviance, and the share that is answered right.
type Score = (f64, f64);

/// How good fits are at rows that they have not seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The strength.
    pub lambda: f64,
    /// The mean deviance, of rows by their weights.
    pub deviance: f64,
    /// Its standard error, by how folds differ; 0 of a single fold.
    pub standard_error: f64,
    /// The share of rows, by their weights, that were answered right; of classes only.
    pub accuracy: Option<f64>,
}

/// What came of cross-validation.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossValidation {
    /// Each strength, falling.
    pub held: Vec<Held>,
    /// Folds fitted: fewer than asked for if it was stopped.
    pub folds: usize,
    /// The strength of the least deviance; the strongest of equal ones.
    pub best: usize,
    /// The strongest within one standard error of it.
    pub one_se: usize,
}

impl<T: Value + Into<f64>> Task<'_, T> {
    /// The problem with a loss and a penalty.
    ///
    /// # Errors
    /// As [`Problem::new`].
    pub fn problem<'b, P: Penalty<f64>>(&'b self, loss: &'b dyn Loss, penalty: P) -> Result<Problem<'b, T, P>> {
        let problem = Problem::new(self.design.clone(), loss, penalty)?;
        Ok(if self.intercept { problem } else { problem.without_intercept() })
    }

    /// `b + Xw` of a fit.
    pub fn eta(&self, fit: &Fit) -> Vec<f64> {
        let mut eta = vec![fit.intercept; self.design.rows()];
        self.design.multiply_add(&fit.coefficients, &mut eta);
        eta
    }
}

/// The deviance of `η`.
pub fn deviance(loss: &dyn Loss, eta: &[f64]) -> f64 {
    2.0 * (loss.value(eta) + loss.conjugate(&vec![0.0; eta.len()]).unwrap_or(0.0))
}

/// Fits `lambdas` without the rows of each fold, and judges the fits by them. `fold` has the fold of each row, `0..` with none left out; `right`
/// tells whether row `i` is answered right by `ηᵢ`. `None` if `progress` was cancelled before a fold was done; a later cancellation keeps the folds that
/// are.
///
/// # Errors
/// [`Error::Length`], [`Error::Parameter`] for fewer than two folds or one without weight; what [`walk`] refuses.
pub fn cross_validate<T: Value + Into<f64>, P: Penalty<f64>>(
    task: &Task<'_, T>,
    penalty: impl Fn(f64) -> P,
    lambdas: &[f64],
    fold: &[u32],
    right: Option<&dyn Fn(usize, f64) -> bool>,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Option<CrossValidation>> {
    check("weights", &task.weights, task.design.rows(), "row")?;
    if fold.len() != task.design.rows() {
        return Err(Error::Length { what: "folds", found: fold.len(), expected: task.design.rows(), each: "row" });
    }
    let count = fold.iter().max().map_or(0, |&last| last as usize + 1);
    let mut shares = vec![0.0; count];
    fold.iter().zip(&task.weights).for_each(|(&k, a)| shares[k as usize] += a);
    if count < 2 || shares.iter().any(|share| *share <= 0.0) {
        let expected = "two or more, each with rows that have a weight";
        return Err(Error::Parameter { name: "folds", found: format!("{count} of weights {shares:?}"), expected });
    }
    progress.start("cv", (count * lambdas.len()) as u64);
    let mut scores: Vec<Vec<Score>> = Vec::with_capacity(count);
    for k in 0..count {
        let part = |held: bool| {
            let of = |(&row, &a): (&u32, &f64)| if (row as usize == k) == held { a } else { 0.0 };
            (task.loss)(&fold.iter().zip(&task.weights).map(of).collect::<Vec<f64>>())
        };
        let (train, held) = (part(false)?, part(true)?);
        let mut of_fold = Vec::with_capacity(lambdas.len());
        let problem = task.problem(&*train, penalty(lambdas.first().copied().unwrap_or(0.0)))?;
        walk(problem, &penalty, Some(lambdas), options, &mut |_, fit| {
            let eta = task.eta(&fit);
            let hits = right.map_or(0.0, |right| {
                held.weights().iter().enumerate().filter(|(i, a)| **a > 0.0 && right(*i, eta[*i])).map(|(_, a)| a).sum()
            });
            of_fold.push((deviance(&*held, &eta), hits));
            progress.advance((k * lambdas.len() + of_fold.len()) as u64, &format!("fold {}/{count}", k + 1));
            if progress.cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if of_fold.len() < lambdas.len() {
            break;
        }
        scores.push(of_fold);
        if progress.cancelled() {
            break;
        }
    }
    progress.finish();
    Ok(summary(lambdas, &scores, &shares, right.is_some()))
}

/// Means over folds, weighted as their rows are.
fn summary(lambdas: &[f64], scores: &[Vec<Score>], shares: &[f64], classes: bool) -> Option<CrossValidation> {
    let shares = &shares[..scores.len()];
    let whole: f64 = shares.iter().sum();
    let mean = |of: &dyn Fn(&Vec<Score>) -> f64| {
        scores.iter().zip(shares).map(|(fold, share)| share / whole * of(fold)).sum::<f64>()
    };
    let held: Vec<Held> = (lambdas.iter().enumerate())
        .map(|(at, &lambda)| {
            let deviance = mean(&|fold| fold[at].0);
            let spread = mean(&|fold| (fold[at].0 - deviance).powi(2));
            let standard_error = (spread / (scores.len().max(2) - 1) as f64).sqrt();
            Held { lambda, deviance, standard_error, accuracy: classes.then(|| mean(&|fold| fold[at].1)) }
        })
        .collect();
    if scores.is_empty() {
        return None;
    }
    let best = (0..held.len()).min_by(|&a, &b| held[a].deviance.total_cmp(&held[b].deviance))?;
    let most = held[best].deviance + held[best].standard_error;
    let one_se = held.iter().position(|held| held.deviance <= most).unwrap_or(best);
    Some(CrossValidation { held, folds: scores.len(), best, one_se })
}
