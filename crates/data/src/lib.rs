//! Reading data, and preparing them to be learned from.
//!
//! [`read`] finds the format of a file by its content and returns a [`Dataset`]; [`bundled`] are data sets that come with
//! Rarefy. [`split`] divides rows into parts, [`Scaling`] brings features to one range without touching zeros.
//!
//! | module | reads and writes |
//! |---|---|
//! | [`idx`] | IDX, the format of MNIST: arrays of bytes, integers and floats |
//! | [`csv`] | CSV and TSV |
//! | [`npy`], [`npz`] | NumPy arrays, SciPy sparse matrices |
//! | [`matrix_market`] | MatrixMarket: sparse and dense matrices |
//! | [`svmlight`] | svmlight (libsvm): sparse features, classes, values or sets of classes |
//! | [`compression`] | gzip and zstd around any of them, found by content |
//!
//! Data are refused rather than repaired: an error names the file, the line and column or the byte, what was found and
//! expected, and what to do. Sizes in a file are not believed before the bytes have arrived. No locale changes how a number
//! is read.
//!
//! ```
//! use rarefy_data::{bundled, split};
//! let digits = bundled::load("digits")?.train;
//! assert_eq!((digits.cols(), digits.classes()), (64, 10));
//! let parts = split::random(digits.rows(), &[0.9, 0.1], 1)?;
//! let factors = digits.scaling.fit(&digits.features, &parts[0])?;
//! let mut row = vec![0.0; digits.cols()];
//! digits.features.row_into(parts[0][0], &mut row);
//! factors.apply(&mut row);
//! assert!(row.iter().all(|v| (0.0..=1.0).contains(v)));
//! # Ok::<(), rarefy_data::Error>(())
//! ```
//!
//! To add a format: one file beside `idx.rs`, one arm in `read.rs`, and its entries in the shared tests of
//! `tests/formats.rs` (round trip, truncation, random bytes).

pub mod bundled;
pub mod compression;
pub mod csv;
mod dataset;
mod error;
mod foreign;
pub mod idx;
pub mod labels;
mod lines;
pub mod matrix_market;
pub mod npy;
pub mod npz;
mod number;
mod read;
mod scaling;
mod sparse;
pub mod split;
pub mod svmlight;
mod texts;
mod zip;

pub use compression::{Limits, Source};
pub use dataset::{Dataset, Features, Target};
pub use error::{At, Error, Place, Result};
pub use labels::Task;
pub use read::{ReadOptions, read, read_bytes};
pub use scaling::{Factors, Scaling};
pub use sparse::{Duplicates, FirstIndex, SparseOptions};
