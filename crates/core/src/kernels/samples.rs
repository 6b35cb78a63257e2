//! Work that looks at all features of a sample, where a row holds a feature.
//!
//! Sixteen samples, a cache line of each row, are brought together at a time; what was found out about each sample then meets
//! the rows again in [`rows`].

use crate::matrix::Batch;
use crate::parallel::{self, Shared};

/// Samples brought together at a time: a cache line.
const LINE: usize = 16;

/// What `body` finds out about each sample, from its number and its features; on all threads, in the order of the samples.
/// `body` may use the features as scratch. Of a batch without features, the default.
pub fn per_sample<T: Clone + Default + Send>(z: &Batch, body: impl Fn(usize, &mut [f32]) -> T + Sync) -> Vec<T> {
    let (features, len, stride) = (z.features(), z.len(), z.stride());
    let mut found = vec![T::default(); len];
    if features == 0 {
        return found;
    }
    let shared = Shared::new(&mut found);
    parallel::run_chunks(len, LINE, |samples| {
        let mut columns = vec![0.0; samples.len() * features];
        for (j, row) in z.data().chunks_exact(stride).enumerate() {
            for (column, &x) in columns[j..].iter_mut().step_by(features).zip(&row[samples.clone()]) {
                *column = x;
            }
        }
        // SAFETY: tasks own disjoint samples, and the vector outlives the call.
        let found = unsafe { shared.range(samples.clone()) };
        for (s, (found, column)) in samples.zip(found.iter_mut().zip(columns.chunks_exact_mut(features))) {
            *found = body(s, column);
        }
    });
    found
}

/// Calls `body` with the number of each feature and its samples, padding left out, on all threads.
pub(super) fn rows(y: &mut Batch, body: impl Fn(usize, &mut [f32]) + Sync) {
    let (features, len, stride) = (y.features(), y.len(), y.stride());
    let shared = Shared::new(y.data_mut());
    parallel::run_chunks(features, (super::elementwise::FLOATS / stride).max(1), |rows| {
        for j in rows {
            // SAFETY: tasks own disjoint rows, and the batch outlives the call.
            body(j, unsafe { shared.range(j * stride..j * stride + len) });
        }
    });
}
