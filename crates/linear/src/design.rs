//! The matrix of a linear model, column by column.

use crate::{Error, Result};
use rarefy_core::kernels::coordinate::{Columns, Entries};
use rarefy_core::matrix::{CscView, DenseView, Value};

/// A design of `rows × cols`, borrowed; columns may be scaled without touching them. Centring needs no design: see
/// [`coordinate`](rarefy_core::kernels::coordinate).
#[derive(Debug, Clone)]
pub struct Design<'a, T> {
    entries: Entries<'a, T>,
    /// What columns are multiplied with.
    scale: Option<Vec<f64>>,
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
        self.entries.rows()
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.entries.cols()
    }

    /// Stored entries.
    pub fn nnz(&self) -> usize {
        self.entries.nnz()
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

    /// `out[j] ← xⱼᵀv` of all columns, or of those `chosen`, on all threads.
    ///
    /// # Errors
    /// When `v` has not one number a row, or `out` not one a column, or `chosen` does not rise.
    pub fn dots(&self, chosen: Option<&[u32]>, v: &[f64], out: &mut [f64]) -> Result<()> {
        self.entries.dots(chosen, v, out)?;
        match (&self.scale, chosen) {
            (None, _) => {}
            (Some(scale), None) => out.iter_mut().zip(scale).for_each(|(out, scale)| *out *= scale),
            (Some(scale), Some(chosen)) => chosen.iter().for_each(|&j| out[j as usize] *= scale[j as usize]),
        }
        Ok(())
    }

    /// `xⱼᵀv` and `Σᵢ aᵢxᵢⱼ²` of all columns.
    ///
    /// # Errors
    /// As [`dots`](Design::dots); [`Error::Value`] for entries that are not finite.
    pub(crate) fn dots_and_squares(&self, v: &[f64], a: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
        let (mut dots, mut squares) = (vec![0.0; self.cols()], vec![0.0; self.cols()]);
        // Weights that are all the same need not be looked up.
        let same = a.iter().all(|x| *x == a[0]);
        self.entries.dots_and_squares(v, (!same).then_some(a), &mut dots, &mut squares)?;
        if squares.iter().any(|s| !s.is_finite()) || a.contains(&0.0) {
            self.check()?;
        }
        let share = if same { a.first().copied().unwrap_or(1.0) } else { 1.0 };
        for j in 0..self.cols() {
            let scale = self.factor(j);
            (dots[j], squares[j]) = (scale * dots[j], scale * scale * share * squares[j]);
        }
        Ok((dots, squares))
    }

    /// Adds column `j` to those that are packed: row `i` multiplied by `roots[i]`; projected across `roots` where there is an intercept.
    pub(crate) fn pack(&self, j: usize, roots: &[f64], intercept: bool, columns: &mut Columns) -> Result<()> {
        let (factor, direction) = (self.factor(j), intercept.then_some(roots));
        match self.entries {
            Entries::Dense(transposed) => {
                let values = transposed.row(j).iter().zip(roots).map(|(&x, root)| factor * x.into() * root);
                columns.push(&[], values, direction)?;
            }
            Entries::Sparse(design) => {
                let (rows, values) = design.col(j);
                let values = rows.iter().zip(values).map(|(&i, &x)| factor * x.into() * roots[i as usize]);
                columns.push(rows, values, direction)?;
            }
        }
        Ok(())
    }

    /// Room for packed columns.
    pub(crate) fn room(&self, roots: &[f64], intercept: bool) -> Result<Columns> {
        let sparse = matches!(self.entries, Entries::Sparse(_));
        Ok(Columns::none(self.rows(), sparse, intercept.then_some(roots))?)
    }

    /// Refuses entries that are not finite.
    fn check(&self) -> Result<()> {
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
