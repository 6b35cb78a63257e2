//! Both products of a bidiagonalisation, and the vector updates between them.
//!
//! With `A` (`rows × cols`, sparse, by rows, in `f32` or `f64`), factors `F = diag(f)` of its rows, and vectors in `f64`:
//!
//! * [`forward`]: `u ← F(Av − c) − αu`
//! * [`sweep`]: that, and `w ← AᵀFu` with the new `u`, in one pass over the nonzeros
//! * [`each`]: any update of vectors that lie side by side, and a sum over them
//!
//! Golub and Kahan's process, conjugate gradients on normal equations and gradient steps all need `Aᵀ` times what `A` times something has just
//! given. A row's part of both products takes the same nonzeros, so that [`sweep`] reads them once from memory, and needs no second copy of `A`
//! by columns. Where `v` is read, `w` is added to: both lie in one array of pairs, and one cache line serves both.
//!
//! Rows are cut into [`parts`] by size, each with pairs of its own that are summed in order: the number of threads does not change a bit. A part costs
//! two passes over pairs, and pays where there are many more nonzeros than columns. Elsewhere, `forward` with `A` by rows and again with `A`
//! by columns (the rows of `Aᵀ`) makes both products on any number of threads.
//!
//! ```
//! use rarefy_core::{kernels::sweep::{Workspace, sweep}, matrix::Csr};
//! let a = Csr::from_triplets(2, 3, &[(0, 0, 1.0f32), (0, 2, 2.0), (1, 1, 3.0)])?;
//! let (mut u, mut w) = ([1.0, 1.0], [0.0; 3]);
//! let sums = sweep(a.view(), None, 0.0, &[1.0, 10.0, 100.0], 1.0, &mut u, &mut w, &mut Workspace::new(a.view())?)?;
//! assert_eq!((u, w), ([200.0, 29.0], [200.0, 87.0, 400.0]));
//! assert_eq!(sums.square, 200.0 * 200.0 + 29.0 * 29.0);
//! # Ok::<(), rarefy_core::Error>(())
//! ```

pub mod reference;
#[cfg(test)]
mod tests;
mod vectors;

pub use vectors::{each, square};

use super::simd::{Kernel, Simd, dispatch};
use crate::matrix::{CsrView, Value, try_vec};
use crate::parallel::{Shared, run, run_chunks};
use crate::{Error, Result};
use std::ops::Range;

/// Nonzeros and rows in a task of [`forward`]: some 10 µs, ten times what handing a task out costs.
const TASK: usize = 1 << 14;
/// Most parts of a [`sweep`].
const PARTS: usize = 16;
/// Nonzeros for each column and part: passing over the pairs of a part then costs less than a tenth of its nonzeros.
const WORTH: usize = 16;
/// Bytes of a vector from which on its numbers are asked for ahead of time: about what the second-level cache gives to it.
const LARGE: usize = 1 << 19;
/// How many nonzeros ahead: 32 and 64 are alike, 256 and none 25 % slower (50,000 columns, 11 nonzeros a row, AMD EPYC).
const AHEAD: usize = 32;

/// What a pass sums up on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sums {
    /// `‖u‖²`
    pub square: f64,
    /// `fᵀu`
    pub along: f64,
}

/// The pairs of a [`sweep`]: 16 bytes a column and part.
#[derive(Debug, Clone)]
pub struct Workspace {
    pairs: Vec<[f64; 2]>,
    parts: usize,
}

impl Workspace {
    /// Room for sweeps of `a`.
    ///
    /// # Errors
    /// [`Error::Memory`] when there is none.
    pub fn new<T: Value>(a: CsrView<'_, T>) -> Result<Self> {
        let parts = parts(a.cols(), a.nnz());
        Ok(Self { pairs: try_vec("pairs of a sweep", parts * a.cols(), [0.0; 2])?, parts })
    }
}

/// The parts that a sweep over so many columns and nonzeros has: threads beyond that are idle.
pub fn parts(cols: usize, nnz: usize) -> usize {
    (nnz / (WORTH * cols.max(1))).min(nnz / TASK).clamp(1, PARTS)
}

/// `u ← F(Av − c) − αu`, on all threads; `F` is 1 where no factors are given.
///
/// # Errors
/// [`Error::Length`] unless `v` has a number a column, `u` and `factors` one a row.
pub fn forward<T: Value + Into<f64>>(
    a: CsrView<'_, T>,
    factors: Option<&[f64]>,
    c: f64,
    v: &[f64],
    alpha: f64,
    u: &mut [f64],
) -> Result<Sums> {
    check(&a, factors, v, u)?;
    let parts = (a.nnz() + a.rows()).div_ceil(TASK);
    let ahead = size_of_val(v) > LARGE;
    let mut sums = vec![Sums::default(); parts];
    let (shared, shared_sums) = (Shared::new(u), Shared::new(&mut sums));
    run(parts, |part| {
        let rows = rows(&a, part, parts);
        // SAFETY: parts have no row in common, and `u` outlives `run`.
        let u = unsafe { shared.range(rows.clone()) };
        let mut sum = Sums::default();
        for (u, i) in u.iter_mut().zip(rows) {
            if ahead {
                ask_ahead(&a, i, v);
            }
            let (indices, values) = a.line(i);
            let factor = factors.map_or(1.0, |f| f[i]);
            // SAFETY: indices stay below the number of columns, which is the length of `v`.
            let dot = dot(indices, values, |j| unsafe { *v.get_unchecked(j) });
            *u = factor * (dot - c) - alpha * *u;
            sum.square += *u * *u;
            sum.along += factor * *u;
        }
        // SAFETY: each part has a sum of its own, and `sums` outlives `run`.
        unsafe { shared_sums.range(part..part + 1).copy_from_slice(&[sum]) };
    });
    Ok(total(&sums))
}

/// `u ← F(Av − c) − αu` and `w ← AᵀFu`, on as many threads as there are [`parts`].
///
/// # Errors
/// [`Error::Length`] unless `v` and `w` have a number a column, `u` and `factors` one a row, and `work` is that of a matrix of this size.
#[expect(clippy::too_many_arguments, reason = "one loop nest, whose operands all differ")]
pub fn sweep<T: Value + Into<f64>>(
    a: CsrView<'_, T>,
    factors: Option<&[f64]>,
    c: f64,
    v: &[f64],
    alpha: f64,
    u: &mut [f64],
    w: &mut [f64],
    work: &mut Workspace,
) -> Result<Sums> {
    check(&a, factors, v, u)?;
    let (cols, parts) = (a.cols(), work.parts);
    check_len("w", w.len(), cols)?;
    check_len("workspace", work.pairs.len(), parts * cols)?;
    let mut sums = [Sums::default(); PARTS];
    let (shared, pairs, shared_sums) = (Shared::new(u), Shared::new(&mut work.pairs), Shared::new(&mut sums));
    run(parts, |part| {
        let rows = rows(&a, part, parts);
        // SAFETY: parts have no row, no pair and no sum in common; all three arrays outlive `run`.
        let (u, pairs, sum) = unsafe {
            let sum = shared_sums.range(part..part + 1);
            (shared.range(rows.clone()), pairs.range(part * cols..(part + 1) * cols), sum)
        };
        pairs.iter_mut().zip(v).for_each(|(pair, &v)| *pair = [v, 0.0]);
        sum[0] = dispatch(Both { a, factors, c, alpha, rows, u, pairs });
    });
    let (pairs, shared) = (&work.pairs, Shared::new(w));
    run_chunks(cols, TASK, |range| {
        // SAFETY: chunks are disjoint, and `w` outlives the call.
        let w = unsafe { shared.range(range.clone()) };
        w.iter_mut().zip(&pairs[range.clone()]).for_each(|(w, pair)| *w = pair[1]);
        for part in 1..parts {
            w.iter_mut().zip(&pairs[part * cols..][range.clone()]).for_each(|(w, pair)| *w += pair[1]);
        }
    });
    Ok(total(&sums[..parts]))
}

/// The rows of one part: `u` is theirs alone, `pairs` has one of `(v, w)` for each column.
struct Both<'a, 'b, T> {
    a: CsrView<'a, T>,
    factors: Option<&'b [f64]>,
    c: f64,
    alpha: f64,
    rows: Range<usize>,
    u: &'b mut [f64],
    pairs: &'b mut [[f64; 2]],
}

impl<T: Value + Into<f64>> Kernel for Both<'_, '_, T> {
    type Output = Sums;

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> Sums {
        let Self { a, factors, c, alpha, rows, u, pairs } = self;
        let ahead = size_of_val(pairs) > LARGE;
        let mut sum = Sums::default();
        for (u, i) in u.iter_mut().zip(rows) {
            if ahead {
                ask_ahead(&a, i, pairs);
            }
            let (indices, values) = a.line(i);
            let factor = factors.map_or(1.0, |f| f[i]);
            // SAFETY: indices stay below the number of columns, and there is a pair for each.
            let dot = dot(indices, values, |j| unsafe { pairs.get_unchecked(j)[0] });
            *u = factor * (dot - c) - alpha * *u;
            let t = factor * *u;
            for (&j, &value) in indices.iter().zip(values) {
                // SAFETY: as above.
                unsafe { pairs.get_unchecked_mut(j as usize)[1] += value.into() * t };
            }
            sum.square += *u * *u;
            sum.along += t;
        }
        sum
    }
}

/// `Σ values[k] x(indices[k])`, in four sums: one would wait for each addition before the next.
#[inline(always)]
fn dot<T: Value + Into<f64>>(indices: &[u32], values: &[T], x: impl Fn(usize) -> f64) -> f64 {
    let mut sums = [0.0; 4];
    let (quads, rest) = indices.as_chunks::<4>();
    let (value_quads, value_rest) = values.as_chunks::<4>();
    for (indices, values) in quads.iter().zip(value_quads) {
        for lane in 0..4 {
            sums[lane] += values[lane].into() * x(indices[lane] as usize);
        }
    }
    for (lane, (&j, &value)) in rest.iter().zip(value_rest).enumerate() {
        sums[lane] += value.into() * x(j as usize);
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

/// Asks for what a row will read that is [`AHEAD`] nonzeros further on. The order in which `x` is read is random, but known: without this, a
/// processor sees only some two rows of it ahead.
#[inline(always)]
fn ask_ahead<T: Value, X>(a: &CsrView<'_, T>, i: usize, x: &[X]) {
    let (start, end) = (a.indptr()[i] as usize + AHEAD, a.indptr()[i + 1] as usize + AHEAD);
    let nnz = a.nnz();
    for &j in &a.indices()[start.min(nnz)..end.min(nnz)] {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: needs nothing beyond x86-64; a prefetch of any address is harmless.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(x.as_ptr().wrapping_add(j as usize).cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (x, j);
    }
}

/// The rows of part `part` of `parts`, cut so that nonzeros and rows together are the same in each.
fn rows<T: Value>(a: &CsrView<'_, T>, part: usize, parts: usize) -> Range<usize> {
    let cut = |part: usize| {
        let work = ((a.nnz() + a.rows()) as u128 * part as u128 / parts as u128) as usize;
        let (mut low, mut high) = (0, a.rows());
        while low < high {
            let mid = low + (high - low) / 2;
            if a.indptr()[mid] as usize + mid < work { low = mid + 1 } else { high = mid }
        }
        low
    };
    cut(part)..if part + 1 == parts { a.rows() } else { cut(part + 1) }
}

fn total(sums: &[Sums]) -> Sums {
    sums.iter()
        .fold(Sums::default(), |total, sum| Sums { square: total.square + sum.square, along: total.along + sum.along })
}

fn check<T: Value>(a: &CsrView<'_, T>, factors: Option<&[f64]>, v: &[f64], u: &[f64]) -> Result<()> {
    check_len("v", v.len(), a.cols())?;
    check_len("u", u.len(), a.rows())?;
    factors.map_or(Ok(()), |f| check_len("factors", f.len(), a.rows()))
}

fn check_len(what: &'static str, found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::Length { what, found, expected }) }
}
