//! Coordinate descent on penalised least squares.
//!
//! `min_w ½‖r₀ − Σⱼ x̃ⱼwⱼ‖² + Σⱼ fⱼ pen(wⱼ)` over packed columns `xⱼ` (dense or sparse, double precision) with penalty factors `fⱼ ≥ 0`,
//! `x̃ⱼ = xⱼ − mⱼs`: the part of `xⱼ` that is orthogonal to a direction `s`, `mⱼ = xⱼᵀs/sᵀs`. With `s = √a`, the roots of sample weights,
//! that is what eliminates an unpenalised intercept; sparse columns stay sparse, since the residual is kept as `r = v − c·s` with a scalar `c`:
//!
//! * `x̃ⱼᵀr = xⱼᵀv − c·xⱼᵀs`, as `r` is orthogonal to `s` throughout
//! * `r ← r − δx̃ⱼ` is `v ← v − δxⱼ`, `c ← c − δmⱼ`
//!
//! A [`pass`] solves for one weight after the other: `wⱼ ← prox(wⱼ + x̃ⱼᵀr/‖x̃ⱼ‖²)` with step `fⱼ/‖x̃ⱼ‖²`. Cost: 2 operations a stored entry for
//! the product, 2 more where a weight moved. Columns that are constant (a multiple of `s`) keep weight 0.
//!
//! Loops are compiled for each instruction set, but multiply and add apart, so that all give the same bits.
//!
//! ```
//! use rarefy_core::kernels::coordinate::{Columns, Residual, pass};
//! use rarefy_core::penalty::L1;
//! // Two orthonormal columns: the solution is the soft threshold of the products.
//! let columns = Columns::dense(2, vec![1.0, 0.0, 0.0, 1.0], None)?;
//! let (mut w, mut r) = ([0.0; 2], Residual::new(vec![3.0, 0.5], None)?);
//! pass(&columns, &[0, 1], &L1 { lambda: 1.0 }, &[1.0, 1.0], &mut w, &mut r);
//! assert_eq!(w, [2.0, 0.0]);
//! # Ok::<(), rarefy_core::Error>(())
//! ```

mod columns;
pub mod reference;
mod sweep;
#[cfg(test)]
mod tests;

pub use columns::Columns;
pub use sweep::Entries;

use super::simd::{Kernel, Simd, dispatch};
use crate::penalty::{Penalty, Steps};
use crate::{Error, Result};

/// A residual orthogonal to a direction, `r = v − c·s`.
#[derive(Debug, Clone)]
pub struct Residual {
    v: Vec<f64>,
    c: f64,
    direction: Option<Vec<f64>>,
}

impl Residual {
    /// `r` without its part along `direction`, if there is one.
    ///
    /// # Errors
    /// [`Error::Length`] unless both are of one length.
    pub fn new(r: Vec<f64>, direction: Option<Vec<f64>>) -> Result<Self> {
        let Some(s) = direction else { return Ok(Self { v: r, c: 0.0, direction: None }) };
        if s.len() != r.len() {
            return Err(Error::Length { what: "direction", found: s.len(), expected: r.len() });
        }
        let square: f64 = s.iter().map(|s| s * s).sum();
        let dot: f64 = s.iter().zip(&r).map(|(s, r)| s * r).sum();
        Ok(Self { v: r, c: if square > 0.0 { dot / square } else { 0.0 }, direction: Some(s) })
    }

    /// `c`, the part along the direction that has been taken out: the intercept, where the direction is that of one.
    pub fn along(&self) -> f64 {
        self.c
    }

    /// `v`, the residual with that part.
    pub fn with(&self) -> &[f64] {
        &self.v
    }

    /// `‖r‖²`
    pub fn square(&self) -> f64 {
        match &self.direction {
            None => self.v.iter().map(|v| v * v).sum(),
            Some(s) => self.v.iter().zip(s).map(|(v, s)| (v - self.c * s).powi(2)).sum(),
        }
    }

    /// `r ← r − δx̃ⱼ`
    pub fn subtract(&mut self, columns: &Columns, j: usize, delta: f64) {
        columns.column(j).add(-delta, &mut self.v);
        self.c -= delta * columns.means[j];
    }
}

/// One pass over the columns `chosen`, in their order; returns the largest `‖x̃ⱼ‖·|δⱼ|`, how far one weight moved the residual.
///
/// # Panics
/// When `factors` or `w` do not have one number a chosen column, the residual not one a row, or there is no such column.
pub fn pass<P: Penalty<f64>>(
    columns: &Columns,
    chosen: &[u32],
    penalty: &P,
    factors: &[f64],
    w: &mut [f64],
    r: &mut Residual,
) -> f64 {
    check(columns, r);
    assert!(factors.len() == chosen.len() && w.len() == chosen.len(), "one factor and weight a column");
    dispatch(Pass { columns, chosen, penalty, factors, w, r })
}

/// `x̃ⱼᵀr` of the columns `chosen`.
///
/// # Panics
/// When `out` does not have one number a chosen column, the residual not one a row, or there is no such column.
pub fn scores(columns: &Columns, chosen: &[u32], r: &Residual, out: &mut [f64]) {
    check(columns, r);
    assert!(out.len() == chosen.len(), "one score a column");
    dispatch(Scores { columns, chosen, r, out });
}

fn check(columns: &Columns, r: &Residual) {
    assert!(columns.rows == r.v.len(), "{} rows, a residual of {}", columns.rows, r.v.len());
}

struct Pass<'a, P> {
    columns: &'a Columns,
    chosen: &'a [u32],
    penalty: &'a P,
    factors: &'a [f64],
    w: &'a mut [f64],
    r: &'a mut Residual,
}

impl<P: Penalty<f64>> Kernel for Pass<'_, P> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> f64 {
        let Pass { columns, chosen, penalty, factors, w, r } = self;
        let mut farthest = 0.0f64;
        for (k, &j) in chosen.iter().enumerate() {
            let j = j as usize;
            let norm = columns.norms[j];
            if norm <= 0.0 {
                continue;
            }
            let column = columns.column(j);
            let score = column.dot(&r.v) - r.c * columns.dots[j];
            let (old, step) = (w[k], 1.0 / norm);
            let mut new = [old + score * step];
            if factors[k] > 0.0 {
                penalty.prox(&mut new, Steps::Same(factors[k] * step));
            }
            let delta = new[0] - old;
            if delta != 0.0 {
                w[k] = new[0];
                column.add(-delta, &mut r.v);
                r.c -= delta * columns.means[j];
                farthest = farthest.max(norm * delta * delta);
            }
        }
        farthest.sqrt()
    }
}

struct Scores<'a> {
    columns: &'a Columns,
    chosen: &'a [u32],
    r: &'a Residual,
    out: &'a mut [f64],
}

impl Kernel for Scores<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for (&j, out) in self.chosen.iter().zip(self.out) {
            let j = j as usize;
            *out = self.columns.column(j).dot(&self.r.v) - self.r.c * self.columns.dots[j];
        }
    }
}
