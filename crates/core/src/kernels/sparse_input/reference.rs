//! The loops as one would write them on paper; the fast kernels are compared with these.

use super::{SparseBatch, column};
use crate::kernels::sparse_dense::TwoWay;
use crate::matrix::Batch;

/// `y = W x`; see [`forward`](super::forward()).
pub fn forward(weight: &TwoWay, values: &[f32], x: &SparseBatch, y: &mut Batch) {
    for i in 0..weight.rows() {
        y.row_mut(i).fill(0.0);
    }
    for s in 0..x.len() {
        let (features, inputs) = x.sample(s);
        for (&j, &input) in features.iter().zip(inputs) {
            for k in column(weight, j) {
                y.row_mut(weight.row_idx()[k] as usize)[s] += values[k] * input;
            }
        }
    }
}

/// `gradient[k] = Σ_s dy[i, s] · x[j, s]` for the entry `k = (i, j)`; see [`backward`](super::backward()).
pub fn backward(weight: &TwoWay, x: &SparseBatch, dy: &Batch, gradient: &mut [f32]) {
    gradient.fill(0.0);
    for (a, &j) in x.active().iter().enumerate() {
        let (samples, inputs) = x.feature(a);
        for k in column(weight, j) {
            let dy = dy.row(weight.row_idx()[k] as usize);
            gradient[k] = samples.iter().zip(inputs).map(|(&s, &input)| dy[s as usize] * input).sum();
        }
    }
}
