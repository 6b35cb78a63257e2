//! `Y = W X`.

use super::two_way::NARROW;
use super::{AHEAD, PANEL, TwoWay, panels};
use crate::kernels::simd::{Kernel, Simd, dispatch, hidden, isa};
use crate::matrix::Batch;
use crate::parallel::{self, Shared};
use std::cell::RefCell;

/// Rows of `W` in one task: enough to hide the cost of handing a task out, few enough to balance two cores.
const ROWS: usize = 32;

/// Tasks for each thread where columns come in blocks: as few as balance two cores, as a block of activations that has been brought to
/// the first-level cache is to serve many rows.
const TASKS: usize = 8;

thread_local! {
    /// The values of the weight in the order of the forward pass, while a product needs them.
    static RUN_ORDER: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Computes `y = W x`, where `values` are the entries of `W` in column order.
///
/// # Panics
/// Unless `x` is `cols × n`, `y` is `rows × n` and `values` has one number for each entry.
pub fn forward(weight: &TwoWay, values: &[f32], x: &Batch, y: &mut Batch) {
    assert_eq!((weight.cols(), weight.nnz(), x.len()), (x.features(), values.len(), y.len()), "operands of forward");
    assert_eq!(weight.rows(), y.features(), "rows of the weight and features of the output");
    RUN_ORDER.with_borrow_mut(|run_order| {
        gather(weight, values, run_order);
        multiply(weight, run_order, x, y);
    });
}

/// Brings the values into the order of the forward pass: once, instead of once a panel.
fn gather(weight: &TwoWay, values: &[f32], run_order: &mut Vec<f32>) {
    run_order.resize(weight.nnz(), 0.0);
    let out = Shared::new(run_order);
    parallel::run_chunks(weight.nnz(), 8192, |range| {
        // SAFETY: chunks are disjoint, and the vector outlives the call.
        let to = unsafe { out.range(range.clone()) };
        for (to, &place) in to.iter_mut().zip(&weight.place[range]) {
            // SAFETY: places are below `nnz`, the length of `values`.
            *to = unsafe { *values.get_unchecked(place as usize) };
        }
    });
}

/// The product, from values in the order of the forward pass.
fn multiply(weight: &TwoWay, values: &[f32], x: &Batch, y: &mut Batch) {
    let (width, stride) = (x.width(), x.stride());
    let out = Shared::new(y.data_mut());
    // All rows of one panel of samples come before the next panel, so that the panel of `x` stays in the L2 cache.
    let lanes = if weight.blocked { NARROW } else { PANEL } * isa().lanes();
    let panels = width.div_ceil(lanes);
    let height = match weight.blocked {
        true => weight.rows().div_ceil((TASKS * parallel::threads()).div_ceil(panels)).max(ROWS),
        false => ROWS,
    };
    let tasks = weight.rows().div_ceil(height);
    parallel::run(tasks * panels, |task| {
        let (panel, task) = (task / tasks, task % tasks);
        let rows = task * height..((task + 1) * height).min(weight.rows());
        let first = panel * lanes;
        let y = out.pointer().wrapping_add(rows.start * stride + first);
        let width = (width - first).min(lanes);
        dispatch(Rows { weight, values, x: &x.data()[first..], y, rows, stride, width });
    });
}

/// Some rows on one panel of samples; `y` points to the first row's first sample of the panel.
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
        let blocked = self.weight.blocked;
        // SAFETY: the processor has `S`, and every panel ends at or before `width`.
        unsafe {
            panels!(S, self.width, |first, N| {
                // A block in the first-level cache needs no prefetch: it would only take the place of loads.
                if blocked { self.panel::<S, N, false>(first) } else { self.panel::<S, N, true>(first) }
            });
        }
    }
}

impl Rows<'_> {
    /// Samples `first..first + N·LANES` of every row, block by block of columns.
    #[inline(always)]
    unsafe fn panel<S: Simd, const N: usize, const FAR: bool>(&self, first: usize) {
        let (weight, stride) = (self.weight, self.stride);
        let cols = &weight.col_idx[..];
        let last = cols.len().saturating_sub(1);
        // SAFETY: column indices are below `cols` and `first + N·LANES ≤ width ≤ stride`, so loads stay inside rows of `x`;
        // stores stay inside this task's rows and panel of samples, which no other task touches.
        unsafe {
            let x = self.x.as_ptr().add(first);
            for block in 0..weight.blocks() {
                for (o, i) in self.rows.clone().enumerate() {
                    let run = block * weight.rows() + i;
                    let (mut k, end) = (weight.run_ptr[run] as usize, weight.run_ptr[run + 1] as usize);
                    let y = self.y.add(o * stride + first);
                    let mut sum = [S::zero(); N];
                    if block > 0 {
                        if k == end {
                            continue;
                        }
                        sum = std::array::from_fn(|t| S::load(y.add(t * S::LANES)));
                    }
                    while k < end {
                        if FAR {
                            let ahead = x.add(*cols.get_unchecked((k + AHEAD).min(last)) as usize * stride);
                            for line in 0..(N * S::LANES / 16) {
                                S::prefetch(ahead.add(line * 16));
                            }
                        }
                        let v = S::splat(*self.values.get_unchecked(k));
                        let x = x.add(*cols.get_unchecked(k) as usize * stride);
                        for (t, sum) in sum.iter_mut().enumerate() {
                            *sum = S::fma(v, S::load(x.add(t * S::LANES)), *sum);
                        }
                        k = hidden(k + 1);
                    }
                    for (t, sum) in sum.into_iter().enumerate() {
                        S::store(y.add(t * S::LANES), sum);
                    }
                }
            }
        }
    }
}
