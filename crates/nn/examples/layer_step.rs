//! Times one training step of one linear layer without bias: forward, dX, dW and Adam.
//!
//! `layer_step SIZE BATCH DENSITY THREADS REPEATS` prints one JSON object, in milliseconds. `bench/peers/training.py` runs it
//! beside PyTorch.

use rarefy_core::kernels::update::Rule;
use rarefy_core::matrix::Batch;
use rarefy_core::pattern::{Pattern, Structure};
use rarefy_core::random::Key;
use rarefy_core::{kernels, parallel};
use rarefy_nn::{Result, Step, Weight};
use std::time::Instant;

fn main() -> Result<()> {
    let arguments: Vec<f64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let [size, batch, density, threads, repeats] = arguments[..] else {
        eprintln!("layer_step SIZE BATCH DENSITY THREADS REPEATS");
        std::process::exit(2);
    };
    let (size, batch, repeats) = (size as usize, batch as usize, repeats as usize);
    parallel::set_threads(threads as usize);
    let entries = (density * (size * size) as f64) as usize;
    let pattern = if density >= 1.0 {
        Pattern::full(size, size)?
    } else {
        Pattern::random((size, size), entries, Structure::Unstructured, Key::new(1, 0))?
    };
    let mut weight = Weight::random(&pattern, Key::new(1, 1), 2)?;
    let mut random = Key::new(1, 2).stream(0);
    let mut normal = || -> Result<Batch> {
        let mut batch = Batch::zeros(size, batch)?;
        (0..size).for_each(|j| batch.row_mut(j).fill_with(|| random.normal_f32()));
        Ok(batch)
    };
    let (x, dy) = (normal()?, normal()?);
    let (mut y, mut dx) = (Batch::zeros(size, batch)?, Batch::zeros(size, batch)?);
    let rule = Rule::Adam {
        learning_rate: 1e-6,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.0,
        decoupled: false,
        correction1: 1.0,
        correction2: 1.0,
    };
    let (mut forward, mut backward, mut step) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..repeats + 3 {
        let start = Instant::now();
        weight.forward(&x, &mut y);
        let middle = start.elapsed().as_secs_f64();
        weight.backward(&x, &dy, Some(&mut dx), Step::Apply(&rule));
        let whole = start.elapsed().as_secs_f64();
        forward.push(middle * 1e3);
        backward.push((whole - middle) * 1e3);
        step.push(whole * 1e3);
    }
    let median = |times: &mut Vec<f64>| {
        times.drain(..3);
        times.sort_by(f64::total_cmp);
        (times[times.len() / 2], times[0])
    };
    let ((forward, forward_best), (backward, backward_best), (step, best)) =
        (median(&mut forward), median(&mut backward), median(&mut step));
    let (nnz, isa) = (weight.nnz(), kernels::isa().name());
    println!(
        r#"{{"nnz":{nnz},"isa":"{isa}","forward":{forward:.4},"backward":{backward:.4},"step":{step:.4},"best":{best:.4},"forward_best":{forward_best:.4},"backward_best":{backward_best:.4}}}"#
    );
    Ok(())
}
