//! Cross-entropy of sets of labels.
//!
//! `loss = Σ_{j ∈ y} ln(1 + e^{−zⱼ}) + Σ_{j ∉ y} ln(1 + e^{zⱼ})`: the binary cross-entropies of all outputs, *summed*. Their
//! mean would all but vanish where a sample has a handful of 100,000 labels.
//!
//! On a sample of the outputs the second sum is estimated without bias, gradient included: the drawn outputs that are not labels
//! of a row stand for all that are not.

use super::{Loss, Targets, prepare, wrong};
use crate::Result;
use crate::sample::Sample;
use rarefy_core::kernels::loss::{Sets, label_cross_entropy, per_sample};
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// Sigmoid and cross-entropy, each output by itself; targets are sets of labels.
#[derive(Debug, Clone, Copy)]
pub struct LabelCrossEntropy;

impl Loss for LabelCrossEntropy {
    fn name(&self) -> &'static str {
        "label-cross-entropy"
    }

    fn help(&self) -> &'static str {
        "For several labels a row out of many: each output is yes or no, and all count."
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
        let sets = self.sets(z, targets, z.features())?;
        prepare(self, z, weights, dz.as_deref_mut())?;
        Ok(label_cross_entropy(z, sets, None, weights, scale, dz))
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
        let sets = self.sets(z, targets, usize::MAX)?;
        prepare(self, z, weights, dz.as_deref_mut())?;
        let places = super::places(self, sample, sets.all())?;
        let mut indptr = vec![0u32];
        (0..sets.len()).for_each(|i| indptr.push(indptr[i] + sets.of(i).len() as u32));
        Ok(label_cross_entropy(z, Sets::new(&indptr, &places), Some(&sample.counts), weights, scale, dz))
    }

    fn each(&self, z: &Batch, targets: &Targets<'_>) -> Result<Vec<f64>> {
        let sets = self.sets(z, targets, z.features())?;
        Ok(per_sample(z, |s, z| {
            let softplus = |z: f32| f64::from(z.max(0.0)) + f64::from(-z.abs()).exp().ln_1p();
            let right: f64 = sets.of(s).iter().map(|&j| f64::from(z[j as usize])).sum();
            z.iter().map(|&z| softplus(z)).sum::<f64>() - right
        }))
    }
}

impl LabelCrossEntropy {
    /// The sets, if that is what the targets are, with labels below `count`.
    fn sets<'a>(&self, z: &Batch, targets: &Targets<'a>, count: usize) -> Result<Sets<'a>> {
        let Targets::Labels(sets) = *targets else {
            let problem = "the targets are not sets of labels; use cross-entropy for one class a row";
            return Err(wrong(self, problem.to_owned()));
        };
        if sets.len() != z.len() {
            let problem = format!("{} sets of labels, expected one for each of {} samples", sets.len(), z.len());
            return Err(wrong(self, problem));
        }
        match sets.all().iter().find(|&&label| label as usize >= count) {
            Some(label) => {
                Err(wrong(self, format!("a label {label}, expected one below {count}, the network's outputs")))
            }
            None => Ok(sets),
        }
    }
}
