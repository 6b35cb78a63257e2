//! Softmax over the features of each sample.

use rarefy_core::matrix::Batch;

use super::Operator;

pub const KIND: &str = "softmax";

/// `y_j = exp(x_j − m) / Σ_k exp(x_k − m)` with `m = max_k x_k`, which keeps `exp` from overflowing.
pub struct Softmax;

impl Operator for Softmax {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn outputs(&self, inputs: usize) -> std::result::Result<usize, String> {
        Ok(inputs)
    }

    fn run(&self, x: &Batch, y: &mut Batch) {
        let mut largest = vec![f32::NEG_INFINITY; x.len()];
        for j in 0..x.features() {
            for (m, &x) in largest.iter_mut().zip(x.row(j)) {
                *m = m.max(x);
            }
        }
        let mut sum = vec![0.0; x.len()];
        for j in 0..x.features() {
            for (((y, &x), m), sum) in y.row_mut(j).iter_mut().zip(x.row(j)).zip(&largest).zip(&mut sum) {
                *y = (x - m).exp();
                *sum += *y;
            }
        }
        for j in 0..x.features() {
            for (y, sum) in y.row_mut(j).iter_mut().zip(&sum) {
                *y /= sum;
            }
        }
    }
}
