//! What can be told from a recipe, and from the labels of its data, before anything is trained.

use rarefy_nn::{layer, loss};

use crate::{Error, Recipe, Result};

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

/// Checks that the last layer answers with what an artifact takes for an answer: one output for each of the `classes`, if that is what
/// the data ask for, and numbers to which the loss has not yet done what it does.
pub fn answers(recipe: &Recipe, classes: Option<usize>) -> Result<()> {
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
        (Some(classes), Some((word, Some(outputs)))) if word != "tied-linear" => {
            if *outputs == classes || (*outputs, classes) == (1, 2) {
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
        assert_eq!(with("[\"linear 10\"]", "cross-entropy", Some(10)), Ok(()));
        assert_eq!(with("[\"linear 1\"]", "binary-cross-entropy", Some(2)), Ok(()));
        assert_eq!(with("[\"linear 3\", \"sigmoid\"]", "squared-error", None), Ok(()));
        let few = with("[\"linear 32\", \"relu\"]", "cross-entropy", Some(10)).unwrap_err();
        assert!(
            few.contains("model.layers: the last `linear` has 32 outputs, expected one for each of 10 classes"),
            "{few}"
        );
        let twice = with("[\"linear 10\", \"softmax\"]", "cross-entropy", Some(10)).unwrap_err();
        assert!(twice.contains("the last is softmax, which the loss cross-entropy applies by itself"), "{twice}");
    }
}
