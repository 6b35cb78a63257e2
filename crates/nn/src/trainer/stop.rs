//! When training ends.
//!
//! Rules look at the validation part only, at the end of each epoch; but for seconds, which count at every step.

use super::Epoch;
use crate::{Error, Result};

/// When to end before the last epoch. Whatever comes first ends the training; nothing is restored: the network stays as the
/// last step left it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stop {
    /// End when the validation accuracy, in 0..=1, is at least this; for sets of labels the precision of the first label.
    pub accuracy: Option<f64>,
    /// End when the validation loss is at most this.
    pub loss: Option<f64>,
    /// End when the validation loss has not fallen below its least for so many epochs.
    pub patience: Option<u64>,
    /// End when training and validation have taken so long on the clock. The epoch then stays unfinished. The only rule that
    /// looks at a clock: a run that it ends does not repeat bit for bit.
    pub seconds: Option<f64>,
}

/// Why training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All epochs are done.
    Epochs,
    /// The validation accuracy, or precision of the first label, asked for is reached.
    Accuracy,
    /// The validation loss asked for is reached.
    Loss,
    /// The validation loss has stopped falling.
    Patience,
    /// The time is over.
    Seconds,
    /// Somebody cancelled it; it can go on from there.
    Cancelled,
}

impl Stop {
    /// Checks every rule.
    ///
    /// # Errors
    /// [`Error::Setting`] naming the first that is outside its range.
    pub fn check(&self) -> Result<()> {
        let wrong =
            |name, found: String, expected: &str| Err(Error::Setting { name, found, expected: expected.to_owned() });
        match self {
            Self { accuracy: Some(a), .. } if !(*a > 0.0 && *a <= 1.0) => {
                wrong("stop at accuracy", a.to_string(), "above 0 and at most 1")
            }
            Self { loss: Some(l), .. } if !l.is_finite() => wrong("stop at loss", l.to_string(), "a finite number"),
            Self { patience: Some(0), .. } => wrong("patience", "0".to_owned(), "at least 1 epoch"),
            Self { seconds: Some(s), .. } if s.is_nan() || *s <= 0.0 => {
                wrong("stop after seconds", s.to_string(), "above 0")
            }
            _ => Ok(()),
        }
    }

    /// Whether a rule looks at the validation part.
    pub(super) fn needs_validation(&self) -> bool {
        self.accuracy.is_some() || self.loss.is_some() || self.patience.is_some()
    }

    /// The rule that ends the training after the last epoch of `history`, if one does.
    pub(super) fn after(&self, history: &[Epoch]) -> Option<Ended> {
        let last = history.last()?;
        let reached = |wanted: Option<f64>, found: Option<f64>, enough: fn(f64, f64) -> bool| {
            wanted.zip(found).is_some_and(|(wanted, found)| enough(found, wanted))
        };
        let right = last.validation_accuracy.or(last.validation_precision.map(|precision| precision.at_1));
        if reached(self.accuracy, right, |found, wanted| found >= wanted) {
            return Some(Ended::Accuracy);
        }
        if reached(self.loss, last.validation_loss, |found, wanted| found <= wanted) {
            return Some(Ended::Loss);
        }
        let losses = || history.iter().map(|epoch| epoch.validation_loss.unwrap_or(f64::INFINITY));
        let best = losses().enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at);
        let waited = (history.len() - 1 - best) as u64;
        self.patience.filter(|&patience| waited >= patience).map(|_| Ended::Patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Epochs of these validation losses; accuracy is one minus the loss.
    fn history(losses: &[f64]) -> Vec<Epoch> {
        let epoch =
            |&loss| Epoch { validation_loss: Some(loss), validation_accuracy: Some(1.0 - loss), ..Epoch::default() };
        losses.iter().map(epoch).collect()
    }

    #[test]
    fn each_rule_ends_where_it_says() {
        let losses = history(&[0.5, 0.3, 0.2, 0.4, 0.2]);
        let first = |stop: Stop| (1..=losses.len()).find_map(|n| stop.after(&losses[..n]).map(|ended| (n, ended)));
        assert_eq!(first(Stop { accuracy: Some(0.7), ..Stop::default() }), Some((2, Ended::Accuracy)));
        assert_eq!(first(Stop { loss: Some(0.2), ..Stop::default() }), Some((3, Ended::Loss)));
        assert_eq!(first(Stop { patience: Some(2), ..Stop::default() }), Some((5, Ended::Patience))); // 0.2 is no fall
        assert_eq!(first(Stop { patience: Some(3), ..Stop::default() }), None);
        assert_eq!(first(Stop::default()), None);
    }

    #[test]
    fn rules_out_of_range_are_refused() {
        for stop in [
            Stop { accuracy: Some(98.0), ..Stop::default() },
            Stop { loss: Some(f64::NAN), ..Stop::default() },
            Stop { patience: Some(0), ..Stop::default() },
            Stop { seconds: Some(-1.0), ..Stop::default() },
        ] {
            assert!(stop.check().is_err(), "{stop:?}");
        }
    }
}
