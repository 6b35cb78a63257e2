//! Checkpoints: a resumed run ends on the same bits, and what does not belong is refused.

mod training;

use proptest::prelude::*;
use rarefy_core::progress::Progress;
use rarefy_model::container::{Container, Tensor};
use rarefy_nn::sparsify::{Method, registry};
use rarefy_nn::trainer::{ClassWeights, KIND, Settings, Stop, VERSION};
use rarefy_nn::{Config, Ended, Error, Net, Optimizer, Trainer};
use std::sync::atomic::{AtomicU64, Ordering};
use training::{alone, bits, config, parts};

/// Cancels after so many steps.
struct After(AtomicU64, u64);

impl Progress for After {
    fn cancelled(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) >= self.1
    }
}

/// Through bytes, as on disk.
fn reload(config: &Config, trainer: &Trainer, more: &Settings) -> Result<Trainer, Error> {
    let bytes = trainer.to_container(more)?.to_bytes()?;
    Trainer::from_container(config.clone(), Container::from_bytes(&bytes, KIND, VERSION)?, more)
}

/// What must be the same: the network, and all of the history but its cost.
fn result(trainer: &Trainer) -> (Vec<u32>, Vec<String>) {
    let history = trainer.history().iter().map(|e| {
        format!(
            "{} {} {:?} {:?} {:?} {} {:?}",
            e.epoch,
            e.train_loss,
            e.train_accuracy,
            e.validation_loss,
            e.validation_accuracy,
            e.learning_rate,
            e.densities
        )
    });
    (bits(trainer.network()), history.collect())
}

/// A network of everything that has a state.
fn everything(optimizer: &str) -> Config {
    let net = Net::new(64).linear(40).layer("batch-norm").relu().dropout(0.1).linear(24).gelu().linear(10);
    Config {
        net,
        class_weights: ClassWeights::Balanced,
        stop: Stop { patience: Some(5), ..Stop::default() },
        ..config("rigl", optimizer)
    }
}

/// The same with an estimated learning rate.
fn auto(config: Config) -> Config {
    let optimizer = Optimizer { auto: true, ..config.optimizer.clone() };
    Config { optimizer, ..config }
}

#[test]
fn a_run_resumed_after_every_step_ends_on_the_same_bits() {
    let _alone = alone();
    let (train, validation) = parts(200, 80);
    let sparse = ["sparse-relu density 0.3", "linear 24", "shifted-relu", "k-winners 9", "sampled-linear 10 4"];
    let sparse = Config {
        net: sparse.iter().fold(Net::new(64).linear(40), |net, words| net.layer(*words)),
        ..config("rigl", "adamw")
    };
    let tied = Config {
        net: Net::new(64).linear(24).relu().layer("tied-linear 1").relu().linear(10),
        ..config("rigl", "adam")
    };
    for config in [
        tied,
        sparse,
        Config { hardest: 0.4, ..everything("adam") },
        everything("adam"),
        auto(everything("adam")),
        auto(Config { accumulate: 2, ..everything("adamw") }),
        everything("rmsprop"),
        Config { accumulate: 2, ..everything("sgd") },
    ] {
        let mut whole = Trainer::new(config.clone()).unwrap();
        whole.fit(&train, Some(&validation), &(), &mut |_| Ok(())).unwrap();
        let mut trainer = Trainer::new(config.clone()).unwrap();
        loop {
            trainer = reload(&config, &trainer, &Settings::new()).unwrap();
            let one = After(AtomicU64::new(0), 1);
            if trainer.fit(&train, Some(&validation), &one, &mut |_| Ok(())).unwrap() != Ended::Cancelled {
                break;
            }
        }
        assert!(result(&trainer) == result(&whole), "{:?}", config.optimizer);
        assert_eq!(trainer.estimated_rate(), whole.estimated_rate());
    }
}

#[test]
fn checkpoints_of_all_epochs_lead_to_the_same_bits() {
    let _alone = alone();
    let (train, validation) = parts(300, 100);
    for Method { name: method, .. } in registry() {
        let config = config(method, "adam");
        let mut whole = Trainer::new(config.clone()).unwrap();
        let mut saved = Vec::new();
        whole
            .fit(&train, Some(&validation), &(), &mut |t| {
                saved.push(t.to_container(&Settings::new())?);
                Ok(())
            })
            .unwrap();
        assert_eq!(saved.len(), 3);
        for container in saved {
            let mut trainer = Trainer::from_container(config.clone(), container, &Settings::new()).unwrap();
            assert_eq!(trainer.fit(&train, Some(&validation), &(), &mut |_| Ok(())).unwrap(), Ended::Epochs);
            assert!(result(&trainer) == result(&whole), "{method}");
        }
    }
}

#[test]
fn a_training_that_a_rule_ended_stays_ended() {
    let (train, validation) = parts(300, 100);
    let config = Config { stop: Stop { accuracy: Some(0.05), ..Stop::default() }, ..config("rigl", "adam") };
    let mut trainer = Trainer::new(config.clone()).unwrap();
    assert_eq!(trainer.fit(&train, Some(&validation), &(), &mut |_| Ok(())).unwrap(), Ended::Accuracy);
    let mut resumed = reload(&config, &trainer, &Settings::new()).unwrap();
    assert_eq!(resumed.fit(&train, Some(&validation), &(), &mut |_| Ok(())).unwrap(), Ended::Accuracy);
    assert_eq!(resumed.step(), trainer.step());
}

#[test]
fn other_settings_are_refused_by_name() {
    let (train, _) = parts(200, 80);
    let config = config("rigl", "adam");
    let mut trainer = Trainer::new(config.clone()).unwrap();
    trainer.fit(&train, None, &(), &mut |_| Ok(())).unwrap();
    let settings: Settings = [("data".to_owned(), "abc".to_owned())].into();
    let container = trainer.to_container(&settings).unwrap();
    let error = |config: &Config, settings: &Settings| {
        Trainer::from_container(config.clone(), container.clone(), settings).err().unwrap().to_string()
    };
    let other: Settings = [("data".to_owned(), "abd".to_owned())].into();
    assert!(error(&config, &other).contains("made with data = abc, this training has abd"));
    assert!(error(&config, &Settings::new()).contains("data = abc, this training has nothing"));
    let other = Config { seed: 12, ..config.clone() };
    assert!(error(&other, &settings).contains("seed = 11, this training has 12"));
    let other = Config { epochs: 4, ..config.clone() };
    assert!(error(&other, &settings).contains("epochs = 3, this training has 4"));
    // Rules that end it may change.
    let other = Config { stop: Stop { seconds: Some(1e6), ..Stop::default() }, ..config };
    Trainer::from_container(other, container.clone(), &settings).unwrap();
}

#[test]
fn other_data_are_refused() {
    let (train, other) = parts(300, 100);
    let config = config("rigl", "adam");
    let mut trainer = Trainer::new(config.clone()).unwrap();
    trainer.fit(&train, None, &After(AtomicU64::new(0), 12), &mut |_| Ok(())).unwrap();
    let error =
        reload(&config, &trainer, &Settings::new()).unwrap().fit(&other, None, &(), &mut |_| Ok(())).unwrap_err();
    assert!(matches!(error, Error::Resume { .. }), "{error}");
}

/// A checkpoint of some training.
fn checkpoint() -> (Config, Container) {
    let (train, validation) = parts(200, 80);
    let config = everything("adam");
    let mut trainer = Trainer::new(config.clone()).unwrap();
    trainer.fit(&train, Some(&validation), &After(AtomicU64::new(0), 10), &mut |_| Ok(())).unwrap();
    (config, trainer.to_container(&Settings::new()).unwrap())
}

#[test]
fn a_checkpoint_without_one_of_its_tensors_or_with_one_more_is_refused_by_name() {
    let (config, container) = checkpoint();
    assert!(container.tensors.len() > 20);
    for name in container.tensors.keys() {
        let mut container = container.clone();
        container.tensors.remove(name);
        let error = Trainer::from_container(config.clone(), container, &Settings::new()).err().unwrap().to_string();
        assert!(error.contains(name) && error.contains("missing"), "{name}: {error}");
    }
    let mut container = container;
    container.insert("layer99.bias.values", Tensor::from_f32(&[1], &[0.0]).unwrap()).unwrap();
    let error = Trainer::from_container(config, container, &Settings::new()).err().unwrap().to_string();
    assert!(error.contains("layer99"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is put in place of a tensor, the checkpoint is refused or gives a trainer that can be used.
    #[test]
    fn hostile_tensors_are_refused_or_harmless(at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..64), cut in any::<bool>()) {
        use std::sync::OnceLock;
        static CHECKPOINT: OnceLock<(Config, Container)> = OnceLock::new();
        let (config, container) = CHECKPOINT.get_or_init(checkpoint);
        let mut container = container.clone();
        let name = container.tensors.keys().nth(at.index(container.tensors.len())).unwrap().clone();
        let old = container.tensors[&name].clone();
        // Another length, or some other bytes of the same length.
        let (shape, data) = if cut {
            let whole = bytes.len() / old.dtype().bytes();
            (vec![whole], bytes[..whole * old.dtype().bytes()].to_vec())
        } else {
            let mut data = old.bytes().to_vec();
            data.iter_mut().zip(&bytes).for_each(|(old, new)| *old = *new);
            (old.shape().to_vec(), data)
        };
        container.tensors.insert(name.clone(), Tensor::new(&name, old.dtype(), &shape, &data).unwrap());
        if let Ok(mut trainer) = Trainer::from_container(config.clone(), container, &Settings::new()) {
            let (train, validation) = parts(200, 80);
            let _ = trainer.fit(&train, Some(&validation), &After(AtomicU64::new(0), 2), &mut |_| Ok(()));
        }
    }
}
