//! Poisson loss of counts: `ℓ = e^η − yη`; with `v = u + y ≥ 0`, `ℓ* = v log v − v`. Up to a constant in `y` it is the negative log likelihood.

use super::{Row, Rows, entropy};

/// The mean negative log likelihood of a Poisson model with logarithmic link, but for a constant.
pub type Poisson = Rows<PoissonRow>;

/// `e^η − yη`
#[derive(Debug, Clone, Copy)]
pub struct PoissonRow;

impl Row for PoissonRow {
    const TARGETS: &'static str = "0 or above";

    fn value(y: f64, eta: f64) -> f64 {
        eta.exp() - y * eta
    }

    fn derivatives(y: f64, eta: f64) -> (f64, f64) {
        (eta.exp() - y, eta.exp())
    }

    fn conjugate(y: f64, u: f64) -> f64 {
        let v = u + y;
        if v >= 0.0 { entropy(v) - v } else { f64::INFINITY }
    }

    fn takes(y: f64) -> bool {
        y >= 0.0
    }
}
