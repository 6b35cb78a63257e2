//! Folds and cross-validation, against fits of the rows alone.

use std::sync::atomic::{AtomicU64, Ordering};

use rarefy_core::matrix::{Csc, Dense};
use rarefy_core::penalty::L1;
use rarefy_core::progress::Progress;
use rarefy_linear::loss::{Logistic, Squared};
use rarefy_linear::select::{CrossValidation, Task, cross_validate, folds, strengths};
use rarefy_linear::{Design, Error, Loss, Options, Problem, solve};

const ROWS: usize = 40;
const COLS: usize = 12;
const TIGHT: Options = Options { tolerance: 1e-13, iterations: 100 };

/// Numbers in −1 … 1, the same for everybody; every third is 0.
fn number(i: usize, j: usize) -> f64 {
    if (i + j).is_multiple_of(3) { 0.0 } else { ((i * 37 + j * 91 + i * j * 13) % 101) as f64 / 50.0 - 1.0 }
}

fn target(i: usize) -> f64 {
    2.0 * number(i, 1) - number(i, 4) + 0.3 * number(i, 50) + 1.0
}

/// The columns of some rows, one after the other.
fn columns(rows: &[usize]) -> Dense<f64> {
    let values = (0..COLS).flat_map(|j| rows.iter().map(move |&i| number(i, j))).collect();
    Dense::new(COLS, rows.len(), values).unwrap()
}

fn loss(classes: bool, rows: &[usize], weights: Option<&[f64]>) -> Box<dyn Loss> {
    let y: Vec<f64> = rows.iter().map(|&i| if classes { f64::from(target(i) > 1.0) } else { target(i) }).collect();
    if classes { Box::new(Logistic::new(&y, weights).unwrap()) } else { Box::new(Squared::new(&y, weights).unwrap()) }
}

/// Stops after so many looks.
struct Impatient(AtomicU64);

impl Progress for Impatient {
    fn cancelled(&self) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) <= 1
    }
}

fn validated(classes: bool, sparse: bool, fold: &[u32], progress: &dyn Progress) -> Option<CrossValidation> {
    let all: Vec<usize> = (0..ROWS).collect();
    let (dense, make) = (columns(&all), |a: &[f64]| Ok(loss(classes, &(0..ROWS).collect::<Vec<_>>(), Some(a))));
    let csc = Csc::from_dense(dense.transpose().view()).unwrap();
    let design = if sparse { Design::sparse(csc.view()) } else { Design::dense(dense.view()) };
    let task = Task { design, loss: &make, weights: vec![1.0; ROWS], intercept: true };
    let right = |i: usize, eta: f64| (eta > 0.0) == (target(i) > 1.0);
    let right: Option<&dyn Fn(usize, f64) -> bool> = if classes { Some(&right) } else { None };
    cross_validate(&task, |lambda| L1 { lambda }, &strengths(0.5, 0.02, 8), fold, right, &TIGHT, progress).unwrap()
}

#[test]
fn folds_that_share_a_design_are_fits_of_their_rows_alone() {
    let fold = folds(ROWS, 4, None, 3).unwrap();
    for (classes, sparse) in [(false, false), (false, true), (true, false), (true, true)] {
        let found = validated(classes, sparse, &fold, &()).unwrap();
        assert_eq!((found.held.len(), found.folds), (8, 4));
        for held in &found.held {
            let (mut scores, mut hits) = (Vec::new(), 0.0);
            for k in 0..4 {
                let [train, out]: [Vec<usize>; 2] =
                    [false, true].map(|out| (0..ROWS).filter(|&i| (fold[i] == k) == out).collect());
                let (x, fitted) = (columns(&train), loss(classes, &train, None));
                let problem = Problem::new(Design::dense(x.view()), &*fitted, L1 { lambda: held.lambda }).unwrap();
                let fit = solve(&problem, &TIGHT, None).unwrap();
                let eta = |i: usize| {
                    fit.intercept + fit.coefficients.iter().enumerate().map(|(j, w)| w * number(i, j)).sum::<f64>()
                };
                let one = |&i: &usize| {
                    let (eta, y) = (eta(i), target(i));
                    if classes {
                        2.0 * (1.0 + (if y > 1.0 { -eta } else { eta }).exp()).ln()
                    } else {
                        (y - eta).powi(2)
                    }
                };
                scores.push(out.iter().map(one).sum::<f64>() / out.len() as f64);
                hits += out.iter().filter(|&&i| (eta(i) > 0.0) == (target(i) > 1.0)).count() as f64;
            }
            let mean = scores.iter().sum::<f64>() / 4.0;
            let error = (scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 4.0 / 3.0).sqrt();
            assert!((held.deviance - mean).abs() < 1e-6, "{classes} {sparse} {}", held.lambda);
            assert!((held.standard_error - error).abs() < 1e-6, "{classes} {sparse} {}", held.lambda);
            assert_eq!(held.accuracy.map(|share| (share * ROWS as f64).round()), classes.then_some(hits));
        }
        let least = found.held.iter().map(|held| held.deviance).fold(f64::INFINITY, f64::min);
        assert_eq!(found.held[found.best].deviance, least);
        let most = least + found.held[found.best].standard_error;
        assert!(found.one_se <= found.best && found.held[found.one_se].deviance <= most);
        assert!(found.held[..found.one_se].iter().all(|held| held.deviance > most));
    }
}

#[test]
fn a_cancelled_validation_keeps_whole_folds() {
    let fold = folds(ROWS, 4, None, 3).unwrap();
    assert_eq!(validated(false, false, &fold, &Impatient(AtomicU64::new(5))), None);
    let found = validated(false, false, &fold, &Impatient(AtomicU64::new(22))).unwrap();
    assert_eq!((found.folds, found.held.len()), (2, 8));
}

#[test]
fn folds_are_even_and_stratified() {
    let classes: Vec<u32> = (0..23).map(|i| u32::from(i % 4 == 0)).collect();
    for classes in [None, Some(&classes[..])] {
        let fold = folds(23, 5, classes, 1).unwrap();
        let size = |k: u32, class: u32| {
            (0..23).filter(|&i| fold[i] == k && classes.is_none_or(|classes| classes[i] == class)).count()
        };
        assert!((0..5).all(|k| (4..=5).contains(&(0..23).filter(|&i| fold[i] == k).count())), "{fold:?}");
        if classes.is_some() {
            assert!((0..5).all(|k| (1..=2).contains(&size(k, 1)) && (3..=4).contains(&size(k, 0))), "{fold:?}");
        }
    }
    assert_ne!(folds(23, 5, None, 1).unwrap(), folds(23, 5, None, 2).unwrap());
    for (rows, count) in [(3, 4), (3, 1), (1, 2)] {
        assert!(matches!(folds(rows, count, None, 0), Err(Error::Parameter { name: "folds", .. })));
    }
}
