//! Packed columns, and products with them.

use super::super::simd::{Kernel, Simd, dispatch};
use crate::matrix::{CscView, DenseView, Value};
use crate::parallel::{Shared, run};
use crate::{Error, Result};

/// Columns of one design, one after the other in double precision, with what coordinate descent needs of each.
#[derive(Debug, Clone)]
pub struct Columns {
    pub(super) rows: usize,
    /// Where each column starts; empty for dense columns.
    starts: Vec<usize>,
    /// Row of each entry; empty for dense columns.
    indices: Vec<u32>,
    values: Vec<f64>,
    /// `‖x̃ⱼ‖²`, 0 for a column that is constant.
    pub(super) norms: Vec<f64>,
    /// `xⱼᵀs`
    pub(super) dots: Vec<f64>,
    /// `mⱼ = xⱼᵀs/sᵀs`
    pub(super) means: Vec<f64>,
}

/// A column whose part across the direction is shorter than this share of it is constant: the rest is rounding.
const CONSTANT: f64 = 1e-14;

impl Columns {
    /// Dense columns of `rows` numbers each.
    ///
    /// # Errors
    /// [`Error::Length`] unless `values` is a multiple of `rows`, and `direction` has `rows` numbers.
    pub fn dense(rows: usize, values: Vec<f64>, direction: Option<&[f64]>) -> Result<Self> {
        let count = values.len().checked_div(rows).unwrap_or(0);
        if count * rows != values.len() {
            return Err(Error::Length { what: "columns", found: values.len(), expected: count * rows });
        }
        Self { rows, starts: vec![], indices: vec![], values, norms: vec![0.0; count], dots: vec![], means: vec![] }
            .project(direction)
    }

    /// Sparse columns: `starts` has where each begins, and the end of the last.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Indptr`] or [`Error::Index`] for arrays that are no columns of `rows` rows.
    pub fn sparse(
        rows: usize,
        starts: Vec<usize>,
        indices: Vec<u32>,
        values: Vec<f64>,
        direction: Option<&[f64]>,
    ) -> Result<Self> {
        if values.len() != indices.len() {
            return Err(Error::Length { what: "values", found: values.len(), expected: indices.len() });
        }
        if starts.is_empty() || starts[0] != 0 || starts[starts.len() - 1] != indices.len() || !starts.is_sorted() {
            let expected = "starts that rise from 0 to the number of entries".to_owned();
            return Err(Error::Indptr {
                at: starts.len().saturating_sub(1),
                found: starts.last().copied().unwrap_or(0),
                expected,
            });
        }
        if let Some(at) = indices.iter().position(|&i| i as usize >= rows) {
            let major = starts.partition_point(|&start| start <= at) - 1;
            return Err(Error::Index { axis: "column", major, index: indices[at] as usize, limit: rows, at });
        }
        let count = starts.len() - 1;
        Self { rows, starts, indices, values, norms: vec![0.0; count], dots: vec![], means: vec![] }.project(direction)
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.norms.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.norms.is_empty()
    }

    /// `‖x̃ⱼ‖²` of every column.
    pub fn norms(&self) -> &[f64] {
        &self.norms
    }

    /// `mⱼ` of every column.
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// Fills in norms and means.
    fn project(mut self, direction: Option<&[f64]>) -> Result<Self> {
        if let Some(s) = direction.filter(|s| s.len() != self.rows) {
            return Err(Error::Length { what: "direction", found: s.len(), expected: self.rows });
        }
        let square: f64 = direction.map_or(0.0, |s| s.iter().map(|s| s * s).sum());
        (self.dots, self.means) = (vec![0.0; self.len()], vec![0.0; self.len()]);
        for j in 0..self.len() {
            let whole = self.column(j).square();
            let dot = direction.map_or(0.0, |s| self.column(j).dot(s));
            let mean = if square > 0.0 { dot / square } else { 0.0 };
            let rest = whole - dot * mean;
            (self.dots[j], self.means[j]) = (dot, mean);
            self.norms[j] = if rest > CONSTANT * whole { rest } else { 0.0 };
        }
        Ok(self)
    }

    /// Column `j`.
    #[inline(always)]
    pub(super) fn column(&self, j: usize) -> Column<'_, f64> {
        if self.starts.is_empty() {
            return Column::Dense(&self.values[j * self.rows..(j + 1) * self.rows]);
        }
        let range = self.starts[j]..self.starts[j + 1];
        Column::Sparse(&self.indices[range.clone()], &self.values[range])
    }
}

/// One column: all of its numbers, or its rows and values. Rows have been checked against the length that it is multiplied with.
#[derive(Clone, Copy)]
pub(super) enum Column<'a, T> {
    /// Every number.
    Dense(&'a [T]),
    /// Rows and values of the nonzeros.
    Sparse(&'a [u32], &'a [T]),
}

/// Sums side by side: one would wait for each addition before the next.
const SUMS: usize = 8;

impl<T: Value + Into<f64>> Column<'_, T> {
    /// `xᵀv`
    #[inline(always)]
    pub(super) fn dot(self, v: &[f64]) -> f64 {
        match self {
            Self::Dense(x) => {
                let (chunks, rest) = x.as_chunks::<SUMS>();
                let (v_chunks, v_rest) = v.as_chunks::<SUMS>();
                let mut sums = [0.0; SUMS];
                for (x, v) in chunks.iter().zip(v_chunks) {
                    for k in 0..SUMS {
                        sums[k] += x[k].into() * v[k];
                    }
                }
                sum(sums) + rest.iter().zip(v_rest).map(|(&x, v)| x.into() * v).sum::<f64>()
            }
            Self::Sparse(rows, x) => {
                let (quads, rest) = rows.as_chunks::<4>();
                let (x_quads, x_rest) = x.as_chunks::<4>();
                let mut sums = [0.0; 4];
                // SAFETY: whoever made the column has checked its rows against the length of `v`.
                let at = |i: u32| unsafe { *v.get_unchecked(i as usize) };
                for (rows, x) in quads.iter().zip(x_quads) {
                    for k in 0..4 {
                        sums[k] += x[k].into() * at(rows[k]);
                    }
                }
                let rest = rest.iter().zip(x_rest).fold(0.0, |sum, (&i, &x)| sum + x.into() * at(i));
                (sums[0] + sums[2]) + (sums[1] + sums[3]) + rest
            }
        }
    }

    /// `v ← v + ax`
    #[inline(always)]
    pub(super) fn add(self, a: f64, v: &mut [f64]) {
        match self {
            Self::Dense(x) => v.iter_mut().zip(x).for_each(|(v, &x)| *v += a * x.into()),
            Self::Sparse(rows, x) => {
                for (&i, &x) in rows.iter().zip(x) {
                    // SAFETY: as in `dot`.
                    unsafe { *v.get_unchecked_mut(i as usize) += a * x.into() };
                }
            }
        }
    }

    /// `‖x‖²`
    fn square(self) -> f64 {
        let (Self::Dense(x) | Self::Sparse(_, x)) = self;
        x.iter().map(|&x| x.into() * x.into()).sum()
    }
}

#[inline(always)]
fn sum(sums: [f64; SUMS]) -> f64 {
    let half: [f64; 4] = std::array::from_fn(|k| sums[k] + sums[k + 4]);
    (half[0] + half[2]) + (half[1] + half[3])
}

/// Entries in a task of [`dots_dense`] and [`dots_sparse`].
const TASK: usize = 1 << 15;

/// `Xᵀv` of a dense design whose columns are the rows of `transposed`, on all threads.
///
/// # Errors
/// [`Error::Length`] unless `v` has a number a row of the design and `out` one a column.
pub fn dots_dense<T: Value + Into<f64>>(transposed: DenseView<'_, T>, v: &[f64], out: &mut [f64]) -> Result<()> {
    let (columns, rows) = (transposed.rows(), transposed.cols());
    dots(rows, columns, columns * rows, v, out, |j| Column::Dense(transposed.row(j)))
}

/// `Xᵀv` of a sparse design, on all threads.
///
/// # Errors
/// As [`dots_dense`].
pub fn dots_sparse<T: Value + Into<f64>>(design: CscView<'_, T>, v: &[f64], out: &mut [f64]) -> Result<()> {
    dots(design.rows(), design.cols(), design.nnz(), v, out, |j| {
        let (rows, values) = design.col(j);
        Column::Sparse(rows, values)
    })
}

fn dots<'a, T: Value + Into<f64>>(
    rows: usize,
    columns: usize,
    entries: usize,
    v: &[f64],
    out: &mut [f64],
    column: impl Fn(usize) -> Column<'a, T> + Sync,
) -> Result<()> {
    for (what, found, expected) in [("v", v.len(), rows), ("out", out.len(), columns)] {
        if found != expected {
            return Err(Error::Length { what, found, expected });
        }
    }
    let tasks = (entries + columns).div_ceil(TASK).min(columns);
    let shared = Shared::new(out);
    run(tasks, |task| {
        let range = task * columns / tasks..(task + 1) * columns / tasks;
        // SAFETY: tasks have no column in common, and `out` outlives `run`.
        let out = unsafe { shared.range(range.clone()) };
        dispatch(Dots { first: range.start, column: &column, v, out });
    });
    Ok(())
}

struct Dots<'a, F> {
    first: usize,
    column: &'a F,
    v: &'a [f64],
    out: &'a mut [f64],
}

impl<'a, T: Value + Into<f64>, F: Fn(usize) -> Column<'a, T>> Kernel for Dots<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for (j, out) in self.out.iter_mut().enumerate() {
            *out = (self.column)(self.first + j).dot(self.v);
        }
    }
}
