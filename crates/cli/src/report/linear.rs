//! The report of a linear model: the path of its coefficients, cross-validation, what was kept.

use minijinja::{Value, context};
use rarefy::run::linear::{LinearModel, LinearOutcome};

use super::trace::{self, Held, Trace};
use super::{STYLE, environment, picture};
use crate::linear::{Line, SHOWN, coefficient, comparison, remarks, strength};
use crate::number::{grouped, percent, significant};

const TEMPLATE: &str = include_str!("linear.html");

/// Lines that the picture of the path has at most: those of the largest coefficients.
const LINES: usize = 60;

/// Of these, so many have a colour and a name.
const NAMED: usize = 5;

/// The report of a run.
///
/// # Errors
/// None in a released program: a test renders the template.
pub fn render(outcome: &LinearOutcome) -> anyhow::Result<String> {
    let environment = environment("linear-report.html", TEMPLATE)?;
    let (header, rows) = comparison(outcome);
    let sparse = &outcome.sparse;
    let kept: Vec<Value> = sparse
        .coefficients
        .iter()
        .take(SHOWN)
        .map(|c| context! { feature => &c.feature, coefficient => coefficient(c.coefficient) })
        .collect();
    Ok(environment.get_template("linear-report.html")?.render(context! {
        data => &outcome.data.name,
        version => &outcome.version,
        style => Value::from_safe_string(STYLE.to_owned()),
        cards => cards(outcome),
        header => header,
        rows => rows,
        remarks => remarks(outcome),
        charts => charts(outcome),
        kept => kept,
        more => sparse.coefficients.len().saturating_sub(SHOWN),
        intercept => coefficient(sparse.point.intercept),
        recipe => &outcome.recipe,
    })?)
}

/// The figures at the top.
fn cards(outcome: &LinearOutcome) -> Vec<Value> {
    let (sparse, twin) = (&outcome.sparse, outcome.twin.as_ref());
    let card =
        |figure: String, what: &str, beside: String| context! { figure => figure, what => what, beside => beside };
    let beside = |figure: fn(&LinearModel) -> Option<String>| {
        twin.and_then(figure).map_or(String::new(), |figure| format!("ridge twin {figure}"))
    };
    let figures: [Line; 3] = [
        ("test accuracy", |m| m.test.accuracy.map(percent)),
        ("test R²", |m| m.test.r2.map(|r2| format!("{r2:.3}"))),
        ("test mean squared error", |m| m.test.mean_squared_error.map(significant)),
    ];
    let mut cards: Vec<Value> = figures
        .into_iter()
        .filter_map(|(what, figure)| figure(sparse).map(|found| card(found, what, beside(figure))))
        .collect();
    let kept = format!("of {} features", grouped(sparse.features as u64));
    cards.push(card(grouped(sparse.point.nnz as u64), "coefficients kept", kept));
    cards.push(card(strength(sparse.point.lambda), "λ", sparse.chosen.clone()));
    cards
}

/// The path, and cross-validation if there was one.
fn charts(outcome: &LinearOutcome) -> Vec<Value> {
    let sparse = &outcome.sparse;
    let mut charts = Vec::new();
    if sparse.path.len() > 1 {
        let title = "Coefficients along the path";
        let svg = trace::coefficients(title, &traces(sparse, &names(outcome)), sparse.point.lambda);
        let note =
            "Times the deviation of the feature, where features are standardised. To the left the penalty is weaker.";
        charts.push(picture(title, note, &svg));
    }
    if let Some(cv) = sparse.cv.as_ref().filter(|cv| cv.held.len() > 1) {
        let held =
            |h: &rarefy::linear::select::Held| Held { lambda: h.lambda, mean: h.deviance, error: h.standard_error };
        let held: Vec<Held> = cv.held.iter().map(held).collect();
        let (best, one_se) = (cv.held[cv.best].lambda, cv.held[cv.one_se].lambda);
        let marked: &[(f64, &str)] =
            if best == one_se { &[(best, "least")] } else { &[(best, "least"), (one_se, "1 s.e.")] };
        let note = format!("Mean deviance of rows not seen, over {} folds; bars are one standard error.", cv.folds);
        let title = "Cross-validation";
        charts.push(picture(title, &note, &trace::validation(title, &held, marked)));
    }
    charts
}

/// The name of each feature that is ever kept, from the chosen model's and otherwise by number.
fn names(outcome: &LinearOutcome) -> impl Fn(u32) -> String + '_ {
    |j| outcome.data_names.get(j as usize).cloned().unwrap_or_else(|| (j + 1).to_string())
}

/// A line for each of the features whose coefficients become largest.
fn traces(model: &LinearModel, name: &dyn Fn(u32) -> String) -> Vec<Trace> {
    let seen = |&(j, w): &(u32, f64)| (j, w / model.scale[j as usize]);
    let mut largest = std::collections::BTreeMap::<u32, f64>::new();
    for (j, w) in model.path.iter().flat_map(|point| &point.coefficients).map(seen) {
        let most = largest.entry(j).or_default();
        *most = most.max(w.abs());
    }
    let mut ranked: Vec<(u32, f64)> = largest.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let line = |(at, (j, _)): (usize, (u32, f64))| {
        let height = |point: &rarefy::run::linear::Point| {
            let found = point.coefficients.binary_search_by_key(&j, |c| c.0);
            (point.lambda, found.map_or(0.0, |at| seen(&point.coefficients[at]).1))
        };
        let named = at < NAMED;
        let class = if named { format!("layer{at}") } else { "faint".to_owned() };
        Trace { name: name(j), class, named, points: model.path.iter().map(height).collect() }
    };
    ranked.into_iter().take(LINES).enumerate().map(line).collect()
}
