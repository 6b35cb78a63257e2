//! Every key of a recipe: one entry each.

use std::collections::HashSet;

use rarefy_core::pattern::Structure;
use rarefy_core::pattern::scores;
use rarefy_data::{Duplicates, FirstIndex};
use rarefy_nn::loss;
use rarefy_nn::optimizer::{self, Shape};
use rarefy_nn::sparsify::{self, Rewind};

use super::model::{KINDS, penalties};
use super::value::{
    self, Value, below_one, flag, list, not_negative, number, positive, share, text, whole, word, wrong,
};
use super::{ClassWeights, LearningRate, Part, Recipe, Scaling, Spread, Strength, Test};
use crate::run::linear;

/// A key of recipes.
pub struct Key {
    /// `section.key`.
    pub name: &'static str,
    /// What it sets, for help texts.
    pub help: &'static str,
    /// Sets it; the error follows the key's name.
    pub(super) set: fn(&mut Recipe, &Value) -> Result<(), String>,
    /// Its value, if it has one.
    pub(super) get: fn(&Recipe) -> Option<Value>,
    /// The key and words that it belongs to, if not to all recipes.
    only: Option<Only>,
}

/// A key has a meaning only where another has one of these values.
struct Only {
    key: &'static str,
    of: fn(&Recipe) -> &str,
    words: &'static [&'static str],
}

impl Key {
    /// Section and key.
    pub(super) fn split(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }
}

/// With these optimizers.
const fn optimizers(words: &'static [&'static str]) -> Option<Only> {
    Some(Only { key: "train.optimizer", of: |r| &r.train.optimizer, words })
}

/// With this schedule.
const fn schedule(words: &'static [&'static str]) -> Option<Only> {
    Some(Only { key: "train.schedule", of: |r| &r.train.schedule, words })
}

/// With these penalties of linear models.
const fn penalty(words: &'static [&'static str]) -> Option<Only> {
    Some(Only { key: "model.penalty", of: |r| r.model.penalty.as_deref().unwrap_or("l1"), words })
}

/// With these losses.
const fn loss(words: &'static [&'static str]) -> Option<Only> {
    Some(Only { key: "train.loss", of: |r| r.train.loss.as_deref().unwrap_or("auto"), words })
}

/// With these sparsity methods.
const fn methods(words: &'static [&'static str]) -> Option<Only> {
    Some(Only { key: "sparsity.method", of: |r| &r.sparsity.method, words })
}

/// Refuses keys that mean nothing beside the others.
pub(super) fn check_belongs(recipe: &Recipe) -> Result<(), String> {
    for key in keys() {
        if let Some(only) = &key.only
            && (key.get)(recipe).is_some()
            && !only.words.contains(&(only.of)(recipe))
        {
            let (found, expected) = ((only.of)(recipe), only.words.join(" or "));
            return Err(format!("{} has no meaning where {} is {found:?}, expected {expected}", key.name, only.key));
        }
    }
    Ok(())
}

/// The losses of nets.
pub(super) fn net_losses() -> Vec<&'static str> {
    names(loss::registry(), |loss| loss.name())
}

/// Optimizers whose learning rate can be estimated.
const AUTO: [&str; 2] = ["adam", "adamw"];

/// Refuses an estimated learning rate where there is no estimate.
pub(super) fn check_auto(recipe: &Recipe) -> Result<(), String> {
    let rates = [("train", recipe.train.learning_rate), ("twin", recipe.twin.learning_rate)];
    match rates.iter().find(|(_, rate)| *rate == Some(LearningRate::Auto)) {
        Some((section, _)) if !AUTO.contains(&recipe.train.optimizer.as_str()) => Err(format!(
            "{section}.learning-rate is \"auto\" where train.optimizer is {:?}, expected a number, or the optimizer {}",
            recipe.train.optimizer,
            AUTO.join(" or ")
        )),
        _ => Ok(()),
    }
}

/// A learning rate.
fn learning_rate(value: &Value) -> Result<LearningRate, String> {
    match value {
        Value::Text(text) if text == "auto" => Ok(LearningRate::Auto),
        _ => number(value, |x| x > 0.0, "a number above 0, or auto").map(LearningRate::Given),
    }
}

/// A learning rate as it is written.
fn show_rate(rate: LearningRate) -> Value {
    match rate {
        LearningRate::Given(rate) => Value::Number(rate),
        LearningRate::Auto => Value::Text("auto".to_owned()),
    }
}

/// The names in a registry.
fn names<T>(registry: &[T], name: impl Fn(&T) -> &'static str) -> Vec<&'static str> {
    registry.iter().map(name).collect()
}

/// A number, if there is one.
fn some(x: Option<f64>) -> Option<Value> {
    x.map(Value::Number)
}

/// A word or path.
fn words(text: &str) -> Option<Value> {
    Some(Value::Text(text.to_owned()))
}

/// A count.
fn count(n: u64) -> Option<Value> {
    Some(Value::Whole(n as i64))
}

/// A number of columns: indices have 32 bits.
fn number_of_features(value: &Value) -> Result<u64, String> {
    whole(value, 1)
        .and_then(|n| if n < u64::from(u32::MAX) { Ok(n) } else { wrong(value, "a number below 4294967295") })
}

/// A column, by name or by number from 1.
fn column(value: &Value) -> Result<String, String> {
    if let Value::Whole(_) = value { whole(value, 1).map(|n| n.to_string()) } else { text(value) }
}

/// A share below 1, or a number of rows.
fn part(value: &Value) -> Result<Part, String> {
    match value {
        Value::Whole(n) if *n >= 0 => Ok(Part::Rows(*n as u64)),
        Value::Number(_) => below_one(value).map(Part::Share),
        _ => wrong(value, "a share (0 to below 1) or a number of rows"),
    }
}

/// A part as it is written.
fn show_part(part: Part) -> Value {
    match part {
        Part::Share(share) => Value::Number(share),
        Part::Rows(n) => Value::Whole(n as i64),
    }
}

/// A score's name.
fn score(value: &Value) -> Result<String, String> {
    word(value, &names(scores(), |score| score.name()))
}

const SCALINGS: &str = "\"auto\", \"none\", \"max-abs\" or a factor";

/// All keys, in the order in which they are written.
#[rustfmt::skip]
static KEYS: &[Key] = &[
    Key { name: "data.train", help: "bundled name or path: what to learn from", only: None,
        set: |r, v| text(v).map(|v| r.data.train = v), get: |r| words(&r.data.train) },
    Key { name: "data.test", help: "path, bundled name, share or number of rows: what to test on, once, at the end", only: None,
        set: |r, v| if let Value::Text(name) = v { r.data.test = Some(Test::Named(name.clone())); Ok(()) } else { part(v).map(|v| r.data.test = Some(Test::Part(v))) },
        get: |r| r.data.test.as_ref().map(|test| match test { Test::Named(name) => Value::Text(name.clone()), Test::Part(part) => show_part(*part) }) },
    Key { name: "data.validation", help: "share or number of the training rows that choices and stop rules look at", only: None,
        set: |r, v| part(v).map(|v| r.data.validation = v), get: |r| Some(show_part(r.data.validation)) },
    Key { name: "data.rows", help: "learn from so many of the training rows only, drawn at random; from all unless given", only: None,
        set: |r, v| whole(v, 1).map(|v| r.data.rows = Some(v)), get: |r| r.data.rows.and_then(count) },
    Key { name: "data.array", help: "array of features in an .npz that holds several; X, x, features or data unless given", only: None,
        set: |r, v| text(v).map(|v| r.data.array = Some(v)), get: |r| r.data.array.as_deref().and_then(words) },
    Key { name: "data.test-array", help: "as data.array, for the file of data.test, which may then be that of data.train", only: None,
        set: |r, v| text(v).map(|v| r.data.test_array = Some(v)), get: |r| r.data.test_array.as_deref().and_then(words) },
    Key { name: "data.label", help: "label column of a table: its name, or its number from 1, the last unless given; array of labels in an .npz", only: None,
        set: |r, v| column(v).map(|v| r.data.label = Some(v)), get: |r| r.data.label.as_deref().and_then(words) },
    Key { name: "data.test-label", help: "as data.label, for the file of data.test", only: None,
        set: |r, v| column(v).map(|v| r.data.test_label = Some(v)), get: |r| r.data.test_label.as_deref().and_then(words) },
    Key { name: "data.labels", help: "for data without labels of their own: the file of their labels (IDX, .npy, .npz, or text with one a line)", only: None,
        set: |r, v| text(v).map(|v| r.data.labels = Some(v)), get: |r| r.data.labels.as_deref().and_then(words) },
    Key { name: "data.test-labels", help: "as data.labels, for the file of data.test", only: None,
        set: |r, v| text(v).map(|v| r.data.test_labels = Some(v)), get: |r| r.data.test_labels.as_deref().and_then(words) },
    Key { name: "data.task", help: "auto, classes, values or labels (any number of classes a row): what labels are", only: None,
        set: |r, v| word(v, &["auto", "classes", "values", "labels"]).map(|v| r.data.task = v), get: |r| words(&r.data.task) },
    Key { name: "data.target", help: "labels, or input: the model learns to answer each row itself (an autoencoder)", only: None,
        set: |r, v| word(v, &["labels", "input"]).map(|v| r.data.target = v), get: |r| words(&r.data.target) },
    Key { name: "data.delimiter", help: "character between the fields of a table; found unless given", only: None,
        set: |r, v| match text(v)? { t if t.len() == 1 => { r.data.delimiter = Some(t); Ok(()) } _ => wrong(v, "one ASCII character") },
        get: |r| r.data.delimiter.as_deref().and_then(words) },
    Key { name: "data.header", help: "whether a table's first row is a header; found unless given", only: None,
        set: |r, v| flag(v).map(|v| r.data.header = Some(v)), get: |r| r.data.header.map(Value::Flag) },
    Key { name: "data.scaling", help: "auto, none, max-abs or a factor: zeros stay zeros", only: None,
        set: |r, v| { r.data.scaling = scaling(v)?; Ok(()) },
        get: |r| Some(match r.data.scaling {
            Scaling::Auto => Value::Text("auto".to_owned()),
            Scaling::Given(rarefy_data::Scaling::None) => Value::Text("none".to_owned()),
            Scaling::Given(rarefy_data::Scaling::MaxAbs) => Value::Text("max-abs".to_owned()),
            Scaling::Given(rarefy_data::Scaling::Factor(factor)) => Value::Number(factor.into()),
        }) },
    Key { name: "data.first-index", help: "0, 1 or auto: what svmlight data number their first feature", only: None,
        set: |r, v| if let Value::Whole(n) = v { n.to_string() } else { text(v)? }.parse().map(|v| r.data.sparse.first_index = v),
        get: |r| Some(match r.data.sparse.first_index { FirstIndex::Auto => Value::Text("auto".to_owned()), FirstIndex::Zero => Value::Whole(0), FirstIndex::One => Value::Whole(1) }) },
    Key { name: "data.sort", help: "sort the entries of sparse rows that are not in order, instead of refusing them", only: None,
        set: |r, v| flag(v).map(|v| r.data.sparse.sort = v), get: |r| Some(Value::Flag(r.data.sparse.sort)) },
    Key { name: "data.duplicates", help: "refuse, sum or last: what to do with an entry of a sparse row that is given twice", only: None,
        set: |r, v| text(v)?.parse().map(|v| r.data.sparse.duplicates = v),
        get: |r| words(match r.data.sparse.duplicates { Duplicates::Refuse => "refuse", Duplicates::Sum => "sum", Duplicates::Last => "last" }) },
    Key { name: "data.allow-nonfinite", help: "let NaN and infinities of sparse data pass the reader; training refuses them all the same", only: None,
        set: |r, v| flag(v).map(|v| r.data.sparse.allow_nonfinite = v), get: |r| Some(Value::Flag(r.data.sparse.allow_nonfinite)) },
    Key { name: "data.max-features", help: "the largest feature index of sparse data that is believed; 16777216 unless given", only: None,
        set: |r, v| number_of_features(v).map(|v| r.data.max_features = Some(v)), get: |r| r.data.max_features.and_then(count) },
    Key { name: "model.kind", help: "net, or linear: a sparse linear model, whose keys are those of [select] and the seven after layers", only: None,
        set: |r, v| word(v, &KINDS).map(|v| r.model.kind = v), get: |r| words(&r.model.kind) },
    Key { name: "model.layers", help: "the layers, one entry each", only: None,
        set: |r, v| list(v, "a list of layers, such as [\"linear 256\", \"relu\", \"linear 10\"]", text).map(|v| r.model.layers = v),
        get: |r| Some(Value::List(r.model.layers.iter().cloned().map(Value::Text).collect())) },
    Key { name: "model.penalty", help: "linear: l1, elastic-net, mcp or scad; l1 unless given. L2 alone is not sparse: it is the twin's", only: None,
        set: |r, v| word(v, &names(&penalties(), |penalty| penalty.0)).map(|v| r.model.penalty = Some(v)), get: |r| r.model.penalty.as_deref().and_then(words) },
    Key { name: "model.l1-ratio", help: "linear, elastic-net: share of L1 in the penalty, the rest is squares", only: penalty(&["elastic-net"]),
        set: |r, v| number(v, |x| x > 0.0 && x <= 1.0, "a number above 0, up to 1").map(|v| r.model.l1_ratio = Some(v)), get: |r| some(r.model.l1_ratio) },
    Key { name: "model.gamma", help: "linear, mcp (3 unless given) and scad (3.7): weights beyond gamma times lambda are not shrunk", only: penalty(&["mcp", "scad"]),
        set: |r, v| positive(v).map(|v| r.model.gamma = Some(v)), get: |r| some(r.model.gamma) },
    Key { name: "model.epsilon", help: "linear, huber: scales beyond which the loss is linear; 1.35 unless given", only: loss(&["huber"]),
        set: |r, v| number(v, |x| x > 1.0, "a number above 1").map(|v| r.model.epsilon = Some(v)), get: |r| some(r.model.epsilon) },
    Key { name: "model.quantile", help: "linear, quantile: which one; 0.5, the median, unless given", only: loss(&["quantile"]),
        set: |r, v| number(v, |x| x > 0.0 && x < 1.0, "a number between 0 and 1").map(|v| r.model.quantile = Some(v)), get: |r| some(r.model.quantile) },
    Key { name: "model.intercept", help: "linear: whether there is an intercept, which is not penalised; yes unless given", only: None,
        set: |r, v| flag(v).map(|v| r.model.intercept = Some(v)), get: |r| r.model.intercept.map(Value::Flag) },
    Key { name: "model.standardize", help: "linear: whether the penalty sees features scaled to unit standard deviation; yes unless given; coefficients are those of raw features", only: None,
        set: |r, v| flag(v).map(|v| r.model.standardize = Some(v)), get: |r| r.model.standardize.map(Value::Flag) },
    Key { name: "train.loss", help: "cross-entropy, sparsemax, entmax-1.5, binary-cross-entropy, label-cross-entropy or squared-error; linear: squared, logistic, poisson, gamma, huber or quantile; by the labels unless given", only: None,
        set: |r, v| word(v, &[net_losses(), linear::losses()].concat()).map(|v| r.train.loss = Some(v)), get: |r| r.train.loss.as_deref().and_then(words) },
    Key { name: "train.optimizer", help: "sgd, adam, adamw or rmsprop", only: None,
        set: |r, v| word(v, &names(optimizer::registry(), |entry| entry.name)).map(|v| r.train.optimizer = v), get: |r| words(&r.train.optimizer) },
    Key { name: "train.momentum", help: "momentum of sgd and rmsprop", only: optimizers(&["sgd", "rmsprop"]),
        set: |r, v| below_one(v).map(|v| r.train.momentum = Some(v)), get: |r| some(r.train.momentum) },
    Key { name: "train.nesterov", help: "Nesterov's form of momentum", only: optimizers(&["sgd"]),
        set: |r, v| flag(v).map(|v| r.train.nesterov = Some(v)), get: |r| r.train.nesterov.map(Value::Flag) },
    Key { name: "train.beta1", help: "decay of Adam's first moment", only: optimizers(&["adam", "adamw"]),
        set: |r, v| below_one(v).map(|v| r.train.beta1 = Some(v)), get: |r| some(r.train.beta1) },
    Key { name: "train.beta2", help: "decay of Adam's second moment", only: optimizers(&["adam", "adamw"]),
        set: |r, v| below_one(v).map(|v| r.train.beta2 = Some(v)), get: |r| some(r.train.beta2) },
    Key { name: "train.alpha", help: "decay of RMSprop's mean square", only: optimizers(&["rmsprop"]),
        set: |r, v| below_one(v).map(|v| r.train.alpha = Some(v)), get: |r| some(r.train.alpha) },
    Key { name: "train.epsilon", help: "what keeps the root of Adam and RMSprop from zero", only: optimizers(&["adam", "adamw", "rmsprop"]),
        set: |r, v| positive(v).map(|v| r.train.epsilon = Some(v)), get: |r| some(r.train.epsilon) },
    Key { name: "train.weight-decay", help: "L2 penalty; decoupled decay with adamw; the optimizer's own unless given", only: None,
        set: |r, v| not_negative(v).map(|v| r.train.weight_decay = Some(v)), get: |r| some(r.train.weight_decay) },
    Key { name: "train.learning-rate", help: "largest step size; auto (adam, adamw): found while training, and the schedule scales what is found (cosine suits it, constant badly); the optimizer's own unless given", only: None,
        set: |r, v| learning_rate(v).map(|v| r.train.learning_rate = Some(v)), get: |r| r.train.learning_rate.map(show_rate) },
    Key { name: "train.schedule", help: "constant, step, cosine or one-cycle: how the step size changes", only: None,
        set: |r, v| word(v, &Shape::names()).map(|v| r.train.schedule = v), get: |r| words(&r.train.schedule) },
    Key { name: "train.step-every", help: "step: multiply after each such share of all steps", only: schedule(&["step"]),
        set: |r, v| number(v, |x| x > 0.0 && x <= 1.0, "a number above 0, up to 1").map(|v| r.train.step_every = Some(v)), get: |r| some(r.train.step_every) },
    Key { name: "train.step-factor", help: "step: multiply by this", only: schedule(&["step"]),
        set: |r, v| number(v, |x| x > 0.0 && x <= 1.0, "a number above 0, up to 1").map(|v| r.train.step_factor = Some(v)), get: |r| some(r.train.step_factor) },
    Key { name: "train.floor", help: "cosine: last step size over the largest", only: schedule(&["cosine"]),
        set: |r, v| share(v).map(|v| r.train.floor = Some(v)), get: |r| some(r.train.floor) },
    Key { name: "train.peak-at", help: "one-cycle: share of all steps at which the step size is largest", only: schedule(&["one-cycle"]),
        set: |r, v| number(v, |x| x > 0.0 && x < 1.0, "a number between 0 and 1").map(|v| r.train.peak_at = Some(v)), get: |r| some(r.train.peak_at) },
    Key { name: "train.start", help: "one-cycle: first step size over the largest", only: schedule(&["one-cycle"]),
        set: |r, v| share(v).map(|v| r.train.start = Some(v)), get: |r| some(r.train.start) },
    Key { name: "train.end", help: "one-cycle: last step size over the largest", only: schedule(&["one-cycle"]),
        set: |r, v| share(v).map(|v| r.train.end = Some(v)), get: |r| some(r.train.end) },
    Key { name: "train.warm-up", help: "share of all steps in which the step size rises from 0", only: None,
        set: |r, v| below_one(v).map(|v| r.train.warm_up = v), get: |r| some(Some(r.train.warm_up)) },
    Key { name: "train.clip-norm", help: "largest norm of the whole gradient", only: None,
        set: |r, v| positive(v).map(|v| r.train.clip_norm = Some(v)), get: |r| some(r.train.clip_norm) },
    Key { name: "train.clip-value", help: "largest absolute value of a gradient entry", only: None,
        set: |r, v| positive(v).map(|v| r.train.clip_value = Some(v)), get: |r| some(r.train.clip_value) },
    Key { name: "train.batch", help: "rows in a mini-batch", only: None,
        set: |r, v| whole(v, 1).map(|v| r.train.batch = v), get: |r| count(r.train.batch) },
    Key { name: "train.epochs", help: "passes over the training rows (the dense twin's; see sparsity.epochs-factor)", only: None,
        set: |r, v| whole(v, 1).map(|v| r.train.epochs = v), get: |r| count(r.train.epochs) },
    Key { name: "train.accumulate", help: "mini-batches whose gradients make one step", only: None,
        set: |r, v| whole(v, 1).map(|v| r.train.accumulate = v), get: |r| count(r.train.accumulate) },
    Key { name: "train.hardest", help: "share of each batch, its hardest rows, that is trained on; the others cost a forward pass only", only: None,
        set: |r, v| number(v, |x| x > 0.0 && x <= 1.0, "a number above 0, up to 1").map(|v| r.train.hardest = v), get: |r| some(Some(r.train.hardest)) },
    Key { name: "train.class-weights", help: "none, balanced, or a list with a weight for each class", only: None,
        set: |r, v| { r.train.class_weights = class_weights(v)?; Ok(()) },
        get: |r| Some(match &r.train.class_weights {
            ClassWeights::None => Value::Text("none".to_owned()),
            ClassWeights::Balanced => Value::Text("balanced".to_owned()),
            ClassWeights::Given(weights) => Value::List(weights.iter().map(|&w| Value::Number(w.into())).collect()),
        }) },
    Key { name: "train.lazy", help: "whether the first layer leaves features alone that no row of a batch has, moments included; yes for sparse data unless given, and not with a penalty", only: None,
        set: |r, v| if *v == Value::Text("auto".to_owned()) { r.train.lazy = None; Ok(()) } else { flag(v).map(|v| r.train.lazy = Some(v)) },
        get: |r| r.train.lazy.map(Value::Flag) },
    Key { name: "train.seed", help: "seed of all random draws", only: None,
        set: |r, v| whole(v, 0).map(|v| r.train.seed = v), get: |r| count(r.train.seed) },
    Key { name: "train.tolerance", help: "linear: duality gap (over the loss without features) or violation of stationarity to end at; 1e-7 unless given", only: None,
        set: |r, v| number(v, |x| x > 0.0 && x < 1.0, "a number between 0 and 1").map(|v| r.train.tolerance = Some(v)), get: |r| some(r.train.tolerance) },
    Key { name: "select.lambda", help: "linear: strength of the penalty, for the mean loss of a row; or auto, the best by select.by", only: None,
        set: |r, v| if *v == Value::Text("auto".to_owned()) { r.select.lambda = Some(Strength::Auto); Ok(()) } else { number(v, |x| x > 0.0, "a number above 0, or auto").map(|v| r.select.lambda = Some(Strength::Given(v))) },
        get: |r| r.select.lambda.map(|lambda| match lambda { Strength::Auto => Value::Text("auto".to_owned()), Strength::Given(x) => Value::Number(x) }) },
    Key { name: "select.nonzeros", help: "linear, instead of lambda: the weakest penalty that keeps so many coefficients at most", only: None,
        set: |r, v| whole(v, 1).map(|v| r.select.nonzeros = Some(v)), get: |r| r.select.nonzeros.and_then(count) },
    Key { name: "select.sparsity", help: "linear, instead of lambda: the same, as zeros over coefficients; 0.99 keeps a hundredth", only: None,
        set: |r, v| below_one(v).map(|v| r.select.sparsity = Some(v)), get: |r| some(r.select.sparsity) },
    Key { name: "select.by", help: "linear: what lambda = auto is chosen by: cv (cross-validated deviance; unless given), aic, bic or ebic", only: None,
        set: |r, v| word(v, &["cv", "aic", "bic", "ebic"]).map(|v| r.select.by = Some(v)), get: |r| r.select.by.as_deref().and_then(words) },
    Key { name: "select.folds", help: "linear: folds of cross-validation, drawn by train.seed; 5 unless given", only: None,
        set: |r, v| whole(v, 2).map(|v| r.select.folds = Some(v)), get: |r| r.select.folds.and_then(count) },
    Key { name: "select.rule", help: "linear: of cross-validation, min (the best; unless given), or 1se (the strongest within one standard error of it)", only: None,
        set: |r, v| word(v, &["min", "1se"]).map(|v| r.select.rule = Some(v)), get: |r| r.select.rule.as_deref().and_then(words) },
    Key { name: "select.lambdas", help: "linear: strengths on the path; 100 unless given", only: None,
        set: |r, v| whole(v, 2).and_then(|n| if n <= 10_000 { Ok(n) } else { wrong(v, "10000 at most") }).map(|v| r.select.lambdas = Some(v)), get: |r| r.select.lambdas.and_then(count) },
    Key { name: "select.ratio", help: "linear: the last strength over the first; 1e-4 with more rows than features and 1e-2 otherwise, unless given", only: None,
        set: |r, v| number(v, |x| x > 0.0 && x < 1.0, "a number between 0 and 1").map(|v| r.select.ratio = Some(v)), get: |r| some(r.select.ratio) },
    Key { name: "sparsity.method", help: "how the network becomes sparse, such as rigl, gmp or dense; all are listed below", only: None,
        set: |r, v| word(v, &names(sparsify::registry(), |method| method.name)).map(|v| r.sparsity.method = v), get: |r| words(&r.sparsity.method) },
    Key { name: "sparsity.target", help: "zeros over entries, of all weight matrices; 0.98 keeps a fiftieth", only: None,
        set: |r, v| below_one(v).map(|v| r.sparsity.target = v), get: |r| some(Some(r.sparsity.target)) },
    Key { name: "sparsity.nonzeros", help: "instead of a target: so many weights are kept", only: None,
        set: |r, v| whole(v, 1).map(|v| r.sparsity.nonzeros = Some(v)), get: |r| r.sparsity.nonzeros.and_then(count) },
    Key { name: "sparsity.file-bytes", help: "instead of a target: as many weights are kept as a model file of this size holds", only: None,
        set: |r, v| whole(v, 1).map(|v| r.sparsity.file_bytes = Some(v)), get: |r| r.sparsity.file_bytes.and_then(count) },
    Key { name: "sparsity.within", help: "instead of a target: the sparsest model surely at most so many points of validation accuracy below its twin, such as 0.5", only: None,
        set: |r, v| number(v, |x| x > 0.0 && x < 100.0, "a number of points above 0, below 100").map(|v| r.sparsity.within = Some(v)), get: |r| some(r.sparsity.within) },
    Key { name: "sparsity.lambda", help: "prox-l1, elastic-net, group-l1, instead of a target: strength of the penalty, which else a controller finds", only: methods(&["prox-l1", "elastic-net", "group-l1"]),
        set: |r, v| positive(v).map(|v| r.sparsity.lambda = Some(v)), get: |r| some(r.sparsity.lambda) },
    Key { name: "sparsity.l1-ratio", help: "elastic-net: share of L1 in the penalty, the rest is squares", only: methods(&["elastic-net"]),
        set: |r, v| number(v, |x| x > 0.0 && x <= 1.0, "a number above 0, up to 1").map(|v| r.sparsity.l1_ratio = Some(v)), get: |r| some(r.sparsity.l1_ratio) },
    Key { name: "sparsity.radius", help: "l1-ball, instead of a target: largest sum of absolute weights, which else a controller finds", only: methods(&["l1-ball"]),
        set: |r, v| positive(v).map(|v| r.sparsity.radius = Some(v)), get: |r| some(r.sparsity.radius) },
    Key { name: "sparsity.ball", help: "l1-ball: one ball for the whole network, or each layer its own: network or layer", only: methods(&["l1-ball"]),
        set: |r, v| word(v, &["network", "layer"]).map(|v| r.sparsity.ball = Some(v)), get: |r| r.sparsity.ball.as_deref().and_then(words) },
    Key { name: "sparsity.distribution", help: "uniform, erdos-renyi, global (rank all weights together, with methods that prune), or a list with a density for each weight matrix", only: None,
        set: |r, v| { r.sparsity.distribution = distribution(v)?; Ok(()) },
        get: |r| Some(match &r.sparsity.distribution {
            Spread::Named(name) => Value::Text(name.clone()),
            Spread::PerLayer(densities) => Value::List(densities.iter().copied().map(Value::Number).collect()),
        }) },
    Key { name: "sparsity.structure", help: "unstructured, blocks such as \"block 4x1\", or at most n of every m in a row, such as \"2:4\" or \"3 of 32\"", only: None,
        set: |r, v| { r.sparsity.structure = structure(v)?; Ok(()) }, get: |r| words(&r.sparsity.structure) },
    Key { name: "sparsity.every", help: "steps between changes of the pattern", only: None,
        set: |r, v| whole(v, 1).map(|v| r.sparsity.every = v), get: |r| count(r.sparsity.every) },
    Key { name: "sparsity.fraction", help: "share of the weights that the first change replaces; it falls to 0 as a cosine; the method's own unless given", only: None,
        set: |r, v| below_one(v).map(|v| r.sparsity.fraction = Some(v)), get: |r| some(r.sparsity.fraction) },
    Key { name: "sparsity.until", help: "share of training after which the pattern stays; the method's own unless given", only: None,
        set: |r, v| share(v).map(|v| r.sparsity.until = Some(v)), get: |r| some(r.sparsity.until) },
    Key { name: "sparsity.begin", help: "gmp, granet, ac-dc, penalties: share of training before the first change", only: methods(&["gmp", "granet", "ac-dc", "prox-l1", "elastic-net", "l1-ball", "group-l1"]),
        set: |r, v| below_one(v).map(|v| r.sparsity.begin = Some(v)), get: |r| some(r.sparsity.begin) },
    Key { name: "sparsity.initial", help: "gmp, granet, penalties: sparsity of the first steps", only: methods(&["gmp", "granet", "prox-l1", "elastic-net", "l1-ball", "group-l1"]),
        set: |r, v| below_one(v).map(|v| r.sparsity.initial = Some(v)), get: |r| some(r.sparsity.initial) },
    Key { name: "sparsity.rounds", help: "one-shot, lottery: how often it is pruned; ac-dc: pairs of phases", only: methods(&["one-shot", "lottery", "ac-dc"]),
        set: |r, v| whole(v, 1).map(|v| r.sparsity.rounds = Some(v)), get: |r| r.sparsity.rounds.and_then(count) },
    Key { name: "sparsity.rewind", help: "one-shot, lottery: what goes back after a pruning: none, rate (the learning rate) or weights (both)", only: methods(&["one-shot", "lottery"]),
        set: |r, v| word(v, &names(&Rewind::ALL, |rewind| rewind.0)).map(|v| r.sparsity.rewind = Some(v)), get: |r| r.sparsity.rewind.as_deref().and_then(words) },
    Key { name: "sparsity.rewind-to", help: "one-shot, lottery: where it goes back to, a share of the first round's steps", only: methods(&["one-shot", "lottery"]),
        set: |r, v| below_one(v).map(|v| r.sparsity.rewind_to = Some(v)), get: |r| some(r.sparsity.rewind_to) },
    Key { name: "sparsity.reserve", help: "top-kast: weights trained behind those in use, over the number of those", only: methods(&["top-kast"]),
        set: |r, v| positive(v).map(|v| r.sparsity.reserve = Some(v)), get: |r| some(r.sparsity.reserve) },
    Key { name: "sparsity.gradient-below", help: "trigger: an idle weight's mean gradient is below this times its layer's", only: methods(&["trigger"]),
        set: |r, v| positive(v).map(|v| r.sparsity.gradient_below = Some(v)), get: |r| some(r.sparsity.gradient_below) },
    Key { name: "sparsity.weight-below", help: "trigger: an idle weight is below this times its layer's root mean square", only: methods(&["trigger"]),
        set: |r, v| positive(v).map(|v| r.sparsity.weight_below = Some(v)), get: |r| some(r.sparsity.weight_below) },
    Key { name: "sparsity.gradient-memory", help: "trigger: share of the mean gradient that a step keeps", only: methods(&["trigger"]),
        set: |r, v| below_one(v).map(|v| r.sparsity.gradient_memory = Some(v)), get: |r| some(r.sparsity.gradient_memory) },
    Key { name: "sparsity.drop", help: "score by which weights are dropped; the method's own unless given", only: None,
        set: |r, v| score(v).map(|v| r.sparsity.drop = Some(v)), get: |r| r.sparsity.drop.as_deref().and_then(words) },
    Key { name: "sparsity.grow", help: "score by which weights are grown; the method's own unless given", only: None,
        set: |r, v| score(v).map(|v| r.sparsity.grow = Some(v)), get: |r| r.sparsity.grow.as_deref().and_then(words) },
    Key { name: "sparsity.epochs-factor", help: "how many times train.epochs the sparse model trains", only: None,
        set: |r, v| number(v, |x| x > 0.0 && x <= 1000.0, "a number above 0, up to 1000").map(|v| r.sparsity.epochs_factor = v), get: |r| some(Some(r.sparsity.epochs_factor)) },
    Key { name: "twin.train", help: "whether to train the dense twin, the yardstick", only: None,
        set: |r, v| flag(v).map(|v| r.twin.train = v), get: |r| Some(Value::Flag(r.twin.train)) },
    Key { name: "twin.epochs", help: "the twin's epochs; train.epochs unless given", only: None,
        set: |r, v| whole(v, 1).map(|v| r.twin.epochs = Some(v)), get: |r| r.twin.epochs.and_then(count) },
    Key { name: "twin.learning-rate", help: "the twin's learning rate; train.learning-rate unless given", only: None,
        set: |r, v| learning_rate(v).map(|v| r.twin.learning_rate = Some(v)), get: |r| r.twin.learning_rate.map(show_rate) },
    Key { name: "twin.control", help: "whether to train a small dense net of equal nonzeros too", only: None,
        set: |r, v| flag(v).map(|v| r.twin.control = v), get: |r| Some(Value::Flag(r.twin.control)) },
    Key { name: "stop.accuracy", help: "stop once the validation part reaches this accuracy, or precision@1 where labels are sets", only: None,
        set: |r, v| number(v, |x| x > 0.0 && x <= 1.0, "a number above 0, up to 1").map(|v| r.stop.accuracy = Some(v)), get: |r| some(r.stop.accuracy) },
    Key { name: "stop.loss", help: "stop once the validation part reaches this loss", only: None,
        set: |r, v| not_negative(v).map(|v| r.stop.loss = Some(v)), get: |r| some(r.stop.loss) },
    Key { name: "stop.patience", help: "stop after so many epochs without a better validation loss", only: None,
        set: |r, v| whole(v, 1).map(|v| r.stop.patience = Some(v)), get: |r| r.stop.patience.and_then(count) },
    Key { name: "stop.max-seconds", help: "stop after so many seconds of training (then the bits depend on the clock)", only: None,
        set: |r, v| positive(v).map(|v| r.stop.max_seconds = Some(v)), get: |r| some(r.stop.max_seconds) },
];

/// Every key, in the order in which recipes are written.
pub fn keys() -> &'static [Key] {
    KEYS
}

/// The names of all sections, in order.
pub(super) fn section_names() -> Vec<&'static str> {
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    for key in keys() {
        let (section, _) = key.split();
        if seen.insert(section) {
            names.push(section);
        }
    }
    names
}

/// Whether there is a section of this name.
pub(super) fn is_section(name: &str) -> bool {
    section_names().contains(&name)
}

/// All sections, for messages.
pub(super) fn sections() -> String {
    section_names().iter().map(|name| format!("[{name}]")).collect::<Vec<_>>().join(", ")
}

/// `data.scaling`.
fn scaling(v: &Value) -> Result<Scaling, String> {
    match v {
        Value::Text(text) => match text.as_str() {
            "auto" => Ok(Scaling::Auto),
            "none" => Ok(Scaling::Given(rarefy_data::Scaling::None)),
            "max-abs" => Ok(Scaling::Given(rarefy_data::Scaling::MaxAbs)),
            _ => wrong(v, SCALINGS),
        },
        _ => {
            let usable = |x: f64| (x as f32).is_finite() && x as f32 != 0.0;
            number(v, usable, SCALINGS).map(|x| Scaling::Given(rarefy_data::Scaling::Factor(x as f32)))
        }
    }
}

/// `train.class-weights`.
fn class_weights(v: &Value) -> Result<ClassWeights, String> {
    match v {
        Value::List(_) => {
            let weights = list(v, "", |v| value::not_negative(v).map(|x| x as f32))?;
            if weights.iter().any(|w| !w.is_finite()) || !weights.iter().any(|&w| w > 0.0) {
                return wrong(v, "finite weights of 0 or more, one of them above 0");
            }
            Ok(ClassWeights::Given(weights))
        }
        Value::Text(text) if text == "none" => Ok(ClassWeights::None),
        Value::Text(text) if text == "balanced" => Ok(ClassWeights::Balanced),
        _ => wrong(v, "\"none\", \"balanced\" or a list of weights"),
    }
}

/// `sparsity.distribution`.
fn distribution(v: &Value) -> Result<Spread, String> {
    match v {
        Value::List(_) => {
            let density = |v: &Value| number(v, |x| x > 0.0 && x <= 1.0, "a density above 0, up to 1");
            list(v, "", density).map(Spread::PerLayer)
        }
        _ => word(v, &["uniform", "erdos-renyi", "global"]).map(Spread::Named),
    }
}

/// `sparsity.structure`.
fn structure(v: &Value) -> Result<String, String> {
    let name = text(v)?;
    match name.parse::<Structure>() {
        Ok(_) => Ok(name),
        Err(_) => wrong(v, "\"unstructured\", blocks such as \"block 4x1\", or windows such as \"2:4\""),
    }
}
