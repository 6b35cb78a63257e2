//! Losses whose answers have exact zeros.

use super::check_weights;
use crate::kernels::elementwise::Entmax;
use crate::kernels::samples::{per_sample, rows};
use crate::matrix::Batch;

/// The loss of each sample: `pᵀz + H(p) − z_y` with the probabilities `p` and the entropy `H` of `kind`.
///
/// # Panics
/// Unless every sample has a class below `z.features()`.
pub fn entmax_losses(kind: Entmax, z: &Batch, classes: &[u32]) -> Vec<f64> {
    assert_eq!(classes.len(), z.len(), "a class for each sample");
    per_sample(z, |s, column| {
        let at = kind.threshold(column);
        let right = f64::from(column[classes[s] as usize]);
        let (mut along, mut entropy) = (0.0, 0.0);
        for &z in &*column {
            let p = f64::from(kind.probability(z, at));
            if p != 0.0 {
                along += p * (f64::from(z) - right);
                entropy += match kind {
                    Entmax::Sparsemax => 0.5 * p * (1.0 - p),
                    Entmax::OneAndAHalf => 4.0 / 3.0 * p * (1.0 - p.sqrt()),
                };
            }
        }
        along + entropy
    })
}

/// `Σᵢ wᵢ·lossᵢ` of [`entmax_losses`], and `dz = scale·wᵢ·(p − onehot(yᵢ))` if wanted.
///
/// # Panics
/// Unless every sample has a class below `z.features()` and, with `weights`, a weight; and `dz` has the shape of `z`.
pub fn entmax_loss(
    kind: Entmax,
    z: &Batch,
    classes: &[u32],
    weights: Option<&[f32]>,
    scale: f32,
    dz: Option<&mut Batch>,
) -> f64 {
    check_weights(weights, z.len());
    let weight = |s: usize| weights.map_or(1.0, |w| w[s]);
    if let Some(dz) = dz {
        assert_eq!((dz.features(), dz.len()), (z.features(), z.len()), "shape of the gradient of a loss");
        let thresholds = per_sample(z, |_, column| kind.threshold(column));
        dz.data_mut().fill(0.0);
        rows(dz, |j, row| {
            for (s, (dz, &z)) in row.iter_mut().zip(z.row(j)).enumerate() {
                let right = if classes[s] as usize == j { 1.0 } else { 0.0 };
                if weight(s) != 0.0 {
                    *dz = scale * weight(s) * (kind.probability(z, thresholds[s]) - right);
                }
            }
        });
    }
    let losses = entmax_losses(kind, z, classes);
    losses.iter().enumerate().filter(|&(s, _)| weight(s) != 0.0).map(|(s, loss)| f64::from(weight(s)) * loss).sum()
}
