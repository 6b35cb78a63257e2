//! Penalties in training: one entry each in the table. Proximal operators are proven in the core; that methods resume to the same bits
//! and do not depend on threads, in `resume.rs` and `trainer.rs`, for the whole registry.

mod training;

use rarefy_core::progress::Progress;
use rarefy_nn::sparsify::{Penalty, Shape, registry};
use rarefy_nn::{Config, Network, Sparsity, Trainer};
use std::sync::atomic::{AtomicU64, Ordering};
use training::{config, parts};

/// Cancels after so many steps.
struct After(AtomicU64, u64);

impl Progress for After {
    fn cancelled(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) >= self.1
    }
}

/// Every penalty, and how far from the density asked for it may end, in entries: whole neurons do not divide evenly.
const TABLE: [(&str, usize); 4] = [("prox-l1", 0), ("elastic-net", 0), ("l1-ball", 0), ("group-l1", 64 + 48)];

const WEIGHTS: usize = 64 * 48 + 48 * 32 + 32 * 10;

/// Fifteen epochs of 13 steps.
fn long(method: &str, optimizer: &str) -> Config {
    let mut config = Config { epochs: 15, ..config(method, optimizer) };
    (config.sparsity.every, config.sparsity.until) = (10, 0.7);
    config
}

/// A training of so many steps.
fn after(config: &Config, steps: u64) -> Trainer {
    let mut trainer = Trainer::new(config.clone()).unwrap();
    let (train, _) = parts(400, 100);
    trainer.fit(&train, None, &After(AtomicU64::new(0), steps), &mut |_| Ok(())).unwrap();
    trainer
}

/// Weights that are not zero.
fn nonzeros(network: &Network) -> usize {
    network.weights().map(|weight| weight.values().iter().filter(|v| **v != 0.0).count()).sum()
}

/// `Σ|w|` of each weight.
fn sums(network: &Network) -> Vec<f64> {
    network.weights().map(|weight| weight.values().iter().map(|&v| f64::from(v.abs())).sum()).collect()
}

fn strong(config: &mut Config, strength: f64) {
    let penalty = config.sparsity.penalty.unwrap();
    config.sparsity.penalty = Some(Penalty { strength: Some(strength), ..penalty });
    config.sparsity.density = 0.01;
}

#[test]
fn every_penalty_is_in_the_table_once() {
    let penalised = |name: &&str| Sparsity::named(name).unwrap().penalty.is_some();
    let names: Vec<_> = registry().iter().map(|method| method.name).filter(penalised).collect();
    assert_eq!(names, TABLE.map(|(name, _)| name));
}

/// The controller alone comes near the target, whatever the optimizer's steps are; what the last change drops is little.
#[test]
fn the_controller_reaches_the_target_and_the_end_is_exact() {
    for (name, slack) in TABLE {
        for optimizer in ["adam", "sgd", "rmsprop"] {
            let mut config = long(name, optimizer);
            if optimizer == "sgd" {
                config.optimizer.learning_rate = 0.05;
            }
            let end = config.sparsity.settled_after(195);
            let (steered, trainer) = (after(&config, end - 1), after(&config, 195));
            let (near, found) = (nonzeros(steered.network()) as f64, trainer.network().nnz());
            let (wanted, what) = (WEIGHTS / 5, format!("{name} with {optimizer}"));
            assert!(found <= wanted && found + slack >= wanted, "{what}: {found}, expected {wanted}");
            if slack == 0 {
                assert!(
                    (near / wanted as f64 - 1.0).abs() < 0.1,
                    "{what}: {near} before the last change, not {wanted}"
                );
            }
            // The penalty is over, and what is left has trained on.
            assert!(trainer.network().weights().all(|weight| weight.param().prox == Default::default()), "{what}");
            assert!(nonzeros(trainer.network()) + slack >= wanted * 9 / 10, "{what}");
        }
    }
}

#[test]
fn a_given_strength_is_kept_and_more_of_it_is_sparser() {
    for name in ["prox-l1", "elastic-net", "group-l1"] {
        let count = |strength| {
            let mut config = long(name, "adam");
            strong(&mut config, strength);
            let trainer = after(&config, 130);
            assert_eq!(trainer.config().sparsity.penalty.unwrap().strength, Some(strength));
            nonzeros(trainer.network())
        };
        let counts = [1e-9, 1e-3, 1e-2].map(count);
        // Pixels that are always 0 have no gradient: there any penalty at all leaves nothing.
        assert!(counts[0] > WEIGHTS / 2 && counts[1] < counts[0] && counts[2] < counts[1], "{name}: {counts:?}");
    }
}

#[test]
fn weights_stay_in_their_ball() {
    for whole in [true, false] {
        let mut config = long("l1-ball", "adam");
        config.sparsity.penalty = Some(Penalty { kind: Shape::L1Ball { whole }, strength: None });
        let radius = 0.4 * sums(Trainer::new(config.clone()).unwrap().network()).iter().sum::<f64>();
        strong(&mut config, radius);
        let first = sums(after(&config, 1).network());
        for steps in [1, 2, 30, 100] {
            let found = sums(after(&config, steps).network());
            assert!(found.iter().sum::<f64>() <= radius * (1.0 + 1e-5), "{steps} steps: {found:?}, radius {radius}");
            if !whole {
                assert!(found.iter().zip(&first).all(|(now, first)| *now <= first * (1.0 + 1e-5)), "{found:?}");
            }
        }
        assert!(nonzeros(after(&config, 130).network()) < WEIGHTS);
    }
}

#[test]
fn zeros_leave_at_a_change_and_some_return_where_the_gradient_is_large() {
    let mut config = long("prox-l1", "adam");
    strong(&mut config, 3e-3);
    let entries = |config: &Config, steps| -> Vec<_> {
        after(config, steps).network().weights().map(|w| w.pattern().unwrap().iter().collect::<Vec<_>>()).collect()
    };
    // Changes follow steps 10, 20, …
    let (before, after_one, later) = (entries(&config, 10), entries(&config, 11), entries(&config, 31));
    let count = |entries: &[Vec<(usize, usize)>]| entries.iter().map(Vec::len).sum::<usize>();
    assert_eq!(count(&before), WEIGHTS);
    assert!(count(&after_one) < WEIGHTS);
    let returned = |from: &[Vec<(usize, usize)>], to: &[Vec<(usize, usize)>]| {
        from.iter().zip(to).map(|(a, b)| b.iter().filter(|at| !a.contains(at)).count()).sum::<usize>()
    };
    assert!(returned(&after_one, &later) > 0);
    config.sparsity.fraction = 0.0;
    let (after_one, later) = (entries(&config, 11), entries(&config, 31));
    assert_eq!(returned(&after_one, &later), 0);
}

#[test]
fn dead_neurons_have_no_weights_in_and_none_out() {
    let trainer = after(&long("group-l1", "adam"), 195);
    let patterns: Vec<_> = trainer.network().weights().map(|weight| weight.pattern().unwrap()).collect();
    for pair in patterns.windows(2) {
        let mut read = vec![false; pair[1].cols()];
        pair[1].iter().for_each(|(_, j)| read[j] = true);
        let alive: Vec<bool> = (0..pair[0].rows()).map(|i| !pair[0].row(i).is_empty()).collect();
        assert_eq!(alive, read);
        assert!(alive.contains(&false) && alive.contains(&true));
    }
}

/// All layers losing the same share, 3392·s + 1536·s² entries are left: at density 0.15 that is s = 0.2, and each layer keeps half of that.
#[test]
fn no_layer_ends_as_a_bottleneck() {
    let mut config = long("group-l1", "adam");
    config.sparsity.density = 0.15;
    let trainer = after(&config, 195);
    let alive = |weight: &rarefy_nn::Weight| {
        let pattern = weight.pattern().unwrap();
        (0..pattern.rows()).filter(|&i| !pattern.row(i).is_empty()).count()
    };
    let alive: Vec<usize> = trainer.network().weights().map(alive).collect();
    assert!(alive[0] >= 4 && alive[1] >= 3, "{alive:?}");
}

#[test]
fn combinations_that_mean_nothing_are_refused_by_name() {
    let error = |change: fn(&mut Sparsity)| {
        let mut sparsity = Sparsity { density: 0.2, ..Sparsity::named("elastic-net").unwrap() };
        change(&mut sparsity);
        sparsity.check().unwrap_err().to_string()
    };
    assert!(
        error(|s| s.distribution = rarefy_core::pattern::Distribution::Uniform).starts_with("distribution is uniform")
    );
    assert!(error(|s| s.schedule = rarefy_nn::sparsify::Schedule::Constant).contains("cubic"));
    assert!(
        error(|s| s.structure = rarefy_core::pattern::Structure::Block { rows: 2, cols: 2 }).contains("unstructured")
    );
    assert!(
        error(|s| s.penalty.as_mut().unwrap().strength = Some(f64::NAN)).starts_with("strength of the penalty is NaN")
    );
    assert!(
        error(|s| s.penalty.as_mut().unwrap().kind = Shape::ElasticNet { l1_ratio: 0.0 }).starts_with("l1-ratio is 0")
    );
}

#[test]
fn whole_neurons_do_not_go_from_a_shared_weight() {
    let mut config = long("group-l1", "sgd");
    config.net = rarefy_nn::Net::new(64).linear(16).layer("relu").layer("tied-linear 1").linear(10);
    let error = Trainer::new(config).err().unwrap().to_string();
    assert!(error.starts_with("sparsity method is group-l1") && error.contains("tied-linear"), "{error}");
}
