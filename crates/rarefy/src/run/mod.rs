//! From a recipe to a fitted model beside its dense twin.
//!
//! A [`Job`] owns an output folder while it works:
//!
//! | file | holds |
//! |---|---|
//! | `model.rarefy` | the sparse model; `twin.rarefy` and `control.rarefy` those it is compared with |
//! | `checkpoint.rarefy` | the whole state, after every epoch and when interrupted |
//! | `metrics.csv` | every epoch of every model |
//! | `recipe.toml` | the recipe as run, every default written out |
//!
//! Models are trained one after the other, and read the test rows once, at the very end. A run that is interrupted at any
//! moment, by a signal or a power cut, and resumed gives the same model files as one that was not.
//!
//! ```
//! use rarefy::{Options, Recipe, fit};
//! let recipe = Recipe::parse(
//!     "[data]\ntrain = \"digits\"\n[model]\nlayers = [\"linear 32\", \"relu\", \"linear 10\"]\n\
//!      [train]\nepochs = 2\n[sparsity]\ntarget = 0.8\n[twin]\ntrain = false",
//!     "two epochs",
//! )?;
//! let folder = std::env::temp_dir().join(format!("rarefy-doc-{}", std::process::id()));
//! let outcome = fit(recipe, &Options { out: folder.clone(), ..Options::default() }, &(), &mut |_| {})?;
//! assert!(outcome.sparse.density <= 0.2 && outcome.sparse.accuracy.is_some());
//! # std::fs::remove_dir_all(folder).unwrap();
//! # Ok::<(), rarefy::Error>(())
//! ```

mod artifact;
pub(crate) mod check;
mod checkpoint;
pub mod data;
mod folder;
pub mod linear;
pub(crate) mod memory;
mod outcome;
pub(crate) mod plan;
mod search;

pub(crate) use folder::io_error;
pub(crate) use outcome::right;
pub use outcome::{DataOutcome, ModelOutcome, Outcome, Record, Right, Trained, input_weights, metrics_csv};
pub use plan::Role;
pub use search::{Search, Try};

use std::path::{Path, PathBuf};

use rarefy_core::progress::Progress;
use rarefy_core::{kernels, parallel};
use rarefy_model::container::Container;
use rarefy_model::file::{Disk, Lock, System, write_aside_on};
use rarefy_nn::trainer::{Aim, Settings};
use rarefy_nn::{Ended, Split, Trainer};

use crate::{Error, Recipe, Result, evaluate};
use checkpoint::Identity;
use data::Parts;
use folder::{prepare, refuse_non_folder};
use outcome::record;

/// The checkpoint's name in the output folder.
pub const CHECKPOINT: &str = "checkpoint.rarefy";
/// The name of the table of epochs.
pub const METRICS: &str = "metrics.csv";
/// The name of the recipe as run.
pub const RECIPE: &str = "recipe.toml";
/// The name that reports have; the command line writes them.
pub const REPORT: &str = "report.html";

/// Test rows that a report shows beside an autoencoder's answers.
const SHOWN: usize = 10;

/// Where a run leaves its results, and whether it goes on from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The output folder; made if it is not there.
    pub out: PathBuf,
    /// Go on from the checkpoint in `out`; start anew if there is none.
    pub resume: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { out: PathBuf::from("rarefy-out"), resume: false }
    }
}

/// What happens in a run, for whoever watches.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Training of a model begins, or goes on after so many epochs.
    Started {
        /// Which model.
        role: Role,
        /// Epochs it trains at most.
        epochs: u64,
        /// Epochs done before, by an interrupted run.
        done: u64,
    },
    /// An epoch is over, and the checkpoint written.
    Epoch {
        /// Which model.
        role: Role,
        /// Epochs it trains at most.
        epochs: u64,
        /// What is known of the epoch.
        record: &'a Record,
    },
    /// A model is trained and saved.
    Finished {
        /// The model.
        trained: &'a Trained,
    },
    /// A search for the sparsest model has tried a sparsity.
    Tried {
        /// What came of it.
        tried: &'a Try,
        /// Points that it may be below its twin.
        within: f64,
        /// Of what: `accuracy` or `precision@1`.
        measure: &'static str,
    },
    /// All models are trained; they read the test rows now.
    Testing,
}

/// A run, ready to go: recipe and data are checked, the output folder is ours.
pub struct Job {
    identity: Identity,
    parts: Parts,
    folder: PathBuf,
    disk: Box<dyn Disk>,
    state: checkpoint::State,
    roles: Vec<Role>,
    /// The least density that the network can have.
    least: f64,
    resumed: bool,
    _lock: Lock,
}

/// Trains, tests and saves everything that a recipe asks for.
///
/// # Errors
/// As [`Job::open`] and [`Job::run`].
pub fn fit(
    recipe: Recipe,
    options: &Options,
    progress: &dyn Progress,
    watch: &mut dyn FnMut(&Event<'_>),
) -> Result<Outcome> {
    Job::open(recipe, options)?.run(progress, watch)
}

/// The recipe of the run whose checkpoint is in `folder`; `None` if there is no checkpoint.
///
/// # Errors
/// A checkpoint that is damaged or of another version.
pub fn recipe_of(folder: &Path) -> Result<Option<Recipe>> {
    let path = folder.join(CHECKPOINT);
    if path.exists() { checkpoint::recipe(&path).map(Some) } else { Ok(None) }
}

impl Job {
    /// Checks everything that can be checked before training: recipe, memory, data, output folder, checkpoint.
    ///
    /// # Errors
    /// [`Error::Recipe`], [`Error::Nn`] for settings out of range, [`Error::Memory`], [`Error::Data`], [`Error::Mismatch`];
    /// [`Error::Model`] for a folder that cannot be written to or is locked; [`Error::Resume`] for another run's checkpoint.
    pub fn open(recipe: Recipe, options: &Options) -> Result<Self> {
        Self::open_on(recipe, options, Box::new(System))
    }

    /// As [`Job::open`], on a given disk: to see what happens when it fails.
    ///
    /// # Errors
    /// As [`Job::open`].
    pub fn open_on(recipe: Recipe, options: &Options, disk: Box<dyn Disk>) -> Result<Self> {
        let (recipe, parts) = prepared(recipe, &options.out)?;
        let roles = plan::roles(&recipe);
        Self::open_with(recipe, parts, roles, options, disk)
    }

    /// A job on data that are there already, for some of the models of a complete recipe.
    pub(crate) fn open_with(
        recipe: Recipe,
        parts: Parts,
        roles: Vec<Role>,
        options: &Options,
        disk: Box<dyn Disk>,
    ) -> Result<Self> {
        let folder = options.out.clone();
        let least = plan::least_density(&plan::net(&recipe, Role::Sparse, parts.train.cols(), 0))?;
        let lock = prepare(&folder)?;
        let identity = Identity { recipe, data: parts.fingerprint.clone() };
        let path = folder.join(CHECKPOINT);
        let (state, resumed) = match options.resume && path.exists() {
            true => (checkpoint::read(&path, &identity)?, true),
            false => (checkpoint::State::default(), false),
        };
        let job = Self { identity, parts, folder, disk, state, roles, least, resumed, _lock: lock };
        job.write(RECIPE, job.identity.recipe.to_toml().as_bytes())?;
        match resumed {
            // They may have been lost since; the checkpoint has them.
            true => job.state.done.iter().try_for_each(|trained| job.save(trained).map(drop))?,
            false => job.save_state(None)?,
        }
        Ok(job)
    }

    /// The recipe as run.
    pub fn recipe(&self) -> &Recipe {
        &self.identity.recipe
    }

    /// The output folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it goes on from a checkpoint.
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// Facts about the data.
    pub fn data(&self) -> DataOutcome {
        self.parts.outcome()
    }

    /// Writes a file into the output folder, aside and renamed.
    ///
    /// # Errors
    /// [`Error::Model`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        Ok(write_aside_on(&*self.disk, &self.folder.join(name), |out| out.write_all(bytes))?)
    }

    /// Trains what is not trained yet, tests all of it, and saves it.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when `progress` cancelled it, the checkpoint written; [`Error::Diverged`]; [`Error::Model`] when
    /// the disk fails, the last good checkpoint intact; [`Error::Nn`].
    pub fn run(&mut self, progress: &dyn Progress, watch: &mut dyn FnMut(&Event<'_>)) -> Result<Outcome> {
        let models = self.models(progress, watch)?;
        self.outcome(models)
    }

    /// As [`Job::run`]: every model that the job is for.
    pub(crate) fn models(
        &mut self,
        progress: &dyn Progress,
        watch: &mut dyn FnMut(&Event<'_>),
    ) -> Result<Vec<ModelOutcome>> {
        for role in self.roles.clone() {
            if let (Some(within), Role::Sparse) = (self.identity.recipe.sparsity.within, role) {
                self.find_sparsest(within, progress, watch)?;
            } else if self.state.done.iter().all(|trained| trained.role != role) {
                let trained = self.train(role, progress, watch)?;
                self.save(&trained)?;
                watch(&Event::Finished { trained: &trained });
                self.state.done.push(trained);
                self.save_done()?;
            }
        }
        if progress.cancelled() {
            return Err(self.interrupted());
        }
        watch(&Event::Testing);
        self.save_metrics(None)?;
        self.state.done.iter().map(|trained| self.test(trained)).collect()
    }

    /// Tests a model, once.
    fn test(&self, trained: &Trained) -> Result<ModelOutcome> {
        let test = evaluate::evaluate(&trained.artifact, &self.parts.test)?;
        let runtime = trained.artifact.clone().into_runtime()?;
        let features = &self.parts.train.features;
        let microseconds = evaluate::microseconds(&runtime, features, features.rows())?;
        let path = self.folder.join(trained.role.file());
        let bytes = std::fs::metadata(&path).map_err(|e| io_error(&path, "look at it", e))?.len();
        let mut outcome = trained.outcome(test, path, bytes, microseconds)?;
        let rows = &self.parts.test.features;
        outcome.activity = evaluate::activity(&trained.artifact, rows, 0..rows.rows())?;
        let shown = evaluate::reconstruct(&trained.artifact, rows, SHOWN)?;
        outcome.reconstructions = shown.map_or_else(Vec::new, |[_, answers]| rows_of(&answers));
        if trained.role == Role::Sparse && plan::drops_neurons(&self.identity.recipe) {
            // Of what the recipe's layers would hold: neurons that are gone count as zeros.
            let entries = plan::entries(&self.identity.recipe.model.layers, self.parts.train.cols());
            outcome.density = outcome.nnz as f64 / entries.max(1) as f64;
        }
        Ok(outcome)
    }

    /// What came of the whole run.
    fn outcome(&self, mut models: Vec<ModelOutcome>) -> Result<Outcome> {
        let mut take = |role| models.iter().position(|model| model.role == role).map(|at| models.remove(at));
        let (sparse, twin, control) = (take(Role::Sparse), take(Role::Twin), take(Role::Control));
        let lost = || Error::Mismatch { place: "run".to_owned(), problem: "no sparse model, expected one".to_owned() };
        let first = self.state.done.first().map(|trained| &trained.artifact);
        let shown = first.map(|model| evaluate::reconstruct(model, &self.parts.test.features, SHOWN)).transpose()?;
        let originals = shown.flatten().map_or_else(Vec::new, |[rows, _]| rows_of(&rows));
        Ok(Outcome {
            originals,
            search: self.search(),
            sparse: sparse.ok_or_else(lost)?,
            twin,
            control,
            data: self.data(),
            recipe: self.identity.recipe.to_toml(),
            folder: self.folder.clone(),
            threads: parallel::threads(),
            isa: kernels::isa().name().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            resumed: self.resumed,
        })
    }

    /// Trains one model, from the checkpoint if it was in training there.
    fn train(&mut self, role: Role, progress: &dyn Progress, watch: &mut dyn FnMut(&Event<'_>)) -> Result<Trained> {
        let sparse = self.state.done.iter().find(|trained| trained.role == Role::Sparse);
        let nnz = sparse.map_or(0, |trained| trained.artifact.graph.nnz());
        let asked = self.asked(role);
        let mut config = plan::config(&asked, role, self.parts.train.cols(), nnz)?;
        config.sparse_input = self.parts.is_sparse();
        let epochs = config.epochs;
        let mut trainer = match self.state.training.take() {
            Some((training, container)) if training == role => {
                Trainer::from_container(config, container, &Settings::new())?
            }
            _ => Trainer::new(config)?,
        };
        watch(&Event::Started { role, epochs, done: trainer.history().len() as u64 });
        let aim = data::aim(&self.identity.recipe);
        let split = |rows: &[u32]| {
            let (data, factors) = (&self.parts.train, self.parts.factors.clone());
            Split { data, rows: rows.to_vec(), factors, aim }
        };
        let (train, validation) = (split(&self.parts.rows), split(&self.parts.validation));
        let validation = (!validation.rows.is_empty()).then_some(&validation);
        let mut good = if trainer.history().is_empty() { None } else { Some(trainer.network().lower()?) };
        let named = Named { name: role.name(), progress };
        let ended = trainer.fit(&train, validation, &named, &mut |trainer| {
            self.save_training(role, trainer)?;
            good = Some(trainer.network().lower()?);
            if let Some(epoch) = trainer.history().last() {
                watch(&Event::Epoch { role, epochs, record: &record(epoch) });
            }
            Ok(())
        });
        let history: Vec<Record> = trainer.history().iter().map(record).collect();
        let trained = |graph, ended: Ended| -> Result<Trained> {
            let ended = format!("{ended:?}").to_lowercase();
            let artifact = self.artifact((role, &asked), graph, &trainer, &ended)?;
            let state_bytes = trainer.network().state_bytes();
            Ok(Trained { role, artifact, history: history.clone(), state_bytes, ended })
        };
        match ended {
            Ok(Ended::Cancelled) => {
                self.save_training(role, &trainer).map_err(Error::from)?;
                self.save_metrics(Some((role, &history)))?;
                Err(self.interrupted())
            }
            Ok(ended) => trained(trainer.network().lower()?, ended),
            Err(error @ rarefy_nn::Error::Diverged { .. }) => {
                let model = match good {
                    Some(graph) => Some(self.save(&trained(graph, Ended::Cancelled)?)?),
                    None => None,
                };
                self.save_metrics(Some((role, &history)))?;
                Err(Error::Diverged { who: role.name(), error: Box::new(error), model })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the checkpoint of a model in training.
    fn save_training(&self, role: Role, trainer: &Trainer) -> rarefy_nn::Result<()> {
        self.save_state(Some((role, &trainer.to_container(&Settings::new())?)))
    }

    /// Writes the checkpoint.
    fn save_state(&self, training: Option<(Role, &Container)>) -> rarefy_nn::Result<()> {
        let bytes = checkpoint::to_bytes(&self.identity, &self.state, training)?;
        Ok(write_aside_on(&*self.disk, &self.folder.join(CHECKPOINT), |out| out.write_all(&bytes))?)
    }

    /// Writes down that another model is done.
    fn save_done(&self) -> Result<()> {
        self.save_state(None)?;
        self.save_metrics(None)
    }

    /// Writes a model's artifact.
    fn save(&self, trained: &Trained) -> Result<PathBuf> {
        self.write(trained.role.file(), &trained.artifact.to_bytes()?)?;
        Ok(self.folder.join(trained.role.file()))
    }

    /// Writes the table of epochs, with those of a model that is not done.
    fn save_metrics(&self, more: Option<(Role, &[Record])>) -> Result<()> {
        let done = self.state.done.iter().map(|trained| (trained.role, &trained.history[..]));
        self.write(METRICS, metrics_csv(done.chain(more)).as_bytes())
    }

    /// The error of a run that somebody stopped.
    fn interrupted(&self) -> Error {
        Error::Interrupted { checkpoint: self.folder.join(CHECKPOINT) }
    }
}

/// Checks everything that can be checked before training, reads the data, and completes the recipe.
pub(crate) fn prepared(mut recipe: Recipe, folder: &Path) -> Result<(Recipe, Parts)> {
    check::kind(&recipe)?;
    check::layers(&recipe)?;
    plan::complete(&mut recipe)?;
    if let Some(inputs) = memory::known_inputs(&recipe) {
        plan::config(&recipe, Role::Sparse, inputs, 0)?.check()?;
        memory::check(&recipe, inputs, false, false)?;
    }
    refuse_non_folder(folder)?;
    let parts = data::load(&mut recipe)?;
    check::data(&recipe, &parts)?;
    search::check(&recipe, &parts)?;
    let inputs = parts.train.cols();
    for role in plan::roles(&recipe) {
        plan::config(&recipe, role, inputs, 0)?.check()?;
    }
    memory::check(&recipe, inputs, true, parts.is_sparse())?;
    Ok((recipe, parts))
}

/// Rows, each by itself.
fn rows_of(rows: &rarefy_core::matrix::Dense<f32>) -> Vec<Vec<f32>> {
    (0..rows.rows()).map(|i| rows.row(i).to_vec()).collect()
}

/// Progress whose work has the model's name.
struct Named<'a> {
    name: &'static str,
    progress: &'a dyn Progress,
}

impl Progress for Named<'_> {
    fn start(&self, _: &str, total: u64) {
        self.progress.start(self.name, total);
    }

    fn advance(&self, done: u64, note: &str) {
        self.progress.advance(done, note);
    }

    fn finish(&self) {
        self.progress.finish();
    }

    fn cancelled(&self) -> bool {
        self.progress.cancelled()
    }
}
