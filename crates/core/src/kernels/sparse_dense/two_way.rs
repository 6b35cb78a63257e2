//! A pattern that can be walked by rows and by columns.

use crate::Result;
use crate::kernels::simd::isa;
use crate::matrix::{add_up, check_u32, try_vec};
use crate::parallel::{self, Shared};
use crate::pattern::Pattern;
use std::ops::Range;

/// Bytes of activations that a block of columns reads in one narrow panel. Half again the first-level cache of most processors: measured at
/// 1024 × 1024 (`examples/layer_step`, fastest forward passes), blocks of 32 KiB are as fast at density 0.1 and 4 % slower at 0.05, as runs
/// become short.
const BLOCK: usize = 48 << 10;

/// Vectors of samples in a narrow panel.
pub(super) const NARROW: usize = 4;

/// Fewest entries, on average, that a row must have in a block of columns for the blocks to pay: every run of a row in a block loads and
/// stores its sums. Measured at 1024 × 1024, batch 128 (`examples/layer_step`): the fastest steps gain 7 % with 38 entries a run and 3 % with
/// 19; the forward pass loses 6 % with 8.
const RUN: usize = 8;

/// Most tasks that a change of order is cut into: enough to balance threads; each reads where its rows or columns begin.
const TASKS: usize = 16;

/// The pattern of a sparse weight, in both orders.
///
/// Values (and optimizer moments) are kept once, column by column: entry `k` of column `j` is at
/// `col_ptr[j] <= k < col_ptr[j + 1]`. The order of the forward pass holds, for each entry, its column and where its value is. That is 12
/// bytes an entry, and no second copy of the values to keep in step: neighbouring rows find their values in the same
/// cache lines, so the indirection costs the forward pass little.
///
/// The forward pass walks blocks of columns, and the rows within a block: so the activations that it reads stay in the first-level
/// cache. A weight too sparse for that is one block, which is plain row order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TwoWay {
    rows: usize,
    cols: usize,
    /// Whether columns come in blocks of [`BLOCK`] bytes of activations.
    pub(super) blocked: bool,
    /// Entries before each run, a run being a row in a block: those of the first block's rows, then the second's.
    pub(super) run_ptr: Vec<u32>,
    /// Column of each entry, run by run.
    pub(super) col_idx: Vec<u32>,
    /// Place in column order of each entry, run by run.
    pub(super) place: Vec<u32>,
    /// Entries before each column, in column order.
    pub(super) col_ptr: Vec<u32>,
    /// Row of each entry, in column order.
    pub(super) row_idx: Vec<u32>,
}

impl TwoWay {
    /// Both orders of `pattern`. Blocks of columns are filled one after the other, so that what is written in random order stays in cache.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge) past 2³² − 2 entries, [`Error::Memory`](crate::Error::Memory) when they cannot be held.
    pub fn new(pattern: &Pattern) -> Result<Self> {
        let (rows, cols, nnz) = (pattern.rows(), pattern.cols(), pattern.nnz());
        check_u32("nonzeros", nnz)?;
        let columns = BLOCK / (NARROW * isa().lanes() * size_of::<f32>());
        let blocks = cols.div_ceil(columns);
        let blocked = nnz >= RUN * rows * blocks;
        let (columns, blocks) = if blocked { (columns, blocks) } else { (cols.max(1), 1) };
        let mut col_ptr = try_vec("columns of a weight", cols + 1, 0u32)?;
        pattern.indices().iter().for_each(|&j| col_ptr[j as usize + 1] += 1);
        add_up(&mut col_ptr);
        let mut run_ptr = try_vec("rows of a weight", rows * blocks + 1, 0u32)?;
        let index = || try_vec("entries of a weight", nnz, 0u32);
        let (mut col_idx, mut place, mut row_idx) = (index()?, index()?, index()?);
        let ends = Shared::new(&mut run_ptr[1..]);
        let entries = [&mut col_idx, &mut place, &mut row_idx].map(|array| Shared::new(array));
        parallel::run_chunks(blocks, blocks.div_ceil(TASKS).max(1), |task| {
            let start = (task.start * columns) as u32;
            // Where each row goes on.
            let mut rest: Vec<u32> = (0..rows)
                .map(|i| pattern.indptr()[i] + pattern.row(i).partition_point(|&j| j < start) as u32)
                .collect();
            for block in task {
                let (first, last) = (block * columns, ((block + 1) * columns).min(cols));
                let before = col_ptr[first] as usize;
                // SAFETY: blocks have disjoint columns, so disjoint entries in either order, and runs of their own; the vectors outlive
                // the call.
                let [col_idx, place, row_idx] =
                    entries.each_ref().map(|array| unsafe { array.range(before..col_ptr[last] as usize) });
                // SAFETY: as above.
                let ends = unsafe { ends.range(block * rows..(block + 1) * rows) };
                let mut next: Vec<u32> = col_ptr[first..last].iter().map(|at| at - before as u32).collect();
                let mut run = 0;
                for (i, (rest, end)) in rest.iter_mut().zip(ends).enumerate() {
                    let row = &pattern.indices()[*rest as usize..pattern.indptr()[i + 1] as usize];
                    let from = run;
                    for &j in row.iter().take_while(|&&j| (j as usize) < last) {
                        let at = &mut next[j as usize - first];
                        row_idx[*at as usize] = i as u32;
                        (col_idx[run], place[run]) = (j, before as u32 + *at);
                        *at += 1;
                        run += 1;
                    }
                    *rest += (run - from) as u32;
                    *end = (before + run) as u32;
                }
            }
        });
        Ok(Self { rows, cols, blocked, run_ptr, col_idx, place, col_ptr, row_idx })
    }

    /// The pattern.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn pattern(&self) -> Result<Pattern> {
        let row_ptr = self.row_ptr();
        let mut indices = try_vec("indices of a pattern", self.nnz(), 0u32)?;
        self.row_by_row(&row_ptr, &mut indices, |at| self.col_idx[at]);
        Pattern::new(self.rows, self.cols, row_ptr, indices)
    }

    /// Where in column order each entry is, the entries taken row by row.
    pub fn row_order(&self) -> Vec<u32> {
        let mut order = vec![0; self.nnz()];
        self.row_by_row(&self.row_ptr(), &mut order, |at| self.place[at]);
        order
    }

    /// An array over the entries in column order, brought into the order of the rows.
    ///
    /// # Panics
    /// When it is shorter than the entries.
    pub fn in_row_order(&self, array: &[f32]) -> Vec<f32> {
        let mut ordered = vec![0.0; self.nnz()];
        self.row_by_row(&self.row_ptr(), &mut ordered, |at| array[self.place[at] as usize]);
        ordered
    }

    /// Entries before each row.
    fn row_ptr(&self) -> Vec<u32> {
        let mut row_ptr = vec![0; self.rows + 1];
        for ends in self.run_ptr.windows(self.rows + 1).step_by(self.rows.max(1)) {
            row_ptr[1..].iter_mut().zip(ends.windows(2)).for_each(|(count, run)| *count += run[1] - run[0]);
        }
        add_up(&mut row_ptr);
        row_ptr
    }

    /// Fills `ordered`, row by row, with what `of` gives for each entry; it is asked by the place of the entry in the order of the
    /// forward pass, block by block, so that what it reads stays in cache.
    fn row_by_row<T: Send>(&self, row_ptr: &[u32], ordered: &mut [T], of: impl Fn(usize) -> T + Sync) {
        let ordered = Shared::new(ordered);
        parallel::run_chunks(self.rows, self.rows.div_ceil(TASKS).max(1), |task| {
            let before = row_ptr[task.start] as usize;
            // SAFETY: tasks have disjoint rows, and the slice outlives the call.
            let ordered = unsafe { ordered.range(before..row_ptr[task.end] as usize) };
            let mut next: Vec<usize> = row_ptr[task.clone()].iter().map(|&at| at as usize - before).collect();
            for block in 0..self.blocks() {
                let runs = self.run_ptr[block * self.rows..][task.start..=task.end].windows(2);
                for (run, next) in runs.zip(&mut next) {
                    let run = run[0] as usize..run[1] as usize;
                    let to = &mut ordered[*next..*next + run.len()];
                    *next += run.len();
                    to.iter_mut().zip(run).for_each(|(to, at)| *to = of(at));
                }
            }
        });
    }

    /// Arrays over the entries of `from`, in column order, as arrays over the entries of this pattern: those in both keep their
    /// numbers, others get 0.
    ///
    /// # Errors
    /// When there is no memory for them.
    ///
    /// # Panics
    /// Unless shapes are equal and arrays have one number for each entry.
    pub fn take_over(&self, from: &TwoWay, arrays: &[&[f32]]) -> Result<Vec<Vec<f32>>> {
        assert_eq!((self.rows, self.cols), (from.rows, from.cols), "shapes of two patterns");
        assert!(arrays.iter().all(|array| array.len() == from.nnz()), "one number for each entry");
        let new = |_: &&[f32]| try_vec("weight", self.nnz(), 0.0f32);
        let mut taken = arrays.iter().map(new).collect::<Result<Vec<_>>>()?;
        let shared: Vec<_> = taken.iter_mut().map(|array| Shared::new(array)).collect();
        parallel::run_chunks(self.cols, self.cols.div_ceil(TASKS).max(1), |task| {
            // One more than the place of the last entry of `from` in each row: it lies in a column if it is past what is before the column.
            let mut seen = vec![0u32; self.rows];
            let mut both = Vec::new();
            for j in task {
                let (old, own) = (from.column(j), self.column(j));
                old.clone().for_each(|at| seen[from.row_idx[at] as usize] = at as u32 + 1);
                both.resize(both.len().max(own.len()), (0, 0));
                let mut count = 0;
                for (to, &i) in self.row_idx[own.clone()].iter().enumerate() {
                    let at = seen[i as usize];
                    both[count] = (at, to); // without a branch: which of them stay is anybody's guess
                    count += usize::from(at as usize > old.start);
                }
                for (array, shared) in arrays.iter().zip(&shared) {
                    // SAFETY: tasks have disjoint columns, and the vectors outlive the call.
                    let to = unsafe { shared.range(own.clone()) };
                    both[..count].iter().for_each(|&(at, place)| to[place] = array[at as usize - 1]);
                }
            }
        });
        Ok(taken)
    }

    /// The entries of a column.
    fn column(&self, j: usize) -> Range<usize> {
        self.col_ptr[j] as usize..self.col_ptr[j + 1] as usize
    }

    /// Bytes of the index arrays.
    pub fn bytes(&self) -> usize {
        let arrays = [&self.run_ptr, &self.col_idx, &self.place, &self.col_ptr, &self.row_idx];
        arrays.iter().map(|array| size_of_val(&array[..])).sum()
    }

    /// Blocks of columns.
    pub(super) fn blocks(&self) -> usize {
        self.run_ptr.len().saturating_sub(1).checked_div(self.rows).unwrap_or(0)
    }

    /// Number of rows (outputs).
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns (inputs).
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of entries.
    pub fn nnz(&self) -> usize {
        self.row_idx.len()
    }

    /// Entries before each column, in column order; `cols + 1` of them.
    pub fn col_ptr(&self) -> &[u32] {
        &self.col_ptr
    }

    /// Row of each entry, in column order.
    pub fn row_idx(&self) -> &[u32] {
        &self.row_idx
    }
}
