//! Squared hinge loss of two classes: `ℓ = ½max(0, 1 − ỹη)²` with `ỹ = 2y − 1`, `y` 0 or 1; with `s = ỹu ≤ 0`, `ℓ* = s + ½s²`. Its second derivative is
//! 1 on rows that are within the margin and 0 beyond, where classes are told apart well enough.
//!
//! Fan et al., *LIBLINEAR: a library for large linear classification*, 2008 (the loss of its L2-loss support vector machines, halved).

use super::{Entry, Row, Rows};

pub(super) const ENTRY: Entry = Entry {
    name: "squared-hinge",
    help: "Support vectors of two classes, 0 and 1: the margin missed, squared.",
    make: |y, weights, _| Ok(Box::new(SquaredHinge::new(y, weights)?)),
};

/// Half the mean squared shortfall from a margin of 1.
pub type SquaredHinge = Rows<SquaredHingeRow>;

/// `½max(0, 1 − ỹη)²`
#[derive(Debug, Clone, Copy)]
pub struct SquaredHingeRow;

/// `ỹ`, -1 or 1.
fn sign(y: f64) -> f64 {
    if y > 0.5 { 1.0 } else { -1.0 }
}

impl Row for SquaredHingeRow {
    const TARGETS: &'static str = "0 or 1";

    fn value(y: f64, eta: f64) -> f64 {
        let short = (1.0 - sign(y) * eta).max(0.0);
        0.5 * short * short
    }

    fn derivatives(y: f64, eta: f64) -> (f64, f64) {
        let short = (1.0 - sign(y) * eta).max(0.0);
        (-sign(y) * short, f64::from(short > 0.0))
    }

    fn conjugate(y: f64, u: f64) -> f64 {
        let s = sign(y) * u;
        if s <= 0.0 { s + 0.5 * s * s } else { f64::INFINITY }
    }

    fn takes(y: f64) -> bool {
        y == 0.0 || y == 1.0
    }
}
