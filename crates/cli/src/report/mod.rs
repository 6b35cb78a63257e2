//! The HTML report: one file that needs no network, readable on a phone, in light and dark.
//!
//! Pictures are SVG made here ([`chart`], [`grid`], [`scatter`], [`trace`]); the pages around them are `template.html`, for [`frontier`]
//! `frontier.html` and for [`linear`] models `linear.html`, in one `style.css`.

mod chart;
mod frontier;
mod grid;
mod linear;
mod scatter;
mod trace;

pub use frontier::render as render_curve;
pub use linear::render as render_linear;

use minijinja::{Environment, Value, context};
use rarefy::Outcome;
use rarefy::run::{ModelOutcome, Record};

use crate::number::{bytes, grouped, percent, ratio, significant};
use crate::table::{comparison, remarks, title};
use chart::{Chart, Line, Unit};

const TEMPLATE: &str = include_str!("template.html");

/// What both pages share, by the names under which they ask for it. A name's ending switches escaping on.
const SHARED: [(&str, &str); 3] = [
    ("page.html", include_str!("page.html")),
    ("pictures.html", include_str!("pictures.html")),
    ("remarks.html", include_str!("remarks.html")),
];

/// An environment that has a page, and what pages share.
fn environment<'a>(name: &'a str, page: &'a str) -> Result<Environment<'a>, minijinja::Error> {
    let mut environment = Environment::new();
    for (name, part) in SHARED.into_iter().chain([(name, page)]) {
        environment.add_template(name, part)?;
    }
    Ok(environment)
}

/// How all reports look.
const STYLE: &str = include_str!("style.css");

/// The report of a run.
///
/// # Errors
/// None in a released program: a test renders the template.
pub fn render(outcome: &Outcome) -> anyhow::Result<String> {
    let environment = environment("report.html", TEMPLATE)?;
    let (header, rows) = comparison(outcome);
    let charts: Vec<Value> =
        charts(outcome).into_iter().map(|chart| picture(&chart.title, &chart.note, &chart.svg())).collect();
    let grids: Vec<Value> = grids(outcome).into_iter().map(|(title, note, svg)| picture(&title, &note, &svg)).collect();
    let layers: Vec<Value> = outcome
        .sparse
        .layers
        .iter()
        .map(|layer| {
            let weight = layer.shape.len() > 1;
            let shape: Vec<String> = layer.shape.iter().map(usize::to_string).collect();
            context! {
                name => &layer.name,
                kind => &layer.kind,
                shape => shape.join(" × "),
                nnz => grouped(layer.nnz as u64),
                density => if weight { percent(layer.density) } else { String::new() },
                kernel => &layer.kernel,
                bytes => bytes(layer.bytes as u64),
            }
        })
        .collect();
    let page = environment.get_template("report.html")?.render(context! {
        data => &outcome.data.name,
        version => &outcome.version,
        style => Value::from_safe_string(STYLE.to_owned()),
        cards => cards(outcome),
        header => header,
        rows => rows,
        remarks => remarks(outcome),
        keys => outcome.models().map(|model| context! { class => model.role.name(), title => title(model.role) }).collect::<Vec<_>>(),
        charts => charts,
        grids => grids,
        layers => layers,
        recipe => &outcome.recipe,
    })?;
    Ok(page)
}

/// A picture with its heading, for the template.
fn picture(title: &str, note: &str, svg: &str) -> Value {
    context! { title => title, note => note, svg => Value::from_safe_string(svg.to_owned()) }
}

/// The figures at the top: a large one, what it is, and what it is beside the twin.
fn cards(outcome: &Outcome) -> Vec<Value> {
    let sparse = &outcome.sparse;
    let twin = outcome.twin.as_ref();
    let card =
        |figure: String, what: &str, beside: String| context! { figure => figure, what => what, beside => beside };
    let times = |number: fn(&ModelOutcome) -> f64| twin.and_then(|twin| ratio(number(twin), number(sparse)));
    let mut cards = Vec::new();
    match (sparse.right(), sparse.loss) {
        (Some((name, share)), _) => {
            let beside = twin.and_then(ModelOutcome::right).map(|(_, of)| format!("dense twin {}", percent(of)));
            cards.push(card(percent(share), &format!("test {name}"), beside.unwrap_or_default()));
        }
        (None, loss) => {
            let beside = twin.and_then(|twin| twin.loss).map(|of| format!("dense twin {}", significant(of)));
            cards.push(card(loss.map_or("–".to_owned(), significant), "test loss", beside.unwrap_or_default()));
        }
    }
    let weights =
        format!("{} of {}", grouped(sparse.nnz as u64), grouped((sparse.nnz as f64 / sparse.density).round() as u64));
    cards.push(card(percent(sparse.density), "of the weights kept", weights));
    if let (Some(twin), Some(figure)) = (twin, times(|m| m.epoch_cpu_seconds)) {
        let (a, b) = (significant(twin.epoch_cpu_seconds), significant(sparse.epoch_cpu_seconds));
        cards.push(card(figure, "less CPU time an epoch", format!("{b} s instead of {a} s")));
    }
    if let (Some(twin), Some(figure)) = (twin, times(|m| m.state_bytes as f64)) {
        let (a, b) = (bytes(twin.state_bytes as u64), bytes(sparse.state_bytes as u64));
        cards.push(card(figure, "less training memory", format!("{b} instead of {a}")));
    }
    if let (Some(twin), Some(figure)) = (twin, times(|m| m.file_bytes as f64)) {
        cards.push(card(
            figure,
            "smaller file",
            format!("{} instead of {}", bytes(sparse.file_bytes), bytes(twin.file_bytes)),
        ));
    }
    cards
}

/// Where an epoch lies on the horizontal axis, from what is known of it and the seconds of training until its end.
type Across = fn(&Record, f64) -> f64;

/// A line of each model that has the number.
fn lines(outcome: &Outcome, x: Across, y: fn(&Record) -> Option<f64>) -> Vec<Line> {
    let of = |model: &ModelOutcome| {
        let mut seconds = 0.0;
        let point = |record: &Record| {
            seconds += record.seconds;
            y(record).map(|y| (x(record, seconds), y))
        };
        let points: Vec<(f64, f64)> = model.history.iter().filter_map(point).collect();
        Line { name: title(model.role).to_owned(), class: model.role.name().to_owned(), points }
    };
    outcome.models().map(of).filter(|line| !line.points.is_empty()).collect()
}

/// The learning curves and densities.
fn charts(outcome: &Outcome) -> Vec<Chart> {
    let chart = |title: &str, note: &str, x: &str, unit, lines| Chart {
        title: title.to_owned(),
        note: note.to_owned(),
        x: x.to_owned(),
        unit,
        lines,
    };
    let (epoch, time): (Across, Across) = (|record, _| record.epoch as f64, |_, seconds| seconds);
    let right: fn(&Record) -> Option<f64> =
        |record| record.validation_right().or(record.train_right()).map(|(_, share)| share);
    let name = outcome.sparse.right().map_or("accuracy", |(name, _)| name);
    let loss: fn(&Record) -> Option<f64> = |record| record.validation_loss.or(Some(record.train_loss));
    let part = if outcome.data.validation_rows > 0 { "Validation" } else { "Training" };
    let mut charts = vec![
        chart(&format!("{part} {name} by epoch"), "", "epoch", Unit::Percent, lines(outcome, epoch, right)),
        chart(
            &format!("{part} {name} by time"),
            "Seconds of training.",
            "seconds",
            Unit::Percent,
            lines(outcome, time, right),
        ),
        chart(&format!("{part} loss by epoch"), "", "epoch", Unit::Number, lines(outcome, epoch, loss)),
    ];
    let names: Vec<&str> =
        outcome.sparse.layers.iter().filter(|layer| layer.shape.len() > 1).map(|layer| layer.name.as_str()).collect();
    let layer = |(at, name): (usize, &&str)| Line {
        name: (*name).to_owned(),
        class: format!("layer{}", at % 5),
        points: outcome.sparse.history.iter().filter_map(|r| Some((r.epoch as f64, *r.densities.get(at)?))).collect(),
    };
    let densities = names.iter().enumerate().map(layer).collect();
    let note = "Each weight matrix of the sparse model; the target counts all of them together.";
    charts.push(chart("Density of each layer", note, "epoch", Unit::LogPercent, densities));
    charts.retain(|chart| chart.lines.iter().any(|line| !line.points.is_empty()));
    charts
}

/// The pictures made of cells: input pixels and confusion, each with a title and a note.
fn grids(outcome: &Outcome) -> Vec<(String, String, String)> {
    let mut grids = Vec::new();
    let model = &outcome.sparse;
    if let Some((height, width)) = outcome.data.image_shape
        && height * width == model.input_weights.len()
        && height * width > 0
    {
        let dark = model.input_weights.iter().filter(|&&n| n == 0).count();
        let note = format!(
            "How many weights read each of {height} × {width} pixels; {} pixels are not read at all.",
            grouped(dark as u64)
        );
        grids.push((
            "Input pixels that kept weights".to_owned(),
            note,
            grid::pixels(&model.input_weights, height, width),
        ));
    }
    if let Some((height, width)) = outcome.data.image_shape
        && !outcome.originals.is_empty()
    {
        let models = outcome.models().map(|model| (title(model.role), &model.reconstructions[..]));
        let lines: Vec<(&str, &[Vec<f32>])> =
            std::iter::once(("original", &outcome.originals[..])).chain(models).collect();
        let note = "The first test rows, and what each model makes of them.".to_owned();
        grids.push(("Reconstructions".to_owned(), note, grid::pictures(&lines, height, width)));
    }
    if let Some(confusion) = &model.confusion
        && confusion.len() <= grid::MOST_CLASSES
    {
        let note = "The sparse model's answers to the test rows: true class down, answer across.".to_owned();
        grids.push(("Confusion".to_owned(), note, grid::confusion(confusion, &outcome.data.classes)));
    }
    grids
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use rarefy::evaluate::Precision;
    use rarefy::run::{DataOutcome, Role};
    use std::path::PathBuf;

    /// A run that never was: 784-1024-1024-10 at density 0.02 beside its twin and a small dense net.
    pub fn made_up() -> Outcome {
        let record = |role: Role, epoch: u64, epochs: u64| {
            let (top, rate) = match role {
                Role::Sparse => (0.982, 0.25),
                Role::Twin => (0.984, 0.6),
                Role::Control => (0.968, 0.2),
            };
            let wiggle = 0.0015 * f64::from((epoch * 7 % 5) as u32) / 5.0;
            let accuracy = top - 0.12 * (-(rate * epoch as f64)).exp() - wiggle;
            Record {
                epoch,
                train_loss: 1.2 * (1.0 - accuracy),
                train_accuracy: Some(accuracy + 0.01),
                train_precision_at_1: None,
                validation_loss: Some(3.1 * (1.0 - accuracy)),
                validation_accuracy: Some(accuracy),
                validation_precision: None,
                learning_rate: 1e-3 * (1.0 - epoch as f64 / epochs as f64),
                density: Some(0.02),
                densities: vec![0.0145, 0.0127, 0.631],
                seconds: if role == Role::Twin { 4.3 } else { 0.24 },
                cpu_seconds: if role == Role::Twin { 8.2 } else { 0.46 },
                joules: None,
            }
        };
        let model = |role: Role, accuracy: f64, nnz: usize, epochs: u64| {
            let history: Vec<Record> = (1..=epochs).map(|epoch| record(role, epoch, epochs)).collect();
            let dense = role != Role::Sparse;
            let shapes = [("linear1", vec![1024, 784]), ("linear2", vec![1024, 1024]), ("linear3", vec![10, 1024])];
            ModelOutcome {
                role,
                model: PathBuf::from("rarefy-out").join(role.file()),
                accuracy: Some(accuracy),
                precision: None,
                loss: Some(0.07),
                nnz,
                parameters: nnz + 2058,
                density: if dense { 1.0 } else { 0.02 },
                state_bytes: nnz * if dense { 12 } else { 22 },
                file_bytes: (nnz * if dense { 4 } else { 6 }) as u64,
                epochs,
                epoch_seconds: history[0].seconds,
                seconds: history.iter().map(|r| r.seconds).sum(),
                epoch_cpu_seconds: history[0].cpu_seconds,
                epoch_joules: None,
                sample_microseconds: if dense { 41.0 } else { 3.6 },
                learning_rate: None,
                ended: "epochs".to_owned(),
                history,
                confusion: Some(
                    (0..10).map(|i| (0..10).map(|j| if i == j { 980 } else { (i * j % 4) as u64 }).collect()).collect(),
                ),
                layers: shapes
                    .into_iter()
                    .map(|(name, shape)| rarefy::model::graph::LayerInfo {
                        name: name.to_owned(),
                        kind: "linear".to_owned(),
                        nnz: nnz / 3,
                        shape,
                        density: 0.02,
                        structure: "unstructured".to_owned(),
                        kernel: "sparse rows".to_owned(),
                        bytes: nnz * 2,
                    })
                    .collect(),
                activity: Vec::new(),
                reconstructions: Vec::new(),
                input_weights: (0..784)
                    .map(|p| {
                        let (y, x) = (f64::from(p / 28) - 13.5, f64::from(p % 28) - 13.5);
                        (40.0 * (-(x * x + y * y) / 70.0).exp()) as u32
                    })
                    .collect(),
            }
        };
        Outcome {
            search: None,
            originals: Vec::new(),
            sparse: model(Role::Sparse, 0.9821, 37_273, 30),
            twin: Some(model(Role::Twin, 0.9839, 1_863_680, 10)),
            control: Some(model(Role::Control, 0.9685, 36_896, 30)),
            data: DataOutcome {
                name: "mnist".to_owned(),
                train_rows: 55_000,
                validation_rows: 5_000,
                test_rows: 10_000,
                features: 784,
                classes: (0..10).map(|c| c.to_string()).collect(),
                image_shape: Some((28, 28)),
            },
            recipe: rarefy::Recipe::builtin().to_toml(),
            folder: PathBuf::from("rarefy-out"),
            threads: 2,
            isa: "avx512".to_owned(),
            version: "0.1.0".to_owned(),
            resumed: false,
        }
    }

    #[test]
    fn a_report_needs_nothing_but_itself() {
        let page = render(&made_up()).unwrap();
        if let Some(path) = std::env::var_os("RAREFY_TEST_REPORT") {
            std::fs::write(path, &page).unwrap();
        }
        for word in ["http://", "https://", "<script", "<link", "src=", "url("] {
            assert!(!page.contains(word), "{word}");
        }
        for word in
            ["98.21 %", "dense twin", "small dense", "Confusion", "[sparsity]", "Density of each layer", "<title>"]
        {
            assert!(page.contains(word), "{word}");
        }
    }

    #[test]
    fn an_autoencoder_is_shown_beside_its_twin() {
        let mut outcome = made_up();
        let picture = |shade: f32| vec![(0..784).map(|p| shade * (p % 28) as f32 / 28.0).collect::<Vec<f32>>(); 3];
        outcome.originals = picture(1.0);
        outcome.sparse.reconstructions = picture(0.8);
        outcome.twin.as_mut().unwrap().reconstructions = picture(0.9);
        let page = render(&outcome).unwrap();
        if let Some(path) = std::env::var_os("RAREFY_TEST_REPORT") {
            std::fs::write(std::path::Path::new(&path).with_extension("autoencoder.html"), &page).unwrap();
        }
        assert!(page.contains("Reconstructions") && page.contains(">original<") && page.contains(">dense twin<"));
    }

    #[test]
    fn sets_of_classes_are_shown_by_precision() {
        let mut outcome = made_up();
        (outcome.twin, outcome.control) = (None, None);
        let precision = Some(Precision { at_1: 0.5625, at_3: 0.25, at_5: 0.125 });
        let model = &mut outcome.sparse;
        (model.accuracy, model.precision, model.confusion) = (None, precision, None);
        for record in &mut model.history {
            (record.train_accuracy, record.validation_accuracy, record.validation_precision) = (None, None, precision);
        }
        let page = render(&outcome).unwrap();
        for words in ["56.25 %", "test precision@1", "test precision@5", "Validation precision@1 by epoch"] {
            assert!(page.contains(words), "{words}");
        }
        assert!(!page.contains("accuracy by"));
    }

    #[test]
    fn names_from_data_are_escaped() {
        let mut outcome = made_up();
        outcome.data.name = "<b>\"&".to_owned();
        outcome.data.classes[3] = "</svg><i>".to_owned();
        let page = render(&outcome).unwrap();
        assert!(
            !page.contains("<b>") && !page.contains("<i>") && page.contains("&lt;&#x2f;svg")
                || page.contains("&lt;/svg")
        );
    }

    #[test]
    fn a_report_without_twin_classes_or_validation_is_still_one() {
        let mut outcome = made_up();
        (outcome.twin, outcome.control, outcome.data.image_shape) = (None, None, None);
        outcome.data.validation_rows = 0;
        outcome.sparse.accuracy = None;
        outcome.sparse.confusion = None;
        for record in &mut outcome.sparse.history {
            (record.validation_loss, record.validation_accuracy, record.train_accuracy) = (None, None, None);
        }
        let page = render(&outcome).unwrap();
        assert!(page.contains("Training loss by epoch") && page.contains("test loss") && !page.contains("accuracy by"));
    }
}
