//! Cross-entropy of outputs that are yes or no.
//!
//! `loss = (1/k)·Σⱼ −(t·ln σ(z) + (1 − t)·ln(1 − σ(z)))` over `k` outputs, `σ` being the sigmoid.

use super::{Loss, Targets, check_classes, check_values, prepare, wrong};
use crate::Result;
use rarefy_core::kernels::loss::{binary_cross_entropy, per_sample};
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;
use std::borrow::Cow;

/// Sigmoid and cross-entropy. Targets are classes 0 and 1 for one output, or values in `0..=1` for any number of outputs. As
/// `torch.nn.BCEWithLogitsLoss`.
#[derive(Debug, Clone, Copy)]
pub struct BinaryCrossEntropy;

impl Loss for BinaryCrossEntropy {
    fn name(&self) -> &'static str {
        "binary-cross-entropy"
    }

    fn help(&self) -> &'static str {
        "For outputs that are yes or no, each by itself; with one output, for two classes."
    }

    fn link(&self) -> Option<Op> {
        Some(Op::Sigmoid)
    }

    fn evaluate(
        &self,
        z: &Batch,
        targets: &Targets<'_>,
        weights: Option<&[f32]>,
        scale: f32,
        mut dz: Option<&mut Batch>,
    ) -> Result<f64> {
        let values = self.values(z, targets)?;
        prepare(self, z, weights, dz.as_deref_mut())?;
        let outputs = z.features().max(1);
        let sum = binary_cross_entropy(z, &values, weights, scale / outputs as f32, dz);
        Ok(sum / outputs as f64)
    }

    fn each(&self, z: &Batch, targets: &Targets<'_>) -> Result<Vec<f64>> {
        let values = self.values(z, targets)?;
        Ok(per_sample(z, |s, z| {
            let of = |(j, &z): (usize, &f32)| f64::from(z.max(0.0) - z * values.row(j)[s] + (-z.abs()).exp().ln_1p());
            z.iter().enumerate().map(of).sum::<f64>() / z.len() as f64
        }))
    }
}

impl BinaryCrossEntropy {
    /// The targets as values, a class being one.
    fn values<'a>(&self, z: &Batch, targets: &Targets<'a>) -> Result<Cow<'a, Batch>> {
        match *targets {
            Targets::Values(values) => {
                check_values(self, z, values)?;
                self.check_shares(values)?;
                Ok(Cow::Borrowed(values))
            }
            Targets::Labels(_) => {
                let problem = "the targets are sets of labels; use label-cross-entropy";
                Err(wrong(self, problem.to_owned()))
            }
            Targets::Classes(classes) => {
                if z.features() != 1 {
                    let problem = format!(
                        "the targets are classes, which this loss takes with 1 output, but the network has {}; use cross-entropy",
                        z.features()
                    );
                    return Err(wrong(self, problem));
                }
                check_classes(self, z, classes, 2)?;
                let mut values = Batch::zeros(1, z.len())?;
                values.row_mut(0).iter_mut().zip(classes).for_each(|(value, &class)| *value = class as f32);
                Ok(Cow::Owned(values))
            }
        }
    }

    /// Checks that every target is in `0..=1`.
    fn check_shares(&self, values: &Batch) -> Result<()> {
        for j in 0..values.features() {
            let row = values.row(j);
            if let Some(at) = row.iter().position(|t| !(0.0..=1.0).contains(t)) {
                let problem = format!("output {j} of sample {at} has target {}, expected 0 to 1", row[at]);
                return Err(wrong(self, problem));
            }
        }
        Ok(())
    }
}
