//! The loops where the time goes.
//!
//! One folder a kernel: its contract stands in the module header, `reference` is the loop as one would write it on paper, and
//! the fast version is compared with it on ragged sizes, on every instruction set that the processor has ([`Isa`]).
//! All of them cut their work into tasks by size ([`crate::parallel`]), so the number of threads never changes a bit.

pub mod coordinate;
pub mod dense;
pub mod elementwise;
pub mod gather;
pub mod loss;
mod samples;
mod simd;
pub mod sparse_dense;
pub mod sparse_input;
pub mod spmv;
pub mod sweep;
pub mod update;

#[cfg(test)]
pub(crate) use simd::testing;
pub use simd::{Isa, isa, isa_from_env, set_isa};
