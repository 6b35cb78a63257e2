//! Penalties in training: what shrinks weights until they are zero, and how strongly.

use crate::{Error, Result};
use rarefy_core::kernels::update::Prox;
use rarefy_core::penalty::ElasticNet;

/// A penalty that makes weights zero while the network trains, up to [`Sparsity::until`](super::Sparsity::until); then the weights
/// that are left train on without it, which takes the bias out that shrinking put in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Penalty {
    /// Which one.
    pub kind: Shape,
    /// `λ`, or the radius of the ball; `None` leaves it to a controller that steers to
    /// [`Sparsity::density`](super::Sparsity::density). With a strength of its own that density is only the least.
    pub strength: Option<f64>,
}

/// The penalties of [`rarefy_core::penalty`] as networks have them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// `λ Σ|w|`, a proximal step inside the update.
    L1,
    /// `λ Σ(ρ|w| + (1−ρ)/2·w²)`, likewise.
    ElasticNet {
        /// `ρ`, above 0 and at most 1.
        l1_ratio: f64,
    },
    /// `λ Σ √n‖row‖` over the `n` weights into each neuron but those of the last layer: neurons go whole.
    GroupL1,
    /// `Σ|w| ≤ radius`, by projection after the step.
    L1Ball {
        /// One ball for all weights together, or each layer its own, in proportion to what its weights sum to at the first step.
        whole: bool,
    },
}

impl Penalty {
    /// Checks every number.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |name, found: f64, expected: &str| {
            Err(Error::Setting { name, found: found.to_string(), expected: expected.to_owned() })
        };
        match *self {
            Self { kind: Shape::ElasticNet { l1_ratio }, .. } if !(l1_ratio > 0.0 && l1_ratio <= 1.0) => {
                wrong("l1-ratio", l1_ratio, "above 0 and at most 1 (without L1 no weight becomes zero)")
            }
            Self { strength: Some(s), .. } if !(s >= 0.0 && s.is_finite()) => {
                wrong("strength of the penalty", s, "a finite number, 0 or above")
            }
            Self { kind: Shape::L1Ball { .. }, strength: Some(0.0) } => {
                wrong("radius", 0.0, "above 0 (a ball of radius 0 holds no network)")
            }
            _ => Ok(()),
        }
    }

    /// The proximal step inside the update at this strength; none for a penalty that is not separable.
    pub(super) fn prox(&self, strength: f64) -> Prox {
        let (l1, l2) = match self.kind {
            Shape::L1 => (strength, 0.0),
            Shape::ElasticNet { l1_ratio } => ElasticNet { lambda: strength, l1_ratio }.parts(),
            Shape::GroupL1 | Shape::L1Ball { .. } => (0.0, 0.0),
        };
        let finite = |x: f64| (x as f32).min(f32::MAX);
        Prox { l1: finite(l1), l2: finite(l2) }
    }
}
