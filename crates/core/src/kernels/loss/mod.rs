//! Losses of a batch and their gradients.
//!
//! `z` is `outputs × n`; `wᵢ` is the weight of sample `i` (1 without weights). Each function returns the *sum* over the samples,
//! and writes `dz` = `scale` times its gradient if it is wanted; a trainer divides by the sum of the weights, through `scale`.
//! The padding of `dz` is zero. A sample of weight zero takes no part.
//!
//! * [`softmax_cross_entropy`]: `Σᵢ wᵢ·(ln Σⱼ e^{z[j, i]} − z[yᵢ, i])`; gradient `wᵢ·(softmax(z) − onehot(yᵢ))`
//! * [`squared_error`]: `Σᵢ wᵢ·½‖z[:, i] − t[:, i]‖²`; gradient `wᵢ·(z − t)`
//! * [`binary_cross_entropy`]: `Σᵢ wᵢ·Σⱼ (max(z, 0) − z·t + ln(1 + e^{−|z|}))`; gradient `wᵢ·(σ(z) − t)`
//! * [`label_cross_entropy`]: binary cross-entropies summed over outputs, the targets being sets of labels
//! * [`entmax_loss`]: `Σᵢ wᵢ·(pᵀz + H(p) − z[yᵢ, i])` with the sparse probabilities `p` of
//!   [`Entmax`](super::elementwise::Entmax) and their entropy `H`; gradient `wᵢ·(p − onehot(yᵢ))`
//!
//! [`argmax`] is the class that a sample is given, [`largest`] are the few labels that it is given first, [`per_sample`] computes
//! anything that looks at all outputs of a sample.
//! Cost: one pass for squared error and binary cross-entropy, three for the others.

mod argmax;
mod cross_entropy;
mod entmax;
mod labels;
mod largest;
mod pointwise;
pub mod reference;
#[cfg(test)]
mod tests;

pub use super::samples::per_sample;
pub use argmax::argmax;
pub use cross_entropy::softmax_cross_entropy;
pub use entmax::{entmax_loss, entmax_losses};
pub use labels::{Sets, label_cross_entropy};
pub use largest::largest;
pub use pointwise::{binary_cross_entropy, squared_error};

/// # Panics
/// Unless there is a weight for each of `len` samples, or none at all.
fn check_weights(weights: Option<&[f32]>, len: usize) {
    assert!(weights.is_none_or(|w| w.len() == len), "a weight for each of {len} samples");
}
