//! The matrix of a linear model, column by column.

use crate::{Error, Result};
use rarefy_core::kernels::coordinate::{Columns, dots_dense, dots_sparse};
use rarefy_core::matrix::{CscView, DenseView, Value};

/// A design of `rows × cols`, borrowed; columns may be scaled without touching them. Centring needs no design: see
/// [`coordinate`](rarefy_core::kernels::coordinate).
#[derive(Debug, Clone)]
pub struct Design<'a, T> {
    entries: Entries<'a, T>,
    /// What columns are multiplied with.
    scale: Option<Vec<f64>>,
}

#[derive(Debug, Clone, Copy)]
enum Entries<'a, T> {
    /// The transpose: a row of it is a column.
    Dense(DenseView<'a, T>),
    Sparse(CscView<'a, T>),
}

impl<'a, T: Value + Into<f64>> Design<'a, T> {
    /// A dense design, given by its transpose: column after column in memory.
    pub fn dense(transposed: DenseView<'a, T>) -> Self {
        Self { entries: Entries::Dense(transposed), scale: None }
    }

    /// A sparse design.
    pub fn sparse(design: CscView<'a, T>) -> Self {
        Self { entries: Entries::Sparse(design), scale: None }
    }

    /// The same with column `j` multiplied by `scale[j]`. Coefficients are then those of scaled columns: multiply them by `scale` to have those of
    /// the columns themselves.
    ///
    /// # Errors
    /// [`Error::Length`], and [`Error::Value`] for a factor that is not finite.
    pub fn scaled(self, scale: Vec<f64>) -> Result<Self> {
        check("scale", &scale, self.cols(), "column")?;
        Ok(Self { scale: Some(scale), ..self })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self.entries {
            Entries::Dense(transposed) => transposed.cols(),
            Entries::Sparse(design) => design.rows(),
        }
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        match self.entries {
            Entries::Dense(transposed) => transposed.rows(),
            Entries::Sparse(design) => design.cols(),
        }
    }

    /// Stored entries.
    pub fn nnz(&self) -> usize {
        match self.entries {
            Entries::Dense(transposed) => transposed.data().len(),
            Entries::Sparse(design) => design.nnz(),
        }
    }

    /// What columns are multiplied with, if they are scaled.
    pub fn scale(&self) -> Option<&[f64]> {
        self.scale.as_deref()
    }

    fn factor(&self, j: usize) -> f64 {
        self.scale.as_ref().map_or(1.0, |scale| scale[j])
    }

    /// Calls `entry(i, x)` for each stored entry of column `j`.
    fn each(&self, j: usize, mut entry: impl FnMut(usize, f64)) {
        let factor = self.factor(j);
        match self.entries {
            Entries::Dense(transposed) => {
                transposed.row(j).iter().enumerate().for_each(|(i, &x)| entry(i, factor * x.into()));
            }
            Entries::Sparse(design) => {
                let (rows, values) = design.col(j);
                rows.iter().zip(values).for_each(|(&i, &x)| entry(i as usize, factor * x.into()));
            }
        }
    }

    /// `v ← v + axⱼ`
    pub fn add(&self, j: usize, a: f64, v: &mut [f64]) {
        self.each(j, |i, x| v[i] += a * x);
    }

    /// `v ← v + Xw`: costs what columns of nonzero weights have.
    pub fn multiply_add(&self, w: &[f64], v: &mut [f64]) {
        w.iter().enumerate().filter(|(_, w)| **w != 0.0).for_each(|(j, &w)| self.add(j, w, v));
    }

    /// `Xᵀv`, on all threads.
    ///
    /// # Errors
    /// When `v` has not one number a row, or `out` not one a column.
    pub fn dots(&self, v: &[f64], out: &mut [f64]) -> Result<()> {
        match self.entries {
            Entries::Dense(transposed) => dots_dense(transposed, v, out)?,
            Entries::Sparse(design) => dots_sparse(design, v, out)?,
        }
        if let Some(scale) = &self.scale {
            out.iter_mut().zip(scale).for_each(|(out, scale)| *out *= scale);
        }
        Ok(())
    }

    /// `Σᵢ aᵢxᵢⱼ²` of every column.
    pub fn squares(&self, a: &[f64]) -> Vec<f64> {
        let one = |j| {
            let mut sum = 0.0;
            self.each(j, |i, x| sum += a[i] * x * x);
            sum
        };
        (0..self.cols()).map(one).collect()
    }

    /// The columns `chosen`, row `i` multiplied by `roots[i]`; projected across `roots` where there is an intercept.
    pub(crate) fn pack(&self, chosen: &[usize], roots: &[f64], intercept: bool) -> Result<Columns> {
        let direction = intercept.then_some(roots);
        let count = match self.entries {
            Entries::Dense(_) => chosen.len() * self.rows(),
            Entries::Sparse(design) => chosen.iter().map(|&j| design.col(j).0.len()).sum(),
        };
        let mut values = Vec::new();
        values
            .try_reserve_exact(count)
            .map_err(|_| rarefy_core::Error::Memory { what: "working set", bytes: count * 8 })?;
        match self.entries {
            Entries::Dense(_) => {
                chosen.iter().for_each(|&j| self.each(j, |i, x| values.push(x * roots[i])));
                Ok(Columns::dense(self.rows(), values, direction)?)
            }
            Entries::Sparse(design) => {
                let (mut starts, mut indices) = (vec![0], Vec::with_capacity(count));
                for &j in chosen {
                    self.each(j, |i, x| values.push(x * roots[i]));
                    indices.extend_from_slice(design.col(j).0);
                    starts.push(indices.len());
                }
                Ok(Columns::sparse(self.rows(), starts, indices, values, direction)?)
            }
        }
    }

    /// Refuses entries that are not finite.
    pub(crate) fn check(&self) -> Result<()> {
        let (found, lines): (Option<usize>, usize) = match self.entries {
            Entries::Dense(t) => (t.data().iter().position(|x| !x.is_finite()), t.cols()),
            Entries::Sparse(design) => (design.values().iter().position(|x| !x.is_finite()), 0),
        };
        let Some(at) = found else { return Ok(()) };
        let (column, value) = match self.entries {
            Entries::Dense(t) => (at / lines.max(1), t.data()[at].into()),
            Entries::Sparse(d) => {
                (d.indptr().partition_point(|&start| start as usize <= at) - 1, d.values()[at].into())
            }
        };
        Err(Error::Value { what: "X", each: "column", at: column, found: value, expected: "a finite number" })
    }
}

/// Checks that `values` has one finite number for each of `expected`.
pub(crate) fn check(what: &'static str, values: &[f64], expected: usize, each: &'static str) -> Result<()> {
    if values.len() != expected {
        return Err(Error::Length { what, found: values.len(), expected, each });
    }
    match values.iter().position(|x| !x.is_finite()) {
        Some(at) => Err(Error::Value { what, each, at, found: values[at], expected: "a finite number" }),
        None => Ok(()),
    }
}
