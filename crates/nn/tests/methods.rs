//! Every sparsity method: one entry each in the table, and what must hold of all of them. That they resume to the same bits and do
//! not depend on threads is in `resume.rs` and `trainer.rs`, for the whole registry too.

mod training;

use rarefy_core::matrix::Batch;
use rarefy_core::pattern::{Distribution, Pattern, Structure};
use rarefy_core::progress::Progress;
use rarefy_core::random::Key;
use rarefy_nn::sparsify::{Rewind, Schedule, registry};
use rarefy_nn::trainer::Stop;
use rarefy_nn::{Config, Ended, Net, Param, Sparsity, Step, Trainer, Weight};
use std::sync::atomic::{AtomicU64, Ordering};
use training::{bits, config, parts};

/// What is known of a method at density 0.2, until half of 39 steps, changing every 3.
struct Row {
    name: &'static str,
    /// Entries stored before the first step, over all.
    first: f64,
    /// Entries stored after each of these steps, over all.
    later: &'static [(u64, f64)],
    /// Whether entries come that the first pattern had not.
    grows: bool,
    /// Steps that are those of the dense twin.
    as_dense: u64,
}

const fn row(name: &'static str, first: f64, later: &'static [(u64, f64)], grows: bool, as_dense: u64) -> Row {
    Row { name, first, later, grows, as_dense }
}

const TABLE: &[Row] = &[
    row("dense", 1.0, &[(20, 1.0)], false, 39),
    row("fixed", 0.2, &[(20, 0.2)], false, 0),
    row("set", 0.2, &[(10, 0.2), (20, 0.2)], true, 0),
    row("rigl", 0.2, &[(10, 0.2), (20, 0.2)], true, 0),
    row("one-shot", 1.0, &[(19, 1.0), (20, 0.2)], false, 20),
    // By hand: 0.2 + 0.8·(1 − 12/20)³ and 0.2 + 0.3·(1 − 12/20)³.
    row("gmp", 1.0, &[(3, 0.6912), (12, 0.2512), (20, 0.2)], false, 3),
    row("granet", 0.5, &[(12, 0.2192), (20, 0.2)], true, 0),
    row("top-kast", 0.4, &[(19, 0.4), (20, 0.2)], true, 0),
    row("trigger", 1.0, &[(20, 0.2)], false, 3),
    // Dense up to step 4; ten phases of 1.6 steps up to step 20.
    row("ac-dc", 1.0, &[(4, 0.2), (6, 1.0), (20, 0.2)], false, 4),
    // By hand: 0.2^(1/3), 0.2^(2/3).
    row("lottery", 1.0, &[(6, 0.584_803_5), (13, 0.341_995_2), (20, 0.2)], false, 6),
];

/// Cancels after so many steps.
struct After(AtomicU64, u64);

impl Progress for After {
    fn cancelled(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) >= self.1
    }
}

/// Three epochs of 13 steps, patterns changing in the first half.
fn half(method: &str) -> Config {
    let mut config = config(method, "adam");
    config.sparsity.until = 0.5;
    config
}

/// A training stopped after so many steps.
fn after(config: &Config, steps: u64) -> Trainer {
    let mut trainer = Trainer::new(config.clone()).unwrap();
    let (train, _) = parts(400, 100);
    trainer.fit(&train, None, &After(AtomicU64::new(0), steps), &mut |_| Ok(())).unwrap();
    assert_eq!(trainer.step(), steps.min(39));
    trainer
}

const WEIGHTS: usize = 64 * 48 + 48 * 32 + 32 * 10;

#[test]
fn every_method_is_in_the_table_once() {
    // Penalties have a table of their own, in `penalties.rs`.
    let of_patterns = |name: &&str| Sparsity::named(name).unwrap().penalty.is_none();
    let names: Vec<_> = registry().iter().map(|method| method.name).filter(of_patterns).collect();
    assert_eq!(names, TABLE.iter().map(|row| row.name).collect::<Vec<_>>());
}

#[test]
fn densities_are_those_of_the_table_at_every_step() {
    for row in TABLE {
        let config = half(row.name);
        let density = Trainer::new(config.clone()).unwrap().network().density();
        assert!((density - row.first).abs() < 2e-4, "{}: {density} at first", row.name);
        for &(step, expected) in row.later {
            // What follows step `step` is done when `step + 1` steps are.
            let density = after(&config, step + 1).network().density();
            assert!(
                (density - expected).abs() < 2e-4,
                "{}: {density} after step {step}, expected {expected}",
                row.name
            );
        }
    }
}

#[test]
fn every_method_ends_on_exactly_the_entries_asked_for_and_stores_no_more() {
    let window = Structure::Window { keep: 2, of: 4 };
    for row in TABLE.iter().filter(|row| row.name != "dense") {
        for structure in [Structure::Unstructured, window, Structure::Block { rows: 2, cols: 2 }] {
            let given = Distribution::PerLayer(vec![0.1, 0.35, 0.35]);
            for distribution in [Distribution::ErdosRenyi, Distribution::Uniform, given, Distribution::Global] {
                let mut config = half(row.name);
                (config.sparsity.structure, config.sparsity.distribution) = (structure, distribution.clone());
                if config.sparsity.check().is_err() {
                    assert!(distribution == Distribution::Global && config.sparsity.schedule == Schedule::Constant);
                    continue;
                }
                let asked = match distribution {
                    Distribution::PerLayer(_) => (0.1 * 3072.0 + 0.35 * 1856.0) as usize,
                    _ => WEIGHTS / 5,
                };
                let trainer = after(&config, 39);
                let (network, what) = (trainer.network(), format!("{}, {structure}, {distribution:?}", row.name));
                match structure {
                    Structure::Block { .. } => assert!(asked - network.nnz() < 12, "{what}: {}", network.nnz()),
                    _ => assert_eq!(network.nnz(), asked, "{what}"),
                }
                for weight in network.weights() {
                    assert!(weight.front().is_none() && weight.is_dense() == (weight.density() >= 0.4), "{what}");
                    let pattern = weight.pattern().unwrap();
                    let windows = (0..pattern.rows()).flat_map(|i| pattern.row(i).chunk_by(|a, b| a / 4 == b / 4));
                    assert!(structure != window || windows.into_iter().all(|run| run.len() <= 2), "{what}");
                }
                assert!(network.lower().unwrap().nnz() <= network.nnz(), "{what}");
            }
        }
    }
}

#[test]
fn before_the_first_change_a_method_that_starts_dense_is_its_twin() {
    for row in TABLE {
        let dense = after(&half("dense"), row.as_dense);
        let same = |steps| {
            let (one, two) = (after(&half(row.name), steps), after(&half("dense"), steps));
            let values = |t: &Trainer| t.network().weights().map(|w| w.param().values.clone()).collect::<Vec<_>>();
            values(&one) == values(&two)
        };
        assert_eq!(dense.step(), row.as_dense);
        assert!(row.as_dense == 0 || same(row.as_dense), "{}", row.name);
        assert!(row.name == "dense" || !same(row.as_dense + 1), "{}: one step longer", row.name);
    }
}

#[test]
fn asked_to_keep_everything_every_method_is_the_dense_twin() {
    let keep_all = |method: &str| {
        let mut config = half(method);
        config.sparsity.density = 1.0;
        if let Schedule::Cubic { initial, .. } = &mut config.sparsity.schedule {
            *initial = 1.0;
        }
        config
    };
    let dense: Vec<_> = after(&keep_all("dense"), 39).network().weights().map(|w| w.values()).collect();
    for row in TABLE {
        let trainer = after(&keep_all(row.name), 39);
        assert_eq!(trainer.network().weights().map(|w| w.values()).collect::<Vec<_>>(), dense, "{}", row.name);
    }
}

#[test]
fn methods_that_prune_keep_the_largest_of_what_they_had() {
    for row in TABLE.iter().filter(|row| row.first > 0.4) {
        for distribution in [Distribution::Uniform, Distribution::Global] {
            if row.name == "dense" {
                continue;
            }
            // The last change: without a learning rate, nothing but patterns and rewinding moves.
            let mut config = half(row.name);
            config.sparsity.distribution = distribution.clone();
            config.sparsity.schedule = match config.sparsity.schedule {
                Schedule::Steps { rounds, .. } => Schedule::Steps { rounds, rewind: Rewind::None, rewind_to: 0.0 },
                other => other,
            };
            (config.sparsity.fraction, config.sparsity.trigger) = (0.0, None);
            config.optimizer.learning_rate = 1e-12;
            let (before, after) = (after(&config, 0), after(&config, 39));
            let sizes = |t: &Trainer| t.network().weights().map(|w| w.values()).collect::<Vec<_>>();
            let (kept, all) = (sizes(&after), sizes(&before));
            let magnitudes = |values: &[f32]| {
                let mut sizes: Vec<f32> = values.iter().map(|v| v.abs()).filter(|v| *v > 1e-9).collect();
                sizes.sort_by(|a, b| b.total_cmp(a));
                sizes
            };
            let expected = |values: &[f32], count: usize| magnitudes(values)[..count].to_vec();
            let close =
                |a: Vec<f32>, b: Vec<f32>| a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-6) && a.len() == b.len();
            // In phases, weights that came back from nothing do not count.
            let phases = matches!(config.sparsity.schedule, Schedule::Phases { .. });
            let (kept, all) = match distribution {
                Distribution::Global => (vec![kept.concat()], vec![all.concat()]),
                _ => (kept, all),
            };
            for (kept, all) in kept.iter().zip(&all) {
                let same = close(magnitudes(kept), expected(all, magnitudes(kept).len()));
                assert!(same && (phases || magnitudes(kept).len() == kept.len()), "{}, {distribution:?}", row.name);
            }
        }
    }
}

#[test]
fn entries_come_only_where_a_method_grows() {
    for row in TABLE {
        let config = half(row.name);
        let entries = |t: &Trainer| {
            let of = |w: &Weight| w.pattern().unwrap().iter().collect::<std::collections::BTreeSet<_>>();
            t.network().weights().map(of).collect::<Vec<_>>()
        };
        // While there may still be a reserve.
        let (first, later) = (entries(&after(&config, 0)), entries(&after(&config, 19)));
        let new: usize = first.iter().zip(&later).map(|(first, later)| later.difference(first).count()).sum();
        assert_eq!(new > 0, row.grows, "{}: {new} entries came", row.name);
    }
}

#[test]
fn a_lottery_ticket_goes_back_to_what_it_was() {
    let mut config = half("lottery");
    config.sparsity.schedule = Schedule::Steps { rounds: 3, rewind: Rewind::Weights, rewind_to: 0.5 };
    // Pruned after step 6, so when 7 are done; remembered when 3 are.
    let (early, ticket) = (after(&config, 3), after(&config, 7));
    for (before, after) in early.network().layers().iter().zip(ticket.network().layers()) {
        for ((_, before), (_, after)) in before.params().into_iter().zip(after.params()) {
            assert!(after.first.iter().chain(&after.second).all(|&moment| moment == 0.0));
            let kept = |value: f32| before.values.contains(&value);
            assert!(after.values.iter().all(|&value| value == 0.0 || kept(value)));
        }
    }
    let weights = early.network().weights().zip(ticket.network().weights());
    for (before, after) in weights {
        let by_place =
            |w: &Weight| w.pattern().unwrap().iter().zip(w.values()).collect::<std::collections::BTreeMap<_, _>>();
        let before = by_place(before);
        assert!(by_place(after).iter().all(|(place, value)| before[place] == *value));
    }
    // The original ticket starts at the first weights of all.
    config.sparsity.schedule = Schedule::Steps { rounds: 3, rewind: Rewind::Weights, rewind_to: 0.0 };
    let (fresh, ticket) = (Trainer::new(config.clone()).unwrap(), after(&config, 7));
    let fresh = fresh.network().weights().next().unwrap().values();
    assert!(ticket.network().weights().next().unwrap().values().iter().all(|value| fresh.contains(value)));
}

#[test]
fn the_trigger_drops_idle_weights_alone_before_its_time() {
    let mut config = half("trigger");
    config.sparsity.fraction = 0.0;
    let (before, after) = (after(&config, 3), after(&config, 4)); // a change follows step 3
    for (before, after) in before.network().weights().zip(after.network().weights()) {
        let kept: std::collections::BTreeSet<_> = after.pattern().unwrap().iter().collect();
        let gone: Vec<f32> = before
            .pattern()
            .unwrap()
            .iter()
            .zip(before.values())
            .filter(|(at, _)| !kept.contains(at))
            .map(|(_, v)| v.abs())
            .collect();
        let all = before.values();
        let rms = (all.iter().map(|v| v * v).sum::<f32>() / all.len() as f32).sqrt();
        // One step of Adam may have moved them by little more than the learning rate.
        assert!(!gone.is_empty() && gone.iter().all(|size| *size < rms + 0.01), "{rms}");
    }
}

#[test]
fn a_stop_rule_waits_until_the_network_is_sparse() {
    let (train, validation) = parts(400, 100);
    for row in TABLE.iter().filter(|row| row.name != "dense") {
        let stop = Stop { accuracy: Some(0.01), ..Stop::default() };
        let mut trainer = Trainer::new(Config { stop, ..half(row.name) }).unwrap();
        assert_eq!(trainer.fit(&train, Some(&validation), &(), &mut |_| Ok(())).unwrap(), Ended::Accuracy);
        let constant = half(row.name).sparsity.density_at(0, 39) == 0.2;
        assert_eq!(trainer.history().len(), if constant { 1 } else { 2 }, "{}", row.name);
        assert_eq!(trainer.network().nnz(), WEIGHTS / 5, "{}", row.name);
    }
}

#[test]
fn when_the_time_is_over_the_smallest_weights_go_at_once() {
    let (train, _) = parts(400, 100);
    for row in TABLE.iter().filter(|row| row.name != "dense") {
        let stop = Stop { seconds: Some(1e-9), ..Stop::default() };
        let mut trainer = Trainer::new(Config { stop, ..half(row.name) }).unwrap();
        assert_eq!(trainer.fit(&train, None, &(), &mut |_| Ok(())).unwrap(), Ended::Seconds);
        assert_eq!(trainer.network().nnz(), WEIGHTS / 5, "{}", row.name);
    }
}

/// A batch of random numbers.
fn batch(features: usize, len: usize, seed: u64) -> Batch {
    let mut batch = Batch::zeros(features, len).unwrap();
    let mut numbers = Key::new(seed, 1).stream(0);
    (0..features).for_each(|j| batch.row_mut(j).iter_mut().for_each(|v| *v = numbers.normal_f32()));
    batch
}

/// Top-KAST: the output and `dx` are those of the front, the gradient that of all; sparse and stored dense.
#[test]
fn a_front_computes_and_all_is_trained() {
    let shape = (30, 20);
    for nnz in [150, 400] {
        let pattern = Pattern::random(shape, nnz, Structure::Unstructured, Key::new(3, 0)).unwrap();
        let values: Vec<f32> = (0..nnz).map(|k| (k as f32 * 0.37).sin()).collect();
        let front: Vec<u32> = (0..nnz as u32).filter(|k| k % 3 != 0).collect();
        let masked: Vec<f32> = values.iter().enumerate().map(|(k, &v)| if k % 3 == 0 { 0.0 } else { v }).collect();
        let mut whole = Weight::new(&pattern, &values, 0).unwrap();
        whole.set_front(&front).unwrap();
        assert_eq!(whole.front().unwrap(), front);
        let mut reference = Weight::new(&pattern, &masked, 0).unwrap();
        let (x, dy) = (batch(shape.1, 9, 1), batch(shape.0, 9, 2));
        let run = |weight: &mut Weight| {
            let (mut y, mut dx) = (Batch::zeros(shape.0, 9).unwrap(), Batch::zeros(shape.1, 9).unwrap());
            weight.forward(&x, &mut y);
            weight.backward(&x, &dy, Some(&mut dx), Step::Accumulate);
            let gradient = weight.in_row_order(&weight.param().gradient);
            (y.data().to_vec(), dx.data().to_vec(), gradient)
        };
        let (found, expected) = (run(&mut whole), run(&mut reference));
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close(&found.0, &expected.0) && close(&found.1, &expected.1) && close(&found.2, &expected.2), "{nnz}");
        assert_eq!(whole.values(), values);
        let lowered = Weight::lift(&whole.lower().unwrap()).unwrap();
        assert_eq!(lowered.values(), masked.into_iter().filter(|v| *v != 0.0).collect::<Vec<_>>());
        assert!(whole.set_front(&[3, 2]).is_err() && whole.set_front(&[nnz as u32]).is_err());
    }
}

#[test]
fn what_a_method_remembers_is_counted() {
    let bytes = |method: &str| {
        let mut config = half(method);
        config.net = Net::new(64).linear(100).layer("linear 10 no-bias");
        Trainer::new(config).unwrap().network().state_bytes()
    };
    assert_eq!(bytes("lottery"), bytes("one-shot") + 4 * (6400 + 100 + 1000));
    assert_eq!(Param::new(vec![0.0; 5], 2).bytes(), 60);
}

#[test]
fn methods_differ_in_their_values_alone() {
    let densities = |sparsity: &Sparsity| (0..100).map(|step| sparsity.density_at(step, 100)).collect::<Vec<_>>();
    let (gmp, granet) = (Sparsity::named("gmp").unwrap(), Sparsity::named("granet").unwrap());
    let as_gmp = Sparsity { schedule: gmp.schedule.clone(), fraction: 0.0, ..granet };
    assert_eq!(densities(&as_gmp), densities(&gmp));
    let config =
        |sparsity: Sparsity| Config { sparsity: Sparsity { density: 0.2, every: 3, ..sparsity }, ..half("gmp") };
    assert!(bits(after(&config(as_gmp), 39).network()) == bits(after(&config(gmp), 39).network()));
}
