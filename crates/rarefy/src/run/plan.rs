//! From a recipe to what the trainer takes, for each of the models of a run.

use rarefy_core::pattern::Distribution;
use rarefy_nn::optimizer::{Kind, Shape};
use rarefy_nn::sparsify::{self, Penalty, Rewind, Schedule, Trigger};
use rarefy_nn::trainer::{ClassWeights, Stop};
use rarefy_nn::{Config, Net, Optimizer, Sparsity};
use serde::{Deserialize, Serialize};

mod least;
mod optimizer;

pub use least::density as least_density;
use optimizer::optimizer;

use crate::recipe::{self, LearningRate, Recipe, Spread};
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
    let mut roles: Vec<Role> = Role::ALL.into_iter().filter(wanted).collect();
    if recipe.sparsity.within.is_some() {
        // The twin is what a search compares with.
        roles.sort_by_key(|role| *role != Role::Twin);
    }
    roles
}

/// Whether a recipe asks for any sparsity.
fn is_sparse(recipe: &Recipe) -> bool {
    recipe.sparsity.wanted()
}

/// Whether whole neurons leave the sparse model.
pub fn drops_neurons(recipe: &Recipe) -> bool {
    recipe.sparsity.method == "group-l1" && is_sparse(recipe)
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
    complete_sparsity(&mut recipe.sparsity)?;
    let train = &mut recipe.train;
    let usual = Optimizer::named(&train.optimizer)?;
    train.learning_rate.get_or_insert(LearningRate::Given(plain(usual.learning_rate)));
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

/// The same for the sparsity alone.
fn complete_sparsity(asked: &mut recipe::Sparsity) -> Result<()> {
    let usual = Sparsity::named(&asked.method)?;
    asked.drop.get_or_insert(usual.drop);
    asked.grow.get_or_insert(usual.grow);
    asked.fraction.get_or_insert(usual.fraction);
    asked.until.get_or_insert(usual.until);
    match usual.schedule {
        Schedule::Constant => {}
        Schedule::Cubic { initial, begin } => {
            // No sparser than in the end.
            asked.initial.get_or_insert((1.0 - initial).min(asked.target));
            asked.begin.get_or_insert(begin);
        }
        Schedule::Steps { .. } if usual.trigger.is_some() => {}
        Schedule::Steps { rounds, rewind, rewind_to } => {
            asked.rounds.get_or_insert(rounds);
            let named = Rewind::ALL.iter().find(|(_, known)| *known == rewind);
            asked.rewind.get_or_insert_with(|| named.map_or("none", |(name, _)| name).to_owned());
            asked.rewind_to.get_or_insert(rewind_to);
        }
        Schedule::Phases { rounds, begin } => {
            asked.rounds.get_or_insert(rounds);
            asked.begin.get_or_insert(begin);
        }
    }
    match usual.penalty.map(|penalty| penalty.kind) {
        Some(sparsify::Shape::ElasticNet { l1_ratio }) => {
            asked.l1_ratio.get_or_insert(l1_ratio);
        }
        Some(sparsify::Shape::L1Ball { whole }) => {
            asked.ball.get_or_insert_with(|| if whole { "network" } else { "layer" }.to_owned());
        }
        _ => {}
    }
    if usual.reserve > 0.0 {
        asked.reserve.get_or_insert(usual.reserve);
    }
    if let Some(trigger) = usual.trigger {
        asked.gradient_below.get_or_insert(trigger.gradient);
        asked.weight_below.get_or_insert(trigger.weight);
        asked.gradient_memory.get_or_insert(trigger.memory);
    }
    Ok(())
}

/// What a penalty of given strength leaves at least.
const LEAST_DENSITY: f64 = 1e-4;

/// Bytes of an artifact beside its weights, about: names, the recipe as run, the checksum; and for each layer.
const FILE_BYTES: (f64, f64) = (8192.0, 512.0);

/// The density at which a model of this recipe has the weights, or the file the bytes, that it asks for: at most 1, and below 0 for a
/// file that has no room for a weight.
fn asked_density(recipe: &Recipe, inputs: usize) -> Option<f64> {
    let layers = &recipe.model.layers;
    let all = entries(layers, inputs).max(1) as f64;
    let nonzeros = recipe.sparsity.nonzeros.map(|n| n as f64).or_else(|| {
        let bytes = recipe.sparsity.file_bytes? as f64;
        let widths: Vec<usize> = layers.iter().filter_map(|words| width(words)).collect();
        let widest = widths.iter().copied().chain([inputs]).max().unwrap_or(0);
        // Of each weight the value and its column; of each row where it begins, and its bias.
        let each = 4.0 + if widest <= 1 << 16 { 2.0 } else { 4.0 };
        let rows = widths.iter().map(|&rows| 8.0 * (rows + 1) as f64 + FILE_BYTES.1).sum::<f64>();
        Some((bytes - FILE_BYTES.0 - rows) / each)
    })?;
    Some((nonzeros / all).min(1.0))
}

/// How sparse a model is.
pub fn sparsity(recipe: &Recipe, role: Role) -> Result<Sparsity> {
    if role != Role::Sparse || !is_sparse(recipe) {
        return Ok(Sparsity::named("dense")?);
    }
    let mut asked = recipe.sparsity.clone();
    complete_sparsity(&mut asked)?;
    let wrong = |problem| Error::Recipe { place: "sparsity.structure".to_owned(), problem };
    let usual = Sparsity::named(&asked.method)?;
    let schedule = match usual.schedule {
        Schedule::Constant => Schedule::Constant,
        Schedule::Cubic { initial, begin } => Schedule::Cubic {
            initial: asked.initial.map_or(initial, |zeros| 1.0 - zeros),
            begin: asked.begin.unwrap_or(begin),
        },
        Schedule::Steps { rounds, rewind, rewind_to } => Schedule::Steps {
            rounds: asked.rounds.unwrap_or(rounds),
            rewind: Rewind::ALL
                .into_iter()
                .find(|known| Some(known.0) == asked.rewind.as_deref())
                .map_or(rewind, |r| r.1),
            rewind_to: asked.rewind_to.unwrap_or(rewind_to),
        },
        Schedule::Phases { rounds, begin } => {
            Schedule::Phases { rounds: asked.rounds.unwrap_or(rounds), begin: asked.begin.unwrap_or(begin) }
        }
    };
    let penalty = usual.penalty.map(|penalty| Penalty {
        kind: match penalty.kind {
            sparsify::Shape::ElasticNet { l1_ratio } => {
                sparsify::Shape::ElasticNet { l1_ratio: asked.l1_ratio.unwrap_or(l1_ratio) }
            }
            sparsify::Shape::L1Ball { .. } => sparsify::Shape::L1Ball { whole: asked.ball.as_deref() != Some("layer") },
            kind => kind,
        },
        strength: asked.lambda.or(asked.radius),
    });
    Ok(Sparsity {
        density: if asked.lambda.or(asked.radius).is_some() { LEAST_DENSITY } else { 1.0 - asked.target },
        penalty,
        distribution: match &asked.distribution {
            // A penalty finds by itself how many weights a layer needs.
            Spread::Named(name) if penalty.is_some() && name == "erdos-renyi" => Distribution::Global,
            Spread::PerLayer(densities) => Distribution::PerLayer(densities.clone()),
            Spread::Named(name) if name == "uniform" => Distribution::Uniform,
            Spread::Named(name) if name == "global" => Distribution::Global,
            Spread::Named(_) => Distribution::ErdosRenyi,
        },
        structure: asked.structure.parse().map_err(|e: rarefy_core::Error| wrong(e.to_string()))?,
        schedule,
        every: asked.every,
        // A method that replaces nothing has none.
        fraction: if usual.fraction == 0.0 { 0.0 } else { asked.fraction.unwrap_or(usual.fraction) },
        until: asked.until.unwrap_or(usual.until),
        drop: asked.drop.unwrap_or(usual.drop),
        grow: asked.grow.unwrap_or(usual.grow),
        reserve: asked.reserve.unwrap_or(usual.reserve),
        trigger: usual.trigger.map(|trigger| Trigger {
            gradient: asked.gradient_below.unwrap_or(trigger.gradient),
            weight: asked.weight_below.unwrap_or(trigger.weight),
            memory: asked.gradient_memory.unwrap_or(trigger.memory),
        }),
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
    let last = layers.iter().rposition(|words| width(words).is_some() || words.starts_with("tied-linear"));
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
    let (mut before, mut sum) = (inputs, 0usize);
    // The inputs of each layer with a weight, which are the outputs of one that shares it.
    let mut taken = Vec::new();
    for words in layers {
        if let Some(outputs) = width(words) {
            sum = sum.saturating_add(before.saturating_mul(outputs));
            taken.push(before);
            before = outputs;
        } else if let Some(number) = words.strip_prefix("tied-linear ") {
            let number = number.split_whitespace().next().and_then(|number| number.parse::<usize>().ok());
            before = number.and_then(|number| taken.get(number.wrapping_sub(1))).copied().unwrap_or(before);
        }
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
/// Names that do not exist; [`Error::Recipe`] for fewer weights than there are weight matrices.
pub fn config(recipe: &Recipe, role: Role, inputs: usize, nnz: usize) -> Result<Config> {
    let train = &recipe.train;
    let mut sparsity = sparsity(recipe, role)?;
    let net = net(recipe, role, inputs, nnz);
    if role == Role::Sparse && is_sparse(recipe) {
        least::hold(recipe, &net, inputs, &mut sparsity)?;
    }
    Ok(Config {
        net,
        // Filled in from the labels once they are read.
        loss: train.loss.clone().unwrap_or_else(|| "cross-entropy".to_owned()),
        optimizer: optimizer(recipe, role)?,
        sparsity,
        batch: train.batch as usize,
        epochs: epochs(recipe, role),
        accumulate: train.accumulate as usize,
        hardest: train.hardest,
        class_weights: match &train.class_weights {
            recipe::ClassWeights::None => ClassWeights::None,
            recipe::ClassWeights::Balanced => ClassWeights::Balanced,
            recipe::ClassWeights::Given(weights) => ClassWeights::Given(weights.clone()),
        },
        lazy: train.lazy,
        // Known once the data are read.
        sparse_input: false,
        stop: Stop {
            accuracy: recipe.stop.accuracy,
            loss: recipe.stop.loss,
            patience: recipe.stop.patience,
            seconds: recipe.stop.max_seconds,
        },
        seed: train.seed,
    })
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
    fn the_twin_may_have_the_learning_rate_found_or_given() {
        let rates = |settings: &[&str]| {
            let mut recipe = Recipe::builtin();
            settings.iter().for_each(|setting| recipe.set(setting).unwrap());
            complete(&mut recipe).unwrap();
            [Role::Sparse, Role::Twin].map(|role| optimizer(&recipe, role).unwrap().auto)
        };
        assert_eq!(rates(&[]), [false, false]);
        assert_eq!(rates(&["train.learning-rate=auto"]), [true, true]);
        assert_eq!(rates(&["train.learning-rate=auto", "twin.learning-rate=1e-3"]), [true, false]);
        assert_eq!(rates(&["twin.learning-rate=auto"]), [false, true]);
    }

    #[test]
    fn every_method_runs_as_its_complete_recipe_says() {
        for method in rarefy_nn::sparsify::registry().iter().filter(|method| method.name != "dense") {
            let mut recipe =
                Recipe::parse("[data]\ntrain = \"digits\"\n[model]\nlayers = [\"linear 10\"]", "r").unwrap();
            recipe.set(&format!("sparsity.method={}", method.name)).unwrap();
            recipe.set("sparsity.target=0.95").unwrap();
            let expected = Sparsity { density: 1.0 - 0.95, ..Sparsity::named(method.name).unwrap() };
            assert_eq!(sparsity(&recipe, Role::Sparse).unwrap(), expected);
            complete(&mut recipe).unwrap();
            assert_eq!(sparsity(&recipe, Role::Sparse).unwrap(), expected);
            assert_eq!(Recipe::parse(&recipe.to_toml(), "as run").unwrap(), recipe);
        }
    }

    #[test]
    fn keys_of_methods_are_what_they_set() {
        let sparsity = |settings: &[&str]| {
            let mut recipe = Recipe::builtin();
            settings.iter().for_each(|setting| recipe.set(setting).unwrap());
            sparsity(&recipe, Role::Sparse).unwrap()
        };
        let gmp =
            sparsity(&["sparsity.method=gmp", "sparsity.initial=0.25", "sparsity.begin=0.1", "sparsity.until=0.6"]);
        assert_eq!((gmp.schedule, gmp.until, gmp.fraction), (Schedule::Cubic { initial: 0.75, begin: 0.1 }, 0.6, 0.0));
        let lottery =
            ["sparsity.method=lottery", "sparsity.rounds=5", "sparsity.rewind=rate", "sparsity.rewind-to=0.2"];
        let expected = Schedule::Steps { rounds: 5, rewind: Rewind::Rate, rewind_to: 0.2 };
        assert_eq!(sparsity(&lottery).schedule, expected);
        assert_eq!(sparsity(&["sparsity.method=top-kast", "sparsity.reserve=0.5"]).reserve, 0.5);
        let trigger = ["sparsity.method=trigger", "sparsity.gradient-below=0.5", "sparsity.weight-below=0.4"];
        let trigger = sparsity(&trigger).trigger.unwrap();
        assert_eq!((trigger.gradient, trigger.weight, trigger.memory), (0.5, 0.4, 0.99));
        let windows = sparsity(&["sparsity.structure=3 of 32"]);
        assert_eq!(windows.structure, rarefy_core::pattern::Structure::Window { keep: 3, of: 32 });
        assert!(Recipe::builtin().set("sparsity.reserve=0.5").is_err());
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
}
