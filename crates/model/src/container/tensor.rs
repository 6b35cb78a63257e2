//! Numbers in bulk: type, shape, little-endian bytes.

use crate::{Error, Result};

/// The types of number in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dtype {
    /// 32-bit floats.
    F32,
    /// 64-bit unsigned whole numbers.
    U64,
    /// 32-bit unsigned whole numbers.
    U32,
    /// 16-bit unsigned whole numbers.
    U16,
    /// Bytes.
    U8,
}

impl Dtype {
    /// All of them.
    const ALL: [Self; 5] = [Self::F32, Self::U64, Self::U32, Self::U16, Self::U8];

    /// Its name in safetensors.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::U64 => "U64",
            Self::U32 => "U32",
            Self::U16 => "U16",
            Self::U8 => "U8",
        }
    }

    /// The type of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            Self::U64 => 8,
            Self::F32 | Self::U32 => 4,
            Self::U16 => 2,
            Self::U8 => 1,
        }
    }
}

/// Bytes of a tensor, unless they cannot be counted.
pub(super) fn byte_len(dtype: Dtype, shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(dtype.bytes(), |bytes, &n| bytes.checked_mul(n))
}

/// A tensor as it lies in a file: its bytes always fill its shape exactly.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    /// A tensor from its bytes, little endian; `name` is for the error.
    ///
    /// # Errors
    /// [`Error::Tensor`] when `bytes` does not fill `shape`; [`Error::Core`] when there is no memory.
    pub fn new(name: &str, dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Result<Self> {
        if byte_len(dtype, shape) != Some(bytes.len()) {
            let problem = format!("shape {shape:?} of {} does not take {} bytes", dtype.name(), bytes.len());
            return Err(Error::tensor(name, problem));
        }
        Ok(Self { dtype, shape: shape.to_vec(), bytes: room("tensor", bytes.len())?.collect(bytes.iter().copied()) })
    }

    /// A tensor of floats.
    ///
    /// # Errors
    /// [`Error::Core`] unless `values` fills `shape`, or when there is no memory.
    pub fn from_f32(shape: &[usize], values: &[f32]) -> Result<Self> {
        Self::encode(Dtype::F32, shape, values, f32::to_le_bytes)
    }

    /// A tensor of 64-bit whole numbers.
    ///
    /// # Errors
    /// As [`Tensor::from_f32`].
    pub fn from_u64(shape: &[usize], values: &[u64]) -> Result<Self> {
        Self::encode(Dtype::U64, shape, values, u64::to_le_bytes)
    }

    /// A tensor of 32-bit whole numbers.
    ///
    /// # Errors
    /// As [`Tensor::from_f32`].
    pub fn from_u32(shape: &[usize], values: &[u32]) -> Result<Self> {
        Self::encode(Dtype::U32, shape, values, u32::to_le_bytes)
    }

    /// A tensor of bytes.
    ///
    /// # Errors
    /// As [`Tensor::from_f32`].
    pub fn from_u8(shape: &[usize], values: &[u8]) -> Result<Self> {
        Self::encode(Dtype::U8, shape, values, |byte| [byte])
    }

    /// A vector of whole numbers, all at most `largest`, in 16 bits each where that suffices and in 32 otherwise.
    ///
    /// # Errors
    /// [`Error::Core`] when there is no memory.
    pub fn from_indices(values: &[u32], largest: usize) -> Result<Self> {
        let shape = [values.len()];
        if largest <= usize::from(u16::MAX) {
            Self::encode(Dtype::U16, &shape, values, |v| (v as u16).to_le_bytes())
        } else {
            Self::from_u32(&shape, values)
        }
    }

    /// Lays `values` out in bytes.
    fn encode<T: Copy, const N: usize>(
        dtype: Dtype,
        shape: &[usize],
        values: &[T],
        to_bytes: impl Fn(T) -> [u8; N],
    ) -> Result<Self> {
        let len = byte_len(dtype, shape);
        if len != values.len().checked_mul(N) {
            let expected = len.map_or(usize::MAX, |bytes| bytes / N);
            return Err(rarefy_core::Error::Length { what: "tensor", found: values.len(), expected }.into());
        }
        let bytes = room("tensor", values.len() * N)?.collect(values.iter().flat_map(|&v| to_bytes(v)));
        Ok(Self { dtype, shape: shape.to_vec(), bytes })
    }

    /// The numbers' type.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many numbers there are.
    pub fn count(&self) -> usize {
        self.bytes.len() / self.dtype.bytes()
    }

    /// The numbers, little endian.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The floats; `name` is for the error.
    ///
    /// # Errors
    /// [`Error::Tensor`] unless it is of `F32`; [`Error::Core`] when there is no memory.
    pub fn to_f32(&self, name: &str) -> Result<Vec<f32>> {
        self.expect(name, &[Dtype::F32])?;
        self.decode(f32::from_le_bytes)
    }

    /// The floats, none of them NaN or infinite; `name` is for the error.
    ///
    /// # Errors
    /// As [`Tensor::to_f32`], and [`Error::Tensor`] for a number that is not finite.
    pub fn to_finite_f32(&self, name: &str) -> Result<Vec<f32>> {
        let values = self.to_f32(name)?;
        match values.iter().position(|v| !v.is_finite()) {
            Some(at) => Err(Error::tensor(name, format!("entry {at} is {}, expected a finite number", values[at]))),
            None => Ok(values),
        }
    }

    /// The 64-bit whole numbers; `name` is for the error.
    ///
    /// # Errors
    /// [`Error::Tensor`] unless it is of `U64`; [`Error::Core`] when there is no memory.
    pub fn to_u64(&self, name: &str) -> Result<Vec<u64>> {
        self.expect(name, &[Dtype::U64])?;
        self.decode(u64::from_le_bytes)
    }

    /// Whole numbers of 16 or 32 bits; `name` is for the error.
    ///
    /// # Errors
    /// [`Error::Tensor`] unless it is of `U16` or `U32`; [`Error::Core`] when there is no memory.
    pub fn to_u32(&self, name: &str) -> Result<Vec<u32>> {
        self.expect(name, &[Dtype::U32, Dtype::U16])?;
        if self.dtype == Dtype::U32 {
            self.decode(u32::from_le_bytes)
        } else {
            self.decode(|b| u16::from_le_bytes(b).into())
        }
    }

    /// Refuses other types.
    fn expect(&self, name: &str, dtypes: &[Dtype]) -> Result<()> {
        if dtypes.contains(&self.dtype) {
            return Ok(());
        }
        let expected: Vec<_> = dtypes.iter().map(|dtype| dtype.name()).collect();
        Err(Error::tensor(name, format!("dtype {}, expected {}", self.dtype.name(), expected.join(" or "))))
    }

    /// Reads numbers of `N` bytes.
    fn decode<T, const N: usize>(&self, from_bytes: impl Fn([u8; N]) -> T) -> Result<Vec<T>> {
        let (numbers, _) = self.bytes.as_chunks();
        Ok(room("numbers of a tensor", numbers.len())?.collect(numbers.iter().map(|&bytes| from_bytes(bytes))))
    }
}

/// An empty vector with room for `len`.
struct Room<T>(Vec<T>);

/// Takes memory for `len` numbers, or says that there is none.
fn room<T>(what: &'static str, len: usize) -> Result<Room<T>> {
    let mut values = Vec::new();
    let bytes = len.saturating_mul(size_of::<T>());
    values.try_reserve_exact(len).map_err(|_| rarefy_core::Error::Memory { what, bytes })?;
    Ok(Room(values))
}

impl<T> Room<T> {
    /// Fills it.
    fn collect(mut self, values: impl Iterator<Item = T>) -> Vec<T> {
        self.0.extend(values);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_take_16_bits_up_to_65_535() {
        assert_eq!(Tensor::from_indices(&[65_535], 65_535).unwrap().dtype(), Dtype::U16);
        assert_eq!(Tensor::from_indices(&[65_536], 65_536).unwrap().dtype(), Dtype::U32);
    }

    #[test]
    fn numbers_come_back_bit_for_bit() {
        let values = [0.1, -0.0, f32::MIN_POSITIVE, f32::MAX];
        let back = Tensor::from_f32(&[2, 2], &values).unwrap().to_finite_f32("x").unwrap();
        assert_eq!(back.map_bits(), values.to_vec().map_bits());
        assert_eq!(Tensor::from_u64(&[1], &[u64::MAX]).unwrap().to_u64("x").unwrap(), [u64::MAX]);
        assert_eq!(Tensor::from_indices(&[7, 9], 9).unwrap().to_u32("x").unwrap(), [7, 9]);
    }

    /// Bit patterns, since −0 == 0.
    trait MapBits {
        fn map_bits(&self) -> Vec<u32>;
    }

    impl MapBits for Vec<f32> {
        fn map_bits(&self) -> Vec<u32> {
            self.iter().map(|v| v.to_bits()).collect()
        }
    }

    #[test]
    fn a_shape_that_overflows_is_an_error() {
        assert!(Tensor::from_f32(&[1 << 33, 1 << 33], &[]).is_err());
        assert!(Tensor::new("x", Dtype::U8, &[usize::MAX, 2], &[]).is_err());
    }

    #[test]
    fn another_type_is_named() {
        let error = Tensor::from_u8(&[1], &[1]).unwrap().to_f32("x").unwrap_err();
        assert_eq!(error.to_string(), "tensor \"x\": dtype U8, expected F32");
    }

    #[test]
    fn a_value_that_is_not_finite_is_named_with_its_place() {
        let error = Tensor::from_f32(&[2], &[1.0, f32::NAN]).unwrap().to_finite_f32("x").unwrap_err();
        assert_eq!(error.to_string(), "tensor \"x\": entry 1 is NaN, expected a finite number");
    }
}
