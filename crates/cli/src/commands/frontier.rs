//! `rarefy frontier`: accuracy against sparsity.

use std::path::PathBuf;

use rarefy::frontier::{self, Curve, Plan, Step};
use rarefy::run::Role;
use rarefy::{Cancel, Recipe};
use serde_json::Value;

use super::watch_signals;
use crate::Global;
use crate::number::{percent, significant};
use crate::output::Output;
use crate::progress::Bar;
use crate::{report, table};

/// Train a recipe at several sparsities, and show what each costs in accuracy
///
/// For every sparsity and seed it trains the sparse model and a small dense net of equal nonzeros; for every seed the dense twin. It
/// prints a table of means over seeds, and leaves in the output folder: every model's figures (frontier.csv, frontier.json), a report
/// to look at (frontier.html), and each training in a folder of its own (points/).
///
/// Trainings are independent, so as many of them run at once as threads and memory allow, each on one thread; the models do not depend
/// on how many. Press Ctrl-C to stop, or lose power: --resume trains what is not finished yet, to the same models, and more sparsities
/// or seeds may be asked for then.
///
/// The knee is where the curve bends: on logarithmic axes, the point at which the errors on the validation part, over nonzeros, lie
/// furthest below the straight line between the ends of the curve (Kneedle). The test rows are read once for each model, and choose
/// nothing.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rarefy frontier examples/digits.toml
  rarefy frontier my.toml --sparsities 0.9,0.95,0.98 --seeds 5 --out curve
  rarefy frontier --resume --out curve")]
pub struct Frontier {
    /// The recipe (TOML); the built-in one unless given. Its own sparsity.target is not used
    recipe: Option<PathBuf>,
    /// Sparsities, each above 0 and below 1 [default: 0.5,0.8,0.9,0.95,0.98,0.99]
    #[arg(long, value_name = "LIST", value_delimiter = ',', num_args = 1)]
    sparsities: Option<Vec<f64>>,
    /// How many seeds, counted up from the recipe's; error bars need two [default: 3]
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// Change one key of the recipe; may be given many times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Folder for everything that comes out
    #[arg(long, value_name = "DIR", default_value = "rarefy-frontier")]
    out: PathBuf,
    /// Train only what is not finished yet in the output folder; without a recipe or options, what was asked for then
    #[arg(long)]
    resume: bool,
    /// Do not train the dense twin
    #[arg(long)]
    no_twin: bool,
    /// Do not train small dense nets of equal nonzeros
    #[arg(long)]
    no_control: bool,
}

impl Frontier {
    /// Runs the command.
    pub fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let (recipe, plan) = self.asked(global)?;
        let cancel = Cancel::new();
        watch_signals(&cancel)?;
        let frontier = frontier::Frontier::open(recipe, plan)?;
        if self.resume && !frontier.resumed() {
            output.note(&format!("{}: nothing to resume, starting anew", self.out.display()));
        }
        let bar = Bar::new(*output, cancel);
        let curve = frontier.run(&bar, &mut |step| tell(step, &bar, output))?;
        frontier.write(frontier::REPORT, report::render_curve(&curve)?.as_bytes())?;
        if output.json {
            return output.answer_json(&to_json(&curve)?);
        }
        output.answer(&table::of_curve(&curve))?;
        let (table, page) = (curve.folder.join(frontier::TABLE), curve.folder.join(frontier::REPORT));
        output.note(&format!("\nFigures: {}\nReport: {}", table.display(), page.display()));
        Ok(())
    }

    /// The recipe and the plan that the command line asks for.
    fn asked(&self, global: &Global) -> anyhow::Result<(Recipe, Plan)> {
        let begun = if self.resume { frontier::begun(&self.out)? } else { None };
        let (begun, mut plan) = begun.map_or((None, Plan::default()), |(recipe, plan)| (Some(recipe), plan));
        let mut recipe = match &self.recipe {
            Some(path) => Recipe::read(path)?,
            None => begun.unwrap_or_else(Recipe::builtin),
        };
        for assignment in &self.set {
            recipe.set(assignment)?;
        }
        if let Some(seed) = global.seed {
            recipe.train.seed = seed;
        }
        if let Some(sparsities) = &self.sparsities {
            plan.sparsities.clone_from(sparsities);
        }
        plan.seeds = self.seeds.unwrap_or(plan.seeds);
        plan.twin &= !self.no_twin;
        plan.control &= !self.no_control;
        (plan.out, plan.resume) = (self.out.clone(), self.resume);
        Ok((recipe, plan))
    }
}

/// Says which points are finished.
fn tell(step: &Step<'_>, bar: &Bar, output: &Output) {
    match step {
        Step::Started { finished, points, workers } => {
            let before = if *finished > 0 { format!("{finished} finished before, ") } else { String::new() };
            output.note(&format!("{points} trainings, {before}{workers} at once"));
        }
        Step::Point { models, finished, points } => {
            for model in *models {
                let figure = match (model.right(), model.loss) {
                    (Some((name, share)), _) => format!("test {name} {}", percent(share)),
                    (None, loss) => format!("test loss {}", loss.map_or("–".to_owned(), significant)),
                };
                let which = match model.sparsity {
                    Some(sparsity) => format!("{} {}", table::title(model.role), table::sparsity(sparsity)),
                    None => table::title(model.role).to_owned(),
                };
                let seconds = significant(model.cpu_seconds);
                bar.note(&format!("{finished}/{points} {which}, seed {}: {figure}, {seconds} CPU seconds", model.seed));
            }
        }
        _ => {}
    }
}

/// The curve as JSON: everything in frontier.json, and where the report is.
fn to_json(curve: &Curve) -> anyhow::Result<Value> {
    let mut json = serde_json::to_value(curve)?;
    json["report"] = serde_json::json!(curve.folder.join(frontier::REPORT));
    json["twin"] = serde_json::to_value(curve.of(Role::Twin).next())?;
    Ok(json)
}
