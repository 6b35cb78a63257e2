//! The gradient of a weight outside the optimizer's pass: on its pattern, or of all entries, a block of rows at a time.

use super::{Storage, Weight, dense};
use crate::{Input, Result};
use rarefy_core::kernels::dense::{Strided, product};
use rarefy_core::kernels::sparse_dense::{self, Gradient};
use rarefy_core::kernels::sparse_input;
use rarefy_core::matrix::Batch;
use rarefy_core::parallel;
use std::cell::RefCell;

/// Rows of the dense gradient that a thread holds at one time while weights to grow are looked for: a block of 1024 columns
/// stays in the L2 cache until it has been looked through.
const CHUNK: usize = 128;

thread_local! {
    /// Each thread's block of the dense gradient, kept from call to call.
    static BLOCK: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

impl Weight {
    /// The gradient `dy xᵀ` on the pattern, in row order.
    pub fn gradient<'a>(&mut self, x: impl Into<Input<'a>>, dy: &Batch) -> Result<Vec<f32>> {
        let x = x.into();
        let mut gradient = rarefy_core::matrix::try_vec("gradient of a weight", self.storage.len(), 0.0f32)?;
        match &self.storage {
            Storage::Sparse(pattern) => {
                let (to, values) = (Gradient::Accumulate(&mut gradient), &mut self.param.values);
                match x {
                    Input::Dense(x) => sparse_dense::backward(pattern, values, x, dy, None, to, None),
                    Input::Sparse(x) => sparse_input::backward(pattern, values, x, dy, to, true),
                };
            }
            Storage::Dense { rows, cols, .. } => {
                let x = dense(x);
                let dy = Strided::new(dy.data(), *rows, x.width(), dy.stride());
                product(&mut gradient, *cols, 0.0, dy, Strided::new(x.data(), *cols, x.width(), x.stride()).t());
            }
        }
        Ok(self.in_row_order(&gradient))
    }

    /// Streams the dense gradient `dy xᵀ` in blocks of whole rows: calls `visit(first row, block)` for each, on all
    /// threads and in no particular order. Blocks have a multiple of `unit` rows, but for the last; no thread ever
    /// holds more than one.
    pub fn dense_gradient<'a>(
        &self,
        x: impl Into<Input<'a>>,
        dy: &Batch,
        unit: usize,
        visit: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        let (rows, cols, x, unit) = (self.rows(), self.cols(), x.into(), unit.max(1));
        parallel::run_chunks(rows, block_rows(cols).next_multiple_of(unit), |range| {
            BLOCK.with_borrow_mut(|block| {
                block.resize(range.len() * cols, 0.0);
                match x {
                    Input::Dense(x) => {
                        let dy = Strided::new(dy.data(), rows, x.width(), dy.stride()).slice(range.clone());
                        product(block, cols, 0.0, dy, Strided::new(x.data(), cols, x.width(), x.stride()).t());
                    }
                    Input::Sparse(x) => {
                        block.fill(0.0);
                        for (row, i) in block.chunks_exact_mut(cols.max(1)).zip(range.clone()) {
                            let dy = dy.row(i);
                            for (a, &j) in x.active().iter().enumerate() {
                                let (samples, inputs) = x.feature(a);
                                row[j as usize] = samples.iter().zip(inputs).map(|(&s, &x)| dy[s as usize] * x).sum();
                            }
                        }
                    }
                }
                visit(range.start, block);
            });
        });
    }
}

/// Rows in a block of the dense gradient: fewer where they are long, so that a block has about a million numbers at most.
pub(crate) fn block_rows(cols: usize) -> usize {
    CHUNK.min((1 << 20) / cols.max(1)).max(1)
}
