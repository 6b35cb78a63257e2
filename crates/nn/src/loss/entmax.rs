//! Losses whose answers are probabilities with exact zeros.
//!
//! `loss = pᵀz + H(p) − z_y`, the Fenchel–Young loss of the entropy `H`, with gradient `p − onehot(y)`; 0 once the right class
//! is far enough ahead to get all of the probability.
//!
//! * sparsemax: `H = ½(1 − Σ p²)`; Martins and Astudillo, *From softmax to sparsemax*, 2016;
//! * entmax-1.5: `H = (4/3)(1 − Σ p^1.5)`; Peters, Niculae and Martins, *Sparse sequence-to-sequence models*, 2019.

use super::{Loss, Targets, classes, prepare};
use crate::Result;
use rarefy_core::kernels::elementwise::Entmax;
use rarefy_core::kernels::loss::{entmax_loss, entmax_losses};
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// Sparse probabilities; targets are classes, one output each.
#[derive(Debug, Clone, Copy)]
pub struct SparseProbabilities(Entmax);

impl SparseProbabilities {
    /// Sparsemax.
    pub const SPARSEMAX: Self = Self(Entmax::Sparsemax);
    /// 1.5-entmax.
    pub const ENTMAX: Self = Self(Entmax::OneAndAHalf);
}

impl Loss for SparseProbabilities {
    fn name(&self) -> &'static str {
        match self.0 {
            Entmax::Sparsemax => "sparsemax",
            Entmax::OneAndAHalf => "entmax-1.5",
        }
    }

    fn help(&self) -> &'static str {
        match self.0 {
            Entmax::Sparsemax => "For one class out of several, with exact zeros for those out of the question.",
            Entmax::OneAndAHalf => "Between cross-entropy and sparsemax: smooth, with exact zeros.",
        }
    }

    fn link(&self) -> Option<Op> {
        Some(match self.0 {
            Entmax::Sparsemax => Op::Sparsemax,
            Entmax::OneAndAHalf => Op::Entmax15,
        })
    }

    fn evaluate(
        &self,
        z: &Batch,
        targets: &Targets<'_>,
        weights: Option<&[f32]>,
        scale: f32,
        mut dz: Option<&mut Batch>,
    ) -> Result<f64> {
        let classes = classes(self, z, targets, z.features())?;
        prepare(self, z, weights, dz.as_deref_mut())?;
        Ok(entmax_loss(self.0, z, classes, weights, scale, dz))
    }

    fn each(&self, z: &Batch, targets: &Targets<'_>) -> Result<Vec<f64>> {
        Ok(entmax_losses(self.0, z, classes(self, z, targets, z.features())?))
    }
}
