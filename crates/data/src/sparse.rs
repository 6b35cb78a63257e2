//! What the readers of sparse formats share: options, and the way from entries to a checked matrix.

use std::str::FromStr;

use rarefy_core::matrix::{Csr, CsrView};

use crate::compression::Limits;
use crate::error::{At, Error, Place, Result};

/// What is known about sparse data before they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SparseOptions {
    /// The number of the first feature in an svmlight file.
    pub first_index: FirstIndex,
    /// Sorts the entries of rows that are not in order, which are otherwise an error.
    pub sort: bool,
    /// What to do with an entry that is given more than once.
    pub duplicates: Duplicates,
    /// Lets `nan`, `inf` and values past what 32-bit floats hold pass. Such data can be looked at, not learned from.
    pub allow_nonfinite: bool,
    /// The number of features, such as that of a model or of training data; found from the largest index of an svmlight file
    /// unless given. Other formats say how many there are.
    pub features: Option<usize>,
}

/// The number of the first feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FirstIndex {
    /// 0 if an index 0 occurs, 1 otherwise. A file that leaves its first feature out in every row would be misread: say what it
    /// is, or read it with the number of features.
    #[default]
    Auto,
    /// 0, as scikit-learn writes by default.
    Zero,
    /// 1, as the format's own programs do.
    One,
}

/// What to do with an entry that is given more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// An error.
    #[default]
    Refuse,
    /// Their sum.
    Sum,
    /// The last of them.
    Last,
}

impl FromStr for FirstIndex {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "0" => Ok(Self::Zero),
            "1" => Ok(Self::One),
            _ => Err(format!("{text:?} is not a first index; expected auto, 0 or 1")),
        }
    }
}

impl FromStr for Duplicates {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "sum" => Ok(Self::Sum),
            "last" => Ok(Self::Last),
            _ => Err(format!("{text:?} is not what to do with duplicates; expected refuse, sum or last")),
        }
    }
}

/// A row in which an entry is out of order or given twice: where among its entries, and the entry before it.
#[derive(Debug, PartialEq)]
pub(crate) enum Fault {
    /// Lower than the one before, in a format that has an order.
    Unsorted { at: usize, before: u32 },
    /// The same twice.
    Duplicate { index: u32 },
}

impl Fault {
    /// As an error; `shift` is what the file counts from, `axis` what it counts.
    pub fn error(&self, place: Place, axis: &'static str, found: u32, shift: u64) -> Error {
        match *self {
            Self::Unsorted { before, .. } => {
                Error::Unsorted { place, axis, found: u64::from(found) + shift, before: u64::from(before) + shift }
            }
            Self::Duplicate { index } => Error::Duplicate { place, axis, index: u64::from(index) + shift },
        }
    }
}

/// Brings the entries `from..` of a row into order, merging duplicates, or says why that is not allowed.
pub(crate) fn settle(
    indices: &mut Vec<u32>,
    values: &mut Vec<f32>,
    from: usize,
    options: &SparseOptions,
) -> std::result::Result<(), Fault> {
    let row = &indices[from..];
    let Some(at) = (1..row.len()).find(|&at| row[at] <= row[at - 1]) else { return Ok(()) };
    let (before, here) = (row[at - 1], row[at]);
    if options.duplicates == Duplicates::Refuse && before == here {
        return Err(Fault::Duplicate { index: here });
    }
    if let Some(at) = (1..row.len()).find(|&at| row[at] < row[at - 1]).filter(|_| !options.sort) {
        return Err(Fault::Unsorted { at, before: row[at - 1] });
    }
    let mut entries: Vec<(u32, f32)> = row.iter().copied().zip(values[from..].iter().copied()).collect();
    entries.sort_by_key(|&(j, _)| j); // stable: the last given stays the last
    indices.truncate(from);
    values.truncate(from);
    for (j, value) in entries {
        if indices.len() > from && indices[indices.len() - 1] == j {
            let last = values.len() - 1;
            match options.duplicates {
                Duplicates::Refuse => return Err(Fault::Duplicate { index: j }),
                Duplicates::Sum => values[last] += value,
                Duplicates::Last => values[last] = value,
            }
        } else {
            indices.push(j);
            values.push(value);
        }
    }
    Ok(())
}

/// A matrix from compressed rows that a file holds, its rows settled as the options say.
pub(crate) fn csr(
    (rows, cols): (usize, usize),
    indptr: Vec<u32>,
    indices: Vec<u32>,
    values: Vec<f32>,
    options: &SparseOptions,
    place: &Place,
) -> Result<Csr<f32>> {
    let matrix = |source| Error::Matrix { place: place.clone(), source };
    match CsrView::new(rows, cols, &indptr, &indices, &values) {
        Ok(_) => return Csr::new(rows, cols, indptr, indices, values).map_err(matrix),
        // All else is sound.
        Err(rarefy_core::Error::Order { .. }) => {}
        Err(source) => return Err(matrix(source)),
    }
    let (mut starts, mut to, mut numbers) =
        (vec![0u32], Vec::with_capacity(indices.len()), Vec::with_capacity(indices.len()));
    for (row, ends) in indptr.windows(2).enumerate() {
        let (first, line) = (to.len(), ends[0] as usize..ends[1] as usize);
        to.extend_from_slice(&indices[line.clone()]);
        numbers.extend_from_slice(&values[line.clone()]);
        settle(&mut to, &mut numbers, first, options).map_err(|fault| {
            let place = Place::new(&format!("{}: row {row} (from 0)", place.file), At::File);
            let found = if let Fault::Unsorted { at, .. } = fault { indices[line.start + at] } else { 0 };
            fault.error(place, "column", found, 0)
        })?;
        starts.push(to.len() as u32);
    }
    Csr::new(rows, cols, starts, to, numbers).map_err(matrix)
}

/// A matrix from entries in any order, in `O(entries + rows)`.
pub(crate) fn from_entries(
    (rows, cols): (usize, usize),
    entries: &[(u32, u32, f32)],
    options: &SparseOptions,
    place: &Place,
) -> Result<Csr<f32>> {
    let matrix = |source| Error::Matrix { place: place.clone(), source };
    let mut indptr = rarefy_core::matrix::try_vec("rows of a sparse matrix", rows + 1, 0u32).map_err(matrix)?;
    let mut indices =
        rarefy_core::matrix::try_vec("entries of a sparse matrix", entries.len(), 0u32).map_err(matrix)?;
    let mut values = rarefy_core::matrix::try_vec("entries of a sparse matrix", entries.len(), 0f32).map_err(matrix)?;
    entries.iter().for_each(|&(i, ..)| indptr[i as usize + 1] += 1);
    (1..=rows).for_each(|i| indptr[i] += indptr[i - 1]);
    let mut next = indptr.clone();
    for &(i, j, value) in entries {
        let at = next[i as usize] as usize;
        (indices[at], values[at]) = (j, value);
        next[i as usize] += 1;
    }
    csr((rows, cols), indptr, indices, values, &SparseOptions { sort: true, ..*options }, place)
}

/// Checks a declared shape against the limits, before anything is taken by it.
pub(crate) fn check_shape(rows: u64, cols: u64, limits: &Limits, place: &Place) -> Result<(usize, usize)> {
    let past =
        |what, limit: usize, option| Err(Error::Limit { place: place.clone(), what, limit: limit as u64, option });
    // Whatever is believed, indices have 32 bits.
    let [most_rows, most_cols] = [limits.rows, limits.max_features].map(|limit| limit.min(u32::MAX as usize - 1));
    if rows > most_rows as u64 {
        return past("the number of rows", most_rows, "rows");
    }
    if cols > most_cols as u64 {
        return past("the number of columns", most_cols, "max_features");
    }
    Ok((rows as usize, cols as usize))
}

/// Checks that so many entries stay within the limit of bytes.
pub(crate) fn check_entries(entries: usize, limits: &Limits, place: impl FnOnce() -> Place) -> Result<()> {
    let limit = limits.bytes.min(8 * u64::from(u32::MAX));
    if entries as u64 * 8 <= limit {
        return Ok(());
    }
    Err(Error::Limit { place: place(), what: "the sparse matrix, in bytes,", limit, option: "bytes" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(sort: bool, duplicates: Duplicates, row: &[(u32, f32)]) -> std::result::Result<Vec<(u32, f32)>, Fault> {
        let (mut indices, mut values): (Vec<u32>, Vec<f32>) = [(9, 9.0)].iter().chain(row).copied().unzip();
        settle(&mut indices, &mut values, 1, &SparseOptions { sort, duplicates, ..SparseOptions::default() })?;
        Ok(indices.into_iter().zip(values).skip(1).collect())
    }

    #[test]
    fn case_3_and_4_rows_are_settled_only_as_the_options_say() {
        use Duplicates::{Last, Refuse, Sum};
        assert_eq!(settled(false, Refuse, &[(1, 1.0), (4, 2.0)]).unwrap(), [(1, 1.0), (4, 2.0)]);
        assert_eq!(settled(false, Sum, &[(4, 1.0), (1, 2.0)]), Err(Fault::Unsorted { at: 1, before: 4 }));
        assert_eq!(settled(true, Refuse, &[(4, 1.0), (1, 2.0)]).unwrap(), [(1, 2.0), (4, 1.0)]);
        assert_eq!(settled(true, Refuse, &[(4, 1.0), (1, 2.0), (4, 3.0)]), Err(Fault::Duplicate { index: 4 }));
        assert_eq!(settled(false, Sum, &[(1, 1.0), (1, 2.0), (5, 1.0)]).unwrap(), [(1, 3.0), (5, 1.0)]);
        assert_eq!(settled(true, Last, &[(4, 1.0), (1, 2.0), (4, 3.0)]).unwrap(), [(1, 2.0), (4, 3.0)]);
        assert_eq!(settled(false, Last, &[(1, 1.0), (1, 2.0), (0, 1.0)]), Err(Fault::Unsorted { at: 2, before: 1 }));
    }
}
