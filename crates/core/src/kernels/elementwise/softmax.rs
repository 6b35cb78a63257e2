//! Softmax over the features of each sample.

use super::{math, samples_per_task};
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::matrix::Batch;
use crate::parallel::{self, Shared};

/// `y[j, s] ← e^{y[j, s] − m} / Σ_i e^{y[i, s] − m}`, `m` being the largest of the sample, which keeps every term finite.
pub fn softmax(y: &mut Batch) {
    let (features, stride, width) = (y.features(), y.stride(), y.width());
    let out = Shared::new(y.data_mut());
    parallel::run_chunks(width, samples_per_task(features), |samples| {
        dispatch(Forward { y: out.pointer(), features, stride, samples });
    });
}

/// `dy ← y·(dy − Σ_i y[i, s]·dy[i, s])`; `y` is the output of [`softmax`].
///
/// # Panics
/// Unless both have the same shape.
pub fn softmax_backward(y: &Batch, dy: &mut Batch) {
    assert_eq!((y.features(), y.len()), (dy.features(), dy.len()), "shapes of element-wise operands");
    let out = Shared::new(dy.data_mut());
    parallel::run_chunks(y.width(), samples_per_task(y.features()), |samples| {
        dispatch(Backward { y, dy: out.pointer(), samples });
    });
}

/// All features of some samples; `samples` begins and ends on a multiple of 16.
struct Forward {
    y: *mut f32,
    features: usize,
    stride: usize,
    samples: std::ops::Range<usize>,
}

impl Kernel for Forward {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { y, features, stride, samples } = self;
        for at in samples.step_by(S::LANES) {
            // SAFETY: the processor has `S`; `at + LANES ≤ width ≤ stride`, the batch has `features` rows, and no other task
            // touches these columns.
            unsafe {
                let row = |j: usize| y.add(j * stride + at);
                let mut largest = S::splat(f32::NEG_INFINITY);
                for j in 0..features {
                    largest = S::max(largest, S::load(row(j)));
                }
                let mut sum = S::zero();
                for j in 0..features {
                    let e = math::exp::<S>(S::sub(S::load(row(j)), largest));
                    sum = S::add(sum, e);
                    S::store(row(j), e);
                }
                let factor = S::div(S::splat(1.0), sum);
                for j in 0..features {
                    S::store(row(j), S::mul(S::load(row(j)), factor));
                }
            }
        }
    }
}

/// All features of some samples; `samples` begins and ends on a multiple of 16.
struct Backward<'a> {
    y: &'a Batch,
    dy: *mut f32,
    samples: std::ops::Range<usize>,
}

impl Kernel for Backward<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { y, dy, samples } = self;
        let stride = y.stride();
        for at in samples.step_by(S::LANES) {
            // SAFETY: as in `Forward`; `y` and `dy` have the same shape.
            unsafe {
                let (y, dy) = (y.data().as_ptr().add(at), dy.add(at));
                let mut dot = S::zero();
                for j in 0..self.y.features() {
                    dot = S::fma(S::load(y.add(j * stride)), S::load(dy.add(j * stride)), dot);
                }
                for j in 0..self.y.features() {
                    let to = dy.add(j * stride);
                    S::store(to, S::mul(S::load(y.add(j * stride)), S::sub(S::load(to), dot)));
                }
            }
        }
    }
}
