//! A model's answers to data, and how good they are.
//!
//! Everything here goes through the artifact and its runtime, from raw features: what is measured is what is deployed.
//!
//! ```
//! use rarefy::core::matrix::{Csr, Dense};
//! use rarefy::data::{Dataset, Features, Target};
//! use rarefy::model::{artifact::Task, graph::{Graph, Op, Weight}};
//! use rarefy::{Artifact, evaluate::evaluate};
//! let mut graph = Graph::new(2);
//! graph.push("linear1", Op::Linear { weight: Weight::Sparse(Csr::new(2, 2, vec![0, 1, 2], vec![0, 1], vec![1.0, 1.0])?) });
//! let classes = vec!["0".to_owned(), "1".to_owned()];
//! let model = Artifact::new(graph, Task::Classification { classes });
//! let x = Features::Dense(Dense::new(2, 2, vec![3.0, 0.0, 1.0, 0.0])?);
//! let data = Dataset::new("two rows", x, Target::Classes(vec![0, 1]))?;
//! assert_eq!(evaluate(&model, &data)?.accuracy, Some(0.5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod labels;

use std::time::Instant;

use rarefy_core::matrix::Dense;
use rarefy_data::{Dataset, Features, Target};
use rarefy_model::artifact::Artifact;
use rarefy_model::artifact::Task;
use rarefy_model::graph::Op;
use rarefy_model::runtime::{Activity, Runtime};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

pub use labels::{Ranked, ranked};
pub use rarefy_nn::trainer::{MOST_CLASSES, Precision, RANKS};

/// Rows answered at a time: 4096 rows of a thousand features take 16 MiB, whatever the size of the data.
const CHUNK: usize = 4096;

/// How good a model's answers are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Rows looked at.
    pub rows: usize,
    /// The share of rows whose class is right; `None` unless the model says classes.
    pub accuracy: Option<f64>,
    /// Precision of the first labels; `None` unless the model says sets of classes.
    pub precision: Option<Precision>,
    /// The mean over rows: for classes `−ln p(right class)` (`None` for a model that gives no probabilities), for sets of them the
    /// sum of the binary cross-entropies of all outputs (likewise), for values the mean squared error; for an autoencoder the mean over features, of the binary cross-entropy if its answers are shares, or of
    /// the squared error.
    pub loss: Option<f64>,
    /// Rows of each true class (first index) that were taken for each class (second); `None` for values, and for more than
    /// [`MOST_CLASSES`].
    pub confusion: Option<Vec<Vec<u64>>>,
}

/// A model's answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// The outputs, one row each.
    pub outputs: Dense<f32>,
    /// The class of each row, by number; empty for values, and for sets of classes: see [`ranked`].
    pub classes: Vec<u32>,
}

/// Answers raw features, row by row.
///
/// # Errors
/// Another number of features than the model's, values or answers that are not finite, too little memory.
pub fn answer(model: &Artifact, features: &Features) -> Result<Answers> {
    model.check_input(features.cols())?;
    let runtime = model.clone().into_runtime()?;
    let mut outputs = Dense::filled(features.rows(), runtime.outputs(), 0.0)?;
    for (first, rows) in chunks(features, runtime.outputs()) {
        let answers = predict(&runtime, &rows?)?;
        outputs.data_mut()[first * runtime.outputs()..][..answers.data().len()].copy_from_slice(answers.data());
    }
    let classes = match model.task {
        Task::Classification { .. } => (0..outputs.rows()).map(|i| runtime.class_of(outputs.row(i)) as u32).collect(),
        Task::Labels { .. } | Task::Regression { .. } | Task::Reconstruction {} => Vec::new(),
    };
    Ok(Answers { outputs, classes })
}

/// The class that a model gives each row. Answers exist block by block.
///
/// # Errors
/// As [`answer`].
pub fn classes(model: &Artifact, features: &Features) -> Result<Vec<u32>> {
    model.check_input(features.cols())?;
    let runtime = model.clone().into_runtime()?;
    let mut classes = Vec::with_capacity(features.rows());
    for (_, block) in chunks(features, runtime.outputs()) {
        let answers = predict(&runtime, &block?)?;
        classes.extend((0..answers.rows()).map(|i| runtime.class_of(answers.row(i)) as u32));
    }
    Ok(classes)
}

/// Rows answered at a time: as many as keep rows and answers to 16 million numbers, but [`CHUNK`] at most.
fn rows_at_once(features: &Features, outputs: usize) -> usize {
    let stored = if let Features::Sparse(_) = features { 0 } else { features.cols() };
    ((1 << 24) / stored.max(outputs).max(1)).clamp(1, CHUNK)
}

/// Blocks of [`rows_at_once`], each with its first row.
fn chunks(features: &Features, outputs: usize) -> impl Iterator<Item = (usize, Result<Features>)> + '_ {
    let rows = rows_at_once(features, outputs);
    (0..features.rows())
        .step_by(rows)
        .map(move |first| (first, block(features, first..features.rows().min(first + rows))))
}

/// Some rows as they are answered: plain numbers, or sparse if they are sparse.
fn block(features: &Features, rows: std::ops::Range<usize>) -> Result<Features> {
    Ok(match features {
        Features::Sparse(m) => Features::Sparse(m.rows_range(rows)?),
        _ => Features::Dense(dense(features, rows)?),
    })
}

/// A model's answers to a block.
fn predict(runtime: &Runtime, block: &Features) -> Result<Dense<f32>> {
    Ok(match block {
        Features::Dense(rows) => runtime.predict(rows.view())?,
        Features::Sparse(rows) => runtime.predict_sparse(rows.view())?,
        Features::Bytes(_) => runtime.predict(dense(block, 0..block.rows())?.view())?,
    })
}

/// Some rows as plain numbers.
fn dense(features: &Features, rows: std::ops::Range<usize>) -> Result<Dense<f32>> {
    let cols = features.cols();
    let mut dense = Dense::filled(rows.len(), cols, 0.0f32)?;
    if cols > 0 {
        rows.zip(dense.data_mut().chunks_exact_mut(cols)).for_each(|(i, out)| features.row_into(i, out));
    }
    Ok(dense)
}

/// Checks that the columns of `data` are the model's features: as many and, where both have names, in the same order.
///
/// # Errors
/// [`Error::Model`] with both numbers, [`Error::Mismatch`] with the first column that differs.
pub fn check_features(model: &Artifact, data: &Dataset) -> Result<()> {
    model.check_input(data.cols())?;
    let mut pairs = data.feature_names.iter().zip(&model.feature_names);
    match pairs.position(|(found, expected)| found != expected) {
        None => Ok(()),
        Some(at) => {
            let (found, expected) = (&data.feature_names[at], &model.feature_names[at]);
            let problem = format!(
                "feature {} is called {found:?}, the model was trained with {expected:?} there; bring the columns into its order",
                at + 1
            );
            Err(Error::Mismatch { place: data.name.clone(), problem })
        }
    }
}

/// How good a model's answers to `data` are. Classes are matched by name.
///
/// # Errors
/// As [`answer`] and [`check_features`]; data without labels, with labels of another kind than the model's, or with a class that
/// it does not know.
pub fn evaluate(model: &Artifact, data: &Dataset) -> Result<Evaluation> {
    check_features(model, data)?;
    let mismatch = |problem: String| Error::Mismatch { place: data.name.clone(), problem };
    match (&data.target, &model.task) {
        (_, Task::Reconstruction {}) => of_reconstruction(model, &data.features),
        (Target::None, _) => {
            Err(mismatch("no labels, expected some to compare with; give the label column, or use predict".to_owned()))
        }
        (Target::Classes(_), Task::Classification { classes }) => {
            let data = data.clone().align_classes(classes)?;
            let Target::Classes(truth) = &data.target else { unreachable!("aligning keeps the kind") };
            of_classes(model, &data.features, truth)
        }
        (Target::Values(truth), Task::Regression { .. }) => {
            let answers = answer(model, &data.features)?;
            let (found, expected) = (truth.cols(), answers.outputs.cols());
            if found != expected {
                return Err(mismatch(format!("{found} target columns, the model gives {expected}")));
            }
            let pairs = truth.data().iter().zip(answers.outputs.data());
            let sum: f64 = pairs.map(|(y, z)| (f64::from(*y) - f64::from(*z)).powi(2)).sum();
            let rows = truth.rows();
            Ok(of_values(rows, sum / truth.data().len().max(1) as f64))
        }
        (Target::Labels(_), Task::Labels { classes }) => labels::evaluate(model, data, classes),
        (_, Task::Labels { .. }) => Err(mismatch(
            "the labels are not sets of classes, as the model's are; write them with commas, such as 3,17".to_owned(),
        )),
        (Target::Labels(_), _) => {
            Err(mismatch("the labels are sets of classes, the model gives one answer a row".to_owned()))
        }
        (Target::Classes(_), Task::Regression { .. }) => {
            Err(mismatch("the labels are classes, the model gives values; set the task to values".to_owned()))
        }
        (Target::Values(_), Task::Classification { classes }) => {
            let known = classes.len();
            Err(mismatch(format!("the labels are values, the model knows {known} classes; set the task to classes")))
        }
    }
}

/// How good answers of classes are. Answers exist block by block: there may be very many classes.
fn of_classes(model: &Artifact, features: &Features, truth: &[u32]) -> Result<Evaluation> {
    let classes = model.classes().len();
    let mut confusion = (classes <= MOST_CLASSES).then(|| vec![vec![0u64; classes]; classes]);
    let probabilities = matches!(model.graph.nodes.last().map(|node| &node.op), Some(Op::Softmax | Op::Sigmoid));
    let runtime = model.clone().into_runtime()?;
    let (mut right, mut loss) = (0u64, 0.0);
    for (first, block) in chunks(features, runtime.outputs()) {
        let answers = predict(&runtime, &block?)?;
        for (i, &class) in truth[first..first + answers.rows()].iter().enumerate() {
            let said = runtime.class_of(answers.row(i));
            right += u64::from(said == class as usize);
            if let Some(confusion) = &mut confusion {
                confusion[class as usize][said] += 1;
            }
            if probabilities {
                loss -= f64::from(probability(answers.row(i), class)).max(1e-30).ln();
            }
        }
    }
    let (rows, count) = (truth.len(), truth.len().max(1) as f64);
    let accuracy = Some(right as f64 / count);
    Ok(Evaluation { rows, accuracy, precision: None, loss: probabilities.then_some(loss / count), confusion })
}

/// How good answers of values are, from their mean loss.
fn of_values(rows: usize, loss: f64) -> Evaluation {
    Evaluation { rows, accuracy: None, precision: None, loss: Some(loss), confusion: None }
}

/// The same model without a sigmoid at its end, and whether it had one: from what goes into the sigmoid losses are exact where the
/// share would round to 0 or 1, and outputs still differ.
fn before_sigmoid(mut model: Artifact) -> (Artifact, bool) {
    let last = model.graph.nodes.last().map(|node| &node.op);
    let shares = matches!(last, Some(Op::Sigmoid)) && model.graph.nodes.len() > 1;
    if shares {
        model.graph.nodes.pop();
    }
    (model, shares)
}

/// How good an autoencoder's answers are, beside the scaled rows.
fn of_reconstruction(model: &Artifact, features: &Features) -> Result<Evaluation> {
    let (model, shares) = before_sigmoid(model.clone());
    let scaling = model.scaling.clone();
    let runtime = model.into_runtime()?;
    let mut sum = 0.0;
    for (_, block) in chunks(features, runtime.outputs()) {
        let block = block?;
        let answers = predict(&runtime, &block)?;
        let mut row = vec![0.0; block.cols()];
        for i in 0..block.rows() {
            block.row_into(i, &mut row);
            for (j, (&x, &z)) in row.iter().zip(answers.row(i)).enumerate() {
                let (t, z) = (f64::from(x * scaling.factor(j)), f64::from(z));
                sum += if shares { z.max(0.0) - z * t + (-z.abs()).exp().ln_1p() } else { (z - t).powi(2) };
            }
        }
    }
    let count = (features.rows() * features.cols()).max(1) as f64;
    Ok(of_values(features.rows(), sum / count))
}

/// How many of each activation's numbers are not zero, over the rows of `features` given: the first 4096 at most, fewer where
/// they or their answers would be more than 16 million numbers.
///
/// # Errors
/// As [`answer`].
pub fn activity(model: &Artifact, features: &Features, rows: impl Iterator<Item = usize>) -> Result<Vec<Activity>> {
    let rows: Vec<usize> = rows.take(rows_at_once(features, model.graph.outputs()?)).collect();
    if let Features::Sparse(_) = features
        && let Features::Sparse(some) = features.select(&rows)?
    {
        return Ok(model.clone().into_runtime()?.activity_sparse(some.view())?);
    }
    let mut block = Dense::filled(rows.len(), features.cols(), 0.0f32)?;
    rows.iter()
        .zip(block.data_mut().chunks_exact_mut(features.cols().max(1)))
        .for_each(|(&i, out)| features.row_into(i, out));
    Ok(model.clone().into_runtime()?.activity(block.view())?)
}

/// Some rows as the model sees them, scaled, and its answers to them, if it is an autoencoder.
///
/// # Errors
/// As [`answer`].
pub fn reconstruct(model: &Artifact, features: &Features, rows: usize) -> Result<Option<[Dense<f32>; 2]>> {
    if model.task != (Task::Reconstruction {}) {
        return Ok(None);
    }
    let mut rows = dense(features, 0..rows.min(features.rows()))?;
    let answers = model.clone().into_runtime()?.predict(rows.view())?;
    let cols = rows.cols().max(1);
    for (at, x) in rows.data_mut().iter_mut().enumerate() {
        *x *= model.scaling.factor(at % cols);
    }
    Ok(Some([rows, answers]))
}

/// The probability of a class; a single output is that of class 1.
pub fn probability(outputs: &[f32], class: u32) -> f32 {
    match outputs {
        [p] => {
            if class == 1 {
                *p
            } else {
                1.0 - *p
            }
        }
        _ => outputs[class as usize],
    }
}

/// Microseconds that a prediction of one of `rows` takes, all of them predicted at once (4096 at most, fewer where they or their
/// answers would be more than 16 million numbers): the median of seven runs.
///
/// # Errors
/// As [`answer`].
pub fn microseconds(runtime: &Runtime, features: &Features, rows: usize) -> Result<f64> {
    let block = block(features, 0..rows.min(features.rows()).min(rows_at_once(features, runtime.outputs())))?;
    let mut times = Vec::new();
    for _ in 0..7 {
        let start = Instant::now();
        predict(runtime, &block)?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2] * 1e6 / block.rows().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rarefy_model::graph::{Graph, Weight};

    /// `outputs` answers of rows of two features: the features themselves, or their difference.
    fn model(task: Task, outputs: usize, last: Option<Op>) -> Artifact {
        let weight = if outputs == 2 { vec![1.0, 0.0, 0.0, 1.0] } else { vec![-1.0, 1.0] };
        let mut graph = Graph::new(2);
        graph.push("linear1", Op::Linear { weight: Weight::Dense(Dense::new(outputs, 2, weight).unwrap()) });
        if let Some(op) = last {
            graph.push("last1", op);
        }
        Artifact::new(graph, task)
    }

    fn classes() -> Task {
        Task::Classification { classes: vec!["a".to_owned(), "b".to_owned()] }
    }

    fn data(rows: &[[f32; 2]], target: Target, names: &[&str]) -> Dataset {
        let x = Dense::new(rows.len(), 2, rows.concat()).unwrap();
        Dataset::with_classes("x", Features::Dense(x), target, names.iter().map(|n| n.to_string()).collect()).unwrap()
    }

    #[test]
    fn classes_are_matched_by_name() {
        // The data call class b number 0.
        let data = data(&[[0.0, 1.0], [1.0, 0.0], [0.0, 2.0]], Target::Classes(vec![0, 0, 0]), &["b"]);
        let found = evaluate(&model(classes(), 2, None), &data).unwrap();
        assert_eq!(found.accuracy, Some(2.0 / 3.0));
        assert_eq!(found.confusion, Some(vec![vec![0, 0], vec![1, 2]]));
    }

    #[test]
    fn the_loss_is_the_mean_of_minus_log_probability() {
        let data = data(&[[0.0, 0.0], [0.0, (3.0f32).ln()]], Target::Classes(vec![0, 1]), &["a", "b"]);
        let expected = (0.5f64.ln() + 0.75f64.ln()) / -2.0;
        for model in [model(classes(), 2, Some(Op::Softmax)), model(classes(), 1, Some(Op::Sigmoid))] {
            assert!((evaluate(&model, &data).unwrap().loss.unwrap() - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn the_loss_of_an_autoencoder_compares_answers_with_scaled_rows() {
        let data = data(&[[2.0, 0.0], [4.0, 2.0]], Target::None, &[]);
        let mut model = model(Task::Reconstruction {}, 2, None);
        model.scaling = rarefy_model::artifact::Scaling::Factor(0.25);
        assert_eq!(evaluate(&model, &data).unwrap().loss, Some(0.0));
        assert_eq!(reconstruct(&model, &data.features, 1).unwrap().unwrap()[0].data(), [0.5, 0.0]);
        model.graph.push("sigmoid1", Op::Sigmoid);
        // Answers σ(z) with z = t: −t·ln σ(z) − (1 − t)·ln σ(−z).
        let of = |t: f64| t * (1.0 + (-t).exp()).ln() + (1.0 - t) * (1.0 + t.exp()).ln();
        let expected = (of(0.5) + of(0.0) + of(1.0) + of(0.5)) / 4.0;
        assert!((evaluate(&model, &data).unwrap().loss.unwrap() - expected).abs() < 1e-6);
    }

    #[test]
    fn the_loss_of_values_is_the_mean_squared_error() {
        let target = Target::Values(Dense::new(2, 1, vec![1.0, 4.0]).unwrap());
        let data = data(&[[0.0, 1.0], [1.0, 3.0]], target, &[]);
        let found = evaluate(&model(Task::Regression { targets: vec![] }, 1, None), &data).unwrap();
        assert_eq!((found.accuracy, found.loss), (None, Some(2.0)));
    }

    #[test]
    fn case_38_other_features_are_refused_with_both_numbers() {
        let x = Features::Dense(Dense::filled(1, 3, 0.0).unwrap());
        let message = answer(&model(classes(), 2, None), &x).unwrap_err().to_string();
        assert!(message.contains("3 features, the model expects 2"), "{message}");
    }

    #[test]
    fn case_38_a_class_that_the_model_does_not_know_is_refused() {
        let data = data(&[[0.0, 1.0]], Target::Classes(vec![0]), &["c"]);
        assert!(evaluate(&model(classes(), 2, None), &data).unwrap_err().to_string().contains("\"c\""));
    }

    #[test]
    fn labels_of_another_kind_are_refused() {
        let values = data(&[[0.0, 1.0]], Target::Values(Dense::filled(1, 1, 0.5).unwrap()), &[]);
        assert!(matches!(evaluate(&model(classes(), 2, None), &values), Err(Error::Mismatch { .. })));
        let none = data(&[[0.0, 1.0]], Target::None, &[]);
        assert!(evaluate(&model(classes(), 2, None), &none).unwrap_err().to_string().contains("no labels"));
    }

    #[test]
    fn many_rows_are_answered_as_single_ones() {
        let rows = CHUNK + 5;
        let x = Dense::new(rows, 2, (0..2 * rows).map(|i| (i % 7) as f32).collect()).unwrap();
        let answers = answer(&model(classes(), 2, None), &Features::Dense(x.clone())).unwrap();
        assert_eq!(answers.outputs.data(), x.data());
    }
}
