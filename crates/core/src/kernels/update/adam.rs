//! Adam and AdamW.

use super::{AdamStep, Formula, MOST};
use crate::kernels::simd::Simd;

/// [`Rule::Adam`](super::Rule::Adam).
#[derive(Clone, Copy)]
pub(super) struct Adam(pub AdamStep);

impl Formula for Adam {
    const MOMENTS: usize = 2;
    #[inline(always)]
    unsafe fn step<S: Simd>(self, gradient: S::V, value: S::V, moments: [S::V; MOST]) -> (S::V, [S::V; MOST]) {
        let AdamStep { learning_rate, beta1, beta2, epsilon, correction1, correction2, .. } = self.0;
        // SAFETY: the caller's promise.
        unsafe {
            let gradient = S::fma(S::splat(self.0.coupled()), value, gradient);
            let first = S::fma(S::splat(beta1), moments[0], S::mul(S::splat(1.0 - beta1), gradient));
            let square = S::mul(S::mul(S::splat(1.0 - beta2), gradient), gradient);
            let second = S::fma(S::splat(beta2), moments[1], square);
            let root = S::fma(S::sqrt(second), S::splat(1.0 / correction2.sqrt()), S::splat(epsilon));
            let step = S::mul(S::splat(-learning_rate / correction1), S::div(first, root));
            (S::fma(S::splat(self.0.decay()), value, step), [first, second, moments[2], moments[3]])
        }
    }

    #[inline(always)]
    unsafe fn size<S: Simd>(self, [_, second, ..]: [S::V; MOST]) -> S::V {
        let AdamStep { learning_rate, epsilon, correction2, .. } = self.0;
        // SAFETY: the caller's promise.
        unsafe {
            let root = S::fma(S::sqrt(second), S::splat(1.0 / correction2.sqrt()), S::splat(epsilon));
            S::div(S::splat(learning_rate), root)
        }
    }
}
