//! Minimax concave penalty (MCP): `pen(w) = λ|w| − w²/(2γ)` for `|w| ≤ γλ`, and `γλ²/2` beyond.
//!
//! L1 near zero, and no bias on large weights. Zhang, *Nearly unbiased variable selection under minimax concave penalty*, 2010.

use super::{Entry, Entrywise, l1, soft};

pub(super) const ENTRY: Entry = Entry {
    name: "mcp",
    help: "As L1 for small weights, and no shrinkage of large ones; not convex.",
    single: |n| Box::new(Mcp { lambda: n.lambda, gamma: n.gamma }),
    double: |n| Box::new(Mcp { lambda: n.lambda, gamma: n.gamma }),
};

/// MCP of strength `lambda` (0 or above, in the unit of the loss's gradient) and concavity `gamma` (above 0, in the unit of a step size).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mcp {
    /// Strength.
    pub lambda: f64,
    /// Concavity: weights beyond `γλ` are not shrunk.
    pub gamma: f64,
}

impl Entrywise for Mcp {
    fn value(&self, w: f64) -> f64 {
        let (size, end) = (w.abs(), self.gamma * self.lambda);
        if size <= end { self.lambda * size - w * w / (2.0 * self.gamma) } else { end * self.lambda / 2.0 }
    }

    /// With a step of `gamma` or longer the problem is concave in between, and the answer is all or nothing.
    fn prox(&self, w: f64, step: f64) -> f64 {
        if step >= self.gamma {
            return if w.abs() > self.lambda * (self.gamma * step).sqrt() { w } else { 0.0 };
        }
        if w.abs() > self.gamma * self.lambda {
            return w;
        }
        soft(w, step * self.lambda) / (1.0 - step / self.gamma)
    }

    fn distance(&self, w: f64, gradient: f64) -> f64 {
        // What is left of λ at w.
        let rest = (self.lambda - w.abs() / self.gamma).max(0.0);
        l1::entry(w, gradient, rest)
    }

    fn conjugate(&self, _u: f64) -> Option<f64> {
        None
    }

    fn threshold(&self) -> f64 {
        self.lambda
    }
}
