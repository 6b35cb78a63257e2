//! Optimizers: what a gradient does to a number, how fast, and how large it may be.
//!
//! An [`Optimizer`] is a value: a [`Kind`] with its constants, a learning rate with its [`Schedule`], weight decay, and a
//! [`Clip`]. [`Optimizer::rule`] turns it into the [`Rule`] of one step, which the kernels of
//! [`rarefy_core::kernels::update`] apply; the formulas stand there. Names and defaults are PyTorch's.
//!
//! To add an optimizer: its formula in the kernels, one file here with its defaults, and one line in [`registry`].
//!
//! ```
//! use rarefy_nn::optimizer::{Optimizer, Schedule, Shape};
//! let schedule = Schedule { shape: Shape::Cosine { floor: 0.0 }, warm_up: 0.1 };
//! let adam = Optimizer { learning_rate: 0.01, schedule, ..Optimizer::named("adam")? };
//! adam.check()?;
//! assert_eq!(adam.learning_rate(0, 1000), 0.0001); // the first of 100 steps of warm-up
//! assert_eq!(adam.learning_rate(550, 1000), 0.005); // half of the cosine
//! # Ok::<(), rarefy_nn::Error>(())
//! ```

mod adam;
mod clip;
mod distance;
mod kind;
mod rmsprop;
mod schedule;
mod sgd;

pub use clip::Clip;
pub use distance::{Distance, SMALLEST};
pub use kind::Kind;
pub use schedule::{Schedule, Shape};

use crate::sparsify::Clock;
use crate::{Error, Result};
use rarefy_core::kernels::update::Rule;

/// How recipes name an optimizer, and its defaults. One line each in [`registry`].
pub struct Entry {
    /// The name, such as `adam`.
    pub name: &'static str,
    /// One sentence for help texts.
    pub help: &'static str,
    /// Its constants.
    pub kind: Kind,
    /// Its usual learning rate.
    pub learning_rate: f32,
    /// Its usual weight decay.
    pub weight_decay: f32,
}

/// All optimizers.
pub fn registry() -> &'static [Entry] {
    &[sgd::ENTRY, adam::ADAM, adam::ADAMW, rmsprop::ENTRY]
}

/// An optimizer with all its settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimizer {
    /// The formula and its constants.
    pub kind: Kind,
    /// The learning rate that the schedule scales; not looked at with `auto`.
    pub learning_rate: f32,
    /// Whether the learning rate is estimated while training, by [`Distance`]: with Adam and AdamW. The schedule then scales the
    /// estimate, and two more numbers are kept for each trained one.
    pub auto: bool,
    /// Weight decay: added to the gradient as `λw`, or decoupled from it in AdamW. Biases and norms decay too, as in
    /// PyTorch.
    pub weight_decay: f32,
    /// How the learning rate changes over the steps.
    pub schedule: Schedule,
    /// What happens to large gradients.
    pub clip: Clip,
}

impl Default for Optimizer {
    /// Adam at a constant learning rate of 0.001.
    fn default() -> Self {
        Self::of(&adam::ADAM)
    }
}

impl Optimizer {
    /// The optimizer of this name with its usual settings, at a constant learning rate and without clipping.
    ///
    /// # Errors
    /// [`Error::Setting`] listing the names that exist.
    pub fn named(name: &str) -> Result<Self> {
        find(name).map(Self::of)
    }

    fn of(entry: &Entry) -> Self {
        Self {
            kind: entry.kind,
            learning_rate: entry.learning_rate,
            auto: false,
            weight_decay: entry.weight_decay,
            schedule: Schedule::default(),
            clip: Clip::None,
        }
    }

    /// Moments that it keeps for each trainable number: 0, 1, 2 or 4.
    pub fn moments(&self) -> usize {
        self.rule(0, 1).moments()
    }

    /// What one step does: step number `step` (from 0) of `total`, an estimated learning rate being where it begins. Adam's bias
    /// correction counts from the first step.
    pub fn rule(&self, step: u64, total: u64) -> Rule {
        self.rule_at(Clock { step, total, age: step }, &Distance::default())
    }

    /// What one step does where rewinding may have parted the schedule of the learning rate from the age of the moments, and where the
    /// learning rate may be estimated.
    pub fn rule_at(&self, clock: Clock, distance: &Distance) -> Rule {
        match self.kind.rule(self.learning_rate_at(clock, distance), self.weight_decay, clock.age) {
            Rule::Adam(adam) if self.auto => Rule::Prodigy { adam, distance: distance.get() as f32 },
            rule => rule,
        }
    }

    /// The learning rate at step number `step` (from 0) of `total`, an estimated one being where it begins. Steps past the last get that
    /// of the last.
    pub fn learning_rate(&self, step: u64, total: u64) -> f32 {
        self.learning_rate_at(Clock { step, total, age: step }, &Distance::default())
    }

    /// The learning rate where it may be estimated: what it is estimated to be, times the factor of the schedule.
    pub fn learning_rate_at(&self, clock: Clock, distance: &Distance) -> f32 {
        let rate = if self.auto { distance.get() } else { f64::from(self.learning_rate) };
        (rate * self.schedule.factor(clock.step, clock.total)) as f32
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Setting`] naming the first that is outside its range.
    pub fn check(&self) -> Result<()> {
        in_range("learning-rate", self.learning_rate, |x| x > 0.0, "a finite number above 0")?;
        if self.auto && !matches!(self.kind, Kind::Adam { .. } | Kind::AdamW { .. }) {
            let found = format!("auto with the optimizer {}", self.kind.name());
            let expected = "a number, or the optimizer adam or adamw, whose rate can be estimated".to_owned();
            return Err(Error::Setting { name: "learning-rate", found, expected });
        }
        in_range("weight-decay", self.weight_decay, |x| x >= 0.0, "a finite number, 0 or above")?;
        self.kind.check()?;
        self.schedule.check()?;
        self.clip.check()
    }
}

/// The entry of this name.
fn find(name: &str) -> Result<&'static Entry> {
    registry().iter().find(|entry| entry.name == name).ok_or_else(|| {
        let names: Vec<&str> = registry().iter().map(|entry| entry.name).collect();
        unknown("optimizer", name, &names)
    })
}

/// The error of a name that is not in a list.
pub(crate) fn unknown(what: &'static str, found: &str, names: &[&str]) -> Error {
    Error::Setting { name: what, found: format!("`{found}`"), expected: format!("one of {}", names.join(", ")) }
}

/// Checks that a setting is finite and allowed.
fn in_range<T: Into<f64> + Copy + std::fmt::Display>(
    name: &'static str,
    found: T,
    allowed: impl Fn(f64) -> bool,
    expected: &str,
) -> Result<()> {
    let number = found.into();
    if number.is_finite() && allowed(number) {
        return Ok(());
    }
    Err(Error::Setting { name, found: found.to_string(), expected: expected.to_owned() })
}
