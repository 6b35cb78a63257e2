//! From an artifact's graph back to layers, for fine-tuning.

use super::{Layer, Tied, registry};
use crate::{Error, Result};
use rarefy_model::graph::{Graph, Op};

/// The layers of a graph that [`Network::lower`](crate::Network::lower) has made, one for each node, without moments. What has no
/// node, such as dropout, does not come back; a loss's [`link`](crate::Loss::link) at the end comes back as a layer.
///
/// # Errors
/// [`Error::Model`] for a graph that is not valid; [`Error::Layer`] naming the node that reads something else than the one before
/// it, or whose operation is no layer.
pub fn lift(graph: &Graph) -> Result<Vec<Box<dyn Layer>>> {
    let features = graph.features()?;
    let mut layers: Vec<Box<dyn Layer>> = Vec::with_capacity(graph.nodes.len());
    for (at, node) in graph.nodes.iter().enumerate() {
        let wrong = |problem| Error::Layer { at: at + 1, layer: node.name.clone(), problem };
        if node.inputs != [at] {
            return Err(wrong(format!(
                "reads value {:?}, expected [{at}], what the node before it makes",
                node.inputs
            )));
        }
        if let Op::TiedLinear { of } = node.op {
            let before = graph.nodes.iter().take(of + 1).filter(|node| node.op.weight().is_some()).count();
            layers.push(Box::new(Tied::new(before, features[at + 1])));
            continue;
        }
        let lifted = registry().iter().find_map(|entry| (entry.lift)(&node.op, features[at]));
        let unknown = || format!("`{}` is not an operation of a layer, so it cannot be trained", node.op.kind());
        layers.push(lifted.unwrap_or_else(|| Err(unknown())).map_err(wrong)?);
    }
    Ok(layers)
}
