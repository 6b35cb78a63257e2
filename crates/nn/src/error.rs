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
    /// Training has left the range of numbers.
    #[error(
        "diverged at step {step} (epoch {epoch}): {found}; take a smaller learning rate, warm up, or clip gradients. The checkpoint of the last epoch's end is still good"
    )]
    Diverged {
        /// The optimizer step, from 0.
        step: u64,
        /// The epoch, from 1.
        epoch: u64,
        /// What is not finite.
        found: String,
    },
    /// The machine, or a limit on this process, has too little memory for the training.
    #[error(
        "training takes about {needed} bytes of memory, and {available} are left; take a smaller network, density or batch, or raise the limit"
    )]
    Memory {
        /// What the training is estimated to take, in bytes.
        needed: u64,
        /// What can be had, in bytes.
        available: u64,
    },
    /// The data are not what the network was made for.
    #[error("{data}: {found} {what}, expected {expected}; {advice}")]
    Unfit {
        /// Name of the data.
        data: String,
        /// What is counted.
        what: &'static str,
        /// How many the data have.
        found: String,
        /// How many the network takes.
        expected: String,
        /// What to do.
        advice: &'static str,
    },
    /// A checkpoint belongs to another training.
    #[error(
        "the checkpoint was made with {what} = {found}, this training has {expected}; resume with the same settings and data, or start anew in another folder"
    )]
    Resume {
        /// The setting.
        what: String,
        /// Its value in the checkpoint.
        found: String,
        /// Its value now.
        expected: String,
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
