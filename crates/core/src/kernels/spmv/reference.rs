//! The loop as one would write it on paper.

use crate::matrix::{Axis, CompressedView, Value};

/// `y = A x`, one nonzero after the other; see [`spmv`](super::spmv).
///
/// # Panics
/// When `x` is shorter than `a` has columns, or `y` than it has rows.
pub fn spmv<A: Axis, T: Value>(a: CompressedView<'_, A, T>, x: &[T], y: &mut [T]) {
    y.fill(T::zero());
    for (row, col, value) in a.iter() {
        y[row] += value * x[col];
    }
}
