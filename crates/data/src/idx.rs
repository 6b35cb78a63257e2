//! IDX, the format of MNIST: one array, big endian.
//!
//! `00 00`, a type code, the number of dimensions, each dimension as `u32`, then the values, the last dimension fastest.
//! The file must end where its dimensions say. Nothing is allocated by what the header claims: the array grows as bytes
//! arrive.
//!
//! ```
//! use rarefy_data::{Limits, idx};
//! let array = idx::Array::new(vec![2, 3], idx::Values::U8(vec![1, 2, 3, 4, 5, 6])).unwrap();
//! let mut file = Vec::new();
//! idx::write(&mut file, &array)?;
//! assert_eq!(file[..4], [0, 0, 8, 2]);
//! assert_eq!(idx::parse(&file, "two by three", &Limits::default())?, array);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io::{self, Read, Write};

use crate::compression::{Limits, Source};
use crate::error::{At, Error, Place, Result};

/// The values of an IDX file.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Type code `08`.
    U8(Vec<u8>),
    /// Type code `09`.
    I8(Vec<i8>),
    /// Type code `0b`.
    I16(Vec<i16>),
    /// Type code `0c`.
    I32(Vec<i32>),
    /// Type code `0d`.
    F32(Vec<f32>),
    /// Type code `0e`.
    F64(Vec<f64>),
}

/// An array of any number of dimensions, the last one fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    dims: Vec<usize>,
    values: Values,
}

/// What to do with the values, whatever their type.
macro_rules! each {
    ($values:expr, $v:ident => $body:expr) => {
        match $values {
            Values::U8($v) => $body,
            Values::I8($v) => $body,
            Values::I16($v) => $body,
            Values::I32($v) => $body,
            Values::F32($v) => $body,
            Values::F64($v) => $body,
        }
    };
}

impl Values {
    /// Number of values.
    pub fn len(&self) -> usize {
        each!(self, v => v.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn code(&self) -> u8 {
        match self {
            Values::U8(_) => 0x08,
            Values::I8(_) => 0x09,
            Values::I16(_) => 0x0b,
            Values::I32(_) => 0x0c,
            Values::F32(_) => 0x0d,
            Values::F64(_) => 0x0e,
        }
    }
}

impl Array {
    /// An array from its values, or `None` unless there are 1 to 255 dimensions that fit `u32` and multiply to their number.
    pub fn new(dims: Vec<usize>, values: Values) -> Option<Self> {
        let fits = (1..=255).contains(&dims.len()) && dims.iter().all(|&d| u32::try_from(d).is_ok());
        (fits && area(&dims) == Some(values.len())).then_some(Self { dims, values })
    }

    /// The dimensions, slowest first.
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// The values.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The dimensions and the values.
    pub fn into_parts(self) -> (Vec<usize>, Values) {
        (self.dims, self.values)
    }
}

/// The number of values, unless it overflows. Zeros do not hide an overflow.
pub(crate) fn area(dims: &[usize]) -> Option<usize> {
    let product = dims.iter().filter(|&&d| d != 0).try_fold(1usize, |product, &d| product.checked_mul(d))?;
    Some(if dims.contains(&0) { 0 } else { product })
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
/// [`Error::Magic`], [`Error::Overflow`], [`Error::Limit`] if the header claims more than [`Limits::bytes`],
/// [`Error::Truncated`], [`Error::Trailing`], and the errors of the stream itself.
pub fn read(mut source: Source<'_>, limits: &Limits) -> Result<Array> {
    let name = source.name().to_owned();
    let place = |at| Place::new(&name, at);
    let magic: [u8; 4] = fill(&mut source, "the magic number")?;
    let width = match magic[2] {
        0x08 | 0x09 => 1,
        0x0b => 2,
        0x0c | 0x0d => 4,
        0x0e => 8,
        _ => 0,
    };
    if magic[..2] != [0, 0] || width == 0 || magic[3] == 0 {
        return Err(Error::Magic { place: place(At::Byte(0)), found: format!("{magic:02x?}") });
    }
    let mut dims = Vec::with_capacity(magic[3].into());
    for _ in 0..magic[3] {
        let dim: [u8; 4] = fill(&mut source, "the dimensions")?;
        dims.push(u32::from_be_bytes(dim) as usize);
    }
    let overflow = || Error::Overflow { place: place(At::Byte(4)), dims: dims.clone(), width };
    let bytes = area(&dims).and_then(|values| values.checked_mul(width)).ok_or_else(overflow)?;
    let expected = bytes as u64;
    if expected > limits.bytes {
        let what = "the size in the header, in bytes,";
        return Err(Error::Limit { place: place(At::Byte(4)), what, limit: limits.bytes, option: "bytes" });
    }
    // A header may lie about gigabytes: only this much is taken on trust.
    let trusted = bytes.min(64 << 20);
    let body = match magic[2] {
        0x08 => values(&mut source, expected, trusted, |[b]: [u8; 1]| b).map(Values::U8),
        0x09 => values(&mut source, expected, trusted, i8::from_be_bytes).map(Values::I8),
        0x0b => values(&mut source, expected, trusted, i16::from_be_bytes).map(Values::I16),
        0x0c => values(&mut source, expected, trusted, i32::from_be_bytes).map(Values::I32),
        0x0d => values(&mut source, expected, trusted, f32::from_be_bytes).map(Values::F32),
        _ => values(&mut source, expected, trusted, f64::from_be_bytes).map(Values::F64),
    }?;
    match source.peek()? {
        [] => Ok(Array { dims, values: body }),
        _ => Err(Error::Trailing { place: place(At::Byte(source.position())), dims }),
    }
}

/// Exactly `N` bytes.
fn fill<const N: usize>(source: &mut Source<'_>, what: &'static str) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    fill_slice(source, &mut bytes, what, N as u64)?;
    Ok(bytes)
}

/// Fills `bytes`, which are part of `expected` bytes of `what`.
fn fill_slice(source: &mut Source<'_>, bytes: &mut [u8], what: &'static str, expected: u64) -> Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        match source.read(&mut bytes[filled..]) {
            Ok(0) => {
                let place = Place::new(source.name(), At::Byte(source.position()));
                return Err(Error::Truncated { place, what, expected });
            }
            Ok(count) => filled += count,
            Err(e) => return Err(source.error(e)),
        }
    }
    Ok(())
}

/// `expected` bytes as numbers of `N` bytes each; room for `trusted` of them is taken before they arrive.
fn values<T, const N: usize>(
    source: &mut Source<'_>,
    expected: u64,
    trusted: usize,
    from_be: fn([u8; N]) -> T,
) -> Result<Vec<T>> {
    let no_memory = |name: &str, bytes: usize| Error::Matrix {
        place: Place::new(name, At::File),
        source: rarefy_core::Error::Memory { what: "values of an IDX file", bytes },
    };
    let mut values = Vec::new();
    values.try_reserve(trusted / N).map_err(|_| no_memory(source.name(), trusted))?;
    let mut chunk = vec![0; 1 << 16];
    let mut left = expected;
    while left > 0 {
        let now = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        fill_slice(source, &mut chunk[..now], "values", expected)?;
        // The chunk is a whole number of values, as is everything that is left.
        values.try_reserve(now / N).map_err(|_| no_memory(source.name(), now))?;
        values.extend(chunk[..now].as_chunks::<N>().0.iter().map(|&bytes| from_be(bytes)));
        left -= now as u64;
    }
    Ok(values)
}

/// Writes an array.
///
/// # Errors
/// Those of the writer.
pub fn write(mut out: impl Write, array: &Array) -> io::Result<()> {
    // `Array::new` and `read` let only 1 to 255 dimensions of 32 bits pass.
    out.write_all(&[0, 0, array.values.code(), array.dims.len() as u8])?;
    for &dim in &array.dims {
        out.write_all(&(dim as u32).to_be_bytes())?;
    }
    let mut chunk = Vec::with_capacity(1 << 16);
    each!(&array.values, v => {
        for part in v.chunks(1 << 13) {
            chunk.clear();
            part.iter().for_each(|value| chunk.extend_from_slice(&value.to_be_bytes()));
            out.write_all(&chunk)?;
        }
    });
    out.flush()
}
