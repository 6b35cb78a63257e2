//! Work on plain arrays: what clipping a gradient by its norm needs.

use super::FLOATS;
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::parallel::{self, Shared};

/// `x ← factor·x`.
pub fn scale(x: &mut [f32], factor: f32) {
    let len = x.len();
    let x = Shared::new(x);
    parallel::run_chunks(len, FLOATS, |range| {
        // SAFETY: chunks are disjoint, and the slice outlives the call.
        dispatch(Scale { x: unsafe { x.range(range) }, factor });
    });
}

struct Scale<'a> {
    x: &'a mut [f32],
    factor: f32,
}

impl Kernel for Scale<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // The compiler turns this into vectors of `S`.
        self.x.iter_mut().for_each(|x| *x *= self.factor);
    }
}

/// `Σ x²` in double precision, chunk by chunk and lane by lane, always in the same order.
pub fn sum_of_squares(x: &[f32]) -> f64 {
    let mut parts = vec![0.0; x.len().div_ceil(FLOATS)];
    let out = Shared::new(&mut parts);
    parallel::run(x.len().div_ceil(FLOATS), |task| {
        let chunk = &x[task * FLOATS..((task + 1) * FLOATS).min(x.len())];
        // SAFETY: tasks own disjoint parts, and the vector outlives the call.
        unsafe { out.range(task..task + 1)[0] = dispatch(Squares(chunk)) };
    });
    parts.iter().sum()
}

struct Squares<'a>(&'a [f32]);

impl Kernel for Squares<'_> {
    type Output = f64;
    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> f64 {
        let mut sums = [0.0f64; 16];
        let (whole, rest) = self.0.as_chunks::<16>();
        for x in whole {
            for (sum, &x) in sums.iter_mut().zip(x) {
                *sum += f64::from(x) * f64::from(x);
            }
        }
        for (sum, &x) in sums.iter_mut().zip(rest) {
            *sum += f64::from(x) * f64::from(x);
        }
        sums.iter().sum()
    }
}
