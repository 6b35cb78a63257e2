//! Sparse weights against masked dense ones.

mod common;

use common::{away_from_zero, batch, check_close, numbers, random};
use rarefy_core::pattern::{Pattern, Structure};
use rarefy_core::random::Key;
use rarefy_nn::optimizer::{Kind, Optimizer};
use rarefy_nn::{Step, Weight};

/// Every kind of optimizer, with all of its terms.
fn optimizers() -> Vec<Optimizer> {
    [
        Kind::Sgd { momentum: 0.0, nesterov: false },
        Kind::Sgd { momentum: 0.9, nesterov: false },
        Kind::Sgd { momentum: 0.9, nesterov: true },
        Kind::named("adam").unwrap(),
        Kind::named("adamw").unwrap(),
        Kind::RmsProp { alpha: 0.9, momentum: 0.0, epsilon: 1e-3 },
        Kind::RmsProp { alpha: 0.9, momentum: 0.5, epsilon: 1e-3 },
    ]
    .map(|kind| Optimizer { kind, learning_rate: 0.01, weight_decay: 0.02, ..Optimizer::default() })
    .into()
}

/// A layer `rows × cols` with a weight on a random pattern of this density, and its twin whose weight is stored whole.
fn twins(density: f64, moments: usize) -> (Weight, Weight, Pattern) {
    let (rows, cols) = (9, 21);
    let entries = (density * (rows * cols) as f64) as usize;
    let pattern = Pattern::random((rows, cols), entries, Structure::Unstructured, Key::new(1, 1)).unwrap();
    let sparse = Weight::random(&pattern, Key::new(1, 2), moments).unwrap();
    let whole = Pattern::full(rows, cols).unwrap();
    let mut values = vec![0.0; rows * cols];
    places(&pattern).zip(sparse.values()).for_each(|(at, value)| values[at] = value);
    (sparse, Weight::new(&whole, &values, moments).unwrap(), pattern)
}

/// Where each entry of a pattern is in a matrix that is stored whole.
fn places(pattern: &Pattern) -> impl Iterator<Item = usize> {
    (0..pattern.rows()).flat_map(move |i| pattern.row(i).iter().map(move |&j| i * pattern.cols() + j as usize))
}

#[test]
fn sparse_weights_take_the_path_of_masked_dense_ones() {
    for (density, stored_dense) in [(0.0, false), (0.1, false), (0.3, false), (0.5, true), (0.9, true)] {
        for optimizer in optimizers() {
            for accumulate in [false, true] {
                let (mut sparse, mut whole, pattern) = twins(density, optimizer.moments());
                assert_eq!(sparse.is_dense(), stored_dense, "density {density}");
                let mut random = random(8);
                for step in 0..5 {
                    let x = batch(21, 33, 0.7, |_, _| away_from_zero(&mut random));
                    let dy = batch(9, 33, 0.0, |_, _| away_from_zero(&mut random));
                    let rule = optimizer.rule(step, 5);
                    let [one, two] = [&mut sparse, &mut whole].map(|weight| {
                        let (mut y, mut dx) = (batch(9, 33, 0.0, |_, _| 9.0), batch(21, 33, 0.0, |_, _| 9.0));
                        weight.forward(&x, &mut y);
                        if accumulate {
                            // Two halves of a step.
                            weight.backward(&x, &dy, None, Step::Accumulate);
                            weight.backward(&x, &dy, Some(&mut dx), Step::Accumulate);
                            weight.param_mut().apply_gradient(&rule);
                        } else {
                            weight.backward(&x, &dy, Some(&mut dx), Step::Apply(&rule));
                        }
                        (numbers(&y), numbers(&dx))
                    });
                    let what = format!("density {density}, {optimizer:?}, step {step}");
                    check_close(&format!("{what}: outputs"), &one.0, &two.0, 1e-5);
                    check_close(&format!("{what}: gradient of inputs"), &one.1, &two.1, 1e-5);
                    let all = whole.param().values.clone();
                    let expected: Vec<f32> = places(&pattern).map(|at| all[at]).collect();
                    check_close(&what, &sparse.values(), &expected, 1e-5);
                    // The mask.
                    whole.param_mut().values.fill(0.0);
                    places(&pattern).for_each(|at| whole.param_mut().values[at] = all[at]);
                }
                assert_eq!(sparse.pattern().unwrap(), pattern, "density {density}: the pattern stays");
            }
        }
    }
}

#[test]
fn zeros_outside_the_pattern_stay_zero_in_a_weight_stored_dense() {
    let (mut weight, _, pattern) = twins(0.6, 2);
    let mut random = random(8);
    let rule = Optimizer::default().rule(0, 1);
    let x = batch(21, 5, 0.0, |_, _| away_from_zero(&mut random));
    let dy = batch(9, 5, 0.0, |_, _| away_from_zero(&mut random));
    weight.backward(&x, &dy, None, Step::Apply(&rule));
    let nonzero = weight.param().values.iter().filter(|&&x| x != 0.0).count();
    assert_eq!(nonzero, pattern.nnz());
}
