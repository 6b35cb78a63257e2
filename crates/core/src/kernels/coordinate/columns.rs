//! Packed columns, and products with them.

use crate::matrix::Value;
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
    /// `sᵀs`
    square: f64,
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
        Self {
            rows,
            starts: vec![],
            indices: vec![],
            values,
            square: 0.0,
            norms: vec![0.0; count],
            dots: vec![],
            means: vec![],
        }
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
        Self { rows, starts, indices, values, square: 0.0, norms: vec![0.0; count], dots: vec![], means: vec![] }
            .project(direction)
    }

    /// Room for dense columns, or for sparse ones, of `rows` rows across `direction`; there is none yet.
    ///
    /// # Errors
    /// [`Error::Length`] unless the direction has a number a row.
    pub fn none(rows: usize, sparse: bool, direction: Option<&[f64]>) -> Result<Self> {
        match sparse {
            false => Self::dense(rows, vec![], direction),
            true => Self::sparse(rows, vec![0], vec![], vec![], direction),
        }
    }

    /// Adds a column: all of its numbers, or, where columns are sparse, its nonzeros and their rows.
    ///
    /// # Errors
    /// [`Error::Length`] and [`Error::Index`] for what is no column of as many rows; [`Error::Memory`].
    pub fn push(
        &mut self,
        indices: &[u32],
        values: impl ExactSizeIterator<Item = f64>,
        direction: Option<&[f64]>,
    ) -> Result<()> {
        let sparse = !self.starts.is_empty();
        let expected = if sparse { indices.len() } else { self.rows };
        if values.len() != expected {
            return Err(Error::Length { what: "values", found: values.len(), expected });
        }
        if let Some(at) = indices.iter().position(|&i| i as usize >= self.rows) {
            return Err(Error::Index {
                axis: "column",
                major: self.len(),
                index: indices[at] as usize,
                limit: self.rows,
                at,
            });
        }
        let bytes = (self.values.len() + expected) * size_of::<f64>();
        self.values.try_reserve(expected).map_err(|_| Error::Memory { what: "working set", bytes })?;
        self.values.extend(values);
        if sparse {
            self.indices.extend_from_slice(indices);
            self.starts.push(self.indices.len());
        }
        for numbers in [&mut self.norms, &mut self.dots, &mut self.means] {
            numbers.push(0.0);
        }
        self.project_one(self.len() - 1, direction);
        Ok(())
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
        self.square = direction.map_or(0.0, |s| s.iter().map(|s| s * s).sum());
        (self.dots, self.means) = (vec![0.0; self.len()], vec![0.0; self.len()]);
        (0..self.len()).for_each(|j| self.project_one(j, direction));
        Ok(self)
    }

    fn project_one(&mut self, j: usize, direction: Option<&[f64]>) {
        let whole = self.column(j).square();
        let dot = direction.map_or(0.0, |s| self.column(j).dot(s));
        let mean = if self.square > 0.0 { dot / self.square } else { 0.0 };
        let rest = whole - dot * mean;
        (self.dots[j], self.means[j]) = (dot, mean);
        self.norms[j] = if rest > CONSTANT * whole { rest } else { 0.0 };
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
    #[inline(always)]
    pub(super) fn square(self) -> f64 {
        let (Self::Dense(x) | Self::Sparse(_, x)) = self;
        let (chunks, rest) = x.as_chunks::<SUMS>();
        let mut sums = [0.0; SUMS];
        for x in chunks {
            for k in 0..SUMS {
                sums[k] += x[k].into() * x[k].into();
            }
        }
        sum(sums) + rest.iter().map(|&x| x.into() * x.into()).sum::<f64>()
    }

    /// `Σᵢ aᵢxᵢ²`
    #[inline(always)]
    pub(super) fn square_by(self, a: &[f64]) -> f64 {
        let one = |(a, &x): (f64, &T)| a * x.into() * x.into();
        match self {
            Self::Dense(x) => a.iter().copied().zip(x).map(one).sum(),
            Self::Sparse(rows, x) => {
                // SAFETY: as in `dot`.
                let at = |i: u32| unsafe { *a.get_unchecked(i as usize) };
                rows.iter().map(|&i| at(i)).zip(x).map(one).sum()
            }
        }
    }
}

#[inline(always)]
fn sum(sums: [f64; SUMS]) -> f64 {
    let half: [f64; 4] = std::array::from_fn(|k| sums[k] + sums[k + 4]);
    (half[0] + half[2]) + (half[1] + half[3])
}
