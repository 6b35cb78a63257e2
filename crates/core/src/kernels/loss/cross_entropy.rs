//! Softmax and cross-entropy in one.

use super::check_weights;
use crate::kernels::elementwise::{math, samples_per_task};
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::matrix::Batch;
use crate::parallel::{self, Shared};

/// `Σᵢ wᵢ·(ln Σⱼ e^{z[j, i]} − z[yᵢ, i])`, and `dz = scale·wᵢ·(softmax(z) − onehot(yᵢ))` if wanted.
///
/// The largest logit of a sample is taken out of the exponentials, so that any finite `z` gives a finite loss.
///
/// # Panics
/// Unless every sample has a class below `z.features()` and, with `weights`, a weight; and `dz` has the shape of `z`.
pub fn softmax_cross_entropy(
    z: &Batch,
    classes: &[u32],
    weights: Option<&[f32]>,
    scale: f32,
    dz: Option<&mut Batch>,
) -> f64 {
    assert_eq!(classes.len(), z.len(), "a class for each sample");
    assert!(classes.iter().all(|&c| (c as usize) < z.features()), "a class past the last of {}", z.features());
    check_weights(weights, z.len());
    let out = dz.map(|dz| {
        assert_eq!((dz.features(), dz.len()), (z.features(), z.len()), "shape of the gradient of a loss");
        Shared::new(dz.data_mut())
    });
    let chunk = samples_per_task(z.features());
    let mut losses = vec![0.0; z.width().div_ceil(chunk)];
    let parts = Shared::new(&mut losses);
    parallel::run_chunks(z.width(), chunk, |samples| {
        let task = samples.start / chunk;
        let dz = out.as_ref().map(Shared::pointer);
        // SAFETY: tasks own disjoint parts, and the vector outlives the call.
        unsafe { parts.range(task..task + 1)[0] = dispatch(CrossEntropy { z, classes, weights, scale, dz, samples }) };
    });
    losses.iter().sum()
}

/// Some samples; `samples` begins and ends on a multiple of 16.
struct CrossEntropy<'a> {
    z: &'a Batch,
    classes: &'a [u32],
    weights: Option<&'a [f32]>,
    scale: f32,
    dz: Option<*mut f32>,
    samples: std::ops::Range<usize>,
}

impl Kernel for CrossEntropy<'_> {
    type Output = f64;
    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> f64 {
        let Self { z, classes, weights, scale, dz, samples } = self;
        let (features, stride) = (z.features(), z.stride());
        let mut loss = 0.0;
        for at in samples.step_by(S::LANES) {
            // SAFETY: the processor has `S`; `at + LANES ≤ width ≤ stride`, the batches have `features` rows, classes are
            // below `features`, and no other task touches these columns of `dz`.
            unsafe {
                let row = |j: usize| z.data().as_ptr().add(j * stride + at);
                let mut largest = S::splat(f32::NEG_INFINITY);
                for j in 0..features {
                    largest = S::max(largest, S::load(row(j)));
                }
                let mut sum = S::zero();
                for j in 0..features {
                    let e = math::exp::<S>(S::sub(S::load(row(j)), largest));
                    sum = S::add(sum, e);
                    if let Some(dz) = dz {
                        S::store(dz.add(j * stride + at), e);
                    }
                }
                // Lanes past the last sample keep a factor of zero, and so does a sample of weight zero.
                let (mut tops, mut sums, mut factors) = ([0.0; 16], [0.0; 16], [0.0; 16]);
                S::store(tops.as_mut_ptr(), largest);
                S::store(sums.as_mut_ptr(), sum);
                let real = at..(at + S::LANES).min(z.len());
                let weight = |s: usize| weights.map_or(1.0, |w| w[s]);
                for s in real.clone().filter(|&s| weight(s) != 0.0) {
                    let (top, sum) = (f64::from(tops[s - at]), f64::from(sums[s - at]));
                    let chosen = f64::from(*row(classes[s] as usize).add(s - at));
                    loss += f64::from(weight(s)) * (top + sum.ln() - chosen);
                    factors[s - at] = scale * weight(s) / sums[s - at];
                }
                if let Some(dz) = dz {
                    let factors = S::load(factors.as_ptr());
                    for j in 0..features {
                        let to = dz.add(j * stride + at);
                        S::store(to, S::mul(factors, S::load(to)));
                    }
                    for s in real {
                        *dz.add(classes[s] as usize * stride + s) -= scale * weight(s);
                    }
                }
            }
        }
        loss
    }
}
