//! The sparsest model that keeps within some points of accuracy of its dense twin.
//!
//! The twin is trained first, then sparse models one after the other, from scratch each. From a density that does, the search goes on with
//! half of it; from one that does not, with twice as much; between the two with their geometric mean, until they are within a
//! quarter of each other.
//!
//! A model is *within* `ε` if the upper end of a one-sided 99 % confidence interval of how far it is below the twin is at most `ε`, on the
//! validation rows: with `b` rows that only the twin gets right, `c` that only the sparse model does, of `n` rows, that is
//! `δ + 2.326·√(b + c − nδ²)/n`, `δ = (b − c)/n` (McNemar's pairs). The more validation rows, the sparser the model that is sure.
//!
//! Where targets are sets of classes a row is right if the first class that a model says is one of its own: accuracy is precision@1 then.

use rarefy_core::progress::Progress;
use rarefy_data::Target;
use rarefy_model::artifact::Artifact;
use serde::{Deserialize, Serialize};

use super::data::Parts;
use super::{Event, Job, Role};
use crate::evaluate::{self, Ranked};
use crate::{Error, Recipe, Result};

/// The first sparsity tried.
const FIRST: f64 = 0.95;

/// Models trained at most.
const MOST: usize = 8;

/// The search ends where densities that do and do not are within this factor.
const CLOSE: f64 = 1.25;

/// No density below this is tried: one weight in ten thousand is, whichever way it is rounded.
const LEAST: f64 = 0.99e-4;

/// 99 % of a normal distribution lie below so many standard deviations. (Not 95 %: the sparsest of five or six tries is the one most likely to be
/// there by luck, and with that three seeds of the built-in recipe kept to half a point on the test digits twice.)
const SURE: f64 = 2.326;

/// A search: what was asked for, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Search {
    /// Points that a model may be below its twin.
    pub within: f64,
    /// Of what: `accuracy`, or `precision@1` where targets are sets of classes.
    pub measure: &'static str,
    /// Every sparsity tried, in order.
    pub tried: Vec<Try>,
    /// Which of them the result is: the sparsest that is surely within; if none is, the one that comes closest.
    pub chosen: usize,
}

/// One sparsity tried.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Try {
    /// Zeros over entries asked for.
    pub sparsity: f64,
    /// Nonzeros of the model that came of it.
    pub nnz: usize,
    /// The share of the validation rows that it gets right.
    pub validation_right: f64,
    /// Points by which that is below the twin's.
    pub below: f64,
    /// The most points that it is below with 99 % confidence.
    pub at_most: f64,
    /// Whether that is little enough.
    pub held: bool,
}

impl Search {
    /// Whether the result is surely within.
    pub fn held(&self) -> bool {
        self.tried[self.chosen].held
    }
}

/// The sparsity to try next, of a network whose density is `least` at least; `None` ends the search.
fn next(tried: &[Try], least: f64) -> Option<f64> {
    let least = least.max(LEAST);
    let density = |one: &Try| 1.0 - one.sparsity;
    let good = tried.iter().filter(|one| one.held).map(density).min_by(f64::total_cmp);
    let sparser = |found: &f64| good.is_none_or(|good| *found < good);
    let bad = tried.iter().filter(|one| !one.held).map(density).filter(sparser).max_by(f64::total_cmp);
    let wanted = match (good, bad) {
        _ if tried.len() >= MOST => None,
        (None, None) => Some((1.0 - FIRST).max(least)),
        (Some(good), None) => Some(good / 2.0).filter(|&half| half >= least),
        (None, Some(bad)) => Some(bad * 2.0).filter(|&twice| twice < 1.0),
        (Some(good), Some(bad)) => (good > CLOSE * bad).then(|| (good * bad).sqrt()),
    }?;
    // Two digits of density: people will read it.
    let unit = 10f64.powf(wanted.log10().floor() - 1.0);
    let rounded = if wanted > least { (wanted / unit).round() } else { (wanted / unit).ceil() } * unit;
    let sparsity = ((1.0 - rounded) * 1e9).round() / 1e9;
    // Rounding may lead back to where the search was.
    tried.iter().all(|one| one.sparsity != sparsity).then_some(sparsity)
}

/// Which of them is the result.
fn chosen(tried: &[Try]) -> Option<usize> {
    let sparsest = |&(_, one): &(usize, &Try)| one.held;
    let held = tried.iter().enumerate().filter(sparsest).max_by(|a, b| a.1.sparsity.total_cmp(&b.1.sparsity));
    let closest = || tried.iter().enumerate().min_by(|a, b| a.1.at_most.total_cmp(&b.1.at_most));
    held.or_else(closest).map(|(at, _)| at)
}

/// How far `c` is below `b` of `n` pairs, at best guess and at most, in points.
fn below(b: usize, c: usize, n: usize) -> (f64, f64) {
    let (b, c, n) = (b as f64, c as f64, n.max(1) as f64);
    let delta = (b - c) / n;
    let error = (b + c - n * delta * delta).max(0.0).sqrt() / n;
    (100.0 * delta, 100.0 * (delta + SURE * error))
}

/// Refuses data that have no accuracy to compare.
pub(super) fn check(recipe: &Recipe, parts: &Parts) -> Result<()> {
    let wrong = |problem: &str| Err(Error::Recipe { place: "sparsity.within".to_owned(), problem: problem.to_owned() });
    match (&parts.train.target, recipe.sparsity.within) {
        (_, None) => Ok(()),
        (Target::Classes(_) | Target::Labels(_), _) if super::data::aim(recipe) == super::Aim::Target => {
            match parts.validation[..] {
                [] => wrong("compares accuracies on the validation part, which has no rows; raise data.validation"),
                _ => Ok(()),
            }
        }
        _ => wrong("compares accuracies, which these targets have none of; give sparsity.target instead"),
    }
}

/// Which validation rows a model gets right; of sets of classes, those whose first one is.
fn right(model: &Artifact, parts: &Parts) -> Result<Vec<bool>> {
    let rows: Vec<usize> = parts.validation.iter().map(|&row| row as usize).collect();
    let features = parts.train.features.select(&rows)?;
    Ok(match &parts.train.target {
        Target::Classes(truth) => {
            let said = evaluate::classes(model, &features)?;
            rows.iter().zip(said).map(|(&row, said)| truth[row] == said).collect()
        }
        Target::Labels(truth) => {
            let said = evaluate::ranked(model, &features, 1)?;
            let hit =
                |(&row, said): (&usize, &Ranked)| said.iter().any(|&(class, _)| truth.contains(row, class as usize));
            rows.iter().zip(&said).map(hit).collect()
        }
        Target::Values(_) | Target::None => Vec::new(),
    })
}

/// What the share of right rows is called.
fn measure(target: &Target) -> &'static str {
    if let Target::Labels(_) = target { "precision@1" } else { "accuracy" }
}

impl Job {
    /// The recipe of the model that is trained now: that of the run or, in a search, with the sparsity that is tried.
    pub(super) fn asked(&self, role: Role) -> Recipe {
        let mut recipe = self.identity.recipe.clone();
        if recipe.sparsity.within.is_some() && role == Role::Sparse {
            recipe.sparsity.within = None;
            recipe.sparsity.target = self.next().unwrap_or(FIRST);
        }
        recipe
    }

    /// The sparsity to try next.
    fn next(&self) -> Option<f64> {
        next(&self.state.tried, self.least)
    }

    /// What came of the search, if it was one.
    pub(super) fn search(&self) -> Option<Search> {
        let tried = self.state.tried.clone();
        let within = self.identity.recipe.sparsity.within?;
        Some(Search { within, measure: measure(&self.parts.train.target), chosen: chosen(&tried)?, tried })
    }

    /// Trains sparse models until the sparsest that is within is found; the twin is trained.
    pub(super) fn find_sparsest(
        &mut self,
        within: f64,
        progress: &dyn Progress,
        watch: &mut dyn FnMut(&Event<'_>),
    ) -> Result<()> {
        let measure = measure(&self.parts.train.target);
        let twin = self.state.done.iter().find(|trained| trained.role == Role::Twin);
        let twin = twin.map_or_else(|| Ok(Vec::new()), |twin| right(&twin.artifact, &self.parts))?;
        while let Some(sparsity) = self.next() {
            let trained = self.train(Role::Sparse, progress, watch)?;
            watch(&Event::Finished { trained: &trained });
            let own = right(&trained.artifact, &self.parts)?;
            let only = |a: &[bool], b: &[bool]| a.iter().zip(b).filter(|(a, b)| **a && !**b).count();
            let (below, at_most) = below(only(&twin, &own), only(&own, &twin), own.len());
            let hits = own.iter().filter(|right| **right).count();
            self.state.tried.push(Try {
                sparsity,
                nnz: trained.artifact.graph.nnz(),
                validation_right: hits as f64 / own.len().max(1) as f64,
                below,
                at_most,
                held: at_most <= within,
            });
            let last = self.state.tried.len() - 1;
            watch(&Event::Tried { tried: &self.state.tried[last], within, measure });
            if chosen(&self.state.tried) == Some(last) {
                self.save(&trained)?;
                self.state.done.retain(|trained| trained.role != Role::Sparse);
                self.state.done.push(trained);
            }
            self.save_done()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(of: &[(f64, bool)]) -> Vec<Try> {
        let one = |&(sparsity, held): &(f64, bool)| {
            let at_most = if held { 0.4 } else { 0.6 + sparsity };
            Try { sparsity, nnz: 1, validation_right: 0.9, below: 0.1, at_most, held }
        };
        of.iter().map(one).collect()
    }

    #[test]
    fn the_search_goes_up_down_and_in_between() {
        let search = |of: &[(f64, bool)]| next(&tried(of), 0.0);
        assert_eq!(search(&[]), Some(0.95));
        assert_eq!(search(&[(0.95, true)]), Some(0.975));
        assert_eq!(search(&[(0.95, false)]), Some(0.9));
        assert_eq!(search(&[(0.95, true), (0.975, false)]), Some(0.965)); // √(0.05·0.025) = 0.035
        assert_eq!(search(&[(0.95, true), (0.975, false), (0.965, true)]), Some(0.97));
        assert_eq!(search(&[(0.95, true), (0.975, false), (0.965, true), (0.97, true)]), None); // 0.030 and 0.025
        assert_eq!(search(&[(0.6, false)]), Some(0.2));
        assert_eq!(search(&[(0.2, false)]), None);
        assert_eq!(search(&[(0.9998, true)]), Some(0.9999));
        assert_eq!(search(&[(0.9999, true)]), None);
        // One that failed though denser than one that did counts for nothing.
        assert_eq!(search(&[(0.95, false), (0.9, false), (0.97, true)]), Some(0.985));
    }

    #[test]
    fn no_density_is_tried_that_the_network_cannot_have() {
        assert_eq!(next(&[], 0.123), Some(0.87));
        assert_eq!(next(&tried(&[(0.95, true)]), 0.03), None);
        assert_eq!(next(&tried(&[(0.95, true)]), 0.025), Some(0.975));
    }

    #[test]
    fn every_search_ends() {
        for limit in [0.0, 0.3, 0.905, 0.981, 0.99995, 1.0] {
            let mut all = Vec::new();
            while let Some(sparsity) = next(&all, 0.0) {
                assert!(sparsity > 0.0 && sparsity < 1.0 && all.len() < MOST, "{sparsity}");
                all.extend(tried(&[(sparsity, sparsity <= limit)]));
            }
            let best = all[chosen(&all).unwrap()];
            assert!(best.held || limit < 0.5, "{limit}");
        }
    }

    #[test]
    fn the_result_is_the_sparsest_that_held_or_else_the_closest() {
        assert_eq!(chosen(&tried(&[(0.9, true), (0.95, true), (0.97, false)])), Some(1));
        assert_eq!(chosen(&tried(&[(0.9, false), (0.8, false)])), Some(1));
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn confidence_is_that_of_paired_rows() {
        // 40 against 25 of 5,000: δ = 0.3 points, standard error √(65 − 5000·0.003²)/5000 = 0.161 points.
        let (guess, most) = below(40, 25, 5000);
        assert!((guess - 0.3).abs() < 1e-12 && (most - 0.675).abs() < 1e-3, "{guess} {most}");
        assert_eq!(below(0, 0, 5000), (0.0, 0.0));
    }
}
