//! Answers that are sets of classes: the first ones of each row, and how good they are.
//!
//! There may be very many classes, so outputs exist block by block, and of each row only the first few classes are kept.

use std::sync::{Mutex, PoisonError};

use rarefy_core::kernels::loss::largest;
use rarefy_core::matrix::Dense;
use rarefy_core::parallel;
use rarefy_core::pattern::Pattern;
use rarefy_data::{Dataset, Features, Target};
use rarefy_model::artifact::Artifact;
use rarefy_nn::trainer::Hits;

use super::{Evaluation, before_sigmoid, chunks, predict};
use crate::{Error, Result};

/// The first classes of a row: each by number, with its score, the largest first.
pub type Ranked = Vec<(u32, f32)>;

/// For each row the `count` classes whose outputs are largest, all if there are fewer. A score is the output; where the model ends in
/// a sigmoid that is the probability, and classes are ranked by what goes into it, which differs where probabilities round to 1.
///
/// ```
/// use rarefy::core::matrix::{Csr, Dense};
/// use rarefy::data::Features;
/// use rarefy::model::{artifact::Task, graph::{Graph, Op, Weight}};
/// use rarefy::{Artifact, evaluate::ranked};
/// let mut graph = Graph::new(3);
/// let weight = Csr::new(3, 3, vec![0, 1, 2, 3], vec![0, 1, 2], vec![1.0, 1.0, 1.0])?;
/// graph.push("linear1", Op::Linear { weight: Weight::Sparse(weight) });
/// let model = Artifact::new(graph, Task::Labels { classes: ["a", "b", "c"].map(str::to_owned).to_vec() });
/// let row = Features::Dense(Dense::new(1, 3, vec![0.5, -1.0, 2.0])?);
/// assert_eq!(ranked(&model, &row, 2)?, [[(2, 2.0), (0, 0.5)]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Another number of features than the model's, values or answers that are not finite, too little memory.
pub fn ranked(model: &Artifact, features: &Features, count: usize) -> Result<Vec<Ranked>> {
    model.check_input(features.cols())?;
    let (model, shares) = before_sigmoid(model.clone());
    let runtime = model.into_runtime()?;
    let score = |z: f32| if shares { 1.0 / (1.0 + (-z).exp()) } else { z };
    let mut all = Vec::with_capacity(features.rows());
    for (_, block) in chunks(features, runtime.outputs()) {
        let outputs = predict(&runtime, &block?)?;
        all.extend(each_row(&outputs, |_, z| {
            largest(z, count).into_iter().map(|class| (class, score(z[class as usize]))).collect::<Ranked>()
        }));
    }
    Ok(all)
}

/// How good a model's sets of classes are; those of `data` are matched with `classes` by name.
pub(super) fn evaluate(model: &Artifact, data: &Dataset, classes: &[String]) -> Result<Evaluation> {
    let aligned;
    let target = if data.class_names == classes {
        &data.target
    } else {
        aligned = data.clone().align_classes(classes)?;
        &aligned.target
    };
    match target {
        Target::Labels(truth) if truth.nnz() > 0 => of_labels(model, &data.features, truth),
        _ => {
            let problem = "no row has a label, expected some to compare with; use predict for data without labels";
            Err(Error::Mismatch { place: data.name.clone(), problem: problem.to_owned() })
        }
    }
}

/// The mean loss of a row, and the precision of the first classes.
fn of_labels(model: &Artifact, features: &Features, truth: &Pattern) -> Result<Evaluation> {
    let (model, shares) = before_sigmoid(model.clone());
    let runtime = model.into_runtime()?;
    let (mut loss, mut hits) = (0.0, Hits::default());
    for (first, block) in chunks(features, runtime.outputs()) {
        let outputs = predict(&runtime, &block?)?;
        let rows = each_row(&outputs, |i, z| {
            let labels = truth.row(first + i);
            let softplus = |&z: &f32| f64::from(z.max(0.0)) + f64::from((-z.abs()).exp().ln_1p());
            let right: f64 = labels.iter().map(|&label| f64::from(z[label as usize])).sum();
            (z.iter().map(softplus).sum::<f64>() - right, Hits::of(z, labels))
        });
        for (row_loss, row_hits) in rows {
            loss += row_loss;
            hits.add(row_hits);
        }
    }
    let rows = features.rows();
    let loss = shares.then_some(loss / rows.max(1) as f64);
    Ok(Evaluation { rows, accuracy: None, precision: Some(hits.precision()), loss, confusion: None })
}

/// What `body` makes of each row's number and outputs, on all threads, in the order of the rows.
fn each_row<T: Send>(outputs: &Dense<f32>, body: impl Fn(usize, &[f32]) -> T + Sync) -> Vec<T> {
    /// Rows of a task.
    const TASK: usize = 16;
    let found: Vec<Mutex<Vec<T>>> = (0..outputs.rows().div_ceil(TASK)).map(|_| Mutex::default()).collect();
    parallel::run_chunks(outputs.rows(), TASK, |rows| {
        let task = rows.start / TASK;
        let made = rows.map(|i| body(i, outputs.row(i))).collect();
        *found[task].lock().unwrap_or_else(PoisonError::into_inner) = made;
    });
    found.into_iter().flat_map(|made| made.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{Precision, evaluate};
    use rarefy_model::artifact::Task;
    use rarefy_model::graph::{Graph, Op, Weight};

    /// A model that answers each row itself, or its sigmoid.
    fn model(classes: usize, sigmoid: bool) -> Artifact {
        let mut graph = Graph::new(classes);
        let unit = (0..classes * classes).map(|i| f32::from(i % (classes + 1) == 0)).collect();
        let weight = Weight::Dense(Dense::new(classes, classes, unit).unwrap());
        graph.push("linear1", Op::Linear { weight });
        if sigmoid {
            graph.push("answer", Op::Sigmoid);
        }
        Artifact::new(graph, Task::Labels { classes: names(classes) })
    }

    fn names(classes: usize) -> Vec<String> {
        (0..classes).map(|class| format!("c{class}")).collect()
    }

    fn data(rows: &[&[f32]], sets: &[&[u32]], names: Vec<String>) -> Dataset {
        let x = Features::Dense(Dense::new(rows.len(), rows[0].len(), rows.concat()).unwrap());
        let ends = sets.iter().scan(0, |end, set| {
            *end += set.len() as u32;
            Some(*end)
        });
        let indptr = std::iter::once(0).chain(ends).collect();
        let sets = Pattern::new(rows.len(), names.len(), indptr, sets.concat()).unwrap();
        Dataset::with_classes("x", x, Target::Labels(sets), names).unwrap()
    }

    #[test]
    fn precision_and_loss_are_those_of_a_computation_by_hand() {
        let rows: [&[f32]; 3] =
            [&[6.0, 5.0, 4.0, 3.0, 2.0, 1.0], &[0.0, 1.0, 2.0, 3.0, 4.0, 50.0], &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]];
        let data = data(&rows, &[&[0, 2, 3], &[0, 1, 2], &[]], names(6));
        let found = evaluate(&model(6, true), &data).unwrap();
        // Order of the first row 0 1 2 | 3 4, right 0, 2 | 3; of the second 5 4 3 | 2 1, right – | 2, 1; the third has no label.
        let expected = Precision { at_1: 1.0 / 3.0, at_3: 2.0 / 9.0, at_5: 5.0 / 15.0 };
        assert_eq!((found.precision, found.accuracy, found.rows), (Some(expected), None, 3));
        let softplus = |z: f64| if z > 40.0 { z } else { (1.0 + z.exp()).ln() };
        let all: f64 = rows.concat().iter().map(|&z| softplus(z.into())).sum();
        let expected = (all - (6.0 + 4.0 + 3.0) - (0.0 + 1.0 + 2.0)) / 3.0;
        assert!((found.loss.unwrap() - expected).abs() < 1e-5, "{found:?}, expected {expected}");
        assert_eq!(evaluate(&model(6, false), &data).unwrap().loss, None);
    }

    #[test]
    fn fewer_classes_than_ranks_count_as_wrong_answers() {
        let data = data(&[&[2.0, 1.0]], &[&[0, 1]], names(2));
        let found = evaluate(&model(2, true), &data).unwrap().precision.unwrap();
        assert_eq!((found.at_1, found.at_3, found.at_5), (1.0, 2.0 / 3.0, 2.0 / 5.0));
    }

    #[test]
    fn classes_are_matched_by_name_and_unknown_ones_named() {
        // The data call class c1 number 0.
        let known = data(&[&[0.0, 1.0]], &[&[0]], vec!["c1".to_owned()]);
        assert_eq!(evaluate(&model(2, true), &known).unwrap().precision.unwrap().at_1, 1.0);
        let unknown = data(&[&[0.0, 1.0]], &[&[0]], vec!["c7".to_owned()]);
        assert!(evaluate(&model(2, true), &unknown).unwrap_err().to_string().contains("\"c7\""));
    }

    #[test]
    fn labels_of_another_kind_and_none_at_all_are_refused() {
        let message = |target| {
            let x = Features::Dense(Dense::new(2, 2, vec![0.0; 4]).unwrap());
            evaluate(&model(2, true), &Dataset::with_classes("x", x, target, names(2)).unwrap())
                .unwrap_err()
                .to_string()
        };
        assert!(message(Target::Classes(vec![0, 1])).contains("not sets of classes"));
        assert!(message(Target::None).contains("no labels"));
        let empty = Pattern::new(2, 2, vec![0, 0, 0], Vec::new()).unwrap();
        assert!(message(Target::Labels(empty)).contains("no row has a label"));
    }

    #[test]
    fn ranks_tell_apart_what_rounds_to_the_same_probability() {
        let rows = Features::Dense(Dense::new(2, 3, vec![40.0, 80.0, 60.0, 0.0, -1.0, 0.0]).unwrap());
        let found = ranked(&model(3, true), &rows, 2).unwrap();
        assert_eq!(found, [vec![(1, 1.0), (2, 1.0)], vec![(0, 0.5), (2, 0.5)]]);
        assert_eq!(ranked(&model(3, true), &rows, 9).unwrap()[1].len(), 3);
    }
}
