//! Layers that share a weight: gradients, steps, artifacts.

mod common;

use common::{away_from_zero, batch, check_close, check_network, loss_and_gradients, random};
use rarefy_core::matrix::Dense;
use rarefy_model::runtime::Runtime;
use rarefy_nn::loss::{Targets, loss};
use rarefy_nn::net::Build;
use rarefy_nn::optimizer::Optimizer;
use rarefy_nn::{Mode, Net, Network, Step};

const TRAIN: Mode = Mode::Train { seed: 5, step: 3, row: 64 };

/// A network whose fourth layer shares the weight of the first.
fn tied(density: f64) -> Network {
    let net = Net::new(5).linear(4).layer("tanh").linear(4).layer("tied-linear 1").layer("sigmoid").linear(3);
    net.build(&Build { density, seed: 2, ..Build::default() }).unwrap()
}

#[test]
fn gradients_of_a_shared_weight_come_from_both_layers() {
    for density in [0.3, 1.0] {
        let mut network = tied(density);
        check_network(&format!("density {density}"), &mut network);
    }
}

#[test]
fn the_gradient_that_growth_looks_at_is_that_of_both_layers() {
    let mut network = tied(1.0);
    let mut random = random(3);
    let x = batch(5, 17, 0.0, |_, _| away_from_zero(&mut random));
    let t = batch(3, 17, 0.0, |_, _| away_from_zero(&mut random));
    loss_and_gradients(&mut network, &x, &t);
    network
        .each_weight(|number, weight, x, dy| {
            let expected = weight.param().gradient.clone();
            let found = std::sync::Mutex::new(vec![0.0; expected.len()]);
            let cols = weight.cols();
            weight.dense_gradient(x, dy, 1, |row, block| {
                found.lock().unwrap()[row * cols..][..block.len()].copy_from_slice(block);
            });
            check_close(&format!("layer {number}"), &found.into_inner().unwrap(), &expected, 1e-5);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_shared_weight_takes_one_step_and_is_stored_once() {
    for density in [0.3, 1.0] {
        let rule = Optimizer::default().rule(0, 1);
        let mut random = random(3);
        let x = batch(5, 17, 0.0, |_, _| away_from_zero(&mut random));
        let t = batch(3, 17, 0.0, |_, _| away_from_zero(&mut random));
        let [applied, accumulated] = [false, true].map(|accumulate| {
            let mut network = tied(density);
            network.input(x.len()).unwrap().data_mut().copy_from_slice(x.data());
            network.forward(TRAIN);
            let (z, dz) = network.output().unwrap();
            loss("squared-error").unwrap().evaluate(z, &Targets::Values(&t), None, 1.0, Some(dz)).unwrap();
            network.backward(TRAIN, if accumulate { Step::Accumulate } else { Step::Apply(&rule) });
            if accumulate {
                network.apply(&rule);
            }
            network
        });
        let graph = applied.lower().unwrap();
        assert_eq!(graph, accumulated.lower().unwrap(), "density {density}");
        assert_eq!(graph.weights().count(), 3);
        assert_eq!(graph.nnz(), applied.nnz());
        let mut network = applied;
        let expected = Runtime::new(graph.clone()).unwrap().predict(rows(17).view()).unwrap();
        check_close("artifact", &answers(&mut network, &rows(17)), expected.data(), 1e-5);
        let mut lifted = Network::from_graph(&graph, 2).unwrap();
        assert_eq!(lifted.lower().unwrap(), graph);
        assert_eq!(answers(&mut lifted, &rows(17)), answers(&mut network, &rows(17)));
    }
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
