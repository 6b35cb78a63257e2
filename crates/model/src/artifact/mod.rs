//! The artifact: the one file that a model is saved in (`.rarefy`), format version 1.
//!
//! An artifact holds everything that prediction from raw input needs: the graph with its numbers, the scaling of the
//! columns, the names of features and classes. It is a [`container`](crate::container) of kind `artifact`. Its manifest:
//! ```json
//! { "rarefy": "0.1.0", "task": { "kind": "classification", "classes": ["0", "1"] },
//!   "inputs": 784, "scaling": { "kind": "factor", "factor": 0.00392 }, "feature_names": [], "image_shape": [28, 28],
//!   "nodes": [{ "name": "linear1", "kind": "linear", "inputs": [0], "attributes": { "inputs": 784 } }],
//!   "training": { "epochs": "12" } }
//! ```
//! A node's tensors are called `NODE.PART`: `linear1.values`, `linear1.indices`, `linear1.row-lengths` (a sparse weight:
//! entries of each row), `linear1.weight` (a dense one), `bias1.values`. The factors of `"scaling": {"kind": "columns"}`
//! are the tensor `scaling`. Unknown keys and tensors are refused by name. No field names another file.
//!
//! Nothing depends on a clock or a stopwatch, so the same training gives the same bytes.

mod manifest;

use std::collections::BTreeMap;
use std::path::Path;

use crate::container::{Container, Tensor};
use crate::graph::{Graph, Node, Parts, load};
use crate::runtime::Runtime;
use crate::{Error, Result};
use manifest::{Manifest, ManifestNode, ManifestScaling};

/// A model, ready to be saved, or to answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    /// The network.
    pub graph: Graph,
    /// What the outputs mean.
    pub task: Task,
    /// What is done to raw features before the graph sees them.
    pub scaling: Scaling,
    /// A name for each feature, or none at all.
    pub feature_names: Vec<String>,
    /// Dimensions of the image that the features are (height × width, or channels × height × width), if they are one.
    pub image_shape: Option<Vec<usize>>,
    /// What was asked of the training and what came of it, for people to read. No times: they differ from run to run.
    pub training: BTreeMap<String, String>,
    /// The version of Rarefy that made it.
    pub rarefy: String,
}

/// What a model's outputs mean.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Task {
    /// A score for each class; or, for two classes, one score that is the second's.
    Classification {
        /// The classes' names, in the order of the outputs.
        classes: Vec<String>,
    },
    /// A score for each class, of which a row may have any number.
    Labels {
        /// The classes' names, in the order of the outputs.
        classes: Vec<String>,
    },
    /// A number for each target.
    Regression {
        /// The targets' names, or none at all.
        targets: Vec<String>,
    },
    /// The row itself, as it is after scaling: an autoencoder.
    Reconstruction {},
}

/// What raw features are multiplied with; zeros stay zeros.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Scaling {
    /// Nothing.
    #[default]
    None,
    /// One factor for all.
    Factor(f32),
    /// A factor for each column.
    Columns(Vec<f32>),
}

impl Artifact {
    /// The format version written, and the newest that is read.
    pub const VERSION: u32 = 1;

    /// The container's kind.
    const KIND: &str = "artifact";

    /// The tensor of factors for each column.
    const SCALING: &str = "scaling";

    /// An artifact without scaling, names or image.
    pub fn new(graph: Graph, task: Task) -> Self {
        Self {
            graph,
            task,
            scaling: Scaling::None,
            feature_names: Vec::new(),
            image_shape: None,
            training: BTreeMap::new(),
            rarefy: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Checks that graph, names and shapes agree.
    ///
    /// # Errors
    /// As [`Graph::check`]; [`Error::Manifest`] naming what disagrees.
    pub fn check(&self) -> Result<()> {
        let (inputs, outputs) = (self.graph.inputs, self.graph.outputs()?);
        let names = self.feature_names.len();
        if names != 0 && names != inputs {
            return Err(Error::manifest("feature_names", format!("{names} names, expected {inputs}, or none")));
        }
        match &self.task {
            Task::Classification { classes } => {
                let scores = if classes.len() == 2 && outputs == 1 { 2 } else { outputs };
                if classes.len() < 2 || classes.len() != scores {
                    let problem = format!(
                        "{} classes for {outputs} outputs, expected as many (or one output for two classes)",
                        classes.len()
                    );
                    return Err(Error::manifest("task.classes", problem));
                }
            }
            Task::Labels { classes } if classes.len() != outputs => {
                let problem = format!("{} classes for {outputs} outputs, expected as many", classes.len());
                return Err(Error::manifest("task.classes", problem));
            }
            Task::Labels { .. } => {}
            Task::Regression { targets } if !targets.is_empty() && targets.len() != outputs => {
                let problem = format!("{} targets, expected {outputs}, or none", targets.len());
                return Err(Error::manifest("task.targets", problem));
            }
            Task::Regression { .. } => {}
            Task::Reconstruction {} if inputs != outputs => {
                return Err(Error::manifest("task", format!("{outputs} outputs, expected the {inputs} inputs again")));
            }
            Task::Reconstruction {} => {}
        }
        if let Some(shape) = &self.image_shape {
            let pixels = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
            if !(2..=3).contains(&shape.len()) || pixels != Some(inputs) {
                let problem = format!("{shape:?}, expected 2 or 3 dimensions of {inputs} entries in all");
                return Err(Error::manifest("image_shape", problem));
            }
        }
        self.scaling.check(inputs)
    }

    /// The names of the classes; none unless the model says classes or sets of them.
    pub fn classes(&self) -> &[String] {
        match &self.task {
            Task::Classification { classes } | Task::Labels { classes } => classes,
            Task::Regression { .. } | Task::Reconstruction {} => &[],
        }
    }

    /// Checks that data has the model's number of features.
    ///
    /// # Errors
    /// [`Error::FeatureCount`] with both numbers.
    pub fn check_input(&self, features: usize) -> Result<()> {
        let expected = self.graph.inputs;
        if features == expected { Ok(()) } else { Err(Error::FeatureCount { found: features, expected }) }
    }

    /// Checks that data has the model's number of classes.
    ///
    /// # Errors
    /// [`Error::ClassCount`] with both numbers.
    pub fn check_classes(&self, classes: usize) -> Result<()> {
        let expected = self.classes().len();
        if classes == expected { Ok(()) } else { Err(Error::ClassCount { found: classes, expected }) }
    }

    /// What executes the model on raw features.
    ///
    /// # Errors
    /// As [`Artifact::check`].
    pub fn into_runtime(self) -> Result<Runtime> {
        Runtime::new(self.graph)?.with_scaling(self.scaling)
    }

    /// The file's bytes; the same artifact gives the same bytes.
    ///
    /// # Errors
    /// As [`Artifact::check`] and [`Container::to_bytes`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.to_container()?.to_bytes()
    }

    /// The artifact in a file's bytes.
    ///
    /// # Errors
    /// As [`Container::from_bytes`], and one for each thing in the content that can be wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_container(Container::from_bytes(bytes, Self::KIND, Self::VERSION)?)
    }

    /// Writes the file, aside and renamed: see [`crate::file`].
    ///
    /// # Errors
    /// As [`Artifact::to_bytes`]; [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<()> {
        self.to_container().map_err(|e| e.in_file(path))?.write(path)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`Artifact::from_bytes`], with the path; [`Error::Io`].
    pub fn read(path: &Path) -> Result<Self> {
        let container = Container::read(path, Self::KIND, Self::VERSION)?;
        Self::from_container(container).map_err(|e| e.in_file(path))
    }

    /// Lays the artifact out.
    fn to_container(&self) -> Result<Container> {
        self.check()?;
        let mut container = Container::new(Self::KIND, Self::VERSION);
        let mut nodes = Vec::with_capacity(self.graph.nodes.len());
        for node in &self.graph.nodes {
            let mut parts = Parts { node: node.name.clone(), ..Parts::default() };
            node.op.operator().store(&mut parts)?;
            for (part, tensor) in std::mem::take(&mut parts.tensors) {
                container.insert(parts.tensor_name(&part), tensor)?;
            }
            nodes.push(ManifestNode {
                name: node.name.clone(),
                kind: node.op.kind().to_owned(),
                inputs: node.inputs.clone(),
                attributes: parts.attributes,
            });
        }
        let scaling = match &self.scaling {
            Scaling::None => ManifestScaling::None {},
            Scaling::Factor(factor) => ManifestScaling::Factor { factor: f64::from(*factor) },
            Scaling::Columns(factors) => {
                container.insert(Self::SCALING, Tensor::from_f32(&[factors.len()], factors)?)?;
                ManifestScaling::Columns {}
            }
        };
        let manifest = Manifest {
            rarefy: self.rarefy.clone(),
            task: self.task.clone(),
            inputs: self.graph.inputs,
            scaling,
            feature_names: self.feature_names.clone(),
            image_shape: self.image_shape.clone(),
            nodes,
            training: self.training.clone(),
        };
        container.manifest = manifest.to_json()?;
        Ok(container)
    }

    /// Checks and takes over what a container holds.
    fn from_container(mut container: Container) -> Result<Self> {
        let manifest = Manifest::from_json(std::mem::take(&mut container.manifest))?;
        let mut graph = Graph::new(manifest.inputs);
        for node in manifest.nodes {
            let mut parts = Parts { node: node.name.clone(), attributes: node.attributes, ..Parts::default() };
            let prefix = parts.tensor_name("");
            let own = |name: &str| name.strip_prefix(&prefix).is_some_and(|part| !part.contains('.'));
            let names: Vec<_> = tensors_from(&container, &prefix).filter(|name| own(name)).cloned().collect();
            for name in names {
                parts.tensors.insert(name[prefix.len()..].to_owned(), container.take(&name)?);
            }
            graph.nodes.push(Node { name: node.name, op: load(&node.kind, parts)?, inputs: node.inputs });
        }
        let scaling = match manifest.scaling {
            ManifestScaling::None {} => Scaling::None,
            ManifestScaling::Factor { factor } => Scaling::Factor(factor as f32),
            ManifestScaling::Columns {} => {
                Scaling::Columns(container.take(Self::SCALING)?.to_finite_f32(Self::SCALING)?)
            }
        };
        container.finish()?;
        let artifact = Self {
            graph,
            task: manifest.task,
            scaling,
            feature_names: manifest.feature_names,
            image_shape: manifest.image_shape,
            training: manifest.training,
            rarefy: manifest.rarefy,
        };
        artifact.check()?;
        Ok(artifact)
    }
}

/// Names of the tensors that begin with `prefix`, found without looking at all others.
fn tensors_from<'a>(container: &'a Container, prefix: &'a str) -> impl Iterator<Item = &'a String> {
    container.tensors.range(prefix.to_owned()..).map(|(name, _)| name).take_while(move |name| name.starts_with(prefix))
}

impl Scaling {
    /// Checks that the factors are finite, and one for each of `features` columns.
    ///
    /// # Errors
    /// [`Error::Manifest`].
    pub fn check(&self, features: usize) -> Result<()> {
        let factors = match self {
            Self::None => &[],
            Self::Factor(factor) => std::slice::from_ref(factor),
            Self::Columns(factors) if factors.len() != features => {
                let problem = format!("{} factors, expected one for each of {features} features", factors.len());
                return Err(Error::manifest("scaling", problem));
            }
            Self::Columns(factors) => factors,
        };
        match factors.iter().find(|factor| !factor.is_finite()) {
            Some(factor) => Err(Error::manifest("scaling", format!("factor {factor}, expected a finite number"))),
            None => Ok(()),
        }
    }

    /// The factor of column `j`.
    pub fn factor(&self, j: usize) -> f32 {
        match self {
            Self::None => 1.0,
            Self::Factor(factor) => *factor,
            Self::Columns(factors) => factors[j],
        }
    }
}
