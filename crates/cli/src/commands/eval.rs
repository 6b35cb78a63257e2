//! `rarefy eval`: how good a model is on data.

use std::fmt::Write as _;
use std::path::PathBuf;

use rarefy::{Artifact, evaluate};
use serde_json::json;

use super::DataArgs;
use crate::number::{grouped, percent, significant};
use crate::output::Output;

/// Say how good a model's answers to data are
///
/// Classes are matched by name. Prints the accuracy and, where the model gives probabilities, the mean log loss; for a model of
/// sets of classes the precision of the first 1, 3 and 5 (rows without any count 0) and the mean label cross-entropy; for a model of
/// values the mean squared error.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rarefy eval rarefy-out/model.rarefy mnist
  rarefy eval model.rarefy test.csv --label species --json")]
pub struct Eval {
    /// The model: an artifact (.rarefy)
    model: PathBuf,
    #[command(flatten)]
    data: DataArgs,
}

impl Eval {
    /// Runs the command.
    pub fn run(self, output: &Output) -> anyhow::Result<()> {
        let model = Artifact::read(&self.model).map_err(rarefy::Error::from)?;
        let data = self.data.read(&model)?;
        let found = evaluate::evaluate(&model, &data)?;
        if output.json {
            let mut answer = json!({ "rows": found.rows, "model": self.model, "data": data.name });
            if let Some(accuracy) = found.accuracy {
                answer["accuracy"] = json!(accuracy);
            }
            for (rank, share) in found.precision.iter().flat_map(|precision| precision.ranks()) {
                answer[format!("precision_at_{rank}")] = json!(share);
            }
            if let Some(loss) = found.loss {
                answer["loss"] = json!(loss);
            }
            if let Some(confusion) = found.confusion {
                answer["classes"] = json!(model.classes());
                answer["confusion"] = json!(confusion);
            }
            return output.answer_json(&answer);
        }
        let mut text = String::new();
        let mut line = |name: &str, figure: String| {
            let _ = writeln!(text, "{name:<12} {figure}");
        };
        line("rows", grouped(found.rows as u64));
        if let Some(accuracy) = found.accuracy {
            line("accuracy", percent(accuracy));
        }
        for (rank, share) in found.precision.iter().flat_map(|precision| precision.ranks()) {
            line(&format!("precision@{rank}"), percent(share));
        }
        if let Some(loss) = found.loss {
            line("loss", significant(loss));
        }
        output.answer(&text)
    }
}
