//! What the tests of layers, losses and optimizers share.
#![allow(dead_code, reason = "each test binary uses a part")]

use rarefy_core::matrix::Batch;
use rarefy_core::random::{Key, Stream};
use rarefy_nn::loss::{Targets, loss};
use rarefy_nn::{Mode, Network, Param, Step};

/// Batch sizes around the width of a vector.
pub const LENGTHS: [usize; 4] = [1, 5, 16, 33];

/// Random numbers for test `stream`.
pub fn random(stream: u32) -> Stream {
    Key::new(2024, stream).stream(0)
}

/// A batch whose entry `(j, s)` is `number(j, s)`, and whose padding is `padding`.
pub fn batch(features: usize, len: usize, padding: f32, mut number: impl FnMut(usize, usize) -> f32) -> Batch {
    let mut batch = Batch::zeros(features, len).unwrap();
    batch.data_mut().fill(padding);
    for j in 0..features {
        batch.row_mut(j).iter_mut().enumerate().for_each(|(s, x)| *x = number(j, s));
    }
    batch
}

/// Numbers of either sign and at least 0.1 in size, so that small changes cross no kink at zero.
pub fn away_from_zero(random: &mut Stream) -> f32 {
    let size = 0.1 + 1.4 * random.uniform_f32();
    if random.uniform_f32() < 0.5 { -size } else { size }
}

/// ±1, equally likely.
pub fn sign(random: &mut Stream) -> f32 {
    if random.uniform_f32() < 0.5 { -1.0 } else { 1.0 }
}

/// The samples of all features, without padding.
pub fn numbers(batch: &Batch) -> Vec<f32> {
    (0..batch.features()).flat_map(|j| batch.row(j).to_vec()).collect()
}

/// Whether all padding is zero.
pub fn padding_is_zero(batch: &Batch) -> bool {
    batch.data().chunks(batch.stride()).all(|row| row[batch.len()..].iter().all(|&x| x == 0.0))
}

/// `Σ a·b` in double precision.
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// Checks the gradient of `value` at `at` along random directions of ±1 by central differences, relative to its length.
pub fn check_gradient(what: &str, at: &[f32], gradient: &[f32], mut value: impl FnMut(&[f32]) -> f64) {
    const STEP: f32 = 1.0 / 128.0;
    let mut random = random(7);
    let length = dot(gradient, gradient).sqrt();
    for _ in 0..6 {
        let direction: Vec<f32> = at.iter().map(|_| sign(&mut random)).collect();
        let mut moved = |step: f32| value(&at.iter().zip(&direction).map(|(x, d)| x + step * d).collect::<Vec<_>>());
        // Of fourth order: (8 (f(h) − f(−h)) − (f(2h) − f(−2h))) / 12h.
        let near = moved(STEP) - moved(-STEP);
        let far = moved(2.0 * STEP) - moved(-2.0 * STEP);
        let difference = (8.0 * near - far) / (12.0 * f64::from(STEP));
        let along = dot(gradient, &direction);
        assert!(
            (difference - along).abs() <= 1e-3 * length + 2e-4,
            "{what}: {along} by hand, {difference} by differences"
        );
    }
}

/// Checks that two arrays agree to `tolerance` times the largest number.
pub fn check_close(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * largest, "{what}: entry {i} is {a}, expected {b}");
    }
}

/// One network's accumulated gradients under squared error, and its loss.
pub fn loss_and_gradients(network: &mut Network, x: &Batch, t: &Batch) -> f64 {
    let mode = Mode::Train { seed: 5, step: 3, row: 64 };
    network.input(x.len()).unwrap().data_mut().copy_from_slice(x.data());
    network.forward(mode);
    let (z, dz) = network.output().unwrap();
    let value = loss("squared-error").unwrap().evaluate(z, &Targets::Values(t), None, 1.0, Some(dz)).unwrap();
    network.backward(mode, Step::Accumulate);
    value
}

/// Checks the gradients of all numbers of a network of 5 inputs and 3 outputs.
pub fn check_network(what: &str, network: &mut Network) {
    let mut random = random(3);
    let x = batch(5, 17, 0.0, |_, _| away_from_zero(&mut random));
    let t = batch(3, 17, 0.0, |_, _| away_from_zero(&mut random));
    loss_and_gradients(network, &x, &t);
    let params: Vec<Vec<Param>> =
        network.layers().iter().map(|l| l.params().into_iter().map(|(_, p)| p.clone()).collect()).collect();
    for (at, params) in params.iter().enumerate() {
        for (i, Param { values, gradient, .. }) in params.iter().enumerate() {
            check_gradient(&format!("{what}, layer {at}"), values, gradient, |moved| {
                network.layers_mut()[at].params_mut()[i].1.values.copy_from_slice(moved);
                loss_and_gradients(network, &x, &t)
            });
            network.layers_mut()[at].params_mut()[i].1.values.copy_from_slice(values);
        }
    }
}
