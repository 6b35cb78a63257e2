//! A pattern that can be walked by rows and by columns.

use crate::Result;
use crate::kernels::simd::isa;
use crate::matrix::{check_u32, try_vec};
use crate::pattern::Pattern;

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
    /// Both orders of `pattern`.
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
        let mut run_ptr = try_vec("rows of a weight", rows * blocks + 1, 0u32)?;
        for (i, j) in pattern.iter() {
            col_ptr[j + 1] += 1;
            run_ptr[j / columns * rows + i + 1] += 1;
        }
        for ptr in [&mut col_ptr, &mut run_ptr] {
            let mut sum = 0;
            for count in ptr {
                sum += *count;
                *count = sum;
            }
        }
        let (mut next, mut next_run) = (col_ptr[..cols].to_vec(), run_ptr[..rows * blocks].to_vec());
        let index = || try_vec("entries of a weight", nnz, 0u32);
        let (mut col_idx, mut place, mut row_idx) = (index()?, index()?, index()?);
        for (i, j) in pattern.iter() {
            let (at, run) = (&mut next[j], &mut next_run[j / columns * rows + i]);
            row_idx[*at as usize] = i as u32;
            (col_idx[*run as usize], place[*run as usize]) = (j as u32, *at);
            *at += 1;
            *run += 1;
        }
        Ok(Self { rows, cols, blocked, run_ptr, col_idx, place, col_ptr, row_idx })
    }

    /// The pattern.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn pattern(&self) -> Result<Pattern> {
        let mut indptr = try_vec("rows of a pattern", self.rows + 1, 0u32)?;
        self.row_idx.iter().for_each(|&i| indptr[i as usize + 1] += 1);
        (0..self.rows).for_each(|i| indptr[i + 1] += indptr[i]);
        let mut next = indptr[..self.rows].to_vec();
        let mut indices = try_vec("indices of a pattern", self.nnz(), 0u32)?;
        self.for_each_in_column_order(|_, i, j| {
            indices[next[i] as usize] = j;
            next[i] += 1;
        });
        Pattern::new(self.rows, self.cols, indptr, indices)
    }

    /// Where in column order each entry is, the entries taken row by row.
    pub fn row_order(&self) -> Vec<u32> {
        let mut next = vec![0u32; self.rows + 1];
        self.row_idx.iter().for_each(|&i| next[i as usize + 1] += 1);
        (0..self.rows).for_each(|i| next[i + 1] += next[i]);
        let mut order = vec![0u32; self.nnz()];
        self.for_each_in_column_order(|k, i, _| {
            order[next[i] as usize] = k;
            next[i] += 1;
        });
        order
    }

    /// Calls `visit(entry, row, column)` for every entry, column by column.
    fn for_each_in_column_order(&self, mut visit: impl FnMut(u32, usize, u32)) {
        for j in 0..self.cols {
            for k in self.col_ptr[j]..self.col_ptr[j + 1] {
                visit(k, self.row_idx[k as usize] as usize, j as u32);
            }
        }
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
