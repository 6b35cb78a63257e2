//! `rarefy inspect`: what a model is made of.

use std::path::PathBuf;

use rarefy::Artifact;
use rarefy::model::artifact::Task;
use rarefy::run::linear::coefficients;
use serde_json::json;

use crate::linear;
use crate::number::{bytes, grouped, percent};
use crate::output::Output;
use crate::table::{Align, Table};

/// Show what a model is made of, layer by layer
///
/// For each layer: name, kind, shape (outputs × inputs), nonzeros, density, structure, the kernel that runs it, and bytes. Of a linear
/// model the coefficients of raw features too, largest first: 20 of them, all with --json.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  rarefy inspect rarefy-out/model.rarefy")]
pub struct Inspect {
    /// The model: an artifact (.rarefy)
    model: PathBuf,
}

impl Inspect {
    /// Runs the command.
    pub fn run(self, output: &Output) -> anyhow::Result<()> {
        let model = Artifact::read(&self.model).map_err(rarefy::Error::from)?;
        let file_bytes = std::fs::metadata(&self.model)?.len();
        let layers = model.graph.describe().map_err(rarefy::Error::from)?;
        let outputs = model.graph.outputs().map_err(rarefy::Error::from)?;
        let graph = &model.graph;
        let linear = coefficients(&model);
        if output.json {
            let mut answer = json!({
                "model": self.model,
                "layers": layers,
                "inputs": graph.inputs,
                "outputs": outputs,
                "task": model.task,
                "image_shape": model.image_shape,
                "nnz": graph.nnz(),
                "parameters": graph.parameters(),
                "density": graph.density(),
                "file_bytes": file_bytes,
                "training": model.training,
                "rarefy": model.rarefy,
            });
            if let Some((coefficients, intercept)) = &linear {
                answer["coefficients"] = json!(coefficients);
                answer["intercept"] = json!(intercept);
            }
            return output.answer_json(&answer);
        }
        let mut table = Table::new(&[
            ("layer", Align::Left),
            ("kind", Align::Left),
            ("shape", Align::Right),
            ("nonzeros", Align::Right),
            ("density", Align::Right),
            ("structure", Align::Left),
            ("kernel", Align::Left),
            ("bytes", Align::Right),
        ]);
        for layer in &layers {
            let shape: Vec<String> = layer.shape.iter().map(usize::to_string).collect();
            let is_weight = layer.shape.len() > 1;
            table.row([
                layer.name.clone(),
                layer.kind.clone(),
                shape.join(" × "),
                grouped(layer.nnz as u64),
                if is_weight { percent(layer.density) } else { String::new() },
                if is_weight { layer.structure.clone() } else { String::new() },
                layer.kernel.clone(),
                grouped(layer.bytes as u64),
            ]);
        }
        let task = match &model.task {
            Task::Classification { classes } => format!("{} classes", classes.len()),
            Task::Labels { classes } => format!("sets of {} classes", classes.len()),
            Task::Regression { .. } => format!("{outputs} values"),
            Task::Reconstruction {} => "themselves".to_owned(),
        };
        let (nnz, entries) = (grouped(graph.nnz() as u64), grouped(graph.entries() as u64));
        let density = percent(graph.density());
        let text = format!(
            "{}: {} features to {task}, {nnz} of {entries} weights (density {density}), {}\n\n{table}",
            self.model.display(),
            graph.inputs,
            bytes(file_bytes),
        );
        let activity = model.training.get("activation-density");
        let activity =
            activity.map(|shares| format!("\nActivations not zero, on rows kept for validation: {shares}\n"));
        let coefficients = linear.map(|(found, intercept)| {
            let of = found.iter().map(|c| (c.feature.as_str(), c.coefficient));
            format!("\n{}", linear::coefficients(of, found.len(), intercept))
        });
        output.answer(&format!("{text}{}{}", activity.unwrap_or_default(), coefficients.unwrap_or_default()))
    }
}
