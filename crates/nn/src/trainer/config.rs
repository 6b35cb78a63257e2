//! What to train, and how.

use super::stop::Stop;
use crate::loss::{Loss, loss};
use crate::net::Build;
use crate::optimizer::Clip;
use crate::sparsify::Control;
use crate::{Error, Net, Optimizer, Result, Sparsity};
use rarefy_core::matrix::Batch;
use rarefy_core::{memory, parallel};

/// Rows of a batch when a network is evaluated.
const EVALUATE: usize = 512;

/// Most outputs of a batch when a network is evaluated: 16 MiB of them, whatever the number of outputs.
const OUTPUTS: usize = 1 << 22;

/// Rows of a batch when a network of so many outputs is evaluated.
pub(super) fn evaluated_at_once(outputs: usize) -> usize {
    (OUTPUTS / outputs.max(1)).clamp(16, EVALUATE)
}

/// What to train, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The architecture.
    pub net: Net,
    /// The loss, by name.
    pub loss: String,
    /// The optimizer, its schedule and clipping.
    pub optimizer: Optimizer,
    /// How sparse, and how patterns change.
    pub sparsity: Sparsity,
    /// Rows that go through the network at one time.
    pub batch: usize,
    /// Passes over the training rows.
    pub epochs: u64,
    /// Batches whose gradients make one optimizer step; the step equals that of one batch of all their rows.
    pub accumulate: usize,
    /// The share of each batch, its rows of the largest loss, that is trained on; above 0, up to 1, which is all of them. The
    /// others cost a forward pass, and no backward pass.
    pub hardest: f64,
    /// How much the rows of each class count.
    pub class_weights: ClassWeights,
    /// Whether the first layer leaves columns of features alone that no sample of a batch has, moments included; see
    /// [`Lazy`](crate::weight::Lazy). Without a word it does on sparse data unless the method has a penalty or the
    /// learning rate is estimated, and cannot on others.
    pub lazy: Option<bool>,
    /// Whether the data are sparse: the first layer's weight is then stored sparse, and no dense input batch exists. For
    /// [`Config::memory_estimate`] alone.
    pub sparse_input: bool,
    /// When to end before the last epoch.
    pub stop: Stop,
    /// What all random numbers are drawn under.
    pub seed: u64,
}

/// How much the rows of each class count in the training loss.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum ClassWeights {
    /// All the same.
    #[default]
    None,
    /// In inverse proportion to the rows that the class has: `rows / (classes · rows of the class)`.
    Balanced,
    /// These, one a class, 0 or above.
    Given(Vec<f32>),
}

impl Default for Config {
    /// Ten epochs of RigL with Adam, in batches of 128, of a network that has no layers yet.
    fn default() -> Self {
        Self {
            net: Net::new(0),
            loss: "cross-entropy".to_owned(),
            optimizer: Optimizer::default(),
            sparsity: Sparsity::default(),
            batch: 128,
            epochs: 10,
            accumulate: 1,
            hardest: 1.0,
            class_weights: ClassWeights::None,
            lazy: None,
            sparse_input: false,
            stop: Stop::default(),
            seed: 0,
        }
    }
}

impl Config {
    /// Checks every setting that can be checked without data.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Layer`] or [`Error::Core`] naming the first that is wrong.
    pub fn check(&self) -> Result<()> {
        for (name, found) in
            [("batch", self.batch as u64), ("accumulate", self.accumulate as u64), ("epochs", self.epochs)]
        {
            if found == 0 {
                return Err(Error::Setting { name, found: found.to_string(), expected: "at least 1".to_owned() });
            }
        }
        if self.batch.checked_mul(self.accumulate).is_none_or(|rows| rows > u32::MAX as usize) {
            let found = format!("{} times {} accumulated", self.batch, self.accumulate);
            return Err(Error::Setting { name: "batch", found, expected: "fewer than 2³² rows a step".to_owned() });
        }
        if let ClassWeights::Given(weights) = &self.class_weights
            && (weights.iter().any(|w| !w.is_finite() || *w < 0.0) || weights.iter().all(|&w| w == 0.0))
        {
            let expected = "finite numbers, 0 or above and not all 0".to_owned();
            return Err(Error::Setting { name: "class weights", found: format!("{weights:?}"), expected });
        }
        if !(self.hardest > 0.0 && self.hardest <= 1.0) {
            let (found, expected) = (self.hardest.to_string(), "above 0, up to 1".to_owned());
            return Err(Error::Setting { name: "hardest", found, expected });
        }
        let mut layers = self.net.make()?;
        if self.hardest < 1.0 && layers.iter_mut().any(|layer| layer.sampled().is_some()) {
            let expected = "1 with sampled-linear: finding the hardest rows would take all outputs".to_owned();
            return Err(Error::Setting { name: "hardest", found: self.hardest.to_string(), expected });
        }
        self.optimizer.check()?;
        if self.optimizer.auto && layers.iter_mut().any(|layer| layer.sampled().is_some()) {
            let expected = "a number with sampled-linear: an estimate would look at all of its outputs".to_owned();
            return Err(Error::Setting { name: "learning-rate", found: "auto".to_owned(), expected });
        }
        self.sparsity.check()?;
        self.stop.check()?;
        self.loss().map(drop)
    }

    /// The loss.
    ///
    /// # Errors
    /// [`Error::Setting`] for a name that no loss has.
    pub fn loss(&self) -> Result<&'static dyn Loss> {
        loss(&self.loss)
    }

    /// What steers the penalty, before the first step.
    pub(super) fn control(&self) -> Control {
        self.sparsity.penalty.as_ref().map_or_else(Control::default, Control::new)
    }

    /// How the network is drawn.
    pub fn build(&self) -> Build {
        let density = self.sparsity.first_density();
        Build {
            density,
            distribution: self.sparsity.distribution_at(density),
            structure: self.sparsity.structure_at(density),
            seed: self.seed,
            moments: self.optimizer.moments(),
        }
    }

    /// Whether gradients are stored: for limits and triggers that look at all of them, and for several batches a step.
    pub fn keeps_gradients(&self) -> bool {
        self.accumulate > 1 || self.optimizer.clip != Clip::None || self.sparsity.trigger.is_some()
    }

    /// How many of so many rows of a batch are trained on.
    pub(super) fn hardest_of(&self, rows: usize) -> usize {
        ((rows as f64 * self.hardest).ceil() as usize).clamp(1, rows.max(1))
    }

    /// Optimizer steps of an epoch of this many rows.
    pub fn steps_per_epoch(&self, rows: usize) -> u64 {
        rows.div_ceil(self.batch * self.accumulate) as u64
    }

    /// Shapes of the weights and how many entries of each are kept at the first step.
    pub(super) fn weights(&self) -> Result<Vec<((usize, usize), usize)>> {
        let layers = self.net.make()?;
        let shapes: Vec<_> = layers.iter().filter_map(|l| l.weight()).map(|w| (w.rows(), w.cols())).collect();
        if shapes.is_empty() {
            return Ok(Vec::new());
        }
        let Build { density, distribution, structure, .. } = self.build();
        let entries = distribution.allocate_within(&shapes, structure, density, &[])?;
        Ok(shapes.into_iter().zip(entries).collect())
    }

    /// Bytes that training takes at its peak, data aside: an estimate, some percent too high rather than too low.
    ///
    /// Counted are weights with moments, gradients if they are stored and indices; what drawing the largest weight takes
    /// besides; activations and their gradients; and the blocks of dense gradients that each thread holds.
    ///
    /// # Errors
    /// As [`Config::check`], for the architecture and the density.
    pub fn memory_estimate(&self) -> Result<u64> {
        let float = size_of::<f32>() as u64;
        let kept = [self.keeps_gradients(), self.sparsity.remembers()].map(u64::from);
        let arrays = 1 + self.optimizer.moments() as u64 + kept.iter().sum::<u64>();
        let (mut state, mut transient) = (0u64, 0u64);
        for (number, ((rows, cols), entries)) in self.weights()?.into_iter().enumerate() {
            let (all, kept, lines) = ((rows as u64).saturating_mul(cols as u64), entries as u64, (rows + cols) as u64);
            let density = kept as f64 / all.max(1) as f64;
            let sparse_input = self.sparse_input && number == 0;
            let own = if density >= crate::weight::DENSE_FROM && !sparse_input {
                all.saturating_mul(float * arrays).saturating_add((all - kept) * float)
            } else {
                (kept * float).saturating_mul(arrays + 3) + 2 * lines * float
            };
            state = state.saturating_add(own);
            // Pattern, values in row order, and places, while the weight is drawn or its pattern changes.
            transient = transient.max((kept * float).saturating_mul(6));
            let block_rows = if sparse_input { crate::weight::block_rows(cols) } else { 256 };
            let block = parallel::threads() as u64 * (block_rows * cols) as u64 * float;
            transient = transient.max(block);
        }
        let mut layers = self.net.make()?;
        for layer in &mut layers {
            let (outputs, moments) = (layer.outputs() as u64, self.optimizer.moments() as u64);
            if let Some(sampled) = layer.sampled() {
                let gradients = u64::from(self.keeps_gradients());
                state = state.saturating_add(outputs * sampled.width() as u64 * float * (1 + moments + gradients));
            }
        }
        let widths: u64 = layers.iter().map(|layer| layer.outputs() as u64).sum();
        let outputs = layers.last().map_or(0, |layer| layer.outputs());
        let batch = Batch::stride_for(self.batch.max(evaluated_at_once(outputs))) as u64;
        let inputs = if self.sparse_input { 0 } else { self.net.inputs() as u64 };
        let activations = (2 * widths + inputs).saturating_mul(batch * float);
        Ok(state.saturating_add(transient).saturating_add(activations))
    }

    /// Compares [`Config::memory_estimate`] with what this process can get.
    ///
    /// # Errors
    /// [`Error::Memory`] with both numbers.
    pub fn check_memory(&self) -> Result<()> {
        let needed = self.memory_estimate()?;
        match memory::available() {
            Some(available) if available < needed => Err(Error::Memory { needed, available }),
            _ => Ok(()),
        }
    }
}
