//! From row-major data to a feature-major batch, and back.
//!
//! With data `D` (`N × features`, row-major), a list of rows and a factor for each feature:
//!
//! * [`dense()`], [`bytes`]: `out[j, s] = factor[j] · D[rows[s], j]`, the padding of `out` zero
//! * [`transpose_out`]: `out[s · features + j] = batch[j, s]`
//!
//! Cost: one pass over the chosen rows. Squares of 8 × 8 or 16 × 16 are transposed in registers, the samples of a few
//! features at a time, so that writes fill whole cache lines; rows are fetched ahead, as their order is random.

pub mod reference;
#[cfg(test)]
mod tests;

use super::elementwise::{FLOATS, samples_per_task};
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::matrix::{Batch, DenseView};
use crate::parallel::{self, Shared};

/// What the features are multiplied by on their way into a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Factors<'a> {
    /// One number for all.
    One(f32),
    /// One number for each feature.
    Each(&'a [f32]),
}

impl Factors<'_> {
    /// The factor of feature `j`.
    #[inline(always)]
    pub fn of(&self, j: usize) -> f32 {
        match self {
            Factors::One(factor) => *factor,
            Factors::Each(factors) => factors[j],
        }
    }

    /// # Panics
    /// Unless there is a factor for each of `features`.
    pub(super) fn check(&self, features: usize) {
        if let Factors::Each(factors) = self {
            assert_eq!(factors.len(), features, "a factor for each feature");
        }
    }
}

/// `out[j, s] = factor[j] · data[rows[s], j]`.
///
/// # Panics
/// Unless `out` is `data.cols() × rows.len()`, the rows lie in the data, and every feature has a factor.
pub fn dense(data: DenseView<'_, f32>, rows: &[u32], factors: Factors<'_>, out: &mut Batch) {
    gather(data, rows, factors, out);
}

/// As [`dense()`], from bytes: the way of images, with a factor of 1/255 that brings them to `[0, 1]`.
///
/// # Panics
/// As [`dense()`].
pub fn bytes(data: DenseView<'_, u8>, rows: &[u32], factors: Factors<'_>, out: &mut Batch) {
    gather(data, rows, factors, out);
}

/// What a matrix can hold that goes into a batch.
trait Source: Copy + Default + Sync {
    /// `LANES` of them from `p`, as floats.
    ///
    /// # Safety
    /// As [`Simd::load`].
    unsafe fn load<S: Simd>(p: *const Self) -> S::V;
}

impl Source for f32 {
    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const f32) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { S::load(p) }
    }
}

impl Source for u8 {
    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const u8) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { S::load_bytes(p) }
    }
}

fn gather<T: Source>(data: DenseView<'_, T>, rows: &[u32], factors: Factors<'_>, out: &mut Batch) {
    assert_eq!((out.features(), out.len()), (data.cols(), rows.len()), "shape of the gathered batch");
    assert!(rows.iter().all(|&r| (r as usize) < data.rows()), "a row past the last of {}", data.rows());
    factors.check(data.cols());
    let (stride, width) = (out.stride(), out.width());
    let out = Shared::new(out.data_mut());
    parallel::run_chunks(data.cols(), (FLOATS / stride).next_multiple_of(16).max(16), |features| {
        // SAFETY: tasks own disjoint features, and the slice outlives the call.
        let out = unsafe { out.range(features.start * stride..features.end * stride) };
        dispatch(Gather { data, rows, factors, out, features, stride, width });
    });
}

/// Some features of all rows.
struct Gather<'a, T> {
    data: DenseView<'a, T>,
    rows: &'a [u32],
    factors: Factors<'a>,
    out: &'a mut [f32],
    features: std::ops::Range<usize>,
    stride: usize,
    width: usize,
}

impl<T: Source> Kernel for Gather<'_, T> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { data, rows, factors, out, features, stride, width } = self;
        let cols = data.cols();
        let from = |s: usize, j: usize| data.data()[rows[s] as usize * cols + j..].as_ptr();
        for s in 0..rows.len() {
            for j in features.clone().step_by(64 / size_of::<T>()) {
                // SAFETY: the processor has `S`.
                unsafe { S::prefetch(from(s, j).cast()) };
            }
        }
        for j in features.clone().step_by(S::LANES) {
            let some = (features.end - j).min(S::LANES);
            let to = out[(j - features.start) * stride..].as_mut_ptr();
            for at in (0..width).step_by(S::LANES) {
                // SAFETY: the processor has `S`; `some` features are left in the row; `at + LANES ≤ width ≤ stride`, and
                // `out` has `stride` floats for each feature of the task.
                unsafe {
                    let mut square = [S::zero(); 16];
                    let factor = |q: usize| S::splat(factors.of(j + q));
                    // Two ways, so that the one usually taken keeps the square in registers.
                    if some == S::LANES && at + S::LANES <= rows.len() {
                        for (s, v) in square.iter_mut().enumerate().take(S::LANES) {
                            let row = *rows.get_unchecked(at + s) as usize;
                            *v = T::load::<S>(data.data().as_ptr().add(row * cols + j));
                        }
                        S::transpose(&mut square);
                        for (q, v) in square.into_iter().enumerate().take(S::LANES) {
                            S::store(to.add(q * stride + at), S::mul(factor(q), v));
                        }
                    } else {
                        for (s, v) in (at..rows.len()).zip(&mut square[..S::LANES]) {
                            let mut padded = [T::default(); 16];
                            padded[..some].copy_from_slice(&data.row(rows[s] as usize)[j..j + some]);
                            *v = T::load::<S>(padded.as_ptr());
                        }
                        S::transpose(&mut square);
                        for (q, v) in square.into_iter().enumerate().take(some) {
                            S::store(to.add(q * stride + at), S::mul(factor(q), v));
                        }
                    }
                }
            }
        }
    }
}

/// `out[s · features + j] = batch[j, s]`: a batch as row-major samples.
///
/// # Panics
/// Unless `out` has `batch.len() · batch.features()` numbers.
pub fn transpose_out(batch: &Batch, out: &mut [f32]) {
    let features = batch.features();
    assert_eq!(out.len(), batch.len() * features, "room for {} samples of {features} features", batch.len());
    let out = Shared::new(out);
    parallel::run_chunks(batch.len(), samples_per_task(features), |samples| {
        // SAFETY: tasks own disjoint samples, and the slice outlives the call.
        let out = unsafe { out.range(samples.start * features..samples.end * features) };
        dispatch(TransposeOut { batch, samples, out });
    });
}

/// Some samples of all features; the first is a multiple of 16.
struct TransposeOut<'a> {
    batch: &'a Batch,
    samples: std::ops::Range<usize>,
    out: &'a mut [f32],
}

impl Kernel for TransposeOut<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { batch, samples, out } = self;
        let (features, stride) = (batch.features(), batch.stride());
        for at in samples.clone().step_by(S::LANES) {
            for j in (0..features).step_by(S::LANES) {
                let some = (features - j).min(S::LANES);
                // SAFETY: the processor has `S`; `at + LANES ≤ width ≤ stride`; `some` features are left, and `out` has
                // `features` floats for each sample of the task.
                unsafe {
                    let mut square = [S::zero(); 16];
                    let from = batch.data().as_ptr().add(j * stride + at);
                    let to = out.as_mut_ptr().add((at - samples.start) * features + j);
                    // Two ways, as in `Gather`.
                    if some == S::LANES && at + S::LANES <= samples.end {
                        for (q, v) in square.iter_mut().enumerate().take(S::LANES) {
                            *v = S::load(from.add(q * stride));
                        }
                        S::transpose(&mut square);
                        for (s, v) in square.into_iter().enumerate().take(S::LANES) {
                            S::store(to.add(s * features), v);
                        }
                    } else {
                        for (q, v) in square.iter_mut().take(some).enumerate() {
                            *v = S::load(from.add(q * stride));
                        }
                        S::transpose(&mut square);
                        for (s, v) in square.into_iter().enumerate().take(S::LANES.min(samples.end - at)) {
                            S::store_part(to.add(s * features), v, some);
                        }
                    }
                }
            }
        }
    }
}
