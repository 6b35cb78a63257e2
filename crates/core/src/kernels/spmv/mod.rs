//! Sparse matrix × dense vector.
//!
//! With `A` (`rows × cols`, sparse, by rows or by columns), in `f32` or `f64`:
//!
//! * [`spmv`]: `y = A x`, `x` of `cols` numbers, `y` of `rows`
//! * [`spmv_transposed`]: `y = Aᵀ x`, `x` of `rows` numbers, `y` of `cols`
//!
//! `y` is overwritten. Entries that are not stored take no part, so they do not turn an infinite `x` into NaN.
//!
//! There are two loops, named after what they do along the major axis (rows of CSR, columns of CSC):
//! * *gather*, where the result lies along it (`A x` by rows, `Aᵀ x` by columns): each result is one sparse dot
//!   product. All threads; no memory.
//! * *scatter*, where the result lies across it (`A x` by columns, `Aᵀ x` by rows): each line adds to results
//!   anywhere. Up to 8 threads work on vectors of their own, which are then summed in a fixed order; that costs 8
//!   passes over the result, and is done only where the result is short against the nonzeros. Otherwise one thread
//!   works alone. Who multiplies often by a wide matrix converts it once, in `O(nnz + rows + cols)`, and gathers.
//!
//! Cost: `2·nnz` operations either way. How the work is cut depends on shape and `nnz` only, so the number of threads
//! does not change a bit of the result. No instruction set is special either: loading `x` one number at a time into
//! four sums takes 0.39–0.65 ns a nonzero, the gather instruction of AVX2 0.63–1.0 (1024² to 16384², 1–10 % dense,
//! AMD EPYC).
//!
//! ```
//! use rarefy_core::{kernels::spmv::spmv, matrix::Csr};
//! let a = Csr::from_triplets(2, 3, &[(0, 0, 1.0f32), (0, 2, 2.0), (1, 1, 3.0)])?;
//! let mut y = [0.0; 2];
//! spmv(a.view(), &[1.0, 10.0, 100.0], &mut y)?;
//! assert_eq!(y, [201.0, 30.0]);
//! # Ok::<(), rarefy_core::Error>(())
//! ```

pub mod reference;
#[cfg(test)]
mod tests;

use crate::matrix::{Axis, CompressedView, Value, try_vec};
use crate::parallel::{Shared, run, run_chunks};
use crate::{Error, Result};
use std::ops::Range;

/// Nonzeros and lines in a task: some 10 µs, ten times what handing a task out costs.
const TASK: usize = 1 << 14;
/// Most vectors of partial results that a scatter keeps.
const PARTS: usize = 8;

/// `y = A x`.
///
/// # Errors
/// [`Error::Length`] unless `x` has `cols` and `y` has `rows` numbers; [`Error::Memory`] when a scatter's partial
/// results cannot be held.
pub fn spmv<A: Axis, T: Value>(a: CompressedView<'_, A, T>, x: &[T], y: &mut [T]) -> Result<()> {
    check_len("x", x.len(), a.cols())?;
    check_len("y", y.len(), a.rows())?;
    if A::BY_ROW {
        gather(a, x, y);
        Ok(())
    } else {
        scatter(a, x, y)
    }
}

/// `y = Aᵀ x`.
///
/// # Errors
/// As [`spmv`], with `rows` and `cols` exchanged.
pub fn spmv_transposed<A: Axis, T: Value>(a: CompressedView<'_, A, T>, x: &[T], y: &mut [T]) -> Result<()> {
    spmv(a.transpose_view(), x, y)
}

fn check_len(what: &'static str, found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::Length { what, found, expected }) }
}

/// Tasks that `a` is worth.
fn tasks<A: Axis, T: Value>(a: CompressedView<'_, A, T>) -> usize {
    (a.nnz() + a.dims().0).div_ceil(TASK)
}

/// The major lines of part `part` of `parts`, cut so that nonzeros and lines together are the same in each.
fn lines<A: Axis, T: Value>(a: CompressedView<'_, A, T>, part: usize, parts: usize) -> Range<usize> {
    let (major, _) = a.dims();
    let cut = |part: usize| {
        let work = ((a.nnz() + major) as u128 * part as u128 / parts as u128) as usize;
        let (mut low, mut high) = (0, major);
        while low < high {
            let mid = low + (high - low) / 2;
            if a.indptr()[mid] as usize + mid < work { low = mid + 1 } else { high = mid }
        }
        low
    };
    cut(part)..if part + 1 == parts { major } else { cut(part + 1) }
}

/// `y[i] = Σ a[i, j] x[j]` over the major axis `i`; lengths have been checked.
fn gather<A: Axis, T: Value>(a: CompressedView<'_, A, T>, x: &[T], y: &mut [T]) {
    let (parts, y) = (tasks(a), Shared::new(y));
    run(parts, |part| {
        let lines = lines(a, part, parts);
        // SAFETY: parts have no line in common, and `y` outlives `run`.
        let y = unsafe { y.range(lines.clone()) };
        for (y, i) in y.iter_mut().zip(lines) {
            let (indices, values) = a.line(i);
            // SAFETY: indices stay below the minor dimension, which is the length of `x`.
            *y = unsafe { dot(indices, values, x) };
        }
    });
}

/// `Σ values[k] x[indices[k]]`, in four sums: one would wait for each addition before the next.
///
/// # Safety
/// Every index is below `x.len()`.
#[inline]
unsafe fn dot<T: Value>(indices: &[u32], values: &[T], x: &[T]) -> T {
    let mut sums = [T::zero(); 4];
    let (quads, rest) = indices.as_chunks::<4>();
    let (value_quads, value_rest) = values.as_chunks::<4>();
    for (indices, values) in quads.iter().zip(value_quads) {
        for lane in 0..4 {
            // SAFETY: the caller's promise.
            sums[lane] += values[lane] * unsafe { *x.get_unchecked(indices[lane] as usize) };
        }
    }
    let mut sum = (sums[0] + sums[2]) + (sums[1] + sums[3]);
    for (&j, &value) in rest.iter().zip(value_rest) {
        sum += value * x[j as usize];
    }
    sum
}

/// `y[j] = Σ a[i, j] x[i]` over the minor axis `j`; lengths have been checked.
fn scatter<A: Axis, T: Value>(a: CompressedView<'_, A, T>, x: &[T], y: &mut [T]) -> Result<()> {
    let (major, minor) = a.dims();
    let parts = tasks(a).min(PARTS);
    // Summing the parts reads and writes `parts · minor` numbers in order: half the nonzeros' worth is well spent.
    if parts <= 1 || minor.saturating_mul(parts) > a.nnz() / 2 {
        add_lines(a, 0..major, x, y);
        return Ok(());
    }
    let mut partial = try_vec("partial results", parts * minor, T::zero())?;
    let shared = Shared::new(&mut partial);
    run(parts, |part| {
        // SAFETY: each part has a stretch of its own, and `partial` outlives `run`.
        let y = unsafe { shared.range(part * minor..(part + 1) * minor) };
        add_lines(a, lines(a, part, parts), x, y);
    });
    let shared = Shared::new(y);
    run_chunks(minor, TASK, |range| {
        // SAFETY: chunks are disjoint, and `y` outlives `run_chunks`.
        let y = unsafe { shared.range(range.clone()) };
        y.copy_from_slice(&partial[range.clone()]);
        for part in 1..parts {
            let from = &partial[part * minor..][range.clone()];
            y.iter_mut().zip(from).for_each(|(y, &p)| *y += p);
        }
    });
    Ok(())
}

/// Sets `y` to `Σ x[i] a[i, ·]` over some major lines.
fn add_lines<A: Axis, T: Value>(a: CompressedView<'_, A, T>, lines: Range<usize>, x: &[T], y: &mut [T]) {
    y.fill(T::zero());
    for i in lines {
        let (indices, values) = a.line(i);
        for (&j, &value) in indices.iter().zip(values) {
            y[j as usize] += value * x[i];
        }
    }
}
