//! Sparsity while training: how sparse, in which structure, and how the pattern changes.
//!
//! Methods are values of the fields of one [`Sparsity`]; [`registry`] names them. What each field is:
//!
//! | method | schedule | at a change it drops | and grows |
//! |---|---|---|---|
//! | `dense` | constant, density 1 | | |
//! | `fixed` | constant | | |
//! | `set` | constant | smallest weights | at random |
//! | `rigl` | constant | smallest weights | largest gradients |
//! | `one-shot` | steps, one of them | smallest weights | |
//! | `gmp` | cubic, from dense | smallest weights | |
//! | `granet` | cubic, from half | smallest weights, some more | largest gradients, as many as the some more |
//! | `top-kast` | constant, with a reserve | smallest of the reserve | at random, into the reserve |
//! | `trigger` | steps, one of them | idle weights ([`Trigger`]) | largest gradients |
//! | `ac-dc` | phases | smallest weights | all, for the dense phases |
//! | `lottery` | steps, rewinding | smallest weights | |
//! | `prox-l1`, `elastic-net` | cubic, the path of a controller ([`Penalty`]) | exact zeros | gradients larger than `λ` |
//! | `l1-ball` | likewise | exact zeros | largest gradients |
//! | `group-l1` | likewise | dead neurons | |
//!
//! Every field combines with every other: `granet` with `grow: "random"` and a `structure` of 2:4 is as good a method.
//! In the end all of them have the density asked for.
//!
//! SET: Mocanu et al., *Scalable training of artificial neural networks with adaptive sparse connectivity*, 2018.
//! RigL: Evci et al., *Rigging the lottery: making all tickets winners*, 2020.
//! Gradual magnitude pruning: Zhu and Gupta, *To prune, or not to prune*, 2017.
//! GraNet: Liu et al., *Sparse training via boosting pruning plasticity with neuroregeneration*, 2021.
//! Top-KAST: Jayakumar et al., *Top-KAST: Top-K always sparse training*, 2020. What is stored here is the backward set, really
//! sparse; so where the paper lets stale weights of a dense store come back, entries enter the reserve by the score to grow by.
//! AC/DC: Peste et al., *AC/DC: alternating compressed/decompressed training of deep neural networks*, 2021.
//! Lottery tickets: Frankle and Carbin, *The lottery ticket hypothesis*, 2019; rewinding to an early step: Frankle et al.,
//! *Stabilizing the lottery ticket hypothesis*, 2019; rewinding the learning rate alone: Renda et al., 2020.
//!
//! ```
//! use rarefy_nn::Sparsity;
//! let sparsity = Sparsity { density: 0.05, every: 50, ..Sparsity::named("rigl")? };
//! assert_eq!(sparsity.fraction_at(0, 1000), 0.3); // of the weights of a layer
//! assert!(sparsity.fraction_at(700, 1000) < 0.01);
//! assert!(sparsity.changes_at(50, 1000) && !sparsity.changes_at(800, 1000));
//! let pruned = Sparsity { density: 0.05, ..Sparsity::named("gmp")? };
//! assert_eq!((pruned.density_at(0, 1000), pruned.density_at(750, 1000)), (1.0, 0.05));
//! # Ok::<(), rarefy_nn::Error>(())
//! ```

mod cells;
mod change;
mod control;
mod evolve;
mod methods;
mod penalty;
mod quota;
mod schedule;
mod shrink;
mod trigger;

pub(crate) use control::Control;
pub use evolve::{Evolution, evolve};
pub use methods::{Method, registry};
pub use penalty::{Penalty, Shape};
pub use schedule::{Clock, Rewind, Schedule};
pub use trigger::Trigger;

use crate::{Error, Result};
use rarefy_core::pattern::{Distribution, Score, Structure, score};

/// How sparse a network is, and how its patterns change while it trains.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparsity {
    /// Entries kept over all entries of all weight matrices in the end, in (0, 1].
    pub density: f64,
    /// How they are spread over layers. [`Distribution::Global`] ranks the trained weights of all layers together, and so is for
    /// schedules that prune; layers are then first drawn by [`Distribution::ErdosRenyi`].
    pub distribution: Distribution,
    /// Single entries or blocks, and how many may lie in a window. Blocks are dropped and grown whole; windows hold from the
    /// density on that they have room for.
    pub structure: Structure,
    /// How density gets from the first step to the last.
    pub schedule: Schedule,
    /// The score whose lowest entries are dropped, by name.
    pub drop: String,
    /// The score whose highest absent entries are grown, by name.
    pub grow: String,
    /// Optimizer steps from one change of the pattern to the next, at least 1.
    pub every: u64,
    /// Share of each layer's entries (of the reserve, if there is one) that the first change replaces, in 0..1; 0 replaces none.
    /// It falls along half a cosine. With a trigger: the share of the idle that are grown again.
    pub fraction: f64,
    /// Share of the training after which patterns stay, in 0..=1; below 1 with a schedule or a reserve.
    pub until: f64,
    /// Entries that are trained behind those that the network computes with, over the number of those; 0 for none. They are
    /// chosen anew at every change, the largest come to the front; after `until` the reserve is gone.
    pub reserve: f64,
    /// What makes a weight leave before its time.
    pub trigger: Option<Trigger>,
    /// What shrinks weights until they are zero. The schedule is then the path on which a controller keeps the density; patterns
    /// change as the penalty wants.
    pub penalty: Option<Penalty>,
}

impl Default for Sparsity {
    /// RigL at a fiftieth of the weights.
    fn default() -> Self {
        Self {
            density: 0.02,
            distribution: Distribution::ErdosRenyi,
            structure: Structure::Unstructured,
            drop: "magnitude".to_owned(),
            grow: "gradient".to_owned(),
            every: 100,    // Evci et al. 2020, section 4: ΔT
            fraction: 0.3, // the same: α
            until: 0.75,   // the same: T_end
            schedule: Schedule::Constant,
            reserve: 0.0,
            trigger: None,
            penalty: None,
        }
    }
}

impl Sparsity {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Setting`] or [`Error::Core`] naming the first that is outside its range, a score that cannot rank among them.
    pub fn check(&self) -> Result<()> {
        let wrong =
            |name, found: String, expected: &str| Err(Error::Setting { name, found, expected: expected.to_owned() });
        if !(self.density > 0.0 && self.density <= 1.0) {
            let expected = "above 0 and at most 1 (a network pruned to 100 % computes nothing)";
            return wrong("density", self.density.to_string(), expected);
        }
        if self.every == 0 {
            return wrong("steps between changes of the pattern", self.every.to_string(), "at least 1");
        }
        if !(0.0..1.0).contains(&self.fraction) {
            return wrong("fraction of weights replaced", self.fraction.to_string(), "at least 0 and below 1");
        }
        if !(0.0..=1.0).contains(&self.until) {
            return wrong("share of the training in which patterns change", self.until.to_string(), "between 0 and 1");
        }
        self.schedule.check(self.density, self.until)?;
        if let Some(trigger) = &self.trigger {
            trigger.check()?;
        }
        if let Some(penalty) = &self.penalty {
            penalty.check()?;
            self.check_beside_penalty()?;
        }
        self.structure.grid((1, 1))?;
        if self.density > self.structure.most() {
            let expected =
                format!("at most {}, which structure {} leaves room for", self.structure.most(), self.structure);
            return wrong("density", self.density.to_string(), &expected);
        }
        if !(self.reserve >= 0.0 && self.reserve.is_finite()) {
            return wrong("reserve", self.reserve.to_string(), "a finite number, 0 or above");
        }
        if self.reserve > 0.0 && (self.schedule != Schedule::Constant || self.trigger.is_some() || self.until >= 1.0) {
            return wrong("reserve", self.reserve.to_string(), "0 unless the schedule is constant and ends below 1");
        }
        let (drop, grow) = self.scores()?;
        if self.distribution == Distribution::Global {
            if self.schedule == Schedule::Constant {
                let expected =
                    "a method that prunes trained weights, such as gmp; before training there is nothing to rank";
                return wrong("distribution", "global".to_owned(), expected);
            }
            if drop.needs_gradient() || drop.name() == "random" {
                let expected = "magnitude, to rank all layers together";
                return wrong("score to drop by", format!("{:?}", self.drop), expected);
            }
        }
        // What is 0 for every absent entry ranks none of them.
        if grow.score(0.0, 1.0, 1.0, 0.5) == 0.0 {
            return wrong(
                "score to grow by",
                format!("{:?}", self.grow),
                "one that ranks absent weights: gradient or random",
            );
        }
        Ok(())
    }

    /// Checks that nothing else decides what a penalty decides.
    fn check_beside_penalty(&self) -> Result<()> {
        let wrong = |name, found: String, expected: &str| {
            Err(Error::Setting { name, found, expected: format!("{expected}, with a penalty") })
        };
        if !matches!(self.schedule, Schedule::Cubic { .. }) {
            return wrong("schedule", format!("{:?}", self.schedule), "a cubic, the path for the density");
        }
        if self.distribution != Distribution::Global {
            let found = format!("{:?}", self.distribution).to_lowercase();
            return wrong("distribution", found, "global: it finds by itself how many weights a layer needs");
        }
        if self.structure != Structure::Unstructured {
            return wrong(
                "structure",
                self.structure.to_string(),
                "unstructured: it shrinks single weights or neurons",
            );
        }
        if self.trigger.is_some() || self.reserve > 0.0 {
            return wrong("trigger or reserve", "set".to_owned(), "none");
        }
        Ok(())
    }

    /// The scores to drop and to grow by.
    ///
    /// # Errors
    /// [`Error::Core`] for a name that no score has.
    pub fn scores(&self) -> Result<(&'static dyn Score, &'static dyn Score)> {
        Ok((score(&self.drop)?, score(&self.grow)?))
    }

    /// The share of a layer's entries that a change at `step` of `total` replaces: `fraction/2 · (1 + cos(π·step / (until·total)))`,
    /// and 0 from `until·total` on.
    pub fn fraction_at(&self, step: u64, total: u64) -> f64 {
        let end = self.until * total as f64;
        let at = step as f64;
        if at < end { self.fraction / 2.0 * (1.0 + (std::f64::consts::PI * at / end).cos()) } else { 0.0 }
    }

    /// The share of entries that are stored after `step`, counted from 0, of `total`: those behind the front included.
    pub fn density_at(&self, step: u64, total: u64) -> f64 {
        let last = self.density;
        if self.reserve > 0.0 && step < self.settled_after(total).saturating_sub(1) {
            return self.first_density();
        }
        self.schedule.density(last, step, total, self.every, self.until)
    }

    /// The share of entries that are stored before the first step: never more later on.
    pub fn first_density(&self) -> f64 {
        match self.reserve {
            0.0 => self.schedule.first(self.density),
            reserve => (self.density * (1.0 + reserve)).min(self.structure.most()),
        }
    }

    /// Whether the density never changes.
    pub(crate) fn is_constant(&self) -> bool {
        self.schedule == Schedule::Constant && self.reserve == 0.0 || self.density == 1.0
    }

    /// The steps after which the density is the last for good.
    pub fn settled_after(&self, total: u64) -> u64 {
        if self.is_constant() { 0 } else { (schedule::at(self.until, total) + 1).min(total) }
    }

    /// Where the optimizer stands at `step` of `total`: elsewhere if a method rewinds.
    pub fn clock(&self, step: u64, total: u64) -> Clock {
        if self.is_constant() { Clock { step, total, age: step } } else { self.schedule.clock(step, total, self.until) }
    }

    /// Whether each weight has a [`Param::memory`](crate::Param::memory).
    pub fn remembers(&self) -> bool {
        self.trigger.is_some() || self.rewinds_weights()
    }

    /// Whether all trained numbers go back to what they were.
    pub(crate) fn rewinds_weights(&self) -> bool {
        matches!(self.schedule, Schedule::Steps { rewind: Rewind::Weights, .. })
    }

    /// Whether patterns change after `step`, counted from 0, of `total`.
    pub fn changes_at(&self, step: u64, total: u64) -> bool {
        let moves = self.trigger.is_some() || self.reserve > 0.0 || self.fraction > 0.0;
        let on_grid = step > 0 && step.is_multiple_of(self.every) && (step as f64) < self.until * total as f64;
        self.density < 1.0 && (on_grid && moves || self.density_changes_at(step, total))
    }

    /// Whether the density after `step` is another than before it.
    fn density_changes_at(&self, step: u64, total: u64) -> bool {
        let before = if step == 0 { self.first_density() } else { self.density_at(step - 1, total) };
        self.density_at(step, total) != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_sound() {
        for method in registry() {
            let sparsity = Sparsity::named(method.name).unwrap();
            sparsity.check().unwrap();
            let moving = ["set", "rigl", "gmp", "granet", "top-kast", "trigger", "ac-dc"];
            let moves = moving.contains(&method.name) || sparsity.penalty.is_some();
            assert_eq!(sparsity.changes_at(100, 1000), moves, "{}", method.name);
            assert_eq!(sparsity.density_at(999, 1000), sparsity.density, "{}", method.name);
        }
    }

    #[test]
    fn an_unknown_method_is_told_the_known_ones() {
        let error = Sparsity::named("rigle").unwrap_err().to_string();
        assert!(
            error.starts_with("sparsity method is \"rigle\", expected one of dense, fixed, set, rigl, "),
            "{error}"
        );
    }

    #[test]
    fn the_fraction_follows_half_a_cosine() {
        let sparsity = Sparsity { fraction: 0.4, until: 0.5, ..Sparsity::default() };
        for (step, expected) in
            [(0, 0.4), (25, 0.2 + 0.2 * 0.5f64.sqrt()), (50, 0.2), (99, 0.000_098_7), (100, 0.0), (200, 0.0)]
        {
            assert!((sparsity.fraction_at(step, 200) - expected).abs() < 1e-6, "step {step}");
        }
    }

    #[test]
    fn patterns_change_every_so_often_until_the_end() {
        let sparsity = Sparsity { every: 10, until: 0.5, ..Sparsity::default() };
        let steps: Vec<u64> = (0..100).filter(|&step| sparsity.changes_at(step, 100)).collect();
        assert_eq!(steps, [10, 20, 30, 40]);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let (good, gmp) = (Sparsity::default, || Sparsity::named("gmp").unwrap());
        let wrong = [
            Sparsity { density: 0.0, ..good() },
            Sparsity { density: f64::NAN, ..good() },
            Sparsity { density: 1.5, ..good() },
            Sparsity { every: 0, ..good() },
            Sparsity { fraction: 1.0, ..good() },
            Sparsity { until: -0.1, ..good() },
            Sparsity { structure: Structure::Block { rows: 0, cols: 1 }, ..good() },
            Sparsity { drop: "size".into(), ..good() },
            Sparsity { reserve: -1.0, ..good() },
            Sparsity { reserve: 1.0, until: 1.0, ..good() },
            Sparsity { reserve: 1.0, ..gmp() },
            Sparsity { until: 1.0, ..gmp() },
            Sparsity { schedule: Schedule::Cubic { initial: 0.01, begin: 0.0 }, ..good() },
            Sparsity { schedule: Schedule::Cubic { initial: 1.0, begin: 0.75 }, ..good() },
            Sparsity { schedule: Schedule::Phases { rounds: 0, begin: 0.0 }, ..good() },
            Sparsity { schedule: Schedule::Steps { rounds: 1, rewind: Rewind::Rate, rewind_to: 1.0 }, ..good() },
            Sparsity { trigger: Some(Trigger { gradient: 0.0, weight: 1.0, memory: 0.9 }), ..good() },
            Sparsity { distribution: Distribution::Global, ..good() },
            Sparsity { distribution: Distribution::Global, drop: "random".into(), ..gmp() },
            Sparsity { density: 0.6, structure: Structure::Window { keep: 2, of: 4 }, ..good() },
            Sparsity { grow: "magnitude".into(), ..good() },
            Sparsity { grow: "weight-gradient".into(), ..good() },
        ];
        for sparsity in wrong {
            assert!(sparsity.check().is_err(), "{sparsity:?}");
        }
    }
}
