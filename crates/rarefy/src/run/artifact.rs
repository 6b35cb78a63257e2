//! From a trained network to the artifact that answers raw input.

use rarefy_data::{Factors, Target};
use rarefy_model::artifact::{Artifact, Scaling, Task};
use rarefy_model::graph::Graph;
use rarefy_nn::Trainer;
use rarefy_nn::trainer::Aim;

use super::{Job, Role, data, outcome, plan};
use crate::{Recipe, Result, evaluate};

impl Job {
    /// A trained network with all that it takes to answer raw input.
    pub(super) fn artifact(
        &self,
        (role, recipe): (Role, &Recipe),
        mut graph: Graph,
        trainer: &Trainer,
        ended: &str,
    ) -> Result<Artifact> {
        if role == Role::Sparse && plan::drops_neurons(&self.identity.recipe) {
            graph = graph.without_unread()?;
        }
        if let Some(link) = trainer.loss().link() {
            graph.push("answer", link);
        }
        let train = &self.parts.train;
        let task = match train.target {
            _ if data::aim(&self.identity.recipe) == Aim::Input => Task::Reconstruction {},
            Target::Classes(_) => Task::Classification { classes: train.class_names.clone() },
            Target::Labels(_) => Task::Labels { classes: train.class_names.clone() },
            _ => Task::Regression { targets: Vec::new() },
        };
        let mut artifact = Artifact::new(graph, task);
        artifact.scaling = match &self.parts.factors {
            Factors::Same(1.0) => Scaling::None,
            Factors::Same(factor) => Scaling::Factor(*factor),
            Factors::PerFeature(factors) => Scaling::Columns(factors.clone()),
        };
        artifact.feature_names = train.feature_names.clone();
        artifact.image_shape = train.image_shape.map(|(height, width)| vec![height, width]);
        artifact.training = [
            ("model", role.name().to_owned()),
            ("recipe", recipe.to_toml()),
            ("data", self.identity.data.clone()),
            ("epochs", trainer.history().len().to_string()),
            ("steps", trainer.step().to_string()),
            ("ended", ended.to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        if let Some(rate) = trainer.estimated_rate() {
            artifact.training.insert(outcome::LEARNING_RATE.to_owned(), format!("{rate:e}"));
        }
        artifact.check()?;
        // Of the validation rows, or of the training rows if there are none: no choice looks at test rows.
        let looked = if self.parts.validation.is_empty() { &self.parts.rows } else { &self.parts.validation };
        let activity = evaluate::activity(&artifact, &train.features, looked.iter().map(|&row| row as usize))?;
        if !activity.is_empty() {
            let text: Vec<String> = activity.iter().map(|a| format!("{} {:.4}", a.layer, a.density)).collect();
            artifact.training.insert("activation-density".to_owned(), text.join(", "));
        }
        Ok(artifact)
    }
}
