//! Activations whose derivative follows from their output.

use super::frame::{Formula, each};
use super::math;
use crate::kernels::simd::Simd;
use crate::matrix::Batch;

#[derive(Clone, Copy)]
struct Relu;

impl Formula<0> for Relu {
    #[inline(always)]
    unsafe fn at<S: Simd>(self, _: S::V, x: S::V, _: [S::V; 0]) -> S::V {
        // SAFETY: the caller's promise. The second operand wins where it is not a number.
        unsafe { S::max(S::zero(), x) }
    }
}

/// Backward of the ReLU (slope 0) and the leaky ReLU.
///
/// A product with 1 or the slope, as in [`Leaky`], because of a choice between a loaded vector and another the compiler
/// makes a masked store, which takes some processors 12 cycles.
#[derive(Clone, Copy)]
struct Gate {
    slope: f32,
}

impl Formula<1> for Gate {
    #[inline(always)]
    unsafe fn at<S: Simd>(self, _: S::V, dy: S::V, [y]: [S::V; 1]) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { S::mul(dy, S::if_positive(y, S::splat(1.0), S::splat(self.slope))) }
    }
}

#[derive(Clone, Copy)]
struct Leaky {
    slope: f32,
}

impl Formula<0> for Leaky {
    #[inline(always)]
    unsafe fn at<S: Simd>(self, _: S::V, x: S::V, _: [S::V; 0]) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { S::mul(x, S::if_positive(x, S::splat(1.0), S::splat(self.slope))) }
    }
}

#[derive(Clone, Copy)]
struct Tanh;

impl Formula<0> for Tanh {
    #[inline(always)]
    unsafe fn at<S: Simd>(self, _: S::V, x: S::V, _: [S::V; 0]) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { math::tanh::<S>(x) }
    }
}

impl Formula<1> for Tanh {
    #[inline(always)]
    unsafe fn at<S: Simd>(self, _: S::V, dy: S::V, [y]: [S::V; 1]) -> S::V {
        // SAFETY: the caller's promise. (1 − y)(1 + y) keeps the digits that 1 − y² loses near ±1.
        unsafe {
            let one = S::splat(1.0);
            S::mul(dy, S::mul(S::sub(one, y), S::add(one, y)))
        }
    }
}

#[derive(Clone, Copy)]
struct Sigmoid;

impl Formula<0> for Sigmoid {
    #[inline(always)]
    unsafe fn at<S: Simd>(self, _: S::V, x: S::V, _: [S::V; 0]) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { math::logistic::<S>(x) }
    }
}

impl Formula<1> for Sigmoid {
    #[inline(always)]
    unsafe fn at<S: Simd>(self, _: S::V, dy: S::V, [y]: [S::V; 1]) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { S::mul(dy, S::mul(y, S::sub(S::splat(1.0), y))) }
    }
}

/// `y ← max(y, 0)`.
pub fn relu(y: &mut Batch) {
    each(Relu, &[], y, [], None);
}

/// `dy ← dy` where `y > 0`, else 0; `y` is the output of [`relu`].
///
/// # Panics
/// Unless both have the same shape, as all backward functions.
pub fn relu_backward(y: &Batch, dy: &mut Batch) {
    each(Gate { slope: 0.0 }, &[], dy, [y], None);
}

/// [`relu_backward`], and `out[j] ← Σ_s dy[j, s]` of the new `dy` in the same pass: the gradient of the bias below.
///
/// # Panics
/// Unless both batches have the same shape, and `out` one number for each feature.
pub fn relu_backward_row_sums(y: &Batch, dy: &mut Batch, out: &mut [f32]) {
    each(Gate { slope: 0.0 }, &[], dy, [y], Some(out));
}

/// `y ← y` where `y > 0`, else `slope·y`. With `slope ≥ 0`, the sign of the output tells the derivative.
pub fn leaky_relu(y: &mut Batch, slope: f32) {
    each(Leaky { slope }, &[], y, [], None);
}

/// `dy ← dy` where `y > 0`, else `slope·dy`; `y` is the output of [`leaky_relu`].
///
/// # Panics
/// Unless both have the same shape.
pub fn leaky_relu_backward(y: &Batch, dy: &mut Batch, slope: f32) {
    each(Gate { slope }, &[], dy, [y], None);
}

/// `y ← tanh y`.
pub fn tanh(y: &mut Batch) {
    each::<0, _>(Tanh, &[], y, [], None);
}

/// `dy ← dy·(1 − y²)`; `y` is the output of [`tanh()`].
///
/// # Panics
/// Unless both have the same shape.
pub fn tanh_backward(y: &Batch, dy: &mut Batch) {
    each(Tanh, &[], dy, [y], None);
}

/// `y ← 1/(1 + e⁻ʸ)`.
pub fn sigmoid(y: &mut Batch) {
    each::<0, _>(Sigmoid, &[], y, [], None);
}

/// `dy ← dy·y·(1 − y)`; `y` is the output of [`sigmoid`].
///
/// # Panics
/// Unless both have the same shape.
pub fn sigmoid_backward(y: &Batch, dy: &mut Batch) {
    each(Sigmoid, &[], dy, [y], None);
}
