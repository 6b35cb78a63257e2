//! Choosing the strength: a path of them, cross-validation, information criteria.

mod criteria;
mod cv;
mod folds;
mod path;

pub use criteria::Criterion;
pub use cv::{CrossValidation, Held, MakeLoss, Task, cross_validate, deviance};
pub use folds::folds;
pub use path::{Path, largest, path, strengths, walk};
