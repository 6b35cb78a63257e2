//! `Y = W X`.

use super::{PANEL, TwoWay, panels};
use crate::kernels::simd::{Kernel, Simd, dispatch, isa};
use crate::matrix::Batch;
use crate::parallel::{self, Shared};

/// Rows of `W` in one task: enough to hide the cost of handing a task out, few enough to balance two cores.
const ROWS: usize = 32;

/// Computes `y = W x`, where `values` are the entries of `W` in column order.
///
/// # Panics
/// Unless `x` is `cols × n`, `y` is `rows × n` and `values` has one number for each entry.
pub fn forward(weight: &TwoWay, values: &[f32], x: &Batch, y: &mut Batch) {
    assert_eq!((weight.cols(), weight.nnz(), x.len()), (x.features(), values.len(), y.len()), "operands of forward");
    assert_eq!(weight.rows(), y.features(), "rows of the weight and features of the output");
    let (width, stride) = (x.width(), x.stride());
    let out = Shared::new(y.data_mut());
    // All rows of one panel of samples come before the next panel, so that the panel of `x` stays in the L2 cache.
    let lanes = PANEL * isa().lanes();
    let (blocks, slabs) = (weight.rows().div_ceil(ROWS), width.div_ceil(lanes));
    ROW_VALUES.with_borrow_mut(|row_values| {
    row_values.resize(weight.nnz(), 0.0);
    let gathered = Shared::new(row_values);
    parallel::run_chunks(weight.nnz(), 4096, |range| {
        let to = unsafe { gathered.range(range.clone()) };
        for (to, &place) in to.iter_mut().zip(&weight.place[range]) {
            // SAFETY: places are below `nnz`.
            *to = unsafe { *values.get_unchecked(place as usize) };
        }
    });
    let values = &row_values[..];
    parallel::run(blocks * slabs, |task| {
        let (slab, block) = (task / blocks, task % blocks);
        let rows = block * ROWS..((block + 1) * ROWS).min(weight.rows());
        // SAFETY: tasks write disjoint blocks of rows and panels of columns; the slice is used only through `row_mut` pointers.
        let y = unsafe { out.range(rows.start * stride..rows.end * stride) };
        let first = slab * lanes;
        dispatch(Rows { weight, values, x: &x.data()[first..], y: y[first..].as_mut_ptr(), rows, stride, width: (width - first).min(lanes) });
    });});
}

thread_local! { static ROW_VALUES: std::cell::RefCell<Vec<f32>> = const { std::cell::RefCell::new(Vec::new()) }; }
/// One block of rows and one slab of samples.
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
        panels!(S, width, |first, N| {
            for (o, i) in rows.clone().enumerate() {
                let entries = weight.row_ptr[i] as usize..weight.row_ptr[i + 1] as usize;
                let (cols, values) = (&weight.col_idx[entries.clone()], &values[entries]);
                // SAFETY: column indices are below `cols`, places below `nnz`; `first + N·LANES ≤ width ≤ stride`.
                unsafe {
                    let x = x.as_ptr().add(first);
                    let mut sum = [S::zero(); N];
                    for (&j, &v) in cols.iter().zip(values) {
                        let v = S::splat(v);
                        let x = x.add(j as usize * stride);
                        for (t, sum) in sum.iter_mut().enumerate() {
                            *sum = S::fma(v, S::load(x.add(t * S::LANES)), *sum);
                        }
                    }
                    let y = y.add(o * stride + first);
                    for (t, sum) in sum.into_iter().enumerate() {
                        S::store(y.add(t * S::LANES), sum);
                    }
                }
            }
        });
    }
}
