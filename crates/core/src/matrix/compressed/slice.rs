//! Parts of compressed matrices: ranges and selections of rows and columns, as matrices of their own.

use super::{Axis, Compressed, CompressedView, try_copy, try_with_capacity};
use crate::matrix::{Value, check_u32};
use crate::{Error, Result};
use std::marker::PhantomData;
use std::ops::Range;

impl<A: Axis, T: Value> CompressedView<'_, A, T> {
    /// Rows `range`. Costs what it copies along the major axis, a binary search per line across it.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a range outside the matrix, [`Error::Memory`] when the copy cannot be held.
    pub fn rows_range(&self, range: Range<usize>) -> Result<Compressed<A, T>> {
        check_range("row range", &range, self.rows)?;
        if A::BY_ROW { self.major_range(range) } else { self.minor_range(range) }
    }

    /// Columns `range`. Costs what it copies along the major axis, a binary search per line across it.
    ///
    /// # Errors
    /// As [`CompressedView::rows_range`].
    pub fn cols_range(&self, range: Range<usize>) -> Result<Compressed<A, T>> {
        check_range("column range", &range, self.cols)?;
        if A::BY_ROW { self.minor_range(range) } else { self.major_range(range) }
    }

    /// Row `rows[0]`, then `rows[1]`, …: in any order, and as often as they are named.
    ///
    /// Costs what it copies along the major axis; two conversions, `O(nnz + rows + cols)`, across it.
    ///
    /// # Errors
    /// [`Error::Index`] for a row that is not there, [`Error::TooLarge`] or [`Error::Memory`] when the copy cannot be
    /// held.
    pub fn select_rows(&self, rows: &[usize]) -> Result<Compressed<A, T>> {
        if A::BY_ROW { self.select_major(rows) } else { self.convert()?.view().select_major(rows)?.view().convert() }
    }

    /// Column `cols[0]`, then `cols[1]`, …: in any order, and as often as they are named. Costs as
    /// [`select_rows`](Self::select_rows).
    ///
    /// # Errors
    /// As [`select_rows`](Self::select_rows).
    pub fn select_cols(&self, cols: &[usize]) -> Result<Compressed<A, T>> {
        if A::BY_ROW { self.convert()?.view().select_major(cols)?.view().convert() } else { self.select_major(cols) }
    }

    fn major_range(&self, range: Range<usize>) -> Result<Compressed<A, T>> {
        let ends = &self.indptr[range.start..=range.end];
        let (first, last) = (ends[0] as usize, ends[range.len()] as usize);
        let mut indptr = try_copy("indptr", ends)?;
        indptr.iter_mut().for_each(|end| *end -= first as u32);
        let indices = try_copy("indices", &self.indices[first..last])?;
        let values = try_copy("values", &self.values[first..last])?;
        Ok(self.part(range.len(), self.dims().1, indptr, indices, values))
    }

    fn minor_range(&self, range: Range<usize>) -> Result<Compressed<A, T>> {
        let (major, _) = self.dims();
        let within = |i: usize| {
            let start = self.indptr[i] as usize;
            let (indices, _) = self.line(i);
            let find = |bound: usize| start + indices.partition_point(|&j| (j as usize) < bound);
            find(range.start)..find(range.end)
        };
        let mut indptr = try_with_capacity("indptr", major + 1)?;
        indptr.push(0u32);
        indptr.extend((0..major).scan(0, |nnz, i| {
            *nnz += within(i).len() as u32;
            Some(*nnz)
        }));
        let nnz = indptr[major] as usize;
        let (mut indices, mut values) = (try_with_capacity("indices", nnz)?, try_with_capacity("values", nnz)?);
        for i in 0..major {
            indices.extend(self.indices[within(i)].iter().map(|&j| j - range.start as u32));
            values.extend_from_slice(&self.values[within(i)]);
        }
        Ok(self.part(major, range.len(), indptr, indices, values))
    }

    fn select_major(&self, lines: &[usize]) -> Result<Compressed<A, T>> {
        let (major, minor) = self.dims();
        check_u32("selection", lines.len())?;
        let mut nnz = 0;
        let mut indptr = try_with_capacity("indptr", lines.len() + 1)?;
        indptr.push(0);
        for (at, &i) in lines.iter().enumerate() {
            if i >= major {
                return Err(Error::Index { axis: "selection", major: at, index: i, limit: major, at });
            }
            nnz += self.line(i).0.len();
            check_u32("nonzeros", nnz)?;
            indptr.push(nnz as u32);
        }
        let (mut indices, mut values) = (try_with_capacity("indices", nnz)?, try_with_capacity("values", nnz)?);
        for &i in lines {
            let (from, carried) = self.line(i);
            indices.extend_from_slice(from);
            values.extend_from_slice(carried);
        }
        Ok(self.part(lines.len(), minor, indptr, indices, values))
    }

    fn part(
        &self,
        major: usize,
        minor: usize,
        indptr: Vec<u32>,
        indices: Vec<u32>,
        values: Vec<T>,
    ) -> Compressed<A, T> {
        let (rows, cols) = A::orient(major, minor);
        Compressed { rows, cols, indptr, indices, values, axis: PhantomData }
    }
}

impl<A: Axis, T: Value> Compressed<A, T> {
    /// See [`CompressedView::rows_range`].
    ///
    /// # Errors
    /// As there.
    pub fn rows_range(&self, range: Range<usize>) -> Result<Self> {
        self.view().rows_range(range)
    }

    /// See [`CompressedView::cols_range`].
    ///
    /// # Errors
    /// As there.
    pub fn cols_range(&self, range: Range<usize>) -> Result<Self> {
        self.view().cols_range(range)
    }

    /// See [`CompressedView::select_rows`].
    ///
    /// # Errors
    /// As there.
    pub fn select_rows(&self, rows: &[usize]) -> Result<Self> {
        self.view().select_rows(rows)
    }

    /// See [`CompressedView::select_cols`].
    ///
    /// # Errors
    /// As there.
    pub fn select_cols(&self, cols: &[usize]) -> Result<Self> {
        self.view().select_cols(cols)
    }
}

fn check_range(name: &'static str, range: &Range<usize>, len: usize) -> Result<()> {
    if range.start <= range.end && range.end <= len {
        return Ok(());
    }
    let found = format!("{}..{} of {len}", range.start, range.end);
    Err(Error::Parameter { name, found, expected: "a range that rises and stays within the matrix" })
}
