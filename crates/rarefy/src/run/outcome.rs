//! What came of a run.

use std::path::PathBuf;

use rarefy_model::artifact::Artifact;
use rarefy_model::graph::{LayerInfo, Weight};
use rarefy_model::runtime::Activity;
use rarefy_nn::trainer::{Epoch, Precision};
use serde::{Deserialize, Serialize};

use super::plan::Role;
use super::search::Search;
use crate::Result;
use crate::evaluate::Evaluation;

/// What an artifact calls the learning rate that was found.
pub(super) const LEARNING_RATE: &str = "learning-rate";

/// One epoch of training.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Record {
    /// Its number, from 1.
    pub epoch: u64,
    /// Mean loss on the training rows, while the epoch ran.
    pub train_loss: f64,
    /// Accuracy on the training rows, while the epoch ran.
    pub train_accuracy: Option<f64>,
    /// For sets of classes, the share of the training rows whose first one is right, while the epoch ran.
    pub train_precision_at_1: Option<f64>,
    /// Mean loss on the validation rows, at its end.
    pub validation_loss: Option<f64>,
    /// Accuracy on the validation rows, at its end.
    pub validation_accuracy: Option<f64>,
    /// For sets of classes, the precision of the first ones on the validation rows, at its end.
    pub validation_precision: Option<Precision>,
    /// Step size at its end.
    pub learning_rate: f64,
    /// Density over all weight matrices at its end.
    pub density: Option<f64>,
    /// Density of each weight matrix at its end.
    pub densities: Vec<f64>,
    /// Seconds that its training took.
    pub seconds: f64,
    /// Seconds of processor time, over all threads.
    pub cpu_seconds: f64,
    /// Energy of the whole processor, where the machine tells.
    pub joules: Option<f64>,
}

/// A trained model, before it is tested: what a checkpoint keeps of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// Which one.
    pub role: Role,
    /// The model.
    pub artifact: Artifact,
    /// Its epochs.
    pub history: Vec<Record>,
    /// Bytes of training state: weights, moments, gradients if kept, indices.
    pub state_bytes: usize,
    /// Why training ended, in a word.
    pub ended: String,
}

/// What came of one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelOutcome {
    /// Which one.
    pub role: Role,
    /// Its artifact's path.
    pub model: PathBuf,
    /// Test accuracy; `None` unless targets are classes.
    pub accuracy: Option<f64>,
    /// Precision of the first classes on the test rows; `None` unless targets are sets of classes.
    pub precision: Option<Precision>,
    /// Test loss.
    pub loss: Option<f64>,
    /// Nonzeros of all weight matrices.
    pub nnz: usize,
    /// Trained numbers: weights kept, biases, norms.
    pub parameters: usize,
    /// Nonzeros over entries, of all weight matrices.
    pub density: f64,
    /// Bytes of training state: weights, moments, gradients if kept, indices.
    pub state_bytes: usize,
    /// Bytes of the artifact.
    pub file_bytes: u64,
    /// Epochs trained.
    pub epochs: u64,
    /// Seconds of an epoch: the median.
    pub epoch_seconds: f64,
    /// Seconds of all epochs.
    pub seconds: f64,
    /// Seconds of processor time of an epoch: the median.
    pub epoch_cpu_seconds: f64,
    /// Joules of an epoch, the median; `None` where the machine does not tell.
    pub epoch_joules: Option<f64>,
    /// Microseconds that a prediction takes, in batches.
    pub sample_microseconds: f64,
    /// The learning rate that was found, before the schedule; `None` if one was given.
    pub learning_rate: Option<f64>,
    /// Why training ended, in a word.
    pub ended: String,
    /// Its epochs.
    pub history: Vec<Record>,
    /// Test rows of each true class (first index) taken for each class (second).
    pub confusion: Option<Vec<Vec<u64>>>,
    /// What its layers are.
    pub layers: Vec<LayerInfo>,
    /// For each input feature, how many weights of the first layer read it.
    pub input_weights: Vec<u32>,
    /// The share of each activation's numbers that is not zero, over test rows; of activations that have exact zeros.
    pub activity: Vec<Activity>,
    /// An autoencoder's answers to the first test rows.
    pub reconstructions: Vec<Vec<f32>>,
}

/// The data of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataOutcome {
    /// Where they came from.
    pub name: String,
    /// Rows learned from.
    pub train_rows: usize,
    /// Rows that choices looked at.
    pub validation_rows: usize,
    /// Rows tested on, once.
    pub test_rows: usize,
    /// Features.
    pub features: usize,
    /// The names of the classes; none for values.
    pub classes: Vec<String>,
    /// Height and width, if rows are pictures.
    pub image_shape: Option<(usize, usize)>,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The model that the recipe asked for.
    pub sparse: ModelOutcome,
    /// Its dense twin.
    pub twin: Option<ModelOutcome>,
    /// A small dense net of equal nonzeros.
    pub control: Option<ModelOutcome>,
    /// The search that the sparse model came of, if it was one.
    pub search: Option<Search>,
    /// The first test rows, scaled, if the models are autoencoders.
    pub originals: Vec<Vec<f32>>,
    /// The data.
    pub data: DataOutcome,
    /// The recipe as run, in TOML.
    pub recipe: String,
    /// The output folder.
    pub folder: PathBuf,
    /// Threads used.
    pub threads: usize,
    /// Instruction set used.
    pub isa: String,
    /// Rarefy's version.
    pub version: String,
    /// Whether a part of it was done by an earlier, interrupted run.
    pub resumed: bool,
}

/// The share of rows that are answered right, and what it is called: `accuracy`, or `precision@1` where targets are sets of classes.
pub type Right = (&'static str, f64);

/// The one of the two that is there.
pub(crate) fn right(accuracy: Option<f64>, precision_at_1: Option<f64>) -> Option<Right> {
    accuracy.map(|share| ("accuracy", share)).or(precision_at_1.map(|share| ("precision@1", share)))
}

impl Record {
    /// Of the validation rows, at the end of the epoch; `None` for values.
    pub fn validation_right(&self) -> Option<Right> {
        right(self.validation_accuracy, self.validation_precision.map(|precision| precision.at_1))
    }

    /// Of the training rows, while the epoch ran; `None` for values, and on a sample of the outputs, which does not tell.
    pub fn train_right(&self) -> Option<Right> {
        right(self.train_accuracy, self.train_precision_at_1)
    }
}

impl ModelOutcome {
    /// Of the test rows; `None` for values.
    pub fn right(&self) -> Option<Right> {
        right(self.accuracy, self.precision.map(|precision| precision.at_1))
    }
}

impl Outcome {
    /// The models that were trained, the sparse one first.
    pub fn models(&self) -> impl Iterator<Item = &ModelOutcome> {
        std::iter::once(&self.sparse).chain(&self.twin).chain(&self.control)
    }
}

impl Trained {
    /// The learning rate that was found, if it was not given: the artifact keeps it among the facts of its training.
    pub fn learning_rate(&self) -> Option<f64> {
        self.artifact.training.get(LEARNING_RATE)?.parse().ok()
    }

    /// What came of it, once it is tested and saved.
    pub(super) fn outcome(
        &self,
        test: Evaluation,
        model: PathBuf,
        file_bytes: u64,
        sample_microseconds: f64,
    ) -> Result<ModelOutcome> {
        let graph = &self.artifact.graph;
        let joules: Option<Vec<f64>> = self.history.iter().map(|epoch| epoch.joules).collect();
        Ok(ModelOutcome {
            role: self.role,
            model,
            accuracy: test.accuracy,
            precision: test.precision,
            loss: test.loss,
            nnz: graph.nnz(),
            parameters: graph.parameters(),
            density: graph.density(),
            state_bytes: self.state_bytes,
            file_bytes,
            epochs: self.history.len() as u64,
            epoch_seconds: median(self.history.iter().map(|epoch| epoch.seconds)),
            seconds: self.history.iter().map(|epoch| epoch.seconds).sum(),
            epoch_cpu_seconds: median(self.history.iter().map(|epoch| epoch.cpu_seconds)),
            epoch_joules: joules.filter(|joules| !joules.is_empty()).map(|joules| median(joules.into_iter())),
            sample_microseconds,
            learning_rate: self.learning_rate(),
            ended: self.ended.clone(),
            history: self.history.clone(),
            confusion: test.confusion,
            layers: graph.describe()?,
            input_weights: input_weights(&self.artifact),
            activity: Vec::new(),
            reconstructions: Vec::new(),
        })
    }
}

/// The middle value; the mean of the two middle ones; 0 of none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match (values.len() / 2, values.len() % 2) {
        (0, 0) => 0.0,
        (half, 0) => (values[half - 1] + values[half]) / 2.0,
        (half, _) => values[half],
    }
}

/// For each input feature, how many entries of the first weight matrix that are not zero read it.
pub fn input_weights(artifact: &Artifact) -> Vec<u32> {
    let mut counts = vec![0u32; artifact.graph.inputs];
    match artifact.graph.weights().next() {
        Some(Weight::Sparse(weight)) => weight.indices().iter().for_each(|&j| counts[j as usize] += 1),
        Some(Weight::Dense(weight)) => {
            for i in 0..weight.rows() {
                weight.row(i).iter().zip(&mut counts).for_each(|(&w, count)| *count += u32::from(w != 0.0));
            }
        }
        _ => {}
    }
    counts
}

/// All epochs of all models as CSV.
pub fn metrics_csv<'a>(models: impl Iterator<Item = (Role, &'a [Record])>) -> String {
    use std::fmt::Write as _;
    let mut text = String::from(
        "model,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,train_precision_at_1,validation_precision_at_1,\
         validation_precision_at_3,validation_precision_at_5,learning_rate,density,seconds,cpu_seconds,joules,layer_densities\n",
    );
    let cell = |x: Option<f64>| x.map(|x| x.to_string()).unwrap_or_default();
    for (role, history) in models {
        for epoch in history {
            let densities: Vec<String> = epoch.densities.iter().map(f64::to_string).collect();
            let precision = epoch.validation_precision;
            let row = [
                role.name().to_owned(),
                epoch.epoch.to_string(),
                epoch.train_loss.to_string(),
                cell(epoch.train_accuracy),
                cell(epoch.validation_loss),
                cell(epoch.validation_accuracy),
                cell(epoch.train_precision_at_1),
                cell(precision.map(|p| p.at_1)),
                cell(precision.map(|p| p.at_3)),
                cell(precision.map(|p| p.at_5)),
                epoch.learning_rate.to_string(),
                cell(epoch.density),
                epoch.seconds.to_string(),
                epoch.cpu_seconds.to_string(),
                cell(epoch.joules),
                densities.join(" "),
            ];
            let _ = writeln!(text, "{}", row.join(","));
        }
    }
    text
}

/// What is known of an epoch, without the trainer's types.
pub(super) fn record(epoch: &Epoch) -> Record {
    let Epoch { train_loss, train_accuracy, train_precision_at_1, validation_loss, validation_accuracy, cost, .. } =
        *epoch;
    let nnz: u64 = epoch.nnz.iter().sum();
    let entries: f64 =
        epoch.nnz.iter().zip(&epoch.densities).map(|(&n, &d)| if d > 0.0 { n as f64 / d } else { 0.0 }).sum();
    Record {
        epoch: epoch.epoch,
        train_loss,
        train_accuracy,
        train_precision_at_1,
        validation_loss,
        validation_accuracy,
        validation_precision: epoch.validation_precision,
        learning_rate: f64::from(epoch.learning_rate),
        density: (entries > 0.0).then(|| nnz as f64 / entries),
        densities: epoch.densities.clone(),
        seconds: cost.seconds,
        cpu_seconds: cost.cpu_seconds,
        joules: cost.joules,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert_eq!(median([].into_iter()), 0.0);
    }

    #[test]
    fn metrics_have_a_row_for_each_epoch_of_each_model() {
        let record =
            |epoch| Record { epoch, validation_accuracy: Some(0.5), densities: vec![0.1, 0.2], ..Record::default() };
        let (a, b) = ([record(1), record(2)], [record(1)]);
        let text = metrics_csv([(Role::Sparse, &a[..]), (Role::Twin, &b[..])].into_iter());
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[2].split(',').count(), rows[0].split(',').count());
        assert!(rows[3].starts_with("twin,1,0,,,0.5,") && rows[3].ends_with(",0.1 0.2"), "{}", rows[3]);
    }
}
