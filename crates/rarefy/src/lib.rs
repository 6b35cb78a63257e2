//! Rarefy: models that are sparse from the first training step to the deployed byte.
//!
//! This crate is the public face of the house: it re-exports the floors below, and adds what ties them together.
//!
//! * [`core`]: matrices, patterns, kernels, random numbers; [`data`]: reading and preparing data; [`model`]: networks as
//!   data, artifacts, the runtime; [`nn`]: layers, losses, optimizers, sparse training; [`linear`]: sparse linear models;
//! * [`recipe`]: the TOML file that says what to fit, on what, how sparse;
//! * [`run`]: from a recipe to a fitted model beside its dense twin, with checkpoints that resume to the same bits;
//! * [`frontier()`]: accuracy against sparsity, over several seeds, resumable;
//! * [`evaluate`]: a model's answers to data, and how good they are.
//!
//! ```
//! use rarefy::Recipe;
//! let mut recipe = Recipe::builtin();
//! recipe.set("train.epochs=2")?;
//! assert_eq!((recipe.train.epochs, recipe.sparsity.target), (2, 0.98));
//! # Ok::<(), rarefy::Error>(())
//! ```

pub mod error;
pub mod evaluate;
pub mod frontier;
pub mod recipe;
pub mod run;

pub use rarefy_core as core;
pub use rarefy_data as data;
pub use rarefy_linear as linear;
pub use rarefy_model as model;
pub use rarefy_nn as nn;

pub use error::{Error, Result};
pub use frontier::frontier;
pub use rarefy_core::progress::{Cancel, Progress};
pub use rarefy_data::Dataset;
pub use rarefy_model::artifact::Artifact;
pub use rarefy_nn::Net;
pub use recipe::Recipe;
pub use run::{Event, Job, Options, Outcome, fit};

/// The README's Rust is compiled and run as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
