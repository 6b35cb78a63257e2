//! Sets of labels in training: what epochs, stop rules and checkpoints know of them.

use rarefy_core::matrix::Dense;
use rarefy_core::pattern::Pattern;
use rarefy_core::random::Key;
use rarefy_data::{Dataset, Factors, Features, Target};
use rarefy_model::container::Container;
use rarefy_nn::trainer::{KIND, Precision, Settings, Stop, VERSION};
use rarefy_nn::{Config, Ended, Mode, Net, Optimizer, Split, Trainer};

/// Rows of 20 numbers, the sum of the prototypes of their labels: one or two of eight, none in every seventh row.
fn data() -> Dataset {
    let mut random = Key::new(5, 1).stream(0);
    let prototypes: Vec<f32> = (0..8 * 20).map(|_| random.normal_f32()).collect();
    let (rows, mut indptr, mut indices, mut x) = (280, vec![0], Vec::new(), Vec::new());
    for i in 0..rows {
        let first = indices.len();
        if i % 7 != 0 {
            let labels = [i * 3, i * 3 + 1 + i / 8 % 7].map(|label| label % 8);
            indices.extend((0..8u32).filter(|j| labels[..1 + i as usize % 2].contains(j)));
        }
        let of = |k: usize| indices[first..].iter().map(|&j: &u32| prototypes[j as usize * 20 + k]).sum::<f32>();
        x.extend((0..20).map(|k| of(k) + 0.2 * random.normal_f32()));
        indptr.push(indices.len() as u32);
    }
    let sets = Pattern::new(rows as usize, 8, indptr, indices).unwrap();
    let features = Features::Dense(Dense::new(rows as usize, 20, x).unwrap());
    Dataset::new("sums of prototypes", features, Target::Labels(sets)).unwrap()
}

fn config(last: &str) -> Config {
    Config {
        net: Net::new(20).linear(24).relu().layer(last),
        loss: "label-cross-entropy".to_owned(),
        sparsity: rarefy_nn::Sparsity::named("dense").unwrap(),
        optimizer: Optimizer { learning_rate: 0.02, ..Optimizer::default() },
        batch: 32,
        epochs: 12,
        ..Config::default()
    }
}

/// Rows to learn from, and to validate with.
fn parts(data: &Dataset) -> (Split<'_>, Split<'_>) {
    let rows = |from: usize, to: usize| (from..to).collect::<Vec<_>>();
    let split = |rows: &[usize]| Split::new(data, rows, Factors::Same(1.0));
    (split(&rows(0, 200)), split(&rows(200, 280)))
}

/// Precision of a network on some rows, by sorting all outputs.
fn by_sorting(trainer: Trainer, split: &Split<'_>) -> Precision {
    let (Features::Dense(x), Target::Labels(sets)) = (&split.data.features, &split.data.target) else { unreachable!() };
    let mut network = trainer.into_network();
    let mut right = [0usize; 3];
    for &row in &split.rows {
        let input = network.input(1).unwrap();
        (0..20).for_each(|k| input.row_mut(k)[0] = x.row(row as usize)[k]);
        let z = network.forward(Mode::Eval);
        let mut order: Vec<u32> = (0..8).collect();
        order.sort_by(|&a, &b| z.row(b as usize)[0].total_cmp(&z.row(a as usize)[0]));
        for (right, rank) in right.iter_mut().zip([1, 3, 5]) {
            *right += order[..rank].iter().filter(|label| sets.row(row as usize).contains(label)).count();
        }
    }
    let share = |right: usize, rank: usize| right as f64 / (rank * split.rows.len()) as f64;
    Precision { at_1: share(right[0], 1), at_3: share(right[1], 3), at_5: share(right[2], 5) }
}

#[test]
fn precision_is_that_of_sorted_outputs_and_in_the_history() {
    let data = data();
    let (train, validation) = parts(&data);
    for last in ["linear 8", "sampled-linear 8 5"] {
        let mut trainer = Trainer::new(config(last)).unwrap();
        trainer.fit(&train, Some(&validation), &(), &mut |_| Ok(())).unwrap();
        let found = trainer.evaluate(&validation).unwrap();
        let epoch = trainer.history().last().unwrap().clone();
        assert_eq!((found.precision, found.accuracy, &found.confusion), (epoch.validation_precision, None, &None));
        assert_eq!((epoch.train_accuracy, epoch.validation_accuracy), (None, None));
        // Of a sample of the outputs nobody knows the first.
        assert_eq!(epoch.train_precision_at_1.is_some_and(|share| share > 0.7), last == "linear 8", "{epoch:?}");
        let found = found.precision.unwrap();
        // 11 of the 80 rows have no label.
        assert!(found.at_1 > 0.75 && found.at_1 <= 69.0 / 80.0, "{last}: {found:?}");
        assert_eq!(found, by_sorting(trainer, &validation), "{last}");
    }
}

#[test]
fn a_stop_rule_looks_at_the_first_label() {
    let data = data();
    let (train, validation) = parts(&data);
    let stop = Stop { accuracy: Some(0.6), ..Stop::default() };
    let mut trainer = Trainer::new(Config { stop, ..config("linear 8") }).unwrap();
    assert_eq!(trainer.fit(&train, Some(&validation), &(), &mut |_| Ok(())).unwrap(), Ended::Accuracy);
    let found: Vec<f64> = trainer.history().iter().map(|epoch| epoch.validation_precision.unwrap().at_1).collect();
    let (last, before) = found.split_last().unwrap();
    assert!(*last >= 0.6 && before.iter().all(|share| *share < 0.6), "{found:?}");
}

#[test]
fn a_checkpoint_keeps_what_epochs_know() {
    let data = data();
    let (train, validation) = parts(&data);
    let mut trainer = Trainer::new(config("linear 8")).unwrap();
    trainer.fit(&train, Some(&validation), &(), &mut |_| Ok(())).unwrap();
    let bytes = trainer.to_container(&Settings::new()).unwrap().to_bytes().unwrap();
    let container = Container::from_bytes(&bytes, KIND, VERSION).unwrap();
    let again = Trainer::from_container(config("linear 8"), container, &Settings::new()).unwrap();
    assert_eq!(again.history(), trainer.history());
}
