//! Cross-entropy of classes.
//!
//! `loss = ln Σⱼ e^{zⱼ} − z_y`: the negative logarithm of the probability that softmax gives to class `y`.
//!
//! On a sample of the outputs (*sampled softmax*) the sum is `e^{z_y} + Σ_{j drawn, j ≠ y} e^{zⱼ}/Eⱼ`, `Eⱼ` being how often `j`
//! is expected to be drawn: each `zⱼ` is corrected by `−ln Eⱼ`, but for that of the right class, which is always there. The sum is
//! estimated without bias; its logarithm, and so the loss, nearly so, the better the larger the sample.

use super::{Loss, Targets, classes, prepare};
use crate::Result;
use crate::sample::Sample;
use rarefy_core::kernels::loss::{per_sample, softmax_cross_entropy};
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// Taken off outputs that have no part: their exponential is then 0.
const NOWHERE: f32 = -1e30;

/// Softmax and negative log-likelihood; targets are classes, one output each. As `torch.nn.CrossEntropyLoss`.
#[derive(Debug, Clone, Copy)]
pub struct CrossEntropy;

impl Loss for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn help(&self) -> &'static str {
        "For one class out of several: minus the logarithm of the probability given to the right one."
    }

    fn link(&self) -> Option<Op> {
        Some(Op::Softmax)
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
        Ok(softmax_cross_entropy(z, classes, weights, scale, dz))
    }

    fn evaluate_sample(
        &self,
        z: &Batch,
        sample: &Sample,
        targets: &Targets<'_>,
        weights: Option<&[f32]>,
        scale: f32,
        mut dz: Option<&mut Batch>,
    ) -> Result<f64> {
        let classes = super::places(self, sample, classes(self, z, targets, usize::MAX)?)?;
        prepare(self, z, weights, dz.as_deref_mut())?;
        let mut corrected = z.clone();
        for (j, &count) in sample.counts.iter().enumerate() {
            let shift = if count > 0.0 { count.ln() } else { NOWHERE };
            corrected.row_mut(j).iter_mut().for_each(|z| *z += shift);
        }
        for (s, &class) in classes.iter().enumerate() {
            corrected.row_mut(class as usize)[s] = z.row(class as usize)[s];
        }
        Ok(softmax_cross_entropy(&corrected, &classes, weights, scale, dz))
    }

    fn each(&self, z: &Batch, targets: &Targets<'_>) -> Result<Vec<f64>> {
        let classes = classes(self, z, targets, z.features())?;
        Ok(per_sample(z, |s, z| {
            let largest = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = z.iter().map(|&z| f64::from((z - largest).exp())).sum();
            f64::from(largest) + sum.ln() - f64::from(z[classes[s] as usize])
        }))
    }
}
