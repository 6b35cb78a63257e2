//! Scores: what ranks entries for dropping or growing.
//!
//! A score is one file here, one line in [`scores`], and one entry in the test table below.

mod gradient;
mod magnitude;
mod random;
mod weight_gradient;

pub use gradient::Gradient;
pub use magnitude::Magnitude;
pub use random::Random;
pub use weight_gradient::WeightGradient;

use crate::{Error, Result};
use std::sync::LazyLock;

/// Ranks the entries of a weight matrix: the highest are kept, or grown.
pub trait Score: Send + Sync {
    /// The name in recipes and on the command line.
    fn name(&self) -> &'static str;

    /// The score of one entry.
    ///
    /// `weight` is 0 where the entry is absent; `gradient` is of the loss in that weight, and 0 unless
    /// [`needs_gradient`](Self::needs_gradient); `input_norm` is the Euclidean norm of the entry's input over the
    /// samples seen; `random` is uniform in `[0, 1)`, drawn afresh for each entry.
    fn score(&self, weight: f32, gradient: f32, input_norm: f32, random: f32) -> f32;

    /// Turns the gradients of entries that are absent into their scores, `random` being 0: a row at a time, in vectors.
    fn absent(&self, gradients: &mut [f32], input_norms: &[f32]) {
        for (value, &norm) in gradients.iter_mut().zip(input_norms) {
            *value = self.score(0.0, *value, norm, 0.0);
        }
    }

    /// Whether the score looks at the gradient, which is costly for absent entries.
    fn needs_gradient(&self) -> bool {
        false
    }
}

/// All scores.
pub fn scores() -> &'static [&'static dyn Score] {
    &[&Magnitude, &Random, &Gradient, &WeightGradient]
}

static NAMES: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<_> = scores().iter().map(|score| score.name()).collect();
    format!("one of {}", names.join(", "))
});

/// The score called `name`.
///
/// # Errors
/// [`Error::Parameter`] that lists the names there are.
pub fn score(name: &str) -> Result<&'static dyn Score> {
    let unknown = || Error::Parameter { name: "score", found: format!("{name:?}"), expected: NAMES.as_str() };
    scores().iter().copied().find(|score| score.name() == name).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(name, needs gradient, score)` of weight −2, gradient 0.5, input norm 3, random 0.25.
    const TABLE: [(&str, bool, f32); 4] =
        [("magnitude", false, 2.0), ("random", false, 0.25), ("gradient", true, 0.5), ("weight-gradient", true, 1.0)];

    #[test]
    fn every_score_is_in_the_table_once() {
        let mut names: Vec<_> = scores().iter().map(|s| s.name()).collect();
        let mut table: Vec<_> = TABLE.iter().map(|row| row.0).collect();
        names.sort();
        table.sort();
        assert_eq!(names, table);
    }

    #[test]
    fn scores_are_what_the_table_says() {
        for (name, needs_gradient, expected) in TABLE {
            let score = score(name).unwrap();
            assert_eq!(score.score(-2.0, 0.5, 3.0, 0.25), expected, "{name}");
            assert_eq!(score.needs_gradient(), needs_gradient, "{name}");
        }
    }

    #[test]
    fn rows_of_absent_entries_score_as_each_entry_does() {
        for s in scores() {
            let mut row = [-0.5, 0.25];
            s.absent(&mut row, &[3.0, 1.0]);
            assert_eq!(row, [s.score(0.0, -0.5, 3.0, 0.0), s.score(0.0, 0.25, 1.0, 0.0)], "{}", s.name());
        }
    }

    #[test]
    fn signs_of_weight_and_gradient_do_not_matter() {
        for s in scores() {
            assert_eq!(s.score(-2.0, 0.5, 3.0, 0.25), s.score(2.0, -0.5, 3.0, 0.25), "{}", s.name());
        }
    }

    #[test]
    fn the_gradient_matters_exactly_where_it_is_asked_for() {
        for s in scores() {
            let same = s.score(1.0, 0.5, 1.0, 0.5) == s.score(1.0, 7.0, 1.0, 0.5);
            assert_eq!(same, !s.needs_gradient(), "{}", s.name());
        }
    }

    #[test]
    fn an_unknown_score_is_told_the_known_ones() {
        let error = score("magnitud").err().unwrap().to_string();
        assert_eq!(error, "score is \"magnitud\", expected one of magnitude, random, gradient, weight-gradient");
    }
}
