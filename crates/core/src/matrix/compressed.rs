//! Compressed sparse matrices, by rows (CSR) or by columns (CSC).
//!
//! Both are one type, [`Compressed`], that differs only in the axis its nonzeros are grouped by: the *major* axis is
//! rows for [`Csr`] and columns for [`Csc`], the *minor* one the other. Major line `i` holds the nonzeros at positions
//! `indptr[i]..indptr[i + 1]` of `indices` (where on the minor axis) and `values`.
//!
//! What every value of these types keeps to, and every kernel may count on:
//! * `indptr` has one entry more than there are major lines, starts at 0, never falls and ends at `nnz`;
//! * `indices` rise strictly within a line and stay below the minor dimension;
//! * dimensions and `nnz` fit `u32`. A stored value may be zero: it is then an entry of the pattern, not a hole.
//!
//! ```
//! use rarefy_core::matrix::{Csc, Csr};
//! // [ 1 . 2 ]
//! // [ . 3 . ]
//! let a = Csr::new(2, 3, vec![0, 2, 3], vec![0, 2, 1], vec![1.0f64, 2.0, 3.0])?;
//! assert_eq!(a.row(0), (&[0, 2][..], &[1.0, 2.0][..]));
//! let by_columns: Csc<f64> = a.to_csc()?;
//! assert_eq!(by_columns.col(1), (&[1][..], &[3.0][..]));
//! # Ok::<(), rarefy_core::Error>(())
//! ```

mod build;
mod check;
mod slice;

use super::{Dense, Value, try_vec};
use crate::{Error, Result};
pub(crate) use build::regroup;
pub(crate) use check::{check_shape, check_structure};
use std::marker::PhantomData;

/// The axis that nonzeros are grouped by: [`ByRow`] or [`ByColumn`].
pub trait Axis: sealed::Sealed + Copy + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// Whether rows are the major axis.
    const BY_ROW: bool;
    /// What a major line is called in messages.
    const NAME: &'static str;
    /// The other axis.
    type Other: Axis<Other = Self>;

    /// `(row, column)` as `(major, minor)`, and back: both are the same swap, or none.
    fn orient<X>(row: X, col: X) -> (X, X) {
        if Self::BY_ROW { (row, col) } else { (col, row) }
    }
}

/// Nonzeros grouped by row: CSR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByRow;

/// Nonzeros grouped by column: CSC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByColumn;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ByRow {}
    impl Sealed for super::ByColumn {}
}

impl Axis for ByRow {
    const BY_ROW: bool = true;
    const NAME: &'static str = "row";
    type Other = ByColumn;
}

impl Axis for ByColumn {
    const BY_ROW: bool = false;
    const NAME: &'static str = "column";
    type Other = ByRow;
}

/// A sparse matrix compressed along axis `A`; use it as [`Csr`] or [`Csc`].
#[derive(Debug, Clone, PartialEq)]
pub struct Compressed<A, T> {
    rows: usize,
    cols: usize,
    indptr: Vec<u32>,
    indices: Vec<u32>,
    values: Vec<T>,
    axis: PhantomData<A>,
}

/// A borrowed [`Compressed`] matrix; use it as [`CsrView`] or [`CscView`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompressedView<'a, A, T> {
    rows: usize,
    cols: usize,
    indptr: &'a [u32],
    indices: &'a [u32],
    values: &'a [T],
    axis: PhantomData<A>,
}

/// Compressed sparse rows.
pub type Csr<T> = Compressed<ByRow, T>;
/// Compressed sparse columns.
pub type Csc<T> = Compressed<ByColumn, T>;
/// Borrowed compressed sparse rows.
pub type CsrView<'a, T> = CompressedView<'a, ByRow, T>;
/// Borrowed compressed sparse columns.
pub type CscView<'a, T> = CompressedView<'a, ByColumn, T>;

impl<'a, A: Axis, T: Value> CompressedView<'a, A, T> {
    /// A matrix over borrowed arrays, all of them checked.
    ///
    /// # Errors
    /// As [`Compressed::new`].
    pub fn new(rows: usize, cols: usize, indptr: &'a [u32], indices: &'a [u32], values: &'a [T]) -> Result<Self> {
        check::check_shape(rows, cols)?;
        let (major, minor) = A::orient(rows, cols);
        check::check_structure(A::NAME, major, minor, indptr, indices)?;
        if values.len() != indices.len() {
            return Err(Error::Length { what: "values", found: values.len(), expected: indices.len() });
        }
        Ok(Self { rows, cols, indptr, indices, values, axis: PhantomData })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of stored entries.
    pub fn nnz(&self) -> usize {
        self.indices.len()
    }

    /// Stored entries over all entries; 0 for a matrix without entries.
    pub fn density(&self) -> f64 {
        density(self.rows, self.cols, self.nnz())
    }

    /// Where each major line begins, and at the end `nnz`.
    pub fn indptr(&self) -> &'a [u32] {
        self.indptr
    }

    /// The minor index of each nonzero.
    pub fn indices(&self) -> &'a [u32] {
        self.indices
    }

    /// The value of each nonzero.
    pub fn values(&self) -> &'a [T] {
        self.values
    }

    /// `(major, minor)` dimensions.
    pub(crate) fn dims(&self) -> (usize, usize) {
        A::orient(self.rows, self.cols)
    }

    /// Indices and values of major line `i`.
    pub(crate) fn line(&self, i: usize) -> (&'a [u32], &'a [T]) {
        let range = self.indptr[i] as usize..self.indptr[i + 1] as usize;
        (&self.indices[range.clone()], &self.values[range])
    }

    /// The entry at `(row, col)`, or `None` where none is stored. Takes a binary search.
    pub fn get(&self, row: usize, col: usize) -> Option<T> {
        let (i, j) = A::orient(row, col);
        if row >= self.rows || col >= self.cols {
            return None;
        }
        let (indices, values) = self.line(i);
        indices.binary_search(&(j as u32)).ok().map(|at| values[at])
    }

    /// All stored entries as `(row, column, value)`, major line by major line.
    pub fn iter(self) -> impl Iterator<Item = (usize, usize, T)> + 'a {
        (0..self.dims().0).flat_map(move |i| {
            let (indices, values) = self.line(i);
            indices.iter().zip(values).map(move |(&j, &v)| {
                let (row, col) = A::orient(i, j as usize);
                (row, col, v)
            })
        })
    }

    /// The transpose, free of cost: the same arrays read along the other axis.
    pub fn transpose_view(&self) -> CompressedView<'a, A::Other, T> {
        let Self { rows, cols, indptr, indices, values, .. } = *self;
        CompressedView { rows: cols, cols: rows, indptr, indices, values, axis: PhantomData }
    }

    /// The same matrix compressed along the other axis, in `O(nnz + rows + cols)`.
    ///
    /// # Errors
    /// [`Error::Memory`] when it cannot be held.
    pub fn convert(&self) -> Result<Compressed<A::Other, T>> {
        let (_, minor) = self.dims();
        let (indptr, indices, values) =
            build::regroup(minor, self.indptr, self.indices, T::zero(), |at| self.values[at])?;
        Ok(Compressed { rows: self.rows, cols: self.cols, indptr, indices, values, axis: PhantomData })
    }

    /// The transpose, compressed along the same axis, in `O(nnz + rows + cols)`.
    ///
    /// # Errors
    /// [`Error::Memory`] when it cannot be held.
    pub fn transpose(&self) -> Result<Compressed<A, T>> {
        Ok(self.convert()?.into_transpose())
    }

    /// The matrix with its zeros written out.
    ///
    /// # Errors
    /// [`Error::TooLarge`] or [`Error::Memory`] when it cannot be held.
    pub fn to_dense(&self) -> Result<Dense<T>> {
        let mut dense = Dense::filled(self.rows, self.cols, T::zero())?;
        let data = dense.data_mut();
        for (row, col, value) in self.iter() {
            data[row * self.cols + col] = value;
        }
        Ok(dense)
    }

    /// A copy that owns its arrays.
    ///
    /// # Errors
    /// [`Error::Memory`] when it cannot be held.
    pub fn try_to_owned(&self) -> Result<Compressed<A, T>> {
        let Self { rows, cols, .. } = *self;
        let indptr = try_copy("indptr", self.indptr)?;
        let indices = try_copy("indices", self.indices)?;
        let values = try_copy("values", self.values)?;
        Ok(Compressed { rows, cols, indptr, indices, values, axis: PhantomData })
    }
}

impl<A: Axis, T: Value> Compressed<A, T> {
    /// A matrix from its arrays, all of them checked. `indptr` has `rows + 1` entries for CSR, `cols + 1` for CSC.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a shape or `nnz` past `u32`; [`Error::Length`] when an array's length does not fit;
    /// [`Error::Indptr`] unless it runs from 0 to `nnz` without falling; [`Error::Index`] for an index past its
    /// dimension; [`Error::Order`] unless indices rise strictly within each line.
    pub fn new(rows: usize, cols: usize, indptr: Vec<u32>, indices: Vec<u32>, values: Vec<T>) -> Result<Self> {
        CompressedView::<A, T>::new(rows, cols, &indptr, &indices, &values)?;
        Ok(Self { rows, cols, indptr, indices, values, axis: PhantomData })
    }

    /// A matrix of the given shape without a nonzero.
    ///
    /// # Errors
    /// [`Error::TooLarge`] or [`Error::Memory`] when it cannot be held.
    pub fn empty(rows: usize, cols: usize) -> Result<Self> {
        check::check_shape(rows, cols)?;
        let indptr = try_vec("indptr", A::orient(rows, cols).0 + 1, 0)?;
        Ok(Self { rows, cols, indptr, indices: Vec::new(), values: Vec::new(), axis: PhantomData })
    }

    /// The matrix, borrowed.
    pub fn view(&self) -> CompressedView<'_, A, T> {
        let Self { rows, cols, ref indptr, ref indices, ref values, .. } = *self;
        CompressedView { rows, cols, indptr, indices, values, axis: PhantomData }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of stored entries.
    pub fn nnz(&self) -> usize {
        self.indices.len()
    }

    /// Stored entries over all entries; 0 for a matrix without entries.
    pub fn density(&self) -> f64 {
        self.view().density()
    }

    /// Where each major line begins, and at the end `nnz`.
    pub fn indptr(&self) -> &[u32] {
        &self.indptr
    }

    /// The minor index of each nonzero.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The value of each nonzero.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The value of each nonzero, to be changed; the pattern stays.
    pub fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// `indptr`, `indices` and `values`, without the matrix.
    pub fn into_parts(self) -> (Vec<u32>, Vec<u32>, Vec<T>) {
        (self.indptr, self.indices, self.values)
    }

    /// See [`CompressedView::get`].
    pub fn get(&self, row: usize, col: usize) -> Option<T> {
        self.view().get(row, col)
    }

    /// See [`CompressedView::iter`].
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize, T)> + '_ {
        self.view().iter()
    }

    /// See [`CompressedView::to_dense`].
    ///
    /// # Errors
    /// As there.
    pub fn to_dense(&self) -> Result<Dense<T>> {
        self.view().to_dense()
    }

    /// See [`CompressedView::transpose`].
    ///
    /// # Errors
    /// As there.
    pub fn transpose(&self) -> Result<Self> {
        self.view().transpose()
    }

    /// The transpose, free of cost: the same arrays read along the other axis.
    pub fn into_transpose(self) -> Compressed<A::Other, T> {
        let Self { rows, cols, indptr, indices, values, .. } = self;
        Compressed { rows: cols, cols: rows, indptr, indices, values, axis: PhantomData }
    }

    /// The same pattern with each value sent through `f`, which may change the type of the values.
    ///
    /// # Errors
    /// [`Error::Memory`] when it cannot be held.
    pub fn map_values<U: Value>(&self, f: impl FnMut(T) -> U) -> Result<Compressed<A, U>> {
        let mut values = try_with_capacity("values", self.nnz())?;
        values.extend(self.values.iter().copied().map(f));
        let (indptr, indices) = (try_copy("indptr", &self.indptr)?, try_copy("indices", &self.indices)?);
        Ok(Compressed { rows: self.rows, cols: self.cols, indptr, indices, values, axis: PhantomData })
    }

    /// Keeps the entries for which `keep(row, column, value)` holds and drops the others, in place.
    pub fn retain(&mut self, mut keep: impl FnMut(usize, usize, T) -> bool) {
        let (mut start, mut kept) = (0, 0);
        for i in 0..self.indptr.len() - 1 {
            let end = self.indptr[i + 1] as usize;
            for at in start..end {
                let (row, col) = A::orient(i, self.indices[at] as usize);
                if keep(row, col, self.values[at]) {
                    self.indices[kept] = self.indices[at];
                    self.values[kept] = self.values[at];
                    kept += 1;
                }
            }
            start = end;
            self.indptr[i + 1] = kept as u32;
        }
        self.indices.truncate(kept);
        self.values.truncate(kept);
    }

    /// Drops stored zeros (of either sign), in place.
    pub fn prune_zeros(&mut self) {
        self.retain(|_, _, value| !value.is_zero());
    }
}

impl<'a, T: Value> CsrView<'a, T> {
    /// Column indices and values of row `i`.
    pub fn row(&self, i: usize) -> (&'a [u32], &'a [T]) {
        self.line(i)
    }
}

impl<'a, T: Value> CscView<'a, T> {
    /// Row indices and values of column `j`.
    pub fn col(&self, j: usize) -> (&'a [u32], &'a [T]) {
        self.line(j)
    }
}

impl<T: Value> Csr<T> {
    /// Column indices and values of row `i`.
    pub fn row(&self, i: usize) -> (&[u32], &[T]) {
        self.view().row(i)
    }

    /// The same matrix by columns, in `O(nnz + rows + cols)`.
    ///
    /// # Errors
    /// [`Error::Memory`] when it cannot be held.
    pub fn to_csc(&self) -> Result<Csc<T>> {
        self.view().convert()
    }
}

impl<T: Value> Csc<T> {
    /// Row indices and values of column `j`.
    pub fn col(&self, j: usize) -> (&[u32], &[T]) {
        self.view().col(j)
    }

    /// The same matrix by rows, in `O(nnz + rows + cols)`.
    ///
    /// # Errors
    /// [`Error::Memory`] when it cannot be held.
    pub fn to_csr(&self) -> Result<Csr<T>> {
        self.view().convert()
    }
}

/// `nnz / (rows · cols)`, and 0 where there is nothing to divide by.
pub(crate) fn density(rows: usize, cols: usize, nnz: usize) -> f64 {
    if rows == 0 || cols == 0 { 0.0 } else { nnz as f64 / rows as f64 / cols as f64 }
}

/// An empty vector with room for `len` elements, or a named error when there is no memory for it.
pub(crate) fn try_with_capacity<T>(what: &'static str, len: usize) -> Result<Vec<T>> {
    let mut v = Vec::new();
    let bytes = len.saturating_mul(std::mem::size_of::<T>());
    v.try_reserve_exact(len).map_err(|_| Error::Memory { what, bytes })?;
    Ok(v)
}

/// A copy of a slice, or a named error when there is no memory for it.
pub(crate) fn try_copy<T: Copy>(what: &'static str, from: &[T]) -> Result<Vec<T>> {
    let mut v = try_with_capacity(what, from.len())?;
    v.extend_from_slice(from);
    Ok(v)
}
