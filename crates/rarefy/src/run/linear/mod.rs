//! From a recipe to a fitted linear model beside its ridge twin.
//!
//! A [`LinearJob`] owns an output folder while it works:
//!
//! | file | holds |
//! |---|---|
//! | `model.rarefy` | the sparse model; `twin.rarefy` the one that it is compared with |
//! | `path.csv` | every strength: nonzeros, deviance, cross-validation |
//! | `recipe.toml` | the recipe as run, every default written out |
//!
//! The *ridge twin* has the same loss and a penalty of squares alone, which keeps every feature; its strength is cross-validated. The test rows are
//! read once, at the end. A run that is cancelled keeps what is done: the model is then the best of the strengths fitted, and says so.
//!
//! ```
//! use rarefy::{Options, Recipe, run::linear::LinearJob};
//! let recipe = Recipe::parse("[data]\ntrain = \"diabetes\"\n[model]\nkind = \"linear\"\n[select]\nnonzeros = 5", "five features")?;
//! let folder = std::env::temp_dir().join(format!("rarefy-doc-linear-{}", std::process::id()));
//! let outcome = LinearJob::open(recipe, &Options { out: folder.clone(), ..Options::default() })?.run(&())?;
//! assert!(outcome.sparse.point.nnz <= 5 && outcome.sparse.test.r2.unwrap() > 0.4);
//! assert_eq!(outcome.sparse.coefficients[0].feature, "bmi");
//! # std::fs::remove_dir_all(folder).unwrap();
//! # Ok::<(), rarefy::Error>(())
//! ```

mod artifact;
mod choose;
mod columns;
mod loss;
mod outcome;

pub use artifact::coefficients;
pub(crate) use loss::usual_loss;
pub use loss::{loss_help, losses};
pub use outcome::{Coefficient, LinearModel, LinearOutcome, Point, Scores};

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use rarefy_core::parallel;
use rarefy_core::progress::Progress;
use rarefy_data::{Dataset, Target};
use rarefy_linear::select::Task;
use rarefy_model::artifact::Artifact;
use rarefy_model::file::{Lock, System, write_aside_on};

use super::data::Parts;
use super::folder::{prepare, refuse_non_folder};
use super::{Named, Options, RECIPE, Role, data};
use crate::recipe::{Part, Recipe, Scaling};
use crate::{Error, Result, evaluate};
use choose::{Choice, Chosen, Family};
use columns::Columns;
use loss::Entry;

/// The name of the table of strengths.
pub const PATH: &str = "path.csv";

/// A run, ready to go: recipe and data are checked, the output folder is ours.
pub struct LinearJob {
    recipe: Recipe,
    parts: Parts,
    loss: &'static Entry,
    y: Vec<f64>,
    folder: PathBuf,
    _lock: Lock,
}

impl LinearJob {
    /// Checks everything that can be checked before fitting: recipe, data, output folder.
    ///
    /// # Errors
    /// [`Error::Recipe`], [`Error::Data`], [`Error::Mismatch`]; [`Error::Model`] for a folder that cannot be written to or is locked.
    pub fn open(mut recipe: Recipe, options: &Options) -> Result<Self> {
        if options.resume {
            let problem = "a linear model keeps no checkpoint; fit it anew, without it".to_owned();
            return Err(Error::Recipe { place: "--resume".to_owned(), problem });
        }
        refuse_non_folder(&options.out)?;
        loss::settle_task(&mut recipe);
        // Strengths are chosen on all training rows, and columns are scaled by the solver.
        recipe.data.validation = Part::Share(0.0);
        recipe.data.scaling = Scaling::Given(rarefy_data::Scaling::None);
        let parts = data::load(&mut recipe)?;
        // The recipe as run says what the labels turned out to be.
        loss::settle_task(&mut recipe);
        let (loss, all) = loss::targets(&recipe, &parts.train)?;
        let y = parts.rows.iter().map(|&row| all[row as usize]).collect();
        complete(&mut recipe);
        let lock = prepare(&options.out)?;
        let job = Self { recipe, parts, loss, y, folder: options.out.clone(), _lock: lock };
        job.write(RECIPE, job.recipe.to_toml().as_bytes())?;
        Ok(job)
    }

    /// Writes a file into the output folder, aside and renamed.
    ///
    /// # Errors
    /// [`Error::Model`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        Ok(write_aside_on(&System, &self.folder.join(name), |out| out.write_all(bytes))?)
    }

    /// Fits the path, chooses, saves and tests; then the twin.
    ///
    /// # Errors
    /// [`Error::Linear`] where numbers become too large; [`Error::Model`] when the disk fails.
    pub fn run(&self, progress: &dyn Progress) -> Result<LinearOutcome> {
        let (recipe, train) = (&self.recipe, &self.parts.train);
        let intercept = recipe.model.intercept.unwrap_or(true);
        let columns = Columns::of(&train.features, &self.parts.rows)?;
        let scale = columns.scale(recipe.model.standardize.unwrap_or(true), intercept);
        let make = |weights: &[f64]| self.loss.make(recipe, &self.y, weights);
        let (rows, features) = columns.shape();
        let task =
            Task { design: columns.design(&scale)?, loss: &make, weights: vec![1.0 / rows as f64; rows], intercept };
        let classes: Option<Vec<u32>> = self.loss.classes.then(|| self.y.iter().map(|&y| y as u32).collect());
        let usual = rarefy_linear::Options::default();
        let options = rarefy_linear::Options { tolerance: recipe.train.tolerance.unwrap_or(usual.tolerance), ..usual };
        let (seed, select) = (recipe.train.seed, &recipe.select);
        let choice = Choice { task: &task, scale: &scale, select, classes: classes.as_deref(), options, seed };
        let family = family(recipe);

        let begun = Instant::now();
        let chosen = choice.run(family, &Named { name: Role::Sparse.name(), progress })?;
        let mut interrupted = chosen.missing.clone();
        let ends = (chosen.path.first().map_or(0.0, |p| p.lambda), chosen.path.last().map_or(0.0, |p| p.lambda));
        let penalty = in_words(family);
        let sparse = self.finished(Role::Sparse, chosen, &penalty, (features, &scale), begun)?;
        self.write(PATH, path_csv(&sparse).as_bytes())?;
        let mut twin = None;
        if recipe.twin.train && !progress.cancelled() {
            let begun = Instant::now();
            let named = Named { name: "ridge", progress };
            if let Some(chosen) = choice.ridge(ends, &named)? {
                twin = Some(self.finished(Role::Twin, chosen, "squares alone", (features, &scale), begun)?);
            }
        }
        if progress.cancelled() && recipe.twin.train && twin.is_none() {
            interrupted.get_or_insert_with(|| "the ridge twin was not fitted".to_owned());
        }
        Ok(LinearOutcome {
            sparse,
            twin,
            penalty,
            loss: self.loss.name.to_owned(),
            constant: scale.iter().filter(|scale| **scale == 0.0).count(),
            data_names: train.feature_names.clone(),
            interrupted,
            data: self.parts.outcome(),
            recipe: recipe.to_toml(),
            folder: self.folder.clone(),
            threads: parallel::threads(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// Saves a chosen model and tests it.
    fn finished(
        &self,
        role: Role,
        chosen: Chosen,
        penalty: &str,
        (features, scale): (usize, &[f64]),
        begun: Instant,
    ) -> Result<LinearModel> {
        let seconds = begun.elapsed().as_secs_f64();
        let Chosen { point, path, cv, how, missing } = chosen;
        let train = &self.parts.train;
        let mut artifact = artifact::lower(&point, self.recipe.model.intercept.unwrap_or(true), train, self.loss)?;
        artifact.training = [
            ("model", role.name().to_owned()),
            ("recipe", self.recipe.to_toml()),
            ("data", self.parts.fingerprint.clone()),
            ("loss", self.loss.name.to_owned()),
            ("penalty", penalty.to_owned()),
            ("lambda", point.lambda.to_string()),
            ("chosen", how.clone()),
            (point.certifies, format!("{:e}", point.certificate)),
            ("ended", missing.map_or("done".to_owned(), |missing| format!("interrupted: {missing}"))),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        let bytes = artifact.to_bytes()?;
        self.write(role.file(), &bytes)?;
        let learned = if self.parts.rows.len() == train.rows() {
            scores(&artifact, train)?
        } else {
            let rows: Vec<usize> = self.parts.rows.iter().map(|&row| row as usize).collect();
            scores(&artifact, &train.select(&rows)?)?
        };
        let mut ranked: Vec<(u32, f64)> = point.coefficients.clone();
        // A standardised column's scale is one over its deviation; the others are ranked by their coefficients.
        let weight = |&(j, w): &(u32, f64)| (w / scale[j as usize]).abs();
        ranked.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then(a.0.cmp(&b.0)));
        let coefficients =
            ranked.into_iter().map(|(j, w)| artifact::named(j as usize, w, &train.feature_names)).collect();
        Ok(LinearModel {
            role,
            model: self.folder.join(role.file()),
            coefficients,
            features,
            scale: scale.to_vec(),
            train: learned,
            test: scores(&artifact, &self.parts.test)?,
            file_bytes: bytes.len() as u64,
            seconds,
            chosen: how,
            point,
            path,
            cv,
        })
    }
}

/// Writes what the recipe left open into it.
fn complete(recipe: &mut Recipe) {
    loss::complete(recipe);
    let (model, select) = (&mut recipe.model, &mut recipe.select);
    let penalty = model.penalty.get_or_insert_with(|| "l1".to_owned()).clone();
    match penalty.as_str() {
        "elastic-net" => drop(model.l1_ratio.get_or_insert(0.5)),
        // What the authors of each recommend.
        "mcp" => drop(model.gamma.get_or_insert(3.0)),
        "scad" => drop(model.gamma.get_or_insert(3.7)),
        _ => {}
    }
    model.intercept.get_or_insert(true);
    model.standardize.get_or_insert(true);
    recipe.train.tolerance.get_or_insert(rarefy_linear::Options::default().tolerance);
    if select.is_auto() {
        select.lambda = Some(crate::recipe::Strength::Auto);
        if select.by.get_or_insert_with(|| "cv".to_owned()) == "cv" {
            select.rule.get_or_insert_with(|| "min".to_owned());
        }
    }
    select.lambdas.get_or_insert(100);
}

/// The recipe's penalty.
fn family(recipe: &Recipe) -> Family {
    let model = &recipe.model;
    match model.penalty.as_deref() {
        Some("elastic-net") => Family::ElasticNet { l1_ratio: model.l1_ratio.unwrap_or(0.5) },
        Some("mcp") => Family::Mcp { gamma: model.gamma.unwrap_or(3.0) },
        Some("scad") => Family::Scad { gamma: model.gamma.unwrap_or(3.7) },
        _ => Family::L1,
    }
}

/// A penalty with its numbers.
fn in_words(family: Family) -> String {
    match family {
        Family::L1 => "L1".to_owned(),
        Family::ElasticNet { l1_ratio } => format!("elastic net, {l1_ratio} L1"),
        Family::Mcp { gamma } => format!("MCP, gamma {gamma}"),
        Family::Scad { gamma } => format!("SCAD, gamma {gamma}"),
    }
}

/// How good a model is.
fn scores(model: &Artifact, data: &Dataset) -> Result<Scores> {
    let found = evaluate::evaluate(model, data)?;
    let mut scores =
        Scores { rows: found.rows, accuracy: found.accuracy, log_loss: None, mean_squared_error: None, r2: None };
    match &data.target {
        Target::Values(values) => {
            let n = values.rows() as f64;
            let mean = values.data().iter().map(|&y| f64::from(y)).sum::<f64>() / n;
            let variance = values.data().iter().map(|&y| (f64::from(y) - mean).powi(2)).sum::<f64>() / n;
            scores.mean_squared_error = found.loss;
            scores.r2 = found.loss.filter(|_| variance > 0.0).map(|loss| 1.0 - loss / variance);
        }
        _ => scores.log_loss = found.loss,
    }
    Ok(scores)
}

/// Every strength as CSV.
fn path_csv(model: &LinearModel) -> String {
    let mut text = String::from(
        "lambda,nonzeros,deviance,explained,certificate,converged,passes,criterion,cv_deviance,cv_standard_error,cv_accuracy,intercept\n",
    );
    let cell = |x: Option<f64>| x.map(|x| x.to_string()).unwrap_or_default();
    for (at, point) in model.path.iter().enumerate() {
        let held = model.cv.as_ref().and_then(|cv| cv.held.get(at));
        let row = [
            point.lambda.to_string(),
            point.nnz.to_string(),
            point.deviance.to_string(),
            point.explained.to_string(),
            point.certificate.to_string(),
            point.converged.to_string(),
            point.passes.to_string(),
            cell(point.criterion),
            cell(held.map(|held| held.deviance)),
            cell(held.map(|held| held.standard_error)),
            cell(held.and_then(|held| held.accuracy)),
            point.intercept.to_string(),
        ];
        let _ = writeln!(text, "{}", row.join(","));
    }
    text
}
