//! The losses of linear models, by name: what they take, and what makes answers of their `η`.

use rarefy_data::{Dataset, Target};
use rarefy_linear::loss::{self, Numbers};
use rarefy_linear::{Loss, Result as LinearResult};
use rarefy_model::graph::Op;
use rarefy_nn::trainer::Aim;

use crate::{Error, Recipe, Result};

/// A loss of [`rarefy_linear::loss::registry`] that recipes know: what they need to know besides.
pub(super) struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Whether targets are two classes; values otherwise.
    pub classes: bool,
    /// What makes answers of `η`, unless they are the answers.
    pub link: Option<fn() -> Op>,
}

/// All of them. (The squared hinge gives no probabilities, and Cox's loss takes times with events: neither answers as artifacts do.)
static LOSSES: [Entry; 6] = [
    Entry { name: "squared", classes: false, link: None },
    Entry { name: "logistic", classes: true, link: Some(|| Op::Sigmoid) },
    Entry { name: "poisson", classes: false, link: Some(|| Op::Exp) },
    Entry { name: "gamma", classes: false, link: Some(|| Op::Exp) },
    Entry { name: "huber", classes: false, link: None },
    Entry { name: "quantile", classes: false, link: None },
];

impl Entry {
    fn registered(&self) -> &'static loss::Entry {
        let found = loss::registry().iter().find(|entry| entry.name == self.name);
        found.unwrap_or_else(|| unreachable!("a test looks for every name"))
    }

    /// The recipe's loss of targets with weights.
    pub fn make(&self, recipe: &Recipe, y: &[f64], weights: &[f64]) -> LinearResult<Box<dyn Loss>> {
        let usual = Numbers::default();
        let numbers = Numbers {
            epsilon: recipe.model.epsilon.unwrap_or(usual.epsilon),
            quantile: recipe.model.quantile.unwrap_or(usual.quantile),
        };
        (self.registered().make)(y, Some(weights), &numbers)
    }
}

/// The names of all losses of linear models.
pub fn losses() -> Vec<&'static str> {
    LOSSES.iter().map(|loss| loss.name).collect()
}

/// Names and help of all losses of linear models.
pub fn loss_help() -> impl Iterator<Item = (&'static str, &'static str)> {
    LOSSES.iter().map(|loss| (loss.name, loss.registered().help))
}

/// Writes the numbers of the recipe's loss that it left open into it.
pub(super) fn complete(recipe: &mut Recipe) {
    let usual = Numbers::default();
    match recipe.train.loss.as_deref() {
        Some("huber") => drop(recipe.model.epsilon.get_or_insert(usual.epsilon)),
        Some("quantile") => drop(recipe.model.quantile.get_or_insert(usual.quantile)),
        _ => {}
    }
}

/// The loss that suits labels, whatever the aim.
pub(crate) fn usual_loss(target: &Target, _: Aim) -> &'static str {
    if let Target::Classes(_) = target { "logistic" } else { "squared" }
}

/// Reads labels as what the loss takes, where recipe and file leave it open: counts would be classes otherwise.
pub(super) fn settle_task(recipe: &mut Recipe) {
    if recipe.data.task == "auto"
        && let Some(loss) = LOSSES.iter().find(|loss| Some(loss.name) == recipe.train.loss.as_deref())
    {
        recipe.data.task = if loss.classes { "classes" } else { "values" }.to_owned();
    }
}

/// The recipe's loss and the numbers that it learns from `data`.
pub(super) fn targets(recipe: &Recipe, data: &Dataset) -> Result<(&'static Entry, Vec<f64>)> {
    let wrong = |problem: String| Err(Error::Mismatch { place: data.name.clone(), problem });
    let name = recipe.train.loss.as_deref().unwrap_or_default();
    let Some(loss) = LOSSES.iter().find(|loss| loss.name == name) else {
        unreachable!("the recipe's check knows all losses")
    };
    match &data.target {
        Target::Classes(_) if data.classes() > 2 => wrong(format!(
            "{} classes, expected two: linear models of more classes are not there yet; use model.kind = \"net\", or set data.task to \
             values if they are numbers to predict",
            data.classes()
        )),
        Target::Classes(classes) if loss.classes => Ok((loss, classes.iter().map(|&class| f64::from(class)).collect())),
        Target::Values(values) if !loss.classes && values.cols() == 1 => {
            Ok((loss, values.data().iter().map(|&y| f64::from(y)).collect()))
        }
        Target::Values(values) if !loss.classes => {
            wrong(format!("{} target columns, expected one for a linear model", values.cols()))
        }
        Target::Labels(_) => wrong("the labels are sets of classes, expected two classes or values".to_owned()),
        Target::Classes(_) => wrong(format!(
            "the labels are classes, and the loss {name} takes values; leave train.loss out, or set data.task to values"
        )),
        _ => wrong(format!("the labels are values, and the loss {name} takes two classes; leave train.loss out")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loss_is_one_of_the_registry() {
        assert!(loss_help().all(|(name, help)| !name.is_empty() && !help.is_empty()));
    }
}
