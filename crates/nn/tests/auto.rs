//! An estimated learning rate: against the paper's algorithm written plainly, and through patterns, methods, threads and rewinds.

mod common;
mod training;

use common::{away_from_zero, batch, check_close, random};
use rarefy_core::parallel;
use rarefy_core::pattern::{Pattern, Structure};
use rarefy_core::random::Key;
use rarefy_nn::optimizer::{Clip, Distance, Kind, Schedule, Shape};
use rarefy_nn::sparsify::{Clock, Rewind, registry};
use rarefy_nn::{Config, Net, Optimizer, Param, Sparsity, Split, Step, Trainer, Weight, sparsify};
use training::{alone, bits, config, parts};

/// Prodigy as in algorithm 4 of the paper, on one vector and in double precision, with Adam's bias correction and without the
/// schedule in `s`, as its authors advise for warm-up. `decay` is of the gradient, or AdamW's.
struct Plain {
    x: Vec<f64>,
    start: Vec<f64>,
    m: Vec<f64>,
    v: Vec<f64>,
    s: Vec<f64>,
    r: f64,
    d: f64,
    steps: i32,
}

impl Plain {
    fn new(x: &[f32], d: f64) -> Self {
        let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let zeros = vec![0.0; x.len()];
        Self { start: x.clone(), m: zeros.clone(), v: zeros.clone(), s: zeros, x, r: 0.0, d, steps: 0 }
    }

    fn step(&mut self, gradient: impl Fn(usize, f64) -> f64, factor: f64, decay: f64, decoupled: bool) {
        let (beta1, beta2, epsilon) = (0.9f64, 0.99f64, 1e-6);
        self.steps += 1;
        let (c1, c2) = (1.0 - beta1.powi(self.steps), 1.0 - beta2.powi(self.steps));
        let (mut along, d) = (0.0, self.d);
        for i in 0..self.x.len() {
            let x = self.x[i];
            let g = gradient(i, x) + if decoupled { 0.0 } else { decay * x };
            along += g * (self.start[i] - x);
            self.m[i] = beta1 * self.m[i] + (1.0 - beta1) * d * g;
            self.v[i] = beta2 * self.v[i] + (1.0 - beta2) * d * d * g * g;
            self.s[i] = beta2.sqrt() * self.s[i] + d * d * g;
            let shrunk = if decoupled { x * (1.0 - factor * d * decay) } else { x };
            self.x[i] = shrunk - factor * d * (self.m[i] / c1) / ((self.v[i] / c2).sqrt() + d * epsilon);
        }
        self.r = beta2.sqrt() * self.r + factor * c2.sqrt() / c1 * d * d * along;
        let length: f64 = self.s.iter().map(|s| s.abs()).sum();
        self.d = d.max(self.r / length);
    }
}

fn adam(decoupled: bool, weight_decay: f32) -> Optimizer {
    let (beta1, beta2, epsilon) = (0.9, 0.99, 1e-6);
    let kind = if decoupled { Kind::AdamW { beta1, beta2, epsilon } } else { Kind::Adam { beta1, beta2, epsilon } };
    Optimizer { kind, weight_decay, auto: true, ..Optimizer::default() }
}

/// `½ Σ c (w − a)²` of 37 numbers: where they start, `a`, and `c`.
fn quadratic() -> [Vec<f32>; 3] {
    let mut random = random(1);
    [(); 3].map(|()| (0..37).map(|_| away_from_zero(&mut random)).collect())
}

/// An estimate that begins with `d`.
fn begin(d: f64) -> Distance {
    Distance::from_bits(&[d, 0.0].map(f64::to_bits)).unwrap()
}

/// Minimises it, and shows the numbers with the estimate after every step.
fn minimise(optimizer: &Optimizer, mut distance: Distance, steps: u64, mut each: impl FnMut(&Param, f64)) {
    let [start, target, force] = quadratic();
    let mut param = Param::new(start, optimizer.moments());
    for step in 0..steps {
        let fresh: Vec<f32> = (0..37).map(|i| force[i].abs() * (param.values[i] - target[i])).collect();
        let rule = optimizer.rule_at(Clock { step, total: steps, age: step }, &distance);
        param.take(&fresh, Step::Apply(&rule));
        distance.follow(&rule, param.sums);
        each(&param, distance.get());
    }
}

#[test]
fn a_hundred_steps_follow_the_papers_algorithm() {
    for (decoupled, decay) in [(false, 0.0), (false, 0.02), (true, 0.02)] {
        for shape in [Shape::Constant, Shape::Cosine { floor: 0.1 }] {
            let schedule = Schedule { shape, warm_up: 0.1 };
            let optimizer = Optimizer { schedule, ..adam(decoupled, decay) };
            assert_eq!(optimizer.moments(), 4);
            let [start, target, force] = quadratic();
            // Single precision hides steps of 1e-6 from numbers near 1: begin with larger ones.
            let mut plain = Plain::new(&start, 1e-3);
            let mut step = 0;
            minimise(&optimizer, begin(1e-3), 100, |param, distance| {
                let gradient = |i: usize, w: f64| f64::from(force[i].abs()) * (w - f64::from(target[i]));
                plain.step(gradient, schedule.factor(step, 100), f64::from(decay), decoupled);
                let what = format!("{shape:?}, {decoupled}, {decay}, step {step}");
                assert!((distance / plain.d - 1.0).abs() < 1e-3, "{what}: {distance}, not {}", plain.d);
                let expected: Vec<f32> = plain.x.iter().map(|&x| x as f32).collect();
                check_close(&what, &param.values, &expected, 1e-3);
                step += 1;
            });
            assert!(plain.d > 5e-3, "{}", plain.d); // it had something to find
        }
    }
}

#[test]
fn the_estimate_stays_below_the_distance_to_the_solution_and_comes_near() {
    let [start, target, _] = quadratic();
    let farthest = start.iter().zip(&target).map(|(x, a)| f64::from((x - a).abs())).fold(0.0, f64::max);
    let (mut last, mut values) = (0.0, Vec::new());
    minimise(&adam(false, 0.0), Distance::default(), 1000, |param, distance| {
        assert!(distance >= last && distance <= farthest, "{distance} of {farthest}");
        (last, values) = (distance, param.values.clone());
    });
    assert!(last > 0.05 * farthest, "{last} of {farthest}");
    check_close("the solution", &values, &target, 0.02);
}

#[test]
fn a_sparse_weight_sums_what_a_dense_one_of_the_same_pattern_does() {
    for density in [0.1, 0.3, 0.5, 0.9] {
        for accumulate in [false, true] {
            let entries = (density * 189.0) as usize;
            let pattern = Pattern::random((9, 21), entries, Structure::Unstructured, Key::new(1, 1)).unwrap();
            let mut weight = Weight::random(&pattern, Key::new(1, 2), 4).unwrap();
            assert_eq!(weight.is_dense(), density > 0.4);
            let mut twin = weight.clone();
            twin.store_sparse().unwrap();
            // The plain sums over the pattern, of the values before each step.
            let (mut random, mut distance) = (random(8), begin(0.01));
            for step in 0..4 {
                let x = batch(21, 33, 0.7, |_, _| away_from_zero(&mut random));
                let dy = batch(9, 33, 0.0, |_, _| away_from_zero(&mut random));
                let rule = adam(true, 0.1).rule_at(Clock { step, total: 4, age: step }, &distance);
                let before = weight.values();
                let begin = weight.in_row_order(&weight.param().start);
                let gradient = weight.gradient(&x, &dy).unwrap();
                for weight in [&mut weight, &mut twin] {
                    if accumulate {
                        weight.backward(&x, &dy, None, Step::Accumulate);
                        weight.apply_gradient(&rule);
                    } else {
                        weight.backward(&x, &dy, None, Step::Apply(&rule));
                    }
                }
                let plain = |i: usize| f64::from(gradient[i]) * f64::from(begin[i] - before[i]);
                let along: f64 = (0..entries).map(plain).sum();
                let length: f64 = weight.in_row_order(&weight.param().sum).iter().map(|&s| f64::from(s.abs())).sum();
                for weight in [&weight, &twin] {
                    let sums = weight.param().sums;
                    assert!((sums.descent - along).abs() < 1e-4 * (1.0 + along.abs()), "{density}: {sums:?}, {along}");
                    assert!((sums.length / length - 1.0).abs() < 1e-5, "{density}: {sums:?}, {length}");
                }
                check_close("values", &twin.values(), &weight.values(), 1e-5);
                distance.follow(&rule, weight.param().sums);
            }
        }
    }
}

#[test]
fn weights_that_grow_begin_at_zero_and_those_that_stay_keep_everything() {
    let old = Pattern::random((9, 21), 40, Structure::Unstructured, Key::new(1, 1)).unwrap();
    let new = Pattern::random((9, 21), 60, Structure::Unstructured, Key::new(1, 3)).unwrap();
    let mut weight = Weight::random(&old, Key::new(1, 2), 4).unwrap();
    let mut random = random(8);
    let x = batch(21, 33, 0.7, |_, _| away_from_zero(&mut random));
    let dy = batch(9, 33, 0.0, |_, _| away_from_zero(&mut random));
    let distance = begin(0.01);
    weight.backward(
        &x,
        &dy,
        None,
        Step::Apply(&adam(true, 0.1).rule_at(Clock { step: 0, total: 1, age: 0 }, &distance)),
    );
    let arrays = |weight: &Weight| weight.param().arrays().map(|(_, a)| weight.in_row_order(a)).collect::<Vec<_>>();
    let before = arrays(&weight);
    assert_eq!(before.len(), 5);
    weight.move_to(&new).unwrap();
    for (before, after) in before.iter().zip(arrays(&weight)) {
        for (place, value) in new.iter().zip(after) {
            let kept = old.iter().position(|known| known == place).map(|at| before[at]);
            assert_eq!(value, kept.unwrap_or(0.0), "{place:?}");
        }
    }
}

/// A training with an estimated learning rate.
fn auto(config: Config) -> Config {
    let optimizer = Optimizer { auto: true, ..config.optimizer.clone() };
    Config { optimizer, ..config }
}

fn fit(config: Config, train: &Split<'_>, validation: Option<&Split<'_>>) -> Trainer {
    let mut trainer = Trainer::new(config).unwrap();
    trainer.fit(train, validation, &(), &mut |_| Ok(())).unwrap();
    trainer
}

#[test]
fn every_method_gives_the_same_bits_on_any_number_of_threads() {
    let _alone = alone();
    let (train, _) = parts(400, 100);
    for method in registry() {
        for clip in [Clip::None, Clip::Norm(0.5)] {
            let run = |threads| {
                parallel::set_threads(threads);
                let mut config = auto(config(method.name, "adamw"));
                config.optimizer.clip = clip;
                // Wide enough that its weight is cut into several tasks.
                config.net = Net::new(64).linear(300).relu().linear(10);
                let trainer = fit(config, &train, None);
                (bits(trainer.network()), trainer.estimated_rate().map(f64::to_bits))
            };
            assert_eq!(run(1), run(2), "{}", method.name);
        }
    }
    parallel::set_threads(0);
}

#[test]
fn the_digits_are_learned_without_a_learning_rate() {
    let (train, validation) = parts(1200, 240);
    for (method, density) in [("rigl", 0.05), ("dense", 1.0)] {
        let config = auto(Config {
            net: Net::new(64).linear(256).relu().linear(128).relu().linear(10),
            sparsity: Sparsity { density, every: 20, ..Sparsity::named(method).unwrap() },
            batch: 32,
            epochs: 15,
            ..Config::default()
        });
        let trainer = fit(config, &train, Some(&validation));
        let last = trainer.history().last().unwrap();
        assert!(last.validation_accuracy.unwrap() > 0.93, "{method}: {last:?}");
        // A constant schedule shows the estimate as it is.
        assert_eq!(Some(last.learning_rate), trainer.estimated_rate().map(|rate| rate as f32));
        assert!((1e-4..0.1).contains(&last.learning_rate), "{method}: {last:?}");
    }
}

#[test]
fn a_rewind_to_earlier_weights_begins_the_estimate_anew() {
    let (train, _) = parts(400, 100);
    let mut config = auto(config("lottery", "adam"));
    let sparsify::Schedule::Steps { rewind, rounds, .. } = &mut config.sparsity.schedule else { panic!() };
    (*rewind, *rounds) = (Rewind::Weights, 1);
    // One pruning, and one step after it.
    config.epochs = 3;
    let steps = config.steps_per_epoch(train.rows.len()) * config.epochs;
    config.sparsity.until = (steps - 2) as f64 / steps as f64;
    let trainer = fit(config, &train, None);
    assert!(trainer.network().density() < 0.25);
    // It began again a step ago: what it had found in 37 steps is gone.
    assert!(trainer.estimated_rate().unwrap() < 1e-5, "{:?}", trainer.estimated_rate());
}

#[test]
fn outputs_that_are_sampled_have_no_estimate() {
    let config = auto(Config { net: Net::new(64).layer("sampled-linear 10 4"), ..config("dense", "adam") });
    let error = config.check().unwrap_err().to_string();
    assert!(error.starts_with("learning-rate is auto, expected a number with sampled-linear"), "{error}");
}

#[test]
fn an_estimate_that_cannot_be_is_refused() {
    let bits = |numbers: [f64; 2]| Distance::from_bits(&numbers.map(f64::to_bits));
    assert_eq!(bits([0.5, -2.0]).map(|distance| distance.to_bits()), Some([0.5, -2.0].map(f64::to_bits)));
    assert_eq!(Distance::from_bits(&Distance::default().to_bits()), Some(Distance::default()));
    for wrong in [[0.0, 0.0], [f64::NAN, 0.0], [f64::INFINITY, 0.0], [1.0, f64::NAN]] {
        assert_eq!(bits(wrong), None);
    }
    assert_eq!(Distance::from_bits(&[]), None);
}
