//! Compressed matrices out of triplets, unsorted arrays and dense matrices.

use super::{Axis, Compressed, check, try_with_capacity};
use crate::matrix::{DenseView, Value, check_u32, try_vec};
use crate::{Error, Result};
use std::marker::PhantomData;

impl<A: Axis, T: Value> Compressed<A, T> {
    /// A matrix from `(row, column, value)` in any order; values at the same place are summed, in the order given.
    ///
    /// Memory: `O(nnz)` and one `u32` per major line.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a shape or count past `u32`, [`Error::Index`] for an entry outside the shape,
    /// [`Error::Memory`] when it cannot be held.
    pub fn from_triplets(rows: usize, cols: usize, triplets: &[(usize, usize, T)]) -> Result<Self> {
        check::check_shape(rows, cols)?;
        check_u32("triplets", triplets.len())?;
        for (at, &(row, col, _)) in triplets.iter().enumerate() {
            if row >= rows {
                return Err(Error::Index { axis: "column", major: col, index: row, limit: rows, at });
            }
            if col >= cols {
                return Err(Error::Index { axis: "row", major: row, index: col, limit: cols, at });
            }
        }
        let (major, _) = A::orient(rows, cols);
        let entries = triplets.iter().map(|&(row, col, value)| (A::orient(row, col), value));
        let (indptr, indices, values) = group(major, triplets.len(), entries)?;
        sort_and_merge(rows, cols, indptr, indices, values)
    }

    /// A matrix from compressed arrays whose lines may be out of order and hold duplicates, which are summed in the
    /// order given.
    ///
    /// # Errors
    /// As [`Compressed::new`], except for [`Error::Order`].
    pub fn from_unsorted(
        rows: usize,
        cols: usize,
        indptr: Vec<u32>,
        indices: Vec<u32>,
        values: Vec<T>,
    ) -> Result<Self> {
        check::check_shape(rows, cols)?;
        let (major, minor) = A::orient(rows, cols);
        check::check_indptr(major, &indptr, indices.len())?;
        check::check_indices(A::NAME, minor, &indptr, &indices)?;
        if values.len() != indices.len() {
            return Err(Error::Length { what: "values", found: values.len(), expected: indices.len() });
        }
        sort_and_merge(rows, cols, indptr, indices, values)
    }

    /// The entries of a dense matrix that are not zero; NaN counts as an entry.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a shape or count past `u32`, [`Error::Memory`] when it cannot be held.
    pub fn from_dense(dense: DenseView<'_, T>) -> Result<Self> {
        let (rows, cols) = (dense.rows(), dense.cols());
        check::check_shape(rows, cols)?;
        let nnz = dense.data().iter().filter(|value| !value.is_zero()).count();
        check_u32("nonzeros", nnz)?;
        // Row-major order is rising order within a row, and within a column as well.
        let entries = (0..rows).flat_map(|i| {
            let row = dense.row(i).iter().enumerate();
            row.filter(|(_, value)| !value.is_zero()).map(move |(j, &value)| (A::orient(i, j), value))
        });
        let (indptr, indices, values) = group(A::orient(rows, cols).0, nnz, entries)?;
        Ok(Self { rows, cols, indptr, indices, values, axis: PhantomData })
    }
}

/// `indptr`, indices, and what each nonzero carries.
type Parts<V> = (Vec<u32>, Vec<u32>, Vec<V>);

/// Turns the number of entries of each line, held at `indptr[line + 1]`, into where the line starts.
fn add_up(indptr: &mut [u32]) {
    let mut sum = 0;
    for count in indptr {
        sum += *count;
        *count = sum;
    }
}

/// Undoes the placing of entries: it used `indptr` as cursors, so that each start has moved to its end, the next start.
fn rewind(indptr: &mut [u32]) {
    let major = indptr.len() - 1;
    indptr.copy_within(0..major, 1);
    indptr[0] = 0;
}

/// Groups `nnz` entries `((major, minor), value)` by major line, keeping their order within a line: a counting sort.
fn group<T: Value>(
    major: usize,
    nnz: usize,
    entries: impl Iterator<Item = ((usize, usize), T)> + Clone,
) -> Result<Parts<T>> {
    let mut indptr = try_vec("indptr", major + 1, 0u32)?;
    let mut indices = try_vec("indices", nnz, 0u32)?;
    let mut values = try_vec("values", nnz, T::zero())?;
    entries.clone().for_each(|((i, _), _)| indptr[i + 1] += 1);
    add_up(&mut indptr);
    entries.for_each(|((i, j), value)| {
        let at = indptr[i] as usize;
        indptr[i] += 1;
        indices[at] = j as u32;
        values[at] = value;
    });
    rewind(&mut indptr);
    Ok((indptr, indices, values))
}

/// Regroups a checked structure by its other axis, `minor` lines: `payload(position)` is what the nonzero at
/// `position` of the old order takes along, and `blank` any such value.
pub(crate) fn regroup<V: Copy>(
    minor: usize,
    old_indptr: &[u32],
    old_indices: &[u32],
    blank: V,
    payload: impl Fn(usize) -> V,
) -> Result<Parts<V>> {
    let mut indptr = try_vec("indptr", minor + 1, 0u32)?;
    let mut indices = try_vec("indices", old_indices.len(), 0u32)?;
    let mut carried = try_vec("values", old_indices.len(), blank)?;
    old_indices.iter().for_each(|&j| indptr[j as usize + 1] += 1);
    add_up(&mut indptr);
    for (i, ends) in old_indptr.windows(2).enumerate() {
        for old in ends[0] as usize..ends[1] as usize {
            let cursor = &mut indptr[old_indices[old] as usize];
            indices[*cursor as usize] = i as u32;
            carried[*cursor as usize] = payload(old);
            *cursor += 1;
        }
    }
    rewind(&mut indptr);
    Ok((indptr, indices, carried))
}

/// Sorts each line by index and sums duplicates, in place; the arrays are checked but for order.
fn sort_and_merge<A: Axis, T: Value>(
    rows: usize,
    cols: usize,
    mut indptr: Vec<u32>,
    mut indices: Vec<u32>,
    mut values: Vec<T>,
) -> Result<Compressed<A, T>> {
    let longest = indptr.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0);
    let mut line: Vec<(u32, T)> = Vec::new();
    let (mut start, mut write) = (0, 0);
    for i in 0..indptr.len() - 1 {
        let end = indptr[i + 1] as usize;
        if indices[start..end].is_sorted_by(|a, b| a < b) {
            indices.copy_within(start..end, write);
            values.copy_within(start..end, write);
            write += end - start;
        } else {
            if line.capacity() == 0 {
                line = try_with_capacity("a line to sort", longest as usize)?;
            }
            line.clear();
            line.extend(indices[start..end].iter().copied().zip(values[start..end].iter().copied()));
            line.sort_by_key(|&(j, _)| j); // stable: duplicates are summed in the order given
            let first = write;
            for &(j, value) in &line {
                if write > first && indices[write - 1] == j {
                    values[write - 1] += value;
                } else {
                    indices[write] = j;
                    values[write] = value;
                    write += 1;
                }
            }
        }
        start = end;
        indptr[i + 1] = write as u32;
    }
    indices.truncate(write);
    values.truncate(write);
    Ok(Compressed { rows, cols, indptr, indices, values, axis: PhantomData })
}
