//! Prodigy: Adam whose learning rate is an estimate of the distance to the solution.

use super::adam::Adam;
use super::{AdamStep, Formula, MOST};
use crate::kernels::simd::Simd;

/// [`Rule::Prodigy`](super::Rule::Prodigy).
#[derive(Clone, Copy)]
pub(super) struct Prodigy {
    pub adam: AdamStep,
    pub distance: f32,
}

impl Prodigy {
    /// Adam as it runs on `d·g`: `√v` grows with `d`, and `ε` has to as well. Decay that is part of the gradient is in it already.
    #[inline(always)]
    fn scaled(self) -> Adam {
        let adam = self.adam;
        let weight_decay = if adam.decoupled { adam.weight_decay } else { 0.0 };
        Adam(AdamStep { epsilon: self.distance * adam.epsilon, weight_decay, ..adam })
    }

    /// The gradient, with the decay that is a part of it.
    ///
    /// # Safety
    /// The processor has the instruction set of `S`.
    #[inline(always)]
    unsafe fn decayed<S: Simd>(self, gradient: S::V, value: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { S::fma(S::splat(self.adam.coupled()), value, gradient) }
    }
}

impl Formula for Prodigy {
    const MOMENTS: usize = 4;
    const MOVED: usize = 3;
    const SUMS: bool = true;

    #[inline(always)]
    unsafe fn step<S: Simd>(self, gradient: S::V, value: S::V, moments: [S::V; MOST]) -> (S::V, [S::V; MOST]) {
        // SAFETY: the caller's promise.
        unsafe {
            let distance = S::splat(self.distance);
            let scaled = S::mul(distance, self.decayed::<S>(gradient, value));
            let (value, new) = self.scaled().step::<S>(scaled, value, moments);
            let sum = S::fma(S::splat(self.adam.beta2.sqrt()), moments[2], S::mul(distance, scaled));
            (value, [new[0], new[1], sum, moments[3]])
        }
    }

    #[inline(always)]
    unsafe fn size<S: Simd>(self, moments: [S::V; MOST]) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { S::mul(S::splat(self.distance), self.scaled().size::<S>(moments)) }
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
