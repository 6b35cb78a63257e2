//! The proximal step of L1 and squares, in the metric of the optimizer.

use crate::kernels::simd::Simd;

/// A penalty `l1·|w| + l2/2·w²` on every value, taken as a proximal step after the optimizer's:
/// `w ← sign(w)·max(|w| − s·l1, 0)/(1 + s·l2)`, with the step size `s` of the value: `η` with SGD, `η/(√v̂ + ε)` with Adam,
/// `η/(√v + ε)` with RMSprop. Small values become exact zeros.
///
/// Yun, Lozano and Yang, *Adaptive proximal gradient methods for structured neural networks*, 2021, for the metric.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Prox {
    /// What multiplies `|w|`, 0 or above, in the unit of the gradient.
    pub l1: f32,
    /// What multiplies `w²/2`, 0 or above.
    pub l2: f32,
}

impl Prox {
    /// No penalty.
    pub const NONE: Self = Self { l1: 0.0, l2: 0.0 };

    /// The step for a vector of values of these step sizes. What is no number stays none.
    ///
    /// # Safety
    /// The processor has the instruction set of `S`.
    #[inline(always)]
    pub(super) unsafe fn step<S: Simd>(self, value: S::V, size: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let threshold = S::mul(size, S::splat(self.l1));
            // `max` gives its second operand where the first is no number: the difference then is none either.
            let clamped = S::min(S::max(value, S::sub(S::zero(), threshold)), threshold);
            let shrink = S::fma(size, S::splat(self.l2), S::splat(1.0));
            S::div(S::sub(value, clamped), shrink)
        }
    }
}
