//! The Gaussian error linear unit, in its tanh form.
//!
//! `gelu(x) = x/2·(1 + tanh u)`, `u = √(2/π)·(x + 0.044715·x³)`; Hendrycks and Gimpel, *Gaussian error linear units*, 2016. It
//! differs from `x·Φ(x)` by less than 0.0005. Computed as `x·σ(2u)`, the same function without the cancellation for `x < 0`.

use super::frame::{Formula, each};
use super::math;
use crate::kernels::simd::Simd;
use crate::matrix::Batch;

/// `2·√(2/π)`
const SLOPE: f32 = 1.595_769;
/// `2·√(2/π)·0.044715`
const CUBIC: f32 = 0.071_354_814;

#[derive(Clone, Copy)]
struct Gelu;

impl Formula<1> for Gelu {
    #[inline(always)]
    unsafe fn at<S: Simd>(self, _: S::V, _: S::V, [x]: [S::V; 1]) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let slope = S::fma(S::splat(CUBIC), S::mul(x, x), S::splat(SLOPE));
            S::mul(x, math::logistic::<S>(S::mul(x, slope)))
        }
    }
}

#[derive(Clone, Copy)]
struct Backward;

impl Formula<2> for Backward {
    #[inline(always)]
    unsafe fn at<S: Simd>(self, _: S::V, _: S::V, [x, dy]: [S::V; 2]) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            // Beyond 20 the derivative is 0 or 1 to the last bit; the bound keeps infinity out of its second term.
            let x = S::min(S::splat(20.0), S::max(S::splat(-20.0), x));
            let square = S::mul(x, x);
            let s = math::logistic::<S>(S::mul(x, S::fma(S::splat(CUBIC), square, S::splat(SLOPE))));
            let bend = S::mul(x, S::fma(S::splat(3.0 * CUBIC), square, S::splat(SLOPE)));
            let rise = S::mul(s, S::sub(S::splat(1.0), s));
            S::mul(dy, S::fma(bend, rise, s))
        }
    }
}

/// `y ← gelu(x)`.
///
/// # Panics
/// Unless both have the same shape.
pub fn gelu(x: &Batch, y: &mut Batch) {
    each(Gelu, &[], y, [x], None);
}

/// `dx ← dy·gelu′(x)`.
///
/// # Panics
/// Unless all have the same shape.
pub fn gelu_backward(x: &Batch, dy: &Batch, dx: &mut Batch) {
    each(Backward, &[], dx, [x, dy], None);
}
