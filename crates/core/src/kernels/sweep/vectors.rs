//! Updates of vectors of one length, cut into chunks that all threads share.

use crate::parallel::{Shared, run};
use std::ops::Range;

/// Numbers in a chunk: a few vectors of it stay in the second-level cache.
const CHUNK: usize = 1 << 14;

/// Calls `body` with the same chunk of each vector, and with its place, and adds up what it returns, in order: the number of threads does not
/// change a bit.
///
/// ```
/// use rarefy_core::kernels::sweep::{each, square};
/// let (mut x, mut p) = ([1.0, 2.0], [3.0, 4.0]);
/// let length = each([&mut x, &mut p], |[x, p], _| {
///     x.iter_mut().zip(p).for_each(|(x, p)| *x += *p);
///     square(x)
/// });
/// assert_eq!((x, length), ([4.0, 6.0], 52.0));
/// ```
///
/// # Panics
/// When vectors are of different lengths.
pub fn each<const N: usize>(
    vectors: [&mut [f64]; N],
    body: impl Fn([&mut [f64]; N], Range<usize>) -> f64 + Sync,
) -> f64 {
    let len = vectors.first().map_or(0, |v| v.len());
    assert!(vectors.iter().all(|v| v.len() == len), "vectors of different lengths");
    let shared = vectors.map(Shared::new);
    let mut sums = vec![0.0; len.div_ceil(CHUNK)];
    let (tasks, shared_sums) = (sums.len(), Shared::new(&mut sums));
    run(tasks, |task| {
        let range = task * CHUNK..((task + 1) * CHUNK).min(len);
        // SAFETY: chunks are disjoint, vectors are different borrows, and all outlive `run`.
        let parts = std::array::from_fn(|k| unsafe { shared[k].range(range.clone()) });
        let sum = body(parts, range);
        // SAFETY: each task has a sum of its own, and `sums` outlives `run`.
        unsafe { shared_sums.range(task..task + 1).copy_from_slice(&[sum]) };
    });
    sums.iter().sum()
}

/// `‖x‖²`, in eight sums that the processor adds side by side.
pub fn square(x: &[f64]) -> f64 {
    let (eights, rest) = x.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        for lane in 0..8 {
            sums[lane] += eight[lane] * eight[lane];
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|x| x * x).sum::<f64>()
}
