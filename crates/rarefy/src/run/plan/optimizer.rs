//! The optimizer that a recipe asks for.

use rarefy_nn::Optimizer;
use rarefy_nn::optimizer::{Clip, Kind, Schedule, Shape};

use super::Role;
use crate::recipe::LearningRate;
use crate::{Recipe, Result};

/// The optimizer of a model.
pub(super) fn optimizer(recipe: &Recipe, role: Role) -> Result<Optimizer> {
    let train = &recipe.train;
    let usual = Optimizer::named(&train.optimizer)?;
    let or = |given: Option<f64>, usual: f32| given.map_or(usual, |x| x as f32);
    let kind = match usual.kind {
        Kind::Sgd { momentum, nesterov } => {
            Kind::Sgd { momentum: or(train.momentum, momentum), nesterov: train.nesterov.unwrap_or(nesterov) }
        }
        Kind::Adam { beta1, beta2, epsilon } => Kind::Adam {
            beta1: or(train.beta1, beta1),
            beta2: or(train.beta2, beta2),
            epsilon: or(train.epsilon, epsilon),
        },
        Kind::AdamW { beta1, beta2, epsilon } => Kind::AdamW {
            beta1: or(train.beta1, beta1),
            beta2: or(train.beta2, beta2),
            epsilon: or(train.epsilon, epsilon),
        },
        Kind::RmsProp { alpha, momentum, epsilon } => Kind::RmsProp {
            alpha: or(train.alpha, alpha),
            momentum: or(train.momentum, momentum),
            epsilon: or(train.epsilon, epsilon),
        },
    };
    let shape = match Shape::named(&train.schedule)? {
        Shape::Constant => Shape::Constant,
        Shape::Step { every, factor } => {
            Shape::Step { every: train.step_every.unwrap_or(every), factor: train.step_factor.unwrap_or(factor) }
        }
        Shape::Cosine { floor } => Shape::Cosine { floor: train.floor.unwrap_or(floor) },
        Shape::OneCycle { peak_at, start, end } => Shape::OneCycle {
            peak_at: train.peak_at.unwrap_or(peak_at),
            start: train.start.unwrap_or(start),
            end: train.end.unwrap_or(end),
        },
    };
    let clip = match (train.clip_norm, train.clip_value) {
        (Some(norm), _) => Clip::Norm(norm as f32),
        (None, Some(value)) => Clip::Value(value as f32),
        (None, None) => Clip::None,
    };
    let rate = match role {
        Role::Twin => recipe.twin.learning_rate.or(train.learning_rate),
        _ => train.learning_rate,
    };
    Ok(Optimizer {
        kind,
        learning_rate: match rate {
            Some(LearningRate::Given(rate)) => rate as f32,
            Some(LearningRate::Auto) | None => usual.learning_rate,
        },
        auto: rate == Some(LearningRate::Auto),
        weight_decay: or(train.weight_decay, usual.weight_decay),
        schedule: Schedule { shape, warm_up: train.warm_up },
        clip,
    })
}
