//! The cells of a weight matrix: what is dropped and grown as one.

use crate::{Error, Result};
use rarefy_core::pattern::{Pattern, Structure, fill};
use std::ops::Range;

/// The cells of a structure on one pattern.
///
/// Blocks that the border cuts off are smaller; so cells come in classes of one size each, and a class gives back as many as
/// it takes: the number of nonzeros never changes.
pub(super) struct Cells {
    structure: Structure,
    shape: (usize, usize),
    /// Cells in a row of cells.
    across: usize,
    /// Numbers of the cells in the pattern, rising.
    pub present: Vec<u64>,
    pub classes: Vec<Class>,
}

/// Cells of one size: a rectangle of them, rows and columns counted in cells.
pub(super) struct Class {
    pub rows: Range<usize>,
    pub cols: Range<usize>,
    /// How many of them are in the pattern.
    pub present: usize,
}

impl Class {
    /// Cells of the class.
    pub fn len(&self) -> usize {
        self.rows.len() * self.cols.len()
    }
}

impl Cells {
    /// The cells of `pattern`.
    ///
    /// # Errors
    /// [`Error::Setting`] when it does not consist of whole cells.
    pub fn of(pattern: &Pattern, structure: Structure) -> Result<Self> {
        let shape = (pattern.rows(), pattern.cols());
        let (_, across) = structure.grid(shape)?;
        let (height, width) = structure.cell();
        let mut present = Vec::with_capacity(pattern.nnz() / (height * width));
        for i in (0..shape.0).step_by(height) {
            let first = (i / height * across) as u64;
            if width == 1 {
                present.extend(pattern.row(i).iter().map(|&j| first + u64::from(j))); // without a division each
            } else {
                let starts = pattern.row(i).iter().filter(|&&j| (j as usize).is_multiple_of(width));
                present.extend(starts.map(|&j| first + u64::from(j) / width as u64));
            }
        }
        if (height, width) != (1, 1) && Pattern::from_cells(shape, structure, &present)? != *pattern {
            let expected = format!("whole cells of structure {structure}");
            return Err(Error::Setting { name: "pattern of a weight", found: "of other entries".to_owned(), expected });
        }
        let (rows, cols) = ((shape.0 / height, shape.0.div_ceil(height)), (shape.1 / width, across));
        let mut classes = Vec::new();
        for rows in [0..rows.0, rows.0..rows.1] {
            for cols in [0..cols.0, cols.0..cols.1] {
                classes.push(Class { rows: rows.clone(), cols, present: 0 });
            }
        }
        classes.retain(|class| class.len() > 0);
        let mut cells = Self { structure, shape, across, present, classes };
        if let [class] = &mut cells.classes[..] {
            class.present = cells.present.len();
            return Ok(cells);
        }
        for at in 0..cells.present.len() {
            let class = cells.class(cells.present[at]);
            cells.classes[class].present += 1;
        }
        Ok(cells)
    }

    /// Entries of each cell of a class.
    pub fn entries(&self, class: usize) -> usize {
        let (height, width) = self.structure.cell();
        let Class { rows, cols, .. } = &self.classes[class];
        height.min(self.shape.0 - rows.start * height) * width.min(self.shape.1 - cols.start * width)
    }

    /// How many cells of each class make `entries` of a pattern that has `nnz` now.
    pub fn targets(&self, entries: usize, nnz: usize) -> Vec<usize> {
        if entries == nnz {
            return self.classes.iter().map(|class| class.present).collect();
        }
        let classes: Vec<_> = (0..self.classes.len()).map(|at| (self.classes[at].len(), self.entries(at))).collect();
        fill(&classes, entries)
    }

    /// The class of a cell.
    pub fn class(&self, cell: u64) -> usize {
        if self.classes.len() == 1 {
            return 0;
        }
        let (row, col) = (cell as usize / self.across, cell as usize % self.across);
        let of = |class: &Class| class.rows.contains(&row) && class.cols.contains(&col);
        self.classes.iter().position(of).unwrap_or(0)
    }

    /// Cell number `rank` of a class, counted row by row.
    pub fn nth(&self, class: usize, rank: u64) -> u64 {
        if self.classes.len() == 1 {
            return rank;
        }
        let Class { rows, cols, .. } = &self.classes[class];
        let (row, col) = (rank / cols.len() as u64, rank % cols.len() as u64);
        (rows.start as u64 + row) * self.across as u64 + cols.start as u64 + col
    }

    /// Which of its class a cell is: the other way round.
    pub fn rank(&self, class: usize, cell: u64) -> u64 {
        if self.classes.len() == 1 {
            return cell;
        }
        let Class { rows, cols, .. } = &self.classes[class];
        let (row, col) = (cell / self.across as u64, cell % self.across as u64);
        (row - rows.start as u64) * cols.len() as u64 + col - cols.start as u64
    }

    /// Scores of the pattern's entries, in row order, summed over the cells in the pattern.
    pub fn sums(&self, pattern: &Pattern, scores: Vec<f32>) -> Vec<f32> {
        let (height, width) = self.structure.cell();
        if (height, width) == (1, 1) {
            return scores;
        }
        let mut sums = vec![0.0; self.present.len()];
        let mut band = 0; // where the cells of this row of cells begin
        for top in (0..self.shape.0).step_by(height) {
            let bottom = (top + height).min(self.shape.0);
            for i in top..bottom {
                let (mut at, mut last) = (band, None);
                for (j, score) in pattern.row(i).iter().zip(&scores[pattern.indptr()[i] as usize..]) {
                    let col = *j as usize / width;
                    at += usize::from(last.is_some_and(|last| last != col));
                    last = Some(col);
                    sums[at] += score;
                }
            }
            band += pattern.row(top).iter().filter(|&&j| (j as usize).is_multiple_of(width)).count();
        }
        sums
    }

    /// Scores of whole rows of entries, summed over cells, row by row of cells. `buffer` is for the sums.
    pub fn sum_rows<'a>(&self, scores: &'a [f32], buffer: &'a mut Vec<f32>) -> &'a [f32] {
        let (height, width) = self.structure.cell();
        if (height, width) == (1, 1) {
            return scores;
        }
        buffer.clear();
        for band in scores.chunks(height * self.shape.1) {
            let start = buffer.len();
            buffer.resize(start + self.across, 0.0);
            for row in band.chunks(self.shape.1) {
                for (sum, part) in buffer[start..].iter_mut().zip(row.chunks(width)) {
                    *sum += part.iter().sum::<f32>();
                }
            }
        }
        buffer
    }

    /// The stretches of `len` cells from cell `first`, the start of a row of cells, that are of one class each: the class, and where
    /// they lie in those `len`.
    pub fn stretches(&self, first: u64, len: usize) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
        let top = first as usize / self.across.max(1);
        let bands = if self.classes.len() == 1 { 1 } else { len / self.across.max(1) };
        (0..bands).flat_map(move |band| {
            self.classes.iter().enumerate().filter_map(move |(number, class)| {
                if self.classes.len() == 1 {
                    return Some((number, 0..len));
                }
                let start = band * self.across;
                let here = class.rows.contains(&(top + band));
                here.then_some((number, start + class.cols.start..start + class.cols.end))
            })
        })
    }
}
