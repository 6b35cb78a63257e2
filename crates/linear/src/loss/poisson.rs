//! Poisson loss of counts: `ℓ = e^η − yη`; with `v = u + y ≥ 0`, `ℓ* = v log v − v`. Up to a constant in `y` it is the negative log likelihood.

use super::{Entry, Row, Rows, entropy};

pub(super) const ENTRY: Entry = Entry {
    name: "poisson",
    help: "Counts, 0 or above, with logarithmic link.",
    make: |y, weights, _| Ok(Box::new(Poisson::new(y, weights)?)),
};

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
