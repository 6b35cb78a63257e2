//! The runtime against straightforward double-precision arithmetic.

mod common;

use common::{Random, artifact, dense, sparse};
use rarefy_core::matrix::{Csr, Dense, DenseView};
use rarefy_core::parallel;
use rarefy_model::Error;
use rarefy_model::artifact::Scaling;
use rarefy_model::graph::{Graph, Op, Weight};
use rarefy_model::runtime::Runtime;

/// `op` on one sample, by its definition.
fn reference(op: &Op, x: &[f64]) -> Vec<f64> {
    let product = |rows: usize, cols: usize, w: &dyn Fn(usize, usize) -> f32| {
        (0..rows).map(|i| (0..cols).map(|j| f64::from(w(i, j)) * x[j]).sum()).collect()
    };
    let each = |f: &dyn Fn(f64) -> f64| x.iter().map(|&x| f(x)).collect();
    match op {
        Op::Linear { weight: Weight::Dense(w) } => product(w.rows(), w.cols(), &|i, j| w.row(i)[j]),
        Op::Linear { weight: Weight::Sparse(w) } => {
            let entry = |i: usize, j: usize| {
                let (indices, values) = w.row(i);
                indices.iter().position(|&k| k as usize == j).map_or(0.0, |at| values[at])
            };
            product(w.rows(), w.cols(), &entry)
        }
        Op::Bias { values } => x.iter().zip(values).map(|(x, &b)| x + f64::from(b)).collect(),
        Op::Relu => each(&|x| x.max(0.0)),
        Op::LeakyRelu { slope } => each(&|x| if x > 0.0 { x } else { f64::from(*slope) * x }),
        Op::Tanh => each(&f64::tanh),
        Op::Sigmoid => each(&|x| 1.0 / (1.0 + (-x).exp())),
        Op::Exp => each(&f64::exp),
        Op::Gelu => {
            let c = (2.0 / std::f64::consts::PI).sqrt();
            each(&|x| x / 2.0 * (1.0 + (c * (x + 0.044715 * x.powi(3))).tanh()))
        }
        Op::Softmax => {
            let sum: f64 = x.iter().map(|x| x.exp()).sum();
            each(&|x| x.exp() / sum)
        }
        Op::SparseRelu { threshold } => each(&|x| if x > f64::from(*threshold) { x } else { 0.0 }),
        Op::ShiftedRelu { threshold } => each(&|x| (x - f64::from(*threshold)).max(0.0)),
        Op::SparseTanh { threshold, soft } => {
            let (threshold, shift) = (f64::from(*threshold), if *soft { f64::from(*threshold) } else { 0.0 });
            each(&|x| if x.abs() > threshold { (x - shift * x.signum()).tanh() } else { 0.0 })
        }
        Op::KWinners { k } => {
            let rank = |j: usize| x.iter().enumerate().filter(|&(i, &y)| y > x[j] || y == x[j] && i < j).count();
            (0..x.len()).map(|j| if rank(j) < *k { x[j] } else { 0.0 }).collect()
        }
        // By their definition: the threshold that makes the sum 1, found by halving.
        Op::Sparsemax => threshold(x, |over| over),
        Op::Entmax15 => threshold(&x.iter().map(|x| x / 2.0).collect::<Vec<_>>(), |over| over * over),
        Op::BatchNorm { gamma, beta, mean, variance, epsilon } => (0..x.len())
            .map(|j| {
                let [g, b, m, v] = [gamma, beta, mean, variance].map(|values| f64::from(values[j]));
                g * (x[j] - m) / (v + f64::from(*epsilon)).sqrt() + b
            })
            .collect(),
        _ => unreachable!("no reference for this operation"),
    }
}

/// `f(max(x − τ, 0))` with the `τ` that makes the sum 1.
fn threshold(x: &[f64], f: impl Fn(f64) -> f64) -> Vec<f64> {
    let at = |tau: f64| x.iter().map(|x| f((x - tau).max(0.0))).collect::<Vec<_>>();
    let largest = x.iter().copied().fold(f64::MIN, f64::max);
    let (mut low, mut high) = (largest - 1.0, largest);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if at(middle).iter().sum::<f64>() > 1.0 { low = middle } else { high = middle }
    }
    at(low)
}

/// Answers of a graph of one node, against the reference, for several batch sizes.
#[track_caller]
fn agrees(inputs: usize, op: Op) {
    let mut graph = Graph::new(inputs);
    graph.push("it", op.clone());
    let runtime = Runtime::new(graph).unwrap();
    for rows in [1, 2, 17, 128, 129, 300] {
        let x = Dense::new(rows, inputs, Random(5).floats(rows * inputs).iter().map(|v| 4.0 * v).collect()).unwrap();
        let answers = runtime.predict(x.view()).unwrap();
        for i in 0..rows {
            let expected = reference(&op, &x.row(i).iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
            assert_eq!(answers.row(i).len(), expected.len());
            for (&found, expected) in answers.row(i).iter().zip(expected) {
                let error = (f64::from(found) - expected).abs();
                assert!(error <= 1e-5 * (1.0 + expected.abs()), "{rows} rows, row {i}: {found}, expected {expected}");
            }
        }
    }
}

#[test]
fn sparse_linear() {
    agrees(37, Op::Linear { weight: Weight::Sparse(sparse(&mut Random(1), 23, 37, 0.2)) });
    agrees(9, Op::Linear { weight: Weight::Sparse(Csr::new(2, 9, vec![0, 0, 0], vec![], vec![]).unwrap()) });
}

#[test]
fn dense_linear() {
    agrees(37, Op::Linear { weight: Weight::Dense(dense(&mut Random(2), 23, 37)) });
    agrees(1, Op::Linear { weight: Weight::Dense(dense(&mut Random(2), 1, 1)) });
}

#[test]
fn bias() {
    agrees(7, Op::Bias { values: Random(3).floats(7) });
}

#[test]
fn relu() {
    agrees(7, Op::Relu);
}

#[test]
fn leaky_relu() {
    agrees(7, Op::LeakyRelu { slope: 0.1 });
}

#[test]
fn tanh() {
    agrees(7, Op::Tanh);
}

#[test]
fn sigmoid() {
    agrees(7, Op::Sigmoid);
}

#[test]
fn exp() {
    agrees(7, Op::Exp);
}

#[test]
fn gelu() {
    agrees(7, Op::Gelu);
}

#[test]
fn softmax() {
    agrees(7, Op::Softmax);
}

#[test]
fn operations_with_exact_zeros() {
    agrees(7, Op::SparseRelu { threshold: 0.3 });
    agrees(7, Op::ShiftedRelu { threshold: -0.3 });
    agrees(7, Op::SparseTanh { threshold: 0.5, soft: false });
    agrees(7, Op::SparseTanh { threshold: 0.5, soft: true });
    agrees(7, Op::KWinners { k: 3 });
    agrees(7, Op::KWinners { k: 9 });
    agrees(7, Op::Sparsemax);
    agrees(7, Op::Entmax15);
}

#[test]
fn batch_norm() {
    let (random, squares) = (&mut Random(4), |values: Vec<f32>| values.iter().map(|v| v * v).collect());
    let (gamma, beta, mean) = (random.floats(7), random.floats(7), random.floats(7));
    agrees(7, Op::BatchNorm { gamma, beta, mean, variance: squares(random.floats(7)), epsilon: 1e-3 });
}

#[test]
fn a_whole_network_with_scaling() {
    let artifact = artifact();
    let runtime = artifact.clone().into_runtime().unwrap();
    let x = Dense::new(200, 12, Random(8).floats(2400)).unwrap();
    let answers = runtime.predict(x.view()).unwrap();
    for i in 0..200 {
        let scaled = |(j, &v): (usize, &f32)| f64::from(v) * f64::from(artifact.scaling.factor(j));
        let mut value: Vec<_> = x.row(i).iter().enumerate().map(scaled).collect();
        for node in &artifact.graph.nodes {
            value = reference(&node.op, &value);
        }
        for (&found, expected) in answers.row(i).iter().zip(value) {
            assert!((f64::from(found) - expected).abs() < 1e-5, "row {i}: {found}, expected {expected}");
        }
    }
}

#[test]
fn a_value_may_be_read_more_than_once() {
    // The bias is overtaken: node 2 reads the input again, and nobody reads node 1.
    let mut graph = Graph::new(2);
    graph.push("bias1", Op::Bias { values: vec![1.0, 1.0] });
    graph.push("tanh1", Op::Tanh);
    graph.push("bias2", Op::Bias { values: vec![10.0, 20.0] });
    graph.nodes[2].inputs = vec![0];
    let answers = Runtime::new(graph).unwrap().predict(DenseView::new(1, 2, &[1.0, 2.0]).unwrap()).unwrap();
    assert_eq!(answers.row(0), &[11.0, 22.0]);
}

#[test]
fn answers_depend_neither_on_threads_nor_on_the_other_rows() {
    let runtime = artifact().into_runtime().unwrap();
    let x = Dense::new(700, 12, Random(9).floats(8400)).unwrap();
    let before = parallel::threads();
    let on = |threads| {
        parallel::set_threads(threads);
        runtime.predict(x.view()).unwrap()
    };
    let (one, two) = (on(1), on(2));
    parallel::set_threads(before);
    assert_eq!(one, two);
    for i in [0, 127, 128, 699] {
        assert_eq!(runtime.predict(x.view().rows_range(i..i + 1)).unwrap().row(0), one.row(i), "row {i}");
    }
}

#[test]
fn softmax_and_sigmoid_are_stable_at_the_ends() {
    let mut graph = Graph::new(3);
    graph.push("softmax1", Op::Softmax);
    let x = DenseView::new(1, 3, &[3e38, 3e38, -3e38]).unwrap();
    assert_eq!(Runtime::new(graph).unwrap().predict(x).unwrap().row(0), &[0.5, 0.5, 0.0]);
    let mut graph = Graph::new(3);
    graph.push("sigmoid1", Op::Sigmoid);
    let x = DenseView::new(1, 3, &[3e38, 0.0, -3e38]).unwrap();
    assert_eq!(Runtime::new(graph).unwrap().predict(x).unwrap().row(0), &[1.0, 0.5, 0.0]);
}

#[test]
fn no_rows_give_no_answers() {
    let answers = artifact().into_runtime().unwrap().predict(DenseView::new(0, 12, &[]).unwrap()).unwrap();
    assert_eq!((answers.rows(), answers.cols()), (0, 3));
}

#[test]
fn an_input_that_is_not_finite_is_named_with_its_place() {
    let mut x = vec![0.0; 24];
    x[12 + 5] = f32::NAN;
    let error = artifact().into_runtime().unwrap().predict(DenseView::new(2, 12, &x).unwrap()).unwrap_err();
    assert!(error.to_string().starts_with("row 1, feature 5: NaN is not finite"), "{error}");
}

#[test]
fn an_answer_that_overflows_is_an_error() {
    let mut graph = Graph::new(1);
    graph.push("linear1", Op::Linear { weight: Weight::Dense(Dense::filled(1, 1, 1e30).unwrap()) });
    let error = Runtime::new(graph).unwrap().predict(DenseView::new(1, 1, &[1e30]).unwrap()).unwrap_err();
    assert!(matches!(error, Error::NotFinite { row: 0, what: "output", .. }), "{error}");
}

#[test]
fn classes_are_the_first_largest_output() {
    let mut graph = Graph::new(3);
    graph.push("relu1", Op::Relu);
    let x = [1.0, 3.0, 2.0, 5.0, 5.0, 0.0, -1.0, -2.0, -3.0];
    let classes = Runtime::new(graph).unwrap().predict_classes(DenseView::new(3, 3, &x).unwrap()).unwrap();
    assert_eq!(classes, [1, 0, 0]);
}

#[test]
fn a_single_output_is_the_score_of_class_one() {
    let classes = |op: Op| {
        let mut graph = Graph::new(1);
        graph.push("it", op);
        Runtime::new(graph).unwrap().predict_classes(DenseView::new(3, 1, &[-0.2, 0.0, 0.2]).unwrap()).unwrap()
    };
    assert_eq!(classes(Op::Tanh), [0, 0, 1]);
    assert_eq!(classes(Op::Sigmoid), [0, 0, 1]);
}

#[test]
fn factors_that_do_not_fit_are_refused() {
    let runtime = Runtime::new(artifact().graph).unwrap();
    assert!(runtime.with_scaling(Scaling::Columns(vec![1.0; 3])).is_err());
}

#[test]
fn activity_is_the_share_that_is_not_zero() {
    let mut graph = Graph::new(4);
    graph.push("relu1", Op::Relu);
    graph.push("tanh1", Op::Tanh);
    graph.push("winners1", Op::KWinners { k: 1 });
    let runtime = Runtime::new(graph).unwrap();
    // More rows than a block has, of which one number in four is positive.
    let x: Vec<f32> = (0..4 * 300).map(|i| if i % 4 == i / 4 % 4 { 1.0 + i as f32 } else { -1.0 }).collect();
    let found = runtime.activity(DenseView::new(300, 4, &x).unwrap()).unwrap();
    let found: Vec<(&str, f64)> = found.iter().map(|a| (a.layer.as_str(), a.density)).collect();
    assert_eq!(found, [("relu1", 0.25), ("winners1", 0.25)]);
}
