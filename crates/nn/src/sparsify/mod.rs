//! Sparsity while training: how sparse, in which structure, and how the pattern changes.
//!
//! Methods are values of the fields of one [`Sparsity`]; [`registry`] names them:
//!
//! | method | pattern | drops | grows |
//! |---|---|---|---|
//! | `dense` | everything | | |
//! | `fixed` | drawn once | | |
//! | `set` | changes | smallest weights | at random |
//! | `rigl` | changes | smallest weights | largest gradients |
//!
//! SET: Mocanu et al., *Scalable training of artificial neural networks with adaptive sparse connectivity*, 2018.
//! RigL: Evci et al., *Rigging the lottery: making all tickets winners*, 2020.
//!
//! ```
//! use rarefy_nn::Sparsity;
//! let sparsity = Sparsity { density: 0.05, every: 50, ..Sparsity::named("rigl")? };
//! assert_eq!(sparsity.fraction_at(0, 1000), 0.3); // of the weights of a layer
//! assert!(sparsity.fraction_at(700, 1000) < 0.01);
//! assert!(sparsity.changes_at(50, 1000) && !sparsity.changes_at(800, 1000));
//! # Ok::<(), rarefy_nn::Error>(())
//! ```

mod cells;
mod evolve;

pub use evolve::{Evolution, evolve};

use crate::net::stream;
use crate::{Error, Network, Result};
use rarefy_core::pattern::{Distribution, Score, Structure, score};
use rarefy_core::random::Key;

/// How sparse a network is, and how its patterns change while it trains.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparsity {
    /// Entries kept over all entries of all weight matrices, in (0, 1].
    pub density: f64,
    /// How they are spread over layers.
    pub distribution: Distribution,
    /// Single entries or blocks; blocks are dropped and grown whole.
    pub structure: Structure,
    /// The score whose lowest entries are dropped, by name.
    pub drop: String,
    /// The score whose highest absent entries are grown, by name.
    pub grow: String,
    /// Optimizer steps from one change of the pattern to the next, at least 1.
    pub every: u64,
    /// Share of each layer's entries that the first change replaces, in 0..1; 0 keeps patterns fixed. It falls along half a
    /// cosine.
    pub fraction: f64,
    /// Share of the training after which patterns stay, in 0..=1.
    pub until: f64,
}

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
    const GROW_RANDOM: fn(&mut Sparsity) = |s| s.grow = "random".to_owned();
    const GROW_GRADIENT: fn(&mut Sparsity) = |s| s.grow = "gradient".to_owned();
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
            set: GROW_RANDOM,
        },
        Method {
            name: "rigl",
            help: "Every so often the smallest weights are dropped, and as many grown where the gradient is largest.",
            set: GROW_GRADIENT,
        },
    ]
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
        }
    }
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
        self.structure.grid((1, 1))?;
        let (_, grow) = self.scores()?;
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

    /// Changes the patterns of a network after `step`, counted from 0, of `total`, if it is time.
    pub(crate) fn after_step(&self, network: &mut Network, seed: u64, step: u64, total: u64) -> Result<()> {
        if !self.changes_at(step, total) {
            return Ok(());
        }
        let ((drop, grow), structure) = (self.scores()?, self.structure);
        let fraction = self.fraction_at(step, total);
        network.each_weight(|layer, weight, x, dy| {
            if weight.nnz() == weight.rows() * weight.cols() {
                return Ok(());
            }
            let key = Key::new(seed, stream::SPARSIFY + layer as u32);
            evolve(weight, &Evolution { drop, grow, fraction, structure, key, step }, x, dy).map(|_| ())
        })
    }

    /// Whether patterns change after `step`, counted from 0, of `total`.
    pub fn changes_at(&self, step: u64, total: u64) -> bool {
        step > 0 && step.is_multiple_of(self.every) && self.density < 1.0 && self.fraction_at(step, total) > 0.0
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
            assert_eq!(sparsity.changes_at(100, 1000), ["set", "rigl"].contains(&method.name), "{}", method.name);
        }
    }

    #[test]
    fn an_unknown_method_is_told_the_known_ones() {
        let error = Sparsity::named("rigle").unwrap_err().to_string();
        assert_eq!(error, "sparsity method is \"rigle\", expected one of dense, fixed, set, rigl");
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
        let good = Sparsity::default;
        let wrong = [
            Sparsity { density: 0.0, ..good() },
            Sparsity { density: f64::NAN, ..good() },
            Sparsity { density: 1.5, ..good() },
            Sparsity { every: 0, ..good() },
            Sparsity { fraction: 1.0, ..good() },
            Sparsity { until: -0.1, ..good() },
            Sparsity { structure: Structure::Block { rows: 0, cols: 1 }, ..good() },
            Sparsity { drop: "size".into(), ..good() },
            Sparsity { grow: "magnitude".into(), ..good() },
            Sparsity { grow: "weight-gradient".into(), ..good() },
        ];
        for sparsity in wrong {
            assert!(sparsity.check().is_err(), "{sparsity:?}");
        }
    }
}
