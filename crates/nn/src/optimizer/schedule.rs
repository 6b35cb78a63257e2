//! How the learning rate changes over the steps.
//!
//! Everything is said in shares of the training, so that a schedule fits any number of steps. The first `warm_up` of all steps
//! rise linearly to the full rate; the [`Shape`] runs over the `n` steps that remain, number `i` from 0:
//!
//! | shape | factor |
//! |---|---|
//! | constant | 1 |
//! | step | `factor^⌊i / k⌋`, `k = every·n` rounded, at least 1 |
//! | cosine | `floor + (1 − floor)·(1 + cos(π i/n))/2` (Loshchilov and Hutter, *SGDR*, 2017, without restarts) |
//! | one-cycle | from `start` by half a cosine up to 1 at step `peak_at·n − 1`, and down to `end` at the last (Smith and Topin, *Super-convergence*, 2018, as PyTorch's `OneCycleLR`) |

use super::{in_range, unknown};
use crate::Result;
use std::f64::consts::PI;

/// A learning rate's course.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Schedule {
    /// What happens after the warm-up.
    pub shape: Shape,
    /// Share of all steps that rise linearly to the full rate, in `0..1`.
    pub warm_up: f64,
}

/// A learning rate's course after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Shape {
    /// The full rate.
    #[default]
    Constant,
    /// The rate falls by a factor from time to time.
    Step {
        /// Share of the steps between two falls, above 0 and up to 1.
        every: f64,
        /// What the rate is multiplied by, above 0.
        factor: f64,
    },
    /// Half a cosine from the full rate down.
    Cosine {
        /// Share of the full rate that it falls to, in `0..=1`.
        floor: f64,
    },
    /// Up, then down.
    OneCycle {
        /// Share of the steps at which the full rate is reached, above 0 and below 1.
        peak_at: f64,
        /// Share of the full rate at the first step, in `0..=1`.
        start: f64,
        /// Share of the full rate at the last step, in `0..=1`.
        end: f64,
    },
}

/// Every shape's name and usual constants. A step falls to a tenth at one and two thirds; a cosine falls to zero; one-cycle has
/// PyTorch's constants (`pct_start` 0.3, `div_factor` 25, `final_div_factor` 10⁴).
const SHAPES: [(&str, Shape); 4] = [
    ("constant", Shape::Constant),
    ("step", Shape::Step { every: 1.0 / 3.0, factor: 0.1 }),
    ("cosine", Shape::Cosine { floor: 0.0 }),
    ("one-cycle", Shape::OneCycle { peak_at: 0.3, start: 0.04, end: 4e-6 }),
];

impl Shape {
    /// The names in recipes.
    pub fn names() -> Vec<&'static str> {
        SHAPES.iter().map(|(name, _)| *name).collect()
    }

    /// The shape of this name, with its usual constants.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) listing the names that exist.
    pub fn named(name: &str) -> Result<Self> {
        let shape = SHAPES.iter().find(|(known, _)| *known == name).map(|(_, shape)| *shape);
        shape.ok_or_else(|| unknown("schedule", name, &Self::names()))
    }

    /// The name in recipes.
    pub fn name(&self) -> &'static str {
        match self {
            Shape::Constant => "constant",
            Shape::Step { .. } => "step",
            Shape::Cosine { .. } => "cosine",
            Shape::OneCycle { .. } => "one-cycle",
        }
    }

    /// The factor at step `i` of `n`, `i < n`.
    fn factor(&self, i: u64, n: u64) -> f64 {
        let (at, steps) = (i as f64, n as f64);
        match *self {
            Shape::Constant => 1.0,
            // Whole steps: a share such as 0.1 has no exact double, and its multiples miss the step by one.
            Shape::Step { every, factor } => factor.powf((at / (every * steps).round().max(1.0)).floor()),
            Shape::Cosine { floor } => cosine(1.0, floor, at / steps),
            Shape::OneCycle { peak_at, start, end } => {
                let (peak, last) = (peak_at * steps - 1.0, steps - 1.0);
                if at < peak { cosine(start, 1.0, at / peak) } else { cosine(1.0, end, share(at - peak, last - peak)) }
            }
        }
    }
}

/// From `from` to `to` by half a cosine, as `at` goes from 0 to 1.
fn cosine(from: f64, to: f64, at: f64) -> f64 {
    to + (from - to) * (1.0 + (PI * at).cos()) / 2.0
}

/// `part / whole` in `0..=1`; 0 of nothing.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 }
}

impl Schedule {
    /// What the learning rate is multiplied by at step `step` (from 0) of `total`.
    pub fn factor(&self, step: u64, total: u64) -> f64 {
        let total = total.max(1);
        let step = step.min(total - 1);
        let warm = ((self.warm_up * total as f64).round() as u64).min(total - 1);
        if step < warm {
            return (step + 1) as f64 / warm as f64;
        }
        self.shape.factor(step - warm, total - warm)
    }

    /// Checks every constant.
    pub(super) fn check(&self) -> Result<()> {
        let part = |name, found| in_range(name, found, |x| (0.0..=1.0).contains(&x), "a share of 0 to 1");
        in_range("warm-up", self.warm_up, |x| (0.0..1.0).contains(&x), "a share of all steps, 0 or above and below 1")?;
        match self.shape {
            Shape::Constant => Ok(()),
            Shape::Step { every, factor } => {
                in_range("schedule-every", every, |x| x > 0.0 && x <= 1.0, "a share of the steps above 0, up to 1")?;
                in_range("schedule-factor", factor, |x| x > 0.0, "a finite number above 0")
            }
            Shape::Cosine { floor } => part("schedule-floor", floor),
            Shape::OneCycle { peak_at, start, end } => {
                in_range("schedule-peak-at", peak_at, |x| x > 0.0 && x < 1.0, "a share of the steps between 0 and 1")?;
                part("schedule-start", start)?;
                part("schedule-end", end)
            }
        }
    }
}
