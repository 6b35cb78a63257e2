//! Layers and losses that look at a sample of very many outputs.

mod common;

use common::{away_from_zero, batch, check_close, numbers, random};
use rarefy_core::matrix::{Batch, Dense};
use rarefy_core::random::Key;
use rarefy_data::{Dataset, Factors, Features, Target};
use rarefy_model::graph::{Op, Weight};
use rarefy_nn::loss::{Sets, Targets, loss};
use rarefy_nn::net::Build;
use rarefy_nn::optimizer::{Kind, Optimizer};
use rarefy_nn::sample::{Draw, Sample};
use rarefy_nn::{Config, Layer, Loss, Mode, Net, Network, Pass, Split, Step, Trainer};

const DRAWS: [Draw; 2] = [Draw::Uniform, Draw::LogUniform];

/// A sample of 40 outputs with these targets.
fn draw(how: Draw, targets: &[u32], step: u64) -> Sample {
    Sample::draw(targets, 40, 12, how, Key::new(3, 1), step).unwrap()
}

#[test]
fn a_sample_holds_the_targets_and_counts_what_it_drew() {
    for how in DRAWS {
        let mut seen = vec![0.0; 40];
        let steps = 4000;
        for step in 0..steps {
            let sample = draw(how, &[3, 17, 39], step);
            assert!(sample.outputs.windows(2).all(|pair| pair[0] < pair[1]));
            assert!([3, 17, 39].iter().all(|j| sample.outputs.contains(j)));
            for (&j, &count) in sample.outputs.iter().zip(&sample.counts) {
                seen[j as usize] += f64::from(count);
            }
        }
        // An output counts 1 on average, whatever its chance: within five deviations of `steps` draws.
        for (j, seen) in seen.iter().enumerate() {
            let expected = how.expected(j as u32, 40, 12);
            let deviation = (1.0 / expected / steps as f64).sqrt();
            assert!((seen / steps as f64 - 1.0).abs() < 5.0 * deviation, "{how:?}, output {j}: {seen}");
        }
        let all: f64 = (0..40).map(|j| how.expected(j, 40, 12)).sum();
        assert!((all - 12.0).abs() < 1e-9, "{how:?}: {all} expected draws");
    }
}

#[test]
fn draws_depend_on_seed_and_step_only() {
    for how in DRAWS {
        assert_eq!(draw(how, &[1], 5), draw(how, &[1], 5));
        assert_ne!(draw(how, &[1], 5), draw(how, &[1], 6));
    }
}

/// Outputs of 40 for 5 samples.
fn outputs() -> Batch {
    let mut random = random(1);
    batch(40, 5, 0.0, |_, _| away_from_zero(&mut random))
}

/// The outputs that a sample has.
fn part(z: &Batch, sample: &Sample) -> Batch {
    batch(sample.outputs.len(), z.len(), 0.0, |j, s| z.row(sample.outputs[j] as usize)[s])
}

/// The mean over draws of a number and of gradients of all outputs, and whether it is within five standard errors of the truth.
struct Mean {
    sums: Vec<f64>,
    squares: Vec<f64>,
    draws: f64,
}

impl Mean {
    fn over(draws: u64, mut one: impl FnMut(u64) -> Vec<f64>) -> Self {
        let (mut sums, mut squares) = (Vec::new(), Vec::new());
        for step in 0..draws {
            let found = one(step);
            sums.resize(found.len(), 0.0);
            squares.resize(found.len(), 0.0);
            for ((sum, square), x) in sums.iter_mut().zip(&mut squares).zip(found) {
                *sum += x;
                *square += x * x;
            }
        }
        Self { sums, squares, draws: draws as f64 }
    }

    fn check(&self, what: &str, expected: &[f64]) {
        assert_eq!(self.sums.len(), expected.len());
        for (i, expected) in expected.iter().enumerate() {
            let mean = self.sums[i] / self.draws;
            let error = ((self.squares[i] / self.draws - mean * mean).max(0.0) / self.draws).sqrt();
            assert!(
                (mean - expected).abs() <= 5.0 * error + 1e-5,
                "{what}, {i}: {mean} ± {error}, expected {expected}"
            );
        }
    }
}

/// Loss and gradient of all outputs, estimated from a sample; outputs without a part have none.
fn estimate(loss: &dyn Loss, z: &Batch, sample: &Sample, targets: &Targets<'_>) -> Vec<f64> {
    let mut dz = Batch::zeros(0, 0).unwrap();
    let value = loss.evaluate_sample(&part(z, sample), sample, targets, None, 1.0, Some(&mut dz)).unwrap();
    let mut all = vec![0.0; 1 + 40 * z.len()];
    all[0] = value;
    for (place, &j) in sample.outputs.iter().enumerate() {
        for (s, &g) in dz.row(place).iter().enumerate() {
            all[1 + j as usize * z.len() + s] = g.into();
        }
    }
    all
}

#[test]
fn the_expected_label_loss_and_its_gradient_are_those_of_all_outputs() {
    let (z, loss) = (outputs(), loss("label-cross-entropy").unwrap());
    let (indptr, labels) = ([0, 2, 2, 3, 6, 7], [3, 17, 39, 0, 3, 20, 17]);
    let targets = Targets::Labels(Sets::new(&indptr, &labels));
    let mut dz = Batch::zeros(0, 0).unwrap();
    let value = loss.evaluate(&z, &targets, None, 1.0, Some(&mut dz)).unwrap();
    let expected: Vec<f64> = std::iter::once(value).chain(numbers(&dz).into_iter().map(f64::from)).collect();
    for how in DRAWS {
        let one = |step| estimate(loss, &z, &draw(how, &[0, 3, 17, 20, 39], step), &targets);
        Mean::over(4000, one).check(&format!("{how:?}"), &expected);
    }
}

#[test]
fn the_expected_sum_of_a_sampled_softmax_is_that_of_all_outputs() {
    let (z, loss, classes) = (outputs(), loss("cross-entropy").unwrap(), [3, 17, 39, 3, 0]);
    for (s, &class) in classes.iter().enumerate() {
        let one = batch(40, 1, 0.0, |j, _| z.row(j)[s]);
        let right = f64::from(one.row(class as usize)[0]);
        let expected: f64 = numbers(&one).iter().map(|&z| f64::from(z).exp()).sum();
        for how in DRAWS {
            let sum = |step| {
                // Others' targets are no part of this sample's sum unless they are drawn.
                let sample = draw(how, &[0, 3, 17, 39], step);
                let value = estimate(loss, &one, &sample, &Targets::Classes(&[class]))[0];
                vec![(value + right).exp()]
            };
            Mean::over(4000, sum).check(&format!("{how:?}, class {class}"), &[expected]);
        }
    }
}

#[test]
fn a_sample_of_all_outputs_gives_the_loss_of_all_outputs() {
    let (z, loss) = (outputs(), loss("cross-entropy").unwrap());
    let targets = Targets::Classes(&[3, 17, 39, 3, 0]);
    let sample = Sample::draw(&[0, 3, 17, 39], 40, 40, Draw::Uniform, Key::new(3, 1), 0).unwrap();
    let mut dz = Batch::zeros(0, 0).unwrap();
    let value = loss.evaluate(&z, &targets, None, 1.0, Some(&mut dz)).unwrap();
    let found = estimate(loss, &z, &sample, &targets);
    assert!((found[0] - value).abs() < 1e-5, "{}, expected {value}", found[0]);
    let found: Vec<f32> = found[1..].iter().map(|&g| g as f32).collect();
    check_close("gradient", &found, &numbers(&dz), 1e-6);
}

#[test]
fn losses_that_cannot_be_estimated_say_so() {
    let sample = draw(Draw::Uniform, &[0], 0);
    let z = Batch::zeros(sample.outputs.len(), 1).unwrap();
    let refused = |name: &str, targets: Targets<'_>| {
        loss(name).unwrap().evaluate_sample(&z, &sample, &targets, None, 1.0, None).unwrap_err().to_string()
    };
    assert!(refused("sparsemax", Targets::Classes(&[0])).contains("use cross-entropy or label-cross-entropy"));
    let absent = (0..40).find(|j| !sample.outputs.contains(j)).unwrap();
    assert!(refused("cross-entropy", Targets::Classes(&[absent])).contains("is not in the sample of outputs"));
}

/// Every rule; the first two decay rows that are not chosen too.
fn rules() -> [Optimizer; 4] {
    [Kind::Sgd { momentum: 0.0, nesterov: false }, Kind::named("adamw").unwrap()]
        .into_iter()
        .chain([Kind::Sgd { momentum: 0.9, nesterov: false }, Kind::named("adam").unwrap()])
        .map(|kind| Optimizer { kind, learning_rate: 0.05, weight_decay: 0.3, ..Optimizer::default() })
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

/// Weights and biases as one matrix, rows of `inputs + 1`.
fn rows(network: &Network) -> Dense<f32> {
    let graph = network.lower().unwrap();
    let [.., weight, bias] = &graph.nodes[..] else { panic!("two nodes at the end") };
    match (&weight.op, &bias.op) {
        (Op::Linear { weight: Weight::Dense(w) }, Op::Bias { values }) => {
            let row = |j: usize| w.row(j).iter().copied().chain([values[j]]).collect::<Vec<_>>();
            Dense::new(w.rows(), w.cols() + 1, (0..w.rows()).flat_map(row).collect()).unwrap()
        }
        _ => panic!("a linear layer and a bias"),
    }
}

/// One row, its moments, and what a step does to it: written down as in the papers, in double precision.
struct Row {
    w: Vec<f64>,
    m: Vec<f64>,
    v: Vec<f64>,
}

impl Row {
    /// `t` counts from 1.
    fn step(&mut self, optimizer: &Optimizer, gradient: Option<&[f64]>, t: i32) {
        let (rate, decay) = (f64::from(optimizer.learning_rate), f64::from(optimizer.weight_decay));
        for i in 0..self.w.len() {
            let (w, m, v) = (&mut self.w[i], &mut self.m[i], &mut self.v[i]);
            let Some(g) = gradient.map(|g| g[i]) else {
                // Lazy: only what shrinks all weights alike.
                if matches!(optimizer.kind, Kind::AdamW { .. } | Kind::Sgd { momentum: 0.0, .. }) {
                    *w *= 1.0 - rate * decay;
                }
                continue;
            };
            match optimizer.kind {
                Kind::Sgd { momentum, .. } => {
                    *m = f64::from(momentum) * *m + g + decay * *w;
                    *w -= rate * *m;
                }
                Kind::Adam { beta1, beta2, epsilon } | Kind::AdamW { beta1, beta2, epsilon } => {
                    let (beta1, beta2) = (f64::from(beta1), f64::from(beta2));
                    let decoupled = matches!(optimizer.kind, Kind::AdamW { .. });
                    let g = if decoupled { g } else { g + decay * *w };
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    if decoupled {
                        *w *= 1.0 - rate * decay;
                    }
                    let root = (*v / (1.0 - beta2.powi(t))).sqrt() + f64::from(epsilon);
                    *w -= rate * *m / (1.0 - beta1.powi(t)) / root;
                }
                Kind::RmsProp { .. } => unreachable!("not among the rules"),
            }
        }
    }
}

#[test]
fn chosen_rows_take_their_step_and_others_only_decay() {
    for optimizer in rules() {
        let build = Build { moments: optimizer.moments(), ..Build::default() };
        let mut network = Net::new(6).layer("sampled-linear 30 5").build(&build).unwrap();
        let start = rows(&network);
        let f64s = |row: &[f32]| row.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let zeros = || vec![0.0; 7];
        let mut reference: Vec<Row> = (0..30).map(|j| Row { w: f64s(start.row(j)), m: zeros(), v: zeros() }).collect();
        let mut random = random(2);
        for step in 0..40u64 {
            let sample = Sample::draw(&[4], 30, 5, Draw::Uniform, Key::new(1, 1), step).unwrap();
            let chosen = sample.outputs;
            network.sampled().unwrap().choose(Some(chosen.clone()));
            let x = batch(6, 9, 0.7, |_, _| away_from_zero(&mut random));
            network.input(9).unwrap().data_mut().copy_from_slice(x.data());
            let y = network.forward(Mode::Eval).clone();
            assert_eq!(y.features(), chosen.len());
            for (place, &j) in chosen.iter().enumerate() {
                let w = &reference[j as usize].w;
                for s in 0..9 {
                    let exact = (0..6).map(|i| w[i] * f64::from(x.row(i)[s])).sum::<f64>() + w[6];
                    assert!((f64::from(y.row(place)[s]) - exact).abs() < 1e-3, "{optimizer:?}, step {step}");
                }
            }
            let dy = batch(chosen.len(), 9, 0.0, |_, _| away_from_zero(&mut random));
            network.output().unwrap().1.data_mut().copy_from_slice(dy.data());
            network.backward(Mode::Eval, Step::Apply(&optimizer.rule(step, 40)));
            for j in 0..30u32 {
                let gradient = chosen.binary_search(&j).ok().map(|place| {
                    let along =
                        |x: &[f32]| dy.row(place).iter().zip(x).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                    (0..6).map(|i| along(x.row(i))).chain([along(&[1.0; 9])]).collect::<Vec<f64>>()
                });
                reference[j as usize].step(&optimizer, gradient.as_deref(), step as i32 + 1);
            }
        }
        let expected: Vec<f32> = reference.iter().flat_map(|row| row.w.iter().map(|&w| w as f32)).collect();
        check_close(&format!("{optimizer:?}"), rows(&network).data(), &expected, 2e-4);
    }
}

#[test]
fn the_gradient_of_the_input_comes_from_the_chosen_rows() {
    let mut network = Net::new(4).layer("sampled-linear 9 3").build(&Build::default()).unwrap();
    let all = rows(&network);
    let mut layer = network.layers_mut().iter_mut().next().unwrap();
    layer.sampled().unwrap().choose(Some(vec![1, 7]));
    let (x, dy) = (batch(4, 3, 0.0, |j, s| (j + s) as f32), batch(2, 3, 0.0, |j, s| (1 + j + 2 * s) as f32));
    let mut dx = batch(4, 3, 0.0, |_, _| 9.0);
    let Pass::Transform(transform) = Layer::pass(layer.as_mut()) else { panic!("a transform") };
    let mut y = Batch::zeros(2, 3).unwrap();
    transform.forward(&x, &mut y, Mode::Eval);
    transform.backward(&x, &dy, Some(&mut dx), Mode::Eval, Step::Accumulate);
    layer = network.layers_mut().iter_mut().next().unwrap();
    let gradient = layer.params()[0].1.gradient.clone();
    let expected = batch(4, 3, 0.0, |i, s| all.row(1)[i] * dy.row(0)[s] + all.row(7)[i] * dy.row(1)[s]);
    check_close("input", &numbers(&dx), &numbers(&expected), 1e-5);
    let touched: Vec<usize> = (0..9).filter(|j| gradient[j * 5..][..5].iter().any(|&g| g != 0.0)).collect();
    assert_eq!(touched, [1, 7]);
}

#[test]
fn it_must_be_the_last_layer() {
    let error = Net::new(4).layer("sampled-linear 9 3").relu().build(&Build::default()).err().unwrap().to_string();
    assert!(error.contains("layer 1 (`sampled-linear`)") && error.contains("put it last"), "{error}");
}

/// Rows of 20 numbers around as many prototypes as there are classes of `used`, out of `classes`.
fn data(classes: usize, used: usize) -> Dataset {
    let mut random = random(6);
    let prototypes: Vec<f32> = (0..used * 20).map(|_| random.normal_f32()).collect();
    let rows = 600;
    let labels: Vec<u32> = (0..rows as u32).map(|i| i % used as u32).collect();
    let x = labels.iter().flat_map(|&class| prototypes[class as usize * 20..][..20].to_vec());
    let x: Vec<f32> = x.map(|x| x + 0.3 * random.normal_f32()).collect();
    let names = (0..classes).map(|class| format!("{class:06}")).collect();
    let features = Features::Dense(Dense::new(rows, 20, x).unwrap());
    Dataset::with_classes("prototypes", features, Target::Classes(labels), names).unwrap()
}

/// Trains `epochs` epochs with this last layer; the share of all rows whose class is found, and the rows of the last layer that
/// training read.
fn fit(data: &Dataset, last: &str, epochs: u64) -> (f64, u64) {
    let config = Config {
        net: Net::new(20).linear(32).relu().layer(last),
        sparsity: rarefy_nn::Sparsity::named("dense").unwrap(),
        optimizer: Optimizer { learning_rate: 0.01, ..Optimizer::default() },
        batch: 32,
        epochs,
        ..Config::default()
    };
    let split = Split::whole(data, Factors::Same(1.0));
    let mut trainer = Trainer::new(config).unwrap();
    trainer.fit(&split, None, &(), &mut |_| Ok(())).unwrap();
    let accuracy = trainer.evaluate(&split).unwrap().accuracy.unwrap();
    (accuracy, trainer.into_network().sampled().map_or(0, |layer| layer.touched()))
}

#[test]
fn a_step_reads_no_more_rows_whatever_the_number_of_outputs() {
    let read = |classes| fit(&data(classes, 50), &format!("sampled-linear {classes} 64"), 1).1;
    let (few, many) = (read(200), read(20_000));
    // 19 steps of at most 32 targets and 64 drawn; fewer where a target is drawn too.
    assert!(few <= 19 * 96 && many <= 19 * 96 && few.abs_diff(many) < 19 * 16, "{few} and {many} rows");
}

#[test]
fn a_sampled_softmax_learns_what_the_whole_one_learns() {
    let data = data(200, 200);
    let (whole, _) = fit(&data, "linear 200", 12);
    for last in ["sampled-linear 200 50", "sampled-linear 200 50 log-uniform"] {
        let (sampled, _) = fit(&data, last, 12);
        assert!(sampled > whole - 0.03, "{last}: {sampled}, all outputs: {whole}");
    }
}

#[test]
fn the_hardest_rows_cannot_be_found_in_a_sample() {
    let net = Net::new(4).layer("sampled-linear 9 3");
    let error = Config { net, hardest: 0.5, ..Config::default() }.check().unwrap_err().to_string();
    assert!(error.contains("hardest is 0.5, expected 1 with sampled-linear"), "{error}");
}
