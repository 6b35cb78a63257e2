//! Rarefy's networks as data: what a fitted model is, how it is kept in one file, and how it answers.
//!
//! * [`graph`]: a network as a list of nodes, each with its operation and its numbers;
//! * [`artifact`]: the one file that a model is saved in, with everything that prediction from raw input needs;
//! * [`runtime`]: what executes a graph on rows of features;
//! * [`container`]: the checked file format under artifacts and checkpoints: named tensors, a manifest, a checksum;
//! * [`mod@file`]: the one way in which files are written, and the lock on an output folder.
//!
//! ```
//! use rarefy_core::matrix::{Csr, DenseView};
//! use rarefy_model::artifact::{Artifact, Task};
//! use rarefy_model::graph::{Graph, Op, Weight};
//!
//! let weight = Csr::new(2, 3, vec![0, 1, 2], vec![0, 2], vec![2.0f32, -1.0])?;
//! let mut graph = Graph::new(3);
//! graph.push("linear1", Op::Linear { weight: Weight::Sparse(weight) });
//! graph.push("bias1", Op::Bias { values: vec![0.5, 0.0] });
//!
//! let task = Task::Classification { classes: vec!["no".into(), "yes".into()] };
//! let bytes = Artifact::new(graph, task).to_bytes()?;
//!
//! let runtime = Artifact::from_bytes(&bytes)?.into_runtime()?;
//! let answers = runtime.predict(DenseView::new(1, 3, &[1.0, 5.0, 1.0])?)?;
//! assert_eq!(answers.row(0), &[2.5, -1.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod artifact;
pub mod container;
pub mod error;
pub mod file;
pub mod graph;
pub mod runtime;

pub use error::{Error, Fault, Result};
