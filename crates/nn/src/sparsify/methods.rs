//! The methods by name: each is a few values of [`Sparsity`].

use super::{Penalty, Rewind, Schedule, Shape, Sparsity, Trigger};
use crate::{Error, Result};
use rarefy_core::pattern::Distribution;

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
    const PENALISED: fn(&mut Sparsity, Shape) = |s, kind| {
        s.penalty = Some(Penalty { kind, strength: None });
        s.schedule = Schedule::Cubic { initial: 1.0, begin: 0.0 };
        s.distribution = Distribution::Global;
        s.fraction = 0.05; // of the weights may return at a change; falling to none
    };
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
        Method {
            name: "prox-l1",
            help: "Proximal L1: every step moves weights towards zero; a controller finds the strength, and the rest trains on without it.",
            set: |s| PENALISED(s, Shape::L1),
        },
        Method {
            name: "elastic-net",
            help: "As prox-l1, with a share of squares in the penalty.",
            set: |s| PENALISED(s, Shape::ElasticNet { l1_ratio: 0.9 }),
        },
        Method {
            name: "l1-ball",
            help: "After every step the weights are projected onto a ball of the L1 norm, whose radius a controller finds.",
            set: |s| PENALISED(s, Shape::L1Ball { whole: true }),
        },
        Method {
            name: "group-l1",
            help: "Group L1 on the weights into each neuron: whole neurons become zero, and leave the network.",
            set: |s| {
                PENALISED(s, Shape::GroupL1);
                s.fraction = 0.0;
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
