//! Losses that are a sum over outputs.

use super::check_weights;
use crate::kernels::elementwise::{FLOATS, math};
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::matrix::Batch;
use crate::parallel::{self, Shared};

/// Samples summed in single precision before the sum goes on in double.
const PANEL: usize = 1024;

/// `Σᵢ wᵢ·½‖z[:, i] − t[:, i]‖²`, and `dz = scale·wᵢ·(z − t)` if wanted.
///
/// # Panics
/// Unless `z`, `targets` and `dz` have the same shape and, with `weights`, every sample has one.
pub fn squared_error(z: &Batch, targets: &Batch, weights: Option<&[f32]>, scale: f32, dz: Option<&mut Batch>) -> f64 {
    sum(SquaredError, z, targets, weights, scale, dz)
}

/// `Σᵢ wᵢ·Σⱼ −(t·ln σ(z) + (1 − t)·ln(1 − σ(z)))`, and `dz = scale·wᵢ·(σ(z) − t)` if wanted; `z` are logits, targets lie
/// in `[0, 1]`.
///
/// Computed as `max(z, 0) − z·t + ln(1 + e^{−|z|})`, which neither overflows nor cancels.
///
/// # Panics
/// As [`squared_error`].
pub fn binary_cross_entropy(
    z: &Batch,
    targets: &Batch,
    weights: Option<&[f32]>,
    scale: f32,
    dz: Option<&mut Batch>,
) -> f64 {
    sum(BinaryCrossEntropy, z, targets, weights, scale, dz)
}

/// Loss of one output and its derivative.
trait Pointwise: Copy + Sync {
    /// From output and target to loss and derivative.
    ///
    /// # Safety
    /// The processor has the instruction set of `S`.
    unsafe fn at<S: Simd>(self, z: S::V, t: S::V) -> (S::V, S::V);
}

#[derive(Clone, Copy)]
struct SquaredError;

impl Pointwise for SquaredError {
    #[inline(always)]
    unsafe fn at<S: Simd>(self, z: S::V, t: S::V) -> (S::V, S::V) {
        // SAFETY: the caller's promise.
        unsafe {
            let d = S::sub(z, t);
            (S::mul(S::mul(S::splat(0.5), d), d), d)
        }
    }
}

#[derive(Clone, Copy)]
struct BinaryCrossEntropy;

impl Pointwise for BinaryCrossEntropy {
    #[inline(always)]
    unsafe fn at<S: Simd>(self, z: S::V, t: S::V) -> (S::V, S::V) {
        // SAFETY: the caller's promise.
        unsafe {
            let (zero, one) = (S::zero(), S::splat(1.0));
            // e^{−|z|} is at most 1, whatever the sign of z.
            let e = math::exp::<S>(S::min(S::sub(zero, z), z));
            let positive = S::max(zero, z);
            let loss = S::add(S::sub(positive, S::mul(z, t)), math::ln_1p::<S>(e));
            let logistic = S::div(S::if_positive(z, one, e), S::add(one, e));
            (loss, S::sub(logistic, t))
        }
    }
}

fn sum<F: Pointwise>(
    formula: F,
    z: &Batch,
    targets: &Batch,
    weights: Option<&[f32]>,
    scale: f32,
    dz: Option<&mut Batch>,
) -> f64 {
    assert_eq!((targets.features(), targets.len()), (z.features(), z.len()), "shapes of outputs and targets");
    check_weights(weights, z.len());
    let (stride, width) = (z.stride(), z.width());
    let out = dz.map(|dz| {
        assert_eq!((dz.features(), dz.len()), (z.features(), z.len()), "shape of the gradient of a loss");
        Shared::new(dz.data_mut())
    });
    // Padding weighs nothing.
    let mut padded = vec![0.0; width];
    match weights {
        Some(weights) => padded[..z.len()].copy_from_slice(weights),
        None => padded[..z.len()].fill(1.0),
    }
    let chunk = (FLOATS / stride).max(1);
    let mut losses = vec![0.0; z.features().div_ceil(chunk)];
    let parts = Shared::new(&mut losses);
    parallel::run_chunks(z.features(), chunk, |rows| {
        let task = rows.start / chunk;
        let floats = rows.start * stride..rows.end * stride;
        // SAFETY: tasks own disjoint rows and parts, and the slices outlive the call.
        let (dz, part) = unsafe { (out.as_ref().map(|o| o.range(floats.clone())), parts.range(task..task + 1)) };
        let (z, targets) = (&z.data()[floats.clone()], &targets.data()[floats]);
        part[0] = dispatch(Rows { formula, z, targets, weights: &padded, scale, dz, stride });
    });
    losses.iter().sum()
}

/// The rows of one task; `weights` has one number for each column.
struct Rows<'a, F> {
    formula: F,
    z: &'a [f32],
    targets: &'a [f32],
    weights: &'a [f32],
    scale: f32,
    dz: Option<&'a mut [f32]>,
    stride: usize,
}

impl<F: Pointwise> Kernel for Rows<'_, F> {
    type Output = f64;
    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) -> f64 {
        let width = self.weights.len();
        let mut loss = 0.0;
        for row in (0..self.z.len()).step_by(self.stride) {
            for first in (0..width).step_by(PANEL) {
                // SAFETY: the processor has `S`; `width` is a multiple of the lanes and at most `stride`, and every operand
                // has `stride` floats for each row.
                unsafe {
                    let mut sum = S::zero();
                    for at in (first..(first + PANEL).min(width)).step_by(S::LANES) {
                        let weight = S::load(self.weights.as_ptr().add(at));
                        let z = S::load(self.z.as_ptr().add(row + at));
                        let t = S::load(self.targets.as_ptr().add(row + at));
                        let (value, slope) = self.formula.at::<S>(z, t);
                        sum = S::add(sum, S::if_positive(weight, S::mul(weight, value), S::zero()));
                        if let Some(dz) = &mut self.dz {
                            let slope = S::mul(S::mul(S::splat(self.scale), weight), slope);
                            S::store(dz.as_mut_ptr().add(row + at), S::if_positive(weight, slope, S::zero()));
                        }
                    }
                    loss += f64::from(S::sum(sum));
                }
            }
        }
        loss
    }
}
