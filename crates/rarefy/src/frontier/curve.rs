//! What came of a frontier: means and spreads over seeds, and where the curve bends.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use super::point::Figures;
use crate::run::{DataOutcome, Role};

/// A figure over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation, from n − 1; `None` of a single seed.
    pub deviation: Option<f64>,
    /// How many seeds.
    pub seeds: usize,
}

impl Spread {
    /// Of some values; `None` if there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        Some(Self { mean, deviation: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()), seeds: n })
    }

    /// The standard error of the mean.
    pub fn standard_error(&self) -> Option<f64> {
        Some(self.deviation? / (self.seeds as f64).sqrt())
    }
}

/// All seeds of one kind of model at one sparsity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Which kind of model.
    pub role: Role,
    /// The sparsity asked for; `None` for the dense twin.
    pub sparsity: Option<f64>,
    /// Test accuracy; `None` unless targets are classes.
    pub accuracy: Option<Spread>,
    /// The share of test rows whose first class is right; `None` unless targets are sets of classes.
    pub precision_at_1: Option<Spread>,
    /// Test loss.
    pub loss: Option<Spread>,
    /// What the knee is found by: see [`Figures::error`].
    pub error: Option<Spread>,
    /// Mean density.
    pub density: f64,
    /// Mean nonzeros.
    pub nnz: f64,
    /// Mean bytes of training state.
    pub state_bytes: f64,
    /// Mean bytes of the artifact.
    pub file_bytes: f64,
    /// Mean epochs.
    pub epochs: f64,
    /// Seconds of processor time of training.
    pub cpu_seconds: Spread,
    /// Mean microseconds of a prediction, in batches.
    pub sample_microseconds: f64,
}

/// What came of a frontier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// Every model: twins first, then by sparsity and seed.
    pub points: Vec<Figures>,
    /// Means over seeds: the twin, then by sparsity the sparse model and the small dense net.
    pub summary: Vec<Summary>,
    /// The sparsity at the knee: where the logarithm of the [error](Figures::error) over the logarithm of nonzeros lies furthest
    /// below the straight line between the ends of the curve, both axes scaled to 0 to 1. `None` where there are fewer than three
    /// sparsities, or no such point. The ends are never the knee.
    ///
    /// Satopää et al., *Finding a "kneedle" in a haystack*, 2011, without smoothing. Logarithms on both axes because there error is
    /// flat at first and then a straight line (Rosenfeld et al., *On the predictability of pruning across scales*, 2021); on a
    /// linear axis a last point that has learned nothing would hide all others.
    pub knee: Option<f64>,
    /// The largest sparsity whose mean error is at most one standard error above the twin's: Breiman et al., *Classification and
    /// regression trees*, 1984. `None` without a twin, of a single seed, or where no sparsity is that good.
    pub within: Option<f64>,
    /// The data.
    pub data: DataOutcome,
    /// The recipe in TOML; sparsity and seed are each point's own.
    pub recipe: String,
    /// The output folder.
    pub folder: PathBuf,
    /// Points trained at once.
    pub workers: usize,
    /// Instruction set used.
    pub isa: String,
    /// Rarefy's version.
    pub version: String,
    /// Whether a part of it was done by an earlier, interrupted run.
    pub resumed: bool,
}

impl Summary {
    /// The share of test rows that are answered right, if there is one: accuracy or precision@1.
    pub fn right(&self) -> Option<Spread> {
        self.accuracy.or(self.precision_at_1)
    }
}

impl Curve {
    /// `frame` with these points, and all that follows from them.
    pub(super) fn new(points: Vec<Figures>, frame: Self) -> Self {
        let mut kinds: Vec<(Option<f64>, Role)> = points.iter().map(|model| (model.sparsity, model.role)).collect();
        kinds.dedup();
        kinds.sort_by(|a, b| {
            let place = |kind: &(Option<f64>, Role)| (kind.0.unwrap_or(-1.0), usize::from(kind.1 == Role::Control));
            let (a, b) = (place(a), place(b));
            a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
        });
        kinds.dedup();
        let summary: Vec<Summary> = kinds.iter().filter_map(|&kind| summarise(&points, kind)).collect();
        let (knee, within) = (knee(&summary), within(&summary));
        Self { points, summary, knee, within, ..frame }
    }

    /// What models are shown by: `accuracy`, `precision@1` where targets are sets of classes, or `loss`.
    pub fn figure(&self) -> &'static str {
        self.points.iter().find_map(Figures::right).map_or("loss", |(name, _)| name)
    }

    /// The means of one kind of model.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &Summary> {
        self.summary.iter().filter(move |summary| summary.role == role)
    }

    /// Every model as CSV.
    pub fn csv(&self) -> String {
        let mut text = String::from(
            "model,sparsity,seed,test_accuracy,test_loss,validation_accuracy,validation_loss,train_accuracy,train_loss,\
             test_precision_at_1,test_precision_at_3,test_precision_at_5,validation_precision_at_1,train_precision_at_1,density,nnz,\
             parameters,state_bytes,file_bytes,epochs,ended,seconds,cpu_seconds,sample_microseconds\n",
        );
        let cell = |x: Option<f64>| x.map(|x| x.to_string()).unwrap_or_default();
        for model in &self.points {
            let row = [
                model.role.name().to_owned(),
                cell(model.sparsity),
                model.seed.to_string(),
                cell(model.accuracy),
                cell(model.loss),
                cell(model.validation_accuracy),
                cell(model.validation_loss),
                cell(model.train_accuracy),
                cell(model.train_loss),
                cell(model.precision.map(|p| p.at_1)),
                cell(model.precision.map(|p| p.at_3)),
                cell(model.precision.map(|p| p.at_5)),
                cell(model.validation_precision.map(|p| p.at_1)),
                cell(model.train_precision_at_1),
                model.density.to_string(),
                model.nnz.to_string(),
                model.parameters.to_string(),
                model.state_bytes.to_string(),
                model.file_bytes.to_string(),
                model.epochs.to_string(),
                model.ended.clone(),
                model.seconds.to_string(),
                model.cpu_seconds.to_string(),
                model.sample_microseconds.to_string(),
            ];
            let _ = writeln!(text, "{}", row.join(","));
        }
        text
    }
}

/// Means and spreads of one kind of model.
fn summarise(points: &[Figures], (sparsity, role): (Option<f64>, Role)) -> Option<Summary> {
    let models: Vec<&Figures> =
        points.iter().filter(|model| (model.sparsity, model.role) == (sparsity, role)).collect();
    let spread = |of: fn(&Figures) -> Option<f64>| Spread::of(models.iter().filter_map(|model| of(model)));
    let mean = |of: fn(&Figures) -> f64| models.iter().map(|model| of(model)).sum::<f64>() / models.len() as f64;
    Some(Summary {
        role,
        sparsity,
        accuracy: spread(|model| model.accuracy),
        precision_at_1: spread(|model| model.precision.map(|p| p.at_1)),
        loss: spread(|model| model.loss),
        error: spread(Figures::error),
        density: mean(|model| model.density),
        nnz: mean(|model| model.nnz as f64),
        state_bytes: mean(|model| model.state_bytes as f64),
        file_bytes: mean(|model| model.file_bytes as f64),
        epochs: mean(|model| model.epochs as f64),
        cpu_seconds: spread(|model| Some(model.cpu_seconds))?,
        sample_microseconds: mean(|model| model.sample_microseconds),
    })
}

/// See [`Curve::knee`].
fn knee(summary: &[Summary]) -> Option<f64> {
    let sparse = || summary.iter().filter(|kind| kind.role == Role::Sparse);
    let errors = sparse().filter_map(|kind| kind.error).map(|error| error.mean);
    // No error at all counts as half the smallest there is: its logarithm must be a number.
    let least = errors.filter(|error| *error > 0.0).fold(f64::INFINITY, f64::min) / 2.0;
    let place = |kind: &Summary| Some((kind.sparsity?, kind.nnz.max(1.0).ln(), kind.error?.mean.max(least).ln()));
    let curve: Vec<(f64, f64, f64)> = sparse().filter_map(place).collect();
    let [first, between @ .., last] = &curve[..] else { return None };
    let height = curve.iter().map(|point| point.2);
    let span = height.clone().fold(f64::NEG_INFINITY, f64::max) - height.fold(f64::INFINITY, f64::min);
    if !(first.1 > last.1 && span > 0.0 && span.is_finite()) {
        return None;
    }
    let below = |&(_, x, y): &(f64, f64, f64)| {
        let line = last.2 + (first.2 - last.2) * (x - last.1) / (first.1 - last.1);
        (line - y) / span
    };
    let best = between.iter().max_by(|a, b| below(a).total_cmp(&below(b)))?;
    (below(best) > 1e-9).then_some(best.0) // more than rounding
}

/// See [`Curve::within`].
fn within(summary: &[Summary]) -> Option<f64> {
    let twin = summary.iter().find(|kind| kind.role == Role::Twin)?.error?;
    let most = twin.mean + twin.standard_error()?;
    let good = summary.iter().filter(|kind| kind.role == Role::Sparse && kind.error.is_some_and(|e| e.mean <= most));
    good.filter_map(|kind| kind.sparsity).max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(role: Role, sparsity: Option<f64>, nnz: f64, mean: f64, deviation: f64) -> Summary {
        let spread = Spread { mean: 1.0 - mean, deviation: Some(deviation), seeds: 4 };
        Summary {
            role,
            sparsity,
            accuracy: Some(spread),
            precision_at_1: None,
            loss: None,
            error: Some(spread),
            density: 1.0 - sparsity.unwrap_or(0.0),
            nnz,
            state_bytes: nnz,
            file_bytes: nnz,
            epochs: 1.0,
            cpu_seconds: spread,
            sample_microseconds: 1.0,
        }
    }

    /// Sparse models of 1 − 10^(−k/2) sparsity with these accuracies, beside a twin of 0.98 ± 0.004.
    fn curve(accuracies: &[f64]) -> Vec<Summary> {
        let sparse = accuracies.iter().enumerate().map(|(k, &accuracy)| {
            let density = 10f64.powf(-(k as f64 + 1.0) / 2.0);
            summary(Role::Sparse, Some(1.0 - density), 1e6 * density, accuracy, 0.01)
        });
        std::iter::once(summary(Role::Twin, None, 1e6, 0.98, 0.004)).chain(sparse).collect()
    }

    #[test]
    fn means_and_deviations_are_the_textbooks() {
        let spread = Spread::of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert_eq!(spread.mean, 5.0);
        assert!((spread.deviation.unwrap() - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
        assert!((spread.standard_error().unwrap() - (32.0f64 / 7.0 / 8.0).sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of([3.0]), Some(Spread { mean: 3.0, deviation: None, seeds: 1 }));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn the_knee_is_where_the_curve_bends() {
        // Errors of 2, 2.1, 2.2, 5 and 80 %: on logarithmic axes 0.24, 0.47 and 0.50 of the height below the line.
        let flat_then_rising = curve(&[0.98, 0.979, 0.978, 0.95, 0.2]);
        assert_eq!(knee(&flat_then_rising), flat_then_rising[4].sparsity);
        // A power law is a straight line and has none, nor has a curve that bends the other way, nor two points, nor a flat line.
        assert_eq!(knee(&curve(&[0.99, 0.98, 0.96, 0.92])), None);
        assert_eq!(knee(&curve(&[0.99, 0.6, 0.5])), None);
        assert_eq!(knee(&curve(&[0.9, 0.6])), None);
        assert_eq!(knee(&curve(&[0.9, 0.9, 0.9])), None);
        // No error at all is no reason to fail.
        assert_eq!(knee(&curve(&[1.0, 1.0, 0.6])), curve(&[1.0; 3])[2].sparsity);
        assert_eq!(knee(&curve(&[1.0, 1.0, 1.0])), None);
    }

    #[test]
    fn within_is_the_sparsest_at_most_one_standard_error_below_the_twin() {
        // The twin's standard error is 0.004 / √4.
        let curve = curve(&[0.981, 0.97, 0.9781, 0.9779]);
        assert_eq!(within(&curve), curve[3].sparsity);
        assert_eq!(within(&curve[1..]), None);
    }
}
