//! Where the numbers of a weight lie.

use crate::Result;
use rarefy_core::kernels::sparse_dense::TwoWay;
use rarefy_core::pattern::Pattern;

/// Density from which a weight is stored dense: an estimate from the time of a step of a 1024 × 1024 weight at density 0.2,
/// which grows with density, and of a dense one.
pub const DENSE_FROM: f64 = 0.4;

#[derive(Debug, Clone)]
pub(super) enum Storage {
    /// Entries in the column order of the pattern.
    Sparse(TwoWay),
    /// All entries, row by row; those at `zeros` (positions in that order, rising) are not in the pattern.
    Dense { rows: usize, cols: usize, zeros: Vec<u32> },
}

impl Storage {
    /// How a weight with this pattern is stored.
    pub(super) fn new(pattern: &Pattern) -> Result<Self> {
        let (rows, cols) = (pattern.rows(), pattern.cols());
        if pattern.density() < DENSE_FROM || rows * cols > u32::MAX as usize {
            return Ok(Self::Sparse(TwoWay::new(pattern)?));
        }
        let mut zeros = rarefy_core::matrix::try_vec("zeros of a dense weight", rows * cols - pattern.nnz(), 0u32)?;
        let mut left = zeros.iter_mut();
        let mut next = 0;
        for at in pattern.iter().map(|(i, j)| (i * cols + j) as u32).chain([(rows * cols) as u32]) {
            (next..at).zip(&mut left).for_each(|(zero, place)| *place = zero);
            next = at + 1;
        }
        Ok(Self::Dense { rows, cols, zeros })
    }

    /// How many numbers are stored.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Sparse(pattern) => pattern.nnz(),
            Self::Dense { rows, cols, .. } => rows * cols,
        }
    }

    /// Where each entry of the pattern is stored, in row order.
    pub(super) fn places(&self) -> Vec<u32> {
        match self {
            Self::Sparse(pattern) => pattern.row_order(),
            Self::Dense { rows, cols, zeros } => {
                let mut places = Vec::with_capacity(rows * cols - zeros.len());
                let mut next = 0;
                for &zero in zeros.iter().chain([&((rows * cols) as u32)]) {
                    places.extend(next..zero);
                    next = zero + 1;
                }
                places
            }
        }
    }
}

/// From where to where numbers move, for the entries that two patterns share. Places are in row order.
pub(super) fn moves(old: &Pattern, old_places: &[u32], new: &Pattern, new_places: &[u32]) -> Vec<(u32, u32)> {
    let mut moves = Vec::with_capacity(new.nnz());
    for i in 0..new.rows() {
        let (mut at, end) = (old.indptr()[i] as usize, old.indptr()[i + 1] as usize);
        for (j, &to) in new.row(i).iter().zip(&new_places[new.indptr()[i] as usize..]) {
            while at < end && old.indices()[at] < *j {
                at += 1;
            }
            if at < end && old.indices()[at] == *j {
                moves.push((old_places[at], to));
            }
        }
    }
    moves
}
