//! One pass over the rows of a batch, whatever the formula.

use super::FLOATS;
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::matrix::Batch;
use crate::parallel::{self, Shared};

/// What becomes of one vector of the output, given what it held and `M` vectors of other batches.
pub(super) trait Formula<const M: usize>: Copy + Sync {
    /// The new vector. `row` is the coefficient of the feature in every lane.
    ///
    /// # Safety
    /// The processor has the instruction set of `S`.
    unsafe fn at<S: Simd>(self, row: S::V, out: S::V, others: [S::V; M]) -> S::V;
}

/// Replaces every vector of `out` by what `formula` makes of it, padding included.
///
/// `coefficients` has one number for each feature, or none; `sums`, if wanted, receives the sum of each new row.
///
/// # Panics
/// Unless all batches have the same shape, and arrays one number for each feature.
pub(super) fn each<const M: usize, F: Formula<M>>(
    formula: F,
    coefficients: &[f32],
    out: &mut Batch,
    others: [&Batch; M],
    sums: Option<&mut [f32]>,
) {
    let (features, len, stride, width) = (out.features(), out.len(), out.stride(), out.width());
    for other in others {
        assert_eq!((other.features(), other.len()), (features, len), "shapes of element-wise operands");
    }
    assert!(coefficients.is_empty() || coefficients.len() == features, "a coefficient for each of {features} features");
    assert!(sums.as_ref().is_none_or(|s| s.len() == features), "a sum for each of {features} features");
    let out = Shared::new(out.data_mut());
    let sums = sums.map(Shared::new);
    parallel::run_chunks(features, (FLOATS / stride).max(1), |rows| {
        let floats = rows.start * stride..rows.end * stride;
        // SAFETY: tasks own disjoint rows, and the slices outlive the call.
        let (out, sums) = unsafe { (out.range(floats.clone()), sums.as_ref().map(|s| s.range(rows.clone()))) };
        let others = others.map(|o| &o.data()[floats.clone()]);
        let coefficients = coefficients.get(rows).unwrap_or(&[]);
        dispatch(Rows { formula, coefficients, out, others, sums, stride, width });
    });
}

/// The rows of one task.
struct Rows<'a, F, const M: usize> {
    formula: F,
    coefficients: &'a [f32],
    out: &'a mut [f32],
    others: [&'a [f32]; M],
    sums: Option<&'a mut [f32]>,
    stride: usize,
    width: usize,
}

impl<const M: usize, F: Formula<M>> Kernel for Rows<'_, F, M> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { formula, coefficients, out, others, mut sums, stride, width } = self;
        for (i, row) in out.chunks_exact_mut(stride).enumerate() {
            // SAFETY: the processor has `S`; `width` is a multiple of the lanes and at most `stride`, and every operand has
            // `stride` floats for each row.
            unsafe {
                let coefficient = S::splat(coefficients.get(i).copied().unwrap_or(0.0));
                let mut sum = S::zero();
                for at in (0..width).step_by(S::LANES) {
                    let to = row.as_mut_ptr().add(at);
                    let mut vectors = [S::zero(); M];
                    for m in 0..M {
                        vectors[m] = S::load(others[m].as_ptr().add(i * stride + at));
                    }
                    let new = formula.at::<S>(coefficient, S::load(to), vectors);
                    S::store(to, new);
                    sum = S::add(sum, new);
                }
                if let Some(sums) = &mut sums {
                    sums[i] = S::sum(sum);
                }
            }
        }
    }
}
