//! What can go wrong while building and training a network.

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// From matrices, patterns or kernels.
    #[error(transparent)]
    Core(#[from] rarefy_core::Error),
    /// From reading or checking data.
    #[error(transparent)]
    Data(#[from] rarefy_data::Error),
    /// From graphs, artifacts and files.
    #[error(transparent)]
    Model(#[from] rarefy_model::Error),
    /// A layer cannot stand where it was put.
    #[error("layer {at} (`{layer}`): {problem}")]
    Layer {
        /// Its place in the list, from 1.
        at: usize,
        /// What was asked for.
        layer: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Targets or weights do not fit the loss, or the outputs of the network.
    #[error("loss {loss}: {problem}")]
    Targets {
        /// The loss.
        loss: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A setting is outside its range.
    #[error("{name} is {found}, expected {expected}")]
    Setting {
        /// The setting, as recipes write it.
        name: &'static str,
        /// Its value.
        found: String,
        /// What is allowed.
        expected: String,
    },
}

/// The result of an operation of this crate.
pub type Result<T> = std::result::Result<T, Error>;
