//! Every loss: values against closed forms, gradients against finite differences, targets that do not fit.

mod common;

use common::{LENGTHS, away_from_zero, batch, check_gradient, numbers, padding_is_zero, random};
use rarefy_core::matrix::Batch;
use rarefy_nn::Loss;
use rarefy_nn::loss::{Sets, Targets, loss, registry};

/// The loss whose targets are sets of labels: those of a sample whose values are 1.
const LABELS: &str = "label-cross-entropy";

/// A loss of one sample: its outputs and targets (a class as the only number) to a value, in double precision.
type Formula = fn(z: &[f64], t: &[f64]) -> f64;

/// A loss with a kind of targets. A new loss adds its line here.
struct Case {
    name: &'static str,
    outputs: usize,
    /// Number of classes, or 0 for values.
    classes: u32,
    /// The range of values.
    range: (f32, f32),
    formula: Formula,
}

const CASES: &[Case] = &[
    Case { name: "cross-entropy", outputs: 7, classes: 7, range: (0.0, 0.0), formula: cross_entropy },
    Case { name: "cross-entropy", outputs: 2, classes: 2, range: (0.0, 0.0), formula: cross_entropy },
    Case { name: "sparsemax", outputs: 7, classes: 7, range: (0.0, 0.0), formula: sparsemax },
    Case { name: "entmax-1.5", outputs: 7, classes: 7, range: (0.0, 0.0), formula: entmax },
    Case { name: "binary-cross-entropy", outputs: 1, classes: 2, range: (0.0, 0.0), formula: binary_cross_entropy },
    Case { name: "binary-cross-entropy", outputs: 5, classes: 0, range: (0.0, 1.0), formula: binary_cross_entropy },
    Case { name: LABELS, outputs: 6, classes: 0, range: (0.0, 1.0), formula: label_cross_entropy },
    Case { name: "squared-error", outputs: 3, classes: 0, range: (-2.0, 2.0), formula: squared_error },
    Case { name: "squared-error", outputs: 1, classes: 0, range: (-2.0, 2.0), formula: squared_error },
];

fn cross_entropy(z: &[f64], t: &[f64]) -> f64 {
    z.iter().map(|z| z.exp()).sum::<f64>().ln() - z[t[0] as usize]
}

fn binary_cross_entropy(z: &[f64], t: &[f64]) -> f64 {
    let probability = |z: f64| 1.0 / (1.0 + (-z).exp());
    let of = |(&z, &t): (&f64, &f64)| -t * probability(z).ln() - (1.0 - t) * probability(-z).ln();
    z.iter().zip(t).map(of).sum::<f64>() / z.len() as f64
}

/// `f(max(z − τ, 0))` with the `τ` that makes the sum 1, found by halving.
fn probabilities(z: &[f64], f: fn(f64) -> f64) -> Vec<f64> {
    let at = |tau: f64| z.iter().map(|z| f((z - tau).max(0.0))).collect::<Vec<_>>();
    let largest = z.iter().copied().fold(f64::MIN, f64::max);
    let (mut low, mut high) = (largest - 1.0, largest);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if at(middle).iter().sum::<f64>() > 1.0 { low = middle } else { high = middle }
    }
    at(low)
}

/// The closed form of Martins and Astudillo: `−z_y + ½ Σ (z² − τ²) + ½` over the support, where `τ = z − p`.
fn sparsemax(z: &[f64], t: &[f64]) -> f64 {
    let p = probabilities(z, |over| over);
    let squares = z.iter().zip(&p).filter(|(_, p)| **p > 0.0).map(|(z, p)| z * z - (z - p) * (z - p));
    0.5 * squares.sum::<f64>() + 0.5 - z[t[0] as usize]
}

fn entmax(z: &[f64], t: &[f64]) -> f64 {
    let p = probabilities(&z.iter().map(|z| z / 2.0).collect::<Vec<_>>(), |over| over * over);
    let entropy = 4.0 / 3.0 * (1.0 - p.iter().map(|p| p.powf(1.5)).sum::<f64>());
    p.iter().zip(z).map(|(p, z)| p * z).sum::<f64>() + entropy - z[t[0] as usize]
}

fn label_cross_entropy(z: &[f64], t: &[f64]) -> f64 {
    z.len() as f64 * binary_cross_entropy(z, t)
}

fn squared_error(z: &[f64], t: &[f64]) -> f64 {
    z.iter().zip(t).map(|(z, t)| (z - t).powi(2)).sum::<f64>() / z.len() as f64
}

/// Random outputs, targets and weights of a case; one weight is zero.
struct Problem {
    z: Batch,
    classes: Vec<u32>,
    values: Batch,
    /// Sets of labels: where they end, and the labels.
    sets: (Vec<u32>, Vec<u32>),
    weights: Vec<f32>,
}

impl Case {
    fn loss(&self) -> &'static dyn Loss {
        loss(self.name).unwrap()
    }

    fn problem(&self, len: usize) -> Problem {
        let mut random = random(len as u32);
        let (low, high) = self.range;
        let mut values = batch(self.outputs, len, 0.0, |_, _| low + (high - low) * random.uniform_f32());
        let mut sets = (vec![0], Vec::new());
        if self.name == LABELS {
            values.data_mut().iter_mut().for_each(|t| *t = t.round());
            for s in 0..len {
                sets.1.extend((0..self.outputs).filter(|&j| values.row(j)[s] == 1.0).map(|j| j as u32));
                sets.0.push(sets.1.len() as u32);
            }
        }
        Problem {
            sets,
            z: batch(self.outputs, len, 0.7, |_, _| 2.0 * away_from_zero(&mut random)),
            classes: (0..len).map(|_| random.below(u64::from(self.classes.max(1))) as u32).collect(),
            values,
            weights: (0..len).map(|i| if i == 3 { 0.0 } else { 0.5 + random.uniform_f32() }).collect(),
        }
    }

    fn targets<'a>(&self, problem: &'a Problem) -> Targets<'a> {
        match self.classes {
            _ if self.name == LABELS => Targets::Labels(Sets::new(&problem.sets.0, &problem.sets.1)),
            0 => Targets::Values(&problem.values),
            _ => Targets::Classes(&problem.classes),
        }
    }

    /// The closed form of the weighted sum.
    fn expected(&self, problem: &Problem, weighted: bool) -> f64 {
        let column = |batch: &Batch, i| (0..batch.features()).map(|j| f64::from(batch.row(j)[i])).collect::<Vec<_>>();
        let of = |i: usize| {
            let t = if self.classes > 0 { vec![f64::from(problem.classes[i])] } else { column(&problem.values, i) };
            let weight = if weighted { f64::from(problem.weights[i]) } else { 1.0 };
            weight * (self.formula)(&column(&problem.z, i), &t)
        };
        (0..problem.z.len()).map(of).sum()
    }
}

#[test]
fn values_agree_with_the_closed_forms() {
    for case in CASES {
        for len in LENGTHS {
            let problem = case.problem(len);
            for weights in [None, Some(&problem.weights[..])] {
                let found = case.loss().evaluate(&problem.z, &case.targets(&problem), weights, 1.0, None).unwrap();
                let expected = case.expected(&problem, weights.is_some());
                assert!(
                    (found - expected).abs() <= 1e-6 * expected.max(1.0),
                    "{}: {found}, expected {expected}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn the_loss_of_a_batch_is_the_sum_of_those_of_its_samples() {
    for case in CASES {
        for len in LENGTHS {
            let problem = case.problem(len);
            let each = case.loss().each(&problem.z, &case.targets(&problem)).unwrap();
            for (i, found) in each.iter().enumerate() {
                let one = Problem {
                    weights: (0..len).map(|s| if s == i { 1.0 } else { 0.0 }).collect(),
                    ..case.problem(len)
                };
                let expected = case.expected(&one, true);
                assert!((found - expected).abs() <= 2e-6 * expected.max(1.0), "{}: {found}, {expected}", case.name);
            }
        }
    }
}

#[test]
fn a_class_far_ahead_has_no_sparse_loss() {
    for name in ["sparsemax", "entmax-1.5"] {
        let z = batch(3, 1, 0.0, |j, _| [0.0, 2.5, 0.1][j]);
        let mut dz = Batch::zeros(3, 1).unwrap();
        let found = loss(name).unwrap().evaluate(&z, &Targets::Classes(&[1]), None, 1.0, Some(&mut dz)).unwrap();
        assert_eq!((found, numbers(&dz)), (0.0, vec![0.0; 3]), "{name}");
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    for case in CASES {
        for len in LENGTHS {
            let (problem, scale) = (case.problem(len), 0.25);
            for weights in [None, Some(&problem.weights[..])] {
                // Any shape and content: both are set.
                let mut dz = batch(2, 3, 5.0, |_, _| 5.0);
                let targets = case.targets(&problem);
                case.loss().evaluate(&problem.z, &targets, weights, scale, Some(&mut dz)).unwrap();
                let what = format!("{}, {} outputs, {len} samples", case.name, case.outputs);
                assert!(padding_is_zero(&dz), "{what}: padding of the gradient");
                check_gradient(&what, &numbers(&problem.z), &numbers(&dz), |moved| {
                    let z = batch(case.outputs, len, 0.7, |j, s| moved[j * len + s]);
                    f64::from(scale) * case.loss().evaluate(&z, &targets, weights, 1.0, None).unwrap()
                });
            }
        }
    }
}

#[test]
fn every_loss_of_the_registry_is_in_the_table() {
    for loss in registry() {
        assert!(CASES.iter().any(|case| case.name == loss.name()), "{}", loss.name());
        assert!(loss.help().ends_with('.'), "{}", loss.name());
    }
}

#[test]
fn large_outputs_give_finite_losses() {
    for (name, z, class, expected) in [
        ("cross-entropy", [1e4, -1e4], 1, 2e4),
        ("cross-entropy", [1e4, -1e4], 0, 0.0),
        ("binary-cross-entropy", [1e4, 0.0], 0, 1e4),
        ("binary-cross-entropy", [-1e4, 0.0], 0, 0.0),
    ] {
        let outputs = if name == "cross-entropy" { 2 } else { 1 };
        let z = batch(outputs, 1, 0.0, |j, _| z[j]);
        let found = loss(name).unwrap().evaluate(&z, &Targets::Classes(&[class]), None, 1.0, None).unwrap();
        assert!((found - expected).abs() <= 1e-6 * expected, "{name}: {found}");
    }
}

#[test]
fn outputs_that_are_not_numbers_are_seen_in_the_loss() {
    for case in CASES {
        for poison in [f32::NAN, f32::INFINITY] {
            let mut problem = case.problem(5);
            problem.z.row_mut(0)[1] = poison;
            let found = case.loss().evaluate(&problem.z, &case.targets(&problem), None, 1.0, None).unwrap();
            // An infinite logit may be right: then there is no loss in it.
            assert!(
                !found.is_finite() || poison.is_infinite() && [LABELS, "binary-cross-entropy"].contains(&case.name),
                "{}: {found}",
                case.name
            );
        }
    }
}

/// The message of the error that these targets are for a batch of 2 samples.
fn refused(name: &str, outputs: usize, targets: Targets<'_>, weights: Option<&[f32]>) -> String {
    let z = Batch::zeros(outputs, 2).unwrap();
    loss(name).unwrap().evaluate(&z, &targets, weights, 1.0, None).unwrap_err().to_string()
}

#[test]
fn classes_past_the_outputs_are_named() {
    let expected =
        "loss cross-entropy: sample 1 of the batch has class 3, expected one below 3; the network has 3 outputs";
    assert_eq!(refused("cross-entropy", 3, Targets::Classes(&[2, 3]), None), expected);
    let error = refused("binary-cross-entropy", 1, Targets::Classes(&[2, 1]), None);
    assert!(error.contains("sample 0 of the batch has class 2, expected one below 2"), "{error}");
}

#[test]
fn targets_of_the_wrong_kind_are_named() {
    let values = Batch::zeros(3, 2).unwrap();
    let error = refused("cross-entropy", 3, Targets::Values(&values), None);
    assert!(error.contains("the targets are numbers, expected classes; use squared-error"), "{error}");
    let error = refused("squared-error", 3, Targets::Classes(&[0, 1]), None);
    assert!(error.contains("the targets are classes, expected numbers; use cross-entropy"), "{error}");
    let error = refused("binary-cross-entropy", 3, Targets::Classes(&[0, 1]), None);
    assert!(error.contains("the network has 3; use cross-entropy"), "{error}");
}

#[test]
fn targets_of_the_wrong_shape_are_named() {
    let error = refused("cross-entropy", 3, Targets::Classes(&[0]), None);
    assert!(error.contains("1 classes, expected one for each of 2 samples"), "{error}");
    for name in ["squared-error", "binary-cross-entropy"] {
        let error = refused(name, 3, Targets::Values(&Batch::zeros(2, 2).unwrap()), None);
        assert!(error.contains("targets of 2 values for 2 samples, expected 3 for 2"), "{error}");
    }
    let error = refused("cross-entropy", 3, Targets::Classes(&[0, 1]), Some(&[1.0]));
    assert!(error.contains("1 weights, expected one for each of 2 samples"), "{error}");
}

#[test]
fn shares_outside_zero_to_one_are_named() {
    for wrong in [-0.5, 1.5, f32::NAN] {
        let values = batch(2, 2, 0.0, |j, s| if (j, s) == (1, 0) { wrong } else { 0.5 });
        let error = refused("binary-cross-entropy", 2, Targets::Values(&values), None);
        assert!(error.contains(&format!("output 1 of sample 0 has target {wrong}, expected 0 to 1")), "{error}");
    }
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let error = loss("crossentropy").unwrap_err().to_string();
    assert_eq!(
        error,
        "loss is `crossentropy`, expected one of cross-entropy, sparsemax, entmax-1.5, binary-cross-entropy, label-cross-entropy, squared-error"
    );
}
