//! One point of a frontier: a run of its own, which is trained once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rarefy_model::file::{System, write_aside};
use rarefy_nn::trainer::Precision;
use serde::{Deserialize, Serialize};

use super::{Board, POINTS, json, label};
use crate::run::data::Parts;
use crate::run::{self, Event, Job, ModelOutcome, Options, Right, Role, plan};
use crate::{Error, Recipe, Result};

/// The name of a point's figures in its folder.
const FIGURES: &str = "point.json";

/// What came of one model of a frontier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Which kind of model.
    pub role: Role,
    /// The sparsity asked for (of the model that a small dense net is beside); `None` for the dense twin.
    pub sparsity: Option<f64>,
    /// The seed.
    pub seed: u64,
    /// Test accuracy; `None` unless targets are classes.
    pub accuracy: Option<f64>,
    /// Precision of the first classes on the test rows; `None` unless targets are sets of classes.
    pub precision: Option<Precision>,
    /// Test loss.
    pub loss: Option<f64>,
    /// Accuracy on the validation rows after the last epoch.
    pub validation_accuracy: Option<f64>,
    /// For sets of classes, the precision of the first ones on the validation rows after the last epoch.
    pub validation_precision: Option<Precision>,
    /// Loss on the validation rows after the last epoch.
    pub validation_loss: Option<f64>,
    /// Accuracy on the training rows, while the last epoch ran.
    pub train_accuracy: Option<f64>,
    /// For sets of classes, the share of the training rows whose first one is right, while the last epoch ran.
    pub train_precision_at_1: Option<f64>,
    /// Loss on the training rows, while the last epoch ran.
    pub train_loss: Option<f64>,
    /// Nonzeros over entries, of all weight matrices.
    pub density: f64,
    /// Nonzeros of all weight matrices.
    pub nnz: usize,
    /// Trained numbers: weights kept, biases, norms.
    pub parameters: usize,
    /// Bytes of training state.
    pub state_bytes: usize,
    /// Bytes of the artifact.
    pub file_bytes: u64,
    /// Epochs trained.
    pub epochs: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// Seconds of processor time of training.
    pub cpu_seconds: f64,
    /// Microseconds that a prediction takes, in batches.
    pub sample_microseconds: f64,
    /// Why training ended, in a word.
    pub ended: String,
    /// The artifact, from the frontier's folder.
    pub model: PathBuf,
}

impl Figures {
    /// What is chosen by, smaller is better: the share of wrong answers to the validation rows (for sets of classes, of first ones that
    /// are wrong), or their loss where targets are values; of the test rows only where there is no validation part.
    pub fn error(&self) -> Option<f64> {
        let validation = run::right(self.validation_accuracy, self.validation_precision.map(|p| p.at_1));
        match self.right() {
            Some(test) => Some(1.0 - validation.unwrap_or(test).1),
            None => self.validation_loss.or(self.loss),
        }
    }

    /// The share of test rows that are answered right, and what it is called; `None` for values.
    pub fn right(&self) -> Option<Right> {
        run::right(self.accuracy, self.precision.map(|p| p.at_1))
    }

    /// The figures of a model of the point called `name`.
    fn of(outcome: ModelOutcome, name: &str, sparsity: Option<f64>, seed: u64) -> Self {
        let last = outcome.history.last();
        Self {
            role: outcome.role,
            sparsity,
            seed,
            accuracy: outcome.accuracy,
            precision: outcome.precision,
            loss: outcome.loss,
            validation_accuracy: last.and_then(|epoch| epoch.validation_accuracy),
            validation_precision: last.and_then(|epoch| epoch.validation_precision),
            validation_loss: last.and_then(|epoch| epoch.validation_loss),
            train_accuracy: last.and_then(|epoch| epoch.train_accuracy),
            train_precision_at_1: last.and_then(|epoch| epoch.train_precision_at_1),
            train_loss: last.map(|epoch| epoch.train_loss),
            density: outcome.density,
            nnz: outcome.nnz,
            parameters: outcome.parameters,
            state_bytes: outcome.state_bytes,
            file_bytes: outcome.file_bytes,
            epochs: outcome.epochs,
            seconds: outcome.seconds,
            cpu_seconds: outcome.history.iter().map(|epoch| epoch.cpu_seconds).sum(),
            sample_microseconds: outcome.sample_microseconds,
            ended: outcome.ended,
            model: Path::new(POINTS).join(name).join(outcome.role.file()),
        }
    }
}

/// A finished point on disk: what it belongs to, and its figures.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    rarefy: String,
    recipe: String,
    data: String,
    models: Vec<Figures>,
}

/// A point: one sparsity (or dense) and seed.
pub(super) struct Point {
    /// Its folder's name.
    name: String,
    sparsity: Option<f64>,
    seed: u64,
    /// The frontier's recipe with this sparsity and seed.
    pub recipe: Recipe,
    /// The models trained, one after the other.
    pub roles: Vec<Role>,
}

impl Point {
    /// The dense twin of all sparsities. It depends on none of them, and its recipe says so.
    pub fn twin(recipe: &Recipe, seed: u64) -> Result<Self> {
        let mut recipe = recipe.clone();
        recipe.sparsity.target = 0.0;
        recipe.train.seed = seed;
        (recipe.twin.train, recipe.twin.control) = (true, false);
        Ok(Self { name: format!("dense-seed-{seed}"), sparsity: None, seed, recipe, roles: vec![Role::Twin] })
    }

    /// A sparsity, perhaps with a small dense net beside it.
    pub fn sparse(recipe: &Recipe, sparsity: f64, seed: u64, control: bool) -> Result<Self> {
        let mut recipe = recipe.clone();
        recipe.set(&format!("sparsity.target={sparsity}"))?;
        recipe.train.seed = seed;
        (recipe.twin.train, recipe.twin.control) = (false, control);
        let roles = if control { vec![Role::Sparse, Role::Control] } else { vec![Role::Sparse] };
        Ok(Self { name: format!("{sparsity}-seed-{seed}"), sparsity: Some(sparsity), seed, recipe, roles })
    }

    /// An estimate of the work of an epoch, for progress: it follows the density, and some of it does not.
    fn epoch_work(&self) -> u64 {
        (100.0 * (1.0 - self.sparsity.unwrap_or(0.0))).ceil() as u64 + 2
    }

    /// An estimate of all its work.
    pub fn work(&self) -> u64 {
        self.roles.iter().map(|&role| plan::epochs(&self.recipe, role).saturating_mul(self.epoch_work())).sum()
    }

    /// Its figures, if it was finished before with the same recipe, data and version, and its models are still there.
    pub fn known(&self, folders: &Path, fingerprint: &str) -> Option<Vec<Figures>> {
        let folder = folders.join(&self.name);
        let saved: Saved = serde_json::from_slice(&fs::read(folder.join(FIGURES)).ok()?).ok()?;
        let same = saved.rarefy == env!("CARGO_PKG_VERSION")
            && saved.recipe == self.recipe.to_toml()
            && saved.data == fingerprint
            && saved.models.iter().map(|model| model.role).eq(self.roles.iter().copied())
            && self.roles.iter().all(|role| folder.join(role.file()).is_file());
        same.then_some(saved.models)
    }

    /// Trains and tests its models, going on from a checkpoint if there is one.
    ///
    /// # Errors
    /// [`Error::Point`]; [`Error::Interrupted`].
    pub fn train(&self, folders: &Path, parts: &Parts, board: &Board<'_>) -> Result<Vec<Figures>> {
        self.train_it(folders, parts, board).map_err(|error| match error {
            Error::Interrupted { .. } => error,
            error => Error::Point { point: label(self.roles[0], self.sparsity, self.seed), error: Box::new(error) },
        })
    }

    fn train_it(&self, folders: &Path, parts: &Parts, board: &Board<'_>) -> Result<Vec<Figures>> {
        let options = Options { out: folders.join(&self.name), resume: true };
        let parts = parts.again(&self.recipe)?;
        let data = parts.fingerprint.clone();
        let mut job = Job::open_with(self.recipe.clone(), parts, self.roles.clone(), &options, Box::new(System))?;
        let mut credited = 0;
        let models = job.models(board, &mut |event| {
            let (epochs, note) = match event {
                Event::Started { role, done, .. } => (*done, label(*role, self.sparsity, self.seed)),
                Event::Epoch { role, .. } => (1, label(*role, self.sparsity, self.seed)),
                _ => return,
            };
            let work = epochs * self.epoch_work();
            credited += work;
            board.add(work, &note);
        })?;
        // What a stop rule spared, and what an earlier run had finished.
        board.add(self.work().saturating_sub(credited), "");
        let models: Vec<Figures> =
            models.into_iter().map(|model| Figures::of(model, &self.name, self.sparsity, self.seed)).collect();
        let saved = Saved {
            rarefy: env!("CARGO_PKG_VERSION").to_owned(),
            recipe: self.recipe.to_toml(),
            data,
            models: models.clone(),
        };
        write_aside(&options.out.join(FIGURES), json(&saved)?.as_bytes())?;
        Ok(models)
    }
}

/// Makes earlier points start anew: removes their checkpoints and figures, and nothing else.
pub(super) fn forget_all(folders: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(folders) else { return Ok(()) };
    for entry in entries.flatten() {
        for name in [FIGURES, run::CHECKPOINT] {
            let path = entry.path().join(name);
            match fs::remove_file(&path) {
                Err(e) if !matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    return Err(run::io_error(&path, "remove what an earlier frontier left", e));
                }
                _ => {}
            }
        }
    }
    Ok(())
}
