//! RMSprop, with or without momentum.

use super::{Formula, MOST, Rule};
use crate::kernels::simd::Simd;

/// [`Rule::RmsProp`] with `M` moments.
#[derive(Clone, Copy)]
pub(super) struct RmsProp<const M: usize>(pub Rule);

impl<const M: usize> Formula for RmsProp<M> {
    const MOMENTS: usize = M;
    #[inline(always)]
    unsafe fn step<S: Simd>(self, gradient: S::V, value: S::V, moments: [S::V; MOST]) -> (S::V, [S::V; MOST]) {
        let Rule::RmsProp { learning_rate, alpha, momentum, epsilon, weight_decay } = self.0 else { unreachable!() };
        // SAFETY: the caller's promise.
        unsafe {
            let gradient = S::fma(S::splat(weight_decay), value, gradient);
            let square = S::mul(S::mul(S::splat(1.0 - alpha), gradient), gradient);
            let second = S::fma(S::splat(alpha), moments[0], square);
            let mut step = S::div(gradient, S::add(S::sqrt(second), S::splat(epsilon)));
            let mut moment = moments[1];
            if M > 1 {
                moment = S::fma(S::splat(momentum), moment, step);
                step = moment;
            }
            (S::fma(S::splat(-learning_rate), step, value), [second, moment, moments[2], moments[3]])
        }
    }

    #[inline(always)]
    unsafe fn size<S: Simd>(self, [second, ..]: [S::V; MOST]) -> S::V {
        let Rule::RmsProp { learning_rate, epsilon, .. } = self.0 else { unreachable!() };
        // SAFETY: the caller's promise.
        unsafe { S::div(S::splat(learning_rate), S::add(S::sqrt(second), S::splat(epsilon))) }
    }
}
