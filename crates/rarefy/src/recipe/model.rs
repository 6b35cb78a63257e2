//! The `[model]` of a recipe, the `[select]` of linear models, and which keys belong to which kind of model.

use rarefy_core::penalty::{self, Block, Numbers};

use super::value::{Value, word};
use super::{Data, Recipe, Train, Twin, keys};
use crate::run::linear;

/// The kinds of models.
pub(super) const KINDS: [&str; 2] = ["net", "linear"];

/// The model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// `net` or `linear`.
    pub kind: String,
    /// The layers of a net, one entry each.
    pub layers: Vec<String>,
    /// The penalty of a linear model; `None` is L1. See [`penalties`].
    pub penalty: Option<String>,
    /// Share of L1 in an elastic net.
    pub l1_ratio: Option<f64>,
    /// Concavity of MCP and SCAD.
    pub gamma: Option<f64>,
    /// Where Huber's loss becomes linear, in scales.
    pub epsilon: Option<f64>,
    /// The quantile that the quantile loss is of.
    pub quantile: Option<f64>,
    /// Whether a linear model has an intercept; `None` is yes.
    pub intercept: Option<bool>,
    /// Whether the penalty sees columns scaled to unit standard deviation; `None` is yes.
    pub standardize: Option<bool>,
}

impl Default for Model {
    fn default() -> Self {
        let kind = "net".to_owned();
        Self {
            kind,
            layers: Vec::new(),
            penalty: None,
            l1_ratio: None,
            gamma: None,
            epsilon: None,
            quantile: None,
            intercept: None,
            standardize: None,
        }
    }
}

/// The strength of a penalty, or the wish not to choose one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Strength {
    /// This one.
    Given(f64),
    /// The best by [`Select::by`].
    Auto,
}

/// How the strength of a linear model's penalty is chosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Select {
    /// The strength; `None` is auto, unless another key says how sparse.
    pub lambda: Option<Strength>,
    /// Instead: the weakest penalty that keeps so many coefficients at most.
    pub nonzeros: Option<u64>,
    /// Instead: the same, as zeros over coefficients.
    pub sparsity: Option<f64>,
    /// `cv`, or an information criterion; `None` is cv.
    pub by: Option<String>,
    /// Folds of cross-validation.
    pub folds: Option<u64>,
    /// `min` or `1se`: of cross-validation, the best, or the strongest within one standard error of it.
    pub rule: Option<String>,
    /// Strengths on the path.
    pub lambdas: Option<u64>,
    /// The last of them over the first.
    pub ratio: Option<f64>,
}

/// Penalties of single weights, which linear models take: name and help.
pub fn penalties() -> Vec<(&'static str, &'static str)> {
    let usual = Numbers { lambda: 1.0, l1_ratio: 0.5, radius: 1.0, gamma: 3.0 };
    let single = |entry: &&penalty::Entry| (entry.double)(&usual).block() == Block::Entries;
    penalty::registry().iter().filter(single).map(|entry| (entry.name, entry.help)).collect()
}

/// Keys that only linear models have.
const LINEAR: [&str; 8] = [
    "model.penalty",
    "model.l1-ratio",
    "model.gamma",
    "model.epsilon",
    "model.quantile",
    "model.intercept",
    "model.standardize",
    "train.tolerance",
];

/// Keys, beside those of `[data]`, that all kinds have.
const COMMON: [&str; 4] = ["model.kind", "train.loss", "train.seed", "twin.train"];

/// Keys of `[data]` that linear models have not, and what to do instead.
const NOT_LINEAR: [(&str, &str); 3] = [
    ("data.validation", "leave it out: strengths are chosen by cross-validation on all training rows (select.folds)"),
    ("data.scaling", "leave it out, and see model.standardize"),
    ("data.target", "leave it out: linear models learn labels"),
];

/// Whether a key belongs to a kind of model.
pub(super) fn has(kind: &str, key: &str) -> bool {
    let only_linear = key.starts_with("select.") || LINEAR.contains(&key);
    if kind == "net" {
        return !only_linear;
    }
    let data = key.starts_with("data.") && !NOT_LINEAR.iter().any(|(name, _)| *name == key);
    only_linear || data || COMMON.contains(&key)
}

/// Refuses keys of the other kind of model.
pub(super) fn check(recipe: &Recipe) -> Result<(), String> {
    let (kind, usual) = (recipe.model.kind.as_str(), Recipe::default());
    let foreign = |key: &&keys::Key| !has(kind, key.name) && (key.get)(recipe) != (key.get)(&usual);
    if let Some(key) = keys::keys().iter().find(foreign) {
        let advice = NOT_LINEAR.iter().find(|(name, _)| *name == key.name).map(|(_, advice)| *advice);
        let advice = advice.unwrap_or(match kind {
            "net" => "it belongs to \"linear\"",
            _ if key.name.starts_with("sparsity.") => "say select.nonzeros or select.sparsity",
            _ => "leave it out",
        });
        return Err(format!("{} has no meaning where model.kind is {kind:?}; {advice}", key.name));
    }
    if let Some(loss) = &recipe.train.loss {
        let known = if kind == "net" { keys::net_losses() } else { linear::losses() };
        word(&Value::Text(loss.clone()), &known).map_err(|problem| format!("train.loss {problem}"))?;
    }
    if kind == "linear" { recipe.model.check_penalty().and_then(|()| recipe.select.check()) } else { Ok(()) }
}

/// The recipe with what it says of its data, seed and twin alone, if a command makes another kind of model of it.
pub(super) fn say_kind(recipe: &mut Recipe, kind: &Value) {
    if *kind == Value::Text(recipe.model.kind.clone()) {
        return;
    }
    let usual = Data::default();
    let data =
        Data { validation: usual.validation, scaling: usual.scaling, target: usual.target, ..recipe.data.clone() };
    let train = Train { seed: recipe.train.seed, ..Train::default() };
    let twin = Twin { train: recipe.twin.train, ..Twin::default() };
    *recipe = Recipe { data, train, twin, ..Recipe::default() };
}

impl Model {
    /// Refuses a concavity at which the penalty is none.
    fn check_penalty(&self) -> Result<(), String> {
        let least = if self.penalty.as_deref() == Some("scad") { 2.0 } else { 1.0 };
        match self.gamma {
            Some(gamma) if gamma <= least => {
                Err(format!("model.gamma is {gamma}, expected a number above {least} with this penalty"))
            }
            _ => Ok(()),
        }
    }
}

impl Select {
    /// What says how sparse: the keys that do, given or not.
    fn targets(&self) -> [(&'static str, bool); 3] {
        [
            ("select.lambda", self.lambda.is_some()),
            ("select.nonzeros", self.nonzeros.is_some()),
            ("select.sparsity", self.sparsity.is_some()),
        ]
    }

    /// Whether a strength is to be chosen by how good its model is.
    pub(crate) fn is_auto(&self) -> bool {
        !matches!(self.lambda, Some(Strength::Given(_))) && self.nonzeros.is_none() && self.sparsity.is_none()
    }

    /// Takes back what said how sparse, or how that is chosen, before `key` does.
    pub(super) fn say_by(&mut self, key: &str, value: &Value) {
        if key == "select.by" {
            (self.lambda, self.nonzeros, self.sparsity, self.folds, self.rule) = (None, None, None, None, None);
        }
        if self.targets().iter().all(|(name, _)| *name != key) {
            return;
        }
        (self.lambda, self.nonzeros, self.sparsity) = (None, None, None);
        if *value != Value::Text("auto".to_owned()) {
            (self.by, self.folds, self.rule) = (None, None, None);
        }
    }

    /// Refuses two answers to one question, and answers to questions that nobody asks.
    fn check(&self) -> Result<(), String> {
        let given: Vec<&str> = self.targets().into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect();
        if let [first, second, ..] = given[..] {
            return Err(format!("{first} and {second} both say how sparse; give one of them"));
        }
        let choosing = [
            ("select.by", self.by.is_some()),
            ("select.folds", self.folds.is_some()),
            ("select.rule", self.rule.is_some()),
        ];
        if let (false, Some((name, _))) = (self.is_auto(), choosing.iter().find(|(_, given)| *given)) {
            let key = given.first().unwrap_or(&"");
            return Err(format!(
                "{name} has no meaning beside {key}, which leaves nothing to choose; give one of them"
            ));
        }
        let by = self.by.as_deref().unwrap_or("cv");
        if let (true, Some((name, _))) = (by != "cv", choosing[1..].iter().find(|(_, given)| *given)) {
            return Err(format!("{name} has no meaning where select.by is {by:?}, expected cv; leave one of them out"));
        }
        match (self.lambda, self.ratio) {
            (Some(Strength::Given(_)), Some(_)) => Err(
                "select.ratio has no meaning beside a number for select.lambda, where the path ends; give one of them"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }
}
