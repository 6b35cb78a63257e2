//! A quota per window: at most `keep` entries in each `of` consecutive columns of a row.

use super::cells::Cells;
use rarefy_core::pattern::Pattern;

/// At most `keep` entries in each window of `of` columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quota {
    pub keep: usize,
    pub of: usize,
}

impl Quota {
    /// Gives entries beyond the quota of their window, the lowest of it, a score below all others; returns how many there are.
    pub fn mark_excess(&self, pattern: &Pattern, scores: &mut [f32]) -> usize {
        let (mut excess, mut order) = (0, Vec::new());
        for i in 0..pattern.rows() {
            let mut at = pattern.indptr()[i] as usize;
            for window in pattern.row(i).chunk_by(|a, b| *a as usize / self.of == *b as usize / self.of) {
                let scores = &mut scores[at..at + window.len()];
                at += window.len();
                if window.len() > self.keep {
                    order.clear();
                    order.extend(0..window.len());
                    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a])); // stable: ties keep the lower index
                    order[self.keep..].iter().for_each(|&entry| scores[entry] = f32::NEG_INFINITY);
                    excess += window.len() - self.keep;
                }
            }
        }
        excess
    }

    /// The room that is left in each window of a matrix once the cells in `dropped` are gone.
    pub fn room(self, cells: &Cells, shape: (usize, usize), dropped: &[Vec<u64>]) -> Room {
        let across = shape.1.div_ceil(self.of);
        let mut room = Room { quota: self, cols: shape.1, across, held: vec![0; shape.0 * across] };
        cells.present.iter().for_each(|&cell| room.take(cell));
        dropped.iter().flatten().for_each(|&cell| {
            let window = room.window(cell);
            room.held[window] -= 1;
        });
        room
    }
}

/// How many entries each window holds.
pub(super) struct Room {
    quota: Quota,
    cols: usize,
    /// Windows in a row.
    across: usize,
    held: Vec<u32>,
}

impl Room {
    /// The window of a cell.
    fn window(&self, cell: u64) -> usize {
        let (row, col) = (cell as usize / self.cols, cell as usize % self.cols);
        row * self.across + col / self.quota.of
    }

    /// Puts a cell into its window.
    pub fn take(&mut self, cell: u64) {
        let window = self.window(cell);
        self.held[window] += 1;
    }

    /// As [`Room::take`], if there is room.
    pub fn claim(&mut self, cell: u64) -> bool {
        let free = (self.held[self.window(cell)] as usize) < self.quota.keep;
        if free {
            self.take(cell);
        }
        free
    }

    /// Makes NaN of all scores of a row but the best of each window that there is room for; ties go to the lower index. Which of
    /// all windows' best are grown is then a matter of their scores alone.
    pub fn limit(&self, row: usize, scores: &mut [f32]) {
        let mut order = Vec::new();
        for (window, scores) in scores.chunks_mut(self.quota.of).enumerate() {
            let free = self.quota.keep.saturating_sub(self.held[row * self.across + window] as usize);
            order.clear();
            order.extend((0..scores.len()).filter(|&j| !scores[j].is_nan()));
            if order.len() > free {
                order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
                order[free..].iter().for_each(|&j| scores[j] = f32::NAN);
            }
        }
    }
}
