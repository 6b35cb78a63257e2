//! Recipes: what to fit, on what, how sparse, as a TOML file.
//!
//! ```toml
//! [data]
//! train = "mnist"
//! [model]
//! layers = ["linear 1024", "relu", "linear 10"]
//! [train]
//! optimizer = "adam"
//! [sparsity]
//! method = "rigl"
//! target = 0.98
//! ```
//! Every key is one entry of [`keys`]: parsing, `--set`, the recipe as run, and help texts come out of it. An unknown key is
//! an error that names the nearest known one.
//!
//! ```
//! use rarefy::Recipe;
//! let error = Recipe::parse("[train]\nepoch = 3", "my.toml").unwrap_err().to_string();
//! assert!(error.starts_with("my.toml:2: unknown key train.epoch; did you mean train.epochs?"), "{error}");
//! ```

mod keys;
mod model;
mod source;
mod sparsity;
mod value;

pub use keys::{Key, keys};
pub use model::{Model, Select, Strength, penalties};
pub use sparsity::Sparsity;
pub use value::Value;

use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

use crate::{Error, Result};

/// The longest recipe, in bytes. People write recipes; nobody writes a megabyte.
pub const LIMIT: u64 = 1 << 20;

/// The text of the built-in recipe.
const BUILTIN: &str = include_str!("../../../../examples/mnist.toml");

/// What to fit, on what, how sparse.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recipe {
    /// `[data]`.
    pub data: Data,
    /// `[model]`.
    pub model: Model,
    /// `[train]`.
    pub train: Train,
    /// `[select]`.
    pub select: Select,
    /// `[sparsity]`.
    pub sparsity: Sparsity,
    /// `[twin]`.
    pub twin: Twin,
    /// `[stop]`.
    pub stop: Stop,
}

/// A part of some rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// A share, 0 to below 1.
    Share(f64),
    /// So many rows.
    Rows(u64),
}

impl Part {
    /// The share of `rows` that this is.
    pub fn of(self, rows: usize) -> f64 {
        match self {
            Self::Share(share) => share,
            Self::Rows(n) => n as f64 / rows.max(1) as f64,
        }
    }
}

/// What a model is tested on.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// A file, or a bundled data set's own test part.
    Named(String),
    /// A part of the rows of `data.train`, taken off before anything else.
    Part(Part),
}

/// How features are scaled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scaling {
    /// As suits the data: bytes by 1/255, digits by 1/16, other numbers by their largest absolute value.
    Auto,
    /// As `Auto`, or not, as given.
    Given(rarefy_data::Scaling),
}

/// What to learn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// A bundled name, or a path.
    pub train: String,
    /// What to test on; `None` is a bundled set's own test part, and a tenth of the rows of a file.
    pub test: Option<Test>,
    /// The part of the training rows that choices and stop rules look at; none if 0.
    pub validation: Part,
    /// Learn from so many of the rows that are left for training; all if `None`.
    pub rows: Option<u64>,
    /// The array of features in an `.npz`; found unless given.
    pub array: Option<String>,
    /// The same for the file of `test`; as `array` unless given.
    pub test_array: Option<String>,
    /// The label column of a table: its name, or its number from 1; the array of labels in an `.npz`.
    pub label: Option<String>,
    /// The same for the file of `test`; as `label` unless given.
    pub test_label: Option<String>,
    /// For data without labels of their own: the file of their labels.
    pub labels: Option<String>,
    /// The same for the file of `test`.
    pub test_labels: Option<String>,
    /// `auto`, `classes`, `values` or `labels` (any number of classes a row): what labels are.
    pub task: String,
    /// `labels`, or `input`: what to learn.
    pub target: String,
    /// The character between the fields of a table; found from the content unless given.
    pub delimiter: Option<String>,
    /// Whether a table's first row is a header; found from the content unless given.
    pub header: Option<bool>,
    /// How features are scaled.
    pub scaling: Scaling,
    /// How sparse formats are read; the number of features is not among the keys.
    pub sparse: rarefy_data::SparseOptions,
    /// The largest feature index of sparse data that is believed; the reader's own limit unless given.
    pub max_features: Option<u64>,
}

/// How classes are weighted.
#[derive(Debug, Clone, PartialEq)]
pub enum ClassWeights {
    /// All alike.
    None,
    /// By one over their frequency.
    Balanced,
    /// As given, in the order of the class names.
    Given(Vec<f32>),
}

/// How to train.
#[derive(Debug, Clone, PartialEq)]
pub struct Train {
    /// The loss; `None` is cross-entropy for classes and squared error for values.
    pub loss: Option<String>,
    /// The optimizer.
    pub optimizer: String,
    /// Momentum (sgd, rmsprop).
    pub momentum: Option<f64>,
    /// Nesterov momentum (sgd).
    pub nesterov: Option<bool>,
    /// Decay of the first moment (adam, adamw).
    pub beta1: Option<f64>,
    /// Decay of the second moment (adam, adamw).
    pub beta2: Option<f64>,
    /// Decay of the mean square (rmsprop).
    pub alpha: Option<f64>,
    /// What keeps the root from zero (adam, adamw, rmsprop).
    pub epsilon: Option<f64>,
    /// L2 penalty, or decoupled decay with adamw; `None` is the optimizer's own.
    pub weight_decay: Option<f64>,
    /// The largest step size; `None` is the optimizer's own.
    pub learning_rate: Option<LearningRate>,
    /// How the step size changes.
    pub schedule: String,
    /// Schedule `step`: every so large a share of all steps …
    pub step_every: Option<f64>,
    /// … multiply the step size by this.
    pub step_factor: Option<f64>,
    /// Schedule `cosine`: where it ends, as a share of the learning rate.
    pub floor: Option<f64>,
    /// Schedule `one-cycle`: the share of all steps at which it peaks.
    pub peak_at: Option<f64>,
    /// Schedule `one-cycle`: where it starts, as a share of the learning rate.
    pub start: Option<f64>,
    /// Schedule `one-cycle`: where it ends, as a share of the learning rate.
    pub end: Option<f64>,
    /// The share of all steps in which the step size rises from 0.
    pub warm_up: f64,
    /// The largest norm of the gradient over all weights.
    pub clip_norm: Option<f64>,
    /// The largest absolute value of an entry of the gradient.
    pub clip_value: Option<f64>,
    /// Rows in a mini-batch.
    pub batch: u64,
    /// Passes over the training rows.
    pub epochs: u64,
    /// Mini-batches whose gradients make one step.
    pub accumulate: u64,
    /// The share of each batch, its hardest rows, that is trained on.
    pub hardest: f64,
    /// How classes are weighted.
    pub class_weights: ClassWeights,
    /// Whether the first layer leaves features alone that no row of a batch has; `None` is yes for sparse data.
    pub lazy: Option<bool>,
    /// The seed of all random draws.
    pub seed: u64,
    /// Linear models: how far from the minimum they may end; `None` is the solver's own.
    pub tolerance: Option<f64>,
}

/// A learning rate, or the wish not to choose one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LearningRate {
    /// This one.
    Given(f64),
    /// Estimated while training; see [`rarefy_nn::optimizer::Distance`].
    Auto,
}

/// How density is spread over layers.
#[derive(Debug, Clone, PartialEq)]
pub enum Spread {
    /// By a rule of that name.
    Named(String),
    /// These densities, one for each weight matrix.
    PerLayer(Vec<f64>),
}

/// The dense twin.
#[derive(Debug, Clone, PartialEq)]
pub struct Twin {
    /// Whether to train it.
    pub train: bool,
    /// Its epochs; `train.epochs` unless given.
    pub epochs: Option<u64>,
    /// Its learning rate; `train.learning-rate` unless given.
    pub learning_rate: Option<LearningRate>,
    /// Whether to train a small dense net of equal nonzeros too.
    pub control: bool,
}

/// When to stop before the last epoch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stop {
    /// This accuracy on the validation part is reached; precision@1 where labels are sets of classes.
    pub accuracy: Option<f64>,
    /// This loss on the validation part is reached.
    pub loss: Option<f64>,
    /// So many epochs brought no better validation loss.
    pub patience: Option<u64>,
    /// So many seconds of training are over.
    pub max_seconds: Option<f64>,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            train: String::new(),
            test: None,
            validation: Part::Share(0.1),
            rows: None,
            array: None,
            test_array: None,
            label: None,
            test_label: None,
            labels: None,
            test_labels: None,
            task: "auto".to_owned(),
            target: "labels".to_owned(),
            delimiter: None,
            header: None,
            scaling: Scaling::Auto,
            sparse: rarefy_data::SparseOptions::default(),
            max_features: None,
        }
    }
}

impl Default for Train {
    fn default() -> Self {
        Self {
            loss: None,
            optimizer: "adam".to_owned(),
            momentum: None,
            nesterov: None,
            beta1: None,
            beta2: None,
            alpha: None,
            epsilon: None,
            weight_decay: None,
            learning_rate: None,
            schedule: "constant".to_owned(),
            step_every: None,
            step_factor: None,
            floor: None,
            peak_at: None,
            start: None,
            end: None,
            warm_up: 0.0,
            clip_norm: None,
            clip_value: None,
            batch: 128,
            epochs: 10,
            accumulate: 1,
            hardest: 1.0,
            class_weights: ClassWeights::None,
            lazy: None,
            seed: 0,
            tolerance: None,
        }
    }
}

impl Default for Twin {
    fn default() -> Self {
        Self { train: true, epochs: None, learning_rate: None, control: false }
    }
}

impl Recipe {
    /// The recipe used when none is given: MNIST, with a fiftieth of the weights.
    ///
    /// # Panics
    /// Never in a released program: a test parses it.
    pub fn builtin() -> Self {
        match Self::parse(BUILTIN, "built-in recipe") {
            Ok(recipe) => recipe,
            Err(error) => unreachable!("{error}"),
        }
    }

    /// A recipe from TOML; `name` stands for the file in messages.
    ///
    /// # Errors
    /// [`Error::Recipe`] with the line.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        if text.len() as u64 > LIMIT {
            return Err(too_long(name));
        }
        let mut recipe = Self::default();
        for setting in source::settings(text, name)? {
            let place = format!("{name}:{}", setting.line);
            recipe.apply(&setting.key, &setting.value).map_err(|problem| Error::Recipe { place, problem })?;
        }
        recipe.check().map_err(|problem| Error::Recipe { place: name.to_owned(), problem })?;
        Ok(recipe)
    }

    /// Reads a recipe file.
    ///
    /// # Errors
    /// As [`Recipe::parse`]; also when the file cannot be read, is longer than [`LIMIT`], or is not text.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let fail = |problem| Error::Recipe { place: name.clone(), problem };
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(|e| fail(format!("{e}; expected a recipe (TOML)")))?;
        file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|e| fail(format!("{e}; expected a recipe (TOML)")))?;
        if bytes.len() as u64 > LIMIT {
            return Err(too_long(&name));
        }
        let text = String::from_utf8(bytes)
            .map_err(|e| fail(format!("byte {} is not UTF-8, expected text", e.utf8_error().valid_up_to())))?;
        Self::parse(&text, &name)
    }

    /// Changes one key, as in `train.epochs=3`; text needs no quotes.
    ///
    /// # Errors
    /// [`Error::Recipe`].
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        let place = || format!("--set {assignment}");
        let Some((key, value)) = assignment.split_once('=') else {
            let problem = "expected section.key=value, such as train.epochs=3".to_owned();
            return Err(Error::Recipe { place: place(), problem });
        };
        let (key, value) = (key.trim(), source::value(value.trim()));
        let mut changed = self.clone();
        // A command says it anew: sparsity.nonzeros instead of the recipe's sparsity.target.
        changed.sparsity.say_by(key);
        changed.select.say_by(key, &value);
        if key == "model.kind" {
            model::say_kind(&mut changed, &value);
        }
        changed
            .apply(key, &value)
            .and_then(|()| changed.check())
            .map_err(|problem| Error::Recipe { place: place(), problem })?;
        *self = changed;
        Ok(())
    }

    /// The recipe as TOML: every key of its kind of model that has a value, defaults included. [`Recipe::parse`] gives the same recipe back.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut last = "";
        for key in keys().iter().filter(|key| model::has(&self.model.kind, key.name)) {
            let Some(value) = (key.get)(self) else { continue };
            let (section, name) = key.split();
            if section != last {
                let gap = if last.is_empty() { "" } else { "\n" };
                let _ = writeln!(text, "{gap}[{section}]");
                last = section;
            }
            let _ = writeln!(text, "{name} = {value}");
        }
        text
    }

    /// The first key in which two recipes differ, with both values as TOML (`unset` where there is none).
    pub fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let show = |value: Option<Value>| value.map_or("unset".to_owned(), |value| value.to_string());
        keys().iter().find_map(|key| {
            let (a, b) = ((key.get)(self), (key.get)(other));
            (a != b).then(|| (key.name, show(a), show(b)))
        })
    }

    /// Sets a key.
    fn apply(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let Some(key) = keys().iter().find(|key| key.name == name) else {
            let known = keys().iter().map(|key| key.name);
            let bare = name.rsplit('.').next().unwrap_or(name);
            let elsewhere = known.clone().find(|known| known.rsplit('.').next() == Some(bare));
            let near = elsewhere.or_else(|| nearest(name, known));
            let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            return Err(format!("unknown key {name}{near}"));
        };
        (key.set)(self, value).map_err(|problem| format!("{name} {problem}"))
    }

    /// Checks what concerns more than one key.
    fn check(&self) -> Result<(), String> {
        if self.data.train.is_empty() {
            return Err("data.train is missing, expected a bundled name (see `rarefy datasets`) or a path".to_owned());
        }
        model::check(self)?;
        if self.model.layers.is_empty() && self.model.kind == "net" {
            return Err(
                "model.layers is missing, expected such as [\"linear 256\", \"relu\", \"linear 10\"]".to_owned()
            );
        }
        keys::check_belongs(self)?;
        keys::check_auto(self)?;
        self.sparsity.check_target()?;
        self.check_within()?;
        let watched = [
            (self.stop.accuracy.is_some(), "stop.accuracy"),
            (self.stop.loss.is_some(), "stop.loss"),
            (self.stop.patience.is_some(), "stop.patience"),
            (self.sparsity.within.is_some(), "sparsity.within"),
        ];
        let validated = !matches!(self.data.validation, Part::Share(0.0) | Part::Rows(0));
        match watched.iter().find(|(given, _)| *given) {
            Some((_, key)) if !validated => Err(format!(
                "{key} looks at the validation part, which data.validation = 0 leaves empty; set one of them"
            )),
            _ => Ok(()),
        }
    }
}

impl Recipe {
    /// Refuses a search that has nothing to compare with.
    fn check_within(&self) -> Result<(), String> {
        let (dense, alone) = (self.sparsity.method == "dense", !self.twin.train);
        match self.sparsity.within {
            Some(_) if dense => {
                Err("sparsity.within looks for the sparsest model, but sparsity.method is dense".to_owned())
            }
            Some(_) if alone => {
                Err("sparsity.within compares with the dense twin, but twin.train is false; set one of them".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// A recipe past [`LIMIT`].
fn too_long(name: &str) -> Error {
    Error::Recipe { place: name.to_owned(), problem: format!("longer than {LIMIT} bytes, expected a recipe (TOML)") }
}

/// The one of `known` that `word` was probably meant to be.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: String = word.chars().take(100).collect();
    known
        .map(|name| (strsim::damerau_levenshtein(&word, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(word.len()).div_ceil(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
