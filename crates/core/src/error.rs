//! What can go wrong on the ground floor.

/// A matrix, pattern or kernel was asked for something that cannot be.
///
/// Every message says where, what was found, and what was expected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A length does not follow from the shape.
    #[error("{what}: length {found}, expected {expected}")]
    Length {
        /// Which array.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that the shape asks for.
        expected: usize,
    },
    /// A dimension, or the number of nonzeros, is past what `u32` indices can hold.
    #[error("{what}: {found} is past the limit of {limit} (indices are 32 bits wide)")]
    TooLarge {
        /// Which dimension or count.
        what: &'static str,
        /// Its value.
        found: usize,
        /// The largest value allowed.
        limit: usize,
    },
    /// `indptr` does not start at 0, falls, or does not end at the number of indices.
    #[error("indptr[{at}] is {found}, expected {expected}")]
    Indptr {
        /// Position in `indptr`.
        at: usize,
        /// The value found there.
        found: usize,
        /// What belongs there.
        expected: String,
    },
    /// An index is past its dimension.
    #[error("{axis} {major}: index {index} is past the last of {limit} (position {at})")]
    Index {
        /// `row` or `column`: what `major` counts.
        axis: &'static str,
        /// The row (CSR) or column (CSC).
        major: usize,
        /// The index found.
        index: usize,
        /// The dimension it must stay below.
        limit: usize,
        /// Position in `indices`.
        at: usize,
    },
    /// Indices of a row (CSR) or column (CSC) are not strictly rising.
    #[error(
        "{axis} {major}: index {index} at position {at} is {problem}; sort and merge with `from_triplets`, which sums duplicates"
    )]
    Order {
        /// `row` or `column`.
        axis: &'static str,
        /// The row (CSR) or column (CSC).
        major: usize,
        /// The index found.
        index: usize,
        /// Position in `indices`.
        at: usize,
        /// `a duplicate` or `out of order`.
        problem: &'static str,
    },
    /// Memory could not be had.
    #[error("{what}: no memory for {bytes} bytes")]
    Memory {
        /// What the memory was for.
        what: &'static str,
        /// How much was asked for.
        bytes: usize,
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
}

/// The result of a ground-floor operation.
pub type Result<T> = std::result::Result<T, Error>;
