//! Truly sparse neural networks: layers, losses, optimizers, patterns that change while training, and the trainer.
//!
//! A [`Net`] is an architecture; [`Net::build`] draws its weights and gives a [`Network`]. Weights that are sparse are stored,
//! multiplied and updated sparse ([`weight`]); the optimizer runs inside the backward pass, so that no gradient is stored
//! unless something needs it ([`Step`]).

pub mod error;
pub mod input;
pub mod layer;
pub mod loss;
pub mod net;
pub mod network;
pub mod optimizer;
pub mod param;
pub mod sample;
pub mod sparsify;
pub mod trainer;
pub mod weight;

pub use error::{Error, Result};
pub use input::Input;
pub use layer::{Layer, Mode, Pass};
pub use loss::{Loss, Targets};
pub use net::Net;
pub use network::Network;
pub use optimizer::Optimizer;
pub use param::{Param, Step};
pub use sparsify::Sparsity;
pub use trainer::{Config, Ended, Split, Trainer};
pub use weight::Weight;
