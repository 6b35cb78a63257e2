use super::*;
use crate::kernels::testing::{
    activations, assert_batches_close, assert_close, bits, gradient, numbers, on_every_isa, same_bits_on_any_threads,
    samples,
};
use crate::kernels::update::{self, AdamStep, Moments, Rule};
use crate::matrix::Batch;
use crate::pattern::Pattern;
use crate::random::Key;

const ADAM: Rule = Rule::Adam(AdamStep {
    learning_rate: 0.01,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weight_decay: 0.01,
    decoupled: true,
    correction1: 0.1,
    correction2: 0.001,
});

const BATCHES: [usize; 10] = [1, 2, 7, 16, 31, 64, 96, 100, 128, 130];

/// `(rows, columns, density)`; 0.02 leaves rows and columns empty; 600 columns are several blocks.
const WEIGHTS: [(usize, usize, f32); 11] = [
    (1, 1, 1.0),
    (1, 70, 0.5),
    (70, 1, 0.5),
    (2, 3, 1.0),
    (8, 16, 0.3),
    (17, 31, 0.02),
    (33, 9, 1.0),
    (70, 70, 0.02),
    (64, 50, 0.2),
    (5, 4, 0.0),
    (40, 600, 0.1),
];

/// A random weight pattern; its middle row and column are empty where there are more than two.
fn weight(rows: usize, cols: usize, density: f32) -> TwoWay {
    let mut random = Key::new(rows as u64 * 1000 + cols as u64, 0).stream(0);
    let (mut indptr, mut indices) = (vec![0], Vec::new());
    let gap = |n: usize, i: usize| density < 1.0 && n > 2 && i == n / 2;
    for i in 0..rows {
        for j in 0..cols {
            let kept = random.uniform_f32() < density && !gap(rows, i) && !gap(cols, j);
            indices.extend(kept.then_some(j as u32));
        }
        indptr.push(indices.len() as u32);
    }
    TwoWay::new(&Pattern::new(rows, cols, indptr, indices).unwrap()).unwrap()
}

/// Calls `test` with every weight and batch size, on every instruction set.
fn on_every_shape(test: impl Fn(&TwoWay, &[f32], usize, &str)) {
    on_every_isa(|| {
        for (rows, cols, density) in WEIGHTS {
            let weight = weight(rows, cols, density);
            let values = numbers(weight.nnz(), 2);
            for n in BATCHES {
                test(&weight, &values, n, &format!("{rows} × {cols} at {density}, batch {n}"));
            }
        }
    });
}

#[test]
fn both_orders_hold_the_pattern() {
    on_every_isa(|| {
        for (rows, cols, density) in WEIGHTS.into_iter().chain([(300, 700, 0.05)]) {
            let weight = weight(rows, cols, density);
            let pattern = weight.pattern().unwrap();
            let by_column = |k: u32| {
                let j = (0..cols).find(|&j| (weight.col_ptr()[j]..weight.col_ptr()[j + 1]).contains(&k)).unwrap();
                (weight.row_idx()[k as usize] as usize, j)
            };
            let order = weight.row_order().into_iter().map(by_column);
            assert!(order.eq(pattern.iter()), "{rows} × {cols} at {density}");
            assert_eq!(TwoWay::new(&pattern).unwrap(), weight);
        }
    });
}

#[test]
fn forward_agrees_with_its_reference() {
    on_every_shape(|weight, values, n, what| {
        let x = activations(weight.cols(), n, 1.0, 3);
        let (mut fast, mut slow) = (activations(weight.rows(), n, 1.0, 4), Batch::zeros(weight.rows(), n).unwrap());
        forward(weight, values, &x, &mut fast);
        reference::forward(weight, values, &x, &mut slow);
        assert_batches_close(&fast, &slow, 1e-5, what);
        assert!(fast.data().iter().all(|y| y.is_finite()), "padding, {what}");
    });
}

#[test]
fn backward_accumulates_what_its_reference_computes() {
    on_every_shape(|weight, values, n, what| {
        let (x, dy) = (activations(weight.cols(), n, 1.0, 3), gradient(weight.rows(), n, 4));
        let (mut exact, mut exact_dx) = (vec![0.0; weight.nnz()], Batch::zeros(weight.cols(), n).unwrap());
        reference::backward(weight, values, &x, &dy, Some(&mut exact_dx), &mut exact);
        exact.iter_mut().for_each(|g| *g += 0.5);
        for wants_dx in [false, true] {
            let mut dx = activations(weight.cols(), n, 1.0, 5);
            let (mut sum, mut kept) = (vec![0.5; weight.nnz()], values.to_vec());
            let to = wants_dx.then_some(&mut dx);
            backward(weight, &mut kept, &x, &dy, to, Gradient::Accumulate(&mut sum), None);
            assert_close(&sum, &exact, 1e-5, what);
            assert_eq!(kept, values, "values stay, {what}");
            if wants_dx {
                assert_batches_close(&dx, &exact_dx, 1e-5, what);
                let width = dx.width();
                let mut rows = dx.data().chunks_exact(dx.stride());
                assert!(rows.all(|row| row[n..width].iter().all(|&x| x == 0.0)), "padding of dx, {what}");
            }
        }
    });
}

/// Values, moments and `dx` after one fused step of Adam.
fn fused(
    weight: &TwoWay,
    values: &[f32],
    x: &Batch,
    dy: &Batch,
    dx: &mut Batch,
    columns: Option<&[u32]>,
) -> [Vec<f32>; 3] {
    let nnz = weight.nnz();
    let [mut w, mut m, mut v] = [values.to_vec(), numbers(nnz, 6), vec![0.25; nnz]];
    let moments = Moments { first: &mut m, second: &mut v, ..Moments::default() };
    backward(weight, &mut w, x, dy, Some(dx), Gradient::Apply { update: (&ADAM).into(), moments }, columns);
    [w, m, v]
}

#[test]
fn the_fused_step_is_the_two_steps_bit_for_bit() {
    on_every_shape(|weight, values, n, what| {
        let (x, dy) = (activations(weight.cols(), n, 1.0, 3), gradient(weight.rows(), n, 4));
        let (mut dx, mut fused_dx) = (Batch::zeros(weight.cols(), n).unwrap(), Batch::zeros(weight.cols(), n).unwrap());
        let mut sum = vec![0.0; weight.nnz()];
        backward(weight, &mut values.to_vec(), &x, &dy, Some(&mut dx), Gradient::Accumulate(&mut sum), None);
        let [mut w, mut m, mut v] = [values.to_vec(), numbers(weight.nnz(), 6), vec![0.25; weight.nnz()]];
        update::apply(&ADAM, &sum, &mut w, Moments { first: &mut m, second: &mut v, ..Moments::default() });
        let found = fused(weight, values, &x, &dy, &mut fused_dx, None);
        assert_eq!(found.map(|a| bits(&a)), [w, m, v].map(|a| bits(&a)), "{what}");
        assert_eq!(bits(&samples(&fused_dx)), bits(&samples(&dx)), "dx, {what}");
    });
}

#[test]
fn a_list_of_columns_leaves_the_others_alone() {
    on_every_shape(|weight, values, n, what| {
        let (x, dy) = (activations(weight.cols(), n, 1.0, 3), gradient(weight.rows(), n, 4));
        // Neighbours and lone columns, the first and perhaps the last.
        let list: Vec<u32> = (0..weight.cols() as u32).filter(|j| j % 5 < 2 || j % 7 == 3).collect();
        let untouched = activations(weight.cols(), n, 1.0, 9);
        let (mut all_dx, mut some_dx) = (untouched.clone(), untouched.clone());
        let all = fused(weight, values, &x, &dy, &mut all_dx, None);
        let some = fused(weight, values, &x, &dy, &mut some_dx, Some(&list));
        let start = [values.to_vec(), numbers(weight.nnz(), 6), vec![0.25; weight.nnz()]];
        for j in 0..weight.cols() {
            let listed = list.contains(&(j as u32));
            let entries = weight.col_ptr()[j] as usize..weight.col_ptr()[j + 1] as usize;
            let expected = if listed { &all } else { &start };
            for (found, expected) in some.iter().zip(expected) {
                assert_eq!(bits(&found[entries.clone()]), bits(&expected[entries.clone()]), "column {j}, {what}");
            }
            let expected = if listed { &all_dx } else { &untouched };
            assert_eq!(bits(some_dx.row(j)), bits(expected.row(j)), "dx {j}, {what}");
        }
    });
}

#[test]
fn columns_with_more_entries_than_a_task_are_whole() {
    on_every_isa(|| {
        let rows = 20_000;
        let pattern = Pattern::new(rows, 2, (0..=rows as u32).map(|i| i * 2).collect(), [0, 1].repeat(rows)).unwrap();
        let weight = TwoWay::new(&pattern).unwrap();
        let mut values = numbers(weight.nnz(), 2);
        let (x, dy) = (activations(2, 3, 1.0, 3), gradient(rows, 3, 4));
        let (mut exact, mut sum) = (vec![0.0; weight.nnz()], vec![0.0; weight.nnz()]);
        reference::backward(&weight, &values, &x, &dy, None, &mut exact);
        backward(&weight, &mut values, &x, &dy, None, Gradient::Accumulate(&mut sum), None);
        assert_close(&sum, &exact, 1e-5, "long columns");
    });
}

#[test]
fn threads_change_no_bit() {
    let weight = weight(400, 500, 0.2);
    let values = numbers(weight.nnz(), 2);
    let (x, dy) = (activations(500, 130, 1.0, 3), gradient(400, 130, 4));
    let list: Vec<u32> = (0..500).filter(|j| j % 3 != 1).collect();
    same_bits_on_any_threads(|| {
        let mut y = Batch::zeros(400, 130).unwrap();
        forward(&weight, &values, &x, &mut y);
        let mut all = samples(&y);
        for columns in [None, Some(&list[..])] {
            let mut dx = Batch::zeros(500, 130).unwrap();
            fused(&weight, &values, &x, &dy, &mut dx, columns).iter().for_each(|a| all.extend(a));
            all.extend(samples(&dx));
        }
        all
    });
}

#[test]
fn sums_of_the_optimizer_do_not_depend_on_threads_and_are_those_of_the_two_steps() {
    // Enough entries that the cuts between tasks would follow the number of threads.
    let weight = TwoWay::new(&Pattern::full(96, 300).unwrap()).unwrap();
    let (values, nnz) = (numbers(weight.nnz(), 2), weight.nnz());
    let (x, dy) = (activations(300, 20, 1.0, 3), gradient(96, 20, 4));
    let adam = AdamStep {
        learning_rate: 0.1,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.1,
        decoupled: false,
        correction1: 0.5,
        correction2: 0.25,
    };
    let rule = Rule::Prodigy { adam, distance: 0.5 };
    let start = || [values.clone(), numbers(nnz, 6), vec![0.25; nnz], numbers(nnz, 7), numbers(nnz, 8)];
    same_bits_on_any_threads(|| {
        let [mut w, mut first, mut second, mut sum, mut begin] = start();
        let moments = Moments { first: &mut first, second: &mut second, sum: &mut sum, start: &mut begin };
        let apply = Gradient::Apply { update: (&rule).into(), moments };
        let sums = backward(&weight, &mut w, &x, &dy, None, apply, None);
        let mut gradient = vec![0.0; nnz];
        backward(&weight, &mut w.clone(), &x, &dy, None, Gradient::Accumulate(&mut gradient), None);
        let [mut w2, mut first2, mut second2, mut sum2, mut begin2] = start();
        let moments = Moments { first: &mut first2, second: &mut second2, sum: &mut sum2, start: &mut begin2 };
        let apart = update::apply(&rule, &gradient, &mut w2, moments);
        assert_eq!([&w, &first, &second, &sum].map(|a| bits(a)), [&w2, &first2, &second2, &sum2].map(|a| bits(a)));
        for (fused, apart) in [(sums.descent, apart.descent), (sums.length, apart.length)] {
            assert!((fused - apart).abs() < 1e-5 * sums.length, "{fused} and {apart}");
        }
        let whole = [sums.descent.to_bits(), sums.length.to_bits()];
        w.extend(whole.into_iter().flat_map(|b| [b as u32, (b >> 32) as u32]).map(f32::from_bits));
        w
    });
}
