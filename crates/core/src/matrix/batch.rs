//! Activations of a mini-batch, feature-major.

use super::buffer::Buffer;
use super::{check_u32, checked_area};
use crate::Result;

/// `features × len` activations; row `j` holds feature `j` of every sample in the batch, contiguously.
///
/// Rows are `stride` floats apart, `stride` being `len` rounded up to a whole number of 64-byte lines, and that number
/// made odd: rows a power of two apart would share cache sets. The padding is zero in fresh batches and in every
/// gradient; kernels may compute on it, so activations there are arbitrary but finite.
#[derive(Debug, Clone)]
pub struct Batch {
    buffer: Buffer,
    features: usize,
    len: usize,
    stride: usize,
}

/// Checks that features and samples fit 32 bits, as indices of everything that meets a batch do.
fn check_shape(features: usize, len: usize) -> Result<()> {
    check_u32("features of a batch", features)?;
    check_u32("samples of a batch", len)
}

/// Floats in a cache line, the unit of rows.
const LANES: usize = 16;

impl Batch {
    /// A batch of zeros.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge) or [`Error::Memory`](crate::Error::Memory) when it cannot be held.
    pub fn zeros(features: usize, len: usize) -> Result<Self> {
        check_shape(features, len)?;
        let stride = Self::stride_for(len);
        Ok(Self { buffer: Buffer::zeros(checked_area(features, stride)?)?, features, len, stride })
    }

    /// Floats from one row to the next for a batch of `len` samples.
    pub fn stride_for(len: usize) -> usize {
        (len.div_ceil(LANES) | 1) * LANES
    }

    /// Number of features (rows).
    pub fn features(&self) -> usize {
        self.features
    }

    /// Number of samples (columns in use).
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Floats from one row to the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Columns that kernels compute on: `len` rounded up to whole lines.
    pub fn width(&self) -> usize {
        self.len.div_ceil(LANES) * LANES
    }

    /// All floats, padding included: `features × stride`.
    pub fn data(&self) -> &[f32] {
        self.buffer.as_slice()
    }

    /// All floats, padding included: `features × stride`.
    pub fn data_mut(&mut self) -> &mut [f32] {
        self.buffer.as_mut_slice()
    }

    /// The samples of feature `j`, without padding.
    pub fn row(&self, j: usize) -> &[f32] {
        &self.data()[j * self.stride..][..self.len]
    }

    /// The samples of feature `j`, without padding.
    pub fn row_mut(&mut self, j: usize) -> &mut [f32] {
        let (start, len) = (j * self.stride, self.len);
        &mut self.data_mut()[start..][..len]
    }

    /// Changes the shape, keeping the memory where it suffices; every value becomes zero when the shape differs.
    ///
    /// # Errors
    /// As [`Batch::zeros`].
    pub fn reshape(&mut self, features: usize, len: usize) -> Result<()> {
        if self.features == features && self.len == len {
            return Ok(());
        }
        check_shape(features, len)?;
        let stride = Self::stride_for(len);
        let floats = checked_area(features, stride)?;
        if floats <= self.buffer.capacity() {
            self.buffer.reuse(floats);
        } else {
            self.buffer = Buffer::zeros(floats)?;
        }
        (self.features, self.len, self.stride) = (features, len, stride);
        Ok(())
    }
}
