//! The part of a weight that the network computes with.

use super::{Storage, Weight};
use crate::{Error, Result};
use rarefy_core::kernels::sparse_dense::TwoWay;
use rarefy_core::pattern::Pattern;

/// The entries that the network computes with, where those are not all: the others are trained all the same, by the gradient
/// that they would have (Top-KAST).
#[derive(Debug, Clone)]
pub(super) struct Front {
    /// Where each is stored: in the column order of `pattern` if there is one, rising otherwise.
    pub places: Vec<u32>,
    /// Their pattern, where the weight is stored sparse.
    pub pattern: Option<TwoWay>,
}

impl Front {
    /// The numbers of the front in its own order.
    pub(super) fn gather(&self, values: &[f32], to: &mut Vec<f32>) {
        to.clear();
        to.extend(self.places.iter().map(|&at| values[at as usize]));
    }

    /// All numbers as stored, but zero behind the front.
    pub(super) fn mask(&self, values: &[f32], to: &mut Vec<f32>) {
        to.clear();
        to.resize(values.len(), 0.0);
        self.places.iter().for_each(|&at| to[at as usize] = values[at as usize]);
    }
}

impl Weight {
    /// The entries that [`Weight::forward`] and `dx` of [`Weight::backward`] compute with, as positions in row order; `None` if
    /// they are all.
    pub fn front(&self) -> Option<Vec<u32>> {
        let front = self.front.as_ref()?;
        let mut inside = vec![false; self.storage.len()];
        front.places.iter().for_each(|&at| inside[at as usize] = true);
        let places = self.storage.places();
        Some(
            (0u32..).zip(places.iter()).filter(|(_, at)| inside[**at as usize]).map(|(position, _)| position).collect(),
        )
    }

    /// Computes with these entries only from now on, the others being trained behind them: positions in row order, rising.
    ///
    /// # Errors
    /// [`Error::Setting`] for positions that do not rise or do not exist; when there is no memory.
    pub fn set_front(&mut self, positions: &[u32]) -> Result<()> {
        let nnz = self.nnz();
        if !positions.is_sorted_by(|a, b| a < b) || positions.last().is_some_and(|&last| last as usize >= nnz) {
            let expected = format!("rising numbers below {nnz}");
            return Err(Error::Setting { name: "front of a weight", found: "other positions".to_owned(), expected });
        }
        if positions.len() == nnz {
            self.front = None;
            return Ok(());
        }
        let own = self.storage.places();
        let places: Vec<u32> = positions.iter().map(|&position| own[position as usize]).collect();
        self.front = Some(match &self.storage {
            Storage::Dense { .. } => Front { places, pattern: None },
            Storage::Sparse(whole) => {
                let whole = whole.pattern()?;
                let indices = positions.iter().map(|&at| whole.indices()[at as usize]).collect();
                let indptr = whole.indptr().iter().map(|&end| positions.partition_point(|&at| at < end) as u32);
                let front = Pattern::new(whole.rows(), whole.cols(), indptr.collect(), indices)?;
                let pattern = TwoWay::new(&front)?;
                let mut ordered = vec![0; places.len()];
                pattern.row_order().iter().zip(&places).for_each(|(&to, &from)| ordered[to as usize] = from);
                Front { places: ordered, pattern: Some(pattern) }
            }
        });
        Ok(())
    }
}
