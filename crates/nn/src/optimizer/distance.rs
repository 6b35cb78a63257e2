//! An estimated learning rate.
//!
//! Adam moves each weight by about its learning rate in a step, so the right one is in proportion to the way there is to go: to
//! `‖x₀ − x*‖∞`, the largest distance of a weight from its start `x₀` to the solution `x*`. Prodigy estimates it from below. For a
//! convex loss, `Σₖ wₖ⟨gₖ, x₀ − x*⟩ ≤ ‖Σₖ wₖgₖ‖₁ · ‖x₀ − x*‖∞` for any weights `wₖ` of the steps, and the left side is at least
//! `Σₖ wₖ⟨gₖ, x₀ − xₖ⟩`. With `wₖ = dₖ²` the estimate is
//!
//! `r ← √β₂·r + γd²⟨g, x₀ − x⟩`, `s ← √β₂·s + d²g`, `d ← max(d, r/‖s‖₁)`,
//!
//! after every step, over all trainable numbers; older steps fade. It starts at [`SMALLEST`] and can only grow. The share `γ` of the
//! schedule (with Adam's bias correction) is in `r` alone, so that steps held back by a warm-up do not lift the estimate.
//!
//! A weight that grows begins at `x₀ = 0` without a sum. One that is dropped leaves `s`; what it gave to `r` fades.
//!
//! Mishchenko and Defazio, *Prodigy: an expeditiously adaptive parameter-free learner*, 2023 (arXiv 2306.06101), algorithm 4.

use rarefy_core::kernels::update::{Rule, Sums};

/// The estimate before the first step, the paper's: far below any rate of use, and left behind within some tens of steps.
pub const SMALLEST: f64 = 1e-6;

/// The estimate `d`, and what it is made of; all that a training has to keep of it, beside the moments of each number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    distance: f64,
    descent: f64,
}

impl Default for Distance {
    /// Before the first step.
    fn default() -> Self {
        Self { distance: SMALLEST, descent: 0.0 }
    }
}

impl Distance {
    /// The estimate, `d`.
    pub fn get(&self) -> f64 {
        self.distance
    }

    /// Takes in what a step of this rule has summed over all numbers. Nothing happens with rules that estimate nothing, and sums that are
    /// no numbers leave the estimate where it is.
    pub fn follow(&mut self, rule: &Rule, sums: Sums) {
        let Rule::Prodigy { adam, distance } = *rule else { return };
        let [rate, d, fade] = [adam.learning_rate, distance, adam.beta2.sqrt()].map(f64::from);
        let corrected = rate * f64::from(adam.correction2).sqrt() / f64::from(adam.correction1);
        self.descent = fade * self.descent + corrected * d * sums.descent;
        let estimate = self.descent / sums.length;
        if estimate.is_finite() {
            self.distance = self.distance.max(estimate);
        }
    }

    /// As numbers for a checkpoint.
    pub fn to_bits(&self) -> [u64; 2] {
        [self.distance, self.descent].map(f64::to_bits)
    }

    /// The other way round; `None` for numbers that cannot be.
    pub fn from_bits(bits: &[u64]) -> Option<Self> {
        let &[distance, descent] = bits else { return None };
        let [distance, descent] = [distance, descent].map(f64::from_bits);
        (distance >= SMALLEST && distance.is_finite() && descent.is_finite()).then_some(Self { distance, descent })
    }
}
