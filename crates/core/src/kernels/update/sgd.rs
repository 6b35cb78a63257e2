//! Stochastic gradient descent with momentum, as PyTorch writes it.

use super::{Formula, MOST, Rule};
use crate::kernels::simd::Simd;

/// [`Rule::Sgd`] with `M` moments.
#[derive(Clone, Copy)]
pub(super) struct Sgd<const M: usize>(pub Rule);

impl<const M: usize> Formula for Sgd<M> {
    const MOMENTS: usize = M;
    #[inline(always)]
    unsafe fn step<S: Simd>(self, gradient: S::V, value: S::V, moments: [S::V; MOST]) -> (S::V, [S::V; MOST]) {
        let Rule::Sgd { learning_rate, momentum, nesterov, weight_decay } = self.0 else { unreachable!() };
        // SAFETY: the caller's promise.
        unsafe {
            let mut step = S::fma(S::splat(weight_decay), value, gradient);
            let mut moment = moments[0];
            if M > 0 {
                moment = S::fma(S::splat(momentum), moment, step);
                step = if nesterov { S::fma(S::splat(momentum), moment, step) } else { moment };
            }
            (S::fma(S::splat(-learning_rate), step, value), [moment, moments[1], moments[2], moments[3]])
        }
    }

    #[inline(always)]
    unsafe fn size<S: Simd>(self, _: [S::V; MOST]) -> S::V {
        let Rule::Sgd { learning_rate, .. } = self.0 else { unreachable!() };
        // SAFETY: the caller's promise.
        unsafe { S::splat(learning_rate) }
    }
}
