//! The loops as one would write them on paper; the fast kernels are compared with these.
#![allow(clippy::needless_range_loop, reason = "the indices are those of the formula")]

use super::TwoWay;
use crate::matrix::Batch;

/// `y = W x`; see [`forward`](super::forward()).
pub fn forward(weight: &TwoWay, values: &[f32], x: &Batch, y: &mut Batch) {
    for i in 0..weight.rows() {
        y.row_mut(i).fill(0.0);
    }
    for j in 0..weight.cols() {
        for k in weight.col_ptr[j] as usize..weight.col_ptr[j + 1] as usize {
            for s in 0..x.len() {
                y.row_mut(weight.row_idx[k] as usize)[s] += values[k] * x.row(j)[s];
            }
        }
    }
}

/// `dx = Wᵀ dy`, and `gradient[k] = Σ_s dy[i, s] · x[j, s]` for the entry `k = (i, j)`; see [`backward`](super::backward()).
pub fn backward(weight: &TwoWay, values: &[f32], x: &Batch, dy: &Batch, dx: Option<&mut Batch>, gradient: &mut [f32]) {
    for j in 0..weight.cols() {
        for k in weight.col_ptr[j] as usize..weight.col_ptr[j + 1] as usize {
            let dy = dy.row(weight.row_idx[k] as usize);
            gradient[k] = x.row(j).iter().zip(dy).map(|(a, b)| a * b).sum();
        }
    }
    let Some(dx) = dx else { return };
    for j in 0..weight.cols() {
        dx.row_mut(j).fill(0.0);
        for k in weight.col_ptr[j] as usize..weight.col_ptr[j + 1] as usize {
            let dy = dy.row(weight.row_idx[k] as usize);
            dx.row_mut(j).iter_mut().zip(dy).for_each(|(d, g)| *d += values[k] * g);
        }
    }
}
