//! Squared error: `ℓ = ½(y − η)²`, `ℓ* = uy + ½u²`.

use super::{Entry, Row, Rows};

pub(super) const ENTRY: Entry = Entry {
    name: "squared",
    help: "Half the squared error, of numbers.",
    make: |y, weights, _| Ok(Box::new(Squared::new(y, weights)?)),
};

/// Half the mean squared error.
pub type Squared = Rows<SquaredRow>;

/// `½(y − η)²`
#[derive(Debug, Clone, Copy)]
pub struct SquaredRow;

impl Row for SquaredRow {
    const QUADRATIC: bool = true;
    const TARGETS: &'static str = "a finite number";

    fn value(y: f64, eta: f64) -> f64 {
        0.5 * (y - eta) * (y - eta)
    }

    fn derivatives(y: f64, eta: f64) -> (f64, f64) {
        (eta - y, 1.0)
    }

    fn conjugate(y: f64, u: f64) -> f64 {
        u * y + 0.5 * u * u
    }

    fn takes(_y: f64) -> bool {
        true
    }
}
