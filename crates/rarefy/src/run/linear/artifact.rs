//! Linear models as artifacts, and back to coefficients by name.

use rarefy_core::matrix::Csr;
use rarefy_data::Dataset;
use rarefy_model::artifact::{Artifact, Task};
use rarefy_model::graph::{Graph, Op, Weight};

use super::loss::Entry;
use super::outcome::{Coefficient, Point};
use crate::Result;

/// One sparse linear layer, a bias, and what the loss makes of `η`. Only coefficients that are not zero are stored; they are those of raw
/// features, so that nothing is scaled before.
pub(super) fn lower(point: &Point, intercept: bool, data: &Dataset, loss: &Entry) -> Result<Artifact> {
    let kept: Vec<(u32, f32)> =
        point.coefficients.iter().map(|&(j, w)| (j, w as f32)).filter(|(_, w)| *w != 0.0).collect();
    let (indices, values): (Vec<u32>, Vec<f32>) = kept.into_iter().unzip();
    let weight = Csr::new(1, data.cols(), vec![0, indices.len() as u32], indices, values)?;
    let mut graph = Graph::new(data.cols());
    graph.push("linear1", Op::Linear { weight: Weight::Sparse(weight) });
    if intercept {
        graph.push("bias1", Op::Bias { values: vec![point.intercept as f32] });
    }
    if let Some(link) = loss.link {
        graph.push("answer", link());
    }
    let task = match loss.classes {
        true => Task::Classification { classes: data.class_names.clone() },
        false => Task::Regression { targets: Vec::new() },
    };
    let mut artifact = Artifact::new(graph, task);
    artifact.feature_names = data.feature_names.clone();
    artifact.image_shape = data.image_shape.map(|(height, width)| vec![height, width]);
    Ok(artifact)
}

/// The coefficients of raw features that are not zero, the largest first, and the intercept, of a model that is linear: whose only weight
/// matrix has one output and reads the input. `None` for any other.
pub fn coefficients(model: &Artifact) -> Option<(Vec<Coefficient>, f64)> {
    let nodes = &model.graph.nodes;
    let Op::Linear { weight } = &nodes.first()?.op else { return None };
    let (bias, rest) = match nodes.get(1).map(|node| &node.op) {
        Some(Op::Bias { values }) => (f64::from(*values.first()?), &nodes[2..]),
        _ => (0.0, &nodes[1..]),
    };
    let is_link = |op: &Op| matches!(op, Op::Sigmoid | Op::Exp);
    if rest.len() > 1 || rest.iter().any(|node| !is_link(&node.op)) {
        return None;
    }
    let entries: Vec<(usize, f32)> = match weight {
        Weight::Sparse(w) if w.rows() == 1 => w.iter().map(|(_, j, w)| (j, w)).collect(),
        Weight::Dense(w) if w.rows() == 1 => w.row(0).iter().copied().enumerate().collect(),
        _ => return None,
    };
    let raw = |(j, w): (usize, f32)| (w != 0.0).then(|| (j, f64::from(w) * f64::from(model.scaling.factor(j))));
    let mut raw: Vec<(usize, f64)> = entries.into_iter().filter_map(raw).collect();
    raw.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
    Some((raw.into_iter().map(|(j, w)| named(j, w, &model.feature_names)).collect(), bias))
}

/// A coefficient with its feature's name.
pub(super) fn named(j: usize, coefficient: f64, names: &[String]) -> Coefficient {
    Coefficient { feature: names.get(j).cloned().unwrap_or_else(|| (j + 1).to_string()), coefficient }
}
