//! The stored numbers of a weight, row by row: what penalties on neurons look at.

use super::{Storage, Weight};

impl Weight {
    /// Calls `change(row, values, beside)` with the stored numbers of each row, those of `beside` with them: an array in the same
    /// order, or an empty one.
    pub(crate) fn each_row(&mut self, beside: &[f32], mut change: impl FnMut(usize, &mut [f32], &[f32])) {
        let values = &mut self.param.values;
        match &self.storage {
            Storage::Dense { cols, .. } => {
                for (i, row) in values.chunks_exact_mut((*cols).max(1)).enumerate() {
                    let range = if beside.is_empty() { 0..0 } else { i * cols..(i + 1) * cols };
                    change(i, row, &beside[range]);
                }
            }
            Storage::Sparse(pattern) => {
                let (mut row, mut with) = (Vec::new(), Vec::new());
                let mut counts = vec![0usize; pattern.rows()];
                pattern.row_idx().iter().for_each(|&i| counts[i as usize] += 1);
                let order = pattern.row_order();
                let mut rest = &order[..];
                for (i, count) in counts.into_iter().enumerate() {
                    let (places, later) = rest.split_at(count);
                    rest = later;
                    row.clear();
                    row.extend(places.iter().map(|&at| values[at as usize]));
                    with.clear();
                    with.extend(places.iter().filter_map(|&at| beside.get(at as usize)));
                    change(i, &mut row, &with);
                    places.iter().zip(&row).for_each(|(&at, &value)| values[at as usize] = value);
                }
            }
        }
    }

    /// The sum of something over the stored numbers of each row; `of` gets where they are stored.
    pub(crate) fn row_sums(&self, of: impl Fn(usize) -> f64) -> Vec<f64> {
        match &self.storage {
            Storage::Dense { rows, cols, .. } => {
                (0..*rows).map(|i| (i * cols..(i + 1) * cols).map(&of).sum()).collect()
            }
            Storage::Sparse(pattern) => {
                let mut sums = vec![0.0; pattern.rows()];
                pattern.row_idx().iter().enumerate().for_each(|(at, &i)| sums[i as usize] += of(at));
                sums
            }
        }
    }
}
