//! What a step sums over all values.

use super::super::simd::Simd;
use crate::parallel::{self, Shared};
use std::iter::Sum;
use std::ops::AddAssign;

/// What [`Rule::Prodigy`](super::Rule::Prodigy) finds in one step over all values; zeros for every other rule. Terms are added in an
/// order that does not depend on the number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sums {
    /// `Σ g·(x₀ − w)`, with the value `w` from before the step: how far descent has come, along the gradient.
    pub descent: f64,
    /// `Σ |s|`, after the step.
    pub length: f64,
}

impl Sums {
    /// Of all lanes.
    ///
    /// # Safety
    /// The processor has the instruction set of `S`.
    #[inline(always)]
    pub(super) unsafe fn of<S: Simd>([descent, length]: [S::V; 2]) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self { descent: f64::from(S::sum(descent)), length: f64::from(S::sum(length)) } }
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.descent += other.descent;
        self.length += other.length;
    }
}

impl Sum for Sums {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let mut sums = Self::default();
        all.for_each(|one| sums += one);
        sums
    }
}

/// As [`parallel::run`]: the sums of all tasks, added in the order of their numbers.
pub(crate) fn run_summed(tasks: usize, body: impl Fn(usize) -> Sums + Sync) -> Sums {
    let mut parts = vec![Sums::default(); tasks];
    let out = Shared::new(&mut parts);
    parallel::run(tasks, |task| {
        let sums = body(task);
        // SAFETY: each task has an element of its own, and the vector outlives the call.
        unsafe { out.range(task..task + 1)[0] = sums };
    });
    parts.into_iter().sum()
}
