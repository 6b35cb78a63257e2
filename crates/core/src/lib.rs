//! The ground floor of Rarefy: matrices, patterns, kernels, random numbers and threads.
//!
//! Everything above works on these few types:
//! * [`matrix`]: [`Dense`](matrix::Dense), [`Csr`](matrix::Csr), [`Csc`](matrix::Csc), and [`Batch`](matrix::Batch), the
//!   feature-major block of activations that networks compute on;
//! * [`pattern`]: which entries of a matrix may be nonzero, and what ranks them for dropping or growing;
//! * [`penalty`]: what makes models sparse: values, proximal operators, optimality;
//! * [`kernels`]: the loops where the time goes, each with a scalar reference and SIMD versions chosen at run time;
//! * [`random`]: numbers that depend only on a key and a counter, so that no thread count changes a result;
//! * [`parallel`], [`progress`]: threads that share work by fixed chunks, and long work that can be watched and cancelled;
//! * [`clock`], [`memory`]: what work costs in time and energy, and how much memory is left for it.

pub mod clock;
pub mod error;
pub mod kernels;
pub mod matrix;
pub mod memory;
pub mod parallel;
pub mod pattern;
pub mod penalty;
pub mod progress;
pub mod random;

pub use error::{Error, Result};
