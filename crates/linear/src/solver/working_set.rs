//! Which columns to solve for next.

use super::{Problem, State};
use rarefy_core::matrix::Value;
use rarefy_core::penalty::Penalty;

/// Columns of the first working set at least.
const FIRST: usize = 100;

/// How many times the columns that are needed a working set may have. (Of 2, 3, 4 and 6, the last was the fastest on sparse text and on dense
/// correlated columns, as only columns near the threshold are taken.)
const GROWTH: usize = 6;

/// Grows from one choice to the next.
pub(super) struct WorkingSet {
    size: usize,
}

impl WorkingSet {
    /// A set that begins with `expected` columns at least.
    pub fn new(expected: usize) -> Self {
        Self { size: expected.max(FIRST) }
    }

    /// The columns that are nonzero or not penalised, and those whose gradient is nearest to what would make them so, for their length; in order.
    pub fn choose<T: Value + Into<f64>, P: Penalty<f64>>(
        &mut self,
        problem: &Problem<'_, T, P>,
        state: &State,
    ) -> Vec<usize> {
        let edge = problem.penalty.threshold();
        let rank = |j: usize| {
            if state.w[j] != 0.0 || problem.factors[j] == 0.0 {
                return f64::NEG_INFINITY;
            }
            (problem.factors[j] * edge - state.scores[j].abs()) / state.norms[j]
        };
        let live = state.live.iter().map(|&j| j as usize).filter(|&j| state.norms[j] > 0.0);
        let mut ranked: Vec<(f64, usize)> = live.map(|j| (rank(j), j)).collect();
        let needed = ranked.iter().filter(|r| r.0 == f64::NEG_INFINITY).count();
        self.size = self.size.max(GROWTH * needed);
        if self.size < ranked.len() {
            ranked.select_nth_unstable_by(self.size - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            ranked.truncate(self.size);
        }
        let mut chosen: Vec<usize> = ranked.into_iter().map(|r| r.1).collect();
        chosen.sort_unstable();
        chosen
    }
}
