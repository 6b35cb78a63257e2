use super::*;
use crate::kernels::gather::Factors;
use crate::kernels::sparse_dense::{Gradient, TwoWay};
use crate::kernels::testing::{
    assert_batches_close, assert_close, bits, gradient, numbers, on_every_isa, same_bits_on_any_threads, samples,
};
use crate::kernels::update::{AdamStep, Moments, Rule, apply};
use crate::matrix::{Batch, Csr};
use crate::pattern::Pattern;
use crate::random::Key;

const ADAM: Rule = Rule::Adam(AdamStep {
    learning_rate: 0.01,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weight_decay: 0.0,
    decoupled: false,
    correction1: 0.1,
    correction2: 0.001,
});

/// A random `rows × cols` pattern.
fn pattern(rows: usize, cols: usize, density: f32, seed: u64) -> Pattern {
    let mut random = Key::new(seed, 1).stream(0);
    let (mut indptr, mut indices) = (vec![0], Vec::new());
    for _ in 0..rows {
        indices.extend((0..cols as u32).filter(|_| random.uniform_f32() < density));
        indptr.push(indices.len() as u32);
    }
    Pattern::new(rows, cols, indptr, indices).unwrap()
}

fn data(rows: usize, cols: usize, density: f32, seed: u64) -> Csr<f32> {
    let pattern = pattern(rows, cols, density, seed);
    let values = numbers(pattern.nnz(), seed + 1);
    pattern.with_values(values).unwrap()
}

/// `(rows of W, features, density of W, samples, density of X)`
const SHAPES: [(usize, usize, f32, usize, f32); 9] = [
    (1, 1, 1.0, 1, 1.0),
    (7, 5, 0.5, 2, 0.5),
    (16, 40, 0.2, 7, 0.1),
    (33, 60, 1.0, 16, 0.05),
    (70, 30, 0.1, 31, 0.3),
    (20, 500, 0.3, 64, 0.01),
    (128, 17, 0.05, 100, 1.0),
    (10, 50, 0.4, 130, 0.0),
    (100, 300, 0.9, 40, 0.2),
];

fn filled(csr: &Csr<f32>, rows: &[u32], factors: Factors<'_>) -> SparseBatch {
    let mut batch = SparseBatch::new(csr.cols()).unwrap();
    batch.fill(csr.view(), rows, factors).unwrap();
    batch
}

#[test]
fn a_batch_holds_the_listed_rows_in_both_orders() {
    let csr = data(50, 40, 0.1, 1);
    let each = numbers(40, 2);
    let mut batch = SparseBatch::new(40).unwrap();
    // The second fill must find nothing left of the first.
    for rows in [vec![3, 3, 49, 0, 17, 8], vec![5, 1]] {
        batch.fill(csr.view(), &rows, Factors::Each(&each)).unwrap();
        assert_eq!(batch.len(), rows.len());
        let expected = |s: usize, j: usize| csr.get(rows[s] as usize, j).map(|v| v * each[j]);
        for s in 0..rows.len() {
            let (features, values) = batch.sample(s);
            let row: Vec<(u32, f32)> = (0..40).filter_map(|j| Some((j as u32, expected(s, j)?))).collect();
            assert_eq!(features.iter().copied().zip(values.iter().copied()).collect::<Vec<_>>(), row);
        }
        let has = |j: usize| (0..rows.len()).any(|s| expected(s, j).is_some());
        assert_eq!(batch.active(), (0..40u32).filter(|&j| has(j as usize)).collect::<Vec<_>>());
        for (a, &j) in batch.active().iter().enumerate() {
            let (samples, values) = batch.feature(a);
            let column = (0..rows.len()).filter_map(|s| Some((s as u32, expected(s, j as usize)?)));
            assert_eq!(
                samples.iter().copied().zip(values.iter().copied()).collect::<Vec<_>>(),
                column.collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn forward_agrees_with_its_reference() {
    on_every_isa(|| {
        for (rows, cols, dense, n, active) in SHAPES {
            let weight = TwoWay::new(&pattern(rows, cols, dense, 1)).unwrap();
            let values = numbers(weight.nnz(), 2);
            let csr = data(n, cols, active, 3);
            let x = filled(&csr, &(0..n as u32).rev().collect::<Vec<_>>(), Factors::One(2.0));
            let (mut fast, mut slow) = (gradient(rows, n, 4), Batch::zeros(rows, n).unwrap());
            forward(&weight, &values, &x, &mut fast);
            reference::forward(&weight, &values, &x, &mut slow);
            assert_batches_close(&fast, &slow, 1e-5, &format!("{rows} × {cols}, {n} samples"));
        }
    });
}

#[test]
fn backward_accumulates_what_its_reference_computes() {
    on_every_isa(|| {
        for (rows, cols, dense, n, active) in SHAPES {
            let weight = TwoWay::new(&pattern(rows, cols, dense, 1)).unwrap();
            let mut values = numbers(weight.nnz(), 2);
            let csr = data(n, cols, active, 3);
            let x = filled(&csr, &(0..n as u32).collect::<Vec<_>>(), Factors::One(1.0));
            let dy = gradient(rows, n, 5);
            let (mut found, mut expected) = (vec![1.0; weight.nnz()], vec![0.0; weight.nnz()]);
            backward(&weight, &mut values, &x, &dy, Gradient::Accumulate(&mut found), false);
            reference::backward(&weight, &x, &dy, &mut expected);
            expected.iter_mut().for_each(|g| *g += 1.0);
            assert_close(&found, &expected, 1e-5, &format!("{rows} × {cols}, {n} samples"));
            assert_eq!(values, numbers(weight.nnz(), 2), "values stay");
        }
    });
}

/// Values and moments after one step of Adam from the same start.
fn step(weight: &TwoWay, x: &SparseBatch, dy: &Batch, lazy: bool) -> [Vec<f32>; 3] {
    let nnz = weight.nnz();
    let [mut w, mut m, mut v] = [numbers(nnz, 2), numbers(nnz, 3), vec![0.5; nnz]];
    let gradient = Gradient::Apply {
        update: (&ADAM).into(),
        moments: Moments { first: &mut m, second: &mut v, ..Moments::default() },
    };
    backward(weight, &mut w, x, dy, gradient, lazy);
    [w, m, v]
}

#[test]
fn the_optimizer_gets_the_gradient_of_every_column() {
    on_every_isa(|| {
        for (rows, cols, dense, n, active) in SHAPES {
            let weight = TwoWay::new(&pattern(rows, cols, dense, 1)).unwrap();
            let x = filled(&data(n, cols, active, 3), &(0..n as u32).collect::<Vec<_>>(), Factors::One(1.0));
            let (dy, nnz) = (gradient(rows, n, 5), weight.nnz());
            let mut sum = vec![0.0; nnz];
            backward(&weight, &mut numbers(nnz, 2), &x, &dy, Gradient::Accumulate(&mut sum), false);
            let [mut w, mut m, mut v] = [numbers(nnz, 2), numbers(nnz, 3), vec![0.5; nnz]];
            apply(&ADAM, &sum, &mut w, Moments { first: &mut m, second: &mut v, ..Moments::default() });
            let found = step(&weight, &x, &dy, false);
            assert_eq!(found.map(|a| bits(&a)), [w, m, v].map(|a| bits(&a)), "{rows} × {cols}");
        }
    });
}

#[test]
fn lazy_touches_active_columns_only_and_those_alike() {
    let weight = TwoWay::new(&pattern(30, 200, 0.3, 1)).unwrap();
    let x = filled(&data(9, 200, 0.02, 3), &(0..9).collect::<Vec<_>>(), Factors::One(1.0));
    let dy = gradient(30, 9, 5);
    let (full, lazy) = (step(&weight, &x, &dy, false), step(&weight, &x, &dy, true));
    let start = [numbers(weight.nnz(), 2), numbers(weight.nnz(), 3), vec![0.5; weight.nnz()]];
    for j in 0..200u32 {
        let entries = weight.col_ptr()[j as usize] as usize..weight.col_ptr()[j as usize + 1] as usize;
        let expected = if x.active().binary_search(&j).is_ok() { &full } else { &start };
        for (found, expected) in lazy.iter().zip(expected) {
            assert_eq!(bits(&found[entries.clone()]), bits(&expected[entries.clone()]), "column {j}");
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let weight = TwoWay::new(&pattern(300, 900, 0.2, 1)).unwrap();
    let values = numbers(weight.nnz(), 2);
    let x = filled(&data(130, 900, 0.05, 3), &(0..130).collect::<Vec<_>>(), Factors::One(1.0));
    let dy = gradient(300, 130, 5);
    same_bits_on_any_threads(|| {
        let mut y = Batch::zeros(300, 130).unwrap();
        forward(&weight, &values, &x, &mut y);
        let mut all = samples(&y);
        step(&weight, &x, &dy, true).into_iter().chain(step(&weight, &x, &dy, false)).for_each(|a| all.extend(a));
        all
    });
}
