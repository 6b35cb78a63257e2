//! The trainer: what it learns, when it ends, and what it refuses.

mod training;

use rarefy_core::matrix::Dense;
use rarefy_core::parallel;
use rarefy_core::pattern::Structure;
use rarefy_core::progress::{Cancel, Progress};
use rarefy_data::{Dataset, Factors, Features, Target};
use rarefy_nn::optimizer::Clip;
use rarefy_nn::sparsify::{Method, registry};
use rarefy_nn::trainer::{Aim, ClassWeights, Stop};
use rarefy_nn::{Config, Ended, Error, Net, Optimizer, Sparsity, Split, Trainer};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use training::{alone, bits, config, digits, parts};

/// Trains to the end and returns the trainer.
fn fit(config: Config, train: &Split<'_>, validation: Option<&Split<'_>>) -> Trainer {
    let mut trainer = Trainer::new(config).unwrap();
    trainer.fit(train, validation, &(), &mut |_| Ok(())).unwrap();
    trainer
}

/// The error that training ends with.
fn error(config: Config, train: &Split<'_>) -> Error {
    match Trainer::new(config) {
        Ok(mut trainer) => trainer.fit(train, None, &(), &mut |_| Ok(())).unwrap_err(),
        Err(error) => error,
    }
}

#[test]
fn every_method_and_optimizer_gives_the_same_bits_on_any_number_of_threads() {
    let _alone = alone();
    let (train, validation) = parts(400, 100);
    for Method { name: method, .. } in registry() {
        for optimizer in ["sgd", "adam", "adamw", "rmsprop"] {
            let run = |threads| {
                parallel::set_threads(threads);
                let trainer = fit(config(method, optimizer), &train, Some(&validation));
                let losses: Vec<_> = trainer.history().iter().map(|e| (e.train_loss, e.validation_loss)).collect();
                (bits(trainer.network()), losses)
            };
            assert_eq!(run(1), run(2), "{method}, {optimizer}");
        }
    }
    parallel::set_threads(0);
}

#[test]
fn patterns_change_with_set_and_rigl_alone_and_keep_their_size() {
    let (train, _) = parts(400, 100);
    for method in ["fixed", "set", "rigl"] {
        for structure in [Structure::Unstructured, Structure::Block { rows: 4, cols: 1 }] {
            let mut config = config(method, "adam");
            config.sparsity.structure = structure;
            let mut trainer = Trainer::new(config).unwrap();
            let patterns = |t: &Trainer| t.network().weights().map(|w| w.pattern().unwrap()).collect::<Vec<_>>();
            let before = patterns(&trainer);
            trainer.fit(&train, None, &(), &mut |_| Ok(())).unwrap();
            let after = patterns(&trainer);
            assert!(before.iter().zip(&after).all(|(b, a)| b.nnz() == a.nnz()), "{method}, {structure}");
            assert_eq!(before != after, method != "fixed", "{method}, {structure}");
        }
    }
}

#[test]
fn rigl_learns_the_digits_at_a_twentieth_of_the_weights() {
    let (train, validation) = parts(1200, 240);
    let net = Net::new(64).linear(256).relu().linear(128).relu().linear(10);
    let sparsity = Sparsity { density: 0.05, every: 20, ..Sparsity::named("rigl").unwrap() };
    let optimizer = Optimizer { learning_rate: 3e-3, ..Optimizer::named("adam").unwrap() };
    let trainer =
        fit(Config { net, sparsity, optimizer, batch: 32, epochs: 15, ..Config::default() }, &train, Some(&validation));
    let last = trainer.history().last().unwrap();
    assert!(trainer.network().density() <= 0.05);
    assert!(last.validation_accuracy.unwrap() > 0.93, "{last:?}");
    assert!(last.train_loss < trainer.history()[0].train_loss / 3.0);
}

#[test]
fn evaluation_agrees_with_its_confusion_and_the_history() {
    let (train, validation) = parts(400, 700); // more than one batch to evaluate
    let mut trainer = fit(config("rigl", "adam"), &train, Some(&validation));
    let evaluation = trainer.evaluate(&validation).unwrap();
    let last = trainer.history().last().unwrap();
    assert_eq!((evaluation.accuracy, Some(evaluation.loss)), (last.validation_accuracy, last.validation_loss));
    let confusion = evaluation.confusion.unwrap();
    assert_eq!(confusion.iter().flatten().sum::<u64>(), validation.rows.len() as u64);
    let right = (0..10).map(|c| confusion[c][c]).sum::<u64>() as f64;
    assert_eq!(evaluation.accuracy, Some(right / evaluation.rows as f64));
}

#[test]
fn accumulated_batches_equal_one_large_batch() {
    let (train, _) = parts(400, 100);
    for clip in [Clip::None, Clip::Norm(0.5)] {
        let mut config = config("fixed", "sgd");
        config.optimizer.learning_rate = 0.05;
        config.optimizer.clip = clip;
        let one = fit(Config { batch: 128, ..config.clone() }, &train, None);
        let four = fit(Config { batch: 32, accumulate: 4, ..config }, &train, None);
        assert_eq!(one.step(), four.step());
        for (a, b) in one.network().weights().zip(four.network().weights()) {
            for (a, b) in a.values().iter().zip(b.values()) {
                assert!((a - b).abs() < 1e-4, "{a} and {b}");
            }
        }
    }
}

#[test]
fn weights_of_classes_count_as_copies_of_rows() {
    // Every row of class 1 twice is what a weight of 2 means: one step on all rows gives the same network.
    let x = [0.5, -1.0, 2.0, 0.25, -0.75, 1.5];
    let data = |rows: &[usize]| {
        let x = rows.iter().flat_map(|&i| x[2 * i..2 * i + 2].to_vec()).collect();
        let classes = rows.iter().map(|&i| u32::from(i == 1)).collect();
        Dataset::new("rows", Features::Dense(Dense::new(rows.len(), 2, x).unwrap()), Target::Classes(classes)).unwrap()
    };
    let (single, copies) = (data(&[0, 1, 2]), data(&[0, 1, 2, 1]));
    let train = |data: &Dataset, class_weights| {
        let optimizer = Optimizer { learning_rate: 0.1, ..Optimizer::named("sgd").unwrap() };
        let sparsity = Sparsity::named("dense").unwrap();
        let net = Net::new(2).linear(4).tanh().linear(2);
        let config = Config { net, optimizer, sparsity, class_weights, batch: 8, epochs: 20, ..Config::default() };
        let split = Split::whole(data, Factors::Same(1.0));
        let trainer = fit(config, &split, None);
        (trainer.network().weights().flat_map(|w| w.values()).collect::<Vec<_>>(), trainer.history()[19].train_loss)
    };
    let (weighted, repeated) =
        (train(&single, ClassWeights::Given(vec![1.0, 2.0])), train(&copies, ClassWeights::None));
    assert!(weighted.0.iter().zip(&repeated.0).all(|(a, b)| (a - b).abs() < 1e-5), "{weighted:?}\n{repeated:?}");
    assert!((weighted.1 - repeated.1).abs() < 1e-5);
    // Balanced: 3 rows, 2 classes of 2 and 1 rows: 0.75 and 1.5.
    let (balanced, given) =
        (train(&single, ClassWeights::Balanced), train(&single, ClassWeights::Given(vec![0.75, 1.5])));
    assert_eq!(balanced, given);
}

#[test]
fn values_are_learned_too() {
    let x: Vec<f32> = (0..200).map(|i| (i * 37 % 101) as f32 / 101.0 - 0.5).collect();
    let y = x.chunks(2).flat_map(|x| [x[0] - 2.0 * x[1], 3.0 * x[1]]).collect();
    let features = Features::Dense(Dense::new(100, 2, x).unwrap());
    let data = Dataset::new("line", features, Target::Values(Dense::new(100, 2, y).unwrap())).unwrap();
    let split = Split::whole(&data, Factors::Same(1.0));
    let optimizer = Optimizer { learning_rate: 0.05, ..Optimizer::named("adam").unwrap() };
    let sparsity = Sparsity::named("dense").unwrap();
    let loss = "squared-error".to_owned();
    let config =
        Config { net: Net::new(2).linear(2), loss, optimizer, sparsity, batch: 20, epochs: 60, ..Config::default() };
    let mut trainer = fit(config, &split, None);
    let evaluation = trainer.evaluate(&split).unwrap();
    assert!(evaluation.loss < 1e-4, "{evaluation:?}");
    assert_eq!((evaluation.accuracy, evaluation.confusion), (None, None));
}

#[test]
fn sparse_features_train_as_dense_ones() {
    let (train, _) = parts(300, 100);
    let Features::Bytes(bytes) = &digits().features else { panic!("the digits are bytes") };
    let dense = Dense::new(bytes.rows(), 64, bytes.data().iter().map(|&b| f32::from(b)).collect()).unwrap();
    let sparse = rarefy_core::matrix::Csr::from_dense(dense.view()).unwrap();
    let run = |features| {
        let data =
            Dataset::with_classes("digits", features, digits().target.clone(), digits().class_names.clone()).unwrap();
        let split = Split { data: &data, ..train.clone() };
        fit(
            Config { lazy: matches!(data.features, Features::Sparse(_)).then_some(false), ..config("rigl", "adam") },
            &split,
            None,
        )
    };
    let _alone = alone();
    let (expected, sparse) = (run(digits().features.clone()), run(Features::Sparse(sparse)));
    assert!(bits(run(Features::Dense(dense)).network()) == bits(expected.network()));
    // Sums over features that are there are rounded in another order than those over all.
    for (a, b) in sparse.history().iter().zip(expected.history()) {
        assert!((a.train_loss - b.train_loss).abs() < 1e-2 * b.train_loss, "{a:?} and {b:?}");
        assert_eq!(a.nnz, b.nnz);
    }
}

#[test]
fn rules_end_the_training() {
    let (train, validation) = parts(1000, 300);
    let run = |stop: Stop, optimizer: Optimizer| {
        let config = Config { stop, optimizer, epochs: 40, ..config("rigl", "adam") };
        let mut trainer = Trainer::new(config).unwrap();
        let ended = trainer.fit(&train, Some(&validation), &(), &mut |_| Ok(())).unwrap();
        (ended, trainer)
    };
    let adam = Optimizer::named("adam").unwrap();
    let (ended, trainer) = run(Stop { accuracy: Some(0.8), ..Stop::default() }, adam.clone());
    assert_eq!(ended, Ended::Accuracy);
    let (last, before) = trainer.history().split_last().unwrap();
    assert!(last.validation_accuracy.unwrap() >= 0.8 && before.iter().all(|e| e.validation_accuracy.unwrap() < 0.8));

    let (ended, trainer) = run(Stop { loss: Some(0.6), ..Stop::default() }, adam.clone());
    assert_eq!(ended, Ended::Loss);
    assert!(trainer.history().last().unwrap().validation_loss.unwrap() <= 0.6);

    // So fast that it soon stops improving.
    let (ended, trainer) =
        run(Stop { patience: Some(2), ..Stop::default() }, Optimizer { learning_rate: 0.1, ..adam.clone() });
    assert_eq!(ended, Ended::Patience);
    let losses: Vec<_> = trainer.history().iter().map(|e| e.validation_loss.unwrap()).collect();
    let (before, last) = losses.split_at(losses.len() - 2);
    assert!(last.iter().all(|loss| before.iter().any(|b| b <= loss)), "{losses:?}");

    let (ended, trainer) = run(Stop { seconds: Some(1e-9), ..Stop::default() }, adam);
    assert_eq!((ended, trainer.step()), (Ended::Seconds, 0));
}

#[test]
fn rules_without_a_validation_part_are_refused() {
    let config = Config { stop: Stop { accuracy: Some(0.9), ..Stop::default() }, ..config("rigl", "adam") };
    let error = error(config, &parts(300, 100).0).to_string();
    assert!(error.contains("validation part"), "{error}");
}

#[test]
fn a_learning_rate_too_large_is_a_named_error() {
    for optimizer in ["sgd", "adam"] {
        let mut config = config("rigl", optimizer);
        config.optimizer.learning_rate = 1e30;
        let error = error(config, &parts(300, 100).0);
        assert!(matches!(error, Error::Diverged { .. }), "{error}");
        assert!(error.to_string().starts_with("diverged at step "), "{error}");
    }
}

#[test]
fn a_learning_rate_of_a_million_diverges_or_stays_finite_but_never_passes_unnoticed() {
    let (train, _) = parts(300, 100);
    let mut config = config("dense", "sgd");
    config.optimizer.learning_rate = 1e6;
    let error = error(config, &train);
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
}

#[test]
fn data_that_do_not_fit_are_refused_with_both_numbers() {
    let (train, _) = parts(300, 100);
    let text = |config: Config, split: &Split<'_>| error(config, split).to_string();
    let config = || config("rigl", "adam");
    let found = text(Config { net: Net::new(63).linear(10), ..config() }, &train);
    assert!(found.contains("64 features, expected 63"), "{found}");
    let found = text(Config { net: Net::new(64).linear(9), ..config() }, &train);
    assert!(found.contains("10 classes, expected 9"), "{found}");
    let found = text(config(), &Split { rows: vec![], ..train.clone() });
    assert!(found.contains("0 rows, expected at least 1"), "{found}");
    let found = text(config(), &Split { rows: vec![5000], ..train.clone() });
    assert!(found.contains("5000 as a row number, expected numbers below"), "{found}");
    let found = text(config(), &Split { factors: Factors::PerFeature(vec![1.0; 3]), ..train.clone() });
    assert!(found.contains("3 scaling factors, expected 64"), "{found}");
    let found = text(Config { class_weights: ClassWeights::Given(vec![1.0; 3]), ..config() }, &train);
    assert!(found.contains("3 numbers, expected one for each of 10 classes"), "{found}");
    let one = Dataset { target: Target::Classes(vec![4; digits().rows()]), ..digits().clone() };
    let found = text(config(), &Split { data: &one, ..train.clone() });
    assert!(found.contains("every row has the class"), "{found}");
    let none = Dataset { target: Target::None, ..digits().clone() };
    let found = text(config(), &Split { data: &none, ..train });
    assert!(found.contains("no labels"), "{found}");
}

#[test]
fn settings_out_of_range_are_refused() {
    let (train, _) = parts(300, 100);
    let good = || config("rigl", "adam");
    for config in [
        Config { batch: 0, ..good() },
        Config { epochs: 0, ..good() },
        Config { accumulate: 0, ..good() },
        Config { batch: usize::MAX, accumulate: 2, ..good() },
        Config { loss: "hinge".into(), ..good() },
        Config { class_weights: ClassWeights::Given(vec![0.0; 10]), ..good() },
        Config { class_weights: ClassWeights::Given(vec![f32::NAN; 10]), ..good() },
        Config { sparsity: Sparsity { density: 0.0, ..good().sparsity }, ..good() },
    ] {
        let error = error(config, &train).to_string();
        assert!(error.contains(" is ") && error.contains("expected"), "{error}");
    }
}

#[test]
fn too_little_memory_is_found_before_the_start() {
    // A dense layer of 4.2 milliard weights: as many as indices can count.
    let config = Config { net: Net::new(65_000).linear(65_000), ..config("dense", "adam") };
    match error(config, &parts(300, 100).0) {
        Error::Memory { needed, available } => assert!(needed > 12 * 65_000 * 65_000 && available < needed),
        other => panic!("{other}"),
    }
}

/// Cancels at a step, and notes what it is told.
struct Watch {
    at: u64,
    asked: AtomicU64,
    told: Mutex<Vec<(u64, String)>>,
}

impl Progress for Watch {
    fn start(&self, what: &str, total: u64) {
        self.told.lock().unwrap().push((total, what.to_owned()));
    }

    fn advance(&self, done: u64, note: &str) {
        self.told.lock().unwrap().push((done, note.to_owned()));
    }

    fn cancelled(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) >= self.at
    }
}

#[test]
fn training_can_be_cancelled_before_any_step_and_goes_on_to_the_same_bits() {
    let _alone = alone();
    let (train, validation) = parts(400, 100);
    let expected = bits(fit(config("rigl", "adam"), &train, Some(&validation)).network());
    let mut trainer = Trainer::new(config("rigl", "adam")).unwrap();
    let watch = Watch { at: 17, asked: AtomicU64::new(0), told: Mutex::new(Vec::new()) };
    assert_eq!(trainer.fit(&train, Some(&validation), &watch, &mut |_| Ok(())).unwrap(), Ended::Cancelled);
    assert_eq!(trainer.step(), 17);
    let told = watch.told.into_inner().unwrap();
    assert_eq!(told[0], (39, "training".to_owned()));
    let (step, note) = told.last().unwrap();
    assert!(
        *step == 17 && note.starts_with("loss ") && note.contains(" accuracy 0.") && note.contains(" density 0."),
        "{note}"
    );
    assert_eq!(trainer.fit(&train, Some(&validation), &(), &mut |_| Ok(())).unwrap(), Ended::Epochs);
    assert!(bits(trainer.network()) == expected);
    let cancel = Cancel::new();
    cancel.cancel();
    assert_eq!(
        Trainer::new(config("rigl", "adam")).unwrap().fit(&train, None, &cancel, &mut |_| Ok(())).unwrap(),
        Ended::Cancelled
    );
}

#[test]
fn an_error_at_the_end_of_an_epoch_ends_the_training() {
    let (train, _) = parts(300, 100);
    let mut trainer = Trainer::new(config("rigl", "adam")).unwrap();
    let disk = || Error::Setting { name: "disk", found: "full".into(), expected: "room".into() };
    assert!(trainer.fit(&train, None, &(), &mut |_| Err(disk())).is_err());
    assert_eq!(trainer.history().len(), 1);
}

#[test]
fn the_hardest_half_of_a_batch_is_trained_as_a_batch_of_its_own() {
    let (train, _) = parts(200, 80);
    let one_step = |split: &Split<'_>, hardest: f64, batch: usize| {
        let config = Config { hardest, batch, epochs: 1, ..config("dense", "sgd") };
        let mut trainer = Trainer::new(config).unwrap();
        trainer.fit(split, None, &(), &mut |_| Ok(())).unwrap();
        trainer
    };
    let rows = train.rows.len();
    let found = one_step(&train, 0.5, rows);
    // The losses before the step, row by row: the rows of the larger half are the batch of the other training.
    let mut start = Trainer::new(config("dense", "sgd")).unwrap();
    let mut losses: Vec<(f64, u32)> = train
        .rows
        .iter()
        .map(|&row| (start.evaluate(&Split { rows: vec![row], ..train.clone() }).unwrap().loss, row))
        .collect();
    losses.sort_by(|a, b| b.0.total_cmp(&a.0));
    losses.truncate(rows.div_ceil(2));
    let half = Split { rows: losses.iter().map(|&(_, row)| row).collect(), ..train.clone() };
    let expected = one_step(&half, 1.0, half.rows.len());
    let mean = losses.iter().map(|(loss, _)| loss).sum::<f64>() / losses.len() as f64;
    assert!((found.history()[0].train_loss - mean).abs() < 1e-5, "{}, {mean}", found.history()[0].train_loss);
    for (a, b) in found.network().layers().iter().zip(expected.network().layers()) {
        for ((_, a), (_, b)) in a.params().into_iter().zip(b.params()) {
            assert!(a.values.iter().zip(&b.values).all(|(a, b)| (a - b).abs() < 1e-6));
        }
    }
}

#[test]
fn an_autoencoder_learns_to_answer_its_input() {
    let (train, validation) = parts(400, 80);
    let [train, validation] = [train, validation].map(|split| Split { aim: Aim::Input, ..split });
    let config = Config {
        net: Net::new(64).linear(16).relu().linear(64),
        loss: "binary-cross-entropy".to_owned(),
        optimizer: Optimizer { learning_rate: 0.01, ..Optimizer::default() },
        epochs: 25,
        ..config("rigl", "adam")
    };
    let trainer = fit(config.clone(), &train, Some(&validation));
    let (first, last) = (&trainer.history()[0], trainer.history().last().unwrap());
    assert_eq!((last.train_accuracy, last.validation_accuracy), (None, None));
    let (first, last) = (first.validation_loss.unwrap(), last.validation_loss.unwrap());
    // What remains of a cross-entropy where targets are shares is their own entropy.
    let pixels = train.rows.iter().flat_map(|&row| match &digits().features {
        Features::Dense(x) => x.row(row as usize).iter().map(|&x| f64::from(x) / 16.0).collect::<Vec<_>>(),
        Features::Bytes(x) => x.row(row as usize).iter().map(|&x| f64::from(x) / 16.0).collect(),
        Features::Sparse(_) => unreachable!("digits are dense"),
    });
    let entropy = |p: f64| if p <= 0.0 || p >= 1.0 { 0.0 } else { -p * p.ln() - (1.0 - p) * (1.0 - p).ln() };
    let (sum, count) = pixels.fold((0.0, 0.0), |(sum, count), p| (sum + entropy(p), count + 1.0));
    assert!(last > sum / count && last < 0.6 * first, "{first} to {last}, at least {}", sum / count);
    let wrong = Config { net: Net::new(64).linear(10), ..config };
    let text = error(wrong, &train).to_string();
    assert!(text.contains("64 features to answer, expected 10"), "{text}");
}
