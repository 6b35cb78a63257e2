//! The methods by name: each is a few values of [`Sparsity`].

use super::{Rewind, Schedule, Sparsity, Trigger};
use crate::{Error, Result};

/// A method: a name for values of [`Sparsity`].
pub struct Method {
    /// Its name in recipes.
    pub name: &'static str,
    /// One sentence for help texts.
    pub help: &'static str,
    /// Sets what makes it this method, and nothing else.
    set: fn(&mut Sparsity),
}

/// All methods.
pub fn registry() -> &'static [Method] {
    const SCORED: fn(&mut Sparsity, &str) = |s, grow| s.grow = grow.to_owned();
    &[
        Method {
            name: "dense",
            help: "Every weight is kept: the yardstick.",
            set: |s| (s.density, s.fraction) = (1.0, 0.0),
        },
        Method {
            name: "fixed",
            help: "A random pattern, drawn before the first step, that stays.",
            set: |s| s.fraction = 0.0,
        },
        Method {
            name: "set",
            help: "Every so often the smallest weights are dropped, and as many grown at random places.",
            set: |s| SCORED(s, "random"),
        },
        Method {
            name: "rigl",
            help: "Every so often the smallest weights are dropped, and as many grown where the gradient is largest.",
            set: |s| SCORED(s, "gradient"),
        },
        Method {
            name: "one-shot",
            help: "Dense up to `until`, then the smallest weights are dropped at once, and the rest trains on.",
            set: |s| {
                s.schedule = Schedule::Steps { rounds: 1, rewind: Rewind::None, rewind_to: 0.0 };
                (s.fraction, s.until) = (0.0, 0.5);
            },
        },
        Method {
            name: "gmp",
            help: "Gradual magnitude pruning: from dense, ever more of the smallest weights are dropped, along a cubic.",
            set: |s| {
                s.schedule = Schedule::Cubic { initial: 1.0, begin: 0.0 };
                s.fraction = 0.0;
            },
        },
        Method {
            name: "granet",
            help: "As gmp, and at every change some more are dropped and grown again where the gradient is largest.",
            set: |s| {
                s.schedule = Schedule::Cubic { initial: 0.5, begin: 0.0 }; // Liu et al. 2021, section 4: sparse to sparse
                s.fraction = 0.5; // the same: the first regeneration ratio
            },
        },
        Method {
            name: "top-kast",
            help: "Computes with the largest weights only, and trains a reserve behind them, from which they are chosen anew.",
            set: |s| {
                (s.reserve, s.every) = (1.0, 100); // Jayakumar et al. 2021: half again to twice; refreshed every 100 steps
                SCORED(s, "random");
            },
        },
        Method {
            name: "trigger",
            help: "Weights that are small and have long had small gradients are dropped, some grown again; what is left over goes at `until`.",
            set: |s| {
                s.schedule = Schedule::Steps { rounds: 1, rewind: Rewind::None, rewind_to: 0.0 };
                s.trigger = Some(Trigger { gradient: 1.0, weight: 1.0, memory: 0.99 });
                (s.fraction, s.until) = (0.1, 0.5);
            },
        },
        Method {
            name: "ac-dc",
            help: "Phases with the largest weights only and phases with all of them take turns; the last is sparse.",
            set: |s| {
                s.schedule = Schedule::Phases { rounds: 5, begin: 0.1 }; // Peste et al. 2021, section 4: warm-up, last fine-tuning
                (s.fraction, s.until) = (0.0, 0.7);
            },
        },
        Method {
            name: "lottery",
            help: "Trains, drops the smallest weights, rewinds the others to an early step and trains again, round by round.",
            set: |s| {
                // Frankle et al., Stabilizing the lottery ticket hypothesis, 2019: rewinding to a few percent of the training.
                s.schedule = Schedule::Steps { rounds: 3, rewind: Rewind::Weights, rewind_to: 0.05 };
                (s.fraction, s.until) = (0.0, 0.75);
            },
        },
    ]
}

impl Sparsity {
    /// The method called `name`, all else as in [`Sparsity::default`].
    ///
    /// # Errors
    /// [`Error::Setting`] that lists the names there are.
    pub fn named(name: &str) -> Result<Self> {
        let Some(method) = registry().iter().find(|method| method.name == name) else {
            let names: Vec<_> = registry().iter().map(|method| method.name).collect();
            let expected = format!("one of {}", names.join(", "));
            return Err(Error::Setting { name: "sparsity method", found: format!("{name:?}"), expected });
        };
        let mut sparsity = Self::default();
        (method.set)(&mut sparsity);
        Ok(sparsity)
    }
}
