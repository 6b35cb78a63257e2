//! Part of a data set, and how its rows get into batches.

use super::{ClassWeights, Hits};
use crate::loss::{Sets, Targets};
use crate::{Config, Error, Network, Result};
use rarefy_core::kernels::{gather, loss};
use rarefy_core::matrix::Batch;
use rarefy_data::{Dataset, Factors, Features, Target};

/// Some rows of a data set: what to train on, or what to validate or test with.
#[derive(Debug, Clone)]
pub struct Split<'a> {
    /// The data.
    pub data: &'a Dataset,
    /// The rows that belong to it.
    pub rows: Vec<u32>,
    /// What features are multiplied by: learned from the training rows, the same for all parts.
    pub factors: Factors,
    /// What a network is to answer.
    pub aim: Aim,
}

/// What a network is to answer to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aim {
    /// The data's target.
    #[default]
    Target,
    /// The row itself, scaled: the network is an autoencoder.
    Input,
}

impl<'a> Split<'a> {
    /// These rows, such as one part that [`rarefy_data::split`] has made.
    pub fn new(data: &'a Dataset, rows: &[usize], factors: Factors) -> Self {
        // A row past u32 cannot exist, as data sets are indexed by u32; saturated, `check` finds it.
        let rows = rows.iter().map(|&row| u32::try_from(row).unwrap_or(u32::MAX)).collect();
        Self { data, rows, factors, aim: Aim::Target }
    }

    /// All rows.
    pub fn whole(data: &'a Dataset, factors: Factors) -> Self {
        Self { data, rows: (0..data.rows() as u32).collect(), factors, aim: Aim::Target }
    }

    /// Checks that it can go through a network of so many `inputs` and `outputs`.
    ///
    /// # Errors
    /// [`Error::Unfit`] naming what does not fit, with both numbers; [`Error::Data`] for data without target.
    pub(super) fn check(&self, inputs: usize, outputs: usize) -> Result<()> {
        let unfit = |what, found: String, expected: String, advice| {
            Err(Error::Unfit { data: self.data.name.clone(), what, found, expected, advice })
        };
        if self.rows.is_empty() {
            return unfit("rows", "0".to_owned(), "at least 1".to_owned(), "give this part more rows");
        }
        if let Some(row) = self.rows.iter().find(|&&row| row as usize >= self.data.rows()) {
            let expected = format!("numbers below {}", self.data.rows());
            return unfit("as a row number", row.to_string(), expected, "split the same data");
        }
        let cols = self.data.cols();
        if cols != inputs {
            let advice = "give the network as many inputs as the data have features";
            return unfit("features", cols.to_string(), inputs.to_string(), advice);
        }
        if let Factors::PerFeature(factors) = &self.factors
            && factors.len() != cols
        {
            let advice = "fit the scaling on the same data";
            return unfit("scaling factors", factors.len().to_string(), cols.to_string(), advice);
        }
        if self.aim == Aim::Input {
            let advice = "give the last layer as many outputs as the data have features";
            return match cols == outputs {
                true => Ok(()),
                false => unfit("features to answer", cols.to_string(), outputs.to_string(), advice),
            };
        }
        match &self.data.target {
            Target::None => {
                let place = rarefy_data::Place::new(&self.data.name, rarefy_data::At::File);
                Err(rarefy_data::Error::NoTarget { place }.into())
            }
            Target::Labels(sets) if sets.cols() > outputs => {
                let advice = "give the last layer as many outputs as there are classes";
                unfit("classes", sets.cols().to_string(), outputs.to_string(), advice)
            }
            Target::Values(values) if values.cols() != outputs => {
                let advice = "give the last layer as many outputs as there are target columns";
                unfit("target columns", values.cols().to_string(), outputs.to_string(), advice)
            }
            Target::Classes(_) if self.data.classes() > outputs.max(if outputs == 1 { 2 } else { 0 }) => {
                let advice = "give the last layer as many outputs as there are classes";
                unfit("classes", self.data.classes().to_string(), outputs.to_string(), advice)
            }
            _ => Ok(()),
        }
    }

    /// The weight of each class, if classes weigh at all.
    pub(super) fn class_weights(&self, weights: &ClassWeights) -> Result<Option<Vec<f32>>> {
        let wrong = |found: String, expected: &str| {
            Err(Error::Setting { name: "class weights", found, expected: expected.to_owned() })
        };
        let (Target::Classes(classes), Aim::Target) = (&self.data.target, self.aim) else {
            return match weights {
                ClassWeights::None => Ok(None),
                _ => wrong("set".to_owned(), "none, as the targets are no classes"),
            };
        };
        match weights {
            ClassWeights::None => Ok(None),
            ClassWeights::Given(given) if given.len() == self.data.classes() => Ok(Some(given.clone())),
            ClassWeights::Given(given) => {
                wrong(format!("{} numbers", given.len()), &format!("one for each of {} classes", self.data.classes()))
            }
            ClassWeights::Balanced => {
                let mut counts = vec![0u64; self.data.classes()];
                self.rows.iter().for_each(|&row| counts[classes[row as usize] as usize] += 1);
                let (rows, seen) = (self.rows.len() as f64, counts.iter().filter(|&&n| n > 0).count() as f64);
                let weight = |&count: &u64| if count == 0 { 0.0 } else { (rows / (seen * count as f64)) as f32 };
                Ok(Some(counts.iter().map(weight).collect()))
            }
        }
    }
}

/// Brings rows of one part into batches; keeps the memory for targets from batch to batch.
pub(super) struct Feed<'a> {
    pub split: &'a Split<'a>,
    class_weights: Option<Vec<f32>>,
    classes: Vec<u32>,
    /// Where the set of each sample begins in `classes`, if targets are sets.
    sets: Vec<u32>,
    values: Batch,
    weights: Vec<f32>,
    predicted: Vec<u32>,
}

impl<'a> Feed<'a> {
    /// For training: checked, and with class weights.
    pub fn train(split: &'a Split<'a>, network: &mut Network, config: &Config) -> Result<Self> {
        match split.aim {
            Aim::Target => split.data.check_for_training()?,
            Aim::Input => split.data.check()?,
        }
        // A penalty shrinks columns without a gradient too, which lazy training does not catch up; nor the sums of an estimated rate.
        let whole = match (config.sparsity.penalty.is_some(), config.optimizer.auto) {
            (true, _) => Some("the method has a penalty, which shrinks all columns"),
            (_, true) => Some("an estimated learning rate looks at all columns; or give a learning rate"),
            _ => None,
        };
        let lazy = config.lazy.unwrap_or(whole.is_none());
        match (&split.data.features, config.lazy) {
            (_, Some(true)) if let Some(reason) = whole => {
                let expected = format!("false or none, as {reason}");
                return Err(Error::Setting { name: "lazy", found: "true".to_owned(), expected });
            }
            (Features::Sparse(_), _) if lazy => network.first_weight()?.be_lazy(),
            (Features::Dense(_) | Features::Bytes(_), Some(true)) => {
                let expected = "false or none, as these data are not sparse".to_owned();
                return Err(Error::Setting { name: "lazy", found: "true".to_owned(), expected });
            }
            _ => {}
        }
        let mut feed = Self::evaluate(split, network)?;
        feed.class_weights = split.class_weights(&config.class_weights)?;
        Ok(feed)
    }

    /// For evaluation: checked; every row counts the same.
    pub fn evaluate(split: &'a Split<'a>, network: &Network) -> Result<Self> {
        split.check(network.inputs(), network.outputs())?;
        let (classes, sets, weights, predicted) = (Vec::new(), vec![0], Vec::new(), Vec::new());
        Ok(Self { split, class_weights: None, classes, sets, values: Batch::zeros(0, 0)?, weights, predicted })
    }

    /// What these rows weigh together.
    pub fn weight(&self, rows: &[u32]) -> f64 {
        match (&self.class_weights, &self.split.data.target) {
            (Some(weights), Target::Classes(classes)) => {
                rows.iter().map(|&row| f64::from(weights[classes[row as usize] as usize])).sum()
            }
            _ => rows.len() as f64,
        }
    }

    /// The classes of these rows, rising and each once.
    pub fn distinct_targets(&self, rows: &[u32]) -> Vec<u32> {
        let mut found: Vec<u32> = match &self.split.data.target {
            Target::Classes(classes) => rows.iter().map(|&row| classes[row as usize]).collect(),
            Target::Labels(sets) => rows.iter().flat_map(|&row| sets.row(row as usize).iter().copied()).collect(),
            _ => Vec::new(),
        };
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Fills the network's input with these rows, and remembers their targets.
    pub fn fill(&mut self, rows: &[u32], network: &mut Network) -> Result<()> {
        let Split { data, factors, aim, .. } = self.split;
        let scale = match factors {
            Factors::Same(factor) => gather::Factors::One(*factor),
            Factors::PerFeature(factors) => gather::Factors::Each(factors),
        };
        match &data.features {
            Features::Dense(features) => gather::dense(features.view(), rows, scale, network.input(rows.len())?),
            Features::Bytes(features) => gather::bytes(features.view(), rows, scale, network.input(rows.len())?),
            Features::Sparse(features) => network.sparse_input(rows.len())?.fill(features.view(), rows, scale)?,
        }
        if *aim == Aim::Input {
            network.copy_input(&mut self.values)?;
            return Ok(());
        }
        match &data.target {
            Target::Classes(classes) => {
                self.classes.clear();
                self.classes.extend(rows.iter().map(|&row| classes[row as usize]));
                if let Some(weights) = &self.class_weights {
                    self.weights.clear();
                    self.weights.extend(self.classes.iter().map(|&class| weights[class as usize]));
                }
            }
            Target::Values(values) => {
                self.values.reshape(values.cols(), rows.len())?;
                gather::dense(values.view(), rows, gather::Factors::One(1.0), &mut self.values);
            }
            Target::Labels(sets) => {
                self.classes.clear();
                self.sets.truncate(1);
                for &row in rows {
                    self.classes.extend_from_slice(sets.row(row as usize));
                    self.sets.push(self.classes.len() as u32);
                }
            }
            Target::None => {}
        }
        Ok(())
    }

    /// The targets of the rows last filled in, and their weights if they differ.
    pub fn targets(&self) -> (Targets<'_>, Option<&[f32]>) {
        let targets = match self.split.data.target {
            Target::Classes(_) if self.split.aim == Aim::Target => Targets::Classes(&self.classes),
            Target::Labels(_) if self.split.aim == Aim::Target => Targets::Labels(Sets::new(&self.sets, &self.classes)),
            _ => Targets::Values(&self.values),
        };
        (targets, self.class_weights.is_some().then_some(&self.weights[..]))
    }

    /// The class of each row last filled in, and the one that the outputs `z` speak for; `None` for other targets.
    pub fn classes(&mut self, z: &Batch) -> Option<(&[u32], &[u32])> {
        let (Target::Classes(_), Aim::Target) = (&self.split.data.target, self.split.aim) else { return None };
        self.predicted.resize(z.len(), 0);
        match z.features() {
            // One output speaks for class 1 where it is positive.
            1 => self.predicted.iter_mut().zip(z.row(0)).for_each(|(class, &z)| *class = u32::from(z > 0.0)),
            _ => loss::argmax(z, &mut self.predicted),
        }
        Some((&self.classes, &self.predicted))
    }

    /// Whether the targets are sets of labels.
    pub fn has_labels(&self) -> bool {
        matches!(self.split.data.target, Target::Labels(_)) && self.split.aim == Aim::Target
    }

    /// How many rows were last filled in, and how many of them the outputs `z` answer right: by their class, or with a first label that
    /// they have; `None` for values.
    pub fn right(&mut self, z: &Batch) -> Option<(u64, u64)> {
        let right = if self.has_labels() {
            self.predicted.resize(z.len(), 0);
            loss::argmax(z, &mut self.predicted);
            let sets = Sets::new(&self.sets, &self.classes);
            let first = self.predicted.iter().enumerate();
            first.filter(|&(i, label)| sets.of(i).binary_search(label).is_ok()).count()
        } else {
            let (truth, found) = self.classes(z)?;
            truth.iter().zip(found).filter(|(t, f)| t == f).count()
        };
        Some((z.len() as u64, right as u64))
    }

    /// How many of the first labels of the rows last filled in are right; `None` unless the targets are sets of labels.
    pub fn hits(&self, z: &Batch) -> Option<Hits> {
        if !self.has_labels() {
            return None;
        }
        let sets = Sets::new(&self.sets, &self.classes);
        let mut all = Hits::default();
        loss::per_sample(z, |i, z| Hits::of(z, sets.of(i))).into_iter().for_each(|hits| all.add(hits));
        Some(all)
    }
}
