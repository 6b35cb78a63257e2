//! Every layer: gradients against finite differences, artifacts against the network.

mod common;

use common::{
    LENGTHS, away_from_zero, batch, check_close, check_gradient, check_network, dot, numbers, padding_is_zero, random,
};
use rarefy_core::matrix::{Batch, Dense};
use rarefy_core::pattern::{Pattern, Structure};
use rarefy_core::random::Key;
use rarefy_model::graph::{Graph, Op};
use rarefy_model::runtime::Runtime;
use rarefy_nn::net::Build;
use rarefy_nn::{Layer, Mode, Net, Network, Pass, Step, Weight, layer};

/// Every layer, in the words of recipes. A new layer adds its line here.
const LAYERS: &[&str] = &[
    "linear 7",
    "linear 7 no-bias",
    "sampled-linear 7 3",
    "sampled-linear 7 3 log-uniform",
    "tied-linear 1",
    "bias",
    "relu",
    "leaky-relu",
    "leaky-relu 0.3",
    "tanh",
    "sigmoid",
    "gelu",
    "sparse-relu 0.05",
    "sparse-relu density 0.6",
    "shifted-relu 0.05",
    "sparse-tanh 0.05",
    "sparse-tanh 0.05 soft",
    "k-winners 2",
    "softmax",
    "sparsemax",
    "entmax-1.5",
    "dropout 0.4",
    "batch-norm",
    "batch-norm 0.5",
];

/// Inputs of the layers under test.
const INPUTS: usize = 6;

const TRAIN: Mode = Mode::Train { seed: 5, step: 3, row: 64 };

/// The layers that `words` make, their parameters drawn at random; weights have about half of their entries.
fn make(words: &str, moments: usize) -> Vec<Box<dyn Layer>> {
    if words.starts_with("tied") {
        return Vec::new(); // its weight is another layer's: it is tested in a network
    }
    let mut layers = Net::new(INPUTS).layer(words).make().unwrap();
    let mut random = random(1);
    for (at, layer) in layers.iter_mut().enumerate() {
        if let Some(weight) = layer.weight_mut() {
            let shape = (weight.rows(), weight.cols());
            let entries = shape.0 * shape.1 * 3 / 10;
            let pattern = Pattern::random(shape, entries, Structure::Unstructured, Key::new(3, 1)).unwrap();
            *weight = Weight::random(&pattern, Key::new(3, 2), moments).unwrap();
        }
        layer.start(at, moments);
        // A threshold stays below all inputs, so that small changes cross no kink.
        if layer.kind() != "shifted-relu" {
            for (_, param) in layer.params_mut() {
                param.values.iter_mut().for_each(|x| *x = away_from_zero(&mut random));
            }
        }
    }
    layers
}

fn forward(layer: &mut dyn Layer, x: &Batch, mode: Mode) -> Batch {
    let outputs = layer.outputs();
    match layer.pass() {
        Pass::Map(map) => {
            let mut y = x.clone();
            map.forward(&mut y, mode);
            y
        }
        Pass::Transform(transform) => {
            // Old numbers, as a network's batches hold, to be overwritten.
            let mut y = batch(outputs, x.len(), 9.0, |_, _| 9.0);
            transform.forward(x, &mut y, mode);
            y
        }
    }
}

/// The gradient of the input; those of the parameters are accumulated.
fn backward(layer: &mut dyn Layer, x: &Batch, y: &Batch, dy: &Batch, mode: Mode) -> Batch {
    match layer.pass() {
        Pass::Map(map) => {
            let mut dx = dy.clone();
            map.backward(y, &mut dx, mode, Step::Accumulate);
            dx
        }
        Pass::Transform(transform) => {
            let mut dx = batch(x.features(), x.len(), 0.0, |_, _| 9.0);
            transform.backward(x, dy, Some(&mut dx), mode, Step::Accumulate);
            dx
        }
    }
}

/// The batch that holds these numbers, with some arbitrary padding.
fn filled(features: usize, len: usize, numbers: &[f32]) -> Batch {
    batch(features, len, 0.7, |j, s| numbers[j * len + s])
}

fn check_gradients(words: &str, mode: Mode) {
    for mut layer in make(words, 0) {
        for len in LENGTHS {
            let what = format!("{words} ({}), {len} samples, {mode:?}", layer.kind());
            let mut random = random(len as u32);
            let inputs = if layer.kind() == "bias" { layer.outputs() } else { INPUTS };
            let x = match words.starts_with("k-winners") || words == "sparsemax" {
                false => batch(inputs, len, 0.7, |_, _| away_from_zero(&mut random)),
                // Far enough apart, so that small changes leave those that are zero so.
                true => batch(inputs, len, 0.7, |j, s| ((5 * j + s) % inputs) as f32 * 0.25 - 0.6),
            };
            let y = forward(layer.as_mut(), &x, mode);
            // The objective: a random weighted sum of all outputs.
            let dy = batch(y.features(), len, 0.0, |_, _| away_from_zero(&mut random));
            layer.params_mut().into_iter().for_each(|(_, param)| param.gradient.clear());
            let dx = backward(layer.as_mut(), &x, &y, &dy, mode);
            assert!(padding_is_zero(&dx), "{what}: padding of the gradient");
            let along = numbers(&dy);
            check_gradient(&format!("{what}, input"), &numbers(&x), &numbers(&dx), |moved| {
                dot(&numbers(&forward(layer.as_mut(), &filled(inputs, len, moved), mode)), &along)
            });
            for i in 0..layer.params().len() {
                let (name, values, gradient) = {
                    let (name, param) = layer.params()[i];
                    (name, param.values.clone(), param.gradient.clone())
                };
                check_gradient(&format!("{what}, {name}"), &values, &gradient, |moved| {
                    layer.params_mut()[i].1.values.copy_from_slice(moved);
                    dot(&numbers(&forward(layer.as_mut(), &x, mode)), &along)
                });
                layer.params_mut()[i].1.values.copy_from_slice(&values);
            }
        }
    }
}

#[test]
fn gradients_agree_with_finite_differences_in_training() {
    LAYERS.iter().for_each(|words| check_gradients(words, TRAIN));
}

#[test]
fn gradients_agree_with_finite_differences_in_evaluation() {
    LAYERS.iter().for_each(|words| check_gradients(words, Mode::Eval));
}

#[test]
fn every_layer_of_the_registry_is_in_the_table() {
    for entry in layer::registry() {
        assert!(LAYERS.iter().any(|words| words.split(' ').next() == Some(entry.word)), "{}", entry.word);
        assert!(entry.usage.starts_with(entry.word) && entry.help.ends_with('.'), "{}", entry.word);
    }
}

/// The layers that need not be the last; the others have tests of their own.
fn inner() -> impl Iterator<Item = &'static &'static str> {
    LAYERS.iter().filter(|words| !words.starts_with("sampled") && !words.starts_with("tied"))
}

/// A network that contains the layer, its biases, norms and running statistics drawn at random.
fn network(words: &str) -> Network {
    let net = Net::new(5).linear(INPUTS).layer(words).linear(3);
    let mut network = net.build(&Build { density: 0.7, seed: 11, ..Build::default() }).unwrap();
    let mut random = random(9);
    for layer in network.layers_mut() {
        if layer.weight().is_none() {
            for (_, param) in layer.params_mut() {
                param.values.iter_mut().for_each(|x| *x = away_from_zero(&mut random));
            }
        }
        for (_, buffer) in layer.buffers_mut() {
            buffer.iter_mut().for_each(|x| *x = 0.2 + random.uniform_f32());
        }
    }
    network
}

/// The network's answers to `rows`, row by row.
fn answers(network: &mut Network, rows: &Dense<f32>) -> Vec<f32> {
    let (len, inputs) = (rows.rows(), rows.cols());
    let input = network.input(len).unwrap();
    (0..inputs).for_each(|j| (0..len).for_each(|s| input.row_mut(j)[s] = rows.row(s)[j]));
    let y = network.forward(Mode::Eval);
    (0..len).flat_map(|s| (0..y.features()).map(move |j| y.row(j)[s])).collect()
}

fn rows(len: usize) -> Dense<f32> {
    let mut random = random(4);
    Dense::new(len, 5, (0..len * 5).map(|_| away_from_zero(&mut random)).collect()).unwrap()
}

#[test]
fn artifacts_answer_as_the_network() {
    for words in inner() {
        let mut network = network(words);
        for len in LENGTHS {
            let rows = rows(len);
            let runtime = Runtime::new(network.lower().unwrap()).unwrap();
            let expected = runtime.predict(rows.view()).unwrap();
            check_close(words, &answers(&mut network, &rows), expected.data(), 1e-5);
        }
    }
}

#[test]
fn lifted_networks_answer_as_those_that_were_lowered() {
    for words in inner() {
        let mut network = network(words);
        let graph = network.lower().unwrap();
        let mut lifted = Network::from_graph(&graph, 2).unwrap();
        assert_eq!(lifted.lower().unwrap(), graph, "{words}");
        assert_eq!((lifted.nnz(), lifted.parameters()), (network.nnz(), network.parameters()), "{words}");
        assert_eq!(lifted.state_bytes(), network.state_bytes(), "{words}: moments");
        assert_eq!(answers(&mut lifted, &rows(16)), answers(&mut network, &rows(16)), "{words}");
    }
}

fn lift_error(graph: &Graph) -> String {
    layer::lift(graph).err().unwrap().to_string()
}

#[test]
fn lift_names_the_node_that_reads_past_its_neighbour() {
    let mut graph = Graph::new(2);
    graph.push("first", Op::Relu);
    graph.push("second", Op::Tanh);
    graph.nodes[1].inputs = vec![0];
    let expected = "layer 2 (`second`): reads value [0], expected [1], what the node before it makes";
    assert_eq!(lift_error(&graph), expected);
}

#[test]
fn lift_refuses_numbers_that_training_cannot_have() {
    let mut graph = Graph::new(2);
    graph.push("leaky", Op::LeakyRelu { slope: -1.0 });
    assert_eq!(lift_error(&graph), "layer 1 (`leaky`): slope -1, expected a finite number, 0 or above");
}

#[test]
fn lift_refuses_a_graph_that_is_not_valid() {
    assert!(lift_error(&Graph::new(2)).contains("no node"));
}

#[test]
fn words_that_make_no_layer_are_named() {
    for (words, expected) in [
        ("relu 3", "layer 1 (`relu 3`): found `3`, expected nothing after the name"),
        ("bias 1", "found `1`, expected nothing after the name"),
        ("leaky-relu x", "slope `x`, expected a number such as 0.1"),
        ("leaky-relu -0.1", "slope -0.1, expected a finite number, 0 or above"),
        ("leaky-relu nan", "slope NaN, expected a finite number"),
        ("sampled-linear 10", "expected such as `sampled-linear 100000 1000`"),
        ("sampled-linear 10 11", "a sample of 11, expected at most the 10 outputs"),
        ("sampled-linear 10 0", "a sample of `0`, expected a whole number above 0"),
        ("sampled-linear 4000000000 1", "4000000000 outputs of 4 inputs, expected fewer than 2³² weights"),
        ("tied-linear", "expected `tied-linear 1` or `tied-linear 1 no-bias`"),
        ("tied-linear 0", "`0`, expected the number of an earlier linear layer, from 1"),
        ("tied-linear 1", "there is no linear layer 1 before it, but 0"),
        ("sparse-relu", "expected `sparse-relu 0.1` or `sparse-relu density 0.1`"),
        ("sparse-relu -0.1", "threshold -0.1, expected a finite number, 0 or above"),
        ("sparse-relu density 1", "density 1, expected a number between 0 and 1"),
        ("shifted-relu inf", "threshold inf, expected a finite number"),
        ("sparse-tanh 0.1 hard", "expected `sparse-tanh 0.1` or `sparse-tanh 0.1 soft`"),
        ("sparse-tanh nan", "threshold NaN, expected a finite number, 0 or above"),
        ("k-winners", "expected such as `k-winners 50`"),
        ("k-winners 0", "0 winners, expected a whole number above 0"),
        ("k-winners 1.5", "`1.5` winners, expected a whole number above 0"),
        ("dropout", "the rate is missing, expected a number after the name"),
        ("dropout 1", "rate 1, expected 0 or above, and below 1"),
        ("dropout nan", "rate NaN, expected 0 or above"),
        ("dropout 0.1 0.2", "found `0.2`, expected nothing after the rate"),
        ("batch-norm 0", "momentum 0, expected above 0, up to 1"),
        ("linear 0", "`0` outputs, expected a whole number above 0"),
        ("linera 3", "no such layer; known are linear OUTPUTS [no-bias]"),
    ] {
        let error = Net::new(4).layer(words).make().err().unwrap().to_string();
        assert!(error.contains(expected), "{words}: {error}");
    }
}

#[test]
fn a_bias_that_nothing_would_train_is_refused() {
    let error = Net::new(4).layer("bias").linear(2).build(&Build::default()).err().unwrap().to_string();
    assert_eq!(error, "layer 1 (`bias`): nothing would train it here; put it after a layer such as `linear 10`");
}

#[test]
fn layers_that_work_in_place_leave_what_others_still_read() {
    // Each of these overwrites the output that the one before it reads in its backward pass, if it works in its batch.
    for words in [
        &["tanh", "dropout 0.3"][..],
        &["sigmoid", "bias"],
        &["tanh", "sigmoid", "tanh", "bias", "dropout 0.3"],
        &["gelu", "softmax", "bias", "tanh", "batch-norm", "sigmoid", "tanh"],
    ] {
        let net = words.iter().fold(Net::new(5).layer("sigmoid").linear(4), |net, words| net.layer(*words)).linear(3);
        let mut network = net.build(&Build { seed: 2, ..Build::default() }).unwrap();
        check_network(&format!("{words:?}"), &mut network);
    }
}

#[test]
fn a_threshold_follows_the_density_asked_for_and_stays_in_evaluation() {
    for density in [0.05f32, 0.3] {
        let mut layer = make(&format!("sparse-relu density {density}"), 0).remove(0);
        let mut random = random(3);
        let mut share = |layer: &mut dyn Layer, mode| {
            let x = batch(INPUTS, 2000, 0.0, |_, _| random.normal_f32());
            numbers(&forward(layer, &x, mode)).iter().filter(|&&y| y > 0.0).count() as f32 / 12_000.0
        };
        for _ in 0..80 {
            share(layer.as_mut(), TRAIN);
        }
        let (first, second) = (share(layer.as_mut(), Mode::Eval), share(layer.as_mut(), Mode::Eval));
        // Four standard deviations of a share of 12,000, and the threshold's own error.
        let bound = 4.0 * (density / 12_000.0).sqrt() + 0.01 * density.sqrt();
        assert!((first - density).abs() < bound && (second - density).abs() < bound, "{density}: {first}, {second}");
        let threshold = layer.buffers()[0].1[0];
        share(layer.as_mut(), Mode::Eval);
        assert_eq!(layer.buffers()[0].1[0], threshold);
    }
}

#[test]
fn dropout_keeps_the_mean_and_scales_what_it_keeps() {
    let mut layers = make("dropout 0.4", 0);
    let ones = batch(INPUTS, 4000, 1.0, |_, _| 1.0);
    let kept = numbers(&forward(layers[0].as_mut(), &ones, TRAIN));
    assert!(kept.iter().all(|&x| x == 0.0 || (x - 1.0 / 0.6).abs() < 1e-6));
    let mean = kept.iter().sum::<f32>() / kept.len() as f32;
    // Four standard deviations of the mean of 24000 draws: 4·√(0.4/0.6/24000).
    assert!((mean - 1.0).abs() < 0.0211, "{mean}");
}

#[test]
fn dropout_draws_by_seed_step_row_and_layer() {
    let draw = |at: usize, mode: Mode| {
        let mut layers = make("dropout 0.4", 0);
        layers[0].start(at, 0);
        numbers(&forward(layers[0].as_mut(), &batch(INPUTS, 33, 1.0, |_, _| 1.0), mode))
    };
    let (seed, step, row) = (5, 3, 64);
    let first = draw(0, Mode::Train { seed, step, row });
    assert_eq!(first, draw(0, Mode::Train { seed, step, row }));
    for other in [
        draw(1, Mode::Train { seed, step, row }),
        draw(0, Mode::Train { seed: 6, step, row }),
        draw(0, Mode::Train { seed, step: 4, row }),
        draw(0, Mode::Train { seed, step, row: 97 }),
    ] {
        assert_ne!(first, other);
    }
    assert!(draw(0, Mode::Eval).iter().all(|&x| x == 1.0));
}

#[test]
fn dropout_of_a_batch_is_that_of_its_micro_batches() {
    let mut layers = make("dropout 0.4", 0);
    let mut draw = |row, len| {
        forward(layers[0].as_mut(), &batch(INPUTS, len, 1.0, |_, _| 1.0), Mode::Train { seed: 1, step: 2, row })
    };
    let (all, head, tail) = (draw(0, 48), draw(0, 20), draw(20, 28));
    for j in 0..INPUTS {
        assert_eq!(all.row(j), [head.row(j), tail.row(j)].concat());
    }
}

/// Mean and variance (divided by the count less `less`) in double precision.
fn statistics(row: &[f32], less: f64) -> (f64, f64) {
    let n = row.len() as f64;
    let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    (mean, row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / (n - less))
}

#[test]
fn batch_norm_gives_each_feature_the_learned_mean_and_spread() {
    for len in [5, 16, 33] {
        let mut layers = make("batch-norm", 0);
        let mut random = random(2);
        // Padding that would spoil the statistics.
        let x = batch(INPUTS, len, 1e6, |j, _| 10.0 * j as f32 + away_from_zero(&mut random));
        let y = forward(layers[0].as_mut(), &x, TRAIN);
        let params = layers[0].params();
        for j in 0..INPUTS {
            let (mean, variance) = statistics(y.row(j), 0.0);
            let (gamma, beta) = (f64::from(params[0].1.values[j]), f64::from(params[1].1.values[j]));
            let inner = statistics(x.row(j), 0.0).1;
            assert!((mean - beta).abs() < 1e-4, "{len} samples: mean {mean}, expected {beta}");
            let expected = gamma * gamma * inner / (inner + 1e-5);
            assert!((variance - expected).abs() < 1e-4, "{len} samples: variance {variance}, expected {expected}");
        }
    }
}

#[test]
fn batch_norm_statistics_follow_the_batches() {
    let mut layers = make("batch-norm 0.25", 0);
    let mut random = random(2);
    let batches = [16, 5].map(|len| batch(INPUTS, len, 1e6, |j, _| j as f32 + away_from_zero(&mut random)));
    let mut expected = [(0.0, 1.0); INPUTS];
    for x in &batches {
        forward(layers[0].as_mut(), x, TRAIN);
        for (j, (mean, variance)) in expected.iter_mut().enumerate() {
            let of_batch = statistics(x.row(j), 1.0);
            (*mean, *variance) = (0.75 * *mean + 0.25 * of_batch.0, 0.75 * *variance + 0.25 * of_batch.1);
        }
    }
    let buffers = layers[0].buffers_mut();
    for (j, (mean, variance)) in expected.into_iter().enumerate() {
        assert!((f64::from(buffers[0].1[j]) - mean).abs() < 1e-5, "mean of feature {j}");
        assert!((f64::from(buffers[1].1[j]) - variance).abs() < 1e-5, "variance of feature {j}");
    }
}

#[test]
fn batch_norm_learns_nothing_from_one_sample() {
    let mut layers = make("batch-norm", 0);
    let y = forward(layers[0].as_mut(), &batch(INPUTS, 1, 0.0, |j, _| j as f32), TRAIN);
    assert_eq!(numbers(&y), layers[0].params()[1].1.values);
    let buffers = layers[0].buffers_mut();
    assert_eq!((&buffers[0].1[..], &buffers[1].1[..]), (&[0.0; INPUTS][..], &[1.0; INPUTS][..]));
}
