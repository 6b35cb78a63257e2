//! A network as data: a list of nodes, each an operation on earlier values.
//!
//! Value 0 is the graph's input, `inputs` features wide; value `i + 1` is the output of node `i`. A node may use only
//! values before its own, so there are no cycles. The last node's output is the graph's.
//!
//! To add an operation: one file in `graph/op`, and its lines in `graph/op/mod.rs` ([`Op`], `Op::operator`, `KINDS`).
//!
//! ```
//! use rarefy_core::matrix::Dense;
//! use rarefy_model::graph::{Graph, Op, Weight};
//! let mut graph = Graph::new(2);
//! graph.push("linear1", Op::Linear { weight: Weight::Dense(Dense::filled(3, 2, 1.0)?) });
//! graph.push("relu1", Op::Relu);
//! assert_eq!(graph.outputs()?, 3);
//! assert_eq!(graph.describe()?[0].kernel, "dense rows");
//! # Ok::<(), rarefy_model::Error>(())
//! ```

mod op;
mod unread;

pub use op::{Op, Weight};
pub(crate) use op::{Parts, load};

use std::collections::HashSet;

use crate::{Error, Result};

/// A network as data.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// Number of input features.
    pub inputs: usize,
    /// The nodes, in the order of execution.
    pub nodes: Vec<Node>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name, unique in the graph.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// The values it reads.
    pub inputs: Vec<usize>,
}

/// What a node is and costs.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct LayerInfo {
    /// The node's name.
    pub name: String,
    /// The operation's name.
    pub kind: String,
    /// Shape of the weight (`outputs × inputs`), or `[features]` of an operation without one.
    pub shape: Vec<usize>,
    /// Nonzeros of the weight; of the other numbers it holds, for an operation without a weight.
    pub nnz: usize,
    /// Nonzeros of the weight over all its entries; 1 for an operation without a weight.
    pub density: f64,
    /// `unstructured` or `dense`.
    pub structure: String,
    /// What the runtime picks for it.
    pub kernel: String,
    /// Bytes of its numbers in an artifact.
    pub bytes: usize,
}

impl Graph {
    /// A graph without nodes.
    pub fn new(inputs: usize) -> Self {
        Self { inputs, nodes: Vec::new() }
    }

    /// Appends a node that reads the last value, and returns the index of the value it makes.
    pub fn push(&mut self, name: impl Into<String>, op: Op) -> usize {
        let last = self.nodes.len();
        self.nodes.push(Node { name: name.into(), op, inputs: vec![last] });
        last + 1
    }

    /// Checks names, references, shapes and numbers.
    ///
    /// # Errors
    /// [`Error::EmptyGraph`], or [`Error::Node`] naming the first node that does not fit.
    pub fn check(&self) -> Result<()> {
        self.features().map(drop)
    }

    /// Features of every value: the input, then each node's output. Checks as [`Graph::check`].
    ///
    /// # Errors
    /// As [`Graph::check`].
    pub fn features(&self) -> Result<Vec<usize>> {
        if self.inputs == 0 {
            return Err(Error::EmptyGraph { found: "no input feature" });
        }
        if self.nodes.is_empty() {
            return Err(Error::EmptyGraph { found: "no node" });
        }
        let mut features = vec![self.inputs];
        let mut names = HashSet::new();
        for (at, node) in self.nodes.iter().enumerate() {
            let wrong = |problem| Error::Node { node: at, name: node.name.clone(), problem };
            if node.name.is_empty() || !names.insert(&node.name) {
                return Err(wrong("the name is empty or another node's, expected one of its own".to_owned()));
            }
            let [input] = node.inputs[..] else {
                return Err(wrong(format!("reads {} values, expected 1", node.inputs.len())));
            };
            let Some(&width) = features.get(input) else {
                return Err(wrong(format!("reads value {input}, expected one before its own, {}", at + 1)));
            };
            features.push(node.op.operator().outputs(width).map_err(wrong)?);
        }
        Ok(features)
    }

    /// Number of output features.
    ///
    /// # Errors
    /// As [`Graph::check`].
    pub fn outputs(&self) -> Result<usize> {
        Ok(self.features()?.last().copied().unwrap_or(self.inputs))
    }

    /// Weight matrices.
    pub fn weights(&self) -> impl Iterator<Item = &Weight> {
        self.nodes.iter().filter_map(|node| node.op.weight())
    }

    /// Nonzeros of all weight matrices.
    pub fn nnz(&self) -> usize {
        self.weights().map(Weight::nnz).sum()
    }

    /// Entries of all weight matrices, zeros included: what the dense twin stores.
    pub fn entries(&self) -> usize {
        self.weights().map(|weight| weight.outputs().saturating_mul(weight.inputs())).fold(0, usize::saturating_add)
    }

    /// Nonzeros over entries, of all weight matrices (biases and norms aside); 1 for a graph without any.
    pub fn density(&self) -> f64 {
        ratio(self.nnz(), self.entries())
    }

    /// Trained numbers that the graph holds: stored weights, biases, norms' scales and shifts.
    pub fn parameters(&self) -> usize {
        self.nodes.iter().map(|node| node.op.operator().parameters()).sum()
    }

    /// What each node is and costs.
    ///
    /// # Errors
    /// As [`Graph::check`].
    pub fn describe(&self) -> Result<Vec<LayerInfo>> {
        let features = self.features()?;
        let describe = |(node, &width): (&Node, &usize)| {
            let operator = node.op.operator();
            let mut parts = Parts::default();
            operator.store(&mut parts)?;
            let (shape, nnz, density, structure) = match node.op.weight() {
                Some(weight) => {
                    let shape = vec![weight.outputs(), weight.inputs()];
                    let density = ratio(weight.nnz(), weight.outputs().saturating_mul(weight.inputs()));
                    (shape, weight.nnz(), density, weight.structure())
                }
                None => (vec![width], operator.parameters(), 1.0, "dense"),
            };
            Ok(LayerInfo {
                name: node.name.clone(),
                kind: operator.kind().to_owned(),
                shape,
                nnz,
                density,
                structure: structure.to_owned(),
                kernel: operator.kernel().to_owned(),
                bytes: parts.tensors.values().map(|tensor| tensor.bytes().len()).sum(),
            })
        };
        self.nodes.iter().zip(&features[1..]).map(describe).collect()
    }
}

/// `part / whole`, and 1 of nothing.
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rarefy_core::matrix::{Csr, Dense};

    /// 3 → 2 sparse, bias, ReLU, 2 → 2 dense.
    fn small() -> Graph {
        let sparse = Csr::new(2, 3, vec![0, 1, 2], vec![0, 2], vec![2.0, -1.0]).unwrap();
        let dense = Dense::new(2, 2, vec![1.0, 0.0, 3.0, 4.0]).unwrap();
        let mut graph = Graph::new(3);
        graph.push("linear1", Op::Linear { weight: Weight::Sparse(sparse) });
        graph.push("bias1", Op::Bias { values: vec![0.5, 0.0] });
        graph.push("relu1", Op::Relu);
        graph.push("linear2", Op::Linear { weight: Weight::Dense(dense) });
        graph
    }

    /// The error that `change` brings about.
    fn broken(change: impl FnOnce(&mut Graph)) -> String {
        let mut graph = small();
        change(&mut graph);
        graph.check().unwrap_err().to_string()
    }

    #[test]
    fn counts_cover_weights_only_where_they_should() {
        let graph = small();
        assert_eq!((graph.nnz(), graph.entries(), graph.parameters()), (2 + 3, 6 + 4, 2 + 2 + 4));
        assert_eq!(graph.density(), 0.5);
    }

    #[test]
    fn a_layer_is_described_by_its_weight() {
        let layer = &small().describe().unwrap()[0];
        assert_eq!((layer.kind.as_str(), &layer.shape[..], layer.nnz), ("linear", &[2, 3][..], 2));
        assert_eq!((layer.structure.as_str(), layer.kernel.as_str()), ("unstructured", "sparse rows"));
        assert_eq!(layer.bytes, 2 * 4 + 2 * 2 + 2 * 2); // values, 16-bit indices, 16-bit row lengths
    }

    #[test]
    fn a_shape_that_does_not_fit_names_node_and_numbers() {
        let error = broken(|graph| graph.nodes[1].op = Op::Bias { values: vec![0.0; 3] });
        assert_eq!(error, "node 1 \"bias1\": holds 3 values, expected one for each of 2 features");
    }

    #[test]
    fn a_node_that_reads_itself_or_later_is_refused() {
        assert!(
            broken(|graph| graph.nodes[1].inputs = vec![2]).contains("reads value 2, expected one before its own, 2")
        );
        assert!(broken(|graph| graph.nodes[0].inputs = vec![usize::MAX]).contains("reads value"));
    }

    #[test]
    fn a_node_reads_exactly_one_value() {
        assert!(broken(|graph| graph.nodes[1].inputs = vec![]).contains("reads 0 values, expected 1"));
        assert!(broken(|graph| graph.nodes[1].inputs = vec![0, 1]).contains("reads 2 values, expected 1"));
    }

    #[test]
    fn two_nodes_of_one_name_are_refused() {
        assert!(broken(|graph| graph.nodes[2].name = "bias1".to_owned()).contains("another node's"));
    }

    #[test]
    fn an_empty_graph_is_refused() {
        assert!(broken(|graph| graph.nodes.clear()).contains("no node"));
        assert!(broken(|graph| graph.inputs = 0).contains("no input feature"));
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused() {
        let error = broken(|graph| graph.nodes[1].op = Op::Bias { values: vec![0.0, f32::INFINITY] });
        assert!(error.contains("entry 1 is inf, expected a finite number"), "{error}");
    }
}
