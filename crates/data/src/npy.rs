//! `.npy`, the format of a NumPy array.
//!
//! `\x93NUMPY`, a version, the length of the header, the header (a Python dict of `descr`, `fortran_order` and `shape`), then the
//! values. Read are booleans, integers of 1 to 8 bytes, floats of 2, 4 and 8, in either byte order, rows or columns first, and text (as
//! labels). Python objects are pickles, and never loaded. The header is parsed by its own small grammar, and its claims are checked
//! against the bytes that are there.
//!
//! ```
//! use rarefy_data::{Limits, npy};
//! let array = npy::Array::from_f32(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
//! let mut file = Vec::new();
//! npy::write(&mut file, &array)?;
//! assert_eq!(npy::parse(&file, "two by three", &Limits::default())?, array);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod header;

pub use header::{Dtype, Kind};

use std::io::{self, Write};

use crate::compression::{Limits, Source};
use crate::error::{At, Error, Place, Result};
use crate::idx::area;
use header::Header;

/// The first bytes of a file.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// An array of any number of dimensions, its values as the file has them.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    dims: Vec<usize>,
    dtype: Dtype,
    /// Whether the first dimension is the fastest.
    fortran: bool,
    data: Vec<u8>,
}

/// A number of an array.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole number.
    Whole(i128),
    /// A float.
    Float(f64),
}

impl Array {
    /// An array of 32-bit floats, the last dimension fastest; `None` unless the dimensions multiply to their number.
    pub fn from_f32(dims: &[usize], values: &[f32]) -> Option<Self> {
        let dtype = Dtype { kind: Kind::Float, size: 4, big_endian: false };
        Self::new(dims, dtype, values.len(), values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// As [`from_f32`](Self::from_f32), of bytes.
    pub fn from_u8(dims: &[usize], values: &[u8]) -> Option<Self> {
        Self::new(dims, Dtype { kind: Kind::Unsigned, size: 1, big_endian: false }, values.len(), values.to_vec())
    }

    /// As [`from_f32`](Self::from_f32), of 64-bit integers.
    pub fn from_i64(dims: &[usize], values: impl ExactSizeIterator<Item = i64>) -> Option<Self> {
        let (dtype, count) = (Dtype { kind: Kind::Signed, size: 8, big_endian: false }, values.len());
        Self::new(dims, dtype, count, values.flat_map(i64::to_le_bytes).collect())
    }

    /// One-dimensional text.
    pub fn from_text<S: AsRef<str>>(texts: &[S]) -> Self {
        let longest = texts.iter().map(|text| text.as_ref().chars().count()).max().unwrap_or(0).max(1);
        let mut data = Vec::with_capacity(texts.len() * longest * 4);
        for text in texts {
            let chars = text.as_ref().chars().map(u32::from).chain(std::iter::repeat(0));
            data.extend(chars.take(longest).flat_map(u32::to_le_bytes));
        }
        let dtype = Dtype { kind: Kind::Text, size: 4 * longest, big_endian: false };
        Self { dims: vec![texts.len()], dtype, fortran: false, data }
    }

    fn new(dims: &[usize], dtype: Dtype, count: usize, data: Vec<u8>) -> Option<Self> {
        (area(dims) == Some(count)).then(|| Self { dims: dims.to_vec(), dtype, fortran: false, data })
    }

    /// The dimensions; the last is the fastest in what [`numbers`](Self::numbers) gives, whatever the file's order.
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// What the values are.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.data.len() / self.dtype.size
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Where the values lie, last dimension fastest.
    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        let mut strides = vec![1; self.dims.len()];
        (1..self.dims.len()).for_each(|d| strides[d] = strides[d - 1] * self.dims[d - 1]);
        let (mut index, mut place) = (vec![0; self.dims.len()], 0);
        let fortran = self.fortran;
        (0..self.len()).map(move |at| {
            if !fortran {
                return at;
            }
            let here = place;
            for d in (0..index.len()).rev() {
                index[d] += 1;
                place += strides[d];
                if index[d] < self.dims[d] {
                    break;
                }
                place -= strides[d] * self.dims[d];
                index[d] = 0;
            }
            here
        })
    }

    /// The values, last dimension fastest; `None` if they are text.
    pub fn numbers(&self) -> Option<impl Iterator<Item = Number> + '_> {
        let Dtype { kind, size, .. } = self.dtype;
        let is_number = !matches!(kind, Kind::Bytes | Kind::Text);
        is_number.then(|| self.places().map(move |at| self.dtype.number(&self.data[at * size..][..size])))
    }

    /// The values as text, such as labels, last dimension fastest; `None` for text that is not UTF-8 or UTF-32.
    pub fn texts(&self) -> Option<Vec<String>> {
        let size = self.dtype.size;
        self.places().map(|at| self.dtype.text(&self.data[at * size..][..size])).collect()
    }

    /// The values as 32-bit floats.
    pub(crate) fn to_f32(&self, name: &str) -> Result<Vec<f32>> {
        let place = || Place::new(name, At::File);
        let numbers = self.numbers().ok_or_else(|| {
            let found = format!("text ({} bytes each)", self.dtype.size);
            Error::Malformed { place: place(), found, expected: "numbers: is this the array of labels?" }
        })?;
        let mut values = rarefy_core::matrix::try_vec("values of an array", self.len(), 0f32)
            .map_err(|source| Error::Matrix { place: place(), source })?;
        for (index, (to, number)) in values.iter_mut().zip(numbers).enumerate() {
            *to = match number {
                Number::Whole(found) if (found as f32) as i128 != found => {
                    let found = i64::try_from(found).unwrap_or(i64::MAX);
                    return Err(Error::Inexact { place: place(), index, found });
                }
                Number::Whole(value) => value as f32,
                Number::Float(value) => value as f32,
            };
        }
        Ok(values)
    }

    /// The values as indices, refused where they are negative or past `u32`.
    pub(crate) fn to_u32(&self, name: &str) -> Result<Vec<u32>> {
        let place = || Place::new(name, At::File);
        let wrong = |found| Error::Malformed { place: place(), found, expected: "whole numbers, as these are indices" };
        let numbers = self.numbers().ok_or_else(|| wrong("text".to_owned()))?;
        let mut values = rarefy_core::matrix::try_vec("indices of an array", self.len(), 0u32)
            .map_err(|source| Error::Matrix { place: place(), source })?;
        for (at, (to, number)) in values.iter_mut().zip(numbers).enumerate() {
            *to = match number {
                Number::Float(value) => return Err(wrong(format!("the float {value}"))),
                Number::Whole(value) => u32::try_from(value).map_err(|_| {
                    let expected = format!("0 to {} (position {at})", u32::MAX);
                    Error::Index { place: place(), axis: "index", found: value.to_string(), expected: expected.into() }
                })?,
            };
        }
        Ok(values)
    }

    /// The values if they are bytes, last dimension fastest.
    pub(crate) fn to_u8(&self) -> Option<Vec<u8>> {
        let is_byte = self.dtype.kind == Kind::Unsigned && self.dtype.size == 1;
        is_byte.then(|| self.places().map(|at| self.data[at]).collect())
    }
}

/// Reads an array from bytes in memory, decompressing them if need be.
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], name: &str, limits: &Limits) -> Result<Array> {
    read(Source::from_bytes(bytes, name, limits)?, limits)
}

/// Reads an array that takes up a whole stream.
///
/// # Errors
/// [`Error::Malformed`] with the byte for a header that breaks the format's rules, [`Error::Unsupported`] for Python objects, complex
/// numbers, dates and structures, [`Error::Overflow`], [`Error::Limit`], [`Error::Truncated`], [`Error::Trailing`], and the errors of the
/// stream itself.
pub fn read(source: Source<'_>, limits: &Limits) -> Result<Array> {
    let name = source.name().to_owned();
    from_bytes(source.read_all()?, &name, limits)
}

/// The array that these bytes are, all of them.
pub(crate) fn from_bytes(mut bytes: Vec<u8>, name: &str, limits: &Limits) -> Result<Array> {
    let Header { dims, dtype, fortran, start, body } = Header::parse(&bytes, name, limits)?;
    let (found, end) = (bytes.len() as u64, (start + body) as u64);
    if found < end {
        let place = Place::new(name, At::Byte(found));
        return Err(Error::Truncated { place, what: "values", expected: body as u64 });
    }
    if found > end {
        return Err(Error::Trailing { place: Place::new(name, At::Byte(end)), dims });
    }
    bytes.drain(..start);
    Ok(Array { dims, dtype, fortran, data: bytes })
}

/// How many bytes an array takes whose file begins with `head`, header and all.
pub(crate) fn whole_length(head: &[u8], name: &str, limits: &Limits) -> Result<u64> {
    Header::parse(head, name, limits).map(|header| (header.start + header.body) as u64)
}

/// The longest header that is read, and what comes before it.
pub(crate) const LONGEST_HEADER: usize = header::LONGEST + 12;

/// Writes an array.
///
/// # Errors
/// Those of the writer.
pub fn write(mut out: impl Write, array: &Array) -> io::Result<()> {
    out.write_all(&header::write(&array.dims, array.dtype, array.fortran))?;
    out.write_all(&array.data)?;
    out.flush()
}
