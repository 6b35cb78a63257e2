//! `dX = Wᵀ dY` and `dW = dY Xᵀ` on the pattern, in one pass over the columns of `W`.

use super::{AHEAD, TwoWay, panels};
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::kernels::update::{self, Moments, Sums, Update, run_summed};
use crate::matrix::Batch;
use crate::parallel::{self, Shared};
use std::cell::RefCell;
use std::ops::Range;

/// Most entries of `W` in one task: their gradients then stay in the caches until the optimizer takes them.
const MOST: usize = 16_384;

/// Fewest entries worth a task of their own.
const FEWEST: usize = 512;

/// Threads for which tasks are cut where the cuts must be the same for any number of them.
const SUMMED: usize = 8;

/// Zeros that follow the gradients of a task, so that vectors may reach past the last.
const SLACK: usize = 16;

thread_local! {
    /// Each thread's gradients of one task.
    static FRESH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// What becomes of `dW`.
pub enum Gradient<'a> {
    /// The optimizer applies it at once: no gradient is ever stored.
    Apply {
        /// The optimizer, with its numbers for this step, and the penalty.
        update: Update,
        /// Its moments, in column order like the values.
        moments: Moments<'a>,
    },
    /// It is added to this array, in column order; the values stay.
    Accumulate(&'a mut [f32]),
}

/// Computes `dx = Wᵀ dy` (unless nobody wants it) and `dW = dy xᵀ` on the pattern.
///
/// `values` are the entries of `W` in column order. A column's `dx` uses its values from before the update.
/// With `columns`, only these columns of `W` (rising) are visited: the others have no input in this batch. Their rows of
/// `dx` are left as they are. Returns what the optimizer sums over the entries.
///
/// # Panics
/// Unless `x` and `dx` are `cols × n`, `dy` is `rows × n`, and arrays over entries have one number for each.
pub fn backward(
    weight: &TwoWay,
    values: &mut [f32],
    x: &Batch,
    dy: &Batch,
    mut dx: Option<&mut Batch>,
    gradient: Gradient<'_>,
    columns: Option<&[u32]>,
) -> Sums {
    assert_eq!((weight.cols(), weight.nnz(), x.len()), (x.features(), values.len(), dy.len()), "operands of backward");
    assert_eq!(weight.rows(), dy.features(), "rows of the weight and features of the gradient");
    if let Some(dx) = &dx {
        assert_eq!((dx.features(), dx.len()), (x.features(), x.len()), "shapes of dx and x");
    }
    let stride = x.stride();
    let wants_dx = dx.is_some();
    let dx = Shared::new(dx.as_mut().map_or(&mut [][..], |b| b.data_mut()));
    let values = Shared::new(values);
    let (apply, sink) = match gradient {
        Gradient::Apply { update, moments } => (Some((update, moments.share(weight.nnz()))), Shared::new(&mut [][..])),
        Gradient::Accumulate(sum) => {
            assert_eq!(sum.len(), weight.nnz(), "gradient of every entry");
            (None, Shared::new(sum))
        }
    };
    let summed = apply.as_ref().is_some_and(|(update, _)| update.rule.sums());
    let tasks = Tasks::new(weight, columns, if summed { SUMMED } else { parallel::threads() });
    run_summed(tasks.len(), |task| {
        let of_span = |cols: Range<usize>| {
            let entries = weight.col_ptr[cols.start] as usize..weight.col_ptr[cols.end] as usize;
            // SAFETY: tasks own disjoint columns, hence disjoint entries and rows of `dx`; the slices outlive `run`.
            let values = unsafe { values.range(entries.clone()) };
            // SAFETY: as above.
            let dx = wants_dx.then(|| unsafe { dx.range(cols.start * stride..cols.end * stride) });
            FRESH.with_borrow_mut(|fresh| {
                fresh.clear();
                fresh.resize(entries.len() + SLACK, 0.0);
                dispatch(Columns { weight, values, x, dy, dx, fresh, cols });
                let fresh = &fresh[..entries.len()];
                match &apply {
                    // SAFETY: as above.
                    Some((update, moments)) => unsafe { update::apply(*update, fresh, values, moments.range(entries)) },
                    None => {
                        // SAFETY: as above.
                        let sum = unsafe { sink.range(entries) };
                        sum.iter_mut().zip(fresh).for_each(|(s, g)| *s += *g);
                        Sums::default()
                    }
                }
            })
        };
        tasks.spans(task).into_iter().map(of_span).sum()
    })
}

/// The columns, cut into tasks. Cuts may follow the number of threads: every entry's gradient is a sum of its own. Where the
/// optimizer sums over entries, they may not.
struct Tasks<'a> {
    /// The columns to visit, if not all.
    listed: Option<&'a [u32]>,
    /// The first column of each task (or its place in the list), and one past the last.
    cuts: Vec<usize>,
}

impl<'a> Tasks<'a> {
    fn new(weight: &TwoWay, listed: Option<&'a [u32]>, threads: usize) -> Self {
        let limit = (weight.nnz() / (8 * threads)).clamp(FEWEST, MOST);
        let count = listed.map_or(weight.cols(), <[u32]>::len);
        let (mut cuts, mut entries) = (vec![0], 0);
        for c in 0..count {
            let j = listed.map_or(c, |list| list[c] as usize);
            let more = (weight.col_ptr[j + 1] - weight.col_ptr[j]) as usize;
            if entries > 0 && entries + more > limit {
                cuts.push(c);
                entries = 0;
            }
            entries += more;
        }
        cuts.push(count);
        Self { listed, cuts }
    }

    fn len(&self) -> usize {
        self.cuts.len() - 1
    }

    /// The runs of neighbouring columns in a task.
    fn spans(&self, task: usize) -> Vec<Range<usize>> {
        let cut = self.cuts[task]..self.cuts[task + 1];
        let Some(listed) = self.listed else { return Vec::from([cut]) };
        let mut spans: Vec<Range<usize>> = Vec::new();
        for &j in &listed[cut] {
            match spans.last_mut() {
                Some(last) if last.end == j as usize => last.end += 1,
                _ => spans.push(j as usize..j as usize + 1),
            }
        }
        spans
    }
}

/// One run of columns.
struct Columns<'a> {
    weight: &'a TwoWay,
    values: &'a [f32],
    x: &'a Batch,
    dy: &'a Batch,
    dx: Option<&'a mut [f32]>,
    /// Gradients, zero at first, with [`SLACK`].
    fresh: &'a mut [f32],
    cols: Range<usize>,
}

impl Kernel for Columns<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        let wants_dx = self.dx.is_some();
        // SAFETY: the processor has `S`, and every panel ends at or before `width`.
        unsafe {
            panels!(S, self.x.width(), |first, N| {
                if wants_dx { self.panel::<S, N, true>(first) } else { self.panel::<S, N, false>(first) }
            });
        }
    }
}

impl Columns<'_> {
    /// Samples `first..first + N·LANES` of every column: each row of `dy` loaded feeds both `dx` and `dW`.
    #[inline(always)]
    unsafe fn panel<S: Simd, const N: usize, const DX: bool>(&mut self, first: usize) {
        let stride = self.x.stride();
        let begin = self.weight.col_ptr[self.cols.start] as usize;
        let (x, dy) = (self.x.data().as_ptr(), self.dy.data().as_ptr());
        let dx_start = self.dx.as_mut().map_or(std::ptr::null_mut(), |dx| dx.as_mut_ptr());
        for (o, j) in self.cols.clone().enumerate() {
            let (mut k, end) = (self.weight.col_ptr[j] as usize, self.weight.col_ptr[j + 1] as usize);
            // SAFETY: row indices are below `rows` and `first + N·LANES ≤ width ≤ stride`, so loads and stores lie in rows of
            // the batches; `k` stays below `end`; vectors of `fresh` may reach into its slack, not past it.
            unsafe {
                let column =
                    Column { x: x.add(j * stride + first), dy: dy.add(first), stride, rows: &self.weight.row_idx };
                let values = self.values.as_ptr();
                let mut dx = [S::zero(); N];
                while k < end {
                    let (mut dots, mut q) = ([S::zero(); 16], 0);
                    while q < S::LANES && k + 1 < end {
                        let two = column.entries::<S, N, 2, DX>(k, values.add(k - begin), &mut dx);
                        (dots[q], dots[q + 1]) = (two[0], two[1]);
                        (q, k) = (q + 2, k + 2);
                    }
                    if q < S::LANES && k < end {
                        dots[q] = column.entries::<S, N, 1, DX>(k, values.add(k - begin), &mut dx)[0];
                        (q, k) = (q + 1, k + 1);
                    }
                    // Lanes past a short last group add zero.
                    let to = self.fresh.as_mut_ptr().add(k - q - begin);
                    S::store(to, S::add(S::load(to), S::sums(&dots)));
                }
                if DX {
                    for (t, dx) in dx.into_iter().enumerate() {
                        S::store(dx_start.add(o * stride + first + t * S::LANES), dx);
                    }
                }
            }
        }
    }
}

/// What the entries of one column work on, from the panel's first sample on.
struct Column<'a> {
    x: *const f32,
    dy: *const f32,
    stride: usize,
    rows: &'a [u32],
}

impl Column<'_> {
    #[allow(clippy::needless_range_loop, reason = "the indices are those of the formula")]
    /// Entries `k..k + K`, which share the loads of `x`: adds their part of `dx`, returns the partial sums of their gradients.
    #[inline(always)]
    unsafe fn entries<S: Simd, const N: usize, const K: usize, const DX: bool>(
        &self,
        k: usize,
        values: *const f32,
        dx: &mut [S::V; N],
    ) -> [S::V; K] {
        // SAFETY: the caller has checked that `k + K` entries and `K` values are there, and that the batches reach their rows.
        unsafe {
            let (mut v, mut dy) = ([S::zero(); K], [self.dy; K]);
            for q in 0..K {
                v[q] = S::splat(*values.add(q));
                dy[q] = self.dy.add(*self.rows.get_unchecked(k + q) as usize * self.stride);
                let ahead = *self.rows.get_unchecked((k + q + AHEAD).min(self.rows.len() - 1)) as usize;
                for line in 0..N * S::LANES / 16 {
                    S::prefetch(self.dy.add(ahead * self.stride + line * 16));
                }
            }
            let mut dots = [S::zero(); K];
            for t in 0..N {
                let x = S::load(self.x.add(t * S::LANES));
                for q in 0..K {
                    let g = S::load(dy[q].add(t * S::LANES));
                    if DX {
                        dx[t] = S::fma(v[q], g, dx[t]);
                    }
                    dots[q] = S::fma(g, x, dots[q]);
                }
            }
            dots
        }
    }
}
