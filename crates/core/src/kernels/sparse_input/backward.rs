//! `dW = dY Xᵀ` on the pattern, and the optimizer.

use super::{SparseBatch, collect, column};
use crate::kernels::gather::transpose_out;
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::kernels::sparse_dense::{Gradient, TwoWay};
use crate::kernels::update::{self, Sums, run_summed};
use crate::matrix::Batch;
use crate::parallel::Shared;
use std::cell::RefCell;
use std::ops::Range;

/// Entries of `W` in one task, about: their gradients stay in the L1 cache until the optimizer takes them.
const ENTRIES: usize = 8192;

thread_local! {
    /// `dy`, sample by sample. Kept, because memory fresh from the system costs more than the product.
    static TURNED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    /// The gradients of one run of columns.
    static FRESH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Computes `dW = dy xᵀ` on the pattern, and hands it to the optimizer or adds it to a gradient.
///
/// `values` are the entries of `W` in column order. With `lazy`, the optimizer leaves columns of features that no sample
/// has alone, moments included; otherwise it runs on them with a gradient of zero, as in a dense layer.
/// Returns what the optimizer sums over the entries that it runs on.
///
/// # Panics
/// Unless `x` is `cols × n`, `dy` is `rows × n`, and arrays over entries have one number for each.
pub fn backward(
    weight: &TwoWay,
    values: &mut [f32],
    x: &SparseBatch,
    dy: &Batch,
    gradient: Gradient<'_>,
    lazy: bool,
) -> Sums {
    assert_eq!((weight.cols(), weight.nnz(), x.len()), (x.features(), values.len(), dy.len()), "operands of backward");
    assert_eq!(weight.rows(), dy.features(), "rows of the weight and features of the gradient");
    let values = Shared::new(values);
    TURNED.with_borrow_mut(|turned| {
        turned.resize(dy.len() * dy.features(), 0.0);
        transpose_out(dy, turned);
        let pass = Pass { weight, x, dy: turned };
        match gradient {
            Gradient::Apply { update, moments } => {
                let moments = moments.share(weight.nnz());
                let take = |entries: Range<usize>, fresh: &[f32]| {
                    // SAFETY: the runs of columns that `Pass` hands out are disjoint, and the slices outlive it.
                    unsafe { update::apply(update, fresh, values.range(entries.clone()), moments.range(entries)) }
                };
                if lazy { pass.active(take) } else { pass.all(take) }
            }
            Gradient::Accumulate(sum) => {
                assert_eq!(sum.len(), weight.nnz(), "gradient of every entry");
                let sum = Shared::new(sum);
                // Zeros need not be added.
                pass.active(|entries, fresh| {
                    // SAFETY: as above.
                    let sum = unsafe { sum.range(entries) };
                    sum.iter_mut().zip(fresh).for_each(|(s, g)| *s += *g);
                    Sums::default()
                })
            }
        }
    })
}

/// One backward pass; `dy` is sample-major here.
struct Pass<'a> {
    weight: &'a TwoWay,
    x: &'a SparseBatch,
    dy: &'a [f32],
}

impl Pass<'_> {
    /// Calls `take` with the entries of each run of neighbouring active columns and their gradients, on all threads.
    fn active(&self, take: impl Fn(Range<usize>, &[f32]) -> Sums + Sync) -> Sums {
        let active = self.x.active();
        let cuts = cuts(active.len(), |a| column(self.weight, active[a]).len());
        run_summed(cuts.len() - 1, |task| {
            let (mut from, mut sums) = (cuts[task], Sums::default());
            for run in active[cuts[task]..cuts[task + 1]].chunk_by(|a, b| a + 1 == *b) {
                let entries = column(self.weight, run[0]).start..column(self.weight, run[run.len() - 1]).end;
                sums += self.gradients(entries.clone(), from..from + run.len(), |fresh| take(entries, fresh));
                from += run.len();
            }
            sums
        })
    }

    /// Calls `take` with runs of columns that cover all of `W`, and their gradients, on all threads.
    fn all(&self, take: impl Fn(Range<usize>, &[f32]) -> Sums + Sync) -> Sums {
        let active = self.x.active();
        let cuts = cuts(self.weight.cols(), |j| column(self.weight, j as u32).len());
        run_summed(cuts.len() - 1, |task| {
            let cols = cuts[task]..cuts[task + 1];
            let entries = self.weight.col_ptr()[cols.start] as usize..self.weight.col_ptr()[cols.end] as usize;
            let before = |limit: usize| active.partition_point(|&j| (j as usize) < limit);
            self.gradients(entries.clone(), before(cols.start)..before(cols.end), |fresh| take(entries, fresh))
        })
    }

    /// Calls `take` with the gradients of `entries`, in which lie the columns of the active features `active`.
    fn gradients(&self, entries: Range<usize>, active: Range<usize>, take: impl FnOnce(&[f32]) -> Sums) -> Sums {
        FRESH.with_borrow_mut(|fresh| {
            fresh.clear();
            fresh.resize(entries.len(), 0.0);
            dispatch(Columns { pass: self, first: entries.start, active, fresh });
            take(fresh)
        })
    }
}

/// Cuts `0..n` where about [`ENTRIES`] entries have come together.
fn cuts(n: usize, entries: impl Fn(usize) -> usize) -> Vec<usize> {
    let (mut cuts, mut sum) = (vec![0], 0);
    for i in 0..n {
        let more = entries(i);
        if sum > 0 && sum + more > ENTRIES {
            cuts.push(i);
            sum = 0;
        }
        sum += more;
    }
    cuts.push(n);
    cuts
}

/// The columns of some active features.
struct Columns<'a> {
    pass: &'a Pass<'a>,
    /// The entry that `fresh` begins with.
    first: usize,
    active: Range<usize>,
    fresh: &'a mut [f32],
}

impl Kernel for Columns<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { pass, first, active, fresh } = self;
        let rows = pass.weight.rows();
        for a in active {
            let entries = column(pass.weight, pass.x.active()[a]);
            let to = &mut fresh[entries.start - first..entries.end - first];
            let (samples, inputs) = pass.x.feature(a);
            for (&s, &input) in samples.iter().zip(inputs) {
                let from = &pass.dy[s as usize * rows..][..rows];
                // SAFETY: the processor has `S`; rows of a column rise and are below `rows`.
                unsafe { collect::<S>(input, &pass.weight.row_idx()[entries.clone()], from, to) };
            }
        }
    }
}
