//! The loops as one would write them on paper; the fast kernels are compared with these.

use super::Factors;
use crate::matrix::{Batch, DenseView};

/// `out[j, s] = factor[j] · data[rows[s], j]`; see [`dense`](super::dense()).
pub fn gather<T: Copy + Into<f32>>(data: DenseView<'_, T>, rows: &[u32], factors: Factors<'_>, out: &mut Batch) {
    for (s, &row) in rows.iter().enumerate() {
        for (j, &x) in data.row(row as usize).iter().enumerate() {
            out.row_mut(j)[s] = factors.of(j) * x.into();
        }
    }
}

/// `out[s · features + j] = batch[j, s]`; see [`transpose_out`](super::transpose_out).
pub fn transpose_out(batch: &Batch, out: &mut [f32]) {
    for j in 0..batch.features() {
        for (s, &x) in batch.row(j).iter().enumerate() {
            out[s * batch.features() + j] = x;
        }
    }
}
