//! A weight that multiplies transposed.

use super::{Storage, Weight};
use rarefy_core::kernels::dense::{Strided, product};
use rarefy_core::kernels::sparse_dense::{self, Gradient, TwoWay};
use rarefy_core::matrix::Batch;
use rarefy_core::pattern::Pattern;
use std::borrow::Cow;

/// What a weight stored sparse is when transposed; kept from pass to pass.
#[derive(Debug, Clone, Default)]
pub struct Transposed {
    /// The pattern of `Wᵀ`, by rows, and in the order of kernels.
    pattern: Option<(Pattern, TwoWay)>,
    /// For each entry in the order of the columns of `Wᵀ`, which are the rows of `W`, its place in `W`.
    order: Vec<u32>,
    /// Values and gradients in that order.
    values: Vec<f32>,
    gradient: Vec<f32>,
}

impl Transposed {
    /// Follows the pattern of a weight and its values.
    fn follow(&mut self, of: &TwoWay, values: &[f32]) {
        let same = |(rows, _): &(Pattern, TwoWay)| rows.indptr() == of.col_ptr() && rows.indices() == of.row_idx();
        if !self.pattern.as_ref().is_some_and(same) {
            let (indptr, indices) = (of.col_ptr().to_vec(), of.row_idx().to_vec());
            let turned = Pattern::new(of.cols(), of.rows(), indptr, indices);
            // A pattern that is valid is so when turned.
            self.pattern = turned.and_then(|turned| TwoWay::new(&turned).map(|two| (turned, two))).ok();
            self.order = of.row_order();
        }
        self.values.clear();
        self.values.extend(self.order.iter().map(|&at| values[at as usize]));
    }
}

impl Weight {
    /// The numbers that a pass computes with: zero behind a front.
    fn shown(&self) -> Cow<'_, [f32]> {
        match &self.front {
            None => Cow::Borrowed(&self.param.values),
            Some(front) => {
                let mut numbers = Vec::new();
                front.mask(&self.param.values, &mut numbers);
                Cow::Owned(numbers)
            }
        }
    }

    /// `y = Wᵀ x`.
    pub fn forward_transposed(&self, transposed: &mut Transposed, x: &Batch, y: &mut Batch) {
        match &self.storage {
            Storage::Sparse(pattern) => {
                transposed.follow(pattern, &self.shown());
                if let Some((_, turned)) = &transposed.pattern {
                    sparse_dense::forward(turned, &transposed.values, x, y);
                }
            }
            Storage::Dense { rows, cols, .. } => {
                let shown = self.shown();
                let weight = Strided::new(&shown, *rows, *cols, *cols).t();
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
                transposed.follow(pattern, &self.shown());
                let Transposed { pattern: turned, order, values, gradient } = transposed;
                gradient.clear();
                gradient.resize(values.len(), 0.0);
                if let Some((_, turned)) = turned {
                    sparse_dense::backward(turned, values, x, dy, dx, Gradient::Accumulate(gradient), None);
                }
                for (&at, g) in order.iter().zip(gradient) {
                    self.param.gradient[at as usize] += *g;
                }
            }
            Storage::Dense { rows, cols, zeros } => {
                let (rows, cols, width) = (*rows, *cols, x.width());
                let dy = Strided::new(dy.data(), cols, width, dy.stride());
                if let Some(dx) = dx {
                    let stride = dx.stride();
                    product(dx.data_mut(), stride, 0.0, Strided::new(&self.shown(), rows, cols, cols), dy);
                }
                let x = Strided::new(x.data(), rows, width, x.stride());
                product(&mut self.param.gradient, cols, 1.0, x, dy.t());
                zeros.iter().for_each(|&z| self.param.gradient[z as usize] = 0.0);
            }
        }
    }
}
