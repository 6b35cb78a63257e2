//! Matrices in a folder of little-endian files: what measuring programs read. Sizes are checked before memory is taken.

use std::path::Path;

pub type Failure = Box<dyn std::error::Error>;

/// The numbers of a file that must have `count` of `N` bytes.
pub fn read<const N: usize, T>(path: &Path, count: usize, number: impl Fn([u8; N]) -> T) -> Result<Vec<T>, Failure> {
    let (found, expected) = (std::fs::metadata(path)?.len(), count as u128 * N as u128);
    if u128::from(found) != expected {
        return Err(format!("{}: {found} bytes, expected {expected} ({count} numbers)", path.display()).into());
    }
    let bytes = std::fs::read(path)?;
    Ok(bytes.as_chunks::<N>().0.iter().map(|&chunk| number(chunk)).collect())
}

/// Rows, columns and nonzeros, which the text file `meta` has.
pub fn sizes(folder: &Path) -> Result<[usize; 3], Failure> {
    let meta = std::fs::read_to_string(folder.join("meta"))?;
    let sizes = meta.split_whitespace().map(str::parse).collect::<Result<Vec<usize>, _>>()?;
    sizes.try_into().map_err(|_| format!("meta: {meta:?}, expected rows, columns and nonzeros").into())
}

/// Where each of so many rows or columns starts, and the end of the last: the i64 numbers of `indptr`.
pub fn indptr(folder: &Path, lines: usize) -> Result<Vec<u32>, Failure> {
    let wide = read(&folder.join("indptr"), lines.checked_add(1).ok_or("meta: too many lines")?, i64::from_le_bytes)?;
    Ok(wide.into_iter().map(u32::try_from).collect::<Result<_, _>>()?)
}
