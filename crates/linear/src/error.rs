//! What can go wrong with a linear model.

/// Why a model could not be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something has another length than the design has rows or columns.
    #[error("{what}: {found} numbers, expected {expected}, one for each {each}")]
    Length {
        /// Which array.
        what: &'static str,
        /// Its length.
        found: usize,
        /// Rows or columns of the design.
        expected: usize,
        /// `row` or `column`.
        each: &'static str,
    },
    /// A number that cannot be there.
    #[error("{what}, {each} {at}: {found} is not {expected}")]
    Value {
        /// Which array.
        what: &'static str,
        /// `row` or `column`.
        each: &'static str,
        /// Which, from 0.
        at: usize,
        /// The number.
        found: f64,
        /// What it should be.
        expected: &'static str,
    },
    /// A parameter is outside its range.
    #[error("{name} is {found}, expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its value.
        found: String,
        /// The range it must lie in.
        expected: &'static str,
    },
    /// There is nothing to learn from.
    #[error("{0}")]
    Empty(&'static str),
    /// Coordinate descent takes penalties of single weights only.
    #[error(
        "the penalty acts on {0} at once; coordinate descent needs one that acts on each weight alone (l1, elastic-net, mcp, scad)"
    )]
    Block(&'static str),
    /// A loss that is not smooth is solved through its dual problem, which needs a convex penalty.
    #[error(
        "the penalty is not convex, and the loss is not smooth; one of them has to be (take l1 or elastic-net, or another loss)"
    )]
    Concave,
    /// Numbers became too large.
    #[error("the loss is {0} after {1} iterations; are columns of very different sizes? scale them")]
    Diverged(f64, usize),
    /// From the floor below.
    #[error(transparent)]
    Core(#[from] rarefy_core::Error),
}

/// The result of fitting.
pub type Result<T> = std::result::Result<T, Error>;
