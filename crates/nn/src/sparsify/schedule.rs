//! How dense a network is at each step, and which step of the learning rate's schedule that is.

use crate::{Error, Result};

/// How density goes from the first step to [`Sparsity::density`](super::Sparsity::density), `d` below. Shares are of all steps;
/// `u` is [`Sparsity::until`](super::Sparsity::until), from which on the density is `d`.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// `d` from the first step.
    Constant,
    /// `initial` up to the share `begin` of the training, then `d + (initial − d)·(1 − (t − begin)/(u − begin))³` at every
    /// change. Zhu and Gupta, *To prune, or not to prune*, 2017.
    Cubic {
        /// Density of the first steps, from `d` to 1.
        initial: f64,
        /// Share of the training before the first change, below `u`.
        begin: f64,
    },
    /// Dense at first, and pruned `rounds` times to `d^(i/rounds)`, `i = 1, 2, …`, at equal distances up to `u`.
    /// Frankle and Carbin, *The lottery ticket hypothesis*, 2019.
    Steps {
        /// How often it is pruned, at least 1.
        rounds: u64,
        /// What goes back after each pruning.
        rewind: Rewind,
        /// Where it goes back to: the share of the first round's steps, in 0..1.
        rewind_to: f64,
    },
    /// Dense up to the share `begin`, then `rounds` pairs of phases of equal length up to `u`: one at `d`, one dense.
    /// Peste et al., *AC/DC: alternating compressed/decompressed training of deep neural networks*, 2021.
    Phases {
        /// Pairs of phases, at least 1.
        rounds: u64,
        /// Share of the training before the first, below `u`.
        begin: f64,
    },
}

/// What goes back to an earlier step when a round of [`Schedule::Steps`] has pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewind {
    /// Nothing: training goes on.
    None,
    /// The schedule of the learning rate. Renda et al., *Comparing rewinding and fine-tuning in neural network pruning*, 2020.
    Rate,
    /// The schedule of the learning rate, and all trained numbers to what they were then; the optimizer starts anew.
    Weights,
}

impl Rewind {
    /// All of them with their names in recipes.
    pub const ALL: [(&'static str, Self); 3] = [("none", Self::None), ("rate", Self::Rate), ("weights", Self::Weights)];
}

/// Where the optimizer stands at a step of the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The step of the learning rate's schedule.
    pub step: u64,
    /// Its steps in all.
    pub total: u64,
    /// Steps that the optimizer's moments have behind them.
    pub age: u64,
}

/// The step at which a share of `total` is over. Products of decimals miss whole numbers by a hair; that is no further step.
pub(super) fn at(share: f64, total: u64) -> u64 {
    (share * total as f64 * (1.0 - 1e-12)).ceil() as u64
}

impl Schedule {
    /// Density at the first step, `d` being the last.
    pub(super) fn first(&self, d: f64) -> f64 {
        match *self {
            Schedule::Constant => d,
            Schedule::Cubic { initial, .. } => initial,
            Schedule::Steps { .. } | Schedule::Phases { .. } => 1.0,
        }
    }

    /// Density after `step` (from 0) of `total`, for a last density `d`, changes every `every` steps and an end at the share
    /// `until`. After the last step it is `d`.
    pub(super) fn density(&self, d: f64, step: u64, total: u64, every: u64, until: f64) -> f64 {
        let end = at(until, total);
        if step >= end || step + 1 >= total {
            return d;
        }
        match *self {
            Schedule::Constant => d,
            Schedule::Cubic { initial, begin } => {
                let (begin, on_grid) = (at(begin, total), step / every * every);
                if on_grid <= begin {
                    return initial;
                }
                let left = 1.0 - (on_grid - begin) as f64 / (end - begin) as f64;
                d + (initial - d) * left.powi(3)
            }
            Schedule::Steps { rounds, .. } => d.powf(round(step, rounds, end) as f64 / rounds as f64),
            Schedule::Phases { rounds, begin } => {
                let begin = at(begin, total);
                let phase = |step: u64| u128::from(step) * u128::from(2 * rounds) / u128::from(end - begin);
                if step < begin || phase(step - begin) % 2 == 1 { 1.0 } else { d }
            }
        }
    }

    /// Where the optimizer stands at `step` of `total`.
    pub(super) fn clock(&self, step: u64, total: u64, until: f64) -> Clock {
        let same = Clock { step, total, age: step };
        let Schedule::Steps { rounds, rewind, rewind_to } = *self else { return same };
        if rewind == Rewind::None {
            return same;
        }
        let end = at(until, total).min(total);
        // The pruning follows the step: the next is the first of its round.
        let current = if step == 0 { 0 } else { round(step - 1, rounds, end) };
        let start = |round: u64| if round == 0 { 0 } else { end * round / rounds + 1 };
        let next = if current == rounds { total } else { start(current + 1).min(total) };
        let (begin, len) = (start(current), next.saturating_sub(start(current)).max(1));
        let done = step - begin;
        let skipped = if current == 0 { 0.0 } else { rewind_to };
        let whole = ((len as f64 / (1.0 - skipped)).round() as u64).max(len);
        let age = if rewind == Rewind::Weights { done } else { step };
        Clock { step: whole - len + done, total: whole, age }
    }

    /// The steps after which trained numbers are remembered for a rewind: none of them done if 0.
    pub(super) fn remembered(&self, total: u64, until: f64) -> Option<u64> {
        match *self {
            Schedule::Steps { rounds, rewind: Rewind::Weights, rewind_to } => {
                Some((at(until, total) as f64 / rounds as f64 * rewind_to) as u64)
            }
            _ => None,
        }
    }

    /// Checks every constant, for a last density `d` and an end at `until`.
    pub(super) fn check(&self, d: f64, until: f64) -> Result<()> {
        let wrong =
            |name, found: f64, expected: String| Err(Error::Setting { name, found: found.to_string(), expected });
        match *self {
            Schedule::Constant => return Ok(()),
            Schedule::Cubic { initial, .. } if !(initial >= d && initial <= 1.0) => {
                return wrong("initial density", initial, format!("from the last, {d}, to 1"));
            }
            Schedule::Cubic { begin, .. } | Schedule::Phases { begin, .. } if !(begin >= 0.0 && begin < until) => {
                return wrong(
                    "share of the training before the first change",
                    begin,
                    format!("0 or above, below {until}"),
                );
            }
            Schedule::Steps { rounds: 0, .. } | Schedule::Phases { rounds: 0, .. } => {
                return wrong("rounds", 0.0, "at least 1".to_owned());
            }
            Schedule::Steps { rewind_to, .. } if !(0.0..1.0).contains(&rewind_to) => {
                return wrong("rewind to", rewind_to, "a share of 0 or above, below 1".to_owned());
            }
            _ => {}
        }
        if !(until > 0.0 && until < 1.0) {
            let expected = "above 0 and below 1, so that the pruned network still trains".to_owned();
            return wrong("share of the training in which patterns change", until, expected);
        }
        Ok(())
    }
}

/// How many of `rounds` prunings have come after `step`; the last comes after step `end`.
fn round(step: u64, rounds: u64, end: u64) -> u64 {
    let done = u128::from(step) * u128::from(rounds) / u128::from(end.max(1));
    // Where steps do not divide evenly, round i comes after step ⌊end·i/rounds⌋.
    (0..=1).map(|more| done as u64 + more).filter(|&i| i <= rounds && end * i / rounds <= step).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cubic_passes_through_its_ends() {
        let schedule = Schedule::Cubic { initial: 1.0, begin: 0.1 };
        let density = |step| schedule.density(0.2, step, 1000, 10, 0.5);
        assert_eq!([0, 100, 109, 500, 999].map(density), [1.0, 1.0, 1.0, 0.2, 0.2]);
        assert!((density(300) - (0.2 + 0.8 * 0.125)).abs() < 1e-12); // halfway: (1/2)³
        assert_eq!(density(305), density(300)); // it moves with the changes
    }

    #[test]
    fn rounds_prune_by_the_same_factor() {
        let schedule = Schedule::Steps { rounds: 3, rewind: Rewind::None, rewind_to: 0.0 };
        let density = |step| schedule.density(0.001, step, 100, 7, 0.8);
        for (step, expected) in [(0, 1.0), (25, 1.0), (26, 0.1), (52, 0.1), (53, 0.01), (79, 0.01), (80, 0.001)] {
            assert!((density(step) - expected).abs() < 1e-12, "step {step}: {}", density(step));
        }
        assert_eq!(schedule.clock(70, 100, 0.8), Clock { step: 70, total: 100, age: 70 });
    }

    #[test]
    fn phases_alternate_and_end_pruned() {
        let schedule = Schedule::Phases { rounds: 2, begin: 0.2 };
        let density = |step| schedule.density(0.1, step, 100, 7, 0.8);
        for (step, expected) in [(0, 1.0), (19, 1.0), (20, 0.1), (34, 0.1), (35, 1.0), (49, 1.0), (50, 0.1), (65, 1.0)]
        {
            assert_eq!(density(step), expected, "step {step}");
        }
        assert_eq!(density(80), 0.1);
    }

    #[test]
    fn rewinding_starts_every_round_at_the_same_place_of_the_schedule() {
        let schedule = |rewind| Schedule::Steps { rounds: 3, rewind, rewind_to: 0.2 };
        // Pruned after steps 20, 40 and 60; rounds of 21, 20, 20 and 19 steps.
        let clock = |step| schedule(Rewind::Weights).clock(step, 80, 0.75);
        assert_eq!(clock(0), Clock { step: 0, total: 21, age: 0 });
        assert_eq!(clock(20), Clock { step: 20, total: 21, age: 20 });
        assert_eq!(clock(21), Clock { step: 5, total: 25, age: 0 });
        assert_eq!(clock(40), Clock { step: 24, total: 25, age: 19 });
        assert_eq!(clock(79), Clock { step: 23, total: 24, age: 18 });
        assert_eq!(schedule(Rewind::Rate).clock(21, 80, 0.75), Clock { step: 5, total: 25, age: 21 });
        assert_eq!(schedule(Rewind::Weights).remembered(80, 0.75), Some(4));
        assert_eq!(schedule(Rewind::Rate).remembered(80, 0.75), None);
    }

    #[test]
    fn every_schedule_ends_at_the_target_however_few_steps_there_are() {
        let schedules = [
            Schedule::Cubic { initial: 0.9, begin: 0.0 },
            Schedule::Steps { rounds: 5, rewind: Rewind::Weights, rewind_to: 0.5 },
            Schedule::Phases { rounds: 5, begin: 0.1 },
        ];
        for schedule in schedules {
            for total in 1..20 {
                for step in 0..total {
                    let density = schedule.density(0.1, step, total, 3, 0.9);
                    assert!((0.1..=1.0).contains(&density) && (step + 1 < total || density == 0.1));
                    let clock = schedule.clock(step, total, 0.9);
                    assert!(
                        clock.step < clock.total && clock.age <= step,
                        "{schedule:?}, {step} of {total}: {clock:?}"
                    );
                }
            }
        }
    }
}
