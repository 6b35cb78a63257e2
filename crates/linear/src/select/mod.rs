//! Choosing the strength: a path of them.

mod path;

pub use path::{Path, path, strengths};
