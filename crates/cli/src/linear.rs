//! What a fitted linear model is told as: a table beside its ridge twin, remarks, JSON.

use rarefy::run::linear::{LinearModel, LinearOutcome, Scores};
use rarefy::run::{self, Role};
use serde_json::{Value, json};

use crate::number::{bytes, grouped, percent, significant};
use crate::table::{Align, Table, figures, sparsity};

/// Coefficients that a terminal and a report show.
pub const SHOWN: usize = 20;

/// A model as people call it.
fn title(role: Role) -> &'static str {
    if role == Role::Sparse { "sparse" } else { "ridge twin" }
}

/// A strength, which may be of any magnitude.
pub fn strength(lambda: f64) -> String {
    if (1e-3..1e5).contains(&lambda) { significant(lambda) } else { format!("{lambda:.2e}") }
}

/// A coefficient with its sign.
pub fn coefficient(w: f64) -> String {
    if w != 0.0 && !(1e-4..1e6).contains(&w.abs()) { format!("{w:+.3e}") } else { format!("{w:+.5}") }
}

/// A name, and a model's figure, if it has one.
pub type Line = (&'static str, fn(&LinearModel) -> Option<String>);

/// What is compared, of what a model has.
const LINES: &[Line] = &[
    ("test accuracy", |m| m.test.accuracy.map(percent)),
    ("test log loss", |m| m.test.log_loss.map(significant)),
    ("test R²", |m| m.test.r2.map(|r2| format!("{r2:.4}"))),
    ("test mean squared error", |m| m.test.mean_squared_error.map(significant)),
    ("train accuracy", |m| m.train.accuracy.map(percent)),
    ("train R²", |m| m.train.r2.map(|r2| format!("{r2:.4}"))),
    ("nonzero coefficients", |m| Some(grouped(m.point.nnz as u64))),
    ("sparsity", |m| Some(sparsity((1e4 * m.sparsity()).round() / 1e4))),
    ("lambda", |m| Some(strength(m.point.lambda))),
    ("deviance explained", |m| Some(percent(m.point.explained))),
    ("duality gap", |m| (m.point.certifies == "gap").then(|| format!("{:.1e}", m.point.certificate))),
    ("violation of stationarity", |m| (m.point.certifies != "gap").then(|| format!("{:.1e}", m.point.certificate))),
    ("file", |m| Some(bytes(m.file_bytes))),
    ("seconds", |m| Some(significant(m.seconds))),
];

/// The comparison as a header and rows of text.
pub fn comparison(outcome: &LinearOutcome) -> (Vec<String>, Vec<Vec<String>>) {
    let mut header = vec![String::new()];
    header.extend(outcome.models().map(|model| title(model.role).to_owned()));
    let row = |(name, figure): &Line| {
        let figures: Vec<Option<String>> = outcome.models().map(figure).collect();
        if figures.iter().all(Option::is_none) {
            return None;
        }
        let cells = figures.into_iter().map(|figure| figure.unwrap_or_else(|| "–".to_owned()));
        Some(std::iter::once((*name).to_owned()).chain(cells).collect())
    };
    (header, LINES.iter().filter_map(row).collect())
}

/// What must be said beside the table.
pub fn remarks(outcome: &LinearOutcome) -> Vec<String> {
    let (data, sparse) = (&outcome.data, &outcome.sparse);
    let [train, test] = [data.train_rows, data.test_rows].map(|rows| grouped(rows as u64));
    let mut remarks = vec![
        format!("{}: fitted on {train} rows, tested on {test} that nothing looked at before.", data.name),
        format!("Loss {}, penalty {}; lambda: {}.", outcome.loss, outcome.penalty, sparse.chosen),
    ];
    if let Some(twin) = &outcome.twin {
        remarks.push(format!(
            "The ridge twin is penalised by squares alone, which make no coefficient zero; its lambda: {}.",
            twin.chosen
        ));
    }
    if outcome.constant > 0 {
        remarks.push(format!("{} features are the same in all training rows: left out.", outcome.constant));
    }
    if let Some(last) = sparse.path.last()
        && let Some(cv) = &sparse.cv
        && sparse.path.len() > 1
        && cv.best + 1 == sparse.path.len()
        && last.explained < 0.99
    {
        remarks
            .push("The best lambda is the last of the path: a smaller select.ratio may find a better one.".to_owned());
    }
    if !sparse.point.converged {
        remarks.push("The fit is not as near to its minimum as asked (train.tolerance).".to_owned());
    }
    if let Some(missing) = &outcome.interrupted {
        remarks.push(format!("Interrupted: {missing}. The model is the best of what is done."));
    }
    remarks
}

/// The outcome for a terminal.
pub fn of_outcome(outcome: &LinearOutcome) -> String {
    let (header, rows) = comparison(outcome);
    let table = figures(&header, rows);
    let sparse = &outcome.sparse;
    let kept = coefficients(
        sparse.coefficients.iter().map(|c| (c.feature.as_str(), c.coefficient)),
        sparse.coefficients.len(),
        sparse.point.intercept,
    );
    format!("{table}\n{kept}\n{}\n", remarks(outcome).join("\n"))
}

/// A table of the first coefficients of so many, and the intercept.
pub fn coefficients<'a>(of: impl Iterator<Item = (&'a str, f64)>, count: usize, intercept: f64) -> String {
    let mut table = Table::new(&[("feature", Align::Left), ("coefficient", Align::Right)]);
    of.take(SHOWN).for_each(|(feature, w)| table.row([feature.to_owned(), coefficient(w)]));
    table.row(["(intercept)".to_owned(), coefficient(intercept)]);
    let more = count.saturating_sub(SHOWN);
    if more > 0 { format!("{table}… and {} more\n", grouped(more as u64)) } else { table.to_string() }
}

/// How good a model is, as JSON, without what it has not.
fn scores(of: &Scores) -> Value {
    let mut json = json!({ "rows": of.rows });
    let all = [
        ("accuracy", of.accuracy),
        ("log_loss", of.log_loss),
        ("mean_squared_error", of.mean_squared_error),
        ("r2", of.r2),
    ];
    for (key, value) in all.into_iter().filter_map(|(key, value)| Some((key, value?))) {
        json[key] = json!(value);
    }
    json
}

/// One model as JSON.
fn model_json(model: &LinearModel) -> Value {
    let point = &model.point;
    let mut json = json!({
        "lambda": point.lambda,
        "chosen": model.chosen,
        "nnz": point.nnz,
        "features": model.features,
        "sparsity": model.sparsity(),
        "intercept": point.intercept,
        "explained": point.explained,
        "converged": point.converged,
        "passes": point.passes,
        "train": scores(&model.train),
        "test": scores(&model.test),
        "file_bytes": model.file_bytes,
        "seconds": model.seconds,
        "model": model.model,
    });
    json[point.certifies] = json!(point.certificate);
    if let Some(cv) = &model.cv {
        let held = cv.held.iter().map(|held| {
            let mut json =
                json!({ "lambda": held.lambda, "deviance": held.deviance, "standard_error": held.standard_error });
            if let Some(accuracy) = held.accuracy {
                json["accuracy"] = json!(accuracy);
            }
            json
        });
        let (best, one_se) = (cv.held[cv.best].lambda, cv.held[cv.one_se].lambda);
        let held: Vec<Value> = held.collect();
        json["cv"] = json!({ "folds": cv.folds, "best": best, "one_se": one_se, "strengths": held });
    }
    json
}

/// The outcome as JSON: the sparse model's figures, the twin's under `twin`.
pub fn to_json(outcome: &LinearOutcome) -> Value {
    let mut json = model_json(&outcome.sparse);
    json["coefficients"] = json!(outcome.sparse.coefficients);
    json["path"] = json!(outcome.sparse.path);
    if let Some(twin) = &outcome.twin {
        json["twin"] = model_json(twin);
    }
    json["loss"] = json!(outcome.loss);
    json["penalty"] = json!(outcome.penalty);
    json["data"] = json!(outcome.data.name);
    json["rows"] = json!({ "train": outcome.data.train_rows, "test": outcome.data.test_rows });
    json["threads"] = json!(outcome.threads);
    json["report"] = json!(outcome.folder.join(run::REPORT));
    if let Some(missing) = &outcome.interrupted {
        json["interrupted"] = json!(missing);
    }
    json
}
