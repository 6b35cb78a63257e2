//! The matrix of a least-squares problem, and its two products.

use super::Products;
use crate::{Error, Result};
use rarefy_core::kernels::sweep::{Workspace, each, forward, parts, sweep};
use rarefy_core::matrix::{Axis, ByColumn, ByRow, Compressed, CompressedView, CscView, CsrView, Value};

/// A sparse matrix ready for both products, `Ax` and `Aᵀu`, each on all threads and without two threads that write to one place.
///
/// Where there are many more nonzeros than columns (32 a column) it holds one order, by rows, borrowed where it is given that way: both products
/// of an iteration then take one pass over the nonzeros. Elsewhere it holds both orders. An order that is not given is built once, and takes
/// 12 bytes a nonzero in `f64`, 8 in `f32`, and the time of some ten products.
#[derive(Debug, Clone)]
pub struct Operator<'a, T> {
    by_rows: Held<'a, ByRow, T>,
    by_columns: Option<Held<'a, ByColumn, T>>,
}

#[derive(Debug, Clone)]
enum Held<'a, A, T> {
    Lent(CompressedView<'a, A, T>),
    Own(Compressed<A, T>),
}

impl<A: Axis, T: Value> Held<'_, A, T> {
    fn view(&self) -> CompressedView<'_, A, T> {
        match self {
            Self::Lent(view) => *view,
            Self::Own(matrix) => matrix.view(),
        }
    }
}

impl<'a, T: Value + Into<f64>> Operator<'a, T> {
    /// From a matrix by rows.
    ///
    /// # Errors
    /// [`Error::Value`] for an entry that is not finite; [`Error::Core`] when there is no memory for the other order.
    pub fn from_rows(a: CsrView<'a, T>) -> Result<Self> {
        check_finite(a)?;
        let operator = Self { by_rows: Held::Lent(a), by_columns: None };
        if one_order(a.cols(), a.nnz()) { Ok(operator) } else { operator.with_both_orders() }
    }

    /// From a matrix by columns.
    ///
    /// # Errors
    /// As [`from_rows`](Self::from_rows).
    pub fn from_columns(a: CscView<'a, T>) -> Result<Self> {
        check_finite(a)?;
        let by_columns = (!one_order(a.cols(), a.nnz())).then_some(Held::Lent(a));
        Ok(Self { by_rows: Held::Own(a.convert()?), by_columns })
    }

    /// With both orders in any case: two passes an iteration, which on many threads (more than [`parts`]) may be faster than one.
    ///
    /// # Errors
    /// [`Error::Core`] when there is no memory for it.
    pub fn with_both_orders(mut self) -> Result<Self> {
        if self.by_columns.is_none() {
            self.by_columns = Some(Held::Own(self.by_rows.view().convert()?));
        }
        Ok(self)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.by_rows.view().rows()
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.by_rows.view().cols()
    }

    /// Stored entries.
    pub fn nnz(&self) -> usize {
        self.by_rows.view().nnz()
    }

    /// `out ← Ax`
    ///
    /// # Errors
    /// [`Error::Core`] unless `x` has a number a column and `out` one a row.
    pub fn multiply(&self, x: &[f64], out: &mut [f64]) -> Result<()> {
        out.fill(0.0);
        forward(self.by_rows.view(), None, 0.0, x, 0.0, out)?;
        Ok(())
    }

    /// `out ← Aᵀu`
    ///
    /// # Errors
    /// [`Error::Core`] unless `u` has a number a row and `out` one a column, or when there is no memory.
    pub fn multiply_transposed(&self, u: &[f64], out: &mut [f64]) -> Result<()> {
        out.fill(0.0);
        match &self.by_columns {
            Some(columns) => forward(columns.view().transpose_view(), None, 0.0, u, 0.0, out)?,
            None => {
                let a = self.by_rows.view();
                let zero = vec![0.0; a.cols()];
                sweep(a, None, 0.0, &zero, -1.0, &mut u.to_vec(), out, &mut Workspace::new(a)?)?
            }
        };
        Ok(())
    }

    /// `Σᵢ fᵢaᵢⱼ²` and `Σᵢ fᵢaᵢⱼ` of every column.
    fn column_sums(&self, f: impl Fn(usize) -> f64) -> (Vec<f64>, Vec<f64>) {
        let (mut squares, mut sums) = (vec![0.0; self.cols()], vec![0.0; self.cols()]);
        for (i, j, value) in self.by_rows.view().iter() {
            let (x, f): (f64, f64) = (value.into(), f(i));
            squares[j] += f * x * x;
            sums[j] += f * x;
        }
        (squares, sums)
    }
}

/// Whether one pass serves both products well: on two threads at least, or too small for threads to matter.
fn one_order(cols: usize, nnz: usize) -> bool {
    parts(cols, nnz) > 1 || nnz < 1 << 14
}

fn check_finite<A: Axis, T: Value + Into<f64>>(a: CompressedView<'_, A, T>) -> Result<()> {
    let Some(at) = a.values().iter().position(|x| !x.is_finite()) else { return Ok(()) };
    let line = a.indptr().partition_point(|&start| start as usize <= at) - 1;
    let found = a.values()[at].into();
    Err(Error::Value { what: "A", each: A::NAME, at: line, found, expected: "a finite number" })
}

/// What is done to the matrix without touching it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Settings<'a> {
    pub weights: Option<&'a [f64]>,
    pub intercept: bool,
    pub ridge: f64,
    pub scale: bool,
}

/// `B = [PFAS; √ridge·S]`: `F` has the roots of sample weights, `P` projects across them where there is an intercept, `S` scales columns.
pub(super) struct Bound<'o, 'a, T> {
    operator: &'o Operator<'a, T>,
    roots: Option<Vec<f64>>,
    /// `mⱼ = sⱼ·(weighted mean of column j)`, and the sum of weights.
    centre: Option<(Vec<f64>, f64)>,
    scale: Option<Vec<f64>>,
    /// `√ridge`, 0 where there are no rows for it.
    damp: f64,
    /// `‖B‖` and `‖BS⁻¹‖`, of Frobenius.
    pub frobenius: [f64; 2],
    work: Option<Workspace>,
    /// `Sv`, and `Fu` where both orders are held.
    scratch: [Vec<f64>; 2],
}

impl<'o, 'a, T: Value + Into<f64>> Bound<'o, 'a, T> {
    pub fn new(operator: &'o Operator<'a, T>, settings: Settings<'_>) -> Result<Self> {
        let (rows, cols) = (operator.rows(), operator.cols());
        let weight = |i: usize| settings.weights.map_or(1.0, |w| w[i]);
        let (mut squares, mut means) = operator.column_sums(weight);
        let total: f64 = (0..rows).map(weight).sum();
        if settings.intercept {
            means.iter_mut().for_each(|m| *m /= total);
            // What is left of a constant column is rounding, and counts as nothing.
            let left = |square: f64, mean: f64| (square - total * mean * mean).max(0.0);
            squares.iter_mut().zip(&means).for_each(|(square, &mean)| *square = left(*square, mean));
        }
        squares.iter_mut().for_each(|square| *square += settings.ridge);
        let scale = settings.scale.then(|| -> Vec<f64> {
            let largest = squares.iter().fold(0.0f64, |most, &s| most.max(s));
            let one = |&square: &f64| if square > 1e-24 * largest { square.sqrt().recip() } else { 1.0 };
            squares.iter().map(one).collect()
        });
        let of =
            |s: &dyn Fn(usize) -> f64| squares.iter().enumerate().map(|(j, q)| q * s(j) * s(j)).sum::<f64>().sqrt();
        let factor = |j: usize| scale.as_ref().map_or(1.0, |s| s[j]);
        let frobenius = [of(&factor), of(&|_| 1.0)];
        means.iter_mut().enumerate().for_each(|(j, mean)| *mean *= factor(j));
        let both = operator.by_columns.is_some();
        let work = if both { None } else { Some(Workspace::new(operator.by_rows.view())?) };
        let scaled = if scale.is_some() { vec![0.0; cols] } else { vec![] };
        let weighted = if both && settings.weights.is_some() { vec![0.0; rows] } else { vec![] };
        Ok(Self {
            operator,
            roots: settings.weights.map(|w| w.iter().map(|w| w.sqrt()).collect()),
            centre: settings.intercept.then_some((means, total)),
            scale,
            damp: settings.ridge.sqrt(),
            frobenius,
            work,
            scratch: [scaled, weighted],
        })
    }

    fn factor(&self, j: usize) -> f64 {
        self.scale.as_ref().map_or(1.0, |s| s[j])
    }

    /// `PFy`, and zeros in the rows of the ridge; with it the mean of `y`.
    pub fn target(&self, y: &[f64]) -> (Vec<f64>, f64) {
        let root = |i: usize| self.roots.as_ref().map_or(1.0, |f| f[i]);
        let sum = |centre: f64| y.iter().enumerate().map(|(i, y)| root(i) * root(i) * (y - centre)).sum::<f64>();
        // The second sum takes off what the first has lost to rounding.
        let mean = self.centre.as_ref().map_or(0.0, |(_, total)| {
            let mean = sum(0.0) / total;
            mean + sum(mean) / total
        });
        let mut target: Vec<f64> = y.iter().enumerate().map(|(i, y)| root(i) * (y - mean)).collect();
        target.resize(self.rows(), 0.0);
        (target, mean)
    }

    /// `Sz`
    pub fn unscale(&self, z: &mut [f64]) {
        z.iter_mut().enumerate().for_each(|(j, z)| *z *= self.factor(j));
    }

    /// `S⁻¹x`
    pub fn rescale(&self, x: &mut [f64]) {
        x.iter_mut().enumerate().for_each(|(j, x)| *x /= self.factor(j));
    }

    /// The mean of `Ax` over rows, from `z = S⁻¹x`.
    pub fn mean(&self, z: &[f64]) -> f64 {
        self.centre.as_ref().map_or(0.0, |(means, _)| means.iter().zip(z).map(|(m, z)| m * z).sum())
    }
}

impl<T: Value + Into<f64>> Products for Bound<'_, '_, T> {
    fn rows(&self) -> usize {
        self.operator.rows() + if self.damp > 0.0 { self.operator.cols() } else { 0 }
    }

    fn cols(&self) -> usize {
        self.operator.cols()
    }

    fn step(&mut self, v: &[f64], alpha: f64, u: &mut [f64], w: &mut [f64]) -> Result<f64> {
        let [scaled, weighted] = &mut self.scratch;
        let (a, roots) = (self.operator.by_rows.view(), self.roots.as_deref());
        let (u, below) = u.split_at_mut(a.rows());
        let shift = self.centre.as_ref().map_or(0.0, |(m, _)| m.iter().zip(v).map(|(m, v)| m * v).sum());
        let sv = match &self.scale {
            None => v,
            Some(s) => {
                scaled.iter_mut().zip(v).zip(s).for_each(|((out, v), s)| *out = v * s);
                &scaled[..]
            }
        };
        let sums = match (&self.operator.by_columns, &mut self.work) {
            (None, Some(work)) => sweep(a, roots, shift, sv, alpha, u, w, work)?,
            (columns, _) => {
                let sums = forward(a, roots, shift, sv, alpha, u)?;
                let fu = match roots {
                    None => &*u,
                    Some(f) => {
                        weighted.iter_mut().zip(&*u).zip(f).for_each(|((out, u), f)| *out = u * f);
                        &weighted[..]
                    }
                };
                w.fill(0.0);
                if let Some(columns) = columns {
                    forward(columns.view().transpose_view(), None, 0.0, fu, 0.0, w)?;
                }
                sums
            }
        };
        if let Some(s) = &self.scale {
            w.iter_mut().zip(s).for_each(|(w, s)| *w *= s);
        }
        if let Some((means, _)) = &self.centre {
            w.iter_mut().zip(means).for_each(|(w, m)| *w -= m * sums.along);
        }
        if self.damp == 0.0 {
            return Ok(sums.square);
        }
        let (damp, scale) = (self.damp, self.scale.as_deref());
        let square = each([below, w], |[below, w], range| {
            let mut square = 0.0;
            for ((u, w), j) in below.iter_mut().zip(w).zip(range) {
                let d = damp * scale.map_or(1.0, |s| s[j]);
                *u = d * v[j] - alpha * *u;
                *w += d * *u;
                square += *u * *u;
            }
            square
        });
        Ok(sums.square + square)
    }
}
