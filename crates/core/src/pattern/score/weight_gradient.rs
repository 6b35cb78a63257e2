//! Saliency: how much the loss would change, to first order, without the weight. Lee, Ajanthan, Torr, *SNIP*, 2019.

use super::Score;

/// `|w · ∂loss/∂w|`; 0 where the entry is absent.
#[derive(Debug, Clone, Copy, Default)]
pub struct WeightGradient;

impl Score for WeightGradient {
    fn name(&self) -> &'static str {
        "weight-gradient"
    }

    fn score(&self, weight: f32, gradient: f32, _input_norm: f32, _random: f32) -> f32 {
        (weight * gradient).abs()
    }

    fn needs_gradient(&self) -> bool {
        true
    }
}
