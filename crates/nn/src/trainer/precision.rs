//! Precision of label sets.
//!
//! `precision@k = (1/n)·Σᵢ |first k labels of row i ∩ yᵢ| / k`: of the `k` labels that come first in the order of the outputs, the
//! share that the row has. Divided by `k` also where a row has fewer labels, or the network fewer outputs, so that a row without
//! labels counts 0; as in the benchmarks of extreme classification (Bhatia et al., *The extreme classification repository*, 2016).

use rarefy_core::kernels::loss::largest;
use serde::{Deserialize, Serialize};

/// The ranks `k` at which precision is told.
pub const RANKS: [usize; 3] = [1, 3, 5];

/// Precision at [`RANKS`], each in 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Precision {
    /// The share of rows whose first label is right.
    pub at_1: f64,
    /// Of the first three.
    pub at_3: f64,
    /// Of the first five.
    pub at_5: f64,
}

/// How many of the first labels of some rows are right, at each of [`RANKS`].
///
/// ```
/// use rarefy_nn::trainer::Hits;
/// let mut hits = Hits::of(&[0.1, 0.9, 0.5, 0.3], &[0, 2]); // labels in the order 1, 2, 3, 0
/// hits.add(Hits::of(&[0.9, 0.1, 0.5, 0.3], &[]));
/// let found = hits.precision();
/// assert_eq!((found.at_1, found.at_3, found.at_5), (0.0, 1.0 / 6.0, 2.0 / 10.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hits {
    rows: u64,
    right: [u64; RANKS.len()],
}

impl Hits {
    /// Of one row with outputs `z`, whose labels are `labels`, rising. `O(z.len())`, and nothing is sorted.
    pub fn of(z: &[f32], labels: &[u32]) -> Self {
        let [.., most] = RANKS;
        let first = largest(z, most);
        let right =
            |&rank: &usize| first.iter().take(rank).filter(|label| labels.binary_search(label).is_ok()).count() as u64;
        Self { rows: 1, right: RANKS.each_ref().map(right) }
    }

    /// Adds those of other rows.
    pub fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.right.iter_mut().zip(other.right).for_each(|(sum, right)| *sum += right);
    }

    /// The precision; 0 of no rows.
    pub fn precision(&self) -> Precision {
        let at = |i: usize| self.right[i] as f64 / (RANKS[i] as u64 * self.rows.max(1)) as f64;
        Precision { at_1: at(0), at_3: at(1), at_5: at(2) }
    }
}

impl Precision {
    /// Each rank with its precision.
    pub fn ranks(self) -> [(usize, f64); RANKS.len()] {
        let [first, third, fifth] = RANKS;
        [(first, self.at_1), (third, self.at_3), (fifth, self.at_5)]
    }
}
