//! Biases and their gradient.

use super::FLOATS;
use super::frame::{Formula, each};
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::matrix::Batch;
use crate::parallel::{self, Shared};

#[derive(Clone, Copy)]
struct Bias<const RELU: bool>;

impl<const RELU: bool> Formula<0> for Bias<RELU> {
    #[inline(always)]
    unsafe fn at<S: Simd>(self, row: S::V, out: S::V, _: [S::V; 0]) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let sum = S::add(out, row);
            if RELU { S::max(S::zero(), sum) } else { sum }
        }
    }
}

/// `y ← y + b`, one bias for each feature.
///
/// # Panics
/// Unless `bias` has one number for each feature.
pub fn add_bias(y: &mut Batch, bias: &[f32]) {
    assert_eq!(bias.len(), y.features(), "a bias for each feature");
    each(Bias::<false>, bias, y, [], None);
}

/// `y ← max(y + b, 0)`, one bias for each feature.
///
/// # Panics
/// As [`add_bias`].
pub fn add_bias_relu(y: &mut Batch, bias: &[f32]) {
    assert_eq!(bias.len(), y.features(), "a bias for each feature");
    each(Bias::<true>, bias, y, [], None);
}

/// `out[j] ← Σ_s dy[j, s]`: the gradient of a bias. The padding of `dy` must be zero.
///
/// # Panics
/// Unless `out` has one number for each feature.
pub fn row_sums(dy: &Batch, out: &mut [f32]) {
    assert_eq!(out.len(), dy.features(), "a sum for each feature");
    let out = Shared::new(out);
    parallel::run_chunks(dy.features(), (FLOATS / dy.stride()).max(1), |rows| {
        // SAFETY: tasks own disjoint rows, and the slice outlives the call.
        let out = unsafe { out.range(rows.clone()) };
        dispatch(Sums { dy, first: rows.start, out });
    });
}

/// The sums of rows `first..first + out.len()`.
struct Sums<'a> {
    dy: &'a Batch,
    first: usize,
    out: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (stride, width) = (self.dy.stride(), self.dy.width());
        for (row, out) in self.dy.data().chunks_exact(stride).skip(self.first).zip(self.out) {
            // SAFETY: the processor has `S`; `width` is a multiple of the lanes and at most `stride`.
            unsafe {
                let mut sum = S::zero();
                for at in (0..width).step_by(S::LANES) {
                    sum = S::add(sum, S::load(row.as_ptr().add(at)));
                }
                *out = S::sum(sum);
            }
        }
    }
}
