//! `exp`, `tanh`, the logistic function and `ln(1 + x)` on vectors.
//!
//! Polynomials and reductions are those of Cephes (Moshier 1989); results are within 2 units in the last place of the true
//! value (`tests` measure it over the whole range). What is not a number stays so.

use crate::kernels::simd::Simd;

/// `eˣ`: 0 below −104, infinite above 88.73, denormal numbers included.
///
/// `x = n·ln 2 + r` with `|r| ≤ ln 2 / 2`; `eʳ` by a polynomial; `2ⁿ` in two factors, so that neither end of the range
/// needs a branch.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
pub(in crate::kernels) unsafe fn exp<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        // The bound comes first: `min` and `max` return their second operand where one is not a number.
        let x = S::min(S::splat(89.0), S::max(S::splat(-104.0), x));
        let n = S::round(S::mul(x, S::splat(std::f32::consts::LOG2_E)));
        // ln 2 in two parts: the product of n and the first is exact.
        let r = S::fma(n, S::splat(-0.693_359_4), x);
        let r = S::fma(n, S::splat(2.121_944_4e-4), r);
        let mut p = S::splat(1.987_569_1e-4);
        for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            p = S::fma(p, r, S::splat(c));
        }
        let p = S::add(S::fma(p, S::mul(r, r), r), S::splat(1.0));
        let half = S::round(S::mul(n, S::splat(0.5)));
        S::mul(S::mul(p, S::exp2_whole(half)), S::exp2_whole(S::sub(n, half)))
    }
}

/// `1 / (1 + e⁻ˣ)`.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
pub(in crate::kernels) unsafe fn logistic<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let one = S::splat(1.0);
        S::div(one, S::add(one, exp::<S>(S::sub(S::zero(), x))))
    }
}

/// `tanh x`: a polynomial near zero, where the exponentials would cancel, and `1 − 2/(e^{2|x|} + 1)` beyond 0.625.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
pub(in crate::kernels) unsafe fn tanh<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let (zero, one, two) = (S::zero(), S::splat(1.0), S::splat(2.0));
        let size = S::max(S::sub(zero, x), x);
        let far = S::sub(one, S::div(two, S::add(exp::<S>(S::add(size, size)), one)));
        let far = S::if_positive(x, far, S::sub(zero, far));
        let z = S::mul(x, x);
        let mut p = S::splat(-5.704_988_7e-3);
        for c in [2.063_909e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1] {
            p = S::fma(p, z, S::splat(c));
        }
        let near = S::fma(S::mul(p, z), x, x);
        S::if_positive(S::sub(S::splat(0.625), size), near, far)
    }
}

/// `ln(1 + x)` for `x` in `[0, 1]`.
///
/// `2·artanh(s)` with `s = x/(2 + x) ≤ 1/3`, whose series gains a decimal digit a term: eight are enough.
///
/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
pub(in crate::kernels) unsafe fn ln_1p<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let s = S::div(x, S::add(S::splat(2.0), x));
        let z = S::mul(s, s);
        let mut p = S::splat(1.0 / 15.0);
        for odd in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
            p = S::fma(p, z, S::splat(1.0 / odd));
        }
        let s = S::add(s, s);
        S::fma(S::mul(p, z), s, s)
    }
}
