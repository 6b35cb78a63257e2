//! A weight matrix that is stored sparse, or dense where that is faster.
//!
//! From density [`DENSE_FROM`] on, a dense product beats the sparse kernels (`cargo bench -p rarefy-core`); such a weight is
//! stored dense, and the zeros of its pattern are kept zero. Training never decides by a stopwatch, so that the same
//! recipe gives the same bits; `inspect` shows what was chosen.

use crate::{Param, Result, Step};
use rarefy_core::kernels::dense::{Strided, product};
use rarefy_core::kernels::sparse_dense::{self, Gradient, TwoWay};
use rarefy_core::kernels::update;
use rarefy_core::matrix::{Batch, Csr, Dense};
use rarefy_core::pattern::Pattern;
use rarefy_core::random::Key;
use rarefy_model::graph;

/// Density from which a weight is stored dense. Measured on 1024 × 1024, batch 128, forward and backward with Adam.
pub const DENSE_FROM: f64 = 0.4;

/// Rows of the dense gradient that exist at one time while weights to grow are looked for.
const CHUNK: usize = 64;

/// Rows of the gradient of a dense weight that one thread computes before the optimizer takes them.
const DENSE_CHUNK: usize = 256;

/// A weight matrix, `rows` outputs × `cols` inputs.
#[derive(Debug, Clone)]
pub struct Weight {
    param: Param,
    storage: Storage,
}

#[derive(Debug, Clone)]
enum Storage {
    /// Entries in the column order of the pattern.
    Sparse(TwoWay),
    /// All entries, row by row; those at `zeros` (positions in that order, rising) are not in the pattern.
    Dense { rows: usize, cols: usize, zeros: Vec<u32> },
}

impl Weight {
    /// A weight without entries.
    ///
    /// # Errors
    /// When the shape is past the index range.
    pub fn empty(rows: usize, cols: usize) -> Result<Self> {
        let indptr = rarefy_core::matrix::try_vec("rows of a weight", rows + 1, 0u32)?;
        Self::new(&Pattern::new(rows, cols, indptr, Vec::new())?, &[], 0)
    }

    /// A weight on `pattern`, its entries uniform in ±√(6 / inputs per output): the variance that keeps that of a ReLU
    /// network's activations, counting only inputs that are there (He et al. 2015; Evci et al. 2020 for sparse layers).
    ///
    /// The draw of an entry depends on `key` and its place only, so a dense twin starts from the same directions.
    ///
    /// # Errors
    /// When memory or index range do not suffice.
    pub fn random(pattern: &Pattern, key: Key, moments: usize) -> Result<Self> {
        let inputs = (pattern.nnz() as f64 / pattern.rows().max(1) as f64).max(1.0);
        let bound = (6.0 / inputs).sqrt() as f32;
        let mut values = Vec::with_capacity(pattern.nnz());
        for i in 0..pattern.rows() {
            let row = pattern.row(i);
            values.extend(row.iter().map(|&j| {
                let word = key.block(i as u64, u64::from(j))[0];
                (2.0 * rarefy_core::random::uniform(word) - 1.0) * bound
            }));
        }
        Self::new(pattern, &values, moments)
    }

    /// A weight on `pattern` with `values` in row order.
    ///
    /// # Errors
    /// When memory or index range do not suffice.
    pub fn new(pattern: &Pattern, values: &[f32], moments: usize) -> Result<Self> {
        let (rows, cols) = (pattern.rows(), pattern.cols());
        if pattern.density() >= DENSE_FROM {
            let mut all = rarefy_core::matrix::try_vec("dense weight", rows * cols, 0.0f32)?;
            let mut zeros = Vec::with_capacity(rows * cols - pattern.nnz());
            let mut next = 0;
            for i in 0..rows {
                let mut row = pattern.row(i).iter().peekable();
                for j in 0..cols {
                    if row.next_if(|&&c| c as usize == j).is_some() {
                        all[i * cols + j] = values[next];
                        next += 1;
                    } else {
                        zeros.push((i * cols + j) as u32);
                    }
                }
            }
            let param = Param::new(all, moments);
            return Ok(Self { param, storage: Storage::Dense { rows, cols, zeros } });
        }
        let pattern = TwoWay::new(pattern)?;
        let mut column_order = vec![0.0; values.len()];
        for (&place, &value) in pattern.place().iter().zip(values) {
            column_order[place as usize] = value;
        }
        Ok(Self { param: Param::new(column_order, moments), storage: Storage::Sparse(pattern) })
    }

    /// Number of rows (outputs).
    pub fn rows(&self) -> usize {
        match &self.storage {
            Storage::Sparse(pattern) => pattern.rows(),
            Storage::Dense { rows, .. } => *rows,
        }
    }

    /// Number of columns (inputs).
    pub fn cols(&self) -> usize {
        match &self.storage {
            Storage::Sparse(pattern) => pattern.cols(),
            Storage::Dense { cols, .. } => *cols,
        }
    }

    /// Number of entries in the pattern.
    pub fn nnz(&self) -> usize {
        match &self.storage {
            Storage::Sparse(pattern) => pattern.nnz(),
            Storage::Dense { rows, cols, zeros } => rows * cols - zeros.len(),
        }
    }

    /// [`Weight::nnz`] over all entries.
    pub fn density(&self) -> f64 {
        self.nnz() as f64 / (self.rows() * self.cols()).max(1) as f64
    }

    /// Whether it is stored dense.
    pub fn is_dense(&self) -> bool {
        matches!(self.storage, Storage::Dense { .. })
    }

    /// The numbers and moments, in the order in which they are stored: column by column if sparse, row by row if dense.
    pub fn param(&self) -> &Param {
        &self.param
    }

    /// As [`Weight::param`], to change.
    pub fn param_mut(&mut self) -> &mut Param {
        &mut self.param
    }

    /// Bytes of training state: values, moments, gradient if kept, and indices.
    pub fn bytes(&self) -> usize {
        self.param.bytes()
            + match &self.storage {
                Storage::Sparse(p) => 4 * (p.row_ptr().len() + p.col_ptr().len() + 3 * p.nnz()),
                Storage::Dense { zeros, .. } => 4 * zeros.len(),
            }
    }

    /// The pattern.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn pattern(&self) -> Result<Pattern> {
        let (rows, cols) = (self.rows(), self.cols());
        let (indptr, indices) = match &self.storage {
            Storage::Sparse(pattern) => (pattern.row_ptr().to_vec(), pattern.col_idx().to_vec()),
            Storage::Dense { zeros, .. } => {
                let (mut indptr, mut indices) = (vec![0u32], Vec::with_capacity(self.nnz()));
                let mut zeros = zeros.iter().peekable();
                for i in 0..rows {
                    indices.extend(
                        (0..cols as u32)
                            .filter(|&j| zeros.next_if(|&&z| z as usize == i * cols + j as usize).is_none()),
                    );
                    indptr.push(indices.len() as u32);
                }
                (indptr, indices)
            }
        };
        Ok(Pattern::new(rows, cols, indptr, indices)?)
    }

    /// One array of the parameter, in row order over the pattern.
    fn row_order(&self, array: &[f32]) -> Vec<f32> {
        match &self.storage {
            Storage::Sparse(pattern) => pattern.place().iter().map(|&k| array[k as usize]).collect(),
            Storage::Dense { zeros, .. } => {
                let mut zeros = zeros.iter().peekable();
                let kept = |at: &usize| zeros.next_if(|&&z| z as usize == *at).is_none();
                (0..array.len()).filter(kept).map(|at| array[at]).collect()
            }
        }
    }

    /// The values, in row order over the pattern.
    pub fn values(&self) -> Vec<f32> {
        self.row_order(&self.param.values)
    }

    /// Moves to another pattern of the same shape. Entries in both keep value, moments and gradient; new ones start at zero.
    ///
    /// # Errors
    /// When memory or index range do not suffice; the weight is then unchanged.
    pub fn move_to(&mut self, pattern: &Pattern) -> Result<()> {
        let old = self.pattern()?;
        let arrays: Vec<Vec<f32>> = self.param.arrays().map(|(_, array)| self.row_order(array)).collect();
        let moved = arrays.iter().map(|array| carry(&old, array, pattern));
        let mut new: Vec<Self> = Vec::with_capacity(arrays.len());
        for values in moved {
            new.push(Self::new(pattern, &values, 0)?);
        }
        for ((_, array), new) in self.param.arrays_mut().zip(&mut new) {
            *array = std::mem::take(&mut new.param.values);
        }
        if let Some(new) = new.pop() {
            self.storage = new.storage;
        }
        Ok(())
    }

    /// What it is in an artifact.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn lower(&self) -> rarefy_core::Result<graph::Weight> {
        Ok(match &self.storage {
            Storage::Sparse(p) => {
                let (indptr, indices) = (p.row_ptr().to_vec(), p.col_idx().to_vec());
                graph::Weight::Sparse(Csr::new(p.rows(), p.cols(), indptr, indices, self.values())?)
            }
            Storage::Dense { rows, cols, .. } => {
                graph::Weight::Dense(Dense::new(*rows, *cols, self.param.values.clone())?)
            }
        })
    }

    /// The weight of an artifact, without moments. Zeros of one that is stored dense are taken to be outside its pattern.
    ///
    /// # Errors
    /// When memory or index range do not suffice.
    pub fn lift(weight: &graph::Weight) -> Result<Self> {
        let dense;
        let sparse = match weight {
            graph::Weight::Sparse(sparse) => sparse,
            graph::Weight::Dense(matrix) => {
                dense = Csr::from_dense(matrix.view())?;
                &dense
            }
        };
        let (indptr, indices) = (sparse.indptr().to_vec(), sparse.indices().to_vec());
        Self::new(&Pattern::new(sparse.rows(), sparse.cols(), indptr, indices)?, sparse.values(), 0)
    }

    /// `y = W x`.
    pub fn forward(&self, x: &Batch, y: &mut Batch) {
        match &self.storage {
            Storage::Sparse(pattern) => sparse_dense::forward(pattern, &self.param.values, x, y),
            Storage::Dense { rows, cols, .. } => {
                let weight = Strided::new(&self.param.values, *rows, *cols, *cols);
                let (width, stride) = (x.width(), y.stride());
                product(y.data_mut(), stride, 0.0, weight, Strided::new(x.data(), *cols, width, stride));
            }
        }
    }

    /// `dx = Wᵀ dy`, and the gradient `dy xᵀ` on the pattern, applied or accumulated.
    pub fn backward(&mut self, x: &Batch, dy: &Batch, dx: Option<&mut Batch>, step: Step<'_>) {
        if let Step::Accumulate = step {
            self.param.start_gradient();
        }
        let (values, moments, gradient) = self.param.split();
        match &self.storage {
            Storage::Sparse(pattern) => {
                let gradient = match step {
                    Step::Apply(rule) => Gradient::Apply { rule, moments },
                    Step::Accumulate => Gradient::Accumulate(gradient),
                };
                sparse_dense::backward(pattern, values, x, dy, dx, gradient, None);
            }
            Storage::Dense { rows, cols, zeros } => {
                let (rows, cols, stride, width) = (*rows, *cols, x.stride(), x.width());
                let dy = Strided::new(dy.data(), rows, width, stride);
                if let Some(dx) = dx {
                    let weight = Strided::new(values, rows, cols, cols).t();
                    product(dx.data_mut(), stride, 0.0, weight, dy);
                }
                let x = Strided::new(x.data(), cols, width, stride);
                match step {
                    Step::Accumulate => product(gradient, cols, 1.0, dy, x.t()),
                    Step::Apply(rule) => {
                        update::apply_streamed(rule, values, moments, DENSE_CHUNK * cols, |range, gradient| {
                            let dy = dy.slice(range.start / cols..range.end / cols);
                            product(gradient, cols, 0.0, dy, x.t());
                        });
                    }
                }
                for array in [&mut self.param.values, &mut self.param.gradient] {
                    if !array.is_empty() {
                        zeros.iter().for_each(|&z| array[z as usize] = 0.0);
                    }
                }
            }
        }
    }

    /// Streams the dense gradient `dy xᵀ` in blocks of rows: calls `visit(first row, block)`, `block` holding whole rows.
    /// Never more than a block of it exists.
    pub fn dense_gradient(&self, x: &Batch, dy: &Batch, mut visit: impl FnMut(usize, &[f32])) {
        let (rows, cols, stride) = (self.rows(), self.cols(), x.stride());
        let mut block = vec![0.0; CHUNK.min(rows) * cols];
        let x = Strided::new(x.data(), cols, x.width(), stride).t();
        for first in (0..rows).step_by(CHUNK) {
            let count = CHUNK.min(rows - first);
            let dy = Strided::new(&dy.data()[first * stride..], count, dy.width(), stride);
            product(&mut block[..count * cols], cols, 0.0, dy, x);
            visit(first, &block[..count * cols]);
        }
    }
}

/// The values of `old` carried to `new`: kept where both have the entry, zero where only `new` has it.
fn carry(old: &Pattern, values: &[f32], new: &Pattern) -> Vec<f32> {
    let mut out = vec![0.0; new.nnz()];
    for i in 0..new.rows() {
        let (a, b) = (old.indptr()[i] as usize, new.indptr()[i] as usize);
        let mut had = old.row(i).iter().zip(&values[a..]).peekable();
        for (at, &j) in new.row(i).iter().enumerate() {
            while had.next_if(|(c, _)| **c < j).is_some() {}
            if let Some((_, &value)) = had.next_if(|(c, _)| **c == j) {
                out[b + at] = value;
            }
        }
    }
    out
}
