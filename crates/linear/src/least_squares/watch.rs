//! When methods stop.

use super::Options;
use rarefy_core::progress::Progress;

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The start is a solution.
    Exact,
    /// The gradient is as small as `atol` asks: the usual end.
    Gradient,
    /// The residual is as small as `atol` and `btol` ask: the system is consistent.
    Residual,
    /// The condition is past its limit. Not converged.
    Condition,
    /// Rounding leaves nothing to gain. Not converged.
    Precision,
    /// All iterations are used up. Not converged.
    Iterations,
    /// The caller stopped it. Not converged.
    Cancelled,
}

/// What stop rules look at. `condition` is NaN where it is not estimated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub residual: f64,
    pub gradient: f64,
    pub norm: f64,
    pub length: f64,
    pub condition: f64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub stop: Stop,
    pub iterations: usize,
    pub norm: Option<f64>,
    pub condition: Option<f64>,
}

/// Counts iterations, and says when to stop.
pub(super) struct Watch<'r> {
    atol: f64,
    btol: f64,
    condition_limit: f64,
    most: usize,
    /// `‖y‖`, weighted and centred.
    target: f64,
    /// `‖r‖` of the start.
    pub first: f64,
    pub iterations: usize,
    progress: &'r dyn Progress,
}

impl<'r> Watch<'r> {
    pub fn new(options: &Options<'_>, target: f64, progress: &'r dyn Progress) -> Self {
        let Options { atol, btol, condition_limit, iterations, .. } = *options;
        // What tolerances below the precision ask for cannot be told from rounding.
        let atol = atol.max(f64::EPSILON);
        Self { atol, btol, condition_limit, most: iterations, target, first: 0.0, iterations: 0, progress }
    }

    /// Whether the solution is as good as asked (rules 1 and 2 of Paige and Saunders).
    pub fn reached(&self, m: &Measured) -> Option<Stop> {
        // Of a residual that was this long, no shorter one can be told from 0.
        let rounding = f64::EPSILON * self.first;
        if m.gradient <= self.atol * m.norm * m.residual {
            Some(Stop::Gradient)
        } else if m.residual <= self.btol * self.target + self.atol * m.norm * m.length + rounding {
            Some(Stop::Residual)
        } else {
            None
        }
    }

    /// Counts an iteration; how the run ended, if it did.
    pub fn stop(&mut self, m: Measured) -> Option<Ended> {
        self.iterations += 1;
        self.progress.advance(self.iterations as u64, &format!("‖r‖ {:.4e}, ‖Aᵀr‖ {:.2e}", m.residual, m.gradient));
        // Rule 3; the condition of a matrix that is singular in this precision is past any limit.
        let singular = m.condition.recip() <= self.condition_limit.recip().max(f64::EPSILON);
        let limits = [
            (!m.residual.is_finite() || !m.gradient.is_finite(), Stop::Precision),
            (singular, Stop::Condition),
            (self.iterations >= self.most, Stop::Iterations),
            (self.progress.cancelled(), Stop::Cancelled),
        ];
        let stop = self.reached(&m).or_else(|| limits.into_iter().find_map(|(holds, stop)| holds.then_some(stop)))?;
        let condition = (!m.condition.is_nan()).then_some(m.condition);
        Some(Ended { norm: Some(m.norm), condition, ..self.end(stop) })
    }

    /// An end outside the rules.
    pub fn end(&self, stop: Stop) -> Ended {
        Ended { stop, iterations: self.iterations, norm: None, condition: None }
    }
}
