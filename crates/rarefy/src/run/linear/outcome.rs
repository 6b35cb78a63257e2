//! What came of fitting linear models.

use std::path::PathBuf;

use rarefy_linear::select::CrossValidation;
use rarefy_linear::{Certificate, Fit};
use serde::Serialize;

use crate::run::{DataOutcome, Role};

/// One strength of a path.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The strength.
    pub lambda: f64,
    /// Coefficients that are not zero.
    pub nnz: usize,
    /// Mean deviance of the training rows.
    pub deviance: f64,
    /// The share of the deviance of a model without features that this one takes away.
    pub explained: f64,
    /// How far the fit is from its minimum, at most.
    pub certificate: f64,
    /// `gap` or `stationarity`: what the certificate counts.
    pub certifies: &'static str,
    /// Whether it is as near as asked.
    pub converged: bool,
    /// Passes of coordinate descent.
    pub passes: usize,
    /// The information criterion, if strengths are chosen by one.
    pub criterion: Option<f64>,
    /// The coefficients of raw features that are not zero, by number.
    #[serde(skip)]
    pub coefficients: Vec<(u32, f64)>,
    /// The intercept.
    #[serde(skip)]
    pub intercept: f64,
}

impl Point {
    /// A fit of scaled columns, `null` being the deviance without columns.
    pub(super) fn new(lambda: f64, fit: &Fit, scale: &[f64], deviance: f64, null: f64) -> Self {
        let raw = |(j, (w, scale)): (usize, (&f64, &f64))| (*w != 0.0).then_some((j as u32, w * scale));
        Self {
            lambda,
            nnz: fit.nnz(),
            deviance,
            explained: if null > 0.0 { 1.0 - deviance / null } else { 0.0 },
            certificate: fit.certificate.size(),
            certifies: if let Certificate::Gap(_) = fit.certificate { "gap" } else { "stationarity" },
            converged: fit.converged,
            passes: fit.passes,
            criterion: None,
            coefficients: fit.coefficients.iter().zip(scale).enumerate().filter_map(raw).collect(),
            intercept: fit.intercept,
        }
    }
}

/// How good a model is on some rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// Rows.
    pub rows: usize,
    /// The share that is answered right; of classes.
    pub accuracy: Option<f64>,
    /// The mean negative log likelihood; of classes.
    pub log_loss: Option<f64>,
    /// The mean squared error; of values.
    pub mean_squared_error: Option<f64>,
    /// The share of the variance that the model explains; of values that are not all the same.
    pub r2: Option<f64>,
}

/// A coefficient and the feature that it multiplies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coefficient {
    /// The feature's name, or its number from 1.
    pub feature: String,
    /// What it is multiplied with.
    pub coefficient: f64,
}

/// A fitted linear model.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearModel {
    /// The sparse model or its ridge twin.
    pub role: Role,
    /// Its artifact's path.
    pub model: PathBuf,
    /// The fit at the strength chosen.
    pub point: Point,
    /// Coefficients that are not zero, those that move answers most first: by size times the standard deviation of the feature.
    pub coefficients: Vec<Coefficient>,
    /// Features.
    pub features: usize,
    /// What the columns of raw features were multiplied with for the solver; 0 where a feature is left out.
    pub scale: Vec<f64>,
    /// The fits of the path, falling strengths; none of the twin, of which only the chosen one is made.
    pub path: Vec<Point>,
    /// Cross-validation, if strengths were chosen by it.
    pub cv: Option<CrossValidation>,
    /// How the strength was chosen, in words.
    pub chosen: String,
    /// On the training rows.
    pub train: Scores,
    /// On the test rows.
    pub test: Scores,
    /// Bytes of the artifact.
    pub file_bytes: u64,
    /// Seconds of the path and all folds.
    pub seconds: f64,
}

impl LinearModel {
    /// Zeros over coefficients.
    pub fn sparsity(&self) -> f64 {
        1.0 - self.point.nnz as f64 / self.features as f64
    }
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearOutcome {
    /// The model that the recipe asked for.
    pub sparse: LinearModel,
    /// The same with a penalty of squares alone, which keeps every feature.
    pub twin: Option<LinearModel>,
    /// The penalty, with its numbers.
    pub penalty: String,
    /// The loss.
    pub loss: String,
    /// Features that are the same in all training rows.
    pub constant: usize,
    /// The names of the features, or none at all.
    pub data_names: Vec<String>,
    /// What was not done, if it was interrupted.
    pub interrupted: Option<String>,
    /// The data.
    pub data: DataOutcome,
    /// The recipe as run, in TOML.
    pub recipe: String,
    /// The output folder.
    pub folder: PathBuf,
    /// Threads used.
    pub threads: usize,
    /// Rarefy's version.
    pub version: String,
}

impl LinearOutcome {
    /// The models, the sparse one first.
    pub fn models(&self) -> impl Iterator<Item = &LinearModel> {
        std::iter::once(&self.sparse).chain(&self.twin)
    }
}
