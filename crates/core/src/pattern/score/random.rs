//! Chance, as SET grows. Mocanu et al., *Scalable training of artificial neural networks with adaptive sparse
//! connectivity*, 2018.

use super::Score;

/// A uniform random number.
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

impl Score for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn score(&self, _weight: f32, _gradient: f32, _input_norm: f32, random: f32) -> f32 {
        random
    }
}
