//! The shape in which entries are kept or dropped together.

use super::select::check_place;
use crate::matrix::checked_area;
use crate::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// What is kept or dropped as one, single entries or whole blocks, and how many may lie close together.
///
/// A structure cuts a matrix into *cells*, numbered row by row from the upper left. Blocks at the right and lower
/// border are cut off where the matrix ends, so that any block fits any matrix. In text: `unstructured`, `block 4x1`,
/// `2:4`, `3 of 32`.
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
    /// Single entries, at most `keep` in each window of `of` consecutive columns of a row, aligned to multiples of `of`;
    /// the last window of a row may be shorter. With `2:4` it is what some GPUs multiply, with `3:32` what a lookup in
    /// registers holds; n:m and a quota per window are one rule at different widths.
    Window {
        /// Most entries in a window, at least 1.
        keep: usize,
        /// Columns of a window, more than `keep`.
        of: usize,
    },
}

impl Structure {
    /// Rows and columns of a cell that is not cut off.
    pub fn cell(self) -> (usize, usize) {
        match self {
            Structure::Unstructured | Structure::Window { .. } => (1, 1),
            Structure::Block { rows, cols } => (rows, cols),
        }
    }

    /// The highest density that any matrix can have.
    pub fn most(self) -> f64 {
        match self {
            Structure::Window { keep, of } => keep as f64 / of as f64,
            _ => 1.0,
        }
    }

    /// How many entries a matrix of `shape` can have.
    ///
    /// # Errors
    /// As [`grid`](Self::grid).
    pub fn capacity(self, shape: (usize, usize)) -> Result<usize> {
        self.grid(shape)?;
        let row = match self {
            Structure::Window { keep, of } => shape.1 / of * keep + keep.min(shape.1 % of),
            _ => shape.1,
        };
        Ok(shape.0 * row)
    }

    /// How many rows and columns of cells a matrix of `shape` (rows, columns) has.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a block without rows or columns, or a window that keeps nothing or everything;
    /// [`Error::TooLarge`] when a product overflows.
    pub fn grid(self, shape: (usize, usize)) -> Result<(usize, usize)> {
        if let Structure::Window { keep, of } = self
            && (keep == 0 || keep >= of)
        {
            let expected = "at least 1 entry of a window, and fewer than it has columns";
            return Err(Error::Parameter { name: "window", found: format!("{keep}:{of}"), expected });
        }
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
            Structure::Window { keep, of } => write!(f, "{keep}:{of}"),
        }
    }
}

impl FromStr for Structure {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "unstructured" {
            return Ok(Structure::Unstructured);
        }
        let pair = |text: &str, by: &str| {
            let (a, b) = text.split_once(by)?;
            Some((a.trim().parse::<usize>().ok()?, b.trim().parse::<usize>().ok()?))
        };
        let structure = match text.strip_prefix("block ") {
            Some(size) => pair(size, "x").map(|(rows, cols)| Structure::Block { rows, cols }),
            None => pair(text, ":").or_else(|| pair(text, " of ")).map(|(keep, of)| Structure::Window { keep, of }),
        };
        structure.filter(|structure| structure.grid((1, 1)).is_ok()).ok_or_else(|| Error::Parameter {
            name: "structure",
            found: format!("{text:?}"),
            expected: "\"unstructured\", \"block RxC\" such as \"block 4x1\", or \"N:M\" such as \"2:4\"",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        let window = Structure::Window { keep: 3, of: 32 };
        for structure in [Structure::Unstructured, Structure::Block { rows: 4, cols: 1 }, window] {
            assert_eq!(structure.to_string().parse(), Ok(structure));
        }
        assert_eq!("3 of 32".parse(), Ok(window));
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "block",
            "block 4",
            "block 0x4",
            "block 4x-1",
            "blocks 4x4",
            "block 99999999999999999999x1",
            "0:4",
            "4:4",
            "2:",
            "of",
        ] {
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
    fn capacities_count_what_windows_hold() {
        let structure = Structure::Window { keep: 2, of: 4 };
        assert_eq!(structure.capacity((3, 11)), Ok(3 * (2 + 2 + 2)));
        assert_eq!(structure.capacity((3, 9)), Ok(3 * (2 + 2 + 1)));
        assert_eq!(Structure::Block { rows: 4, cols: 4 }.capacity((3, 9)), Ok(27));
        assert!(Structure::Window { keep: 4, of: 4 }.capacity((3, 9)).is_err());
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
