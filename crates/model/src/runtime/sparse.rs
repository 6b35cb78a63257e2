//! Answers to sparse rows, whose cost in the first layer follows their nonzeros.

use std::ops::Range;

use rarefy_core::matrix::{Batch, Csc, CsrView, Dense};

use super::{Activity, Runtime, Workspace, check_finite_values};
use crate::graph::{Op, Weight};
use crate::{Error, Result};

/// The weight of the first layer, grouped by input.
#[derive(Debug, Clone)]
pub(super) enum ByInput {
    /// `inputs × outputs`.
    Dense(Dense<f32>),
    /// Its nonzeros, column by column.
    Sparse(Csc<f32>),
}

impl ByInput {
    fn new(weight: &Weight) -> Result<Self> {
        Ok(match weight {
            Weight::Dense(w) => Self::Dense(w.transpose()),
            Weight::Sparse(w) => Self::Sparse(w.to_csc()?),
        })
    }

    /// `sums += x · W[:, j]`.
    fn add(&self, j: usize, x: f32, sums: &mut [f32]) {
        match self {
            Self::Dense(w) => sums.iter_mut().zip(w.row(j)).for_each(|(sum, w)| *sum += w * x),
            Self::Sparse(w) => {
                let (rows, values) = w.col(j);
                rows.iter().zip(values).for_each(|(&i, w)| sums[i as usize] += w * x);
            }
        }
    }
}

impl Runtime {
    /// As [`Runtime::predict`], for rows of which few features are not zero. If the graph begins with a linear layer, no array of
    /// `rows × features` exists; otherwise one of 128 rows does.
    ///
    /// # Errors
    /// As [`Runtime::predict`].
    pub fn predict_sparse(&self, rows: CsrView<f32>) -> Result<Dense<f32>> {
        self.run_sparse(rows, false).map(|(answers, _)| answers)
    }

    /// As [`Runtime::activity`], for such rows.
    ///
    /// # Errors
    /// As [`Runtime::predict`].
    pub fn activity_sparse(&self, rows: CsrView<f32>) -> Result<Vec<Activity>> {
        self.run_sparse(rows, true).map(|(_, nonzeros)| self.densities(rows.rows(), &nonzeros))
    }

    /// As [`Runtime::run`].
    fn run_sparse(&self, rows: CsrView<f32>, count: bool) -> Result<(Dense<f32>, Vec<u64>)> {
        if rows.cols() != self.inputs() {
            return Err(Error::FeatureCount { found: rows.cols(), expected: self.inputs() });
        }
        check_finite_values(rows.values(), |at| {
            let row = rows.indptr().partition_point(|&start| start as usize <= at) - 1;
            (row, rows.indices()[at] as usize)
        })?;
        match self.first_weight()? {
            Some(weight) => {
                self.answers(rows.rows(), count, &|block, workspace| self.first_layer(weight, rows, block, workspace))
            }
            None => self.answers(rows.rows(), count, &|block, workspace| {
                let mut input = workspace.batch(self.inputs(), block.len())?;
                input.data_mut().fill(0.0);
                for (s, i) in block.enumerate() {
                    each(rows, i, |j, value| input.row_mut(j)[s] = value * self.scaling.factor(j));
                }
                workspace.values[0] = Some(input);
                Ok(0)
            }),
        }
    }

    /// The first layer's weight by input, if the graph begins with a linear layer, and nothing else reads its input.
    fn first_weight(&self) -> Result<Option<&ByInput>> {
        let Some(node) = self.graph.nodes.first() else { return Ok(None) };
        let Op::Linear { weight } = &node.op else { return Ok(None) };
        if self.last_use[0] != 0 {
            return Ok(None);
        }
        if self.by_input.get().is_none() {
            // Another thread may be faster; both have the same.
            let _ = self.by_input.set(ByInput::new(weight)?);
        }
        Ok(self.by_input.get())
    }

    /// Runs the first node on a block of rows.
    fn first_layer(
        &self,
        weight: &ByInput,
        rows: CsrView<f32>,
        block: Range<usize>,
        workspace: &mut Workspace,
    ) -> Result<usize> {
        let mut output: Batch = workspace.batch(self.features[1], block.len())?;
        output.data_mut().fill(0.0);
        let mut sums = vec![0.0; self.features[1]];
        for (s, i) in block.enumerate() {
            sums.fill(0.0);
            each(rows, i, |j, value| weight.add(j, value * self.scaling.factor(j), &mut sums));
            let stride = output.stride();
            let column = output.data_mut()[s..].iter_mut().step_by(stride);
            column.zip(&sums).for_each(|(to, sum)| *to = *sum);
        }
        workspace.values[1] = Some(output);
        Ok(1)
    }
}

/// Calls `f` with each entry of row `i`.
fn each(rows: CsrView<f32>, i: usize, mut f: impl FnMut(usize, f32)) {
    let (indices, values) = rows.row(i);
    indices.iter().zip(values).for_each(|(&j, &value)| f(j as usize, value));
}
