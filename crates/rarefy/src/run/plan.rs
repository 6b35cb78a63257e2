//! From a recipe to what the trainer takes, for each of the models of a run.

use rarefy_core::pattern::Distribution;
use rarefy_nn::optimizer::{Clip, Kind, Schedule, Shape};
use rarefy_nn::trainer::{ClassWeights, Stop};
use rarefy_nn::{Config, Net, Optimizer, Sparsity, layer};
use serde::{Deserialize, Serialize};

use crate::recipe::{self, Recipe, Spread};
use crate::{Error, Result};

/// One of the models of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The model that the recipe asks for.
    Sparse,
    /// The same, dense.
    Twin,
    /// A small dense net of equal nonzeros.
    Control,
}

impl Role {
    /// All of them, in the order of training.
    pub const ALL: [Self; 3] = [Self::Sparse, Self::Twin, Self::Control];

    /// Its name in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sparse => "sparse",
            Self::Twin => "twin",
            Self::Control => "control",
        }
    }

    /// Its artifact's name in the output folder.
    pub fn file(self) -> &'static str {
        match self {
            Self::Sparse => "model.rarefy",
            Self::Twin => "twin.rarefy",
            Self::Control => "control.rarefy",
        }
    }
}

/// The models that a recipe asks for. A recipe that is dense itself has no twin.
pub fn roles(recipe: &Recipe) -> Vec<Role> {
    let wanted = |role: &Role| match role {
        Role::Sparse => true,
        Role::Twin => recipe.twin.train && is_sparse(recipe),
        Role::Control => recipe.twin.control && is_sparse(recipe),
    };
    Role::ALL.into_iter().filter(wanted).collect()
}

/// Whether a recipe asks for any sparsity.
fn is_sparse(recipe: &Recipe) -> bool {
    recipe.sparsity.target > 0.0 && recipe.sparsity.method != "dense"
}

/// The same float with the digits that people write: 0.001, not 0.0010000000474974513.
fn plain(x: f32) -> f64 {
    x.to_string().parse().unwrap_or(f64::from(x))
}

/// Fills in what the recipe leaves to the optimizer, the schedule and the method, so that the recipe as run says it all.
///
/// # Errors
/// Names that do not exist.
pub fn complete(recipe: &mut Recipe) -> Result<()> {
    let sparsity = Sparsity::named(&recipe.sparsity.method)?;
    recipe.sparsity.drop.get_or_insert(sparsity.drop);
    recipe.sparsity.grow.get_or_insert(sparsity.grow);
    let train = &mut recipe.train;
    let usual = Optimizer::named(&train.optimizer)?;
    train.learning_rate.get_or_insert(plain(usual.learning_rate));
    train.weight_decay.get_or_insert(plain(usual.weight_decay));
    match usual.kind {
        Kind::Sgd { momentum, nesterov } => {
            train.momentum.get_or_insert(plain(momentum));
            train.nesterov.get_or_insert(nesterov);
        }
        Kind::Adam { beta1, beta2, epsilon } | Kind::AdamW { beta1, beta2, epsilon } => {
            train.beta1.get_or_insert(plain(beta1));
            train.beta2.get_or_insert(plain(beta2));
            train.epsilon.get_or_insert(plain(epsilon));
        }
        Kind::RmsProp { alpha, momentum, epsilon } => {
            train.alpha.get_or_insert(plain(alpha));
            train.momentum.get_or_insert(plain(momentum));
            train.epsilon.get_or_insert(plain(epsilon));
        }
    }
    match Shape::named(&train.schedule)? {
        Shape::Constant => {}
        Shape::Step { every, factor } => {
            train.step_every.get_or_insert(every);
            train.step_factor.get_or_insert(factor);
        }
        Shape::Cosine { floor } => {
            train.floor.get_or_insert(floor);
        }
        Shape::OneCycle { peak_at, start, end } => {
            train.peak_at.get_or_insert(peak_at);
            train.start.get_or_insert(start);
            train.end.get_or_insert(end);
        }
    }
    Ok(())
}

/// The optimizer of a model.
pub fn optimizer(recipe: &Recipe, role: Role) -> Result<Optimizer> {
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
        learning_rate: or(rate, usual.learning_rate),
        weight_decay: or(train.weight_decay, usual.weight_decay),
        schedule: Schedule { shape, warm_up: train.warm_up },
        clip,
    })
}

/// How sparse a model is.
pub fn sparsity(recipe: &Recipe, role: Role) -> Result<Sparsity> {
    let asked = &recipe.sparsity;
    if role != Role::Sparse || !is_sparse(recipe) {
        return Ok(Sparsity::named("dense")?);
    }
    let wrong = |problem| Error::Recipe { place: "sparsity.structure".to_owned(), problem };
    let method = Sparsity::named(&asked.method)?;
    Ok(Sparsity {
        density: 1.0 - asked.target,
        distribution: match &asked.distribution {
            Spread::PerLayer(densities) => Distribution::PerLayer(densities.clone()),
            Spread::Named(name) if name == "uniform" => Distribution::Uniform,
            Spread::Named(_) => Distribution::ErdosRenyi,
        },
        structure: asked.structure.parse().map_err(|e: rarefy_core::Error| wrong(e.to_string()))?,
        every: asked.every,
        // The method fixed has none.
        fraction: if method.fraction == 0.0 { 0.0 } else { asked.fraction },
        until: asked.until,
        drop: asked.drop.clone().unwrap_or(method.drop),
        grow: asked.grow.clone().unwrap_or(method.grow),
    })
}

/// The epochs of a model.
pub fn epochs(recipe: &Recipe, role: Role) -> u64 {
    let sparse = || ((recipe.train.epochs as f64 * recipe.sparsity.epochs_factor).round() as u64).max(1);
    match role {
        Role::Twin => recipe.twin.epochs.unwrap_or(recipe.train.epochs),
        // The control has the sparse model's weights, and its epochs too.
        Role::Sparse | Role::Control => sparse(),
    }
}

/// The architecture of a model; `nnz` is that of the sparse model, which the control matches.
pub fn net(recipe: &Recipe, role: Role, inputs: usize, nnz: usize) -> Net {
    let scale = if role == Role::Control { scale_to(&recipe.model.layers, inputs, nnz) } else { 1.0 };
    scaled(&recipe.model.layers, scale).into_iter().fold(Net::new(inputs), Net::layer)
}

/// Layers with the widths of all linear ones but the last scaled, to 1 at least.
fn scaled(layers: &[String], scale: f64) -> Vec<String> {
    let last = layers.iter().rposition(|words| width(words).is_some());
    let scale_one = |(at, words): (usize, &String)| match width(words) {
        Some(outputs) if Some(at) != last => {
            let fewer = ((outputs as f64 * scale).round() as usize).max(1);
            words.replacen(&outputs.to_string(), &fewer.to_string(), 1)
        }
        _ => words.clone(),
    };
    layers.iter().enumerate().map(scale_one).collect()
}

/// The outputs of a layer with a weight.
fn width(words: &str) -> Option<usize> {
    let mut words = words.split_whitespace();
    if !matches!(words.next(), Some("linear" | "sampled-linear")) {
        return None;
    }
    words.next()?.parse().ok()
}

/// Entries of all weight matrices.
pub fn entries(layers: &[String], inputs: usize) -> usize {
    let mut before = inputs;
    let mut sum = 0usize;
    for outputs in layers.iter().filter_map(|words| width(words)) {
        sum = sum.saturating_add(before.saturating_mul(outputs));
        before = outputs;
    }
    sum
}

/// The scale at which a dense net has `nnz` weights, or as few more or less as its widths allow.
fn scale_to(layers: &[String], inputs: usize, nnz: usize) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if entries(&scaled(layers, middle), inputs) > nnz { high = middle } else { low = middle }
    }
    low
}

/// All that the trainer needs to know of a model.
///
/// # Errors
/// Names that do not exist.
pub fn config(recipe: &Recipe, role: Role, inputs: usize, nnz: usize) -> Result<Config> {
    let train = &recipe.train;
    Ok(Config {
        net: net(recipe, role, inputs, nnz),
        // Filled in from the labels once they are read.
        loss: train.loss.clone().unwrap_or_else(|| "cross-entropy".to_owned()),
        optimizer: optimizer(recipe, role)?,
        sparsity: sparsity(recipe, role)?,
        batch: train.batch as usize,
        epochs: epochs(recipe, role),
        accumulate: train.accumulate as usize,
        hardest: train.hardest,
        class_weights: match &train.class_weights {
            recipe::ClassWeights::None => ClassWeights::None,
            recipe::ClassWeights::Balanced => ClassWeights::Balanced,
            recipe::ClassWeights::Given(weights) => ClassWeights::Given(weights.clone()),
        },
        stop: Stop {
            accuracy: recipe.stop.accuracy,
            loss: recipe.stop.loss,
            patience: recipe.stop.patience,
            seconds: recipe.stop.max_seconds,
        },
        seed: train.seed,
    })
}

/// Checks that layers exist and are written right, before data are read.
pub fn check_layers(recipe: &Recipe) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_has_the_sparse_models_weights() {
        let recipe = Recipe::builtin();
        let nnz = 37_191;
        let net = net(&recipe, Role::Control, 784, nnz);
        let found = entries(net.layers(), 784);
        assert!((found as f64 - nnz as f64).abs() < 0.03 * nnz as f64, "{found}: {:?}", net.layers());
        assert_eq!(net.layers().last().unwrap(), "linear 10");
    }

    #[test]
    fn a_control_of_hardly_any_weights_keeps_one_unit_a_layer() {
        assert_eq!(net(&Recipe::builtin(), Role::Control, 784, 1).layers()[0], "linear 1");
    }

    #[test]
    fn a_complete_recipe_says_what_the_optimizer_does() {
        let mut recipe = Recipe::builtin();
        complete(&mut recipe).unwrap();
        assert_eq!((recipe.train.beta1, recipe.train.floor), (Some(0.9), Some(0.0)));
        assert_eq!(recipe.sparsity.grow.as_deref(), Some("gradient"));
        assert_eq!(Recipe::parse(&recipe.to_toml(), "as run").unwrap(), recipe);
    }

    #[test]
    fn completing_changes_nothing_of_what_is_done() {
        for words in ["sgd", "adam", "adamw", "rmsprop"] {
            for schedule in Shape::names() {
                let mut recipe = Recipe::builtin();
                recipe.set(&format!("train.schedule={schedule}")).unwrap();
                recipe.set(&format!("train.optimizer={words}")).unwrap();
                let before = optimizer(&recipe, Role::Sparse).unwrap();
                complete(&mut recipe).unwrap();
                assert_eq!(optimizer(&recipe, Role::Sparse).unwrap(), before);
            }
        }
    }

    #[test]
    fn a_dense_recipe_has_no_twin() {
        let mut recipe = Recipe::builtin();
        assert_eq!(roles(&recipe), [Role::Sparse, Role::Twin]);
        recipe.set("sparsity.method=dense").unwrap();
        assert_eq!(roles(&recipe), [Role::Sparse]);
    }

    #[test]
    fn the_sparse_model_may_train_longer_than_its_twin() {
        let mut recipe = Recipe::builtin();
        recipe.set("train.epochs=4").unwrap();
        recipe.set("sparsity.epochs-factor=2.5").unwrap();
        assert_eq!((epochs(&recipe, Role::Sparse), epochs(&recipe, Role::Twin)), (10, 4));
    }

    #[test]
    fn an_unknown_layer_is_named_before_data_are_read() {
        let mut recipe = Recipe::builtin();
        recipe.set("model.layers=[\"linear 10\", \"rellu\"]").unwrap();
        let message = check_layers(&recipe).unwrap_err().to_string();
        assert!(message.contains("entry 2 is \"rellu\", which is no layer; did you mean relu?"), "{message}");
    }
}
