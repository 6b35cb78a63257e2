//! What can be told from a recipe, and from the labels of its data, before anything is trained.

use rarefy_core::matrix::Batch;
use rarefy_data::{Dataset, Target};
use rarefy_nn::loss::{Sets, Targets};
use rarefy_nn::sample::Sample;
use rarefy_nn::trainer::Aim;
use rarefy_nn::{layer, loss};

use super::data::{Parts, aim};
use super::plan::{self, Role};
use crate::{Error, Recipe, Result};

/// Checks that the model is a net.
pub(crate) fn kind(recipe: &Recipe) -> Result<()> {
    if recipe.model.kind == "net" {
        return Ok(());
    }
    let (kind, place) = (&recipe.model.kind, "model.kind".to_owned());
    let problem =
        format!("is {kind:?}, expected \"net\" here; `rarefy fit` fits the whole path of a linear model at once");
    Err(Error::Recipe { place, problem })
}

/// Checks that layers exist and are written right, before data are read.
pub fn layers(recipe: &Recipe) -> Result<()> {
    for (at, words) in recipe.model.layers.iter().enumerate() {
        let word = words.split_whitespace().next().unwrap_or_default();
        let known = || layer::registry().iter().map(|entry| entry.word);
        if !known().any(|known| known == word) {
            let near = crate::recipe::nearest(word, known());
            let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            let problem = format!("entry {} is {words:?}, which is no layer{near}", at + 1);
            return Err(Error::Recipe { place: "model.layers".to_owned(), problem });
        }
    }
    Ok(())
}

/// Checks that layers and loss answer what the data ask for.
pub fn data(recipe: &Recipe, parts: &Parts) -> Result<()> {
    let train = &parts.train;
    if aim(recipe) == Aim::Input {
        return answers(recipe, None);
    }
    let classes = train.class_names.len();
    match train.target {
        Target::Classes(_) => answers(recipe, Some((classes, true)))?,
        Target::Labels(_) => answers(recipe, Some((classes, false)))?,
        Target::Values(_) | Target::None => answers(recipe, None)?,
    }
    takes(recipe, train)
}

/// Checks that the loss takes the kind of target that the data have, by the loss of their first row: what it would say in the first
/// step of training.
fn takes(recipe: &Recipe, train: &Dataset) -> Result<()> {
    let Some(name) = recipe.train.loss.as_deref() else { return Ok(()) };
    let loss = loss::loss(name)?;
    let mut layers = plan::net(recipe, Role::Sparse, train.cols(), 0).make()?;
    let outputs = layers.last().map_or(0, |layer| layer.outputs());
    let sampled = layers.last_mut().is_some_and(|layer| layer.sampled().is_some());
    let (ends, mut values);
    let (targets, outputs) = match &train.target {
        Target::Classes(classes) => (Targets::Classes(&classes[..1]), outputs),
        Target::Labels(sets) => {
            ends = [0, sets.row(0).len() as u32];
            (Targets::Labels(Sets::new(&ends, sets.row(0))), outputs)
        }
        Target::Values(rows) => {
            // Whether there are as many outputs is the trainer's to say.
            values = Batch::zeros(rows.cols(), 1)?;
            rows.row(0).iter().enumerate().for_each(|(j, &value)| values.row_mut(j)[0] = value);
            (Targets::Values(&values), rows.cols())
        }
        Target::None => return Ok(()),
    };
    let z = Batch::zeros(outputs, 1)?;
    let found = if sampled {
        let all = Sample { outputs: (0..outputs as u32).collect(), counts: vec![1.0; outputs] };
        loss.evaluate_sample(&z, &all, &targets, None, 1.0, None)
    } else {
        loss.evaluate(&z, &targets, None, 1.0, None)
    };
    match found {
        Err(rarefy_nn::Error::Targets { loss, problem }) => {
            Err(Error::Recipe { place: "train.loss".to_owned(), problem: format!("{loss}: {problem}") })
        }
        found => Ok(found.map(drop)?),
    }
}

/// Checks that the last layer answers with what an artifact takes for an answer: one output for each class, if there are `classes` (so
/// many, and whether a row has exactly one: one output is then enough for two), and numbers to which the loss has not yet done what it
/// does.
fn answers(recipe: &Recipe, classes: Option<(usize, bool)>) -> Result<()> {
    let wrong = |problem| Err(Error::Recipe { place: "model.layers".to_owned(), problem });
    let words = |words: &String| -> (String, Option<usize>) {
        let mut words = words.split_whitespace();
        (words.next().unwrap_or_default().to_owned(), words.next().and_then(|width| width.parse().ok()))
    };
    let layers: Vec<_> = recipe.model.layers.iter().map(words).collect();
    let link = recipe.train.loss.as_deref().map(loss::loss).transpose()?.and_then(|loss| loss.link());
    if let (Some(link), Some((last, _))) = (link, layers.last())
        && link.kind() == last
    {
        let loss = recipe.train.loss.as_deref().unwrap_or_default();
        return wrong(format!("the last is {last}, which the loss {loss} applies by itself; leave it out"));
    }
    let answering = layers.iter().rev().find(|(word, _)| word.contains("linear"));
    match (classes, answering) {
        (Some((classes, single)), Some((word, Some(outputs)))) if word != "tied-linear" => {
            if *outputs == classes || single && (*outputs, classes) == (1, 2) {
                return Ok(());
            }
            wrong(format!("the last `{word}` has {outputs} outputs, expected one for each of {classes} classes"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rarefy_core::matrix::Dense;
    use rarefy_core::pattern::Pattern;
    use rarefy_data::Features;

    #[test]
    fn an_unknown_layer_is_named_before_data_are_read() {
        let mut recipe = Recipe::builtin();
        recipe.set("model.layers=[\"linear 10\", \"rellu\"]").unwrap();
        let message = layers(&recipe).unwrap_err().to_string();
        assert!(message.contains("entry 2 is \"rellu\", which is no layer; did you mean relu?"), "{message}");
    }

    #[test]
    fn answers_are_one_for_each_class_and_not_yet_probabilities() {
        let with = |layers: &str, loss: &str, classes| {
            let mut recipe = Recipe::builtin();
            recipe.set(&format!("model.layers={layers}")).unwrap();
            recipe.set(&format!("train.loss={loss}")).unwrap();
            answers(&recipe, classes).map_err(|error| error.to_string())
        };
        let ten = Some((10, true));
        assert_eq!(with("[\"linear 10\"]", "cross-entropy", ten), Ok(()));
        assert_eq!(with("[\"linear 1\"]", "binary-cross-entropy", Some((2, true))), Ok(()));
        assert!(with("[\"linear 1\"]", "label-cross-entropy", Some((2, false))).is_err());
        assert_eq!(with("[\"linear 3\", \"sigmoid\"]", "squared-error", None), Ok(()));
        let few = with("[\"linear 32\", \"relu\"]", "cross-entropy", ten).unwrap_err();
        assert!(
            few.contains("model.layers: the last `linear` has 32 outputs, expected one for each of 10 classes"),
            "{few}"
        );
        let twice = with("[\"linear 10\", \"softmax\"]", "cross-entropy", ten).unwrap_err();
        assert!(twice.contains("the last is softmax, which the loss cross-entropy applies by itself"), "{twice}");
    }

    #[test]
    fn a_loss_takes_the_targets_that_it_is_made_for() {
        let target = |kind: &str| match kind {
            "classes" => Target::Classes(vec![1, 0]),
            "labels" => Target::Labels(Pattern::new(2, 2, vec![0, 2, 2], vec![0, 1]).unwrap()),
            _ => Target::Values(Dense::filled(2, 2, 0.5).unwrap()),
        };
        for last in ["linear 2", "sampled-linear 2 1"] {
            for loss in loss::registry().iter().map(|loss| loss.name()) {
                for kind in ["classes", "labels", "values"] {
                    let mut recipe = Recipe::builtin();
                    recipe.set(&format!("model.layers=[\"{last}\"]")).unwrap();
                    recipe.set(&format!("train.loss={loss}")).unwrap();
                    let features = Features::Dense(Dense::filled(2, 3, 1.0).unwrap());
                    let found = takes(&recipe, &Dataset::new("x", features, target(kind)).unwrap());
                    let fits = match loss {
                        "label-cross-entropy" => kind == "labels",
                        "cross-entropy" => kind == "classes",
                        "binary-cross-entropy" | "squared-error" => kind == "values" && !last.contains("sampled"),
                        _ => kind == "classes" && !last.contains("sampled"),
                    };
                    assert_eq!(found.is_ok(), fits, "{loss} on {kind} with {last}: {found:?}");
                    if let Err(error) = found {
                        assert!(error.to_string().starts_with(&format!("train.loss: {loss}: ")), "{error}");
                    }
                }
            }
        }
    }
}
