//! Sparse weight × sparse batch: the first layer of a network on sparse data.
//!
//! With `W` (`rows × cols`, sparse) and a [`SparseBatch`] `X` (`cols × n`), whose *active* features are those that some
//! sample has:
//!
//! * [`forward`]: `Y = W X`
//! * [`backward`]: `dW = dY Xᵀ` on the pattern of `W`, each entry handed to the optimizer at once or added to a gradient. Data
//!   need no gradient, so there is no `dX`.
//!
//! Cost: `2·Σ nnz(X[j, :])·nnz(W[:, j])` floating-point operations over the active features `j`, and `rows·n` to turn the
//! dense side round: both passes want it sample by sample, where one sample's numbers share a few cache lines, while the
//! rows of a feature-major batch are a line each. With `lazy`, columns of features that are not active cost nothing, not even
//! their optimizer; without, their gradient is zero and the optimizer runs on them (momentum, decay).

mod backward;
mod batch;
mod forward;
pub mod reference;
#[cfg(test)]
mod tests;

pub use backward::backward;
pub use batch::SparseBatch;
pub use forward::forward;

use crate::kernels::simd::Simd;
use crate::kernels::sparse_dense::TwoWay;
use std::ops::Range;

/// The entries of column `j` of `W`.
fn column(weight: &TwoWay, j: u32) -> Range<usize> {
    weight.col_ptr()[j as usize] as usize..weight.col_ptr()[j as usize + 1] as usize
}

/// `to[rows[k]] += x · values[k]` for every entry of a column of `W`.
///
/// # Safety
/// The processor has the instruction set of `S`; row indices rise strictly and are below `to.len()`; there are as many values.
#[inline(always)]
unsafe fn scatter<S: Simd>(x: f32, rows: &[u32], values: &[f32], to: &mut [f32]) {
    // SAFETY: the caller's promise; a column as long as `to` holds every row once, in order.
    unsafe {
        if rows.len() == to.len() {
            return axpy::<S>(x, values, to);
        }
        for (k, &i) in rows.iter().enumerate() {
            let to = to.get_unchecked_mut(i as usize);
            *to = S::fma_one(x, *values.get_unchecked(k), *to);
        }
    }
}

/// `to[k] += x · from[rows[k]]` for every entry of a column of `W`.
///
/// # Safety
/// As [`scatter`], `from` and `to` in each other's place.
#[inline(always)]
unsafe fn collect<S: Simd>(x: f32, rows: &[u32], from: &[f32], to: &mut [f32]) {
    // SAFETY: as in `scatter`.
    unsafe {
        if rows.len() == from.len() {
            return axpy::<S>(x, from, to);
        }
        for (to, &i) in to.iter_mut().zip(rows) {
            *to = S::fma_one(x, *from.get_unchecked(i as usize), *to);
        }
    }
}

/// `to += x · from`.
///
/// # Safety
/// The processor has the instruction set of `S`, and `from` is as long as `to`.
#[inline(always)]
unsafe fn axpy<S: Simd>(x: f32, from: &[f32], to: &mut [f32]) {
    let n = to.len();
    let (from, to) = (from.as_ptr(), to.as_mut_ptr());
    // SAFETY: the caller's promise; whole vectors end at or before `n`, and the rest is masked.
    unsafe {
        let x = S::splat(x);
        let mut at = 0;
        while at + S::LANES <= n {
            S::store(to.add(at), S::fma(x, S::load(from.add(at)), S::load(to.add(at))));
            at += S::LANES;
        }
        let (from, to, rest) = (from.add(at), to.add(at), n - at);
        S::store_part(to, S::fma(x, S::load_part(from, rest), S::load_part(to, rest)), rest);
    }
}
