//! What the tests of the trainer share.
#![allow(dead_code, reason = "each test binary uses a part")]

use rarefy_data::{Dataset, Factors, bundled, split};
use rarefy_nn::{Config, Net, Network, Optimizer, Sparsity, Split};
use std::sync::{Mutex, MutexGuard, OnceLock};

/// The number of threads belongs to the process: tests that set it, or compare bits, hold this.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Scikit-learn's digits.
pub fn digits() -> &'static Dataset {
    static DIGITS: OnceLock<Dataset> = OnceLock::new();
    DIGITS.get_or_init(|| bundled::load("digits").unwrap().train)
}

/// So many rows of the digits to train on, and so many others to validate with.
pub fn parts(train: usize, validation: usize) -> (Split<'static>, Split<'static>) {
    let data = digits();
    let share = |rows: usize| rows as f64 / data.rows() as f64;
    let parts = split::random(data.rows(), &[share(train), share(validation)], 7).unwrap();
    let factors = Factors::Same(1.0 / 16.0);
    (Split::new(data, &parts[0], factors.clone()), Split::new(data, &parts[1], factors))
}

/// Three epochs of a small network at density 0.2.
pub fn config(method: &str, optimizer: &str) -> Config {
    let sparsity = Sparsity { every: 3, ..Sparsity::named(method).unwrap() };
    let density = if method == "dense" { 1.0 } else { 0.2 };
    Config {
        net: Net::new(64).linear(48).relu().linear(32).relu().linear(10),
        optimizer: Optimizer::named(optimizer).unwrap(),
        sparsity: Sparsity { density, ..sparsity },
        batch: 32,
        epochs: 3,
        seed: 11,
        ..Config::default()
    }
}

/// All patterns, and the values and moments of all entries in them, bit for bit.
pub fn bits(network: &Network) -> Vec<u32> {
    let mut bits = Vec::new();
    for layer in network.layers() {
        for (_, param) in layer.params() {
            let moments = param.moments().map(|(_, moment)| moment);
            for array in [&param.values, &param.memory].into_iter().chain(moments) {
                // What is stored beside the pattern of a dense weight is nobody's.
                let array = match layer.weight() {
                    Some(weight) if !array.is_empty() => weight.in_row_order(array),
                    _ => array.clone(),
                };
                bits.extend(array.iter().map(|v| v.to_bits()));
            }
        }
        if let Some(weight) = layer.weight() {
            let (indptr, indices) = weight.pattern().unwrap().into_parts();
            bits.extend(indptr.into_iter().chain(indices));
            bits.extend(weight.front().into_iter().flatten());
        }
    }
    bits
}
