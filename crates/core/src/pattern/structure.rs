//! The shape in which entries are kept or dropped together.

use super::select::check_place;
use crate::matrix::checked_area;
use crate::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// What is kept or dropped as one: single entries, or whole blocks.
///
/// A structure cuts a matrix into *cells*, numbered row by row from the upper left. Blocks at the right and lower
/// border are cut off where the matrix ends, so that any block fits any matrix. In text: `unstructured`, `block 4x1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Structure {
    /// Every entry by itself.
    #[default]
    Unstructured,
    /// Blocks of `rows × cols` entries, aligned to multiples of their size.
    Block {
        /// Rows of a block, at least 1.
        rows: usize,
        /// Columns of a block, at least 1.
        cols: usize,
    },
}

impl Structure {
    /// Rows and columns of a cell that is not cut off.
    pub fn cell(self) -> (usize, usize) {
        match self {
            Structure::Unstructured => (1, 1),
            Structure::Block { rows, cols } => (rows, cols),
        }
    }

    /// How many rows and columns of cells a matrix of `shape` (rows, columns) has.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a block without rows or columns, [`Error::TooLarge`] when their product overflows.
    pub fn grid(self, shape: (usize, usize)) -> Result<(usize, usize)> {
        let (rows, cols) = self.cell();
        if rows == 0 || cols == 0 {
            let found = format!("{rows}x{cols}");
            return Err(Error::Parameter { name: "block", found, expected: "at least 1x1" });
        }
        let grid = (shape.0.div_ceil(rows), shape.1.div_ceil(cols));
        checked_area(grid.0, grid.1)?;
        checked_area(rows, cols)?;
        Ok(grid)
    }

    /// Scores summed over each cell, in the order of the cells; NaN for a cell without a score.
    ///
    /// `scores` are `(row, column, score)` in any order and need not be complete; a score that is NaN counts as −∞.
    /// Memory is one `f32` a cell.
    ///
    /// # Errors
    /// As [`grid`](Self::grid); [`Error::Memory`] when the sums cannot be held; [`Error::Index`] for a score outside
    /// `shape`.
    pub fn sum_scores(
        self,
        shape: (usize, usize),
        scores: impl IntoIterator<Item = (usize, usize, f32)>,
    ) -> Result<Vec<f32>> {
        let grid = self.grid(shape)?;
        let (rows, cols) = self.cell();
        let mut sums = crate::matrix::try_vec("scores of blocks", grid.0 * grid.1, f32::NAN)?;
        for (at, (i, j, score)) in scores.into_iter().enumerate() {
            check_place(shape, i, j, at)?;
            let sum = &mut sums[i / rows * grid.1 + j / cols];
            let score = if score.is_nan() { f32::NEG_INFINITY } else { score };
            *sum = if sum.is_nan() { score } else { *sum + score };
        }
        Ok(sums)
    }
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Structure::Unstructured => f.write_str("unstructured"),
            Structure::Block { rows, cols } => write!(f, "block {rows}x{cols}"),
        }
    }
}

impl FromStr for Structure {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "unstructured" {
            return Ok(Structure::Unstructured);
        }
        let size = text.strip_prefix("block ").and_then(|size| size.split_once('x'));
        match size.map(|(rows, cols)| (rows.trim().parse(), cols.trim().parse())) {
            Some((Ok(rows), Ok(cols))) if rows > 0 && cols > 0 => Ok(Structure::Block { rows, cols }),
            _ => Err(Error::Parameter {
                name: "structure",
                found: format!("{text:?}"),
                expected: "\"unstructured\", or \"block RxC\" such as \"block 4x1\"",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for structure in [Structure::Unstructured, Structure::Block { rows: 4, cols: 1 }] {
            assert_eq!(structure.to_string().parse(), Ok(structure));
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "block", "block 4", "block 0x4", "block 4x-1", "blocks 4x4", "block 99999999999999999999x1"] {
            assert!(matches!(text.parse::<Structure>(), Err(Error::Parameter { name: "structure", .. })), "{text}");
        }
    }

    #[test]
    fn grids_cover_ragged_edges() {
        assert_eq!(Structure::Block { rows: 4, cols: 3 }.grid((9, 9)), Ok((3, 3)));
        assert_eq!(Structure::Unstructured.grid((0, 5)), Ok((0, 5)));
    }

    #[test]
    fn impossible_grids_are_refused() {
        assert!(matches!(Structure::Block { rows: 0, cols: 1 }.grid((2, 2)), Err(Error::Parameter { .. })));
        assert!(matches!(Structure::Unstructured.grid((usize::MAX, 2)), Err(Error::TooLarge { .. })));
        assert!(matches!(Structure::Block { rows: usize::MAX, cols: 2 }.grid((2, 2)), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn scores_are_summed_by_block() {
        let scores = [(0, 0, 1.0), (1, 1, 2.0), (2, 0, f32::NAN), (0, 2, 4.0)];
        let sums = Structure::Block { rows: 2, cols: 2 }.sum_scores((3, 3), scores).unwrap();
        assert_eq!(sums[..3], [3.0, 4.0, f32::NEG_INFINITY]);
        assert!(sums[3].is_nan());
    }

    #[test]
    fn scores_outside_the_shape_are_refused() {
        let error = Structure::Unstructured.sum_scores((2, 3), [(0, 3, 1.0)]).unwrap_err();
        assert_eq!(error, Error::Index { axis: "row", major: 0, index: 3, limit: 3, at: 0 });
        assert!(Structure::Unstructured.sum_scores((2, 3), [(2, 0, 1.0)]).is_err());
    }
}
