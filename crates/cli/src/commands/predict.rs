//! `rarefy predict`: a model's answers to data.

use std::io::Write;
use std::path::PathBuf;

use rarefy::evaluate::{self, Answers};
use rarefy::model::artifact::Task;
use rarefy::model::file::{System, write_aside_on};
use rarefy::{Artifact, Error};
use serde_json::json;

use super::DataArgs;
use crate::output::Output;

/// Answer data with a model
///
/// Writes CSV: a header, then a row for each row of the data, with the class or the value. A label column in the data is left
/// aside. Columns are in the order of the training data's; where both have names, they are compared.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rarefy predict rarefy-out/model.rarefy mnist | head
  rarefy predict model.rarefy new.csv -o answers.csv --probabilities")]
pub struct Predict {
    /// The model: an artifact (.rarefy)
    model: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A column for each class as well, with its probability or score
    #[arg(long)]
    probabilities: bool,
}

impl Predict {
    /// Runs the command.
    pub fn run(self, output: &Output) -> anyhow::Result<()> {
        let model = Artifact::read(&self.model).map_err(Error::from)?;
        let data = self.data.read(&model)?;
        let answers = evaluate::answer(&model, &data.features)?;
        let rows = answers.outputs.rows();
        if let Some(path) = &self.output {
            let write = |out: &mut dyn Write| self.write_csv(&model, &answers, out);
            write_aside_on(&System, path, write).map_err(Error::from)?;
            output.note(&format!("{rows} rows written to {}", path.display()));
            return if output.json { output.answer_json(&json!({ "rows": rows, "output": path })) } else { Ok(()) };
        }
        if output.json {
            return output.answer_json(&self.to_json(&model, &answers));
        }
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        self.write_csv(&model, &answers, &mut out)?;
        Ok(out.flush()?)
    }

    /// The answers as CSV.
    fn write_csv(&self, model: &Artifact, answers: &Answers, out: &mut dyn Write) -> std::io::Result<()> {
        let classes = model.classes();
        let targets = targets(model, answers.outputs.cols());
        let mut header = if classes.is_empty() { targets } else { vec!["class".to_owned()] };
        if self.probabilities {
            header.extend(classes.iter().cloned());
        }
        writeln!(out, "{}", header.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(","))?;
        for i in 0..answers.outputs.rows() {
            let row = answers.outputs.row(i);
            let mut cells = match answers.classes.get(i) {
                Some(&class) => vec![quoted(&classes[class as usize])],
                None => row.iter().map(f32::to_string).collect(),
            };
            if self.probabilities {
                cells.extend((0..classes.len()).map(|class| evaluate::probability(row, class as u32).to_string()));
            }
            writeln!(out, "{}", cells.join(","))?;
        }
        Ok(())
    }

    /// The answers as JSON.
    fn to_json(&self, model: &Artifact, answers: &Answers) -> serde_json::Value {
        let classes = model.classes();
        let rows = 0..answers.outputs.rows();
        let mut json = json!({ "rows": rows.len() });
        if classes.is_empty() {
            json["values"] = rows.map(|i| json!(answers.outputs.row(i))).collect();
            return json;
        }
        json["classes"] = answers.classes.iter().map(|&class| json!(classes[class as usize])).collect();
        if self.probabilities {
            let of = |i| (0..classes.len()).map(|c| evaluate::probability(answers.outputs.row(i), c as u32)).collect();
            json["probabilities"] = rows.map(|i| json!(Vec::<f32>::from_iter::<Vec<f32>>(of(i)))).collect();
        }
        json
    }
}

/// Names of the columns of a model of values.
fn targets(model: &Artifact, outputs: usize) -> Vec<String> {
    match &model.task {
        Task::Regression { targets } if !targets.is_empty() => targets.clone(),
        _ if outputs == 1 => vec!["value".to_owned()],
        _ => (1..=outputs).map(|i| format!("value_{i}")).collect(),
    }
}

/// A CSV field, quoted where it must be.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
