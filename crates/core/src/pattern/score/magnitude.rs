//! Magnitude: small weights go first. Han et al., *Learning both weights and connections*, 2015.

use super::Score;

/// `|w|`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Magnitude;

impl Score for Magnitude {
    fn name(&self) -> &'static str {
        "magnitude"
    }

    fn score(&self, weight: f32, _gradient: f32, _input_norm: f32, _random: f32) -> f32 {
        weight.abs()
    }
}
