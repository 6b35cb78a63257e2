//! Rarefy's networks as data: what a fitted model is, how it is kept in one file, and how it answers.
//!
//! * [`mod@file`]: the one way in which files are written, and the lock on an output folder.

pub mod error;
pub mod file;

pub use error::{Error, Fault, Result};
