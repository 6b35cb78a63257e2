//! Prodigy: Adam whose learning rate is an estimate of the distance to the solution.

use super::adam::Adam;
use super::{Formula, MOST, Rule};
use crate::kernels::simd::Simd;

/// [`Rule::Prodigy`].
#[derive(Clone, Copy)]
pub(super) struct Prodigy(pub Rule);

impl Prodigy {
    /// Adam as it runs on `d·g`: `√v` grows with `d`, and `ε` has to as well.
    #[inline(always)]
    fn adam(self) -> Adam {
        let Rule::Prodigy {
            learning_rate,
            distance,
            beta1,
            beta2,
            epsilon,
            weight_decay,
            decoupled,
            correction1,
            correction2,
        } = self.0
        else {
            unreachable!()
        };
        Adam(Rule::Adam {
            learning_rate,
            beta1,
            beta2,
            epsilon: distance * epsilon,
            // Decay that is part of the gradient is in it already.
            weight_decay: if decoupled { weight_decay } else { 0.0 },
            decoupled,
            correction1,
            correction2,
        })
    }

    /// The gradient, with the decay that is a part of it.
    ///
    /// # Safety
    /// The processor has the instruction set of `S`.
    #[inline(always)]
    unsafe fn decayed<S: Simd>(self, gradient: S::V, value: S::V) -> S::V {
        let Rule::Prodigy { weight_decay, decoupled, .. } = self.0 else { unreachable!() };
        // SAFETY: the caller's promise.
        unsafe { S::fma(S::splat(if decoupled { 0.0 } else { weight_decay }), value, gradient) }
    }
}

impl Formula for Prodigy {
    const MOMENTS: usize = 4;
    const MOVED: usize = 3;
    const SUMS: bool = true;

    #[inline(always)]
    unsafe fn step<S: Simd>(self, gradient: S::V, value: S::V, moments: [S::V; MOST]) -> (S::V, [S::V; MOST]) {
        let Rule::Prodigy { distance, beta2, .. } = self.0 else { unreachable!() };
        // SAFETY: the caller's promise.
        unsafe {
            let scaled = S::mul(S::splat(distance), self.decayed::<S>(gradient, value));
            let (value, new) = self.adam().step::<S>(scaled, value, moments);
            let sum = S::fma(S::splat(beta2.sqrt()), moments[2], S::mul(S::splat(distance), scaled));
            (value, [new[0], new[1], sum, moments[3]])
        }
    }

    #[inline(always)]
    unsafe fn size<S: Simd>(self, moments: [S::V; MOST]) -> S::V {
        let Rule::Prodigy { distance, .. } = self.0 else { unreachable!() };
        // SAFETY: the caller's promise.
        unsafe { S::mul(S::splat(distance), self.adam().size::<S>(moments)) }
    }

    #[inline(always)]
    unsafe fn terms<S: Simd>(self, gradient: S::V, value: S::V, [_, _, sum, start]: [S::V; MOST]) -> [S::V; 2] {
        // SAFETY: the caller's promise.
        unsafe {
            let inner = S::mul(self.decayed::<S>(gradient, value), S::sub(start, value));
            [inner, S::max(sum, S::sub(S::zero(), sum))]
        }
    }
}
