//! Neurons that no weight reads leave the graph: it gets smaller, and computes the same.

use rarefy_core::matrix::{Csr, Dense};

use super::{Graph, Node, Op, Weight};
use crate::Result;

impl Graph {
    /// The same graph without the neurons that no later weight reads: their row of the weight before, their bias and norm, and
    /// their column of the weight behind. Outputs are the same to the last bit of what is summed. Operations that look at
    /// several features, such as softmax or k-winners, keep all neurons before them, and so does a weight that a tied layer shares,
    /// whose rows and columns both have a second reader; a layer keeps at least one.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn without_unread(&self) -> Result<Self> {
        let mut graph = self.clone();
        if self.nodes.iter().enumerate().any(|(at, node)| node.inputs != [at]) {
            return Ok(graph);
        }
        let weights: Vec<usize> = (0..self.nodes.len()).filter(|&at| self.nodes[at].op.weight().is_some()).collect();
        // From the last to the first: what goes may leave others unread.
        for pair in weights.windows(2).rev() {
            let (before, behind) = (pair[0], pair[1]);
            let Some(weight) = graph.nodes[behind].op.weight() else { continue };
            let shared = |node: &Node| matches!(node.op, Op::TiedLinear { of } if pair.contains(&of));
            if graph.nodes.iter().any(shared) {
                continue;
            }
            let kept = read(weight);
            let alone = graph.nodes[before + 1..behind].iter().all(|node| is_alone(&node.op));
            if !alone || kept.is_empty() || kept.len() == weight.inputs() {
                continue;
            }
            for node in &mut graph.nodes[before + 1..behind] {
                keep_features(&mut node.op, &kept);
            }
            if let Op::Linear { weight } = &mut graph.nodes[behind].op {
                *weight = columns(weight, &kept)?;
            }
            if let Op::Linear { weight } = &mut graph.nodes[before].op {
                *weight = rows(weight, &kept)?;
            }
        }
        Ok(graph)
    }
}

/// Whether each feature of the output depends on the same feature of the input alone.
fn is_alone(op: &Op) -> bool {
    matches!(
        op,
        Op::Bias { .. }
            | Op::Relu
            | Op::LeakyRelu { .. }
            | Op::Tanh
            | Op::Sigmoid
            | Op::Exp
            | Op::Gelu
            | Op::SparseRelu { .. }
            | Op::ShiftedRelu { .. }
            | Op::SparseTanh { .. }
            | Op::BatchNorm { .. }
    )
}

/// Keeps what an operation has for these features.
fn keep_features(op: &mut Op, kept: &[usize]) {
    let keep = |array: &mut Vec<f32>| *array = kept.iter().map(|&j| array[j]).collect();
    match op {
        Op::Bias { values } => keep(values),
        Op::BatchNorm { gamma, beta, mean, variance, .. } => [gamma, beta, mean, variance].into_iter().for_each(keep),
        _ => {}
    }
}

/// The inputs that a weight reads.
fn read(weight: &Weight) -> Vec<usize> {
    let mut read = vec![false; weight.inputs()];
    let mut mark = |j: usize, value: f32| read[j] |= value != 0.0;
    match weight {
        Weight::Sparse(sparse) => {
            sparse.indices().iter().zip(sparse.values()).for_each(|(&j, &value)| mark(j as usize, value));
        }
        Weight::Dense(dense) => {
            (0..dense.rows()).for_each(|i| dense.row(i).iter().enumerate().for_each(|(j, &value)| mark(j, value)));
        }
    }
    (0..read.len()).filter(|&j| read[j]).collect()
}

/// Some of the columns, in order.
fn columns(weight: &Weight, kept: &[usize]) -> Result<Weight> {
    match weight {
        Weight::Sparse(sparse) => {
            let mut place = vec![None; sparse.cols()];
            kept.iter().enumerate().for_each(|(to, &from)| place[from] = Some(to as u32));
            let (mut indptr, mut indices, mut values) = (vec![0u32], Vec::new(), Vec::new());
            for i in 0..sparse.rows() {
                let (old, numbers) = sparse.row(i);
                for (&j, &value) in old.iter().zip(numbers) {
                    if let Some(to) = place[j as usize] {
                        indices.push(to);
                        values.push(value);
                    }
                }
                indptr.push(indices.len() as u32);
            }
            Ok(Weight::Sparse(Csr::new(sparse.rows(), kept.len(), indptr, indices, values)?))
        }
        Weight::Dense(dense) => {
            let row = |i| kept.iter().map(move |&j| dense.row(i)[j]);
            Ok(Weight::Dense(Dense::new(dense.rows(), kept.len(), (0..dense.rows()).flat_map(row).collect())?))
        }
    }
}

/// Some of the rows, in order.
fn rows(weight: &Weight, kept: &[usize]) -> Result<Weight> {
    match weight {
        Weight::Sparse(sparse) => {
            let (mut indptr, mut indices, mut values) = (vec![0u32], Vec::new(), Vec::new());
            for &i in kept {
                let (old, numbers) = sparse.row(i);
                indices.extend_from_slice(old);
                values.extend_from_slice(numbers);
                indptr.push(indices.len() as u32);
            }
            Ok(Weight::Sparse(Csr::new(kept.len(), sparse.cols(), indptr, indices, values)?))
        }
        Weight::Dense(dense) => {
            let values = kept.iter().flat_map(|&i| dense.row(i).iter().copied()).collect();
            Ok(Weight::Dense(Dense::new(kept.len(), dense.cols(), values)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rarefy_core::matrix::Batch;

    /// What a graph makes of three samples, operation by operation.
    fn run(graph: &Graph) -> Vec<Vec<f32>> {
        let mut x = Batch::zeros(graph.inputs, 3).unwrap();
        (0..graph.inputs).for_each(|j| (0..3).for_each(|s| x.row_mut(j)[s] = ((j * 3 + s) as f32 * 0.7).sin()));
        let features = graph.features().unwrap();
        for (node, &width) in graph.nodes.iter().zip(&features[1..]) {
            let mut y = Batch::zeros(width, 3).unwrap();
            node.op.operator().run(&x, &mut y);
            x = y;
        }
        (0..x.features()).map(|j| x.row(j).to_vec()).collect()
    }

    /// 3 → 4 → 3 → 2: nobody reads neuron 2 of the second layer, which alone reads neuron 1 of the first.
    fn graph(middle: Op) -> Graph {
        let first = Dense::new(4, 3, (0..12).map(|k| (k as f32 * 0.9).cos()).collect()).unwrap();
        let second = Csr::new(3, 4, vec![0, 2, 3, 5], vec![0, 2, 3, 1, 3], vec![0.5, -1.0, 2.0, 3.0, 4.0]).unwrap();
        let last = Dense::new(2, 3, vec![1.0, -2.0, 0.0, 0.5, 0.25, 0.0]).unwrap();
        let mut graph = Graph::new(3);
        graph.push("linear1", Op::Linear { weight: Weight::Dense(first) });
        graph.push("bias1", Op::Bias { values: vec![0.1, 0.2, 0.3, 0.4] });
        graph.push("relu1", Op::Relu);
        graph.push("linear2", Op::Linear { weight: Weight::Sparse(second) });
        graph.push("bias2", Op::Bias { values: vec![0.5, 0.6, 0.7] });
        graph.push("middle", middle);
        graph.push("linear3", Op::Linear { weight: Weight::Dense(last) });
        graph
    }

    #[test]
    fn unread_neurons_go_and_outputs_stay() {
        let norm = |n: usize| Op::BatchNorm {
            gamma: vec![1.5; n],
            beta: vec![0.5; n],
            mean: (0..n).map(|j| j as f32).collect(),
            variance: vec![2.0; n],
            epsilon: 1e-5,
        };
        // A sigmoid of nothing is not nothing: what it makes is not read, and so nothing is lost.
        for middle in [Op::Sigmoid, norm(3), Op::Tanh] {
            let whole = graph(middle);
            let small = whole.without_unread().unwrap();
            assert_eq!(small.features().unwrap(), [3, 3, 3, 3, 2, 2, 2, 2]);
            assert_eq!(run(&small), run(&whole));
            assert_eq!(small.without_unread().unwrap(), small);
        }
    }

    #[test]
    fn what_looks_at_several_features_keeps_them() {
        for middle in [Op::Softmax, Op::KWinners { k: 2 }] {
            let whole = graph(middle);
            assert_eq!(whole.without_unread().unwrap(), whole);
        }
    }

    #[test]
    fn a_shared_weight_keeps_its_shape() {
        for of in [0, 3] {
            let mut whole = graph(Op::Sigmoid);
            let back = if of == 0 { vec![1.0; 8] } else { vec![1.0; 6] };
            let rows = back.len() / 2;
            whole.push("back", Op::Linear { weight: Weight::Dense(Dense::new(rows, 2, back).unwrap()) });
            whole.push("tied", Op::TiedLinear { of });
            let small = whole.without_unread().unwrap();
            assert_eq!(small.nodes[of], whole.nodes[of]);
            assert_eq!(small.outputs().unwrap(), whole.outputs().unwrap());
        }
    }
}
