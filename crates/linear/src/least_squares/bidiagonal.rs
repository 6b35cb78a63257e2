//! Golub and Kahan's bidiagonalisation: `B vₖ = αₖuₖ + βₖ₊₁uₖ₊₁`, `Bᵀuₖ₊₁ = βₖ₊₁vₖ + αₖ₊₁vₖ₊₁`.

use super::Products;
use crate::Result;
use rarefy_core::kernels::sweep::{each, square};

/// The process, at some `k`.
pub(super) struct Bidiagonal<'p> {
    products: &'p mut dyn Products,
    /// `βu`: dividing it would take another pass over rows, so that `1/β` goes into the next step instead.
    u: Vec<f64>,
    pub v: Vec<f64>,
    w: Vec<f64>,
    pub alpha: f64,
    pub beta: f64,
}

impl<'p> Bidiagonal<'p> {
    /// Starts at the residual `r ≠ 0`, with `g = Bᵀr ≠ 0`.
    pub fn new(products: &'p mut dyn Products, r: Vec<f64>, mut g: Vec<f64>) -> Self {
        let (beta, length) = (square(&r).sqrt(), square(&g).sqrt());
        g.iter_mut().for_each(|g| *g /= length);
        Self { w: vec![0.0; g.len()], products, u: r, v: g, alpha: length / beta, beta }
    }

    /// One step: new `β`, `α`, `u` and `v`.
    pub fn next(&mut self) -> Result<()> {
        let carried = if self.beta > 0.0 { self.alpha / self.beta } else { 0.0 };
        let beta = self.products.step(&self.v, carried, &mut self.u, &mut self.w)?.sqrt();
        self.beta = beta;
        if beta == 0.0 {
            return Ok(());
        }
        let w = &self.w;
        let sum = each([&mut self.v], |[v], range| {
            v.iter_mut().zip(&w[range]).for_each(|(v, w)| *v = w / beta - beta * *v);
            square(v)
        });
        self.alpha = sum.sqrt();
        if self.alpha > 0.0 {
            let inverse = self.alpha.recip();
            each([&mut self.v], |[v], _| {
                v.iter_mut().for_each(|v| *v *= inverse);
                0.0
            });
        }
        Ok(())
    }
}

/// A rotation `(c, s, ρ)` that takes `(a, b)` to `(ρ, 0)`.
pub(super) fn rotation(a: f64, b: f64) -> (f64, f64, f64) {
    let rho = a.hypot(b);
    if rho == 0.0 { (1.0, 0.0, 0.0) } else { (a / rho, b / rho, rho) }
}
