//! `Y = W X`.

use super::{AHEAD, PANEL, TwoWay, panels};
use crate::kernels::simd::{Kernel, Simd, dispatch, isa};
use crate::matrix::Batch;
use crate::parallel::{self, Shared};
use std::cell::RefCell;

/// Rows of `W` in one task: enough to hide the cost of handing a task out, few enough to balance two cores.
const ROWS: usize = 32;

thread_local! {
    /// The values of the weight in row order, while a product needs them.
    static ROW_ORDER: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Computes `y = W x`, where `values` are the entries of `W` in column order.
///
/// # Panics
/// Unless `x` is `cols × n`, `y` is `rows × n` and `values` has one number for each entry.
pub fn forward(weight: &TwoWay, values: &[f32], x: &Batch, y: &mut Batch) {
    assert_eq!((weight.cols(), weight.nnz(), x.len()), (x.features(), values.len(), y.len()), "operands of forward");
    assert_eq!(weight.rows(), y.features(), "rows of the weight and features of the output");
    ROW_ORDER.with_borrow_mut(|row_order| {
        gather(weight, values, row_order);
        multiply(weight, row_order, x, y);
    });
}

/// Brings the values into row order: once, instead of once a panel.
fn gather(weight: &TwoWay, values: &[f32], row_order: &mut Vec<f32>) {
    row_order.resize(weight.nnz(), 0.0);
    let out = Shared::new(row_order);
    parallel::run_chunks(weight.nnz(), 8192, |range| {
        // SAFETY: chunks are disjoint, and the vector outlives the call.
        let to = unsafe { out.range(range.clone()) };
        for (to, &place) in to.iter_mut().zip(&weight.place[range]) {
            // SAFETY: places are below `nnz`, the length of `values`.
            *to = unsafe { *values.get_unchecked(place as usize) };
        }
    });
}

/// The product, from values in row order.
fn multiply(weight: &TwoWay, values: &[f32], x: &Batch, y: &mut Batch) {
    let (width, stride) = (x.width(), x.stride());
    let out = Shared::new(y.data_mut());
    // All rows of one panel of samples come before the next panel, so that the panel of `x` stays in the L2 cache.
    let lanes = PANEL * isa().lanes();
    let (blocks, panels) = (weight.rows().div_ceil(ROWS), width.div_ceil(lanes));
    parallel::run(blocks * panels, |task| {
        let (panel, block) = (task / blocks, task % blocks);
        let rows = block * ROWS..((block + 1) * ROWS).min(weight.rows());
        let first = panel * lanes;
        let y = out.pointer().wrapping_add(rows.start * stride + first);
        let width = (width - first).min(lanes);
        dispatch(Rows { weight, values, x: &x.data()[first..], y, rows, stride, width });
    });
}

/// A block of rows on one panel of samples; `y` points to the first row's first sample of the panel.
struct Rows<'a> {
    weight: &'a TwoWay,
    values: &'a [f32],
    x: &'a [f32],
    y: *mut f32,
    rows: std::ops::Range<usize>,
    stride: usize,
    width: usize,
}

impl Kernel for Rows<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { weight, values, x, y, rows, stride, width } = self;
        let cols = &weight.col_idx[..];
        let last = cols.len().saturating_sub(1);
        // SAFETY: column indices are below `cols` and every panel ends at or before `width`, so loads stay inside rows of `x`;
        // stores stay inside this task's block of rows and panel of samples, which no other task touches.
        unsafe {
            panels!(S, width, |first, N| {
                let x = x.as_ptr().add(first);
                for (o, i) in rows.clone().enumerate() {
                    let mut sum = [S::zero(); N];
                    for k in weight.row_ptr[i] as usize..weight.row_ptr[i + 1] as usize {
                        let ahead = x.add(*cols.get_unchecked((k + AHEAD).min(last)) as usize * stride);
                        for line in 0..(N * S::LANES / 16) {
                            S::prefetch(ahead.add(line * 16));
                        }
                        let v = S::splat(*values.get_unchecked(k));
                        let x = x.add(*cols.get_unchecked(k) as usize * stride);
                        for (t, sum) in sum.iter_mut().enumerate() {
                            *sum = S::fma(v, S::load(x.add(t * S::LANES)), *sum);
                        }
                    }
                    let y = y.add(o * stride + first);
                    for (t, sum) in sum.into_iter().enumerate() {
                        S::store(y.add(t * S::LANES), sum);
                    }
                }
            });
        }
    }
}
