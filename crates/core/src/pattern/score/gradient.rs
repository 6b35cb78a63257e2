//! Gradient: where the loss would fall fastest, as RigL grows. Evci et al., *Rigging the lottery*, 2020.

use super::Score;

/// `|∂loss/∂w|`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gradient;

impl Score for Gradient {
    fn name(&self) -> &'static str {
        "gradient"
    }

    fn score(&self, _weight: f32, gradient: f32, _input_norm: f32, _random: f32) -> f32 {
        gradient.abs()
    }

    fn needs_gradient(&self) -> bool {
        true
    }
}
