//! A weight that multiplies transposed.

use super::{Storage, Weight};
use rarefy_core::kernels::dense::{Strided, product};
use rarefy_core::kernels::sparse_dense::{self, Gradient, TwoWay};
use rarefy_core::matrix::Batch;
use rarefy_core::pattern::Pattern;

/// The pattern of `Wᵀ`, for a weight stored sparse; kept from pass to pass.
#[derive(Debug, Clone, Default)]
pub struct Transposed {
    pattern: TwoWay,
    /// Values and gradients in its order.
    values: Vec<f32>,
    gradient: Vec<f32>,
}

impl Transposed {
    /// Follows the pattern of a weight and its values.
    fn follow(&mut self, pattern: &TwoWay, values: &[f32]) {
        // The columns of Wᵀ are the rows of W.
        let same = self.pattern.rows() == pattern.cols()
            && self.pattern.col_ptr() == pattern.row_ptr()
            && self.pattern.row_idx() == pattern.col_idx();
        if !same {
            let (indptr, indices) = (pattern.col_ptr().to_vec(), pattern.row_idx().to_vec());
            let turned = Pattern::new(pattern.cols(), pattern.rows(), indptr, indices);
            // A pattern that was valid is so when turned, and takes the memory that it took.
            if let Ok(turned) = turned.and_then(|turned| TwoWay::new(&turned)) {
                self.pattern = turned;
            }
        }
        self.values.clear();
        self.values.extend(pattern.place().iter().map(|&at| values[at as usize]));
    }
}

impl Weight {
    /// `y = Wᵀ x`.
    pub fn forward_transposed(&self, transposed: &mut Transposed, x: &Batch, y: &mut Batch) {
        match &self.storage {
            Storage::Sparse(pattern) => {
                transposed.follow(pattern, &self.param.values);
                sparse_dense::forward(&transposed.pattern, &transposed.values, x, y);
            }
            Storage::Dense { rows, cols, .. } => {
                let weight = Strided::new(&self.param.values, *rows, *cols, *cols).t();
                let (width, stride) = (x.width(), y.stride());
                product(y.data_mut(), stride, 0.0, weight, Strided::new(x.data(), *rows, width, x.stride()));
            }
        }
    }

    /// `dx = W dy`, and the gradient `x dyᵀ` on the pattern, accumulated.
    pub fn backward_transposed(&mut self, transposed: &mut Transposed, x: &Batch, dy: &Batch, dx: Option<&mut Batch>) {
        self.param.start_gradient();
        match &self.storage {
            Storage::Sparse(pattern) => {
                let Transposed { pattern: turned, values, gradient } = transposed;
                gradient.clear();
                gradient.resize(values.len(), 0.0);
                sparse_dense::backward(turned, values, x, dy, dx, Gradient::Accumulate(gradient), None);
                for (&at, g) in pattern.place().iter().zip(gradient) {
                    self.param.gradient[at as usize] += *g;
                }
            }
            Storage::Dense { rows, cols, zeros } => {
                let (rows, cols, width) = (*rows, *cols, x.width());
                let dy = Strided::new(dy.data(), cols, width, dy.stride());
                if let Some(dx) = dx {
                    let stride = dx.stride();
                    product(dx.data_mut(), stride, 0.0, Strided::new(&self.param.values, rows, cols, cols), dy);
                }
                let x = Strided::new(x.data(), rows, width, x.stride());
                product(&mut self.param.gradient, cols, 1.0, x, dy.t());
                zeros.iter().for_each(|&z| self.param.gradient[z as usize] = 0.0);
            }
        }
    }
}
