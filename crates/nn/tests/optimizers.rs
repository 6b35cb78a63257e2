//! Optimizers against the papers' formulas, schedules against closed forms, clipping.

mod common;

use common::{away_from_zero, batch, check_close, random};
use rarefy_core::kernels::update::{AdamStep, Rule};
use rarefy_nn::net::Build;
use rarefy_nn::optimizer::{Clip, Kind, Optimizer, Schedule, Shape, registry};
use rarefy_nn::{Mode, Net, Network, Param, Step};

const RATE: f64 = 0.05;
const DECAY: f64 = 0.01;

/// What a formula remembers of one number, in double precision.
#[derive(Default, Clone, Copy)]
struct Memory {
    first: f64,
    second: f64,
}

/// One step of one number as PyTorch's documentation writes it: the new value. `t` counts from 1.
type Formula = fn(g: f64, w: f64, memory: &mut Memory, t: i32) -> f64;

fn sgd(g: f64, w: f64, _: &mut Memory, _: i32) -> f64 {
    w - RATE * (g + DECAY * w)
}

fn momentum(g: f64, w: f64, memory: &mut Memory, t: i32) -> f64 {
    let g = g + DECAY * w;
    memory.first = if t == 1 { g } else { 0.9 * memory.first + g };
    w - RATE * memory.first
}

fn nesterov(g: f64, w: f64, memory: &mut Memory, t: i32) -> f64 {
    momentum(g, w, memory, t);
    w - RATE * (g + DECAY * w + 0.9 * memory.first)
}

fn adam(g: f64, w: f64, memory: &mut Memory, t: i32) -> f64 {
    bare_adam(g + DECAY * w, w, memory, t)
}

fn adamw(g: f64, w: f64, memory: &mut Memory, t: i32) -> f64 {
    bare_adam(g, w - RATE * DECAY * w, memory, t)
}

fn bare_adam(g: f64, w: f64, memory: &mut Memory, t: i32) -> f64 {
    memory.first = 0.9 * memory.first + 0.1 * g;
    memory.second = 0.99 * memory.second + 0.01 * g * g;
    let (first, second) = (memory.first / (1.0 - 0.9f64.powi(t)), memory.second / (1.0 - 0.99f64.powi(t)));
    w - RATE * first / (second.sqrt() + 1e-6)
}

fn rmsprop(g: f64, w: f64, memory: &mut Memory, _: i32) -> f64 {
    let g = g + DECAY * w;
    memory.second = 0.9 * memory.second + 0.1 * g * g;
    w - RATE * g / (memory.second.sqrt() + 1e-6)
}

fn rmsprop_momentum(g: f64, w: f64, memory: &mut Memory, _: i32) -> f64 {
    let g = g + DECAY * w;
    memory.second = 0.9 * memory.second + 0.1 * g * g;
    memory.first = 0.5 * memory.first + g / (memory.second.sqrt() + 1e-6);
    w - RATE * memory.first
}

/// Every kind with its formula and the number of moments that it needs. A new optimizer adds its line here.
fn cases() -> [(Kind, Formula, usize); 7] {
    let (beta1, beta2, epsilon) = (0.9, 0.99, 1e-6);
    [
        (Kind::Sgd { momentum: 0.0, nesterov: false }, sgd, 0),
        (Kind::Sgd { momentum: 0.9, nesterov: false }, momentum, 1),
        (Kind::Sgd { momentum: 0.9, nesterov: true }, nesterov, 1),
        (Kind::Adam { beta1, beta2, epsilon }, adam, 2),
        (Kind::AdamW { beta1, beta2, epsilon }, adamw, 2),
        (Kind::RmsProp { alpha: 0.9, momentum: 0.0, epsilon }, rmsprop, 1),
        (Kind::RmsProp { alpha: 0.9, momentum: 0.5, epsilon }, rmsprop_momentum, 2),
    ]
}

fn optimizer(kind: Kind) -> Optimizer {
    Optimizer { kind, learning_rate: RATE as f32, weight_decay: DECAY as f32, ..Optimizer::default() }
}

#[test]
fn twenty_steps_on_a_quadratic_follow_the_formula() {
    for (kind, formula, moments) in cases() {
        let optimizer = optimizer(kind);
        assert_eq!(optimizer.moments(), moments, "{kind:?}");
        // ½ Σ c (w − a)², which pulls each of 37 numbers to its own place with its own force.
        let mut random = random(1);
        let mut numbers = || (0..37).map(|_| away_from_zero(&mut random)).collect::<Vec<f32>>();
        let (start, target, force) = (numbers(), numbers(), numbers());
        let gradient = |i: usize, w: f64| f64::from(force[i]).abs() * (w - f64::from(target[i]));
        let mut param = Param::new(start.clone(), moments);
        let mut exact: Vec<(f64, Memory)> = start.iter().map(|&w| (f64::from(w), Memory::default())).collect();
        for step in 0..20 {
            let fresh: Vec<f32> =
                param.values.iter().enumerate().map(|(i, &w)| gradient(i, f64::from(w)) as f32).collect();
            param.take(&fresh, Step::Apply(&optimizer.rule(step, 20)));
            for (i, (w, memory)) in exact.iter_mut().enumerate() {
                *w = formula(gradient(i, *w), *w, memory, step as i32 + 1);
            }
        }
        let expected: Vec<f32> = exact.iter().map(|(w, _)| *w as f32).collect();
        check_close(&format!("{kind:?}"), &param.values, &expected, 2e-5);
    }
}

#[test]
fn every_optimizer_of_the_registry_is_in_the_table() {
    for entry in registry() {
        assert!(cases().iter().any(|(kind, ..)| kind.name() == entry.name), "{}", entry.name);
        assert_eq!(Kind::named(entry.name).unwrap(), entry.kind);
        assert_eq!(entry.kind.name(), entry.name);
        Optimizer::named(entry.name).unwrap().check().unwrap();
    }
}

#[test]
fn defaults_are_those_of_pytorch() {
    let settings = |name: &str| {
        let optimizer = Optimizer::named(name).unwrap();
        (optimizer.kind, optimizer.learning_rate, optimizer.weight_decay)
    };
    let (beta1, beta2, epsilon) = (0.9, 0.999, 1e-8);
    assert_eq!(settings("sgd"), (Kind::Sgd { momentum: 0.0, nesterov: false }, 1e-3, 0.0));
    assert_eq!(settings("adam"), (Kind::Adam { beta1, beta2, epsilon }, 1e-3, 0.0));
    assert_eq!(settings("adamw"), (Kind::AdamW { beta1, beta2, epsilon }, 1e-3, 1e-2));
    assert_eq!(settings("rmsprop"), (Kind::RmsProp { alpha: 0.99, momentum: 0.0, epsilon }, 1e-2, 0.0));
}

#[test]
fn unknown_names_list_the_known_ones() {
    let error = Optimizer::named("adma").unwrap_err().to_string();
    assert_eq!(error, "optimizer is `adma`, expected one of sgd, adam, adamw, rmsprop");
    let error = Shape::named("cosinus").unwrap_err().to_string();
    assert_eq!(error, "schedule is `cosinus`, expected one of constant, step, cosine, one-cycle");
}

#[test]
fn bias_correction_counts_from_the_first_step() {
    let adam = optimizer(Kind::named("adam").unwrap());
    for (step, expected) in [(0, (0.1, 0.001)), (1, (0.19, 0.001_999)), (9, (0.651_321_56, 0.009_955_12))] {
        let Rule::Adam(AdamStep { correction1, correction2, decoupled, .. }) = adam.rule(step, 10) else { panic!() };
        assert!((correction1 - expected.0).abs() < 1e-6 && (correction2 - expected.1).abs() < 1e-6, "step {step}");
        assert!(!decoupled);
    }
    let Rule::Adam(AdamStep { correction1, correction2, .. }) = adam.rule(u64::MAX - 1, u64::MAX) else { panic!() };
    assert_eq!((correction1, correction2), (1.0, 1.0));
}

/// The factors of all steps.
fn factors(shape: Shape, warm_up: f64, total: u64) -> Vec<f64> {
    let schedule = Schedule { shape, warm_up };
    (0..total).map(|step| schedule.factor(step, total)).collect()
}

fn check_factors(shape: Shape, warm_up: f64, total: u64, expected: impl Fn(u64) -> f64) {
    for (step, found) in (0..).zip(factors(shape, warm_up, total)) {
        let expected = expected(step);
        assert!((found - expected).abs() < 1e-12, "{shape:?}, step {step} of {total}: {found}, expected {expected}");
    }
}

#[test]
fn constant_stays() {
    check_factors(Shape::Constant, 0.0, 10, |_| 1.0);
}

#[test]
fn warm_up_rises_to_the_full_rate() {
    check_factors(Shape::Constant, 0.2, 50, |step| if step < 10 { (step + 1) as f64 / 10.0 } else { 1.0 });
}

#[test]
fn steps_fall_at_whole_shares() {
    // 0.1 has no exact double: 3 · (1/0.1) steps must still be three falls.
    check_factors(Shape::Step { every: 0.1, factor: 0.5 }, 0.0, 100, |step| 0.5f64.powi((step / 10) as i32));
    check_factors(Shape::Step { every: 1.0 / 3.0, factor: 0.1 }, 0.0, 9, |step| 0.1f64.powi((step / 3) as i32));
    check_factors(Shape::Step { every: 0.001, factor: 0.5 }, 0.0, 10, |step| 0.5f64.powi(step as i32));
}

#[test]
fn cosine_falls_to_its_floor() {
    let exact = |step: u64| 0.1 + 0.9 * 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / 40.0).cos());
    check_factors(Shape::Cosine { floor: 0.1 }, 0.0, 40, exact);
    // After a warm-up of 10 of 50 steps, the same course over the rest.
    check_factors(Shape::Cosine { floor: 0.1 }, 0.2, 50, |step| {
        if step < 10 { (step + 1) as f64 / 10.0 } else { exact(step - 10) }
    });
}

#[test]
fn one_cycle_is_that_of_pytorch() {
    // PyTorch's OneCycleLR: with 10 steps and pct_start 0.3 the first phase ends at step 2, the second at step 9.
    let cosine = |from: f64, to: f64, at: f64| to + (from - to) / 2.0 * (1.0 + (std::f64::consts::PI * at).cos());
    check_factors(Shape::named("one-cycle").unwrap(), 0.0, 10, |step| {
        if step <= 2 { cosine(1.0 / 25.0, 1.0, step as f64 / 2.0) } else { cosine(1.0, 4e-6, (step - 2) as f64 / 7.0) }
    });
}

#[test]
fn schedules_are_finite_for_any_number_of_steps() {
    for name in Shape::names() {
        let shape = Shape::named(name).unwrap();
        for (warm_up, total) in [(0.0, 0), (0.0, 1), (0.9, 1), (0.9, 2), (0.5, 3), (0.0, u64::MAX)] {
            for step in [0, 1, 2, u64::MAX] {
                let factor = Schedule { shape, warm_up }.factor(step, total);
                assert!((0.0..=1.0).contains(&factor), "{name}, step {step} of {total}: {factor}");
            }
        }
    }
}

#[test]
fn settings_outside_their_range_are_named() {
    let sgd = |momentum, nesterov| Optimizer { kind: Kind::Sgd { momentum, nesterov }, ..Optimizer::default() };
    let adam = |beta1, epsilon| Optimizer { kind: Kind::Adam { beta1, beta2: 0.999, epsilon }, ..Optimizer::default() };
    let scheduled = |shape, warm_up| Optimizer { schedule: Schedule { shape, warm_up }, ..Optimizer::default() };
    let clipped = |clip| Optimizer { clip, ..Optimizer::default() };
    for (optimizer, expected) in [
        (
            Optimizer { learning_rate: -1.0, ..Optimizer::default() },
            "learning-rate is -1, expected a finite number above 0",
        ),
        (Optimizer { learning_rate: f32::NAN, ..Optimizer::default() }, "learning-rate is NaN"),
        (
            Optimizer { auto: true, ..sgd(0.0, false) },
            "learning-rate is auto with the optimizer sgd, expected a number, or the optimizer adam or adamw",
        ),
        (Optimizer { weight_decay: f32::INFINITY, ..Optimizer::default() }, "weight-decay is inf"),
        (sgd(1.0, false), "momentum is 1, expected 0 or above, and below 1"),
        (sgd(0.0, true), "nesterov is true, expected false, or a momentum above 0"),
        (adam(-0.1, 1e-8), "beta1 is -0.1"),
        (adam(0.9, 0.0), "epsilon is 0, expected a finite number above 0"),
        (scheduled(Shape::Constant, 1.0), "warm-up is 1, expected a share of all steps"),
        (scheduled(Shape::Step { every: 0.0, factor: 0.1 }, 0.0), "schedule-every is 0"),
        (scheduled(Shape::Step { every: 0.5, factor: 0.0 }, 0.0), "schedule-factor is 0"),
        (scheduled(Shape::Cosine { floor: 2.0 }, 0.0), "schedule-floor is 2, expected a share of 0 to 1"),
        (scheduled(Shape::OneCycle { peak_at: 1.0, start: 0.0, end: 0.0 }, 0.0), "schedule-peak-at is 1"),
        (clipped(Clip::Norm(0.0)), "clip-norm is 0, expected a finite number above 0"),
        (clipped(Clip::Value(-1.0)), "clip-value is -1, expected a finite number above 0"),
    ] {
        let error = optimizer.check().unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

/// A network with accumulated gradients.
fn network_with_gradients() -> Network {
    let net = Net::new(8).linear(16).relu().layer("batch-norm").linear(5);
    let mut network = net.build(&Build { density: 0.3, ..Build::default() }).unwrap();
    let mut random = random(5);
    network.input(20).unwrap().data_mut().copy_from_slice(batch(8, 20, 0.0, |_, _| away_from_zero(&mut random)).data());
    let mode = Mode::Train { seed: 0, step: 0, row: 0 };
    network.forward(mode);
    let (_, dz) = network.output().unwrap();
    dz.data_mut().copy_from_slice(batch(5, 20, 0.0, |_, _| away_from_zero(&mut random)).data());
    network.backward(mode, Step::Accumulate);
    network
}

fn gradients(network: &Network) -> Vec<f32> {
    network.layers().iter().flat_map(|layer| layer.params()).flat_map(|(_, param)| param.gradient.clone()).collect()
}

#[test]
fn clipping_by_norm_scales_all_gradients_alike() {
    let mut network = network_with_gradients();
    let before = gradients(&network);
    let norm = before.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt();
    assert!((network.gradient_norm() - norm).abs() < 1e-6 * norm);
    network.clip(Clip::Norm(0.5));
    let expected: Vec<f32> = before.iter().map(|&g| (f64::from(g) * 0.5 / norm) as f32).collect();
    check_close("clipped", &gradients(&network), &expected, 1e-6);
}

#[test]
fn clipping_leaves_small_gradients_alone() {
    for clip in [Clip::None, Clip::Norm(1e6), Clip::Value(1e6)] {
        let mut network = network_with_gradients();
        let before = gradients(&network);
        network.clip(clip);
        assert_eq!(gradients(&network), before, "{clip:?}");
    }
}

#[test]
fn clipping_by_value_cuts_each_gradient() {
    let mut network = network_with_gradients();
    let expected: Vec<f32> = gradients(&network).iter().map(|g| g.clamp(-0.1, 0.1)).collect();
    network.clip(Clip::Value(0.1));
    assert_eq!(gradients(&network), expected);
    assert!(expected.contains(&0.1) && expected.contains(&-0.1));
}

#[test]
fn clipping_hides_no_divergence() {
    for (clip, poison) in [(Clip::Norm(1.0), f32::NAN), (Clip::Norm(1.0), f32::INFINITY), (Clip::Value(1.0), f32::NAN)]
    {
        let mut network = network_with_gradients();
        network.layers_mut()[0].params_mut()[0].1.gradient[0] = poison;
        network.clip(clip);
        assert!(gradients(&network).iter().any(|g| g.is_nan()), "{clip:?} of {poison}");
    }
}
