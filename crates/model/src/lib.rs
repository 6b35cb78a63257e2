//! Rarefy's networks as data: what a fitted model is, how it is kept in one file, and how it answers.
//!
//! * [`container`]: the checked file format under artifacts and checkpoints: named tensors, a manifest, a checksum;
//! * [`mod@file`]: the one way in which files are written, and the lock on an output folder.

pub mod container;
pub mod error;
pub mod file;

pub use error::{Error, Fault, Result};
