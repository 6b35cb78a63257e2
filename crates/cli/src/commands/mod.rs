//! The commands: one file each, one line in [`Command`], one in [`run`].

mod datasets;
mod eval;
mod fit;
mod frontier;
mod inspect;
mod predict;

use std::sync::Arc;

use clap::{Args, Subcommand};
use rarefy::data::csv::{CsvOptions, LabelColumn};
use rarefy::data::{Limits, ReadOptions, SparseOptions, Task, bundled};
use rarefy::evaluate::check_features;
use rarefy::run::data::{label_column, read_named};
use rarefy::{Artifact, Cancel, Dataset, Recipe};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::Global;
use crate::exit::INTERRUPTED;
use crate::output::Output;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    Fit(fit::Fit),
    Frontier(frontier::Frontier),
    Eval(eval::Eval),
    Predict(predict::Predict),
    Inspect(inspect::Inspect),
    Datasets(datasets::Datasets),
}

/// Does it.
pub fn run(command: Command, global: &Global, output: &Output) -> anyhow::Result<()> {
    match command {
        Command::Fit(fit) => fit.run(global, output),
        Command::Frontier(frontier) => frontier.run(global, output),
        Command::Eval(eval) => eval.run(output),
        Command::Predict(predict) => predict.run(output),
        Command::Inspect(inspect) => inspect.run(output),
        Command::Datasets(datasets) => datasets.run(output),
    }
}

/// Data for a model, and how to read them.
#[derive(Args)]
pub struct DataArgs {
    /// A bundled name, whose test part is meant, or a path: CSV, TSV, IDX, svmlight, NumPy or MatrixMarket, plain, gzip or zstd
    data: String,
    /// Label column of a table: auto, last, none, its name, or its number from 1. Unless given: none, if the table has as many
    /// columns as the model has features, otherwise the one that the model was trained with
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Array of features in an .npz that holds several; that of its labels is named by --label
    #[arg(long, value_name = "NAME")]
    array: Option<String>,
    /// For data without labels of their own: the file of their labels (IDX, .npy, .npz, or text with one a line)
    #[arg(long, value_name = "FILE")]
    labels: Option<std::path::PathBuf>,
    /// Character between the fields of a table; found from the content unless given
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    delimiter: Option<u8>,
}

/// One ASCII character; `\t` for a tab.
fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("expected one ASCII character, such as ; or \\t".to_owned()),
    }
}

impl DataArgs {
    /// Reads the data for a model, and checks that their columns are its features.
    fn read(&self, model: &Artifact) -> Result<Dataset, rarefy::Error> {
        if bundled::is_bundled(&self.data) {
            return Ok(bundled::load(&self.data)?.test);
        }
        let classes = model.classes();
        let label = match self.label.as_deref() {
            Some(label) => label_column(Some(label)),
            None => LabelColumn::Beside { features: model.graph.inputs, trained: Box::new(trained_with(model)) },
        };
        let csv = CsvOptions {
            delimiter: self.delimiter,
            header: None,
            label,
            task: match model.task {
                rarefy::model::artifact::Task::Classification { .. } => Task::Classes,
                rarefy::model::artifact::Task::Labels { .. } => Task::Labels,
                rarefy::model::artifact::Task::Regression { .. } => Task::Values,
                rarefy::model::artifact::Task::Reconstruction {} => Task::Auto,
            },
            classes: (!classes.is_empty()).then(|| classes.to_vec()),
        };
        let (mut limits, features) = (Limits::default(), model.graph.inputs);
        limits.max_features = limits.max_features.max(features);
        let sparse =
            SparseOptions { features: Some(features), ..recipe_of(model).map(|r| r.data.sparse).unwrap_or_default() };
        let (array, labels) = (self.array.clone(), self.labels.clone());
        let data = read_named(&self.data, &ReadOptions { csv, array, labels, sparse, limits })?;
        check_features(model, &data)?;
        Ok(data)
    }
}

/// The recipe that a model was trained by.
fn recipe_of(model: &Artifact) -> Option<Recipe> {
    Recipe::parse(model.training.get("recipe")?, "recipe").ok()
}

/// The label column that the recipe of a model names.
fn trained_with(model: &Artifact) -> LabelColumn {
    label_column(recipe_of(model).and_then(|recipe| recipe.data.label).as_deref())
}

/// Ctrl-C once asks to stop, twice stops at once; a request to terminate is the same.
fn watch_signals(cancel: &Cancel) -> anyhow::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag off, and switches it on.
        signal_hook::flag::register_conditional_shutdown(signal, INTERRUPTED.into(), cancel.flag())?;
        signal_hook::flag::register(signal, Arc::clone(&cancel.flag()))?;
    }
    Ok(())
}
