//! Certificates: the duality gap, and the violation of stationarity.

use super::scored::Scored;
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
    // Of all others it is known that they are at rest.
    let part = |of: &[f64]| state.live.iter().map(|&j| of[j as usize]).collect::<Vec<f64>>();
    let (factors, scores) = (part(&problem.factors), part(&state.scores));
    let scored = Scored { penalty: &problem.penalty, factors: &factors, scores: &scores };
    let dual = |alpha| problem.loss.scaled_conjugate(&state.eta, &state.gradient, alpha);
    if problem.penalty.conjugate(&[0.0]).is_none() || !state.dual {
        return Measure::Violation(scored.violation(&part(&state.w)));
    }
    // A dual point must be orthogonal to columns that are not penalised; near enough is rounding, farther gives no bound yet.
    if scored.free() <= 1e-9 * state.null.1 {
        let found = scored.bound(|alpha| {
            let product = |o: &Vec<f64>| o.iter().zip(&state.gradient).map(|(o, g)| alpha * o * g).sum();
            let offset: f64 = problem.offset.as_ref().map_or(0.0, product);
            offset - dual(alpha).unwrap_or(f64::INFINITY)
        });
        *bound = bound.max(found);
    }
    Measure::Gap((objective - *bound).max(0.0))
}
