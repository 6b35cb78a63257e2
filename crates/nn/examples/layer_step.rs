//! Times one training step of one linear layer without bias: forward, dX, dW and Adam.
//!
//! `layer_step SIZE BATCH DENSITY THREADS REPEATS` prints one JSON object, in milliseconds. `bench/peers/training.py` runs it
//! beside PyTorch. With THREADS 0, one and two threads take turns every ten steps, and `speedup` is the median ratio of
//! neighbours: a machine that changes its speed meets both alike.

use rarefy_core::kernels::update::{AdamStep, Rule};
use rarefy_core::matrix::Batch;
use rarefy_core::pattern::{Pattern, Structure};
use rarefy_core::random::Key;
use rarefy_core::{kernels, parallel};
use rarefy_nn::{Result, Step, Weight};
use std::time::Instant;

/// Steps that a number of threads takes before another one's turn; the first of each are to warm up.
const TURN: usize = 10;

fn main() -> Result<()> {
    let arguments: Vec<f64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let [size, batch, density, threads, repeats] = arguments[..] else {
        eprintln!("layer_step SIZE BATCH DENSITY THREADS REPEATS");
        std::process::exit(2);
    };
    let (size, batch, repeats) = (size as usize, batch as usize, repeats as usize);
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
    let rule = Rule::Adam(AdamStep {
        learning_rate: 1e-6,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.0,
        decoupled: false,
        correction1: 1.0,
        correction2: 1.0,
    });
    let turns: Vec<usize> = if threads == 0.0 { vec![1, 2] } else { vec![threads as usize] };
    let mut times = vec![[(); 3].map(|()| Vec::new()); turns.len()];
    for at in 0..(repeats + TURN) * turns.len() {
        let turn = at / TURN % turns.len();
        parallel::set_threads(turns[turn]);
        let start = Instant::now();
        weight.forward(&x, &mut y);
        let middle = start.elapsed().as_secs_f64() * 1e3;
        weight.backward(&x, &dy, Some(&mut dx), Step::Apply(&rule));
        let whole = start.elapsed().as_secs_f64() * 1e3;
        if at >= TURN * turns.len() {
            let found = [middle, whole - middle, whole];
            times[turn].iter_mut().zip(found).for_each(|(part, time)| part.push(time));
        }
    }
    let median = |times: &[f64]| {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    let (nnz, isa) = (weight.nnz(), kernels::isa().name());
    let mut result = format!(r#"{{"nnz":{nnz},"isa":"{isa}""#);
    for (name, part) in ["forward", "backward", "step"].iter().zip(&times[0]) {
        let best = part.iter().copied().fold(f64::INFINITY, f64::min);
        result += &format!(r#","{name}":{:.4},"{name}_best":{best:.4}"#, median(part));
    }
    if let [one, two] = &times[..] {
        let ratios: Vec<f64> = one[2].iter().zip(&two[2]).map(|(one, two)| one / two).collect();
        result += &format!(r#","speedup":{:.4}"#, median(&ratios));
    }
    println!("{result}}}");
    Ok(())
}
