//! `dX = Wᵀ dY` and `dW = dY Xᵀ` on the pattern, in one pass over the columns of `W`.

use super::{TwoWay, panels};
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::kernels::update::{self, Moments, Rule};
use crate::matrix::Batch;
use crate::parallel::{self, Shared};

/// Entries of `W` in one task: their gradients stay in the L1 cache until the optimizer takes them.
const ENTRIES: usize = 16384;

/// What becomes of `dW`.
pub enum Gradient<'a> {
    /// The optimizer applies it at once: no gradient is ever stored.
    Apply {
        /// The optimizer, with its numbers for this step.
        rule: &'a Rule,
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
/// `dx` are left as they are.
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
) {
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
        Gradient::Apply { rule, moments } => (Some((rule, moments.share(weight.nnz()))), Shared::new(&mut [][..])),
        Gradient::Accumulate(sum) => {
            assert_eq!(sum.len(), weight.nnz(), "gradient of every entry");
            (None, Shared::new(sum))
        }
    };
    let tasks = Tasks::new(weight, columns, (weight.nnz()/(2*parallel::threads())).clamp(1024, ENTRIES));
    parallel::run(tasks.len(), |task| {
        let mut fresh = [0.0; ENTRIES + 16];
        for cols in tasks.spans(task) {
            let entries = weight.col_ptr[cols.start] as usize..weight.col_ptr[cols.end] as usize;
            // SAFETY: tasks own disjoint columns, hence disjoint entries and rows of `dx`; the slices outlive `run`.
            let values = unsafe { values.range(entries.clone()) };
            // SAFETY: as above.
            let dx = wants_dx.then(|| unsafe { dx.range(cols.start * stride..cols.end * stride) });
            let mut spill = Vec::new();
            let fresh = if entries.len() + 16 <= fresh.len() {
                &mut fresh[..entries.len() + 16]
            } else {
                spill.resize(entries.len() + 16, 0.0);
                &mut spill[..]
            };
            fresh.fill(0.0);
            dispatch(Columns { weight, values, x, dy, dx, fresh, cols });
            let fresh = &fresh[..entries.len()];
            match &apply {
                // SAFETY: as above.
                Some((rule, moments)) => unsafe { update::apply(rule, fresh, values, moments.range(entries)) },
                None => {
                    // SAFETY: as above.
                    let sum = unsafe { sink.range(entries) };
                    sum.iter_mut().zip(fresh).for_each(|(s, g)| *s += *g);
                }
            }
        }
    });
}

/// How the columns are cut into tasks of about [`ENTRIES`] entries.
enum Tasks<'a> {
    /// All columns: the first column of each task, and one past the last.
    All(Vec<usize>),
    /// Listed columns, cut where the entries of all columns between would be cut.
    Listed(&'a [u32], Vec<usize>),
}

impl<'a> Tasks<'a> {
    fn new(weight: &TwoWay, columns: Option<&'a [u32]>, limit: usize) -> Self {
        let mut cuts = vec![0];
        let mut entries = 0;
        let count = columns.map_or(weight.cols(), <[u32]>::len);
        for c in 0..count {
            let j = columns.map_or(c, |list| list[c] as usize);
            let more = (weight.col_ptr[j + 1] - weight.col_ptr[j]) as usize;
            if entries > 0 && entries + more > limit {
                cuts.push(c);
                entries = 0;
            }
            entries += more;
        }
        cuts.push(count);
        columns.map_or(Tasks::All(cuts.clone()), |list| Tasks::Listed(list, cuts))
    }

    fn len(&self) -> usize {
        let (Tasks::All(cuts) | Tasks::Listed(_, cuts)) = self;
        cuts.len() - 1
    }

    /// The runs of neighbouring columns in a task.
    fn spans(&self, task: usize) -> Vec<std::ops::Range<usize>> {
        match self {
            Tasks::All(cuts) => std::iter::once(cuts[task]..cuts[task + 1]).collect(),
            Tasks::Listed(list, cuts) => {
                let mut spans: Vec<std::ops::Range<usize>> = Vec::new();
                for &j in &list[cuts[task]..cuts[task + 1]] {
                    match spans.last_mut() {
                        Some(last) if last.end == j as usize => last.end += 1,
                        _ => spans.push(j as usize..j as usize + 1),
                    }
                }
                spans
            }
        }
    }
}

/// One run of columns.
struct Columns<'a> {
    weight: &'a TwoWay,
    values: &'a [f32],
    x: &'a Batch,
    dy: &'a Batch,
    dx: Option<&'a mut [f32]>,
    fresh: &'a mut [f32],
    cols: std::ops::Range<usize>,
}

impl Kernel for Columns<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        let wants_dx = self.dx.is_some();
        panels!(S, self.x.width(), |first, N| {
            // SAFETY: the processor has `S`, and the panel ends at or before `width`.
            unsafe {
                if wants_dx { self.panel::<S, N, true>(first) } else { self.panel::<S, N, false>(first) }
            }
        });
    }
}

impl Columns<'_> {
    /// Samples `first..first + N·LANES` of every column: each row of `dy` loaded feeds both `dx` and `dW`.
    #[inline(always)]
    unsafe fn panel<S: Simd, const N: usize, const DX: bool>(&mut self, first: usize) {
        let stride = self.x.stride();
        let begin = self.weight.col_ptr[self.cols.start] as usize;
        let dy = self.dy.data();
        for (o, j) in self.cols.clone().enumerate() {
            let (start, end) = (self.weight.col_ptr[j] as usize, self.weight.col_ptr[j + 1] as usize);
            let rows = &self.weight.row_idx[start..end];
            let values = &self.values[start - begin..end - begin];
            let fresh = &mut self.fresh[start - begin..end - begin + S::LANES];
            // SAFETY: row indices are below `rows`, and `first + N·LANES ≤ width ≤ stride`, so every load and store lies
            // in a row of its batch; lanes of `fresh` past the column's end are not written.
            unsafe {
                let x = self.x.data().as_ptr().add(j * stride + first);
                let dy = dy.as_ptr().add(first);
                let mut dx = [S::zero(); N];
                // Sums of a short last group are added to all lanes: those past the column's end add zero.
                let mut k = 0;
                while k < rows.len() {
                    let (mut dots, mut q) = ([S::zero(); 16], 0);
                    while q < S::LANES && k + 1 < rows.len() {
                        let two = several::<S, N, 2, DX>(x, dy, stride, rows, values, k, &mut dx);
                        (dots[q], dots[q + 1]) = (two[0], two[1]);
                        (q, k) = (q + 2, k + 2);
                    }
                    if q < S::LANES && k < rows.len() {
                        dots[q] = several::<S, N, 1, DX>(x, dy, stride, rows, values, k, &mut dx)[0];
                        (q, k) = (q + 1, k + 1);
                    }
                    let to = fresh.as_mut_ptr().add(k - q);
                    S::store(to, S::add(S::load(to), S::sums(&dots)));
                }
                if DX {
                    let to = self.dx.as_mut().map_or(std::ptr::null_mut(), |d| d.as_mut_ptr()).add(o * stride + first);
                    for t in 0..N {
                        S::store(to.add(t * S::LANES), dx[t]);
                    }
                }
            }
        }
    }
}

/// Entries `k..k + K` of a column: adds their share to `dx`, returns the partial sums of their gradients.
///
/// Several entries at once share the loads of `x`.
#[inline(always)]
unsafe fn several<S: Simd, const N: usize, const K: usize, const DX: bool>(
    x: *const f32,
    dy: *const f32,
    stride: usize,
    rows: &[u32],
    values: &[f32],
    k: usize,
    dx: &mut [S::V; N],
) -> [S::V; K] {
    // SAFETY: the caller has checked that `k + K` entries are there, and that `dy` reaches their rows.
    unsafe {
        let mut v = [S::zero(); K];
        let mut from = [dy; K];
        for q in 0..K {
            v[q] = S::splat(*values.get_unchecked(k + q));
            from[q] = dy.add(*rows.get_unchecked(k + q) as usize * stride);
        }
        let mut dots = [S::zero(); K];
        for t in 0..N {
            let x = S::load(x.add(t * S::LANES));
            for q in 0..K {
                let g = S::load(from[q].add(t * S::LANES));
                if DX {
                    dx[t] = S::fma(v[q], g, dx[t]);
                }
                dots[q] = S::fma(g, x, dots[q]);
            }
        }
        dots
    }
}
