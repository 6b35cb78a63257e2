//! The report of a frontier: accuracy against nonzeros, bytes and time.

use minijinja::{Value, context};
use rarefy::frontier::{Curve, Spread, Summary};
use rarefy::run::Role;

use super::scatter::{Across, Mark, Scatter, Series};
use super::{STYLE, environment, picture};
use crate::number::{bytes, grouped, ratio, significant};
use crate::table;

const TEMPLATE: &str = include_str!("frontier.html");

/// The report of a frontier.
///
/// # Errors
/// None in a released program: a test renders the template.
pub fn render(curve: &Curve) -> anyhow::Result<String> {
    let environment = environment("frontier.html", TEMPLATE)?;
    let (mut header, rows) = table::frontier(curve);
    header.pop(); // of the column that marks the knee: here its row is marked
    let rows: Vec<Value> = rows
        .into_iter()
        .zip(&curve.summary)
        .map(|(mut cells, kind)| {
            cells.pop();
            let is_knee = kind.role == Role::Sparse && curve.knee.is_some() && kind.sparsity == curve.knee;
            if is_knee {
                cells[0].push_str(", knee");
            }
            context! { cells => cells, class => if is_knee { "knee" } else { kind.role.name() } }
        })
        .collect();
    let charts: Vec<Value> =
        charts(curve).iter().map(|chart| picture(&chart.title, &chart.note, &chart.svg())).collect();
    let seeds = curve.summary.iter().map(|kind| kind.cpu_seconds.seeds).max().unwrap_or(0);
    let page = environment.get_template("frontier.html")?.render(context! {
        data => &curve.data.name,
        version => &curve.version,
        style => Value::from_safe_string(STYLE.to_owned()),
        sparsities => curve.of(Role::Sparse).count(),
        seeds => if seeds == 1 { "1 seed".to_owned() } else { format!("{seeds} seeds") },
        twin => curve.of(Role::Twin).next().is_some(),
        cards => cards(curve),
        charts => charts,
        header => header,
        rows => rows,
        remarks => table::frontier_remarks(curve),
        recipe => &curve.recipe,
    })?;
    Ok(page)
}

/// What is drawn upwards: the share of test rows that are answered right, or loss for values.
fn height(kind: &Summary) -> Option<Spread> {
    kind.right().or(kind.loss)
}

/// The figures at the top: those of the knee, or of the sparsest model if there is none.
fn cards(curve: &Curve) -> Vec<Value> {
    let chosen = curve.of(Role::Sparse).find(|kind| curve.knee.is_some() && kind.sparsity == curve.knee);
    let Some(kind) = chosen.or_else(|| curve.of(Role::Sparse).last()) else { return Vec::new() };
    let twin = curve.of(Role::Twin).next();
    let card =
        |figure: String, what: &str, beside: String| context! { figure => figure, what => what, beside => beside };
    let which = if curve.knee.is_some() { "sparsity at the knee" } else { "the largest sparsity" };
    let mut cards = vec![card(
        kind.sparsity.map_or(String::new(), table::sparsity),
        which,
        format!("{} weights", grouped(kind.nnz.round() as u64)),
    )];
    let share = kind.right().is_some();
    let mean = |of: Option<Spread>| table::spread(of.map(|of| Spread { deviation: None, ..of }), share);
    let what = format!("test {} there", curve.figure());
    let beside = twin.map_or(String::new(), |twin| format!("dense twin {}", mean(height(twin))));
    cards.push(card(mean(height(kind)), &what, beside));
    if let Some(twin) = twin {
        if let Some(figure) = ratio(twin.cpu_seconds.mean, kind.cpu_seconds.mean) {
            let (a, b) = (significant(twin.cpu_seconds.mean), significant(kind.cpu_seconds.mean));
            cards.push(card(figure, "less CPU time to train", format!("{b} s instead of {a} s")));
        }
        if let Some(figure) = ratio(twin.file_bytes, kind.file_bytes) {
            let (a, b) = (bytes(twin.file_bytes.round() as u64), bytes(kind.file_bytes.round() as u64));
            cards.push(card(figure, "smaller file", format!("{b} instead of {a}")));
        }
    }
    if let Some(within) = curve.within {
        let beside = "of the dense twin, by validation".to_owned();
        cards.push(card(table::sparsity(within), "sparsest within a standard error", beside));
    }
    cards
}

/// The charts: against nonzeros, bytes of the file, and time to train.
fn charts(curve: &Curve) -> Vec<Scatter> {
    let share = curve.figure() != "loss";
    let what = format!("Test {}", curve.figure());
    let chart = |by: &str, note: &str, across, x: &str, of: fn(&Summary) -> f64| Scatter {
        title: format!("{what} by {by}"),
        note: note.to_owned(),
        across,
        x: x.to_owned(),
        share,
        series: series(curve, of, share),
    };
    let bars = "Bars: one standard deviation over seeds, up and down.";
    let scale = if share { "Height by the logarithm of the share of errors." } else { "Height by the logarithm." };
    let nonzeros = match curve.knee {
        Some(_) => format!("{bars} {scale} Ring: the knee, found by the validation part."),
        None => format!("{bars} {scale}"),
    };
    vec![
        chart("nonzeros", &nonzeros, Across::Count, "nonzero weights", |kind| kind.nnz),
        chart("size of the file", "", Across::Bytes, "bytes of the model file", |kind| kind.file_bytes),
        chart("time to train", "Processor seconds of the whole training.", Across::Seconds, "CPU seconds", |kind| {
            kind.cpu_seconds.mean
        }),
        chart("time to answer", "In batches, by the artifact's runtime.", Across::Seconds, "µs a sample", |kind| {
            kind.sample_microseconds
        }),
    ]
}

/// The marks of each kind of model.
fn series(curve: &Curve, x: fn(&Summary) -> f64, share: bool) -> Vec<Series> {
    let mark = |kind: &Summary| {
        let y = height(kind)?;
        let which = kind.sparsity.map_or(String::new(), |sparsity| format!(", sparsity {}", table::sparsity(sparsity)));
        Some(Mark {
            x: x(kind),
            y: y.mean,
            deviation: y.deviation,
            text: format!(
                "{}{which}: {}, {} weights, {}, {} CPU seconds",
                table::title(kind.role),
                table::spread(Some(y), share),
                grouped(kind.nnz.round() as u64),
                bytes(kind.file_bytes.round() as u64),
                significant(kind.cpu_seconds.mean)
            ),
            knee: kind.role == Role::Sparse && curve.knee.is_some() && kind.sparsity == curve.knee,
        })
    };
    let of = |role: Role| Series {
        name: table::title(role).to_owned(),
        class: role.name().to_owned(),
        marks: curve.of(role).filter_map(mark).collect(),
    };
    // The sparse models last, on top of the others.
    let mut all = [Role::Twin, Role::Control, Role::Sparse].map(of).into_iter().collect::<Vec<_>>();
    all.retain(|series| !series.marks.is_empty());
    all
}
