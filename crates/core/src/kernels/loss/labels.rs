//! Cross-entropy of sets of labels: every output is yes or no, and few are yes.

use super::check_weights;
use crate::kernels::elementwise::{FLOATS, math};
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::matrix::Batch;
use crate::parallel::{self, Shared};

/// The labels of each sample: those of sample `i` are `indices[indptr[i]..indptr[i + 1]]`, each once.
#[derive(Debug, Clone, Copy)]
pub struct Sets<'a> {
    indptr: &'a [u32],
    indices: &'a [u32],
}

impl<'a> Sets<'a> {
    /// Sets from where each begins, and the end of the last, in `indices`.
    ///
    /// # Panics
    /// Unless `indptr` rises from 0 to the length of `indices`.
    pub fn new(indptr: &'a [u32], indices: &'a [u32]) -> Self {
        let ends = (indptr.first(), indptr.last().map(|&end| end as usize));
        assert!(indptr.is_sorted() && ends == (Some(&0), Some(indices.len())), "where sets begin and end");
        Self { indptr, indices }
    }

    /// Number of samples.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.indptr.len() - 1
    }

    /// The labels of sample `i`.
    pub fn of(&self, i: usize) -> &'a [u32] {
        &self.indices[self.indptr[i] as usize..self.indptr[i + 1] as usize]
    }

    /// The labels of all samples, one sample after the other.
    pub fn all(&self) -> &'a [u32] {
        self.indices
    }
}

/// `Σᵢ wᵢ·(Σ_{j ∉ yᵢ} vⱼ·ln(1 + e^{z[j, i]}) + Σ_{j ∈ yᵢ} ln(1 + e^{−z[j, i]}))`, and its gradient, times `scale`, if wanted.
///
/// `yᵢ` are the labels of sample `i`, and `vⱼ` are the `counts` (1 each without): how many outputs, not among these, output `j`
/// stands for where a sample does not have it. With 1 everywhere it is the sum over outputs of binary cross-entropies.
///
/// # Panics
/// Unless there is a set for each sample with labels below `z.features()`, and counts and weights, if any, for each output and
/// sample; and `dz` has the shape of `z`.
pub fn label_cross_entropy(
    z: &Batch,
    sets: Sets<'_>,
    counts: Option<&[f32]>,
    weights: Option<&[f32]>,
    scale: f32,
    mut dz: Option<&mut Batch>,
) -> f64 {
    let (stride, width, features) = (z.stride(), z.width(), z.features());
    assert_eq!(sets.len(), z.len(), "a set for each sample");
    assert!(sets.all().iter().all(|&j| (j as usize) < features), "a label past the last of {features}");
    assert!(counts.is_none_or(|c| c.len() == features), "a count for each of {features} outputs");
    check_weights(weights, z.len());
    let out = dz.as_deref_mut().map(|dz| {
        assert_eq!((dz.features(), dz.len()), (features, z.len()), "shape of the gradient of a loss");
        Shared::new(dz.data_mut())
    });
    // Padding weighs nothing.
    let mut padded = vec![0.0; width];
    match weights {
        Some(weights) => padded[..z.len()].copy_from_slice(weights),
        None => padded[..z.len()].fill(1.0),
    }
    let chunk = (FLOATS / stride).max(1);
    let mut losses = vec![0.0; features.div_ceil(chunk)];
    let parts = Shared::new(&mut losses);
    parallel::run_chunks(features, chunk, |rows| {
        let task = rows.start / chunk;
        let floats = rows.start * stride..rows.end * stride;
        // SAFETY: tasks own disjoint rows and parts, and the slices outlive the call.
        let (dz, part) = unsafe { (out.as_ref().map(|o| o.range(floats.clone())), parts.range(task..task + 1)) };
        let counts = counts.map(|counts| &counts[rows]);
        part[0] = dispatch(Absent { z: &z.data()[floats], counts, weights: &padded, scale, dz, stride });
    });
    let mut loss: f64 = losses.iter().sum();
    // As if all were absent so far.
    for (i, &weight) in padded[..z.len()].iter().enumerate().filter(|(_, w)| **w != 0.0) {
        for &j in sets.of(i) {
            let j = j as usize;
            let (z, count) = (z.row(j)[i], counts.map_or(1.0, |c| f64::from(c[j])));
            let x = f64::from(z);
            let softplus = x.max(0.0) + (-x.abs()).exp().ln_1p();
            // Written so that no difference of large numbers is taken for a count of 1.
            loss += f64::from(weight) * ((1.0 - count) * softplus - x);
            if let Some(dz) = dz.as_deref_mut() {
                dz.row_mut(j)[i] = scale * weight * -(1.0 / (1.0 + x.exp())) as f32;
            }
        }
    }
    loss
}

/// The rows of one task, every output taken to be absent.
struct Absent<'a> {
    z: &'a [f32],
    counts: Option<&'a [f32]>,
    weights: &'a [f32],
    scale: f32,
    dz: Option<&'a mut [f32]>,
    stride: usize,
}

impl Kernel for Absent<'_> {
    type Output = f64;
    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) -> f64 {
        let width = self.weights.len();
        let mut loss = 0.0;
        for (i, row) in (0..self.z.len()).step_by(self.stride).enumerate() {
            let count = self.counts.map_or(1.0, |counts| counts[i]);
            // SAFETY: the processor has `S`; `width` is a multiple of the lanes and at most `stride`, and every operand has
            // `stride` floats for each row.
            unsafe {
                let (zero, one) = (S::zero(), S::splat(1.0));
                let mut sum = S::zero();
                for at in (0..width).step_by(S::LANES) {
                    let weight = S::mul(S::load(self.weights.as_ptr().add(at)), S::splat(count));
                    let z = S::load(self.z.as_ptr().add(row + at));
                    let e = math::exp::<S>(S::min(S::sub(zero, z), z));
                    let value = S::add(S::max(zero, z), math::ln_1p::<S>(e));
                    sum = S::add(sum, S::if_positive(weight, S::mul(weight, value), zero));
                    if let Some(dz) = &mut self.dz {
                        let logistic = S::div(S::if_positive(z, one, e), S::add(one, e));
                        let slope = S::mul(S::mul(S::splat(self.scale), weight), logistic);
                        S::store(dz.as_mut_ptr().add(row + at), S::if_positive(weight, slope, zero));
                    }
                }
                loss += f64::from(S::sum(sum));
            }
        }
        loss
    }
}
