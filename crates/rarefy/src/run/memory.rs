//! Whether there is enough memory for a run, asked before anything large is read.

use rarefy_core::memory::available;
use rarefy_data::bundled;

use super::data::Parts;
use super::plan::{self, Role};
use crate::{Error, Recipe, Result};

/// What the program itself takes while it works, over what is counted: thread stacks, buffers of readers and writers.
const OVERHEAD: u64 = 48 << 20;

/// Compares an estimate of the whole run with what this process can still get. `loaded` says that the data are in memory,
/// `sparse_input` that they are sparse.
///
/// # Errors
/// [`Error::Memory`] with both numbers.
pub fn check(recipe: &Recipe, inputs: usize, loaded: bool, sparse_input: bool) -> Result<()> {
    let Some(left) = available() else { return Ok(()) };
    let data = if loaded { 0 } else { data_bytes(recipe) };
    let mut training = 0;
    for role in plan::roles(recipe) {
        // The control is never larger than the twin.
        if role != Role::Control {
            let config = rarefy_nn::Config { sparse_input, ..plan::config(recipe, role, inputs, 0)? };
            training = training.max(config.memory_estimate()?);
        }
    }
    // A dense model is written from memory: its container, and the checkpoint around it.
    let entries = plan::entries(&recipe.model.layers, inputs) as f64;
    let density = if plan::roles(recipe) == [Role::Sparse] { 2.0 * (1.0 - recipe.sparsity.target) } else { 1.0 };
    let saving = (entries * density.min(1.0) * 4.0) as u64;
    let needed = data.saturating_add(training).saturating_add(saving).saturating_add(OVERHEAD);
    if needed > left {
        return Err(Error::Memory { what: "the run".to_owned(), needed, left });
    }
    Ok(())
}

/// How many trainings of `recipe` fit beside each other into what this process can still get, the data being in memory: `wanted`
/// at most, and one at least.
///
/// # Errors
/// Names that do not exist.
pub fn at_once(recipe: &Recipe, role: Role, parts: &Parts, wanted: usize) -> Result<usize> {
    let Some(left) = available() else { return Ok(wanted) };
    let inputs = parts.train.cols();
    let saving = plan::entries(&recipe.model.layers, inputs) as u64 * 4;
    let config = rarefy_nn::Config { sparse_input: parts.is_sparse(), ..plan::config(recipe, role, inputs, 0)? };
    let each = config.memory_estimate()?.saturating_add(saving).max(1);
    let room = left.saturating_sub(OVERHEAD) / each;
    Ok(usize::try_from(room).unwrap_or(usize::MAX).clamp(1, wanted.max(1)))
}

/// Bytes of the data, if that is known before they are read: a file's values take about as much as its text.
fn data_bytes(recipe: &Recipe) -> u64 {
    match listed(recipe) {
        // Bytes in memory, and once more while they are decompressed.
        Some(set) => 2 * ((set.train_rows + set.test_rows) * set.columns) as u64,
        None => std::fs::metadata(&recipe.data.train).map_or(0, |file| 2 * file.len()),
    }
}

/// The features of the data, if that is known before they are read.
pub fn known_inputs(recipe: &Recipe) -> Option<usize> {
    listed(recipe).map(|set| set.columns)
}

/// The bundled data set of a recipe.
fn listed(recipe: &Recipe) -> Option<bundled::Listing> {
    bundled::datasets().into_iter().find(|set| set.name == recipe.data.train)
}
