//! Executes a graph on rows of raw features.
//!
//! Rows are answered in blocks of 128. A block is transposed to feature-major activations, scaled, and sent through
//! the nodes; blocks are shared among the threads. A row's answer depends neither on the number of threads nor on the
//! other rows.
//!
//! ```
//! use rarefy_core::matrix::DenseView;
//! use rarefy_model::{graph::{Graph, Op}, runtime::Runtime};
//! let mut graph = Graph::new(2);
//! graph.push("relu1", Op::Relu);
//! let answers = Runtime::new(graph)?.predict(DenseView::new(1, 2, &[-1.0, 3.0])?)?;
//! assert_eq!(answers.row(0), &[0.0, 3.0]);
//! # Ok::<(), rarefy_model::Error>(())
//! ```

mod sparse;

use std::ops::Range;
use std::sync::{Mutex, OnceLock};

use rarefy_core::matrix::{Batch, Dense, DenseView};
use rarefy_core::parallel;

use crate::artifact::Scaling;
use crate::graph::{Graph, Op};
use crate::{Error, Result};

/// Most rows in a block: activations of a thousand features then take half a megabyte, which a core's L2 cache holds.
const BLOCK: usize = 128;

/// Most numbers that a block has of one value: 16 MiB, however many features there are.
const NUMBERS: usize = 1 << 22;

/// A checked graph, with the scaling of its input, ready to answer.
#[derive(Debug, Clone)]
pub struct Runtime {
    graph: Graph,
    scaling: Scaling,
    /// Features of every value.
    features: Vec<usize>,
    /// For every value, the last node that reads it; its memory is free afterwards.
    last_use: Vec<usize>,
    /// The first layer's weight as sparse rows need it, made when the first come.
    by_input: OnceLock<sparse::ByInput>,
}

impl Runtime {
    /// A runtime for `graph`, whose input is not scaled.
    ///
    /// # Errors
    /// As [`Graph::check`].
    pub fn new(graph: Graph) -> Result<Self> {
        let features = graph.features()?;
        let mut last_use: Vec<_> = (0..features.len()).map(|value| value.saturating_sub(1)).collect();
        for (at, node) in graph.nodes.iter().enumerate() {
            for &value in &node.inputs {
                last_use[value] = at;
            }
        }
        Ok(Self { graph, scaling: Scaling::None, features, last_use, by_input: OnceLock::new() })
    }

    /// The same runtime, raw features being scaled first.
    ///
    /// # Errors
    /// As [`Scaling::check`].
    pub fn with_scaling(mut self, scaling: Scaling) -> Result<Self> {
        scaling.check(self.inputs())?;
        self.scaling = scaling;
        Ok(self)
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Number of input features.
    pub fn inputs(&self) -> usize {
        self.graph.inputs
    }

    /// Number of output features.
    pub fn outputs(&self) -> usize {
        self.features[self.features.len() - 1]
    }

    /// The answers, one row of output features for each row of raw input features.
    ///
    /// # Errors
    /// [`Error::FeatureCount`]; [`Error::NotFinite`] for an input or answer that is NaN or infinite; [`Error::Core`]
    /// when there is no memory.
    pub fn predict(&self, rows: DenseView<f32>) -> Result<Dense<f32>> {
        self.run(rows, false).map(|(answers, _)| answers)
    }

    /// How many of the numbers that each activation with exact zeros makes of these rows are not zero, in the order of the
    /// nodes: ReLU and its kin, k-winners, sparse probabilities.
    ///
    /// # Errors
    /// As [`Runtime::predict`].
    pub fn activity(&self, rows: DenseView<f32>) -> Result<Vec<Activity>> {
        self.run(rows, true).map(|(_, nonzeros)| self.densities(rows.rows(), &nonzeros))
    }

    /// What [`Runtime::activity`] says, from the numbers that are not zero in the output of each node.
    fn densities(&self, rows: usize, nonzeros: &[u64]) -> Vec<Activity> {
        let of = |at: usize| {
            let all = (rows * self.features[at + 1]).max(1) as f64;
            Activity { layer: self.graph.nodes[at].name.clone(), density: nonzeros[at] as f64 / all }
        };
        (0..self.graph.nodes.len()).filter(|&at| self.graph.operator(at).sparsifies()).map(of).collect()
    }

    /// The answers and, if they are to be counted, the numbers that are not zero in the output of each node.
    fn run(&self, rows: DenseView<f32>, count: bool) -> Result<(Dense<f32>, Vec<u64>)> {
        if rows.cols() != self.inputs() {
            return Err(Error::FeatureCount { found: rows.cols(), expected: self.inputs() });
        }
        check_finite(rows, "feature", "remove or fill in such values")?;
        self.answers(rows.rows(), count, &|block, workspace| {
            let mut input = workspace.batch(self.inputs(), block.len())?;
            self.transpose(rows.rows_range(block), &mut input);
            workspace.values[0] = Some(input);
            Ok(0)
        })
    }

    /// The answers to `rows` rows, block by block on all threads, and, if they are to be counted, the numbers that are not zero in the
    /// output of each node. `start` puts the value of the graph that a block begins with into
    /// the workspace, and returns the first node to run.
    fn answers(&self, rows: usize, count: bool, start: &Start<'_>) -> Result<(Dense<f32>, Vec<u64>)> {
        let (outputs, size) = (self.outputs(), self.block());
        let mut answers = Dense::filled(rows, outputs, 0.0)?;
        let blocks: Vec<_> = answers.data_mut().chunks_mut(size * outputs).map(Mutex::new).collect();
        let workspaces = Mutex::new(Vec::<Workspace>::new());
        let failed = Mutex::new(None);
        parallel::run(blocks.len(), |task| {
            let mut workspace = lock(&workspaces).pop().unwrap_or_default();
            workspace.nonzeros.resize(if count { self.graph.nodes.len() } else { 0 }, 0);
            let from = task * size;
            match self.answer(from..rows.min(from + size), start, &mut lock(&blocks[task]), &mut workspace) {
                Ok(()) => lock(&workspaces).push(workspace),
                Err(error) => *lock(&failed) = Some(error),
            }
        });
        if let Some(error) = lock(&failed).take() {
            return Err(error);
        }
        check_finite(answers.view(), "output", "the input is too large for this model; check its scale")?;
        let mut nonzeros = vec![0u64; self.graph.nodes.len()];
        for workspace in lock(&workspaces).iter() {
            nonzeros.iter_mut().zip(&workspace.nonzeros).for_each(|(sum, n)| *sum += n);
        }
        Ok((answers, nonzeros))
    }

    /// The class of each row: the output that is largest, the first of equal ones. A single output is the score of
    /// class 1: it wins past one half where the graph ends in a sigmoid, and past zero otherwise.
    ///
    /// # Errors
    /// As [`Runtime::predict`].
    pub fn predict_classes(&self, rows: DenseView<f32>) -> Result<Vec<usize>> {
        let answers = self.predict(rows)?;
        Ok((0..answers.rows()).map(|i| self.class_of(answers.row(i))).collect())
    }

    /// The class that a row of answers says, as in [`Runtime::predict_classes`].
    pub fn class_of(&self, answer: &[f32]) -> usize {
        if let [score] = answer {
            let is_probability = matches!(self.graph.nodes.last().map(|node| &node.op), Some(Op::Sigmoid));
            return usize::from(*score > if is_probability { 0.5 } else { 0.0 });
        }
        let mut best = 0;
        for (class, score) in answer.iter().enumerate() {
            if *score > answer[best] {
                best = class;
            }
        }
        best
    }

    /// Rows in a block.
    fn block(&self) -> usize {
        let widest = self.features.iter().copied().max().unwrap_or(1);
        (NUMBERS / widest.max(1)).clamp(1, BLOCK)
    }

    /// Answers one block of rows into `answers`, row-major.
    fn answer(
        &self,
        block: Range<usize>,
        start: &Start<'_>,
        answers: &mut [f32],
        workspace: &mut Workspace,
    ) -> Result<()> {
        let len = block.len();
        workspace.values.resize_with(self.features.len(), || None);
        let first = start(block, workspace)?;
        for (at, node) in self.graph.nodes.iter().enumerate().skip(first) {
            let operator = self.graph.operator(at);
            let mut output = workspace.batch(self.features[at + 1], len)?;
            let input = node.inputs[0]; // each node reads exactly one value, as the graph's check makes sure
            if let Some(x) = &workspace.values[input] {
                operator.run(x, &mut output);
            }
            if let Some(nonzeros) = workspace.nonzeros.get_mut(at)
                && operator.sparsifies()
            {
                let of = |j| output.row(j).iter().filter(|x| **x != 0.0).count() as u64;
                *nonzeros += (0..output.features()).map(of).sum::<u64>();
            }
            workspace.values[at + 1] = Some(output);
            if self.last_use[input] == at {
                workspace.free.extend(workspace.values[input].take());
            }
        }
        let outputs = self.outputs();
        if let Some(Some(last)) = workspace.values.last() {
            for j in 0..outputs {
                for (row, &value) in answers.chunks_exact_mut(outputs).zip(last.row(j)) {
                    row[j] = value;
                }
            }
        }
        workspace.free.extend(workspace.values.drain(..).flatten());
        Ok(())
    }

    /// Raw rows to scaled, feature-major activations.
    fn transpose(&self, rows: DenseView<f32>, x: &mut Batch) {
        let stride = x.stride();
        for i in 0..rows.rows() {
            for (column, &value) in x.data_mut()[i..].iter_mut().step_by(stride).zip(rows.row(i)) {
                *column = value;
            }
        }
        if self.scaling != Scaling::None {
            for j in 0..x.features() {
                let factor = self.scaling.factor(j);
                x.row_mut(j).iter_mut().for_each(|value| *value *= factor);
            }
        }
    }
}

/// How many of an activation's numbers are not zero.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Activity {
    /// The node's name.
    pub layer: String,
    /// Numbers that are not zero over all numbers.
    pub density: f64,
}

/// See [`Runtime::answers`].
type Start<'a> = dyn Fn(Range<usize>, &mut Workspace) -> Result<usize> + Sync + 'a;

/// One thread's activations.
#[derive(Default)]
struct Workspace {
    /// The values that are still to be read.
    values: Vec<Option<Batch>>,
    /// Memory to be used again.
    free: Vec<Batch>,
    /// Numbers that are not zero in the output of each node, if they are counted.
    nonzeros: Vec<u64>,
}

impl Workspace {
    /// A batch of arbitrary content.
    fn batch(&mut self, features: usize, len: usize) -> Result<Batch> {
        match self.free.pop() {
            Some(mut batch) => {
                batch.reshape(features, len)?;
                Ok(batch)
            }
            None => Ok(Batch::zeros(features, len)?),
        }
    }
}

/// What the mutex holds. A panic elsewhere does not matter: every holder writes whole values.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Refuses NaN and infinities.
fn check_finite(rows: DenseView<f32>, what: &'static str, advice: &'static str) -> Result<()> {
    match nonfinite(rows.data()) {
        Some(at) => {
            let (row, column) = (at / rows.cols(), at % rows.cols());
            Err(Error::NotFinite { row, what, column, found: rows.data()[at], advice })
        }
        None => Ok(()),
    }
}

/// As [`check_finite`], for the values of features that lie at `place`.
fn check_finite_values(values: &[f32], place: impl Fn(usize) -> (usize, usize)) -> Result<()> {
    match nonfinite(values) {
        Some(at) => {
            let ((row, column), what, advice) = (place(at), "feature", "remove or fill in such values");
            Err(Error::NotFinite { row, what, column, found: values[at], advice })
        }
        None => Ok(()),
    }
}

/// The first that is NaN or infinite.
fn nonfinite(values: &[f32]) -> Option<usize> {
    // A sum of zeros times the values is NaN if one of them is not finite, and needs no branch for each.
    if values.chunks(1024).all(|chunk| chunk.iter().map(|v| v * 0.0).sum::<f32>() == 0.0) {
        return None;
    }
    values.iter().position(|v| !v.is_finite())
}
