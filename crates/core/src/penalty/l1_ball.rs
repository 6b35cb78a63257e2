//! L1 ball: weights with `Σ|wᵢ| ≤ k`; the prox is the projection.
//!
//! In the metric `Σ(uᵢ − wᵢ)²/(2sᵢ)` the projection moves each weight towards 0 by `θsᵢ`, with the least `θ ≥ 0` that brings the sum down to
//! `k`. That is found by halving around random pivots, in expected `O(n)`: Duchi, Shalev-Shwartz, Singer and Chandra, *Efficient
//! projections onto the L1-ball for learning in high dimensions*, 2008, figure 2, with a step size a weight.

use super::{Block, Entry, Penalty, Real, Steps, soft, squares};
use crate::random::Key;

pub(super) const ENTRY: Entry = Entry {
    name: "l1-ball",
    help: "A limit on the sum of absolute values: the smallest weights become exact zeros.",
    single: |n| Box::new(L1Ball { radius: n.radius }),
    double: |n| Box::new(L1Ball { radius: n.radius }),
};

/// What pivots are drawn under: any weights whatever then take expected linear time.
const PIVOTS: u64 = 0x11ba11;

/// Weights whose absolute values sum to `radius` (0 or above) at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct L1Ball {
    /// The largest sum.
    pub radius: f64,
}

/// The `θ` of the projection onto the ball of this radius, for weights given as `(|wᵢ|, sᵢ)`: 0 inside the ball, ∞ for radius 0, and not a
/// number if a weight is none. Takes expected `O(n)` time; the order of `weights` is lost.
pub fn ball_threshold(weights: &mut [(f32, f32)], radius: f64) -> f64 {
    let sum = |weights: &[(f32, f32)]| weights.iter().map(|w| f64::from(w.0)).sum::<f64>();
    threshold(weights, radius, sum(weights), |w| (f64::from(w.0), f64::from(w.1)))
}

/// As [`ball_threshold`], for any way to keep weights; `total` is their sum.
fn threshold<W: Copy>(mut rest: &mut [W], radius: f64, total: f64, of: impl Fn(W) -> (f64, f64)) -> f64 {
    if total <= radius || total.is_nan() {
        return if total.is_nan() { total } else { 0.0 };
    }
    if radius <= 0.0 {
        return f64::INFINITY;
    }
    let key = Key::new(PIVOTS, 0);
    let breaks = |w: W| of(w).0 / of(w).1; // the θ from which on the weight is 0
    // Of the weights known to stay: Σ|w| and Σs.
    let (mut stay, mut steps, mut round) = (0.0, 0.0, 0);
    while !rest.is_empty() {
        let pivot = breaks(rest[key.block(round, 0)[0] as usize % rest.len()]);
        round += 1;
        let above = partition(rest, |w| breaks(w) >= pivot);
        let (more, wider) = rest[..above].iter().fold((0.0, 0.0), |(a, s), &w| (a + of(w).0, s + of(w).1));
        if stay + more - pivot * (steps + wider) < radius {
            // θ is below the pivot: all of these stay.
            (stay, steps) = (stay + more, steps + wider);
            rest = &mut rest[above..];
        } else {
            // θ is the pivot or above: those at it and below are 0.
            let beyond = partition(&mut rest[..above], |w| breaks(w) > pivot);
            rest = &mut rest[..beyond];
        }
    }
    // No weight stays where rounding makes the ball smaller than the largest weight's last bit.
    if steps > 0.0 { ((stay - radius) / steps).max(0.0) } else { f64::INFINITY }
}

/// Brings the items for which `first` holds to the front, and counts them.
fn partition<W: Copy>(items: &mut [W], first: impl Fn(W) -> bool) -> usize {
    let mut count = 0;
    for at in 0..items.len() {
        if first(items[at]) {
            items.swap(count, at);
            count += 1;
        }
    }
    count
}

impl<T: Real> Penalty<T> for L1Ball {
    fn block(&self) -> Block {
        Block::Whole
    }

    /// 0 inside, ∞ outside; `f32` weights count as inside up to their rounding.
    fn value(&self, w: &[T]) -> f64 {
        let slack = 1.0 + 1e-6;
        if sum(w) <= self.radius * slack { 0.0 } else { f64::INFINITY }
    }

    fn prox(&self, w: &mut [T], steps: Steps<'_, T>) {
        let mut weights: Vec<(f64, f64)> = w.iter().enumerate().map(|(i, &w)| (w.into().abs(), steps.of(i))).collect();
        let theta = threshold(&mut weights, self.radius, sum(w), |w| w);
        w.iter_mut().enumerate().for_each(|(i, w)| *w = T::near(soft((*w).into(), theta * steps.of(i))));
    }

    /// The normal cone of the ball is `{μ∂Σ|wᵢ|, μ ≥ 0}` on its surface, 0 inside, and empty outside.
    fn distance(&self, w: &[T], gradient: &[T]) -> f64 {
        let rounding = 1e-6 * self.radius;
        let sum = sum(w);
        if sum > self.radius + rounding {
            return f64::INFINITY;
        }
        let at = |mu: f64| {
            let entry = |(&w, &g): (&T, &T)| super::l1::entry(w.into(), g.into(), mu);
            squares(w.iter().zip(gradient).map(entry)).sqrt()
        };
        if sum < self.radius - rounding {
            return at(0.0);
        }
        // Convex in μ, and rising beyond the largest gradient: by golden sections.
        let ratio = (5f64.sqrt() - 1.0) / 2.0;
        let (mut low, mut high) = (0.0, gradient.iter().map(|&g| g.into().abs()).fold(0.0, f64::max));
        for _ in 0..100 {
            let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
            if at(a) <= at(b) { high = b } else { low = a }
        }
        at((low + high) / 2.0)
    }

    fn conjugate(&self, u: &[T]) -> Option<f64> {
        Some(self.radius * u.iter().map(|&u| u.into().abs()).fold(0.0, f64::max))
    }

    fn threshold(&self) -> f64 {
        0.0
    }
}

/// `Σ|wᵢ|`
fn sum<T: Real>(w: &[T]) -> f64 {
    w.iter().map(|&w| w.into().abs()).sum()
}
