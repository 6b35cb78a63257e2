//! Plain text tables, and the one that compares the sparse model with its twin.

use std::fmt;

use rarefy::Outcome;
use rarefy::frontier::{Curve, Spread, Summary};
use rarefy::run::{ModelOutcome, Role, Try};

use crate::number::{bytes, grouped, percent, ratio, significant};

/// On which side of its column a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// A table with a header.
pub struct Table {
    aligns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub fn new(columns: &[(&str, Align)]) -> Self {
        let (names, aligns): (Vec<String>, Vec<Align>) = columns.iter().map(|&(n, a)| (n.to_owned(), a)).unzip();
        Self { aligns, rows: vec![names] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |c: usize| self.rows.iter().filter_map(|row| row.get(c)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..self.aligns.len()).map(|c| width(c).unwrap_or(0)).collect();
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (cell, (align, width)) in row.iter().zip(self.aligns.iter().zip(&widths)) {
                if !line.is_empty() {
                    line.push_str("  ");
                }
                let gap = " ".repeat(width - cell.chars().count());
                match align {
                    Align::Left => line = line + cell + &gap,
                    Align::Right => line = line + &gap + cell,
                }
            }
            writeln!(f, "{}", line.trim_end())?;
            if number == 0 {
                let rules: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
                writeln!(f, "{}", rules.join("  "))?;
            }
        }
        Ok(())
    }
}

/// What is compared: a name, the figure of a model, and the same as a number for the ratio (none where a ratio says nothing).
struct Line {
    name: &'static str,
    show: fn(&ModelOutcome) -> String,
    number: Option<fn(&ModelOutcome) -> f64>,
}

/// What share of its answers is right: a name, and the share of a model. The twin's is compared by difference, in points.
type Share = (&'static str, fn(&ModelOutcome) -> Option<f64>);

/// The shares that a run has: none of values.
fn shares(outcome: &Outcome) -> Vec<Share> {
    let all: [Share; 4] = [
        ("test accuracy", |m| m.accuracy),
        ("test precision@1", |m| m.precision.map(|p| p.at_1)),
        ("test precision@3", |m| m.precision.map(|p| p.at_3)),
        ("test precision@5", |m| m.precision.map(|p| p.at_5)),
    ];
    all.into_iter().filter(|(_, share)| share(&outcome.sparse).is_some()).collect()
}

/// The other lines of the comparison that a run can fill.
fn lines(outcome: &Outcome) -> Vec<Line> {
    let mut lines = Vec::new();
    let loss = |model: &ModelOutcome| model.loss.map_or("–".to_owned(), significant);
    if outcome.sparse.right().is_none() {
        lines.push(Line { name: "test loss", show: loss, number: None });
    }
    lines.extend([
        Line { name: "nonzero weights", show: |m| grouped(m.nnz as u64), number: Some(|m| m.nnz as f64) },
        Line { name: "density", show: |m| percent(m.density), number: None },
        Line { name: "parameters", show: |m| grouped(m.parameters as u64), number: Some(|m| m.parameters as f64) },
        Line { name: "training state", show: |m| bytes(m.state_bytes as u64), number: Some(|m| m.state_bytes as f64) },
        Line { name: "file", show: |m| bytes(m.file_bytes), number: Some(|m| m.file_bytes as f64) },
        Line { name: "epochs", show: |m| m.epochs.to_string(), number: None },
        Line { name: "seconds / epoch", show: |m| significant(m.epoch_seconds), number: Some(|m| m.epoch_seconds) },
        Line { name: "training seconds", show: |m| significant(m.seconds), number: Some(|m| m.seconds) },
        Line {
            name: "CPU seconds / epoch",
            show: |m| significant(m.epoch_cpu_seconds),
            number: Some(|m| m.epoch_cpu_seconds),
        },
    ]);
    if outcome.models().any(|model| model.learning_rate.is_some()) {
        let show = |model: &ModelOutcome| model.learning_rate.map_or("given".to_owned(), |rate| format!("{rate:.1e}"));
        lines.push(Line { name: "learning rate found", show, number: None });
    }
    if outcome.models().all(|model| model.epoch_joules.is_some()) {
        let joules = |model: &ModelOutcome| model.epoch_joules.unwrap_or(0.0);
        let show = |model: &ModelOutcome| model.epoch_joules.map_or("–".to_owned(), significant);
        lines.push(Line { name: "joules / epoch", show, number: Some(joules) });
    }
    if !outcome.sparse.activity.is_empty() {
        let show = |model: &ModelOutcome| {
            let shares: Vec<String> = model.activity.iter().map(|a| format!("{:.1}", 100.0 * a.density)).collect();
            if shares.is_empty() { "–".to_owned() } else { format!("{} %", shares.join(" / ")) }
        };
        lines.push(Line { name: "activations not 0", show, number: None });
    }
    lines.push(Line {
        name: "µs / sample",
        show: |m| significant(m.sample_microseconds),
        number: Some(|m| m.sample_microseconds),
    });
    lines
}

/// A model as people call it.
pub fn title(role: Role) -> &'static str {
    match role {
        Role::Sparse => "sparse",
        Role::Twin => "dense twin",
        Role::Control => "small dense",
    }
}

/// The comparison as a header and rows of text: models, then the ratio of the twin to the sparse model.
pub fn comparison(outcome: &Outcome) -> (Vec<String>, Vec<Vec<String>>) {
    let mut header = vec![String::new()];
    header.extend(outcome.models().map(|model| title(model.role).to_owned()));
    if outcome.twin.is_some() {
        header.push("twin / sparse".to_owned());
    }
    let shares = shares(outcome).into_iter().map(|(name, share)| {
        let mut row = vec![name.to_owned()];
        row.extend(outcome.models().map(|model| share(model).map_or("–".to_owned(), percent)));
        if let Some(twin) = &outcome.twin {
            let ahead = share(twin).zip(share(&outcome.sparse)).map(|(a, b)| format!("{:+.2} points", 100.0 * (a - b)));
            row.push(ahead.unwrap_or_default());
        }
        row
    });
    let others = lines(outcome).into_iter().map(|line| {
        let mut row = vec![line.name.to_owned()];
        row.extend(outcome.models().map(line.show));
        if let Some(twin) = &outcome.twin {
            row.push(line.number.and_then(|number| ratio(number(twin), number(&outcome.sparse))).unwrap_or_default());
        }
        row
    });
    let rows = shares.chain(others).collect();
    (header, rows)
}

/// What must be said beside the table, so that nobody takes it for more than it is.
pub fn remarks(outcome: &Outcome) -> Vec<String> {
    let mut remarks = Vec::new();
    let data = &outcome.data;
    let [train, validation, test] =
        [data.train_rows, data.validation_rows, data.test_rows].map(|rows| grouped(rows as u64));
    remarks.push(format!(
        "{}: trained on {train} rows, chosen by {validation}, tested on {test} that nothing looked at before.",
        data.name
    ));
    if let Some(twin) = &outcome.twin
        && outcome.sparse.epochs > twin.epochs
    {
        let times = significant(outcome.sparse.epochs as f64 / twin.epochs as f64);
        remarks.push(format!(
            "The sparse model trained {} epochs, {times}× the twin's {}: sparse training usually takes more of them.",
            outcome.sparse.epochs, twin.epochs
        ));
    }
    if let Some(search) = &outcome.search {
        let best = search.tried[search.chosen].sparsity;
        remarks.push(match search.held() {
            true => format!(
                "The sparsest of {} tried that is surely within {} points of its twin, by the validation rows:",
                search.tried.len(),
                search.within
            ),
            false => format!(
                "None of {} tried is surely within {} points of its twin by the validation rows; the closest has sparsity {}. \
                 More of them (data.validation) or more epochs (sparsity.epochs-factor) may help:",
                search.tried.len(),
                search.within,
                sparsity(best)
            ),
        });
        remarks.extend(search.tried.iter().map(|tried| format!("  {}", of_try(tried, search.within, search.measure))));
    }
    if outcome.control.is_some() {
        remarks.push(
            "The small dense net has about as many weights as the sparse one has nonzeros, and its epochs.".to_owned(),
        );
    }
    let threads = outcome.threads;
    let s = if threads == 1 { "" } else { "s" };
    remarks.push(format!("{threads} thread{s}, {}. µs / sample: the artifact's runtime, in batches.", outcome.isa));
    if outcome.resumed {
        remarks.push("Resumed from a checkpoint: earlier epochs' times are those of the earlier run.".to_owned());
    }
    remarks
}

/// One sparsity that a search has tried.
pub fn of_try(tried: &Try, within: f64, measure: &str) -> String {
    let verdict = if tried.held { "within" } else { "not surely within" };
    let (share, right) = (sparsity(tried.sparsity), percent(tried.validation_right));
    format!(
        "sparsity {share}: validation {measure} {right}, {:.2} points below the twin, at most {:.2}: {verdict} {within}",
        tried.below, tried.at_most
    )
}

/// A table whose first column has words and whose others have figures.
pub fn figures(header: &[String], rows: Vec<Vec<String>>) -> Table {
    let columns: Vec<(&str, Align)> = header
        .iter()
        .enumerate()
        .map(|(i, name)| (name.as_str(), if i == 0 { Align::Left } else { Align::Right }))
        .collect();
    let mut table = Table::new(&columns);
    rows.into_iter().for_each(|row| table.row(row));
    table
}

/// The comparison for a terminal.
pub fn of_outcome(outcome: &Outcome) -> String {
    let (header, rows) = comparison(outcome);
    let table = figures(&header, rows);
    format!("{table}\n{}\n", remarks(outcome).join("\n"))
}

/// A mean with its standard deviation, if it has one, to as many decimals.
pub fn spread(of: Option<Spread>, share: bool) -> String {
    let Some(Spread { mean, deviation, .. }) = of else { return "–".to_owned() };
    let (scale, mean, unit) =
        if share { (100.0, format!("{:.2}", 100.0 * mean), " %") } else { (1.0, significant(mean), "") };
    let decimals = mean.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let deviation = deviation.map_or(String::new(), |x| format!(" ± {:.decimals$}", scale * x));
    format!("{mean}{deviation}{unit}")
}

/// The means of a frontier as a header and rows of text: the twin, then by sparsity the sparse model and the small dense net.
pub fn frontier(curve: &Curve) -> (Vec<String>, Vec<Vec<String>>) {
    let figure = format!("test {}", curve.figure());
    let header = [
        "model",
        "sparsity",
        &figure,
        "nonzeros",
        "training state",
        "file",
        "epochs",
        "CPU seconds",
        "µs / sample",
        "",
    ];
    let row = |kind: &Summary| {
        let mark = match kind.sparsity {
            Some(sparsity) if kind.role == Role::Sparse && curve.knee == Some(sparsity) => "knee".to_owned(),
            _ => String::new(),
        };
        vec![
            title(kind.role).to_owned(),
            kind.sparsity.map_or(String::new(), sparsity),
            if kind.right().is_some() { spread(kind.right(), true) } else { spread(kind.loss, false) },
            grouped(kind.nnz.round() as u64),
            bytes(kind.state_bytes.round() as u64),
            bytes(kind.file_bytes.round() as u64),
            if kind.epochs.fract() == 0.0 { grouped(kind.epochs as u64) } else { significant(kind.epochs) },
            spread(Some(kind.cpu_seconds), false),
            significant(kind.sample_microseconds),
            mark,
        ]
    };
    (header.map(str::to_owned).to_vec(), curve.summary.iter().map(row).collect())
}

/// A sparsity in percent, with as many digits as it was asked for with.
pub fn sparsity(share: f64) -> String {
    // To the ninth digit: 100 × 0.58 is 57.99999999999999.
    format!("{} %", (1e11 * share).round() / 1e9)
}

/// What must be said beside a frontier's table.
pub fn frontier_remarks(curve: &Curve) -> Vec<String> {
    let mut remarks = Vec::new();
    let data = &curve.data;
    let [train, validation, test] =
        [data.train_rows, data.validation_rows, data.test_rows].map(|rows| grouped(rows as u64));
    remarks.push(format!("{}: trained on {train} rows, chosen by {validation}, tested on {test}.", data.name));
    let part = if data.validation_rows > 0 { "validation" } else { "test" };
    let what = if curve.figure() == "loss" { "loss" } else { "errors" };
    match curve.knee {
        Some(knee) => remarks.push(format!(
            "Knee at {}: there the curve of {part} {what} over nonzeros, both on logarithmic axes, lies furthest below the straight line between its ends.",
            sparsity(knee)
        )),
        None => remarks.push("No knee: fewer than three sparsities, or no bend in the curve.".to_owned()),
    }
    let seeds = curve.of(Role::Twin).next().map_or(0, |twin| twin.cpu_seconds.seeds);
    match curve.within {
        Some(within) => remarks
            .push(format!("Sparsest within one standard error of the dense twin ({part} rows): {}.", sparsity(within))),
        None if seeds > 1 => {
            remarks.push(format!("No sparsity is within one standard error of the dense twin ({part} rows)."));
        }
        None => {}
    }
    let seeds = curve.summary.iter().map(|kind| kind.cpu_seconds.seeds).max().unwrap_or(0);
    let many = if seeds > 1 { "s; ± is the standard deviation over them" } else { "; no spread without a second" };
    let (workers, isa) = (curve.workers, &curve.isa);
    let how = match workers {
        0 => "nothing was left to train".to_owned(),
        1 => "trainings one after the other".to_owned(),
        n => format!("{n} trainings at once, each on one thread"),
    };
    remarks.push(format!("{seeds} seed{many}; {how}, {isa}. µs / sample: the artifact's runtime, in batches."));
    remarks
}

/// A frontier for a terminal.
pub fn of_curve(curve: &Curve) -> String {
    let (header, rows) = frontier(curve);
    let left = ["model", ""];
    let columns: Vec<(&str, Align)> = header
        .iter()
        .map(|name| (name.as_str(), if left.contains(&name.as_str()) { Align::Left } else { Align::Right }))
        .collect();
    let mut table = Table::new(&columns);
    rows.into_iter().for_each(|row| table.row(row));
    format!("{table}\n{}\n", frontier_remarks(curve).join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rarefy::evaluate::Precision;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&[("a", Align::Left), ("b", Align::Right)]);
        table.row(["long".to_owned(), "1".to_owned()]);
        assert_eq!(table.to_string(), "a     b\n────  ─\nlong  1\n");
    }

    #[test]
    fn sets_of_classes_are_compared_by_precision() {
        let mut outcome = crate::report::tests::made_up();
        for (model, at_1) in [(&mut outcome.sparse, 0.5), (outcome.twin.as_mut().unwrap(), 0.625)] {
            (model.accuracy, model.precision) = (None, Some(Precision { at_1, at_3: 0.25, at_5: 0.125 }));
        }
        (outcome.control.as_mut().unwrap().accuracy, outcome.sparse.confusion) = (None, None);
        let text = of_outcome(&outcome);
        for words in [
            ["test precision@1", "50.00 %", "62.50 %", "–", "+12.50 points"],
            ["test precision@5", "12.50 %", "12.50 %", "–", "+0.00 points"],
        ] {
            let line = text.lines().find(|line| line.starts_with(words[0])).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(line.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect::<Vec<_>>(), words);
        }
        assert!(!text.contains("accuracy") && !text.contains("loss"), "{text}");
    }

    #[test]
    fn the_comparison_says_that_the_sparse_model_trained_longer() {
        let text = of_outcome(&crate::report::tests::made_up());
        assert!(text.contains("trained 30 epochs, 3.00× the twin's 10"), "{text}");
        assert!(text.contains("50.0×"), "{text}"); // nonzeros
    }
}
