//! Smoothly clipped absolute deviation (SCAD): `pen(w) = λ|w|` for `|w| ≤ λ`, `(2γλ|w| − w² − λ²)/(2(γ−1))` up to `γλ`, and
//! `λ²(γ+1)/2` beyond.
//!
//! Fan and Li, *Variable selection via nonconcave penalized likelihood and its oracle properties*, 2001.

use super::{Entry, Entrywise, l1, soft};

pub(super) const ENTRY: Entry = Entry {
    name: "scad",
    help: "As L1 for small weights, less and less shrinkage of larger ones; not convex.",
    single: |n| Box::new(Scad { lambda: n.lambda, gamma: n.gamma }),
    double: |n| Box::new(Scad { lambda: n.lambda, gamma: n.gamma }),
};

/// SCAD of strength `lambda` (0 or above, in the unit of the loss's gradient) and `gamma` (above 2; 3.7 in the paper).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scad {
    /// Strength.
    pub lambda: f64,
    /// Weights beyond `γλ` are not shrunk.
    pub gamma: f64,
}

impl Entrywise for Scad {
    fn value(&self, w: f64) -> f64 {
        let (size, lambda, gamma) = (w.abs(), self.lambda, self.gamma);
        if size <= lambda {
            lambda * size
        } else if size <= gamma * lambda {
            (2.0 * gamma * lambda * size - size * size - lambda * lambda) / (2.0 * (gamma - 1.0))
        } else {
            lambda * lambda * (gamma + 1.0) / 2.0
        }
    }

    /// The best of the minima of the three pieces; where the step is shorter than `γ − 1` there is only one.
    fn prox(&self, w: f64, step: f64) -> f64 {
        if w.is_nan() {
            return w;
        }
        let (lambda, gamma) = (self.lambda, self.gamma);
        let bent = gamma - 1.0 - step;
        let middle = if bent > 0.0 { ((gamma - 1.0) * w.abs() - step * gamma * lambda) / bent } else { gamma * lambda };
        let candidates = [
            soft(w.abs(), step * lambda).clamp(0.0, lambda),
            middle.clamp(lambda, gamma * lambda),
            w.abs().max(gamma * lambda),
        ];
        let cost = |u: f64| (u - w.abs()).powi(2) / (2.0 * step) + self.value(u);
        let best = candidates.into_iter().fold(0.0, |best, u| if cost(u) < cost(best) { u } else { best });
        best.copysign(w) * f64::from(best != 0.0)
    }

    fn distance(&self, w: f64, gradient: f64) -> f64 {
        // What is left of λ at w.
        let rest = ((self.gamma * self.lambda - w.abs()) / (self.gamma - 1.0)).clamp(0.0, self.lambda);
        l1::entry(w, gradient, rest)
    }

    fn conjugate(&self, _u: f64) -> Option<f64> {
        None
    }

    fn threshold(&self) -> f64 {
        self.lambda
    }
}
