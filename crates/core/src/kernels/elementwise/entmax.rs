//! Probabilities with exact zeros: sparsemax and 1.5-entmax over the features of each sample.
//!
//! Both solve `max_p pᵀz + H(p)` over the simplex, and are a threshold `τ` on the features of a sample:
//!
//! * sparsemax (Martins and Astudillo, *From softmax to sparsemax*, 2016): `H = ½(1 − Σ p²)`, `p = max(z − τ, 0)`;
//! * 1.5-entmax (Peters, Niculae and Martins, *Sparse sequence-to-sequence models*, 2019): `H = (4/3)(1 − Σ p^1.5)`,
//!   `p = max(z/2 − τ, 0)²`.
//!
//! `τ` lies less than 1 below the largest feature: only those above that are sorted, so a sample costs one pass over its
//! features and a sort of few.

use crate::kernels::samples::{per_sample, rows};
use crate::matrix::Batch;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entmax {
    /// `p = max(z − τ, 0)`.
    Sparsemax,
    /// `p = max(z/2 − τ, 0)²`.
    OneAndAHalf,
}

/// What makes probabilities of one sample's features: its largest, and the threshold below it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Threshold {
    largest: f32,
    below: f32,
}

impl Entmax {
    /// The threshold of one sample; not a number if one of the features is none or is infinite.
    pub fn threshold(self, z: &[f32]) -> Threshold {
        let largest = z.iter().fold(f32::NEG_INFINITY, |m, &x| if x <= m { m } else { x });
        let mut near: Vec<f64> = z.iter().map(|&z| self.inner(z, largest)).filter(|&u| u > -1.0).collect();
        if !largest.is_finite() || z.iter().any(|z| z.is_nan()) {
            return Threshold { largest, below: f32::NAN };
        }
        near.sort_unstable_by(|a, b| b.total_cmp(a));
        let (mut sum, mut squares, mut below) = (0.0, 0.0, -1.0);
        for (&u, n) in near.iter().zip(1u32..) {
            let n = f64::from(n);
            sum += u;
            squares += u * u;
            let next = match self {
                Self::Sparsemax => (sum - 1.0) / n,
                Self::OneAndAHalf => {
                    // n times the variance; past 1, no threshold gives a sum of 1.
                    let spread = squares - sum * sum / n;
                    if spread > 1.0 {
                        break;
                    }
                    sum / n - ((1.0 - spread) / n).sqrt()
                }
            };
            if next > u {
                break;
            }
            below = next;
        }
        Threshold { largest, below: below as f32 }
    }

    /// A feature as the threshold sees it.
    fn inner(self, z: f32, largest: f32) -> f64 {
        let u = f64::from(z) - f64::from(largest);
        if self == Self::Sparsemax { u } else { u / 2.0 }
    }

    /// The probability of a feature.
    #[inline(always)]
    pub fn probability(self, z: f32, at: Threshold) -> f32 {
        let u = z - at.largest;
        let over = if self == Self::Sparsemax { u } else { 0.5 * u } - at.below;
        match self {
            // What is not a number stays so.
            _ if over <= 0.0 => 0.0,
            Self::Sparsemax => over,
            Self::OneAndAHalf => over * over,
        }
    }

    /// How much a feature's probability gives way: `p` is differentiated by `diag(s) − s·sᵀ/Σ s`.
    #[inline(always)]
    fn slope(self, p: f32) -> f32 {
        match self {
            Self::Sparsemax if p > 0.0 => 1.0,
            Self::Sparsemax => 0.0,
            Self::OneAndAHalf => p.sqrt(),
        }
    }
}

/// `y ←` the probabilities of each sample.
pub fn entmax(kind: Entmax, y: &mut Batch) {
    let thresholds = per_sample(y, |_, column| kind.threshold(column));
    rows(y, |_, row| {
        row.iter_mut().zip(&thresholds).for_each(|(y, &at)| *y = kind.probability(*y, at));
    });
}

/// `dy ← s·(dy − Σ s·dy / Σ s)`, where `s` is 1 (sparsemax) or `√y` (1.5-entmax) on the nonzeros of `y`, the output of
/// [`entmax`].
///
/// # Panics
/// Unless both have the same shape.
pub fn entmax_backward(kind: Entmax, y: &Batch, dy: &mut Batch) {
    assert_eq!((y.features(), y.len()), (dy.features(), dy.len()), "shapes of element-wise operands");
    let mut sums = vec![[0.0f32; 2]; y.len()];
    for j in 0..y.features() {
        for (sums, (&y, &dy)) in sums.iter_mut().zip(y.row(j).iter().zip(dy.row(j))) {
            let slope = kind.slope(y);
            sums[0] += slope * dy;
            sums[1] += slope;
        }
    }
    rows(dy, |j, row| {
        for ((dy, &y), &[along, all]) in row.iter_mut().zip(y.row(j)).zip(&sums) {
            let slope = kind.slope(y);
            *dy = if slope == 0.0 { 0.0 } else { slope * (*dy - along / all) };
        }
    });
}
