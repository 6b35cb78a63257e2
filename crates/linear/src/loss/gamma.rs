//! Gamma loss of positive amounts with logarithmic link: `ℓ = ye^−η + η`; with `k = 1 − u ≥ 0`, `ℓ* = k log k − k log y − k`. Up to terms in `y`
//! it is the negative log likelihood of a gamma distribution with mean `e^η`, and half its deviance.
//!
//! McCullagh and Nelder, *Generalized linear models*, 1989, chapter 8.

use super::{Entry, Row, Rows, entropy};

pub(super) const ENTRY: Entry = Entry {
    name: "gamma",
    help: "Amounts above 0 with logarithmic link.",
    make: |y, weights, _| Ok(Box::new(Gamma::new(y, weights)?)),
};

/// The mean negative log likelihood of a gamma model with logarithmic link, but for a constant.
pub type Gamma = Rows<GammaRow>;

/// `ye^−η + η`
#[derive(Debug, Clone, Copy)]
pub struct GammaRow;

impl Row for GammaRow {
    const TARGETS: &'static str = "above 0";

    fn value(y: f64, eta: f64) -> f64 {
        y * (-eta).exp() + eta
    }

    fn derivatives(y: f64, eta: f64) -> (f64, f64) {
        let ratio = y * (-eta).exp();
        (1.0 - ratio, ratio)
    }

    fn conjugate(y: f64, u: f64) -> f64 {
        let k = 1.0 - u;
        if k >= 0.0 { entropy(k) - k * y.ln() - k } else { f64::INFINITY }
    }

    fn takes(y: f64) -> bool {
        y > 0.0
    }
}
