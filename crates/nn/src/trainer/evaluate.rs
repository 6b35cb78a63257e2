//! How good a network is on some rows.

use super::config::evaluated_at_once;
use super::precision::{Hits, Precision};
use super::split::{Aim, Feed, Split};
use crate::{Loss, Mode, Network, Result};

/// The most classes of which a table of confusions is kept.
pub const MOST_CLASSES: usize = 1000;

/// How good a network is on some rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Mean loss, every row counting the same, class weights or not.
    pub loss: f64,
    /// Share of the rows whose class was found, in 0..=1; `None` unless targets are classes.
    pub accuracy: Option<f64>,
    /// Precision of the first labels; `None` unless targets are sets of labels.
    pub precision: Option<Precision>,
    /// Rows of each class (first index) that were taken for each class (second index); `None` unless targets are classes, no
    /// more than [`MOST_CLASSES`].
    pub confusion: Option<Vec<Vec<u64>>>,
    /// How many rows there were.
    pub rows: usize,
}

/// Runs all rows of `split` through `network`, dropout off.
///
/// # Errors
/// [`Error::Unfit`](crate::Error::Unfit) when the data do not fit the network, [`Error::Targets`](crate::Error::Targets) when
/// they do not fit the loss.
pub fn evaluate(network: &mut Network, loss: &dyn Loss, split: &Split<'_>) -> Result<Evaluation> {
    let mut feed = Feed::evaluate(split, network)?;
    if let Some(layer) = network.sampled() {
        layer.choose(None);
    }
    let classes = split.data.classes().max(network.outputs());
    let one_class = matches!(split.data.target, rarefy_data::Target::Classes(_)) && split.aim == Aim::Target;
    let mut confusion = (one_class && classes <= MOST_CLASSES).then(|| vec![vec![0u64; classes]; classes]);
    let (mut sum, mut right, mut hits) = (0.0, None, None);
    for rows in split.rows.chunks(evaluated_at_once(network.outputs())) {
        feed.fill(rows, network)?;
        let z = network.forward(Mode::Eval);
        sum += loss.evaluate(z, &feed.targets().0, None, 1.0, None)?;
        if let Some((truth, found)) = feed.classes(z) {
            *right.get_or_insert(0) += truth.iter().zip(found).filter(|(t, f)| t == f).count();
            if let Some(confusion) = &mut confusion {
                truth.iter().zip(found).for_each(|(&t, &f)| confusion[t as usize][f as usize] += 1);
            }
        }
        if let Some(found) = feed.hits(z) {
            hits.get_or_insert_with(Hits::default).add(found);
        }
    }
    let rows = split.rows.len();
    let accuracy = right.map(|right| right as f64 / rows as f64);
    let precision = hits.map(|hits| hits.precision());
    Ok(Evaluation { loss: sum / rows as f64, accuracy, precision, confusion, rows })
}
