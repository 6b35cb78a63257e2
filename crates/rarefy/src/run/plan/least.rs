//! The fewest weights that a network can have: one in each matrix, or nothing would get through it.

use rarefy_nn::{Net, Sparsity};

use super::{asked_density, drops_neurons};
use crate::recipe::Recipe;
use crate::{Error, Result};

/// Weight matrices that sparsity concerns, and the entries of all of them.
fn weights(net: &Net) -> Result<(usize, usize)> {
    let layers = net.make()?;
    let sizes: Vec<usize> = layers.iter().filter_map(|l| l.weight()).map(|w| w.rows() * w.cols()).collect();
    Ok((sizes.len(), sizes.iter().sum()))
}

/// The least density of so many matrices, a hair above the quotient: rounding never leaves one weight too few.
fn least(matrices: usize, entries: usize) -> f64 {
    (matrices as f64 / entries.max(1) as f64 * (1.0 + 1e-12)).min(1.0)
}

/// The least density of a network; 0 for one without weight matrices.
///
/// # Errors
/// Layers that cannot be made.
pub fn density(net: &Net) -> Result<f64> {
    weights(net).map(|(matrices, entries)| least(matrices, entries))
}

/// The density that a recipe asks for; at least what the network can have where a penalty decides how sparse it becomes.
///
/// # Errors
/// [`Error::Recipe`] with the key that asks for too few weights, and the fewest that there can be.
pub fn hold(recipe: &Recipe, net: &Net, inputs: usize, sparsity: &mut Sparsity) -> Result<()> {
    let (matrices, entries) = weights(net)?;
    let (asked, least) = (&recipe.sparsity, least(matrices, entries));
    sparsity.density = asked_density(recipe, inputs).unwrap_or(sparsity.density);
    // With a strength of its own, and of whole neurons, the density is a limit below and no aim.
    if asked.lambda.or(asked.radius).is_some() || drops_neurons(recipe) {
        sparsity.density = sparsity.density.max(least);
        return Ok(());
    }
    let share = |density: f64| (density * entries as f64).max(0.0) as usize;
    let kept = asked.nonzeros.map_or_else(|| share(sparsity.density), |n| n as usize);
    if kept >= matrices {
        return Ok(());
    }
    // Rounded down, so that what is said can be had.
    let target = ((1.0 - least) * 1e6).floor() / 1e6;
    let (key, found, instead) = match (asked.nonzeros, asked.file_bytes) {
        (Some(n), _) => ("sparsity.nonzeros", n.to_string(), format!("give {matrices} or more")),
        (_, Some(n)) => ("sparsity.file-bytes", format!("a file of {n} bytes"), "allow a larger file".to_owned()),
        _ => ("sparsity.target", asked.target.to_string(), format!("give {target} or less")),
    };
    let problem = format!(
        "{found} leaves {kept} of {entries} weights, expected at least {matrices}, one in each weight matrix (density {least:.2e}); \
         {instead}, or widen the layers"
    );
    Err(Error::Recipe { place: key.to_owned(), problem })
}
