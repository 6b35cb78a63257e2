//! Penalties: what makes a model sparse.
//!
//! A [`Penalty`] is a function of one *block* of weights; the penalty of a model is the sum over its blocks. What a block
//! is says [`Penalty::block`]: any stretch of weights where entries do not know each other, one group, or all weights.
//!
//! | name | `pen(w)` | block |
//! |---|---|---|
//! | `l1` | `λ Σ|wᵢ|` | entries |
//! | `elastic-net` | `λ Σ(ρ|wᵢ| + (1−ρ)/2·wᵢ²)` | entries |
//! | `group-l1` | `λ‖w‖₂` | a group |
//! | `l1-ball` | 0 where `Σ|wᵢ| ≤ k`, else ∞ | everything |
//! | `mcp` | `Σ λ|wᵢ| − wᵢ²/(2γ)`, and `γλ²/2` where `|wᵢ| > γλ` | entries |
//! | `scad` | `λ|wᵢ|`, bent down to `λ²(γ+1)/2` where `|wᵢ| > γλ` | entries |
//!
//! The last two are not convex.
//!
//! Solvers need its proximal operator, `prox(w) = argmin_u Σ(uᵢ − wᵢ)²/(2sᵢ) + pen(u)`, for one step size or for one a weight: an
//! optimizer that scales each weight's step, such as Adam, moves in that metric, and so must the penalty. Whether a point is
//! optimal says [`Penalty::distance`].
//!
//! One in which every weight counts for itself is an [`Entrywise`], five functions of one number.
//!
//! Parikh and Boyd, *Proximal algorithms*, 2014. To add a penalty: one file here, one line in [`registry`], one entry in the table
//! of the tests.
//!
//! ```
//! use rarefy_core::penalty::{Penalty, L1, Steps};
//! let mut w = [0.3f64, -0.05, 2.0];
//! L1 { lambda: 0.1 }.prox(&mut w, Steps::Same(1.0));
//! assert_eq!(w, [0.3 - 0.1, 0.0, 1.9]);
//! ```

mod elastic_net;
mod entrywise;
mod group_l1;
mod l1;
mod l1_ball;
mod mcp;
mod scad;
#[cfg(test)]
mod tests;

pub use elastic_net::ElasticNet;
pub use entrywise::Entrywise;
pub use group_l1::GroupL1;
pub use l1::L1;
pub use l1_ball::{L1Ball, ball_threshold};
pub use mcp::Mcp;
pub use scad::Scad;

/// A number that weights are kept in: `f32` or `f64`. Penalties compute in `f64`.
pub trait Real: Copy + Send + Sync + Into<f64> + 'static {
    /// The nearest one.
    fn near(x: f64) -> Self;
}

impl Real for f32 {
    fn near(x: f64) -> Self {
        x as f32
    }
}

impl Real for f64 {
    fn near(x: f64) -> Self {
        x
    }
}

/// The step sizes of a block's weights, above 0.
#[derive(Debug, Clone, Copy)]
pub enum Steps<'a, T> {
    /// The same for all.
    Same(T),
    /// One each.
    Each(&'a [T]),
}

impl<T: Real> Steps<'_, T> {
    /// That of weight `i`.
    fn of(&self, i: usize) -> f64 {
        match *self {
            Self::Same(step) => step.into(),
            Self::Each(steps) => steps[i].into(),
        }
    }
}

/// What a penalty sees at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// Each entry counts for itself: any stretch of weights is a block.
    Entries,
    /// A group of weights that are zero together.
    Group,
    /// All weights.
    Whole,
}

/// A function of a block of weights.
pub trait Penalty<T: Real>: Send + Sync {
    /// What a block is.
    fn block(&self) -> Block;

    /// `pen(w)`, in the unit of the loss.
    fn value(&self, w: &[T]) -> f64;

    /// Replaces `w` by `argmin_u Σ(uᵢ − wᵢ)²/(2sᵢ) + pen(u)`; zeros come out as exact zeros. A weight that is no number stays none.
    ///
    /// # Panics
    /// When there are fewer step sizes than weights.
    fn prox(&self, w: &mut [T], steps: Steps<'_, T>);

    /// The Euclidean distance of 0 to `gradient + ∂pen(w)`: 0 exactly where `w` minimises the loss of that gradient plus the penalty.
    ///
    /// # Panics
    /// When there are fewer gradients than weights.
    fn distance(&self, w: &[T], gradient: &[T]) -> f64;

    /// The convex conjugate `pen*(u) = sup_w uᵀw − pen(w)`, ∞ where that has no bound: what a duality gap is made of. `None` where the
    /// penalty is not convex.
    fn conjugate(&self, u: &[T]) -> Option<f64>;

    /// The largest Euclidean norm of the gradient at which a block of zeros is optimal, 0 if there is none.
    fn threshold(&self) -> f64;
}

/// The numbers that penalties are made of; each takes those it knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Numbers {
    /// Strength, 0 or above, in the unit of the loss's gradient.
    pub lambda: f64,
    /// Share of L1 in an elastic net, in 0..=1.
    pub l1_ratio: f64,
    /// The largest sum of absolute values, 0 or above.
    pub radius: f64,
    /// Concavity of MCP (above 1) and SCAD (above 2): weights beyond `γλ` are not shrunk.
    pub gamma: f64,
}

/// A penalty's name, and how it is made. One line each in [`registry`].
pub struct Entry {
    /// The name in recipes.
    pub name: &'static str,
    /// One sentence for help texts.
    pub help: &'static str,
    /// Makes it for single precision.
    pub single: fn(&Numbers) -> Box<dyn Penalty<f32>>,
    /// Makes it for double precision.
    pub double: fn(&Numbers) -> Box<dyn Penalty<f64>>,
}

/// All penalties.
pub fn registry() -> &'static [Entry] {
    &[l1::ENTRY, elastic_net::ENTRY, group_l1::ENTRY, l1_ball::ENTRY, mcp::ENTRY, scad::ENTRY]
}

/// `w` moved towards 0 by `threshold` (0 or above), and 0 where it is no farther; what is no number stays none.
fn soft(w: f64, threshold: f64) -> f64 {
    if w.abs() <= threshold { 0.0 } else { w - threshold.copysign(w) }
}

/// 0 where `inside`, else ∞.
fn indicator(inside: bool) -> f64 {
    if inside { 0.0 } else { f64::INFINITY }
}

/// The sum of squares.
fn squares(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum()
}
