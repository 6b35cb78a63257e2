//! `rarefy fit`: train what a recipe says.

use std::path::PathBuf;

use rarefy::recipe::{self, Recipe};
use rarefy::run::linear::{LinearJob, loss_help};
use rarefy::run::{self, Event, ModelOutcome, Role};
use rarefy::{Cancel, Job, Options, Outcome};
use serde_json::{Value, json};

use super::watch_signals;
use crate::Global;
use crate::number::{percent, significant};
use crate::output::Output;
use crate::progress::Bar;
use crate::{exit, linear, report, table};

/// Train a sparse network or fit a sparse linear model, and its twin to compare with
///
/// Without a recipe, the built-in one: handwritten digits (MNIST), 784-1024-1024-10, a fiftieth of the weights, by RigL. At the
/// end it prints a table of the sparse model against its twin, and leaves in the output folder: the models (model.rarefy,
/// twin.rarefy), a checkpoint, every epoch (metrics.csv), the recipe as run (recipe.toml) and a report to look at (report.html).
///
/// Labels may be classes, values, or sets of classes (data.task = "labels", such as the svmlight line `3,17 5:1 9:1`); sets are
/// learned with label-cross-entropy and judged by precision@1, @3 and @5: of the first so many classes that a row is given, the
/// share that it has.
///
/// With model.kind = "linear" it fits a sparse linear model along a path of penalties, chooses how strong the penalty is (by
/// cross-validation unless the recipe says), and compares it with its ridge twin: the same loss, penalised by squares alone. Squares
/// (L2) shrink coefficients and make none of them zero: they are no sparse penalty. The folder then holds path.csv, and no checkpoint:
/// Ctrl-C keeps the best of what is done.
///
/// Stop rules and choices look at a validation part of the training rows only; the test rows are read once, at the end.
///
/// Press Ctrl-C to stop: the state is saved, and --resume goes on from there to the same model, bit for bit. Press it twice to
/// stop at once.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rarefy fit
  rarefy fit --set sparsity.target=0.95 --set train.epochs=5 --out sparser
  rarefy fit examples/digits.toml --control
  rarefy fit examples/lasso.toml --set select.nonzeros=5
  rarefy fit --set sparsity.method=gmp --set sparsity.distribution=global
  rarefy fit --set sparsity.within=0.5
  rarefy fit --resume", after_long_help = keys_help())]
pub struct Fit {
    /// The recipe (TOML); the built-in one unless given
    recipe: Option<PathBuf>,
    /// Change one key of the recipe; may be given many times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Folder for everything that comes out
    #[arg(long, value_name = "DIR", default_value = "rarefy-out")]
    out: PathBuf,
    /// Go on from the checkpoint in the output folder, if there is one; without a recipe, with the checkpoint's
    #[arg(long)]
    resume: bool,
    /// Do not train the dense twin
    #[arg(long)]
    no_twin: bool,
    /// Train a small dense net of equal nonzeros too
    #[arg(long)]
    control: bool,
}

/// Examples, then every key of recipes.
fn keys_help() -> String {
    let mut text = String::from(
        "Examples:\n  rarefy fit\n  rarefy fit --set sparsity.target=0.95 --set train.epochs=5 --out sparser\n  \
         rarefy fit examples/digits.toml --control\n  rarefy fit examples/lasso.toml --set select.nonzeros=5\n  rarefy fit --set sparsity.method=gmp --set sparsity.distribution=global\n  \
         rarefy fit --set sparsity.within=0.5\n  rarefy fit --resume\n\nKeys of recipes:\n",
    );
    for key in recipe::keys() {
        text.push_str(&format!("  {:24} {}\n", key.name, key.help));
    }
    text.push_str("\nSparsity methods:\n");
    for method in rarefy::nn::sparsify::registry() {
        text.push_str(&format!("  {:24} {}\n", method.name, method.help));
    }
    text.push_str("\nLosses:\n");
    for loss in rarefy::nn::loss::registry() {
        text.push_str(&format!("  {:24} {}\n", loss.name(), loss.help()));
    }
    text.push_str("\nLosses of linear models:\n");
    for (name, help) in loss_help() {
        text.push_str(&format!("  {name:24} {help}\n"));
    }
    text.push_str("\nPenalties of linear models:\n");
    for (name, help) in recipe::penalties() {
        text.push_str(&format!("  {name:24} {help}\n"));
    }
    text.push_str("\nLayers:\n");
    for layer in rarefy::nn::layer::registry() {
        text.push_str(&format!("  {:24} {}\n", layer.usage, layer.help));
    }
    text
}

impl Fit {
    /// Runs the command.
    pub fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let recipe = self.recipe(global)?;
        if recipe.model.kind == "linear" {
            return self.run_linear(recipe, output);
        }
        let cancel = Cancel::new();
        watch_signals(&cancel)?;
        let mut job = Job::open(recipe, &Options { out: self.out.clone(), resume: self.resume })?;
        if self.resume && !job.resumed() {
            output.note(&format!("{}: no checkpoint, starting anew", self.out.display()));
        }
        let bar = Bar::new(*output, cancel);
        let outcome = job.run(&bar, &mut |event| tell(event, output))?;
        job.write(run::REPORT, report::render(&outcome)?.as_bytes())?;
        if output.json {
            return output.answer_json(&to_json(&outcome));
        }
        output.answer(&table::of_outcome(&outcome))?;
        let page = outcome.folder.join(run::REPORT);
        output.note(&format!("\nModel: {}\nReport: {}", outcome.sparse.model.display(), page.display()));
        Ok(())
    }

    /// Fits a linear model.
    fn run_linear(&self, recipe: Recipe, output: &Output) -> anyhow::Result<()> {
        if self.control {
            return Err(exit::Usage::of("--control has no meaning for a linear model, which has one layer").into());
        }
        let cancel = Cancel::new();
        watch_signals(&cancel)?;
        let job = LinearJob::open(recipe, &Options { out: self.out.clone(), resume: self.resume })?;
        let outcome = job.run(&Bar::new(*output, cancel))?;
        job.write(run::REPORT, report::render_linear(&outcome)?.as_bytes())?;
        let model = outcome.sparse.model.clone();
        if output.json {
            output.answer_json(&linear::to_json(&outcome))?;
        } else {
            output.answer(&linear::of_outcome(&outcome))?;
            let page = outcome.folder.join(run::REPORT);
            output.note(&format!("\nModel: {}\nReport: {}", model.display(), page.display()));
        }
        match outcome.interrupted {
            Some(missing) => Err(rarefy::Error::Kept { missing, model }.into()),
            None => Ok(()),
        }
    }

    /// The recipe with everything that the command line changes.
    fn recipe(&self, global: &Global) -> anyhow::Result<Recipe> {
        let begun = || if self.resume { run::recipe_of(&self.out) } else { Ok(None) };
        let mut recipe = match &self.recipe {
            Some(path) => Recipe::read(path)?,
            None => begun()?.unwrap_or_else(Recipe::builtin),
        };
        for assignment in &self.set {
            recipe.set(assignment)?;
        }
        if let Some(seed) = global.seed {
            recipe.train.seed = seed;
        }
        recipe.twin.train &= !self.no_twin;
        recipe.twin.control |= self.control;
        Ok(recipe)
    }
}

/// Says what happens, where no bar can.
fn tell(event: &Event<'_>, output: &Output) {
    match event {
        Event::Started { role, epochs, done: 0 } if !output.bar() => {
            output.note(&format!("{}: {epochs} epochs", table::title(*role)));
        }
        Event::Started { role, epochs, done } if *done > 0 => {
            output.note(&format!("{}: going on after {done} of {epochs} epochs", table::title(*role)));
        }
        Event::Epoch { role, epochs, record } if !output.bar() => {
            let mut line = format!("{} {}/{epochs}: loss {:.4}", table::title(*role), record.epoch, record.train_loss);
            if let Some(loss) = record.validation_loss {
                line.push_str(&format!(", validation loss {loss:.4}"));
            }
            if let Some((name, share)) = record.validation_right() {
                line.push_str(&format!(", validation {name} {}", percent(share)));
            }
            line.push_str(&format!(", {} s", significant(record.seconds)));
            output.note(&line);
        }
        Event::Tried { tried, within, measure } => {
            output.note(&format!("sparse: {}", table::of_try(tried, *within, measure)));
        }
        Event::Finished { trained } if output.bar() => {
            let seconds: f64 = trained.history.iter().map(|epoch| epoch.seconds).sum();
            let last = trained.history.last();
            let right = last.and_then(|epoch| epoch.validation_right());
            let right = right.map_or(String::new(), |(name, share)| format!(", validation {name} {}", percent(share)));
            let (epochs, title) = (trained.history.len(), table::title(trained.role));
            let rate = trained.learning_rate().map_or(String::new(), |rate| format!(", learning rate {rate:.1e}"));
            output.note(&format!("{title}: {epochs} epochs in {} s{right}{rate}", significant(seconds)));
        }
        _ => {}
    }
}

/// One model as JSON.
fn model_json(model: &ModelOutcome) -> Value {
    let mut json = json!({
        "nnz": model.nnz,
        "parameters": model.parameters,
        "density": model.density,
        "file_bytes": model.file_bytes,
        "state_bytes": model.state_bytes,
        "epochs": model.epochs,
        "epoch_seconds": model.epoch_seconds,
        "seconds": model.seconds,
        "epoch_cpu_seconds": model.epoch_cpu_seconds,
        "sample_microseconds": model.sample_microseconds,
        "activity": model.activity,
        "ended": model.ended,
        "model": model.model,
    });
    let given_at_times = [
        ("accuracy", model.accuracy),
        ("loss", model.loss),
        ("epoch_joules", model.epoch_joules),
        ("learning_rate", model.learning_rate),
    ];
    for (key, value) in given_at_times {
        if let Some(value) = value {
            json[key] = json!(value);
        }
    }
    for (rank, share) in model.precision.iter().flat_map(|precision| precision.ranks()) {
        json[format!("precision_at_{rank}")] = json!(share);
    }
    json
}

/// The outcome as JSON: the sparse model's figures, those of the others under their names.
fn to_json(outcome: &Outcome) -> Value {
    let mut json = model_json(&outcome.sparse);
    for model in outcome.models().filter(|model| model.role != Role::Sparse) {
        json[model.role.name()] = model_json(model);
    }
    if let Some(search) = &outcome.search {
        json["search"] = json!(search);
        json["search"]["held"] = json!(search.held());
    }
    json["data"] = json!(outcome.data.name);
    json["rows"] = json!({
        "train": outcome.data.train_rows,
        "validation": outcome.data.validation_rows,
        "test": outcome.data.test_rows,
    });
    json["threads"] = json!(outcome.threads);
    json["isa"] = json!(outcome.isa);
    json["report"] = json!(outcome.folder.join(run::REPORT));
    json
}
