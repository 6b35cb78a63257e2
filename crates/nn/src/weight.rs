//! A weight matrix that is stored sparse, or dense where that is faster.
//!
//! From density [`DENSE_FROM`] on, a dense product beats the sparse kernels (`cargo bench -p rarefy-core`); such a weight is
//! stored dense, and the zeros of its pattern are kept zero. Training never decides by a stopwatch, so that the same
//! recipe gives the same bits; `inspect` shows what was chosen.

mod front;
mod gradient;
mod lazy;
mod rows;
mod storage;
mod transposed;

pub(crate) use gradient::block_rows;
pub use lazy::Lazy;
pub use storage::DENSE_FROM;
pub use transposed::Transposed;

use front::Front;
use storage::{Storage, moves};

use crate::{Error, Input, Param, Result, Step};
use rarefy_core::kernels::dense::{Strided, product};
use rarefy_core::kernels::sparse_dense::{self, Gradient, TwoWay};
use rarefy_core::kernels::sparse_input;
use rarefy_core::kernels::update::{self, Sums};
use rarefy_core::matrix::{Batch, Csr, Dense};
use rarefy_core::pattern::Pattern;
use rarefy_core::random::Key;
use rarefy_model::graph;
use std::cell::RefCell;

thread_local! {
    /// The numbers of a front, and a gradient, while a pass needs them.
    static FRONT: RefCell<(Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// Rows of the gradient of a dense weight that one thread computes before the optimizer takes them.
const DENSE_CHUNK: usize = 256;

/// A weight matrix, `rows` outputs × `cols` inputs.
#[derive(Debug, Clone)]
pub struct Weight {
    param: Param,
    storage: Storage,
    front: Option<Front>,
    /// Whether it is stored sparse whatever its density.
    always_sparse: bool,
    /// What the columns have missed, if those that a batch does not touch are left alone.
    lazy: Option<Lazy>,
}

impl Default for Weight {
    /// A weight of no rows and no columns.
    fn default() -> Self {
        let storage = Storage::Dense { rows: 0, cols: 0, zeros: Vec::new() };
        Self { param: Param::default(), storage, front: None, always_sparse: false, lazy: None }
    }
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
    /// When memory or index range do not suffice, or there is not one value for each entry.
    pub fn new(pattern: &Pattern, values: &[f32], moments: usize) -> Result<Self> {
        let (param, storage) = (Param::default(), Storage::new(pattern)?);
        let mut weight = Self { param, storage, front: None, always_sparse: false, lazy: None };
        weight.param = Param::new(weight.stored(values)?, moments);
        Ok(weight)
    }

    /// A weight on `pattern` with values and moments in row order, as [`Weight::in_row_order`] gives them; those that are kept, in the
    /// order of [`Param::moments`].
    ///
    /// # Errors
    /// As [`Weight::new`].
    pub fn restore(pattern: &Pattern, values: &[f32], moments: &[Vec<f32>]) -> Result<Self> {
        let mut weight = Self::new(pattern, values, 0)?;
        let stored = moments.iter().map(|moment| weight.stored(moment)).collect::<Result<Vec<_>>>()?;
        weight.param.moments_mut().into_iter().zip(stored).for_each(|((_, moment), stored)| *moment = stored);
        Ok(weight)
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
                Storage::Sparse(pattern) => pattern.bytes(),
                Storage::Dense { zeros, .. } => 4 * zeros.len(),
            }
            + self
                .front
                .as_ref()
                .map_or(0, |front| 4 * front.places.len() + front.pattern.as_ref().map_or(0, TwoWay::bytes))
    }

    /// Sets what a sparsity method remembers, in row order over the pattern.
    pub(crate) fn remember(&mut self, memory: &[f32]) -> Result<()> {
        self.param.memory = self.stored(memory)?;
        Ok(())
    }

    /// The pattern.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn pattern(&self) -> Result<Pattern> {
        let (rows, cols) = (self.rows(), self.cols());
        let (indptr, indices) = match &self.storage {
            Storage::Sparse(pattern) => return Ok(pattern.pattern()?),
            Storage::Dense { zeros, .. } => {
                let indices = self.storage.places().iter().map(|&at| at % cols.max(1) as u32).collect();
                let mut zeros = zeros.iter().peekable();
                let mut indptr = vec![0u32];
                for end in (1..=rows).map(|i| i * cols) {
                    let absent = std::iter::from_fn(|| zeros.next_if(|&&z| (z as usize) < end)).count();
                    indptr.push(indptr[indptr.len() - 1] + (cols - absent) as u32);
                }
                (indptr, indices)
            }
        };
        Ok(Pattern::new(rows, cols, indptr, indices)?)
    }

    /// An array in row order over the pattern, in the order in which it is stored.
    fn stored(&self, array: &[f32]) -> Result<Vec<f32>> {
        if array.len() != self.nnz() {
            let (what, found, expected) = ("numbers of a weight", array.len(), self.nnz());
            return Err(rarefy_core::Error::Length { what, found, expected }.into());
        }
        let mut stored = rarefy_core::matrix::try_vec("weight", self.storage.len(), 0.0f32)?;
        self.storage.places().iter().zip(array).for_each(|(&place, &value)| stored[place as usize] = value);
        Ok(stored)
    }

    /// One of the arrays of [`Weight::param`], in row order over the pattern.
    ///
    /// # Panics
    /// When it is shorter than the values.
    pub fn in_row_order(&self, array: &[f32]) -> Vec<f32> {
        self.storage.places().iter().map(|&at| array[at as usize]).collect()
    }

    /// The values, in row order over the pattern.
    pub fn values(&self) -> Vec<f32> {
        self.in_row_order(&self.param.values)
    }

    /// Moves to another pattern of the same shape. Entries in both keep value, moments and gradient; new ones start at zero. All
    /// of them are computed with: a front is forgotten.
    /// Takes `O(nnz)`, or all entries of a weight that is stored dense.
    ///
    /// # Errors
    /// When memory or index range do not suffice, or the shape is another; the weight is then unchanged.
    pub fn move_to(&mut self, pattern: &Pattern) -> Result<()> {
        let (found, expected) = ((pattern.rows(), pattern.cols()), (self.rows(), self.cols()));
        if found != expected {
            let (found, expected) = (format!("{found:?}"), format!("{expected:?}, as the weight has"));
            return Err(Error::Setting { name: "shape of a pattern", found, expected });
        }
        self.move_between(&self.pattern()?, pattern)
    }

    /// As [`Weight::move_to`], for a caller who has the pattern of the weight, and another of the same shape.
    pub(crate) fn move_between(&mut self, old: &Pattern, pattern: &Pattern) -> Result<()> {
        let new = if self.always_sparse { Storage::Sparse(TwoWay::new(pattern)?) } else { Storage::new(pattern)? };
        self.store_in(new, old, pattern)
    }

    /// Stores it sparse from now on, whatever its density: as sparse input needs it.
    ///
    /// # Errors
    /// When memory or index range do not suffice; the weight is then unchanged.
    pub fn store_sparse(&mut self) -> Result<()> {
        if self.is_dense() {
            let (pattern, front) = (self.pattern()?, self.front());
            self.store_in(Storage::Sparse(TwoWay::new(&pattern)?), &pattern, &pattern)?;
            front.map_or(Ok(()), |front| self.set_front(&front))?;
        }
        self.always_sparse = true;
        Ok(())
    }

    /// Moves the numbers of the entries that `old`, its pattern, and `pattern`, that of `new`, share.
    fn store_in(&mut self, new: Storage, old: &Pattern, pattern: &Pattern) -> Result<()> {
        let moves = moves(old, &self.storage.places(), pattern, &new.places());
        let mut moved = Vec::new();
        for (_, array) in self.param.arrays() {
            let mut to = rarefy_core::matrix::try_vec("weight", new.len(), 0.0f32)?;
            moves.iter().for_each(|&(from, at)| to[at as usize] = array[from as usize]);
            moved.push(to);
        }
        self.param.arrays_mut().zip(moved).for_each(|((_, array), moved)| *array = moved);
        (self.storage, self.front) = (new, None);
        Ok(())
    }

    /// What it is in an artifact.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn lower(&self) -> rarefy_core::Result<graph::Weight> {
        let (mut numbers, pattern) = (Vec::new(), self.front.as_ref().and_then(|front| front.pattern.as_ref()));
        if let (Some(front), Some(p)) = (&self.front, pattern) {
            front.gather(&self.param.values, &mut numbers);
            let values = p.row_order().iter().map(|&at| numbers[at as usize]).collect();
            return Ok(graph::Weight::Sparse(p.pattern()?.with_values(values)?));
        }
        if let (Some(front), Storage::Dense { rows, cols, .. }) = (&self.front, &self.storage) {
            front.mask(&self.param.values, &mut numbers);
            return Ok(graph::Weight::Dense(Dense::new(*rows, *cols, numbers)?));
        }
        Ok(match &self.storage {
            Storage::Sparse(p) => graph::Weight::Sparse(p.pattern()?.with_values(self.values())?),
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
    ///
    /// # Panics
    /// For sparse input, if it is stored dense.
    pub fn forward<'a>(&self, x: impl Into<Input<'a>>, y: &mut Batch) {
        let x = x.into();
        let Some(front) = &self.front else { return self.multiply(&self.param.values, x, y) };
        FRONT.with_borrow_mut(|(numbers, _)| match &front.pattern {
            Some(pattern) => {
                front.gather(&self.param.values, numbers);
                multiply_sparse(pattern, numbers, x, y);
            }
            None => {
                front.mask(&self.param.values, numbers);
                self.multiply(numbers, x, y);
            }
        });
    }

    /// `y = W x` for a weight of these numbers, as they are stored.
    fn multiply(&self, values: &[f32], x: Input<'_>, y: &mut Batch) {
        match &self.storage {
            Storage::Sparse(pattern) => multiply_sparse(pattern, values, x, y),
            Storage::Dense { rows, cols, .. } => {
                let x = dense(x);
                let weight = Strided::new(values, *rows, *cols, *cols);
                let (width, stride) = (x.width(), y.stride());
                product(y.data_mut(), stride, 0.0, weight, Strided::new(x.data(), *cols, width, stride));
            }
        }
    }

    /// `dx = Wᵀ dy`, and the gradient `dy xᵀ` on the pattern, applied or accumulated.
    ///
    /// # Panics
    /// For sparse input, if it is stored dense or `dx` is wanted.
    pub fn backward<'a>(&mut self, x: impl Into<Input<'a>>, dy: &Batch, dx: Option<&mut Batch>, step: Step<'_>) {
        let x = x.into();
        if let Step::Accumulate = step {
            self.param.start_gradient();
        }
        let step = match step {
            Step::Apply(rule) => Some(self.param.update(rule)),
            Step::Accumulate => None,
        };
        let (values, moments, gradient) = self.param.split();
        let front = self.front.as_ref();
        let sums = match &self.storage {
            Storage::Sparse(pattern) if front.is_some() && dx.is_some() => FRONT.with_borrow_mut(|(numbers, fresh)| {
                let x = dense(x);
                if let Some(front) = front {
                    front.mask(values, numbers);
                }
                // The numbers that `dx` takes are not those that the gradient moves, so they cannot be moved in the same pass.
                match step {
                    None => sparse_dense::backward(pattern, numbers, x, dy, dx, Gradient::Accumulate(gradient), None),
                    Some(update) => {
                        fresh.clear();
                        fresh.resize(values.len(), 0.0);
                        sparse_dense::backward(pattern, numbers, x, dy, dx, Gradient::Accumulate(fresh), None);
                        update::apply_parallel(update, fresh, values, moments)
                    }
                }
            }),
            Storage::Sparse(pattern) => {
                let gradient = match step {
                    Some(update) => Gradient::Apply { update, moments },
                    None => Gradient::Accumulate(gradient),
                };
                match x {
                    Input::Dense(x) => sparse_dense::backward(pattern, values, x, dy, dx, gradient, None),
                    Input::Sparse(x) => {
                        assert!(dx.is_none(), "sparse input has no gradient");
                        let sums = sparse_input::backward(pattern, values, x, dy, gradient, self.lazy.is_some());
                        match (&mut self.lazy, step) {
                            (Some(lazy), Some(update)) => lazy.advance(&update.rule, x.active(), pattern.cols()),
                            (Some(lazy), None) => lazy.touch(x.active()),
                            (None, _) => {}
                        }
                        sums
                    }
                }
            }
            Storage::Dense { rows, cols, zeros } => {
                let x = dense(x);
                let (rows, cols, stride, width) = (*rows, *cols, x.stride(), x.width());
                let dy = Strided::new(dy.data(), rows, width, stride);
                if let Some(dx) = dx {
                    FRONT.with_borrow_mut(|(numbers, _)| {
                        let values = front.map_or(&values[..], |front| {
                            front.mask(values, numbers);
                            numbers
                        });
                        product(dx.data_mut(), stride, 0.0, Strided::new(values, rows, cols, cols).t(), dy);
                    });
                }
                let x = Strided::new(x.data(), cols, width, stride);
                match step {
                    None => {
                        product(gradient, cols, 1.0, dy, x.t());
                        clear(zeros, 0, gradient);
                        Sums::default()
                    }
                    // A value of zero whose gradients are all zero stays zero.
                    Some(update) => {
                        update::apply_streamed(update, values, moments, DENSE_CHUNK * cols, |range, gradient| {
                            let dy = dy.slice(range.start / cols..range.end / cols);
                            product(gradient, cols, 0.0, dy, x.t());
                            clear(zeros, range.start, gradient);
                        })
                    }
                }
            }
        };
        self.param.sums = sums;
    }
}

/// Clears the numbers of `part`, which begins at place `first`, that are at `zeros` (rising).
fn clear(zeros: &[u32], first: usize, part: &mut [f32]) {
    let place = |bound: usize| zeros.partition_point(|&z| (z as usize) < bound);
    zeros[place(first)..place(first + part.len())].iter().for_each(|&z| part[z as usize - first] = 0.0);
}

/// `y = W x` of a sparse weight.
fn multiply_sparse(pattern: &TwoWay, values: &[f32], x: Input<'_>, y: &mut Batch) {
    match x {
        Input::Dense(x) => sparse_dense::forward(pattern, values, x, y),
        Input::Sparse(x) => sparse_input::forward(pattern, values, x, y),
    }
}

/// The batch of a dense input.
fn dense(x: Input<'_>) -> &Batch {
    match x {
        Input::Dense(x) => x,
        Input::Sparse(_) => panic!("a weight that is stored dense, and sparse input: see `Weight::store_sparse`"),
    }
}
