//! The formulas that an optimizer can have, with their constants.

use super::{find, in_range};
use crate::{Error, Result};
use rarefy_core::kernels::update::{AdamStep, Rule};

/// A formula and its constants; see [`rarefy_core::kernels::update`] for what they mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Stochastic gradient descent.
    Sgd {
        /// Share of the last step that is taken again, in `0..1`.
        momentum: f32,
        /// Whether to look ahead along the momentum.
        nesterov: bool,
    },
    /// Adam.
    Adam {
        /// Memory of the gradient's mean, in `0..1`.
        beta1: f32,
        /// Memory of the gradient's square, in `0..1`.
        beta2: f32,
        /// Added to the root of the square, above 0.
        epsilon: f32,
    },
    /// Adam with decoupled weight decay.
    AdamW {
        /// As in Adam.
        beta1: f32,
        /// As in Adam.
        beta2: f32,
        /// As in Adam.
        epsilon: f32,
    },
    /// RMSprop.
    RmsProp {
        /// Memory of the gradient's square, in `0..1`.
        alpha: f32,
        /// Share of the last step that is taken again, in `0..1`.
        momentum: f32,
        /// Added to the root of the square, above 0.
        epsilon: f32,
    },
}

impl Kind {
    /// The kind of this name, with PyTorch's constants.
    ///
    /// # Errors
    /// [`Error::Setting`] listing the names that exist.
    pub fn named(name: &str) -> Result<Self> {
        find(name).map(|entry| entry.kind)
    }

    /// The name in recipes.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Sgd { .. } => "sgd",
            Kind::Adam { .. } => "adam",
            Kind::AdamW { .. } => "adamw",
            Kind::RmsProp { .. } => "rmsprop",
        }
    }

    /// The formula with the numbers of step `step` (from 0).
    pub(super) fn rule(&self, learning_rate: f32, weight_decay: f32, step: u64) -> Rule {
        match *self {
            Kind::Sgd { momentum, nesterov } => Rule::Sgd { learning_rate, momentum, nesterov, weight_decay },
            Kind::Adam { beta1, beta2, epsilon } | Kind::AdamW { beta1, beta2, epsilon } => Rule::Adam(AdamStep {
                learning_rate,
                beta1,
                beta2,
                epsilon,
                weight_decay,
                decoupled: matches!(self, Kind::AdamW { .. }),
                correction1: correction(beta1, step),
                correction2: correction(beta2, step),
            }),
            Kind::RmsProp { alpha, momentum, epsilon } => {
                Rule::RmsProp { learning_rate, alpha, momentum, epsilon, weight_decay }
            }
        }
    }

    /// Checks every constant.
    pub(super) fn check(&self) -> Result<()> {
        let share = |name, found| in_range(name, found, |x| (0.0..1.0).contains(&x), "0 or above, and below 1");
        let above_zero = |name, found| in_range(name, found, |x| x > 0.0, "a finite number above 0");
        match *self {
            Kind::Sgd { momentum, nesterov } => {
                share("momentum", momentum)?;
                if nesterov && momentum == 0.0 {
                    let expected = "false, or a momentum above 0 along which to look ahead".to_owned();
                    return Err(Error::Setting { name: "nesterov", found: "true".to_owned(), expected });
                }
                Ok(())
            }
            Kind::Adam { beta1, beta2, epsilon } | Kind::AdamW { beta1, beta2, epsilon } => {
                share("beta1", beta1)?;
                share("beta2", beta2)?;
                above_zero("epsilon", epsilon)
            }
            Kind::RmsProp { alpha, momentum, epsilon } => {
                share("alpha", alpha)?;
                share("momentum", momentum)?;
                above_zero("epsilon", epsilon)
            }
        }
    }
}

/// `1 − βᵗ` with `t = step + 1`: what the running mean of a constant 1 has reached after that many steps from 0.
fn correction(beta: f32, step: u64) -> f32 {
    (1.0 - f64::from(beta).powf(step as f64 + 1.0)) as f32
}
