//! A pattern that can be walked by rows and by columns.

use crate::Result;
use crate::matrix::check_u32;
use crate::pattern::Pattern;

/// The pattern of a sparse weight, in both orders.
///
/// Values (and optimizer moments) are kept once, column by column: entry `k` of column `j` is at
/// `col_ptr[j] <= k < col_ptr[j + 1]`. The row order holds, for each entry, its column and where its value is. That is 12
/// bytes an entry, and no second copy of the values to keep in step: neighbouring rows find their values in the same
/// cache lines, so the indirection costs the forward pass little.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TwoWay {
    rows: usize,
    cols: usize,
    /// Entries before each row, in row order.
    pub(super) row_ptr: Vec<u32>,
    /// Column of each entry, in row order.
    pub(super) col_idx: Vec<u32>,
    /// Place in column order of each entry, in row order.
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
    /// [`Error::TooLarge`](crate::Error::TooLarge) past 2³² − 2 entries.
    pub fn new(pattern: &Pattern) -> Result<Self> {
        let (rows, cols, nnz) = (pattern.rows(), pattern.cols(), pattern.nnz());
        check_u32("nonzeros", nnz)?;
        let mut col_ptr = vec![0u32; cols + 1];
        for &j in pattern.indices() {
            col_ptr[j as usize + 1] += 1;
        }
        for j in 0..cols {
            col_ptr[j + 1] += col_ptr[j];
        }
        let mut next = col_ptr[..cols].to_vec();
        let (mut place, mut row_idx) = (vec![0u32; nnz], vec![0u32; nnz]);
        for i in 0..rows {
            for k in pattern.indptr()[i] as usize..pattern.indptr()[i + 1] as usize {
                let at = &mut next[pattern.indices()[k] as usize];
                place[k] = *at;
                row_idx[*at as usize] = i as u32;
                *at += 1;
            }
        }
        let (row_ptr, col_idx) = (pattern.indptr().to_vec(), pattern.indices().to_vec());
        Ok(Self { rows, cols, row_ptr, col_idx, place, col_ptr, row_idx })
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

    /// Entries before each row, in row order; `rows + 1` of them.
    pub fn row_ptr(&self) -> &[u32] {
        &self.row_ptr
    }

    /// Column of each entry, in row order.
    pub fn col_idx(&self) -> &[u32] {
        &self.col_idx
    }

    /// Where in column order the value of each entry is, in row order.
    pub fn place(&self) -> &[u32] {
        &self.place
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
