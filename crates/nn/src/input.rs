//! What the first layer of a network reads.

use rarefy_core::kernels::elementwise;
use rarefy_core::kernels::sparse_input::SparseBatch;
use rarefy_core::matrix::Batch;

/// The input of a layer with a weight, `features × n`.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// Every number stored.
    Dense(&'a Batch),
    /// Few of them not zero: data, which need no gradient. Only a weight that is stored sparse takes it.
    Sparse(&'a SparseBatch),
}

impl<'a> From<&'a Batch> for Input<'a> {
    fn from(batch: &'a Batch) -> Self {
        Self::Dense(batch)
    }
}

impl<'a> From<&'a SparseBatch> for Input<'a> {
    fn from(batch: &'a SparseBatch) -> Self {
        Self::Sparse(batch)
    }
}

impl Input<'_> {
    /// Number of features.
    pub fn features(&self) -> usize {
        match self {
            Self::Dense(batch) => batch.features(),
            Self::Sparse(batch) => batch.features(),
        }
    }

    /// The Euclidean norm of each feature over the samples.
    pub fn norms(&self) -> Vec<f32> {
        match self {
            Self::Dense(x) => (0..x.features()).map(|j| elementwise::sum_of_squares(x.row(j)).sqrt() as f32).collect(),
            Self::Sparse(x) => {
                let mut norms = vec![0.0; x.features()];
                for (a, &j) in x.active().iter().enumerate() {
                    let squares: f64 = x.feature(a).1.iter().map(|&v| f64::from(v).powi(2)).sum();
                    norms[j as usize] = squares.sqrt() as f32;
                }
                norms
            }
        }
    }
}
