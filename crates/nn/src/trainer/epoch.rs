//! What is known of an epoch: while it runs, and when it is over.

use super::precision::Precision;
use rarefy_core::clock::Cost;

/// One epoch of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: u64,
    /// Mean loss over the training rows, weighted by class if so configured, each row taken as the network was when it saw it,
    /// dropout on.
    pub train_loss: f64,
    /// Share of the training rows whose class was found, likewise; `None` unless targets are classes.
    pub train_accuracy: Option<f64>,
    /// Share of the training rows whose first label was right, likewise; `None` unless targets are sets of labels, and on a sample
    /// of the outputs, which does not tell.
    pub train_precision_at_1: Option<f64>,
    /// Mean loss over the validation part, at the end of the epoch.
    pub validation_loss: Option<f64>,
    /// Share of the validation rows whose class was found.
    pub validation_accuracy: Option<f64>,
    /// Precision of the first labels of the validation rows, if targets are sets of labels.
    pub validation_precision: Option<Precision>,
    /// The learning rate of its last step.
    pub learning_rate: f32,
    /// Nonzeros of each weight, in the order of the layers.
    pub nnz: Vec<u64>,
    /// Density of each weight.
    pub densities: Vec<f64>,
    /// What training has cost, validation aside.
    pub cost: Cost,
}

impl Default for Epoch {
    fn default() -> Self {
        Self {
            epoch: 0,
            train_loss: 0.0,
            train_accuracy: None,
            train_precision_at_1: None,
            validation_loss: None,
            validation_accuracy: None,
            validation_precision: None,
            learning_rate: 0.0,
            nnz: Vec::new(),
            densities: Vec::new(),
            cost: Cost::ZERO,
        }
    }
}

/// Sums over the rows of an epoch that have been seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Running {
    /// Sum of the losses, weighted.
    pub loss: f64,
    /// Sum of the weights.
    pub weight: f64,
    /// Rows whose targets are classes or sets of labels.
    pub rows: u64,
    /// Those of them whose class was found, or whose first label was right.
    pub found: u64,
}

impl Running {
    /// Adds a batch: its loss and weight, and how many rows it has and how many of them were answered right.
    pub fn add(&mut self, loss: f64, weight: f64, right: Option<(u64, u64)>) {
        self.loss += loss;
        self.weight += weight;
        if let Some((rows, found)) = right {
            self.rows += rows;
            self.found += found;
        }
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.weight == 0.0
    }

    /// Mean loss; 0 before the first row.
    pub fn loss(&self) -> f64 {
        if self.is_empty() { 0.0 } else { self.loss / self.weight }
    }

    /// Share of the rows that were answered right.
    pub fn right(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.found as f64 / self.rows as f64)
    }
}
