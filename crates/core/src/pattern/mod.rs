//! Which entries of a weight matrix may be nonzero.
//!
//! | | |
//! |---|---|
//! | [`Pattern`] | where the nonzeros of one matrix are, without their values |
//! | [`Structure`] | what is kept or dropped as one, entries or blocks, and how many may lie in a window (n:m) |
//! | [`Distribution`] | how many nonzeros each layer of a network gets |
//! | [`Score`] | what ranks entries for dropping or growing; [`TopK`] keeps the best of a stream of scores |
//!
//! ```
//! use rarefy_core::pattern::{Distribution, Pattern, Structure};
//! use rarefy_core::random::Key;
//! let shapes = [(300, 784), (10, 300)];
//! let nnz = Distribution::ErdosRenyi.allocate(&shapes, 0.02, &[])?;
//! assert_eq!(nnz.iter().sum::<usize>(), (0.02 * (300.0 * 784.0 + 3000.0)) as usize);
//! let pattern = Pattern::random(shapes[0], nnz[0], Structure::Unstructured, Key::new(1, 0))?;
//! assert_eq!(pattern.nnz(), nnz[0]);
//! # Ok::<(), rarefy_core::Error>(())
//! ```

mod distribution;
pub mod score;
mod select;
mod structure;
mod top_k;

pub use distribution::Distribution;
pub use score::{Score, score, scores};
pub use select::fill;
pub use structure::Structure;
pub use top_k::{TopK, top_k};

use crate::Result;
use crate::matrix::{Csr, CsrView, Value, check_shape, check_structure, density, regroup, try_copy};

/// Where the nonzeros of a `rows × cols` matrix are: a [`Csr`] without values, and with its invariants.
///
/// Row `i` has columns `indices[indptr[i]..indptr[i + 1]]`, strictly rising. Rows and columns may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    rows: usize,
    cols: usize,
    indptr: Vec<u32>,
    indices: Vec<u32>,
}

impl Pattern {
    /// A pattern from its arrays, all of them checked.
    ///
    /// # Errors
    /// As [`Csr::new`].
    pub fn new(rows: usize, cols: usize, indptr: Vec<u32>, indices: Vec<u32>) -> Result<Self> {
        check_shape(rows, cols)?;
        check_structure("row", rows, cols, &indptr, &indices)?;
        Ok(Self { rows, cols, indptr, indices })
    }

    /// The pattern of a matrix: what it stores, zeros included.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) when the copy cannot be held.
    pub fn of<T: Value>(matrix: CsrView<'_, T>) -> Result<Self> {
        let (indptr, indices) = (try_copy("indptr", matrix.indptr())?, try_copy("indices", matrix.indices())?);
        Ok(Self { rows: matrix.rows(), cols: matrix.cols(), indptr, indices })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of entries that may be nonzero.
    pub fn nnz(&self) -> usize {
        self.indices.len()
    }

    /// `nnz` over all entries; 0 for a matrix without entries.
    pub fn density(&self) -> f64 {
        density(self.rows, self.cols, self.nnz())
    }

    /// Where each row begins in `indices`, and at the end `nnz`.
    pub fn indptr(&self) -> &[u32] {
        &self.indptr
    }

    /// The column of each entry.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The columns of row `i`.
    pub fn row(&self, i: usize) -> &[u32] {
        &self.indices[self.indptr[i] as usize..self.indptr[i + 1] as usize]
    }

    /// All entries as `(row, column)`, row by row.
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.rows).flat_map(|i| self.row(i).iter().map(move |&j| (i, j as usize)))
    }

    /// Whether entry `(row, col)` may be nonzero; false outside the matrix. Takes a binary search.
    pub fn contains(&self, row: usize, col: usize) -> bool {
        row < self.rows && col < self.cols && self.row(row).binary_search(&(col as u32)).is_ok()
    }

    /// The pattern of the transpose, in `O(nnz + rows + cols)`, and for each of its entries the position of the same
    /// entry here.
    ///
    /// This is what keeps weights held by rows and by columns together: `by_column[at] = by_row[positions[at]]`.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) when it cannot be held.
    pub fn transpose(&self) -> Result<(Pattern, Vec<u32>)> {
        let (indptr, indices, positions) = regroup(self.cols, &self.indptr, &self.indices, 0, |at| at as u32)?;
        Ok((Pattern { rows: self.cols, cols: self.rows, indptr, indices }, positions))
    }

    /// The matrix with this pattern and the given values.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) unless there is one value for each entry.
    pub fn with_values<T: Value>(self, values: Vec<T>) -> Result<Csr<T>> {
        Csr::new(self.rows, self.cols, self.indptr, self.indices, values)
    }

    /// `indptr` and `indices`, without the pattern.
    pub fn into_parts(self) -> (Vec<u32>, Vec<u32>) {
        (self.indptr, self.indices)
    }
}
