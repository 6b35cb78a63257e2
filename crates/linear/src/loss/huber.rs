//! Huber's loss with its scale: squares of small residuals, absolute values of large ones, and what is large is estimated too.
//!
//! `F(η) = min_σ Σᵢ aᵢ(σ + σH(zᵢ))` with `zᵢ = (yᵢ − ηᵢ)/σ`, `H(z) = z²` for `|z| ≤ ε` and `2ε|z| − ε²` beyond, `ε > 1`. Every term is jointly convex in `η` and `σ`,
//! so `F` is convex. Coefficients scale with the targets, and where the bend is does not depend on their unit.
//!
//! * The best `σ` solves `Σᵢ aᵢ min(zᵢ², ε²) = 1`.
//! * Gradient: `−2aᵢ max(−ε, min(zᵢ, ε))`. Curvature: `2aᵢ/σ` where `|zᵢ| ≤ ε`, else 0 (see [`Loss::derivatives`] for what is said of such
//!   rows); that `σ` moves with `η` only makes it less.
//! * `F*(u) = Σ uᵢyᵢ − σ₀(1 − Q)` with `Q = Σ aᵢ(uᵢ/aᵢ)²/4`, where `Q ≤ 1` and all `|uᵢ| ≤ 2εaᵢ`, else ∞.
//!
//! `σ` is at least `σ₀`, 10⁻¹⁰ of the largest target: residuals that are all zero have no scale, and `F` no gradient there. It adds at most
//! `σ₀` to `F`. Penalties so weak that all rows but outliers are met are that case: there fits take very many iterations.
//!
//! Huber, *Robust statistics*, 1981, section 7.7; scikit-learn's `HuberRegressor` minimises the same sum with `ε = 1.35`, at which 95 % of the
//! efficiency of least squares is left on normal errors.

use super::{Entry, FLAT, Loss, shares};
use crate::design::check;
use crate::{Error, Result};

pub(super) const ENTRY: Entry = Entry {
    name: "huber",
    help: "Numbers of which some are far off: squares of small residuals, sizes of large ones.",
    make: |y, weights, numbers| Ok(Box::new(Huber::new(y, numbers.epsilon, weights)?)),
};

/// Where the loss bends unless told, in scales.
pub(super) const EPSILON: f64 = 1.35;

/// The least scale, as a share of the largest target.
const LEAST_SCALE: f64 = 1e-10;

/// Dual points are made of sums over rows, of which `Q` is 1 at most but for rounding.
const ROUNDING: f64 = 1e-12;

/// Huber's loss, the scale being the best for `η`.
#[derive(Debug, Clone)]
pub struct Huber {
    y: Vec<f64>,
    a: Vec<f64>,
    epsilon: f64,
    least: f64,
}

impl Huber {
    /// Targets, where the loss bends (in scales, above 1), and sample weights (all the same unless given; any positive sum).
    ///
    /// # Errors
    /// [`Error::Parameter`] for an `epsilon` that is not above 1, [`Error::Empty`] without rows or weight, [`Error::Length`], and [`Error::Value`] for
    /// targets or weights that cannot be.
    pub fn new(y: &[f64], epsilon: f64, weights: Option<&[f64]>) -> Result<Self> {
        if !(epsilon > 1.0 && epsilon.is_finite()) {
            return Err(Error::Parameter { name: "epsilon", found: epsilon.to_string(), expected: "above 1" });
        }
        check("y", y, y.len(), "row")?;
        let a = shares(y.len(), weights)?;
        let largest = y.iter().zip(&a).filter(|(_, a)| **a > 0.0).fold(0.0f64, |most, (y, _)| most.max(y.abs()));
        let least = LEAST_SCALE * if largest > 0.0 { largest } else { 1.0 };
        Ok(Self { y: y.to_vec(), a, epsilon, least: least.max(f64::MIN_POSITIVE) })
    }

    /// Residuals and weights of rows that have one.
    fn residuals<'a>(&'a self, eta: &'a [f64]) -> impl Iterator<Item = (f64, f64)> + 'a {
        self.y.iter().zip(&self.a).zip(eta).filter(|((_, a), _)| **a > 0.0).map(|((y, a), eta)| (y - eta, *a))
    }

    /// The best `σ` for `η`.
    ///
    /// In `s = 1/σ²` the condition `Σ aᵢ min(rᵢ²s, ε²) = 1` is concave, rising and piecewise linear: Newton's method from the left stays on the left,
    /// and ends once no row is left to cross the bend.
    pub fn scale(&self, eta: &[f64]) -> f64 {
        let largest = self.residuals(eta).fold(0.0f64, |most, (r, _)| most.max(r.abs()));
        if largest <= self.least {
            return self.least;
        }
        // In units of the largest residual: squares neither overflow nor vanish.
        let (mut sigma, mut crossed) = (f64::INFINITY, 0);
        loop {
            let (mut square, mut outside, mut count) = (0.0, 0.0, 0);
            for (r, a) in self.residuals(eta) {
                let r = r.abs() / largest;
                if r <= self.epsilon * sigma {
                    square += a * r * r;
                } else {
                    outside += a;
                    count += 1;
                }
            }
            let left = 1.0 - self.epsilon * self.epsilon * outside;
            if sigma.is_finite() && (count == crossed || left <= 0.0) {
                return (sigma * largest).max(self.least);
            }
            (sigma, crossed) = ((square / left).sqrt(), count);
        }
    }
}

impl Loss for Huber {
    fn weights(&self) -> &[f64] {
        &self.a
    }

    fn value(&self, eta: &[f64]) -> f64 {
        let (sigma, epsilon) = (self.scale(eta), self.epsilon);
        let one = |(r, a): (f64, f64)| {
            let z = r.abs() / sigma;
            a * if z <= epsilon { z * r.abs() } else { 2.0 * epsilon * r.abs() - epsilon * epsilon * sigma }
        };
        sigma + self.residuals(eta).map(one).sum::<f64>()
    }

    fn derivatives(&self, eta: &[f64], gradient: &mut [f64], curvature: &mut [f64]) {
        let sigma = self.scale(eta);
        for (((y, a), eta), (g, h)) in self.y.iter().zip(&self.a).zip(eta).zip(gradient.iter_mut().zip(curvature)) {
            let z = (y - eta) / sigma;
            *g = -2.0 * a * z.clamp(-self.epsilon, self.epsilon);
            *h = 2.0 * a / sigma * if z.abs() <= self.epsilon { 1.0 } else { FLAT * self.epsilon / z.abs() };
        }
    }

    fn conjugate(&self, u: &[f64]) -> Option<f64> {
        let (mut square, mut product) = (0.0, 0.0);
        for ((u, a), y) in u.iter().zip(&self.a).zip(&self.y).filter(|((_, a), _)| **a > 0.0) {
            let slope = u / a;
            if slope.abs() > 2.0 * self.epsilon * (1.0 + ROUNDING) {
                return Some(f64::INFINITY);
            }
            square += a * slope * slope / 4.0;
            product += u * y;
        }
        Some(if square <= 1.0 + ROUNDING { product - self.least * (1.0 - square) } else { f64::INFINITY })
    }
}
