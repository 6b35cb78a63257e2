//! A mini-batch of sparse samples.

use crate::Result;
use crate::kernels::gather::Factors;
use crate::matrix::{CsrView, try_vec};

/// `features × len` inputs of which few are nonzero, in both orders: by sample, and by feature.
///
/// One of these is filled again for every batch and keeps its memory. It holds 16 bytes a nonzero, and 33 bits a feature.
#[derive(Debug, Clone)]
pub struct SparseBatch {
    features: usize,
    len: usize,
    /// Entries before each sample.
    pub(super) sample_ptr: Vec<u32>,
    /// Feature of each entry, rising within a sample.
    pub(super) feature_idx: Vec<u32>,
    /// Value of each entry, sample by sample.
    pub(super) by_sample: Vec<f32>,
    /// Features that some sample has, rising.
    pub(super) active: Vec<u32>,
    /// Entries before each active feature.
    pub(super) active_ptr: Vec<u32>,
    /// Sample of each entry, rising within a feature.
    pub(super) sample_idx: Vec<u32>,
    /// Value of each entry, feature by feature.
    pub(super) by_feature: Vec<f32>,
    /// For each feature, while a batch is filled: entries counted, then the next free place. Zero between batches.
    next: Vec<u32>,
    /// For each feature, while a batch is filled: a bit that tells whether some sample has it.
    present: Vec<u64>,
}

impl SparseBatch {
    /// An empty batch of samples with `features` features.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) when it cannot be held.
    pub fn new(features: usize) -> Result<Self> {
        Ok(Self {
            features,
            len: 0,
            sample_ptr: vec![0],
            feature_idx: Vec::new(),
            by_sample: Vec::new(),
            active: Vec::new(),
            active_ptr: vec![0],
            sample_idx: Vec::new(),
            by_feature: Vec::new(),
            next: try_vec("sparse batch", features, 0)?,
            present: try_vec("sparse batch", features.div_ceil(64), 0)?,
        })
    }

    /// Takes the listed rows of `data` as its samples, each feature times its factor.
    ///
    /// Costs `O(nnz)` of these rows, and a look at one bit a feature.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge) past `u32` entries in one batch (rows may be listed more than once).
    ///
    /// # Panics
    /// Unless the data have this batch's features, the rows lie in the data, and every feature has a factor.
    pub fn fill(&mut self, data: CsrView<'_, f32>, rows: &[u32], factors: Factors<'_>) -> Result<()> {
        assert_eq!(data.cols(), self.features, "features of the data and of the batch");
        factors.check(self.features);
        let entries = |row: u32| data.indptr()[row as usize] as usize..data.indptr()[row as usize + 1] as usize;
        crate::matrix::check_u32("nonzeros of a batch", rows.iter().map(|&r| entries(r).len()).sum())?;
        self.len = rows.len();
        self.sample_ptr.truncate(1);
        self.feature_idx.clear();
        self.by_sample.clear();
        self.active.clear();
        for &row in rows {
            let (features, values) = (&data.indices()[entries(row)], &data.values()[entries(row)]);
            self.feature_idx.extend_from_slice(features);
            self.by_sample.extend(features.iter().zip(values).map(|(&j, &v)| factors.of(j as usize) * v));
            self.sample_ptr.push(self.feature_idx.len() as u32);
            for &j in features {
                self.next[j as usize] += 1;
                self.present[j as usize / 64] |= 1 << (j % 64);
            }
        }
        self.list_active();
        self.group_by_feature();
        Ok(())
    }

    /// Lists the features that are present, and clears their bits.
    fn list_active(&mut self) {
        for (word, bits) in self.present.iter_mut().enumerate() {
            while *bits != 0 {
                self.active.push(word as u32 * 64 + bits.trailing_zeros());
                *bits &= *bits - 1;
            }
        }
    }

    /// Puts the entries, given sample by sample, in the order of the active features as well.
    fn group_by_feature(&mut self) {
        let nnz = self.feature_idx.len();
        self.active_ptr.clear();
        let mut total = 0;
        for &j in &self.active {
            self.active_ptr.push(total);
            let count = std::mem::replace(&mut self.next[j as usize], total);
            total += count;
        }
        self.active_ptr.push(total);
        self.sample_idx.resize(nnz, 0);
        self.by_feature.resize(nnz, 0.0);
        for s in 0..self.len {
            for k in self.sample_ptr[s] as usize..self.sample_ptr[s + 1] as usize {
                let at = &mut self.next[self.feature_idx[k] as usize];
                self.sample_idx[*at as usize] = s as u32;
                self.by_feature[*at as usize] = self.by_sample[k];
                *at += 1;
            }
        }
        for &j in &self.active {
            self.next[j as usize] = 0;
        }
    }

    /// Number of features.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Number of samples.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Number of stored entries.
    pub fn nnz(&self) -> usize {
        self.feature_idx.len()
    }

    /// The features that some sample has, rising: the columns of `W` that this batch touches.
    pub fn active(&self) -> &[u32] {
        &self.active
    }

    /// Features (rising) and values of sample `s`.
    pub fn sample(&self, s: usize) -> (&[u32], &[f32]) {
        let range = self.sample_ptr[s] as usize..self.sample_ptr[s + 1] as usize;
        (&self.feature_idx[range.clone()], &self.by_sample[range])
    }

    /// Samples (rising) and values of the `a`-th active feature.
    pub fn feature(&self, a: usize) -> (&[u32], &[f32]) {
        let range = self.active_ptr[a] as usize..self.active_ptr[a + 1] as usize;
        (&self.sample_idx[range.clone()], &self.by_feature[range])
    }
}
