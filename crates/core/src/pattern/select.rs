//! Patterns by chance, by score, and out of chosen cells.

use super::{Pattern, Structure, TopK};
use crate::matrix::{check_shape, check_u32, checked_area, try_vec, try_with_capacity};
use crate::random::{Key, sample};
use crate::{Error, Result};

impl Pattern {
    /// A pattern in which everything may be nonzero.
    ///
    /// # Errors
    /// [`Error::TooLarge`] or [`Error::Memory`] when it cannot be held.
    pub fn full(rows: usize, cols: usize) -> Result<Self> {
        check_shape(rows, cols)?;
        let nnz = checked_area(rows, cols)?;
        check_u32("nonzeros", nnz)?;
        let mut indices = try_with_capacity("pattern", nnz)?;
        (0..rows).for_each(|_| indices.extend(0..cols as u32));
        let mut indptr = try_with_capacity("pattern", rows + 1)?;
        indptr.extend((0..=rows).map(|i| (i * cols) as u32));
        Ok(Self { rows, cols, indptr, indices })
    }

    /// A random pattern, every one of the same size equally likely: `nnz` entries, or whole blocks of at most `nnz`
    /// entries.
    ///
    /// Blocks come as near to `nnz` as no further block would fit below it; those cut off at a border are as dense as
    /// the others, up to rounding. Time and memory are `O(nnz + rows)`. The same `key` gives the same pattern; the
    /// numbers are its step 0.
    ///
    /// # Errors
    /// [`Error::Parameter`] when `nnz` is more than there are entries, [`Error::TooLarge`] or [`Error::Memory`] when it
    /// cannot be held, and the errors of [`Structure::grid`].
    pub fn random(shape: (usize, usize), nnz: usize, structure: Structure, key: Key) -> Result<Self> {
        let total = check_nnz(shape, nnz)?;
        let grid = structure.grid(shape)?;
        let (height, width) = structure.cell();
        // Whole and cut-off cells: a class is (first cell row, cell rows, first cell column, cell columns, entries a
        // cell).
        let (whole, rest) = ((shape.0 / height, shape.1 / width), (shape.0 % height, shape.1 % width));
        let mut classes = [
            (0, whole.0, 0, whole.1, height * width),
            (0, whole.0, whole.1, grid.1 - whole.1, height * rest.1),
            (whole.0, grid.0 - whole.0, 0, whole.1, rest.0 * width),
            (whole.0, grid.0 - whole.0, whole.1, grid.1 - whole.1, rest.0 * rest.1),
        ];
        classes.sort_by_key(|class| std::cmp::Reverse(class.4)); // what is left over goes to large cells first
        let share = |cells: usize| (cells as u128 * nnz as u128 / total.max(1) as u128) as usize;
        let mut counts = classes.map(|(_, rows, _, cols, _)| share(rows * cols));
        let mut left = nnz - counts.iter().zip(&classes).map(|(count, class)| count * class.4).sum::<usize>();
        for (count, &(_, rows, _, cols, entries)) in counts.iter_mut().zip(&classes) {
            let more = left.checked_div(entries).unwrap_or(0).min(rows * cols - *count);
            *count += more;
            left -= more * entries;
        }
        let mut stream = key.stream(0);
        let mut cells = try_with_capacity("pattern", counts.iter().sum())?;
        for (count, (top, rows, side, cols, _)) in counts.into_iter().zip(classes) {
            let chosen = sample(count, (rows * cols) as u64, &mut stream)?;
            let (first, across) = ((top * grid.1 + side) as u64, grid.1 as u64);
            if cols == grid.1 {
                cells.extend(chosen.into_iter().map(|i| first + i)); // whole bands: without two divisions a cell
            } else {
                cells.extend(chosen.into_iter().map(|i| first + i / cols as u64 * across + i % cols as u64));
            }
        }
        cells.sort_unstable();
        Self::from_cells(shape, structure, &cells)
    }

    /// The pattern of the highest scores: `nnz` entries, or whole blocks of at most `nnz` entries, the best first.
    ///
    /// `scores` are `(row, column, score)`, each place at most once. Places that do not occur are never chosen, so the
    /// result has fewer entries when the stream is shorter; blocks are ranked by the sum of their scores, and one
    /// that no longer fits is passed over. Ties go to the lower position, NaN last. Memory is `O(nnz)`, and one
    /// number a block.
    ///
    /// # Errors
    /// [`Error::Parameter`] when `nnz` is more than there are entries, [`Error::Index`] for a score outside `shape`,
    /// [`Error::TooLarge`] or [`Error::Memory`] when it cannot be held.
    pub fn from_scores(
        shape: (usize, usize),
        nnz: usize,
        structure: Structure,
        scores: impl IntoIterator<Item = (usize, usize, f32)>,
    ) -> Result<Self> {
        check_nnz(shape, nnz)?;
        if structure.cell() == (1, 1) {
            let mut best = TopK::new(nnz)?;
            for (at, (i, j, score)) in scores.into_iter().enumerate() {
                check_place(shape, i, j, at)?;
                best.push((i * shape.1 + j) as u64, score);
            }
            return Self::from_cells(shape, structure, &best.into_indices());
        }
        let sums = structure.sum_scores(shape, scores)?;
        let mut ranking = TopK::new(sums.len())?;
        ranking.extend(0, &sums);
        let (mut left, mut cells) = (nnz, Vec::new());
        for (cell, score) in ranking.into_ranking() {
            let entries = structure.entries(shape, cell);
            if !score.is_nan() && entries <= left {
                left -= entries;
                cells.push(cell);
            }
        }
        cells.sort_unstable();
        Self::from_cells(shape, structure, &cells)
    }

    /// The pattern of the given cells of a structure: entry numbers `row · cols + column` for
    /// [`Unstructured`](Structure::Unstructured), block numbers otherwise; see [`Structure`].
    ///
    /// # Errors
    /// [`Error::Parameter`] unless cells rise strictly and exist; [`Error::TooLarge`] or [`Error::Memory`] when the
    /// pattern cannot be held.
    pub fn from_cells(shape: (usize, usize), structure: Structure, cells: &[u64]) -> Result<Self> {
        let (rows, cols) = shape;
        check_shape(rows, cols)?;
        let grid = structure.grid(shape)?;
        let (height, width) = structure.cell();
        let rising = cells.is_sorted_by(|a, b| a < b);
        if let Some(last) = cells.last().filter(|&&last| !rising || last >= (grid.0 * grid.1) as u64) {
            let found = if rising { format!("{last} of {}", grid.0 * grid.1) } else { "out of order".into() };
            return Err(Error::Parameter { name: "cells of a pattern", found, expected: "rising numbers of cells" });
        }
        let nnz = match structure {
            Structure::Unstructured => cells.len(),
            Structure::Block { .. } => cells.iter().map(|&cell| structure.entries(shape, cell)).sum(),
        };
        check_u32("nonzeros", nnz)?;
        let mut indptr = try_vec("pattern", rows + 1, nnz as u32)?;
        let mut indices: Vec<u32> = try_with_capacity("pattern", nnz)?;
        let mut rest = cells;
        for band in 0..grid.0 {
            let bound = ((band + 1) * grid.1) as u64;
            // Not a binary search over all of `rest`: bands are short.
            let (here, after) = rest.split_at(rest.iter().take_while(|&&cell| cell < bound).count());
            for start in &mut indptr[band * height..((band + 1) * height).min(rows)] {
                *start = indices.len() as u32;
                for &cell in here {
                    let left = (cell as usize - band * grid.1) * width;
                    indices.extend(left as u32..(left + width).min(cols) as u32);
                }
            }
            rest = after;
        }
        Ok(Self { rows, cols, indptr, indices })
    }
}

impl Structure {
    /// Entries in a cell, fewer where a border cuts it off.
    fn entries(self, shape: (usize, usize), cell: u64) -> usize {
        let (height, width) = self.cell();
        let across = shape.1.div_ceil(width);
        let (top, left) = (cell as usize / across * height, cell as usize % across * width);
        height.min(shape.0 - top) * width.min(shape.1 - left)
    }
}

/// Checks the shape, and that it has room for `nnz` entries; returns how many there are.
fn check_nnz(shape: (usize, usize), nnz: usize) -> Result<usize> {
    check_shape(shape.0, shape.1)?;
    let total = checked_area(shape.0, shape.1)?;
    check_u32("nonzeros", nnz)?;
    if nnz > total {
        let found = format!("{nnz} of {total}");
        return Err(Error::Parameter { name: "nonzeros", found, expected: "at most as many as there are entries" });
    }
    Ok(total)
}

/// Checks that `(i, j)`, number `at` of a stream, lies in `shape`.
pub(super) fn check_place(shape: (usize, usize), i: usize, j: usize, at: usize) -> Result<()> {
    if i >= shape.0 {
        return Err(Error::Index { axis: "column", major: j, index: i, limit: shape.0, at });
    }
    if j >= shape.1 {
        return Err(Error::Index { axis: "row", major: i, index: j, limit: shape.1, at });
    }
    Ok(())
}
