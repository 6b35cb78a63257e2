//! The loop as one would write it on paper.

use crate::matrix::{CsrView, Value};

/// `u ← F(Av − c) − αu` and `w ← AᵀFu`; see [`sweep`](super::sweep).
///
/// # Panics
/// When `v`, `w`, `u` or `factors` are shorter than `a` asks for.
pub fn sweep<T: Value + Into<f64>>(
    a: CsrView<'_, T>,
    factors: &[f64],
    c: f64,
    v: &[f64],
    alpha: f64,
    u: &mut [f64],
    w: &mut [f64],
) {
    u.iter_mut().zip(factors).for_each(|(u, f)| *u = -alpha * *u - f * c);
    a.iter().for_each(|(i, j, value)| u[i] += factors[i] * value.into() * v[j]);
    w.fill(0.0);
    a.iter().for_each(|(i, j, value)| w[j] += factors[i] * value.into() * u[i]);
}
