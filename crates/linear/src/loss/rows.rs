//! Losses of which every row is the same function of its target.

use super::Loss;
use crate::design::check;
use crate::{Error, Result};

/// What one row costs.
pub trait Row: Send + Sync {
    /// `ℓ(y, η)`
    fn value(y: f64, eta: f64) -> f64;
    /// `ℓ'` and `ℓ''` in `η`.
    fn derivatives(y: f64, eta: f64) -> (f64, f64);
    /// `ℓ*(u) = sup_η uη − ℓ(y, η)`, ∞ where that has no bound.
    fn conjugate(y: f64, u: f64) -> f64;
    /// Whether `ℓ''` is 1 everywhere.
    const QUADRATIC: bool = false;
    /// Which targets there are, and what they are called.
    fn takes(y: f64) -> bool;
    /// What [`takes`](Row::takes) takes.
    const TARGETS: &'static str;
}

/// Targets and weights with the loss `R` of a row.
#[derive(Debug, Clone)]
pub struct Rows<R> {
    y: Vec<f64>,
    a: Vec<f64>,
    row: std::marker::PhantomData<R>,
}

impl<R: Row> Rows<R> {
    /// Targets, and sample weights (all the same unless given; any positive sum).
    ///
    /// # Errors
    /// [`Error::Empty`] without rows or weight, [`Error::Length`], and [`Error::Value`] for targets or weights that cannot be.
    pub fn new(y: &[f64], weights: Option<&[f64]>) -> Result<Self> {
        check("y", y, y.len(), "row")?;
        if let Some(at) = y.iter().position(|&y| !R::takes(y)) {
            return Err(Error::Value { what: "y", each: "row", at, found: y[at], expected: R::TARGETS });
        }
        let a = super::shares(y.len(), weights)?;
        Ok(Self { y: y.to_vec(), a, row: std::marker::PhantomData })
    }

    /// The targets.
    pub fn targets(&self) -> &[f64] {
        &self.y
    }

    fn each<'a>(&'a self, eta: &'a [f64]) -> impl Iterator<Item = (f64, f64, f64)> + 'a {
        self.y.iter().zip(&self.a).zip(eta).map(|((&y, &a), &eta)| (y, a, eta))
    }
}

impl<R: Row> Loss for Rows<R> {
    fn weights(&self) -> &[f64] {
        &self.a
    }

    fn value(&self, eta: &[f64]) -> f64 {
        self.each(eta).filter(|&(_, a, _)| a > 0.0).map(|(y, a, eta)| a * R::value(y, eta)).sum()
    }

    fn derivatives(&self, eta: &[f64], gradient: &mut [f64], curvature: &mut [f64]) {
        for ((y, a, eta), (g, h)) in self.each(eta).zip(gradient.iter_mut().zip(curvature)) {
            (*g, *h) = if a > 0.0 { R::derivatives(y, eta) } else { (0.0, 0.0) };
            (*g, *h) = (a * *g, a * *h);
        }
    }

    fn conjugate(&self, u: &[f64]) -> Option<f64> {
        Some(self.each(u).filter(|&(_, a, _)| a > 0.0).map(|(y, a, u)| a * R::conjugate(y, u / a)).sum())
    }

    fn quadratic(&self) -> bool {
        R::QUADRATIC
    }
}
