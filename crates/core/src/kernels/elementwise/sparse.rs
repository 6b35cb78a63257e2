//! Activations that are zero up to a threshold.

use super::frame::{Formula, each};
use super::math;
use crate::kernels::simd::Simd;
use crate::matrix::Batch;

#[derive(Clone, Copy)]
struct SparseRelu {
    threshold: f32,
}

impl Formula<0> for SparseRelu {
    #[inline(always)]
    unsafe fn at<S: Simd>(self, _: S::V, x: S::V, _: [S::V; 0]) -> S::V {
        // SAFETY: the caller's promise. A product keeps what is not a number.
        unsafe {
            let over = S::sub(x, S::splat(self.threshold));
            S::mul(x, S::if_positive(over, S::splat(1.0), S::zero()))
        }
    }
}

#[derive(Clone, Copy)]
struct SparseTanh {
    threshold: f32,
    /// What is taken off the size of the input: the threshold, or nothing.
    shift: f32,
}

impl Formula<0> for SparseTanh {
    #[inline(always)]
    unsafe fn at<S: Simd>(self, _: S::V, x: S::V, _: [S::V; 0]) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let (zero, shift) = (S::zero(), S::splat(self.shift));
            let size = S::max(S::sub(zero, x), x);
            let inner = S::sub(x, S::if_positive(x, shift, S::sub(zero, shift)));
            let gate = S::if_positive(S::sub(size, S::splat(self.threshold)), S::splat(1.0), zero);
            S::mul(math::tanh::<S>(inner), gate)
        }
    }
}

/// Backward of both forms of the sparse tanh.
#[derive(Clone, Copy)]
struct Gated;

impl Formula<1> for Gated {
    #[inline(always)]
    unsafe fn at<S: Simd>(self, _: S::V, dy: S::V, [y]: [S::V; 1]) -> S::V {
        // SAFETY: the caller's promise. (1 − y)(1 + y) keeps the digits that 1 − y² loses near ±1.
        unsafe {
            let (zero, one) = (S::zero(), S::splat(1.0));
            let gate = S::if_positive(S::max(S::sub(zero, y), y), one, zero);
            S::mul(S::mul(dy, gate), S::mul(S::sub(one, y), S::add(one, y)))
        }
    }
}

/// `y ← y` where `y > threshold`, else 0. With a threshold of 0 or above, its backward pass is
/// [`relu_backward`](super::relu_backward).
pub fn sparse_relu(y: &mut Batch, threshold: f32) {
    each(SparseRelu { threshold }, &[], y, [], None);
}

/// `y ← tanh y` where `|y| > threshold`, else 0; if `soft`, `y ← tanh(sign(y)·max(|y| − threshold, 0))`, which has no jump.
pub fn sparse_tanh(y: &mut Batch, threshold: f32, soft: bool) {
    each(SparseTanh { threshold, shift: if soft { threshold } else { 0.0 } }, &[], y, [], None);
}

/// `dy ← dy·(1 − y²)` where `y ≠ 0`, else 0; `y` is the output of [`sparse_tanh`], in either form.
///
/// # Panics
/// Unless both have the same shape.
pub fn sparse_tanh_backward(y: &Batch, dy: &mut Batch) {
    each(Gated, &[], dy, [y], None);
}
