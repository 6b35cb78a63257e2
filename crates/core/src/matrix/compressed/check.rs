//! What makes arrays a compressed matrix.

use crate::matrix::check_u32;
use crate::{Error, Result};

/// Checks that both dimensions fit `u32`.
pub(crate) fn check_shape(rows: usize, cols: usize) -> Result<()> {
    check_u32("rows", rows)?;
    check_u32("columns", cols)
}

/// Checks `indptr` and `indices` in full: lengths, bounds, and strictly rising indices. `axis` names the major lines.
pub(crate) fn check_structure(
    axis: &'static str,
    major: usize,
    minor: usize,
    indptr: &[u32],
    indices: &[u32],
) -> Result<()> {
    check_indptr(major, indptr, indices.len())?;
    check_indices(axis, minor, indptr, indices)?;
    for (i, ends) in indptr.windows(2).enumerate() {
        let (start, end) = (ends[0] as usize, ends[1] as usize);
        if let Some(at) = (start + 1..end).find(|&at| indices[at] <= indices[at - 1]) {
            let problem = if indices[at] == indices[at - 1] { "a duplicate" } else { "out of order" };
            return Err(Error::Order { axis, major: i, index: indices[at] as usize, at, problem });
        }
    }
    Ok(())
}

/// Checks that `indptr` has `major + 1` entries and rises from 0 to `nnz`.
pub(super) fn check_indptr(major: usize, indptr: &[u32], nnz: usize) -> Result<()> {
    check_u32("nonzeros", nnz)?;
    if indptr.len() != major + 1 {
        return Err(Error::Length { what: "indptr", found: indptr.len(), expected: major + 1 });
    }
    if indptr[0] != 0 {
        return Err(Error::Indptr { at: 0, found: indptr[0] as usize, expected: "0".into() });
    }
    if let Some(at) = (1..=major).find(|&at| indptr[at] < indptr[at - 1]) {
        let expected = format!("at least {}, the entry before it", indptr[at - 1]);
        return Err(Error::Indptr { at, found: indptr[at] as usize, expected });
    }
    if indptr[major] as usize != nnz {
        let expected = format!("{nnz}, the number of indices");
        return Err(Error::Indptr { at: major, found: indptr[major] as usize, expected });
    }
    Ok(())
}

/// Checks that every index stays below `minor`; `indptr` has been checked.
pub(super) fn check_indices(axis: &'static str, minor: usize, indptr: &[u32], indices: &[u32]) -> Result<()> {
    match indices.iter().position(|&j| j as usize >= minor) {
        None => Ok(()),
        Some(at) => {
            let major = indptr.partition_point(|&start| start as usize <= at) - 1;
            Err(Error::Index { axis, major, index: indices[at] as usize, limit: minor, at })
        }
    }
}
