//! `Y = W X`.

use super::{SparseBatch, column, scatter};
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::kernels::sparse_dense::TwoWay;
use crate::matrix::Batch;
use crate::parallel::{self, Shared};
use std::cell::RefCell;

/// Samples in one task: a cache line of each row of `y`.
const LINE: usize = 16;

thread_local! {
    /// The outputs of one task, sample by sample. Kept, because memory fresh from the system costs more than the product.
    static OUTPUTS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Computes `y = W x`, where `values` are the entries of `W` in column order. The padding of `y` becomes zero.
///
/// # Panics
/// Unless `x` is `cols × n`, `y` is `rows × n` and `values` has one number for each entry.
pub fn forward(weight: &TwoWay, values: &[f32], x: &SparseBatch, y: &mut Batch) {
    assert_eq!((weight.cols(), weight.nnz(), x.len()), (x.features(), values.len(), y.len()), "operands of forward");
    assert_eq!(weight.rows(), y.features(), "rows of the weight and features of the output");
    let (stride, width) = (y.stride(), y.width());
    let y = Shared::new(y.data_mut());
    parallel::run(width / LINE, |task| {
        OUTPUTS.with_borrow_mut(|outputs| {
            outputs.clear();
            outputs.resize(LINE * weight.rows(), 0.0);
            let first = task * LINE;
            dispatch(Samples { weight, values, x, outputs, y: y.pointer(), first, stride });
        });
    });
}

/// Samples `first..first + LINE`.
struct Samples<'a> {
    weight: &'a TwoWay,
    values: &'a [f32],
    x: &'a SparseBatch,
    /// Zeros, `LINE · rows` of them.
    outputs: &'a mut [f32],
    y: *mut f32,
    first: usize,
    stride: usize,
}

impl Kernel for Samples<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { weight, values, x, outputs, y, first, stride } = self;
        let rows = weight.rows();
        for s in first..(first + LINE).min(x.len()) {
            let to = &mut outputs[(s - first) * rows..][..rows];
            let (features, inputs) = x.sample(s);
            for (&j, &input) in features.iter().zip(inputs) {
                let column = column(weight, j);
                // SAFETY: the processor has `S`; rows of a column rise and are below `rows`; one value for each entry.
                unsafe { scatter::<S>(input, &weight.row_idx()[column.clone()], &values[column], to) };
            }
        }
        for part in (0..LINE).step_by(S::LANES) {
            for i in (0..rows).step_by(S::LANES) {
                let some = (rows - i).min(S::LANES);
                // SAFETY: the processor has `S`; `outputs` has `rows` floats for each of the `LINE` samples, of which `some`
                // are left; `y` has `stride ≥ first + LINE` floats a row, and no other task touches these columns.
                unsafe {
                    let mut square = [S::zero(); 16];
                    for (s, v) in square.iter_mut().enumerate().take(S::LANES) {
                        let from = outputs.as_ptr().add((part + s) * rows + i);
                        *v = if some == S::LANES { S::load(from) } else { S::load_part(from, some) };
                    }
                    S::transpose(&mut square);
                    for (q, v) in square.into_iter().enumerate().take(some) {
                        S::store(y.add((i + q) * stride + first + part), v);
                    }
                }
            }
        }
    }
}
