//! One line of svmlight data.

use super::Rows;
use crate::compression::Limits;
use crate::error::{At, Error, Place, Result, shorten};
use crate::number::{parse_f32, parse_nonfinite};
use crate::sparse::{self, Fault, FirstIndex, SparseOptions, settle};

/// A line without its end.
pub(super) struct Line<'a> {
    pub bytes: &'a str,
    pub name: &'a str,
    /// Its number, from 1.
    pub number: u64,
}

/// What belongs in every word but the label.
const PAIR: &str = "index:value, such as 3:0.5";

impl<'a> Line<'a> {
    /// A word of it.
    fn place(&self, column: usize) -> Place {
        Place::new(self.name, At::Cell(self.number, column))
    }

    /// Appends its row and returns its label, empty if it has none; `None` for a line without data.
    pub fn read(&self, rows: &mut Rows, options: &SparseOptions, limits: &Limits) -> Result<Option<&'a str>> {
        let data = self.bytes.split('#').next().unwrap_or_default();
        let mut words = data.split_ascii_whitespace().zip(1..).peekable();
        let Some(&(first, _)) = words.peek() else { return Ok(None) };
        let label = if first.contains(':') { "" } else { first };
        if !label.is_empty() {
            words.next();
        }
        let start = rows.indices.len();
        for (word, column) in words {
            self.pair(word, column, rows, options, limits)?;
        }
        sparse::check_entries(rows.indices.len(), limits, || self.place(1))?;
        settle(&mut rows.indices, &mut rows.values, start, options).map_err(|fault| self.fault(&fault))?;
        rows.drop_zeros(start);
        // Within `u32`, as has been checked.
        rows.indptr.push(rows.indices.len() as u32);
        Ok(Some(label))
    }

    /// Takes one word after the label.
    fn pair(&self, word: &str, column: usize, rows: &mut Rows, options: &SparseOptions, limits: &Limits) -> Result<()> {
        let malformed = || Error::Malformed {
            place: self.place(column),
            found: format!("{:?}", shorten(word.as_bytes())),
            expected: PAIR,
        };
        let (index, value) = word.split_once(':').ok_or_else(malformed)?;
        if index == "qid" {
            return value.parse::<u64>().map(drop).map_err(|_| malformed());
        }
        if index.is_empty() || value.is_empty() || value.contains(':') || !index.bytes().all(|b| b.is_ascii_digit()) {
            return Err(malformed());
        }
        let wrong = |expected: String| Error::Index {
            place: self.place(column),
            axis: "feature index",
            found: shorten(index.as_bytes()),
            expected: expected.into(),
        };
        let first = u64::from(options.first_index != FirstIndex::Zero);
        // With `Auto` the last of features counted from 1 passes here, and `Rows::shape` has the last word.
        // Whatever is believed, indices have 32 bits.
        let believed = options.features.unwrap_or(limits.max_features).min(u32::MAX as usize - 1) as u64;
        let largest = (believed + first).saturating_sub(1);
        let number = match index.parse::<u32>() {
            Ok(0) if options.first_index == FirstIndex::One => {
                return Err(wrong("1 or more, as the file is said to count from 1: is its first index 0?".to_owned()));
            }
            Ok(number) if u64::from(number) <= largest => number,
            _ if options.features.is_some() => {
                return Err(wrong(format!("at most {largest}, the number of features that there are")));
            }
            _ => {
                let (what, limit) = ("a feature index", believed);
                return Err(Error::Limit { place: self.place(column), what, limit, option: "max_features" });
            }
        };
        let value = if options.allow_nonfinite {
            parse_nonfinite(value.as_bytes(), || self.place(column))?
        } else {
            parse_f32(value.as_bytes(), || self.place(column))?
        };
        if number == 0 {
            rows.zero.get_or_insert(self.number);
        }
        if rows.largest.is_none_or(|(largest, _)| largest < number) {
            rows.largest = Some((number, self.number));
        }
        rows.indices.push(number);
        rows.values.push(value);
        Ok(())
    }

    /// The error of entries that are not in order.
    fn fault(&self, fault: &Fault) -> Error {
        let pairs = self.bytes.split('#').next().unwrap_or_default().split_ascii_whitespace().zip(1..);
        let mut indices =
            pairs.filter_map(|(word, column)| Some((word.split_once(':')?.0.parse::<u32>().ok()?, column)));
        match *fault {
            Fault::Unsorted { at, .. } => {
                let (found, column) = indices.nth(at).unwrap_or((0, 1));
                fault.error(self.place(column), "feature index", found, 0)
            }
            Fault::Duplicate { index } => {
                let column = indices.filter(|&(j, _)| j == index).nth(1).map_or(1, |(_, column)| column);
                fault.error(self.place(column), "feature index", index, 0)
            }
        }
    }
}
