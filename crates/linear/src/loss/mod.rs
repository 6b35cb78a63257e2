//! Losses: how far a linear model's answers are from the targets.
//!
//! A [`Loss`] is a convex function `F` of `η` in which sample weights `aᵢ ≥ 0` add up to 1; most are `F(η) = Σᵢ aᵢ ℓ(yᵢ, ηᵢ)`, and say only what a
//! single row costs ([`Row`]). To add one: one file here, one line in [`registry`], one entry in the tables of `tests/losses.rs` and
//! `tests/solver.rs`.
//!
//! | name | loss | `ℓ(y, η)` | for |
//! |---|---|---|---|
//! | `squared` | [`Squared`] | `½(y − η)²` | numbers |
//! | `logistic` | [`Logistic`] | `log(1 + e^η) − yη`, `y` 0 or 1 | two classes |
//! | `poisson` | [`Poisson`] | `e^η − yη`, `y ≥ 0` | counts |
//! | `gamma` | [`Gamma`] | `ye^−η + η`, `y > 0` | amounts whose spread grows with them |
//! | `huber` | [`Huber`] | `σ + σH((y − η)/σ)`, `σ` estimated too | numbers of which some are far off |
//! | `quantile` | [`Quantile`] | `max(τ(y − η), (τ − 1)(y − η))` | a quantile of numbers |
//! | `squared-hinge` | [`SquaredHinge`] | `½max(0, 1 − ỹη)²`, `ỹ = 2y − 1` | two classes |
//! | `cox` | [`Cox`] | of all rows at once | times until an event |
//!
//! ```
//! use rarefy_linear::loss::{Numbers, registry};
//! let entry = registry().iter().find(|entry| entry.name == "quantile").unwrap();
//! let loss = (entry.make)(&[1.0, 5.0], None, &Numbers { quantile: 0.75, ..Numbers::default() })?;
//! // One target 1 above, weighted 0.75, one 3 below, weighted 0.25.
//! assert_eq!(loss.value(&[4.0, 4.0]), (0.25 * 3.0 + 0.75 * 1.0) / 2.0);
//! # Ok::<(), rarefy_linear::Error>(())
//! ```

mod cox;
mod gamma;
mod huber;
mod logistic;
mod poisson;
mod quantile;
mod rows;
mod squared;
mod squared_hinge;

pub use cox::Cox;
pub use gamma::Gamma;
pub use huber::Huber;
pub use logistic::Logistic;
pub use poisson::Poisson;
pub use quantile::Quantile;
pub use rows::{Row, Rows};
pub use squared::Squared;
pub use squared_hinge::SquaredHinge;

use crate::design::check;
use crate::{Error, Result};

/// A convex function of `η`, one number a row.
pub trait Loss: Send + Sync {
    /// Sample weights `aᵢ`; they add up to 1.
    fn weights(&self) -> &[f64];

    /// `F(η)`
    fn value(&self, eta: &[f64]) -> f64;

    /// Writes `∇F(η)`, and the diagonal of `∇²F(η)` or of a diagonal matrix that is nowhere below it: rows in which `F` is a straight line
    /// that bends farther off had better have some. Where `F` has no gradient, a subgradient, one that adds up to 0 if there is one.
    fn derivatives(&self, eta: &[f64], gradient: &mut [f64], curvature: &mut [f64]);

    /// `F*(u) = sup_η uᵀη − F(η)`, ∞ where that has no bound; rows without weight are left out. `None` where it is not known.
    fn conjugate(&self, u: &[f64]) -> Option<f64>;

    /// `F*(share·∇F(η))`, or something above it, for `share` in 0..=1: what a duality gap is made of. A loss may know this and not
    /// [`conjugate`](Loss::conjugate). `None`: fits are certified by stationarity.
    fn scaled_conjugate(&self, eta: &[f64], gradient: &[f64], share: f64) -> Option<f64> {
        let _ = eta;
        self.conjugate(&gradient.iter().map(|g| share * g).collect::<Vec<_>>())
    }

    /// Whether the curvature is `aᵢ` everywhere.
    fn quadratic(&self) -> bool {
        false
    }

    /// Whether `F(η + c·1)` is `F(η)` for every `c`: then the intercept is 0.
    fn ignores_shifts(&self) -> bool {
        false
    }

    /// The `c` nearest to 0 for which `F(η + c·1)` is least, where it can be told directly. `None`: Newton's method finds it.
    fn best_shift(&self, eta: &[f64]) -> Option<f64> {
        let _ = eta;
        None
    }

    /// For a loss that is not smooth, the smooth one `sup_v vᵀη − F*(v) − width/2·Σᵢ (vᵢ − uᵢ)²/aᵢ` near it, whose gradient is the next `u` of the
    /// method of multipliers. `None` for a smooth one.
    fn smoothed<'a>(&'a self, u: &[f64], width: f64) -> Option<Box<dyn Loss + 'a>> {
        let _ = (u, width);
        None
    }
}

/// The numbers that losses are made of, besides targets and weights; each takes those it knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Numbers {
    /// Huber's loss is linear beyond this many scales, above 1.
    pub epsilon: f64,
    /// The quantile wanted, between 0 and 1.
    pub quantile: f64,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { epsilon: huber::EPSILON, quantile: 0.5 }
    }
}

/// Makes a loss of targets, sample weights (all the same unless given; any positive sum), and numbers.
pub type Make = fn(&[f64], Option<&[f64]>, &Numbers) -> Result<Box<dyn Loss>>;

/// A loss's name, and how it is made. One line each in [`registry`].
pub struct Entry {
    /// The name in recipes.
    pub name: &'static str,
    /// One sentence for help texts.
    pub help: &'static str,
    /// Makes it; the errors are those of the loss's constructor.
    pub make: Make,
}

/// All losses.
pub fn registry() -> &'static [Entry] {
    &[
        squared::ENTRY,
        logistic::ENTRY,
        poisson::ENTRY,
        gamma::ENTRY,
        huber::ENTRY,
        quantile::ENTRY,
        squared_hinge::ENTRY,
        cox::ENTRY,
    ]
}

/// Sample weights of `rows` rows that add up to 1.
fn shares(rows: usize, weights: Option<&[f64]>) -> Result<Vec<f64>> {
    if rows == 0 {
        return Err(Error::Empty("no rows: there is nothing to learn from"));
    }
    let Some(weights) = weights else { return Ok(vec![1.0 / rows as f64; rows]) };
    check("weights", weights, rows, "row")?;
    if let Some(at) = weights.iter().position(|&a| a < 0.0) {
        return Err(Error::Value { what: "weights", each: "row", at, found: weights[at], expected: "0 or above" });
    }
    // Over the largest first: the sum of large numbers might not be one.
    let most = weights.iter().fold(0.0f64, |most, &a| most.max(a));
    if most == 0.0 {
        return Err(Error::Empty("all weights are zero: there is nothing to learn from"));
    }
    let sum: f64 = weights.iter().map(|a| a / most).sum();
    Ok(weights.iter().map(|a| a / most / sum).collect())
}

/// A row whose loss is a straight line, but bends farther off, has this share of the curvature of a parabola that touches it there and is nowhere
/// below: enough for models to be bounded by rows like that, and for steps to be long. With all of it (reweighted least squares) fits of
/// the tests take 10 times the iterations, with a thousandth 4 times the passes.
const FLAT: f64 = 1e-2;

/// `x log x`, 0 at 0.
fn entropy(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x * x.ln() }
}
