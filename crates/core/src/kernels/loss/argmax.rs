//! The class that a sample is given.

use crate::kernels::elementwise::samples_per_task;
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::matrix::Batch;
use crate::parallel::{self, Shared};

/// Samples looked at together.
const LINE: usize = 16;

/// `out[i]`: the feature that is largest in sample `i`, the first of equals. What is not a number never wins: a sample of
/// nothing else is given 0.
///
/// # Panics
/// Unless `out` has one number for each sample.
pub fn argmax(z: &Batch, out: &mut [u32]) {
    assert_eq!(out.len(), z.len(), "a class for each sample");
    let out = Shared::new(out);
    parallel::run_chunks(z.len(), samples_per_task(z.features()), |samples| {
        // SAFETY: tasks own disjoint samples, and the slice outlives the call.
        dispatch(Largest { z, first: samples.start, out: unsafe { out.range(samples) } });
    });
}

/// Samples from `first` on, a multiple of 16.
struct Largest<'a> {
    z: &'a Batch,
    first: usize,
    out: &'a mut [u32],
}

impl Kernel for Largest<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // Plain loops over 16 lanes, which the compiler turns into vectors of `S`.
        for (line, out) in self.out.chunks_mut(LINE).enumerate() {
            let at = self.first + line * LINE;
            let (mut best, mut class) = ([f32::NAN; LINE], [0u32; LINE]);
            for (j, row) in self.z.data().chunks_exact(self.z.stride()).enumerate() {
                let row = &row[at..at + LINE];
                for lane in 0..LINE {
                    let wins = (row[lane] > best[lane]) | (best[lane].is_nan() & !row[lane].is_nan());
                    best[lane] = if wins { row[lane] } else { best[lane] };
                    class[lane] = if wins { j as u32 } else { class[lane] };
                }
            }
            out.copy_from_slice(&class[..out.len()]);
        }
    }
}
