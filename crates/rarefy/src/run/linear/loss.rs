//! The losses of linear models, by name: what they take, and what makes answers of their `η`.

use rarefy_data::{Dataset, Target};
use rarefy_linear::loss::{Logistic, Poisson, Squared};
use rarefy_linear::{Loss, Result as LinearResult};
use rarefy_model::graph::Op;
use rarefy_nn::trainer::Aim;

use crate::{Error, Recipe, Result};

/// Makes a loss of targets and weights.
type Make = fn(&[f64], &[f64]) -> LinearResult<Box<dyn Loss>>;

/// A loss that recipes know.
pub(super) struct Entry {
    /// Its name.
    pub name: &'static str,
    /// One sentence for help texts.
    help: &'static str,
    /// Whether targets are two classes; values otherwise.
    pub classes: bool,
    /// What makes answers of `η`, unless they are the answers.
    pub link: Option<fn() -> Op>,
    /// The loss of targets with weights.
    pub make: Make,
}

/// All of them.
static LOSSES: [Entry; 3] = [
    Entry {
        name: "squared",
        help: "For numbers: half the squared error.",
        classes: false,
        link: None,
        make: |y, a| Ok(Box::new(Squared::new(y, Some(a))?)),
    },
    Entry {
        name: "logistic",
        help: "For two classes.",
        classes: true,
        link: Some(|| Op::Sigmoid),
        make: |y, a| Ok(Box::new(Logistic::new(y, Some(a))?)),
    },
    Entry {
        name: "poisson",
        help: "For counts, 0 or above: the model is of their logarithm.",
        classes: false,
        link: Some(|| Op::Exp),
        make: |y, a| Ok(Box::new(Poisson::new(y, Some(a))?)),
    },
];

/// The names of all losses of linear models.
pub fn losses() -> Vec<&'static str> {
    LOSSES.iter().map(|loss| loss.name).collect()
}

/// Names and help of all losses of linear models.
pub fn loss_help() -> impl Iterator<Item = (&'static str, &'static str)> {
    LOSSES.iter().map(|loss| (loss.name, loss.help))
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
