//! `rarefy predict`: a model's answers to data.

use std::io::Write;
use std::path::PathBuf;

use rarefy::evaluate::{self, Answers, Ranked};
use rarefy::model::artifact::Task;
use rarefy::model::file::{System, write_aside_on};
use rarefy::{Artifact, Dataset, Error};
use serde_json::json;

use super::DataArgs;
use crate::output::Output;

/// Answer data with a model
///
/// Writes CSV: a header, then a row for each row of the data, with the class or the value; from a model of sets of classes the first
/// five, or --top, and the score of each. A label column in the data is left aside. Columns are in the order of the training data's;
/// where both have names, they are compared.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rarefy predict rarefy-out/model.rarefy mnist | head
  rarefy predict model.rarefy new.csv -o answers.csv --probabilities
  rarefy predict tags.rarefy new.svm --top 3")]
pub struct Predict {
    /// The model: an artifact (.rarefy)
    model: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A column for each class as well, with its probability or score; not for sets of classes, see --top
    #[arg(long)]
    probabilities: bool,
    /// From a model of sets of classes, so many for each row: those of the largest scores, falling; 5 unless given
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
}

/// How many classes of a set are told unless the command line says.
const TOP: u32 = 5;

/// What a model answers: a class or values, or the first of many classes.
enum Found {
    Answers(Answers),
    Sets(Vec<Ranked>),
}

impl Predict {
    /// Runs the command.
    pub fn run(self, output: &Output) -> anyhow::Result<()> {
        let model = Artifact::read(&self.model).map_err(Error::from)?;
        let data = self.data.read(&model)?;
        let found = self.found(&model, &data)?;
        let rows = data.rows();
        if let Some(path) = &self.output {
            let write = |out: &mut dyn Write| self.write_csv(&model, &found, out);
            write_aside_on(&System, path, write).map_err(Error::from)?;
            output.note(&format!("{rows} rows written to {}", path.display()));
            return if output.json { output.answer_json(&json!({ "rows": rows, "output": path })) } else { Ok(()) };
        }
        if output.json {
            return output.answer_json(&self.to_json(&model, &found));
        }
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        self.write_csv(&model, &found, &mut out)?;
        Ok(out.flush()?)
    }

    /// The model's answers.
    fn found(&self, model: &Artifact, data: &Dataset) -> Result<Found, Error> {
        let wrong = |option: &str, problem: &str| {
            Err(Error::Mismatch { place: option.to_owned(), problem: format!("{}: {problem}", self.model.display()) })
        };
        match (&model.task, self.top) {
            (Task::Labels { .. }, _) if self.probabilities => wrong(
                "--probabilities",
                "the model gives sets of classes, with their scores; use --top for more of them",
            ),
            (Task::Labels { .. }, top) => {
                Ok(Found::Sets(evaluate::ranked(model, &data.features, top.unwrap_or(TOP) as usize)?))
            }
            (_, Some(_)) => wrong("--top", "the model does not give sets of classes; leave it out"),
            _ => Ok(Found::Answers(evaluate::answer(model, &data.features)?)),
        }
    }

    /// The answers as CSV.
    fn write_csv(&self, model: &Artifact, found: &Found, out: &mut dyn Write) -> std::io::Result<()> {
        let answers = match found {
            Found::Answers(answers) => answers,
            Found::Sets(sets) => return write_sets(model.classes(), sets, out),
        };
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
    fn to_json(&self, model: &Artifact, found: &Found) -> serde_json::Value {
        let classes = model.classes();
        let answers = match found {
            Found::Answers(answers) => answers,
            Found::Sets(sets) => {
                let names = |set: &Ranked| set.iter().map(|&(class, _)| &classes[class as usize]).collect();
                let scores = |set: &Ranked| set.iter().map(|&(_, score)| score).collect();
                return json!({
                    "rows": sets.len(),
                    "labels": sets.iter().map(names).collect::<Vec<Vec<&String>>>(),
                    "scores": sets.iter().map(scores).collect::<Vec<Vec<f32>>>(),
                });
            }
        };
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

/// Sets of classes as CSV: `label_1,score_1,label_2,score_2,…`, the largest score first.
fn write_sets(classes: &[String], sets: &[Ranked], out: &mut dyn Write) -> std::io::Result<()> {
    let count = sets.first().map_or(0, Vec::len);
    let header: Vec<String> = (1..=count).map(|rank| format!("label_{rank},score_{rank}")).collect();
    writeln!(out, "{}", header.join(","))?;
    for set in sets {
        let cells: Vec<String> =
            set.iter().map(|&(class, score)| format!("{},{score}", quoted(&classes[class as usize]))).collect();
        writeln!(out, "{}", cells.join(","))?;
    }
    Ok(())
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
