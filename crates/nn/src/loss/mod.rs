//! Losses: what a network is trained to make small.
//!
//! [`Loss::evaluate`] takes the outputs `z` of the last layer, `outputs × n`, and what they should have been, and gives the
//! *sum* over the samples of each one's loss times its weight; with a `scale` of one over the sum of the weights, the
//! gradient is that of the mean. Losses of several outputs are means over the outputs: a mean over everything, as PyTorch's
//! `reduction="mean"`.
//!
//! Cross-entropies take `z` before softmax or sigmoid, which is exact where the probabilities would round to 0 or 1;
//! [`Loss::link`] is what turns `z` into answers afterwards.
//!
//! To add a loss: one file here, one line in [`registry`], one entry in the table of `tests/losses.rs`.
//!
//! ```
//! use rarefy_core::matrix::Batch;
//! use rarefy_nn::loss::{Targets, loss};
//! let z = Batch::zeros(10, 2)?; // no opinion on 10 classes, 2 samples
//! let sum = loss("cross-entropy")?.evaluate(&z, &Targets::Classes(&[3, 7]), None, 1.0, None)?;
//! assert!((sum / 2.0 - 10f64.ln()).abs() < 1e-6);
//! # Ok::<(), rarefy_nn::Error>(())
//! ```

mod binary_cross_entropy;
mod cross_entropy;
mod entmax;
mod label_cross_entropy;
mod squared_error;

pub use binary_cross_entropy::BinaryCrossEntropy;
pub use cross_entropy::CrossEntropy;
pub use entmax::SparseProbabilities;
pub use label_cross_entropy::LabelCrossEntropy;
pub use rarefy_core::kernels::loss::Sets;
pub use squared_error::SquaredError;

use crate::optimizer::unknown;
use crate::sample::Sample;
use crate::{Error, Result};
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// What the outputs of a batch should have been.
#[derive(Debug, Clone, Copy)]
pub enum Targets<'a> {
    /// One class a sample, counted from 0.
    Classes(&'a [u32]),
    /// One number an output: `outputs × n`.
    Values(&'a Batch),
    /// Any number of labels a sample, counted from 0.
    Labels(Sets<'a>),
}

/// A loss.
pub trait Loss: Send + Sync + std::fmt::Debug {
    /// Its name in recipes.
    fn name(&self) -> &'static str;

    /// One sentence for help texts.
    fn help(&self) -> &'static str;

    /// The operation that makes answers of the network's outputs, the last node of an artifact's graph; none where the outputs
    /// are the answers.
    fn link(&self) -> Option<Op> {
        None
    }

    /// `Σᵢ wᵢ·lossᵢ` over the samples, and, if wanted, `dz = scale·wᵢ·∂lossᵢ/∂z` with zero padding, whatever shape `dz` had.
    ///
    /// `weights` has one number for each sample (1 each without); a sample of weight 0 takes no part. Outputs that are not
    /// finite give a sum that is not finite.
    ///
    /// # Errors
    /// [`Error::Targets`] when targets or weights do not fit the loss or the outputs; [`Error::Core`] without memory.
    fn evaluate(
        &self,
        z: &Batch,
        targets: &Targets<'_>,
        weights: Option<&[f32]>,
        scale: f32,
        dz: Option<&mut Batch>,
    ) -> Result<f64>;

    /// As [`Loss::evaluate`], `z` having only the outputs of `sample`: an estimate of the loss of all outputs. Targets are
    /// numbers of all outputs, and all of them are in the sample.
    ///
    /// # Errors
    /// As [`Loss::evaluate`]; [`Error::Targets`] for a loss that cannot be estimated so.
    fn evaluate_sample(
        &self,
        _z: &Batch,
        _sample: &Sample,
        _targets: &Targets<'_>,
        _weights: Option<&[f32]>,
        _scale: f32,
        _dz: Option<&mut Batch>,
    ) -> Result<f64> {
        let problem = "cannot be estimated from a sample of the outputs; use cross-entropy or label-cross-entropy, or \
                       `linear` for the last layer";
        Err(Error::Targets { loss: self.name(), problem: problem.to_owned() })
    }

    /// The loss of each sample, unweighted: [`Loss::evaluate`] is their sum, up to rounding.
    ///
    /// # Errors
    /// As [`Loss::evaluate`].
    fn each(&self, z: &Batch, targets: &Targets<'_>) -> Result<Vec<f64>>;
}

/// All losses.
pub fn registry() -> &'static [&'static dyn Loss] {
    &[
        &CrossEntropy,
        &SparseProbabilities::SPARSEMAX,
        &SparseProbabilities::ENTMAX,
        &BinaryCrossEntropy,
        &LabelCrossEntropy,
        &SquaredError,
    ]
}

/// The loss of this name.
///
/// # Errors
/// [`Error::Setting`] listing the names that exist.
pub fn loss(name: &str) -> Result<&'static dyn Loss> {
    registry().iter().find(|loss| loss.name() == name).copied().ok_or_else(|| {
        let names: Vec<&str> = registry().iter().map(|loss| loss.name()).collect();
        unknown("loss", name, &names)
    })
}

/// Gives `dz` the shape of `z`, and checks that there is a weight for each sample.
fn prepare(loss: &dyn Loss, z: &Batch, weights: Option<&[f32]>, dz: Option<&mut Batch>) -> Result<()> {
    if let Some(found) = weights.map(<[f32]>::len).filter(|&found| found != z.len()) {
        return Err(wrong(loss, format!("{found} weights, expected one for each of {} samples", z.len())));
    }
    if let Some(dz) = dz {
        dz.reshape(z.features(), z.len())?;
    }
    Ok(())
}

/// The places of targets in a sample.
fn places(loss: &dyn Loss, sample: &Sample, targets: &[u32]) -> Result<Vec<u32>> {
    let place = |&target| {
        let absent =
            || wrong(loss, format!("target {target} is not in the sample of outputs, expected all targets to be"));
        sample.place(target).ok_or_else(absent)
    };
    targets.iter().map(place).collect()
}

/// The classes, one below `count` for each sample, if that is what the targets are.
fn classes<'a>(loss: &dyn Loss, z: &Batch, targets: &Targets<'a>, count: usize) -> Result<&'a [u32]> {
    let found = match *targets {
        Targets::Classes(classes) => return check_classes(loss, z, classes, count).map(|()| classes),
        Targets::Values(_) => "numbers, expected classes; use squared-error, or name a label column",
        Targets::Labels(_) => "sets of labels, expected classes; use label-cross-entropy",
    };
    Err(wrong(loss, format!("the targets are {found}")))
}

/// Checks that there is a class below `count` for each sample.
fn check_classes(loss: &dyn Loss, z: &Batch, classes: &[u32], count: usize) -> Result<()> {
    if classes.len() != z.len() {
        return Err(wrong(loss, format!("{} classes, expected one for each of {} samples", classes.len(), z.len())));
    }
    match classes.iter().position(|&class| class as usize >= count) {
        Some(at) => {
            let outputs = z.features();
            let problem = format!(
                "sample {at} of the batch has class {}, expected one below {count}; the network has {outputs} output{}",
                classes[at],
                if outputs == 1 { "" } else { "s" },
            );
            Err(wrong(loss, problem))
        }
        None => Ok(()),
    }
}

/// Checks that there is a target for each output of each sample.
fn check_values(loss: &dyn Loss, z: &Batch, values: &Batch) -> Result<()> {
    let (found, expected) = ((values.features(), values.len()), (z.features(), z.len()));
    if found == expected {
        return Ok(());
    }
    let problem = format!(
        "targets of {} values for {} samples, expected {} for {}, as the network's outputs",
        found.0, found.1, expected.0, expected.1
    );
    Err(wrong(loss, problem))
}

/// The error of targets that do not fit.
fn wrong(loss: &dyn Loss, problem: String) -> Error {
    Error::Targets { loss: loss.name(), problem }
}
