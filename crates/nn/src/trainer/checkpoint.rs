//! Checkpoints: the whole state of a training in one container, bit for bit.
//!
//! | tensor | type and shape | holds |
//! |---|---|---|
//! | `position` | u64, 11 | where the training stands: steps, epochs, rows; running sums; cost |
//! | `history` | u64, epochs × (13 + weights) | one row an epoch |
//! | `layerN.weight.indptr`, `….indices` | u32 or u16 | the pattern of layer N's weight, by rows |
//! | `layerN.NAME.values`, `….first`, `….second`, `….sum`, `….start` | f32 | a parameter and its moments, as many as are kept; those of a weight in row order over its pattern |
//! | `layerN.NAME.memory` | f32 | what a sparsity method remembers of it, if it does |
//! | `layerN.weight.front` | u32 | which entries the network computes with, if the method has a reserve |
//! | `layer0.weight.lazy` | u64 | what lazy training on sparse data owes the columns, if it owes them anything |
//! | `layerN.NAME.buffer` | f32 | running statistics |
//! | `control` | u64 | the strength of the penalty and whether it acts, then radii; if the method has a penalty |
//! | `rate` | u64, 2 | the estimated learning rate and what it is made of; if it is estimated |
//!
//! Floats of `position` and `history` are kept as the bits of an `f64`; all ones stand for *none*. The manifest has the
//! settings that a resumed training must share.

use super::epoch::Running;
use super::{Config, Epoch, Position, Precision, Trainer};
use crate::optimizer::Distance;
use crate::sparsify::Control;
use crate::weight::Lazy;
use crate::{Error, Network, Param, Result, Weight};
use rarefy_core::clock::Cost;
use rarefy_core::pattern::Pattern;
use rarefy_model::container::{Container, Tensor};
use std::collections::BTreeMap;

/// The kind of container that checkpoints are.
pub const KIND: &str = "checkpoint";

/// The newest version of the format.
pub const VERSION: u32 = 1;

/// Settings that a resumed training must share with its checkpoint, by name: those of the [`Config`], and whatever the caller
/// adds, such as hashes of the data.
pub type Settings = BTreeMap<String, String>;

/// Numbers of a position.
const POSITION: usize = 11;

/// Numbers of an epoch, nonzeros of the weights aside.
const EPOCH: usize = 13;

/// Stands for a number that is not there; as a float it is a NaN that no computation gives.
const NONE: u64 = u64::MAX;

/// The bits of a number that may not be there.
fn bits(value: Option<f64>) -> u64 {
    value.map_or(NONE, f64::to_bits)
}

/// The other way round.
fn number(bits: u64) -> Option<f64> {
    (bits != NONE).then(|| f64::from_bits(bits))
}

/// A tensor that is not what it must be.
fn wrong(name: &str, problem: String) -> Error {
    rarefy_model::Error::Tensor { name: name.to_owned(), problem }.into()
}

impl Config {
    /// What a resumed training must share: everything but the rules that end it.
    fn settings(&self) -> Settings {
        let Self {
            net, loss, optimizer, sparsity, batch, epochs, accumulate, hardest, class_weights, lazy, seed, ..
        } = self;
        [
            ("inputs", net.inputs().to_string()),
            ("layers", format!("{:?}", net.layers())),
            ("loss", loss.clone()),
            ("optimizer", format!("{optimizer:?}")),
            ("sparsity", format!("{sparsity:?}")),
            ("batch", batch.to_string()),
            ("epochs", epochs.to_string()),
            ("accumulate", accumulate.to_string()),
            ("hardest", hardest.to_string()),
            ("class weights", format!("{class_weights:?}")),
            ("lazy", format!("{lazy:?}")),
            ("seed", seed.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

impl Trainer {
    /// The whole state. `more` are settings to compare when resuming, beside those of the configuration: the name may not be one
    /// of theirs.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn to_container(&self, more: &Settings) -> Result<Container> {
        let mut container = Container::new(KIND, VERSION);
        let mut settings = more.clone();
        settings.append(&mut self.config.settings());
        container.manifest = serde_json::json!({ "rarefy": env!("CARGO_PKG_VERSION"), "settings": settings });
        container.insert("position", Tensor::from_u64(&[POSITION], &self.position.to_bits())?)?;
        if self.config.sparsity.penalty.is_some() {
            let bits = self.control.to_bits();
            container.insert("control", Tensor::from_u64(&[bits.len()], &bits)?)?;
        }
        if self.config.optimizer.auto {
            container.insert("rate", Tensor::from_u64(&[2], &self.distance.to_bits())?)?;
        }
        let weights = self.network.weights().count();
        let history: Vec<u64> = self.history.iter().flat_map(Epoch::to_bits).collect();
        container.insert("history", Tensor::from_u64(&[self.history.len(), EPOCH + weights], &history)?)?;
        for (at, layer) in self.network.layers().iter().enumerate() {
            if let Some(weight) = layer.weight() {
                let pattern = weight.pattern()?;
                let (rows, nnz) = (pattern.rows(), pattern.nnz());
                let name = |what| format!("layer{at}.weight.{what}");
                container.insert(name("indptr"), Tensor::from_u32(&[rows + 1], pattern.indptr())?)?;
                container.insert(name("indices"), Tensor::from_indices(pattern.indices(), pattern.cols())?)?;
                for (what, array) in self.kept(weight.param()) {
                    container.insert(name(what), Tensor::from_f32(&[nnz], &weight.in_row_order(array))?)?;
                }
                let lazy = weight.lazy().map(Lazy::to_bits).unwrap_or_default();
                if !lazy.is_empty() {
                    container.insert(name("lazy"), Tensor::from_u64(&[lazy.len()], &lazy)?)?;
                }
                if self.config.sparsity.reserve > 0.0 {
                    let front = weight.front().unwrap_or_else(|| (0..nnz as u32).collect());
                    container.insert(name("front"), Tensor::from_u32(&[front.len()], &front)?)?;
                }
            } else {
                for (param, array) in layer.params() {
                    for (what, array) in self.kept(array) {
                        let tensor = Tensor::from_f32(&[array.len()], array)?;
                        container.insert(format!("layer{at}.{param}.{what}"), tensor)?;
                    }
                }
            }
            for (name, buffer) in layer.buffers() {
                container.insert(format!("layer{at}.{name}.buffer"), Tensor::from_f32(&[buffer.len()], buffer)?)?;
            }
        }
        Ok(container)
    }

    /// The arrays of a parameter that a checkpoint keeps. No gradient: between steps it is zero.
    fn kept<'a>(&self, param: &'a Param) -> impl Iterator<Item = (&'static str, &'a [f32])> {
        let moments = param.moments().into_iter().take(self.config.optimizer.moments());
        let memory = [("memory", &param.memory)].into_iter().filter(|(_, memory)| !memory.is_empty());
        [("values", &param.values)].into_iter().chain(moments).chain(memory).map(|(what, array)| (what, &array[..]))
    }

    /// The trainer whose state a checkpoint holds; `config` and `more` must be those that it was made with, but for the rules
    /// that end the training.
    ///
    /// # Errors
    /// [`Error::Resume`] naming the first setting that differs, with both values; [`Error::Model`] or [`Error::Core`] naming the
    /// tensor that is missing or does not fit; and as [`Trainer::new`].
    pub fn from_container(config: Config, mut container: Container, more: &Settings) -> Result<Self> {
        config.check()?;
        compare(&container, &config, more)?;
        config.check_memory()?;
        let position = Position::from_bits(&mut container)?;
        let network = restore(&config, &mut container)?;
        let history = history(&mut container, &network)?;
        let control = match config.sparsity.penalty {
            Some(_) => control(&mut container, &network)?,
            None => config.control(),
        };
        let distance = match config.optimizer.auto {
            true => Distance::from_bits(&container.take("rate")?.to_u64("rate")?)
                .ok_or_else(|| wrong("rate", "numbers that cannot be, expected those of an estimate".to_owned()))?,
            false => Distance::default(),
        };
        container.finish()?;
        if history.len() as u64 != position.epoch || position.epoch > config.epochs {
            let problem =
                format!("{} epochs, expected the {} done of {}", history.len(), position.epoch, config.epochs);
            return Err(wrong("history", problem));
        }
        Ok(Self { loss: config.loss()?, config, network, position, history, control, distance })
    }
}

/// What steers the penalty.
fn control(container: &mut Container, network: &Network) -> Result<Control> {
    let bits = container.take("control")?.to_u64("control")?;
    let weights = network.weights().count();
    Control::from_bits(&bits)
        .filter(|control| [0, 1, weights].contains(&control.radii.len()))
        .ok_or_else(|| wrong("control", "numbers that cannot be, expected the state of a penalty".to_owned()))
}

/// Compares the settings in a checkpoint with those of the training that would go on from it.
fn compare(container: &Container, config: &Config, more: &Settings) -> Result<()> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Manifest {
        #[serde(rename = "rarefy")]
        _version: String,
        settings: Settings,
    }
    let manifest: Manifest = serde_json::from_value(container.manifest.clone())
        .map_err(|e| rarefy_model::Error::Manifest { key: "whole".to_owned(), problem: e.to_string() })?;
    let mut now = more.clone();
    now.append(&mut config.settings());
    let then = manifest.settings;
    let absent = || "nothing".to_owned();
    for what in now.keys().chain(then.keys()) {
        let (found, expected) = (then.get(what), now.get(what));
        if found != expected {
            let [found, expected] = [found, expected].map(|value| value.cloned().unwrap_or_else(absent));
            return Err(Error::Resume { what: what.clone(), found, expected });
        }
    }
    Ok(())
}

/// Takes a tensor of so many finite floats.
fn floats(container: &mut Container, name: &str, len: usize) -> Result<Vec<f32>> {
    let values = container.take(name)?.to_finite_f32(name)?;
    if values.len() != len {
        return Err(wrong(name, format!("{} numbers, expected {len}", values.len())));
    }
    Ok(values)
}

/// The network of a checkpoint.
fn restore(config: &Config, container: &mut Container) -> Result<Network> {
    let moments = config.optimizer.moments();
    let mut entries = config.weights()?.into_iter();
    let mut layers = config.net.make()?;
    for (at, layer) in layers.iter_mut().enumerate() {
        layer.start(at, moments);
    }
    // Tensors are named by the layers of the network, which leaves out those that others absorb.
    let mut network = Network::new(config.net.inputs(), layers)?;
    for (at, layer) in network.layers_mut().iter_mut().enumerate() {
        if let Some(weight) = layer.weight_mut() {
            let Some((shape, entries)) = entries.next() else { continue };
            *weight = restore_weight(container, at, shape, moments)?;
            let name = format!("layer{at}.weight.lazy");
            if container.has(&name) {
                let bits = container.take(&name)?.to_u64(&name)?;
                let lazy =
                    Lazy::from_bits(&bits, shape.1).ok_or_else(|| wrong(&name, "sums that cannot be".to_owned()))?;
                *weight.lazy_mut() = Some(lazy);
            }
            if config.sparsity.remembers() {
                let memory = floats(container, &format!("layer{at}.weight.memory"), weight.nnz())?;
                weight.remember(&memory)?;
            }
            if config.sparsity.reserve > 0.0 {
                let name = format!("layer{at}.weight.front");
                let front = container.take(&name)?.to_u32(&name)?;
                weight.set_front(&front).map_err(|e| wrong(&name, e.to_string()))?;
            }
            let single = config.sparsity.structure.cell() == (1, 1);
            // Blocks that do not fit any more are left out.
            if config.sparsity.is_constant() && (weight.nnz() > entries || single && weight.nnz() < entries) {
                let problem = format!("{} entries, expected {entries}", weight.nnz());
                return Err(wrong(&format!("layer{at}.weight.indices"), problem));
            }
        } else {
            for (name, param) in layer.params_mut() {
                let len = param.values.len();
                param.values = floats(container, &format!("layer{at}.{name}.values"), len)?;
                for (what, array) in param.moments_mut().into_iter().take(moments) {
                    *array = floats(container, &format!("layer{at}.{name}.{what}"), len)?;
                }
                if config.sparsity.rewinds_weights() {
                    param.memory = floats(container, &format!("layer{at}.{name}.memory"), len)?;
                }
            }
        }
        for (name, buffer) in layer.buffers_mut() {
            *buffer = floats(container, &format!("layer{at}.{name}.buffer"), buffer.len())?;
        }
    }
    Ok(network)
}

/// The weight of layer `at`.
fn restore_weight(container: &mut Container, at: usize, shape: (usize, usize), moments: usize) -> Result<Weight> {
    let name = |what: &str| format!("layer{at}.weight.{what}");
    let mut whole = |what: &str| -> Result<Vec<u32>> { Ok(container.take(&name(what))?.to_u32(&name(what))?) };
    let (indptr, indices) = (whole("indptr")?, whole("indices")?);
    let pattern = Pattern::new(shape.0, shape.1, indptr, indices).map_err(|e| wrong(&name("indptr"), e.to_string()))?;
    let mut array = |what: &str| floats(container, &name(what), pattern.nnz());
    let values = array("values")?;
    let names = Param::default().moments().map(|(what, _)| what);
    let moments = names.into_iter().take(moments).map(array).collect::<Result<Vec<_>>>()?;
    Weight::restore(&pattern, &values, &moments)
}

impl Position {
    /// As whole numbers.
    fn to_bits(&self) -> [u64; POSITION] {
        let Self { step, epoch, row, running, cost, seconds } = self;
        let (rows, found) = (running.rows, running.found);
        let floats = [running.loss, running.weight, cost.seconds, cost.cpu_seconds, *seconds].map(f64::to_bits);
        let [loss, weight, epoch_seconds, cpu, seconds] = floats;
        [*step, *epoch, *row, rows, found, loss, weight, epoch_seconds, cpu, bits(cost.joules), seconds]
    }

    /// The position of a checkpoint.
    fn from_bits(container: &mut Container) -> Result<Self> {
        let numbers = container.take("position")?.to_u64("position")?;
        let &[step, epoch, row, rows, found, loss, weight, seconds_epoch, cpu, joules, seconds] = &numbers[..] else {
            return Err(wrong("position", format!("{} numbers, expected {POSITION}", numbers.len())));
        };
        let [loss, weight, seconds_epoch, cpu, seconds] =
            [loss, weight, seconds_epoch, cpu, seconds].map(f64::from_bits);
        let floats = [loss, weight, seconds_epoch, cpu, seconds, number(joules).unwrap_or(0.0)];
        if floats.iter().any(|v| !v.is_finite()) || found > rows || rows > row {
            return Err(wrong("position", "sums that cannot be, expected those of a training".to_owned()));
        }
        let cost = Cost { seconds: seconds_epoch, cpu_seconds: cpu, joules: number(joules) };
        Ok(Self { step, epoch, row, running: Running { loss, weight, rows, found }, cost, seconds })
    }
}

impl Epoch {
    /// As whole numbers.
    fn to_bits(&self) -> Vec<u64> {
        let Self { epoch, train_loss, learning_rate, nnz, cost, .. } = self;
        let precision = self.validation_precision;
        let mut numbers = vec![
            *epoch,
            train_loss.to_bits(),
            bits(self.train_accuracy),
            bits(self.validation_loss),
            bits(self.validation_accuracy),
            bits(self.train_precision_at_1),
            bits(precision.map(|p| p.at_1)),
            bits(precision.map(|p| p.at_3)),
            bits(precision.map(|p| p.at_5)),
            u64::from(learning_rate.to_bits()),
            cost.seconds.to_bits(),
            cost.cpu_seconds.to_bits(),
            bits(cost.joules),
        ];
        numbers.extend(nnz);
        numbers
    }
}

/// The history of a checkpoint.
fn history(container: &mut Container, network: &Network) -> Result<Vec<Epoch>> {
    let shapes: Vec<u64> = network.weights().map(|w| (w.rows() * w.cols()) as u64).collect();
    let tensor = container.take("history")?;
    let &[_, width] = tensor.shape() else {
        return Err(wrong("history", format!("{} dimensions, expected 2", tensor.shape().len())));
    };
    if width != EPOCH + shapes.len() {
        return Err(wrong("history", format!("{width} columns, expected {}", EPOCH + shapes.len())));
    }
    let numbers = tensor.to_u64("history")?;
    let epoch = |(at, row): (usize, &[u64])| {
        let (fixed, nnz) = row.split_at(EPOCH);
        let &[epoch, train_loss, train, loss, accuracy, train_at_1, at_1, at_3, at_5, rate, seconds, cpu, joules] =
            fixed
        else {
            return Err(wrong("history", "a row too short".to_owned()));
        };
        let precision = match [at_1, at_3, at_5].map(number) {
            [Some(at_1), Some(at_3), Some(at_5)] => Some(Precision { at_1, at_3, at_5 }),
            _ => None,
        };
        let rate = u32::try_from(rate).map(f32::from_bits).ok().filter(|rate| rate.is_finite());
        match rate {
            Some(learning_rate) if epoch == at as u64 + 1 && nnz.iter().zip(&shapes).all(|(n, all)| n <= all) => {
                Ok(Epoch {
                    epoch,
                    train_loss: f64::from_bits(train_loss),
                    train_accuracy: number(train),
                    validation_loss: number(loss),
                    validation_accuracy: number(accuracy),
                    train_precision_at_1: number(train_at_1),
                    validation_precision: precision,
                    learning_rate,
                    nnz: nnz.to_vec(),
                    densities: nnz.iter().zip(&shapes).map(|(&n, &all)| n as f64 / all.max(1) as f64).collect(),
                    cost: Cost {
                        seconds: f64::from_bits(seconds),
                        cpu_seconds: f64::from_bits(cpu),
                        joules: number(joules),
                    },
                })
            }
            _ => Err(wrong("history", format!("row {at} cannot be, expected epoch {}", at + 1))),
        }
    };
    numbers.chunks_exact(width).enumerate().map(epoch).collect()
}
