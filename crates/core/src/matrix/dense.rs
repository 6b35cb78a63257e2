//! Dense matrices, row-major.

use super::{Value, checked_area};
use crate::{Error, Result};

/// A dense `rows × cols` matrix, row-major: entry `(i, j)` is `data[i * cols + j]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dense<T> {
    rows: usize,
    cols: usize,
    data: Vec<T>,
}

/// A borrowed [`Dense`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DenseView<'a, T> {
    rows: usize,
    cols: usize,
    data: &'a [T],
}

/// Checks that `found` entries make a `rows × cols` matrix.
fn check_len(rows: usize, cols: usize, found: usize) -> Result<()> {
    let expected = checked_area(rows, cols)?;
    if found == expected { Ok(()) } else { Err(Error::Length { what: "dense matrix", found, expected }) }
}

impl<T: Copy> Dense<T> {
    /// A matrix from its entries.
    ///
    /// # Errors
    /// [`Error::Length`] unless `data.len() == rows * cols`.
    pub fn new(rows: usize, cols: usize, data: Vec<T>) -> Result<Self> {
        check_len(rows, cols, data.len())?;
        Ok(Self { rows, cols, data })
    }

    /// A matrix of one value everywhere.
    ///
    /// # Errors
    /// [`Error::TooLarge`] or [`Error::Memory`] when it cannot be held.
    pub fn filled(rows: usize, cols: usize, value: T) -> Result<Self> {
        Ok(Self { rows, cols, data: super::try_vec("dense matrix", checked_area(rows, cols)?, value)? })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All entries, row by row.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// All entries, row by row.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The entries, row by row, without the matrix.
    pub fn into_data(self) -> Vec<T> {
        self.data
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &[T] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// The matrix, borrowed.
    pub fn view(&self) -> DenseView<'_, T> {
        DenseView { rows: self.rows, cols: self.cols, data: &self.data }
    }
}

impl<T: Value> Dense<T> {
    /// The transpose.
    pub fn transpose(&self) -> Self {
        self.view().transpose()
    }

    /// Number of entries that are not zero.
    pub fn count_nonzero(&self) -> usize {
        self.data.iter().filter(|v| !v.is_zero()).count()
    }
}

impl<'a, T: Copy> DenseView<'a, T> {
    /// A matrix over borrowed entries.
    ///
    /// # Errors
    /// [`Error::Length`] unless `data.len() == rows * cols`.
    pub fn new(rows: usize, cols: usize, data: &'a [T]) -> Result<Self> {
        check_len(rows, cols, data.len())?;
        Ok(Self { rows, cols, data })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All entries, row by row.
    pub fn data(&self) -> &'a [T] {
        self.data
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &'a [T] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// Rows `range`, borrowed.
    pub fn rows_range(&self, range: std::ops::Range<usize>) -> Self {
        Self { rows: range.len(), cols: self.cols, data: &self.data[range.start * self.cols..range.end * self.cols] }
    }
}

impl<T: Value> DenseView<'_, T> {
    /// The transpose, as a matrix of its own.
    pub fn transpose(&self) -> Dense<T> {
        let mut data = Vec::with_capacity(self.data.len());
        for j in 0..self.cols {
            data.extend((0..self.rows).map(|i| self.data[i * self.cols + j]));
        }
        Dense { rows: self.cols, cols: self.rows, data }
    }
}
