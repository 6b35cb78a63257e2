//! Dense and sparse matrices with checked constructors.
//!
//! | type | layout | for |
//! |---|---|---|
//! | [`Dense`] | row-major | data, dense weights |
//! | [`Csr`] | compressed rows, `u32` indices | sparse data, sparse weights |
//! | [`Csc`] | compressed columns, `u32` indices | designs of linear models, backward passes |
//! | [`Batch`] | feature-major, padded rows | activations of a network |
//!
//! ```
//! use rarefy_core::matrix::{Csr, Dense};
//! let a = Csr::from_triplets(2, 3, &[(0, 2, 1.0f32), (1, 0, 4.0), (0, 2, 0.5)])?;
//! assert_eq!(a.nnz(), 2); // duplicates are summed
//! assert_eq!(a.to_dense()?, Dense::new(2, 3, vec![0.0, 0.0, 1.5, 4.0, 0.0, 0.0])?);
//! # Ok::<(), rarefy_core::Error>(())
//! ```

mod batch;
mod buffer;
mod compressed;
mod dense;

pub use batch::Batch;
pub use compressed::{Axis, ByColumn, ByRow, Compressed, CompressedView, Csc, CscView, Csr, CsrView};
pub use dense::{Dense, DenseView};

pub(crate) use compressed::{check_shape, check_structure, density, regroup, try_copy, try_with_capacity};

use crate::{Error, Result};

/// The numbers that matrices hold: `f32` and `f64`.
pub trait Value: num_traits::Float + num_traits::NumAssign + Default + Send + Sync + std::fmt::Debug + 'static {}
impl Value for f32 {}
impl Value for f64 {}

/// Checks that a dimension or count fits `u32` indices.
pub(crate) fn check_u32(what: &'static str, found: usize) -> Result<()> {
    let limit = u32::MAX as usize - 1;
    if found > limit { Err(Error::TooLarge { what, found, limit }) } else { Ok(()) }
}

/// `rows * cols`, or an error when that overflows.
pub(crate) fn checked_area(rows: usize, cols: usize) -> Result<usize> {
    rows.checked_mul(cols).ok_or(Error::TooLarge { what: "rows × columns", found: usize::MAX, limit: usize::MAX / 2 })
}

/// A vector of `len` copies of `value`, or a named error when there is no memory for it.
pub fn try_vec<T: Clone>(what: &'static str, len: usize, value: T) -> Result<Vec<T>> {
    let mut v = Vec::new();
    let bytes = len.saturating_mul(std::mem::size_of::<T>());
    v.try_reserve_exact(len).map_err(|_| Error::Memory { what, bytes })?;
    v.resize(len, value);
    Ok(v)
}
