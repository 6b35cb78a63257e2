//! Bounds on scores from gradients seen before.
//!
//! The score of a column is linear in the gradient. With orthonormal directions `qₖ` in the space of `u = ∇F/√a`, whose products `zₖ = −Xᵀ(√a∘qₖ)`
//! with all columns are known, and `cₖ = qₖᵀu`,
//!
//! `|−xⱼᵀ∇F − Σₖ cₖzₖⱼ| ≤ √(Σᵢ aᵢxᵢⱼ²) · ‖u − Σₖ cₖqₖ‖`
//!
//! for one pass over the rows, and not one entry of the design. Along a path gradients are nearly linear in the strength, so that two or three of them
//! say of most columns that their weights stay zero.

/// Directions kept: the oldest goes.
const MOST: usize = 4;

#[derive(Debug, Clone)]
struct Anchor {
    q: Vec<f64>,
    z: Vec<f64>,
}

/// Directions whose products with all columns are known.
#[derive(Debug, Clone, Default)]
pub(super) struct Anchors {
    all: Vec<Anchor>,
}

/// A gradient as the anchors see it.
pub(super) struct Seen<'a> {
    anchors: &'a Anchors,
    parts: Vec<f64>,
    /// The length of what is outside of their span.
    rest: f64,
}

impl Anchors {
    /// `∇F/√a`; 0 for rows without weight, which no score sees.
    fn scaled(gradient: &[f64], a: &[f64]) -> Vec<f64> {
        gradient.iter().zip(a).map(|(g, a)| if *a > 0.0 { g / a.sqrt() } else { 0.0 }).collect()
    }

    /// What is left of `u` outside of the span, and its parts along the directions.
    fn split(&self, mut u: Vec<f64>) -> (Vec<f64>, Vec<f64>) {
        let part = |q: &[f64], u: &mut [f64]| {
            let c: f64 = q.iter().zip(u.iter()).map(|(q, u)| q * u).sum();
            u.iter_mut().zip(q).for_each(|(u, q)| *u -= c * q);
            c
        };
        let parts = self.all.iter().map(|anchor| part(&anchor.q, &mut u)).collect();
        (u, parts)
    }

    /// Looks at a gradient.
    pub fn look(&self, gradient: &[f64], a: &[f64]) -> Seen<'_> {
        let u = Self::scaled(gradient, a);
        let whole = length(&u);
        let (rest, parts) = self.split(u);
        // Rounding: the directions are orthonormal, and the products known, to that.
        Seen { anchors: self, parts, rest: length(&rest) + 1e-12 * whole }
    }

    /// Adds a gradient whose scores are all known.
    pub fn add(&mut self, gradient: &[f64], a: &[f64], scores: &[f64]) {
        if self.all.len() == MOST {
            self.all.remove(0);
        }
        let u = Self::scaled(gradient, a);
        let whole = length(&u);
        let (rest, parts) = self.split(u);
        let size = length(&rest);
        // One that is nearly in the span would be mostly rounding.
        if size <= 1e-4 * whole {
            return;
        }
        let mut z = scores.to_vec();
        for (anchor, c) in self.all.iter().zip(parts) {
            z.iter_mut().zip(&anchor.z).for_each(|(z, old)| *z -= c * old);
        }
        z.iter_mut().for_each(|z| *z /= size);
        self.all.push(Anchor { q: rest.into_iter().map(|r| r / size).collect(), z });
    }
}

impl Seen<'_> {
    /// The most that the score of column `j`, of length `norm`, can be in absolute value.
    pub fn bound(&self, j: usize, norm: f64) -> f64 {
        if self.parts.is_empty() {
            return f64::INFINITY;
        }
        let known: f64 = self.anchors.all.iter().zip(&self.parts).map(|(anchor, c)| c * anchor.z[j]).sum();
        known.abs() + norm * self.rest
    }
}

fn length(u: &[f64]) -> f64 {
    u.iter().map(|u| u * u).sum::<f64>().sqrt()
}
