//! Patterns by chance, by score, and out of chosen cells.

use super::{Pattern, Structure, TopK};
use crate::matrix::{check_shape, check_u32, checked_area, try_vec, try_with_capacity};
use crate::random::{Key, Stream, sample};
use crate::{Error, Result};

/// How many cells of each class hold `nnz` entries together, or as few less as no further cell would fit below;
/// `classes` are numbers of cells and entries a cell. All classes are as full as each other, up to rounding; what is left
/// over goes to large cells first.
pub fn fill(classes: &[(usize, usize)], nnz: usize) -> Vec<usize> {
    let total: usize = classes.iter().map(|(cells, entries)| cells * entries).sum();
    let share = |cells: usize| ((cells as u128 * nnz as u128 / total.max(1) as u128) as usize).min(cells);
    let mut counts: Vec<usize> = classes.iter().map(|&(cells, _)| share(cells)).collect();
    let mut left = nnz - counts.iter().zip(classes).map(|(count, class)| count * class.1).sum::<usize>();
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(classes[class].1));
    for class in order {
        let (cells, entries) = classes[class];
        let more = left.checked_div(entries).unwrap_or(0).min(cells - counts[class]);
        counts[class] += more;
        left -= more * entries;
    }
    counts
}

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
    /// With [`Structure::Window`], windows have equally many entries, one more or less.
    ///
    /// Blocks come as near to `nnz` as no further block would fit below it; those cut off at a border are as dense as
    /// the others, up to rounding. Time and memory are `O(nnz + rows)`. The same `key` gives the same pattern; the
    /// numbers are its step 0.
    ///
    /// # Errors
    /// [`Error::Parameter`] when `nnz` is more than there is room for, [`Error::TooLarge`] or [`Error::Memory`] when it
    /// cannot be held, and the errors of [`Structure::grid`].
    pub fn random(shape: (usize, usize), nnz: usize, structure: Structure, key: Key) -> Result<Self> {
        check_nnz(shape, nnz)?;
        let grid = structure.grid(shape)?;
        if let Structure::Window { keep, of } = structure {
            return Self::random_windows(shape, nnz, (keep, of), &mut key.stream(0));
        }
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
        classes.sort_by_key(|class| std::cmp::Reverse(class.4));
        let counts = fill(&classes.map(|(_, rows, _, cols, entries)| (rows * cols, entries)), nnz);
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

    /// `nnz` entries, at most `keep` in each window of `of` columns: as many in each, up to one, where that leaves room.
    fn random_windows(
        shape: (usize, usize),
        nnz: usize,
        (keep, of): (usize, usize),
        stream: &mut Stream,
    ) -> Result<Self> {
        let room = Structure::Window { keep, of }.capacity(shape)?;
        if nnz > room {
            let (found, expected) = (format!("{nnz} of {room}"), "at most as many as the windows have room for");
            return Err(Error::Parameter { name: "nonzeros", found, expected });
        }
        // Windows of one width: (first column, windows in a row, columns, most entries).
        let (whole, rest) = (shape.1 / of, shape.1 % of);
        let classes = [(0, whole, of, keep), (whole * of, usize::from(rest > 0), rest, keep.min(rest))];
        let classes = classes.map(|(first, across, cols, most)| (first, across, cols, most, shape.0 * across));
        let counts = fill(&classes.map(|(.., most, windows)| (windows * most, 1)), nnz);
        let mut cells: Vec<u64> = try_with_capacity("pattern", nnz)?;
        for ((first, across, cols, _, windows), count) in classes.into_iter().zip(counts) {
            let (each, more) = (count.checked_div(windows).unwrap_or(0), count.checked_rem(windows).unwrap_or(0));
            let mut chosen = sample(more, windows as u64, stream)?.into_iter().peekable();
            let mut window = 0;
            // Where windows have none but for the chosen, the others are not walked.
            while let Some(at) = if each > 0 { Some(window) } else { chosen.peek().copied() } {
                if at >= windows as u64 {
                    break;
                }
                let one_more = usize::from(chosen.next_if_eq(&at).is_some());
                let (row, side) = (at / across as u64, at % across as u64);
                let start = row * shape.1 as u64 + first as u64 + side * cols as u64;
                cells.extend(sample(each + one_more, cols as u64, stream)?.into_iter().map(|j| start + j));
                window = at + 1;
            }
        }
        cells.sort_unstable();
        Self::from_cells(shape, Structure::Window { keep, of }, &cells)
    }

    /// The pattern of the highest scores: `nnz` entries, or whole blocks of at most `nnz` entries, the best first.
    ///
    /// `scores` are `(row, column, score)`, each place at most once. Places that do not occur are never chosen, so the
    /// result has fewer entries when the stream is shorter; blocks are ranked by the sum of their scores, and one
    /// that no longer fits is passed over, as is an entry whose window is full. Ties go to the lower position, NaN last.
    /// Memory is `O(nnz)`, and one number a block; with windows, one a score.
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
        if let Structure::Window { keep, of } = structure {
            let mut listed = Vec::new();
            for (at, (i, j, score)) in scores.into_iter().enumerate() {
                check_place(shape, i, j, at)?;
                listed.push(((i * shape.1 + j) as u64, score));
            }
            let mut best = TopK::new(listed.len())?;
            listed.into_iter().for_each(|(cell, score)| best.push(cell, score));
            let mut held = std::collections::HashMap::new();
            let mut cells = Vec::new();
            for (cell, _) in best.into_ranking() {
                let held = held.entry((cell / shape.1 as u64, cell % shape.1 as u64 / of as u64)).or_insert(0);
                if cells.len() < nnz && *held < keep {
                    *held += 1;
                    cells.push(cell);
                }
            }
            cells.sort_unstable();
            return Self::from_cells(shape, structure, &cells);
        }
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
            Structure::Window { keep, of } => {
                let window = |cell: u64| (cell / cols as u64, cell % cols as u64 / of as u64);
                // Cells rise, so that those of a window stand together.
                if let Some(full) = cells.windows(keep + 1).find(|run| window(run[0]) == window(run[keep])) {
                    let found = format!("{} in the window of cell {}", keep + 1, full[0]);
                    return Err(Error::Parameter { name: "cells of a pattern", found, expected: "the quota kept" });
                }
                cells.len()
            }
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
