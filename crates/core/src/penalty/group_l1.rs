//! Group L1: `pen(w) = λ‖w‖₂` of one group, whose weights become zero together.
//!
//! Yuan and Lin, *Model selection and estimation in regression with grouped variables*, 2006. With `cᵢ = λsᵢ` the prox is 0 where
//! `Σ(wᵢ/cᵢ)² ≤ 1`, and else `uᵢ = wᵢ·r/(r + cᵢ)` with the norm `r = ‖u‖` that solves `φ(r) = Σwᵢ²/(r + cᵢ)² = 1`. Newton's method on
//! `1/√φ`, which is concave, rises to `r` without overshooting from any start below it; it starts at `‖w‖ − max cᵢ`, which is `r` where all
//! `sᵢ` are the same.

use super::{Block, Entry, Penalty, Real, Steps, indicator, squares};

pub(super) const ENTRY: Entry = Entry {
    name: "group-l1",
    help: "The sum of the norms of groups: whole neurons become zero.",
    single: |n| Box::new(GroupL1 { lambda: n.lambda }),
    double: |n| Box::new(GroupL1 { lambda: n.lambda }),
};

/// Newton steps at most; it takes fewer than ten.
const STEPS: usize = 100;

/// Group L1 of strength `lambda` (0 or above, in the unit of the loss's gradient); often `√size` times that of a single weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupL1 {
    /// Strength.
    pub lambda: f64,
}

impl<T: Real> Penalty<T> for GroupL1 {
    fn block(&self) -> Block {
        Block::Group
    }

    fn value(&self, w: &[T]) -> f64 {
        self.lambda * norm(w)
    }

    fn prox(&self, w: &mut [T], steps: Steps<'_, T>) {
        // Zeros are zeros at any strength, and the quotients below are none of them at a step size of 0.
        if self.lambda <= 0.0 || w.iter().all(|&w| w.into() == 0.0) {
            return;
        }
        let shift = |i: usize| self.lambda * steps.of(i);
        // φ and −φ'/2.
        let at = |w: &[T], r: f64| {
            w.iter().enumerate().fold((0.0, 0.0), |(phi, slope), (i, &w)| {
                let inverse = 1.0 / (r + shift(i));
                let part = w.into() * inverse;
                (phi + part * part, slope + part * part * inverse)
            })
        };
        let largest = (0..w.len()).map(shift).fold(0.0, f64::max);
        let mut r = (norm(w) - largest).max(0.0);
        let (mut phi, mut slope) = at(w, r);
        if r == 0.0 && phi <= 1.0 {
            return w.fill(T::near(0.0));
        }
        for _ in 0..STEPS {
            // h = φ^(−1/2) − 1, h' = φ^(−3/2)·(−φ'/2).
            let next = r + (1.0 - phi.powf(-0.5)) * phi.powf(1.5) / slope;
            if next <= r || next.is_nan() {
                break;
            }
            r = next;
            (phi, slope) = at(w, r);
        }
        w.iter_mut().enumerate().for_each(|(i, w)| *w = T::near((*w).into() * (r / (r + shift(i)))));
    }

    fn distance(&self, w: &[T], gradient: &[T]) -> f64 {
        let norm = norm(w);
        if norm == 0.0 {
            return (squares(gradient.iter().map(|&g| g.into())).sqrt() - self.lambda).max(0.0);
        }
        squares(w.iter().zip(gradient).map(|(&w, &g)| g.into() + self.lambda * w.into() / norm)).sqrt()
    }

    fn conjugate(&self, u: &[T]) -> Option<f64> {
        Some(indicator(norm(u) <= self.lambda))
    }

    fn threshold(&self) -> f64 {
        self.lambda
    }
}

/// The Euclidean norm.
fn norm<T: Real>(w: &[T]) -> f64 {
    squares(w.iter().map(|&w| w.into())).sqrt()
}
