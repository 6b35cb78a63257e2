//! Certificates: the duality gap, and the violation of stationarity.

use super::{Certificate, Problem, State};
use rarefy_core::matrix::Value;
use rarefy_core::penalty::Penalty;

/// A distance from the minimum, in the unit of the objective or of the gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Measure {
    Gap(f64),
    Violation(f64),
}

impl Measure {
    pub fn size(self) -> f64 {
        match self {
            Self::Gap(size) | Self::Violation(size) => size,
        }
    }

    /// Another size of the same kind.
    pub fn like(self, size: f64) -> Self {
        match self {
            Self::Gap(_) => Self::Gap(size),
            Self::Violation(_) => Self::Violation(size),
        }
    }
}

/// What a certificate is counted in.
pub(super) fn unit(state: &State, measure: Measure) -> f64 {
    let unit = match measure {
        Measure::Gap(_) => state.null.0.abs(),
        Measure::Violation(_) => state.null.1,
    };
    // Targets that a constant explains in full leave nothing to compare with.
    if unit > 0.0 { unit } else { 1.0 }
}

pub(super) fn certificate(state: &State, measure: Measure) -> Certificate {
    let size = measure.size() / unit(state, measure);
    match measure {
        Measure::Gap(_) => Certificate::Gap(size),
        Measure::Violation(_) => Certificate::Stationarity(size),
    }
}

/// How far `state` is from the minimum at most; `bound` is the best lower bound so far.
pub(super) fn measure<T: Value + Into<f64>, P: Penalty<f64>>(
    problem: &Problem<'_, T, P>,
    state: &State,
    objective: f64,
    bound: &mut f64,
) -> Measure {
    if problem.penalty.conjugate(&[0.0]).is_none() {
        let each = |(j, (&w, &score)): (usize, (&f64, &f64))| problem.violation(j, w, score);
        return Measure::Violation(state.w.iter().zip(&state.scores).enumerate().map(each).fold(0.0, f64::max));
    }
    let entries = || state.scores.iter().zip(&problem.factors).map(|(&score, &factor)| (score, factor));
    let unpenalised = entries().filter(|e| e.1 == 0.0).map(|e| e.0.abs()).fold(0.0, f64::max);
    // A dual point must be orthogonal to columns that are not penalised; near enough is rounding, farther gives no bound yet.
    if unpenalised > 1e-9 * state.null.1 {
        return Measure::Gap(f64::INFINITY.min(objective - *bound));
    }
    let penalised = || entries().filter(|e| e.1 > 0.0);
    let largest = penalised().map(|(score, factor)| score.abs() / factor).fold(0.0, f64::max);
    let feasible = (problem.penalty.threshold() / largest).min(1.0);
    let mut dual = vec![0.0; state.gradient.len()];
    for alpha in [feasible, 1.0] {
        let conjugate: f64 = penalised()
            .map(|(score, factor)| {
                factor
                    * problem
                        .penalty
                        .conjugate(&[shrunk(alpha * score / factor, alpha, largest)])
                        .unwrap_or(f64::INFINITY)
            })
            .sum();
        if conjugate.is_finite() && alpha.is_finite() {
            dual.iter_mut().zip(&state.gradient).for_each(|(dual, g)| *dual = alpha * g);
            let offset = problem.offset.as_ref().map_or(0.0, |o| o.iter().zip(&dual).map(|(o, d)| o * d).sum());
            *bound = bound.max(offset - problem.loss.conjugate(&dual) - conjugate);
        }
        if feasible == 1.0 {
            break;
        }
    }
    Measure::Gap((objective - *bound).max(0.0))
}

/// `score`, a hair nearer 0 if scaling has brought it to the edge, where rounding decides whether the conjugate is 0 or infinite.
fn shrunk(score: f64, alpha: f64, largest: f64) -> f64 {
    if alpha < 1.0 && score.abs() >= alpha * largest * (1.0 - 1e-14) { score * (1.0 - 1e-14) } else { score }
}
