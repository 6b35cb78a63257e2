//! Squared error.
//!
//! `loss = (1/k)·Σⱼ (zⱼ − tⱼ)²` over `k` outputs.

use super::{Loss, Targets, check_values, prepare, wrong};
use crate::Result;
use rarefy_core::kernels::loss::{per_sample, squared_error};
use rarefy_core::matrix::Batch;

/// Mean squared error; targets are values. As `torch.nn.MSELoss`.
#[derive(Debug, Clone, Copy)]
pub struct SquaredError;

impl Loss for SquaredError {
    fn name(&self) -> &'static str {
        "squared-error"
    }

    fn help(&self) -> &'static str {
        "For numbers: the squared difference, averaged over the outputs."
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
        // The kernel's loss is half the sum of squares.
        let outputs = z.features().max(1);
        let sum = squared_error(z, values, weights, scale * 2.0 / outputs as f32, dz);
        Ok(sum * 2.0 / outputs as f64)
    }

    fn each(&self, z: &Batch, targets: &Targets<'_>) -> Result<Vec<f64>> {
        let values = self.values(z, targets)?;
        Ok(per_sample(z, |s, z| {
            let square = |(j, &z): (usize, &f32)| f64::from(z - values.row(j)[s]).powi(2);
            z.iter().enumerate().map(square).sum::<f64>() / z.len() as f64
        }))
    }
}

impl SquaredError {
    /// The values, if that is what the targets are.
    fn values<'a>(&self, z: &Batch, targets: &Targets<'a>) -> Result<&'a Batch> {
        let found = match *targets {
            Targets::Values(values) => return check_values(self, z, values).map(|()| values),
            Targets::Classes(_) => "classes, expected numbers; use cross-entropy",
            Targets::Labels(_) => "sets of labels, expected numbers; use label-cross-entropy",
        };
        Err(wrong(self, format!("the targets are {found}")))
    }
}
