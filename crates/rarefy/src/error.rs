//! What can go wrong on the way from a recipe to a model.

use std::path::{Path, PathBuf};

/// An error of this crate, or of a floor below.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// From matrices, patterns or kernels.
    #[error(transparent)]
    Core(#[from] rarefy_core::Error),
    /// From reading or checking data.
    #[error(transparent)]
    Data(#[from] rarefy_data::Error),
    /// From models and files.
    #[error(transparent)]
    Model(#[from] rarefy_model::Error),
    /// From networks and training.
    #[error(transparent)]
    Nn(rarefy_nn::Error),
    /// From linear models.
    #[error(transparent)]
    Linear(#[from] rarefy_linear::Error),
    /// A recipe, or a change to it, is not right.
    #[error("{place}: {problem}")]
    Recipe {
        /// File and line, or the option.
        place: String,
        /// What was found and expected.
        problem: String,
    },
    /// Two things that must fit together do not.
    #[error("{place}: {problem}")]
    Mismatch {
        /// Which file or data set.
        place: String,
        /// What was found and expected, and what to do.
        problem: String,
    },
    /// A checkpoint belongs to another job.
    #[error("{}: cannot resume: {difference}; give the same again, or fit anew without --resume", checkpoint.display())]
    Resume {
        /// The checkpoint.
        checkpoint: PathBuf,
        /// What differs, with both values.
        difference: String,
    },
    /// There is too little memory; found before training starts.
    #[error(
        "{what} takes about {} MiB of memory, {} MiB are left; lower train.batch or the width of the layers, use --no-twin, or raise the limit (ulimit -v, control group)",
        needed.div_ceil(1 << 20),
        left >> 20
    )]
    Memory {
        /// What needs it.
        what: String,
        /// The estimate, in bytes.
        needed: u64,
        /// What is left, in bytes.
        left: u64,
    },
    /// Training diverged. The last good state, if an epoch was done, is saved as a model.
    #[error("{who}: {error}{}", kept(model.as_deref()))]
    Diverged {
        /// Which model: `sparse`, `twin` or `control`.
        who: &'static str,
        /// Where it happened, and what to do.
        error: Box<rarefy_nn::Error>,
        /// The artifact of the last good state.
        model: Option<PathBuf>,
    },
    /// One point of a frontier failed.
    #[error("{point}: {error}")]
    Point {
        /// Which one.
        point: String,
        /// How.
        error: Box<Error>,
    },
    /// Somebody asked to stop the fit of a linear model, whose path keeps what is done.
    #[error("interrupted: {missing}; the best of what is done is {}", model.display())]
    Kept {
        /// What was not done.
        missing: String,
        /// The artifact.
        model: PathBuf,
    },
    /// Somebody asked to stop.
    #[error("interrupted; `--resume` continues from {}", checkpoint.display())]
    Interrupted {
        /// The checkpoint.
        checkpoint: PathBuf,
    },
}

impl From<rarefy_nn::Error> for Error {
    /// An error that only passed through the trainer is what it was before: a full disk stays one.
    fn from(error: rarefy_nn::Error) -> Self {
        match error {
            rarefy_nn::Error::Core(error) => Self::Core(error),
            rarefy_nn::Error::Data(error) => Self::Data(error),
            rarefy_nn::Error::Model(error) => Self::Model(error),
            error => Self::Nn(error),
        }
    }
}

/// The result of an operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where the last good state is, as the end of a message.
fn kept(model: Option<&Path>) -> String {
    model.map_or(String::new(), |model| format!("; its model is {}", model.display()))
}
