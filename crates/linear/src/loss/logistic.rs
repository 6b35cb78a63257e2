//! Logistic loss of two classes: `ℓ = log(1 + e^η) − yη` with `y` 0 or 1; with `v = u + y` in 0..=1, `ℓ* = v log v + (1 − v) log(1 − v)`.

use super::{Entry, Row, Rows, entropy};

pub(super) const ENTRY: Entry = Entry {
    name: "logistic",
    help: "Logistic regression of two classes, 0 and 1.",
    make: |y, weights, _| Ok(Box::new(Logistic::new(y, weights)?)),
};

/// The mean negative log likelihood of a logistic model.
pub type Logistic = Rows<LogisticRow>;

/// `log(1 + e^η) − yη`
#[derive(Debug, Clone, Copy)]
pub struct LogisticRow;

impl Row for LogisticRow {
    const TARGETS: &'static str = "0 or 1";

    fn value(y: f64, eta: f64) -> f64 {
        // Of a margin that is small or negative on the right side: log(1 + e^−m) without overflow.
        let m = if y > 0.5 { eta } else { -eta };
        (-m.abs()).exp().ln_1p() + (-m).max(0.0)
    }

    fn derivatives(y: f64, eta: f64) -> (f64, f64) {
        let small = (-eta.abs()).exp();
        let (low, high) = (small / (1.0 + small), 1.0 / (1.0 + small));
        let p = if eta < 0.0 { low } else { high };
        let miss = if eta < 0.0 { high } else { low }; // 1 − p, without cancelling
        (if y > 0.5 { -miss } else { p }, low * high)
    }

    fn conjugate(y: f64, u: f64) -> f64 {
        let v = u + y;
        if (0.0..=1.0).contains(&v) { entropy(v) + entropy(1.0 - v) } else { f64::INFINITY }
    }

    fn takes(y: f64) -> bool {
        y == 0.0 || y == 1.0
    }
}
