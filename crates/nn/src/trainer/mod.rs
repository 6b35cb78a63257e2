//! Training: epochs of shuffled mini-batches, with validation, rules that end it, and checkpoints.
//!
//! A [`Config`] says what to train and how, a [`Split`] on what; [`Trainer::fit`] does it. Same configuration, data and
//! processor give the same bits on any number of threads, and whether or not a run was interrupted and resumed.
//!
//! ```
//! use rarefy_data::{bundled, split};
//! use rarefy_nn::{Config, Net, Split, Sparsity, Trainer};
//! let digits = bundled::load("digits")?.train;
//! let parts = split::random(digits.rows(), &[0.9, 0.1], 1)?;
//! let factors = digits.scaling.fit(&digits.features, &parts[0])?;
//! let (train, validation) =
//!     (Split::new(&digits, &parts[0], factors.clone()), Split::new(&digits, &parts[1], factors));
//! let mut trainer = Trainer::new(Config {
//!     net: Net::new(64).linear(100).relu().linear(10),
//!     sparsity: Sparsity { density: 0.2, every: 20, ..Sparsity::named("rigl")? },
//!     batch: 32,
//!     epochs: 8,
//!     ..Config::default()
//! })?;
//! trainer.fit(&train, Some(&validation), &(), &mut |_| Ok(()))?;
//! assert!(trainer.history()[7].validation_accuracy.unwrap() > 0.8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checkpoint;
mod config;
mod epoch;
mod evaluate;
mod precision;
mod split;
mod step;
mod stop;

pub use checkpoint::{KIND, Settings, VERSION};
pub use config::{ClassWeights, Config};
pub use epoch::Epoch;
pub use evaluate::{Evaluation, MOST_CLASSES, evaluate};
pub use precision::{Hits, Precision, RANKS};
pub use split::{Aim, Split};
pub use stop::{Ended, Stop};

use crate::net::stream;
use crate::optimizer::Distance;
use crate::sparsify::Control;
use crate::{Error, Loss, Network, Result};
use epoch::Running;
use rarefy_core::clock::{Cost, Meter};
use rarefy_core::progress::Progress;
use rarefy_core::random::{Key, shuffle};
use split::Feed;
use std::time::{Duration, Instant};

/// How often progress is told.
const TELL: Duration = Duration::from_millis(100);

/// A network in training.
///
/// Between two calls of its methods its state is whole: it stands at the end of an optimizer step, and can be written to a
/// checkpoint ([`Trainer::to_container`]).
pub struct Trainer {
    config: Config,
    loss: &'static dyn Loss,
    network: Network,
    position: Position,
    history: Vec<Epoch>,
    /// What steers a penalty.
    control: Control,
    /// What a learning rate is estimated to be.
    distance: Distance,
}

/// Where in a training a trainer stands: with network and history all that it takes to go on to the same bits.
#[derive(Debug, Clone, PartialEq)]
struct Position {
    /// Optimizer steps done.
    step: u64,
    /// Whole epochs done.
    epoch: u64,
    /// Rows of the current epoch done.
    row: u64,
    /// Metrics of the current epoch so far.
    running: Running,
    /// What the current epoch has cost so far.
    cost: Cost,
    /// Seconds that training and validation have taken so far.
    seconds: f64,
}

impl Trainer {
    /// Checks the configuration and the memory there is, and draws the network.
    ///
    /// # Errors
    /// As [`Config::check`], [`Config::check_memory`] and [`Net::build`](crate::Net::build).
    pub fn new(config: Config) -> Result<Self> {
        config.check()?;
        config.check_memory()?;
        let mut network = config.net.build(&config.build())?;
        config.sparsity.start(&mut network)?;
        let (position, history, control) = (Position::default(), Vec::new(), config.control());
        let distance = Distance::default();
        Ok(Self { loss: config.loss()?, network, position, history, control, distance, config })
    }

    /// What is trained, and how.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The network as it is now.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network, without the trainer.
    pub fn into_network(self) -> Network {
        self.network
    }

    /// The learning rate that it is estimated to take, before the schedule; `None` unless [`Optimizer::auto`](crate::Optimizer::auto).
    pub fn estimated_rate(&self) -> Option<f64> {
        self.config.optimizer.auto.then(|| self.distance.get())
    }

    /// The loss.
    pub fn loss(&self) -> &'static dyn Loss {
        self.loss
    }

    /// One entry for each epoch done.
    pub fn history(&self) -> &[Epoch] {
        &self.history
    }

    /// Optimizer steps done.
    pub fn step(&self) -> u64 {
        self.position.step
    }

    /// Seconds that training and validation have taken so far, those before a checkpoint included.
    pub fn seconds(&self) -> f64 {
        self.position.seconds
    }

    /// How good the network is on some rows; see [`evaluate()`].
    ///
    /// # Errors
    /// As there.
    pub fn evaluate(&mut self, split: &Split<'_>) -> Result<Evaluation> {
        evaluate(&mut self.network, self.loss, split)
    }

    /// Trains until a rule ends it, from where the trainer stands: from the start, or from where a call before, or a checkpoint,
    /// left off. `on_epoch` is called at the end of each epoch, the place to write a checkpoint.
    ///
    /// Every epoch walks all rows of `train` once, in an order drawn for it; its last batch may be smaller. The loss of a step is
    /// the mean over its rows, weighted by class if so configured. Patterns change after the step, by the gradient of its last
    /// batch.
    ///
    /// Rules that look at the validation part wait until the network is as sparse as it will be; when the time is over before
    /// that, the smallest weights go at once.
    ///
    /// `progress` learns of steps done, and can cancel before any step.
    ///
    /// # Errors
    /// [`Error::Unfit`], [`Error::Data`], [`Error::Setting`] when the data do not fit the configuration, before the first step;
    /// [`Error::Diverged`] when the loss or a weight is no longer finite: the network is then of no use, the checkpoint of the
    /// last epoch's end is; whatever `on_epoch` returns.
    pub fn fit(
        &mut self,
        train: &Split<'_>,
        validation: Option<&Split<'_>>,
        progress: &dyn Progress,
        on_epoch: &mut dyn FnMut(&Trainer) -> Result<()>,
    ) -> Result<Ended> {
        let mut feed = Feed::train(train, &mut self.network, &self.config)?;
        if let Some(validation) = validation {
            Feed::evaluate(validation, &self.network)?;
        } else if self.config.stop.needs_validation() {
            let expected = "a validation part to look at".to_owned();
            return Err(Error::Setting { name: "stop rule", found: "set".to_owned(), expected });
        }
        let steps = self.config.steps_per_epoch(train.rows.len());
        self.check_position(train.rows.len() as u64, steps)?;
        progress.start("training", steps * self.config.epochs);
        // A network that is not yet as sparse as it will be is not what rules are to judge.
        let settled = self.config.sparsity.settled_after(steps * self.config.epochs);
        let unsettled = (settled.div_ceil(steps.max(1)) as usize).saturating_sub(1);
        let ended = loop {
            if self.position.row == 0 {
                if let Some(ended) = self.history.get(unsettled..).and_then(|seen| self.config.stop.after(seen)) {
                    break Ok(ended);
                }
                if self.position.epoch == self.config.epochs {
                    break Ok(Ended::Epochs);
                }
            }
            match self.epoch(&mut feed, validation, progress) {
                Ok(None) => {}
                Ok(Some(ended)) => {
                    if ended == Ended::Seconds {
                        self.network.catch_up();
                        self.config.sparsity.finish(&mut self.network)?;
                    }
                    break Ok(ended);
                }
                Err(error) => break Err(error),
            }
            if let Err(error) = on_epoch(self) {
                break Err(error);
            }
        };
        progress.advance(self.position.step, &self.note(&feed));
        progress.finish();
        ended
    }

    /// Checks that a position from a checkpoint can be one of a training on so many rows.
    fn check_position(&self, rows: u64, steps: u64) -> Result<()> {
        let Position { step, epoch, row, .. } = self.position;
        let per_step = (self.config.batch * self.config.accumulate) as u64;
        if row < rows && row % per_step == 0 && epoch.checked_mul(steps).is_some_and(|s| s + row / per_step == step) {
            return Ok(());
        }
        let (found, expected) =
            (format!("{step} after {epoch} epochs and {row} rows"), format!("{steps} an epoch of {rows} rows"));
        Err(Error::Resume { what: "steps".to_owned(), found, expected })
    }

    /// The rest of an epoch; `Some` if something ends the training before the epoch is over.
    fn epoch(
        &mut self,
        feed: &mut Feed<'_>,
        validation: Option<&Split<'_>>,
        progress: &dyn Progress,
    ) -> Result<Option<Ended>> {
        let rows = feed.split.rows.len();
        let (mut order, key) = (feed.split.rows.clone(), Key::new(self.config.seed, stream::SHUFFLE));
        shuffle(&mut order, &mut key.stream(self.position.epoch));
        let per_step = self.config.batch * self.config.accumulate;
        let total = self.config.steps_per_epoch(rows) * self.config.epochs;
        let (meter, before) = (Meter::start(), self.position.seconds);
        let (mut told, mut early) = (Instant::now(), None);
        while (self.position.row as usize) < rows {
            let seconds = before + meter.seconds();
            if progress.cancelled() {
                early = Some(Ended::Cancelled);
            } else if self.config.stop.seconds.is_some_and(|limit| seconds >= limit) {
                early = Some(Ended::Seconds);
            }
            if early.is_some() {
                break;
            }
            let first = self.position.row as usize;
            let until = rows.min(first + per_step);
            self.train_on(feed, &order[first..until], total)?;
            self.position.row = until as u64;
            self.position.step += 1;
            if told.elapsed() >= TELL {
                told = Instant::now();
                progress.advance(self.position.step, &self.note(feed));
            }
        }
        self.position.cost += meter.cost();
        if early.is_none() {
            self.end_epoch(feed.has_labels(), validation, total)?;
        }
        self.position.seconds = before + meter.seconds();
        Ok(early)
    }

    /// Closes an epoch: checks the weights, validates, and writes history. `labels`: whether targets are sets of labels.
    fn end_epoch(&mut self, labels: bool, validation: Option<&Split<'_>>, total: u64) -> Result<()> {
        self.network.catch_up();
        let params = self.network.layers().iter().flat_map(|layer| layer.params());
        for (name, param) in params {
            if let Some(value) = param.values.iter().find(|v| !v.is_finite()) {
                return Err(self.position.diverged(format!("a number of a {name} is {value}")));
            }
        }
        let validation = validation.map(|split| self.evaluate(split)).transpose()?;
        let Position { step, epoch, ref running, cost, .. } = self.position;
        let clock = self.config.sparsity.clock(step.saturating_sub(1), total);
        self.history.push(Epoch {
            epoch: epoch + 1,
            train_loss: running.loss(),
            train_accuracy: running.right().filter(|_| !labels),
            train_precision_at_1: running.right().filter(|_| labels),
            validation_loss: validation.as_ref().map(|v| v.loss),
            validation_accuracy: validation.as_ref().and_then(|v| v.accuracy),
            validation_precision: validation.as_ref().and_then(|v| v.precision),
            learning_rate: self.config.optimizer.learning_rate_at(clock, &self.distance),
            nnz: self.network.weights().map(|weight| weight.nnz() as u64).collect(),
            densities: self.network.weights().map(|weight| weight.density()).collect(),
            cost,
        });
        let seconds = self.position.seconds;
        self.position = Position { step, epoch: epoch + 1, seconds, ..Position::default() };
        Ok(())
    }

    /// A few words on how it goes.
    fn note(&self, feed: &Feed<'_>) -> String {
        let (loss, right) = match (&self.position.running, self.history.last()) {
            (running, Some(last)) if running.is_empty() => {
                (last.train_loss, last.train_accuracy.or(last.train_precision_at_1))
            }
            (running, _) => (running.loss(), running.right()),
        };
        let name = if feed.has_labels() { "precision@1" } else { "accuracy" };
        let right = right.map_or(String::new(), |share| format!(" {name} {share:.3}"));
        let rate = self.estimated_rate().map_or(String::new(), |rate| format!(" rate {rate:.2e}"));
        format!("loss {loss:.4}{right} density {:.4}{rate}", self.network.density())
    }
}

impl Default for Position {
    fn default() -> Self {
        Self { step: 0, epoch: 0, row: 0, running: Running::default(), cost: Cost::ZERO, seconds: 0.0 }
    }
}

impl Position {
    /// The error of a training that left the range of numbers here.
    fn diverged(&self, found: String) -> Error {
        Error::Diverged { step: self.step, epoch: self.epoch + 1, found }
    }
}
