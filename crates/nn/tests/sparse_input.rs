//! Training on sparse data: the same as on the same data stored dense, lazy or not, on any number of threads, and after
//! resuming.

use rarefy_core::matrix::{Batch, Csr, Dense};
use rarefy_core::parallel;
use rarefy_core::progress::Progress;
use rarefy_core::random::{Key, uniform};
use rarefy_data::{Dataset, Factors, Features, Target};
use rarefy_nn::net::Build;
use rarefy_nn::optimizer::Kind;
use rarefy_nn::trainer::Settings;
use rarefy_nn::{Config, Ended, Input, Mode, Net, Optimizer, Sparsity, Split, Step, Trainer};
use std::sync::atomic::{AtomicU64, Ordering};

const ROWS: usize = 150;
const COLS: usize = 60;

/// Rows of few words, whose class is the kind of word that most of them are.
fn data(sparse: bool) -> Dataset {
    let key = Key::new(3, 4);
    let mut dense = vec![0.0f32; ROWS * COLS];
    let mut classes = Vec::new();
    for i in 0..ROWS {
        let class = i % 3;
        classes.push(class as u32);
        for word in 0..6u64 {
            let block = key.block(i as u64, word);
            let kind = if word < 4 { class } else { block[1] as usize % 3 };
            // Three words of each kind never occur.
            dense[i * COLS + kind + 3 * (block[0] as usize % (COLS / 3 - 1))] = 0.5 + uniform(block[2]);
        }
    }
    let x = Dense::new(ROWS, COLS, dense).unwrap();
    let features = if sparse { Features::Sparse(Csr::from_dense(x.view()).unwrap()) } else { Features::Dense(x) };
    Dataset::new("words", features, Target::Classes(classes)).unwrap()
}

fn config(optimizer: &str, method: &str, lazy: Option<bool>) -> Config {
    Config {
        net: Net::new(COLS).linear(24).relu().linear(3),
        optimizer: Optimizer { learning_rate: 0.02, weight_decay: 0.01, ..Optimizer::named(optimizer).unwrap() },
        sparsity: Sparsity { density: 0.3, every: 7, ..Sparsity::named(method).unwrap() },
        batch: 16,
        epochs: 5,
        lazy,
        ..Config::default()
    }
}

fn values(trainer: &Trainer) -> Vec<f32> {
    trainer.network().layers().iter().flat_map(|l| l.params()).flat_map(|(_, p)| p.values.clone()).collect()
}

fn fit(config: Config, sparse: bool) -> Trainer {
    let data = data(sparse);
    let mut trainer = Trainer::new(config).unwrap();
    let split = Split::whole(&data, Factors::Same(0.5));
    trainer.fit(&split, Some(&split), &(), &mut |_| Ok(())).unwrap();
    trainer
}

#[test]
fn without_laziness_sparse_data_train_as_the_same_data_stored_dense() {
    for (optimizer, method) in [("adam", "fixed"), ("adamw", "set"), ("sgd", "rigl"), ("rmsprop", "rigl")] {
        let (sparse, dense) =
            (fit(config(optimizer, method, Some(false)), true), fit(config(optimizer, method, None), false));
        for (a, b) in sparse.history().iter().zip(dense.history()) {
            assert!((a.train_loss - b.train_loss).abs() < 5e-3, "{optimizer}: {a:?} and {b:?}");
            assert_eq!(a.nnz, b.nnz);
        }
        let (first, last) = (&sparse.history()[0], &sparse.history()[4]);
        assert!(last.train_loss < first.train_loss, "{optimizer}: {first:?} and {last:?}");
    }
}

#[test]
fn an_estimated_rate_trains_sparse_data_as_dense_ones_and_not_lazily() {
    let auto = |lazy| {
        let config = config("adamw", "rigl", lazy);
        Config { optimizer: Optimizer { auto: true, ..config.optimizer.clone() }, epochs: 30, ..config }
    };
    let (sparse, dense) = (fit(auto(None), true), fit(auto(None), false));
    for (a, b) in sparse.history().iter().zip(dense.history()).take(5) {
        assert!((a.train_loss - b.train_loss).abs() < 5e-3, "{a:?} and {b:?}");
    }
    let (first, last) = (&sparse.history()[0], &sparse.history()[29]);
    assert!(last.train_loss < first.train_loss / 2.0, "{first:?} and {last:?}");
    let (data, mut trainer) = (data(true), Trainer::new(auto(Some(true))).unwrap());
    let error = trainer.fit(&Split::whole(&data, Factors::Same(0.5)), None, &(), &mut |_| Ok(())).unwrap_err();
    let expected = "lazy is true, expected false or none, as an estimated learning rate looks at all columns";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn a_lazy_step_of_plain_sgd_with_decay_equals_the_whole_one() {
    // Without moments nothing is lost by leaving a column alone, if its decay is caught up.
    let (lazy, whole) = (fit(config("sgd", "fixed", None), true), fit(config("sgd", "fixed", Some(false)), true));
    for (a, b) in values(&lazy).iter().zip(values(&whole)) {
        assert!((a - b).abs() < 1e-5 * b.abs().max(0.1), "{a} and {b}");
    }
    assert_ne!(values(&lazy), values(&Trainer::new(config("sgd", "fixed", None)).unwrap()), "nothing was learned");
}

#[test]
fn lazy_columns_keep_values_and_moments_and_adamw_catches_up() {
    let data = data(true);
    let trainer = fit(config("adam", "fixed", None), true);
    let never: Vec<usize> = (0..COLS)
        .filter(|&j| {
            (0..ROWS).all(|i| {
                let mut row = vec![0.0; COLS];
                data.features.row_into(i, &mut row);
                row[j] == 0.0
            })
        })
        .collect();
    assert_eq!(never.len(), 3);
    let fresh = Trainer::new(config("adam", "fixed", None)).unwrap();
    let decayed = fit(config("adamw", "fixed", None), true);
    let column = |t: &Trainer, j: usize| {
        let weight = t.network().weights().next().unwrap();
        let (pattern, values) = (weight.pattern().unwrap(), weight.values());
        pattern.iter().zip(values).filter(|((_, col), _)| *col == j).map(|(_, v)| v).collect::<Vec<_>>()
    };
    let steps = (5 * ROWS.div_ceil(16)) as i32;
    for j in never {
        assert_eq!(column(&trainer, j), column(&fresh, j), "adam, coupled decay: left alone");
        for (a, b) in column(&decayed, j).iter().zip(column(&fresh, j)) {
            let expected = b * (1.0f32 - 0.02 * 0.01).powi(steps);
            assert!((a - expected).abs() < 1e-5, "{a} and {expected}");
        }
    }
}

#[test]
fn accumulated_batches_make_the_lazy_step_of_one() {
    // A large epsilon, as Adam otherwise makes whole steps of rounding errors.
    let kind = Kind::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-3 };
    let of = config("adamw", "fixed", None);
    let of = Config { optimizer: Optimizer { kind, ..of.optimizer.clone() }, ..of };
    let one = fit(of.clone(), true);
    let four = fit(Config { batch: 4, accumulate: 4, ..of }, true);
    for (a, b) in values(&one).iter().zip(values(&four)) {
        assert!((a - b).abs() < 2e-3, "{a} and {b}");
    }
}

#[test]
fn a_dense_first_layer_takes_sparse_data_too() {
    let sparse =
        fit(Config { sparsity: Sparsity::named("dense").unwrap(), ..config("sgd", "dense", Some(false)) }, true);
    let stored = fit(Config { sparsity: Sparsity::named("dense").unwrap(), ..config("sgd", "dense", None) }, false);
    let (a, b) = (sparse.history()[4].train_loss, stored.history()[4].train_loss);
    assert!((a - b).abs() < 1e-4, "{a} and {b}");
    assert!(!sparse.network().weights().next().unwrap().is_dense());
}

#[test]
fn threads_change_no_bit() {
    for method in ["rigl", "set"] {
        let run = |threads| {
            parallel::set_threads(threads);
            values(&fit(config("adamw", method, None), true))
        };
        assert_eq!(run(1), run(2), "{method}");
    }
}

/// Cancels after some steps.
struct After(AtomicU64);

impl Progress for After {
    fn cancelled(&self) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) == 0
    }
}

#[test]
fn a_resumed_lazy_training_gives_the_same_bits() {
    let data = data(true);
    let split = Split::whole(&data, Factors::Same(0.5));
    for (optimizer, steps) in [("adamw", 13), ("sgd", 22), ("adam", 31)] {
        let config = config(optimizer, "rigl", None);
        let whole = fit(config.clone(), true);
        let mut first = Trainer::new(config.clone()).unwrap();
        let ended = first.fit(&split, Some(&split), &After(AtomicU64::new(steps)), &mut |_| Ok(())).unwrap();
        assert_eq!((ended, first.step()), (Ended::Cancelled, steps));
        let container = first.to_container(&Settings::new()).unwrap();
        let mut second = Trainer::from_container(config, container, &Settings::new()).unwrap();
        second.fit(&split, Some(&split), &(), &mut |_| Ok(())).unwrap();
        assert_eq!(values(&second), values(&whole), "{optimizer}");
    }
}

#[test]
fn a_penalty_shrinks_features_that_no_row_has_and_none_of_it_is_lazy() {
    let fit_l1 = |lazy, sparse| fit(config("sgd", "prox-l1", lazy), sparse);
    let (unsaid, eager, dense) = (fit_l1(None, true), fit_l1(Some(false), true), fit_l1(None, false));
    assert_eq!(values(&unsaid), values(&eager));
    for (a, b) in unsaid.history().iter().zip(dense.history()) {
        assert!((a.train_loss - b.train_loss).abs() < 5e-3, "{a:?} and {b:?}");
    }
    let data = data(true);
    let mut trainer = Trainer::new(config("sgd", "prox-l1", Some(true))).unwrap();
    let error = trainer.fit(&Split::whole(&data, Factors::Same(1.0)), None, &(), &mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("the method has a penalty"), "{error}");
}

#[test]
fn the_streamed_gradient_of_sparse_input_is_that_of_dense_input() {
    let mut network = Net::new(COLS).linear(5).build(&Build { density: 0.2, ..Build::default() }).unwrap();
    let data = data(true);
    let Features::Sparse(x) = &data.features else { unreachable!() };
    let rows: Vec<u32> = (0..33).collect();
    let one = rarefy_core::kernels::gather::Factors::One(1.0);
    network.sparse_input(33).unwrap().fill(x.view(), &rows, one).unwrap();
    network.forward(Mode::Eval);
    let (z, dz) = network.output().unwrap();
    dz.data_mut().copy_from_slice(z.data());
    network.backward(Mode::Eval, Step::Accumulate);
    let mut dense = Batch::zeros(COLS, 33).unwrap();
    for (s, &i) in rows.iter().enumerate() {
        let (indices, values) = x.row(i as usize);
        indices.iter().zip(values).for_each(|(&j, &v)| dense.row_mut(j as usize)[s] = v);
    }
    network
        .each_weight(|_, weight, x, dy| {
            let all = |x: Input<'_>| {
                let found = std::sync::Mutex::new(vec![0.0; 5 * COLS]);
                weight.dense_gradient(x, dy, 1, |first, block| {
                    found.lock().unwrap()[first * COLS..][..block.len()].copy_from_slice(block);
                });
                found.into_inner().unwrap()
            };
            for (a, b) in all(x).iter().zip(all((&dense).into())) {
                assert!((a - b).abs() < 1e-4, "{a} and {b}");
            }
            for (a, b) in x.norms().iter().zip(Input::Dense(&dense).norms()) {
                assert!((a - b).abs() < 1e-5, "{a} and {b}");
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn sparse_data_need_a_linear_layer_first_and_dense_data_are_never_lazy() {
    let sparse = data(true);
    let config_of = |net| Config { net, ..config("adam", "fixed", None) };
    let mut trainer = Trainer::new(config_of(Net::new(COLS).dropout(0.1).linear(3))).unwrap();
    let error = trainer.fit(&Split::whole(&sparse, Factors::Same(1.0)), None, &(), &mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("sparse data go into a linear layer first"), "{error}");
    let dense = data(false);
    let mut trainer = Trainer::new(config("adam", "fixed", Some(true))).unwrap();
    let error = trainer.fit(&Split::whole(&dense, Factors::Same(1.0)), None, &(), &mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("lazy"), "{error}");
}
