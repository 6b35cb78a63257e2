//! svmlight, also called libsvm: sparse data as text, one sample a line.
//!
//! `LABEL [qid:N] INDEX:VALUE INDEX:VALUE … [# comment]`, with spaces or tabs between.
//!
//! * Indices count from 0 or from 1; see [`FirstIndex`]. They rise within a line unless [`SparseOptions::sort`] is set, and none
//!   comes twice unless [`SparseOptions::duplicates`] allows it.
//! * A label is a number or a word. With commas it is a set of classes (`1,5,7 3:1.0`), and then a line may begin with its first
//!   feature, which is an empty set.
//! * `qid:` (groups of ranking) is read and left aside. Blank lines and lines of comment are skipped; lines end with LF or CRLF; a
//!   byte order mark is skipped. A value of 0 is not stored.
//!
//! Memory follows the entries that are there, never the largest index.
//!
//! ```
//! use rarefy_data::{Features, Limits, SparseOptions, csv::CsvOptions, svmlight};
//! let data = svmlight::parse(b"spam 1:0.5 7:2\nham 3:1\n", "mail", &CsvOptions::default(), &SparseOptions::default(), &Limits::default())?;
//! let Features::Sparse(x) = &data.features else { unreachable!() };
//! assert_eq!((x.rows(), x.cols(), x.nnz()), (2, 7, 3));
//! assert_eq!(data.class_names, ["ham", "spam"]);
//! # Ok::<(), rarefy_data::Error>(())
//! ```

mod line;
mod write;

pub use write::write;

use rarefy_core::matrix::Csr;

use crate::compression::{Limits, Source};
use crate::csv::CsvOptions;
use crate::dataset::{Dataset, Features};
use crate::error::{At, Error, Place, Result};
use crate::lines::{Lines, skip_mark};
use crate::sparse::{FirstIndex, SparseOptions};
use crate::texts::Texts;
use line::Line;

/// Reads svmlight data from bytes in memory, decompressing them if need be. Of `csv` its `label`, `task` and `classes` count.
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], name: &str, csv: &CsvOptions, sparse: &SparseOptions, limits: &Limits) -> Result<Dataset> {
    read(Source::from_bytes(bytes, name, limits)?, csv, sparse, limits)
}

/// Reads svmlight data that take up a whole stream.
///
/// # Errors
/// [`Error::Malformed`], [`Error::NotNumber`], [`Error::NotFinite`], [`Error::Index`], [`Error::Unsorted`], [`Error::Duplicate`] with line
/// and column (words counted from 1, the label among them); [`Error::NotText`] with the byte; [`Error::EmptyCell`] for a missing
/// label; [`Error::Empty`], [`Error::Limit`], and the errors of the stream itself.
pub fn read(mut source: Source<'_>, csv: &CsvOptions, options: &SparseOptions, limits: &Limits) -> Result<Dataset> {
    let name = source.name().to_owned();
    skip_mark(&mut source)?;
    let mut rows = Rows { indptr: vec![0], ..Rows::default() };
    let mut labels = Texts::default();
    let mut lines = Lines::new(source, limits);
    while let Some((number, bytes)) = lines.next()? {
        let line = Line { bytes, name: &name, number };
        if let Some(label) = line.read(&mut rows, options, limits)? {
            labels.push(label, number);
        }
    }
    rows.finish(&name, labels, csv, options)
}

/// The rows read so far; indices as the file has them.
#[derive(Default)]
struct Rows {
    indptr: Vec<u32>,
    indices: Vec<u32>,
    values: Vec<f32>,
    /// The largest index and its line.
    largest: Option<(u32, u64)>,
    /// The first line with an index 0.
    zero: Option<u64>,
}

impl Rows {
    /// Leaves out the zeros from entry `start` on.
    fn drop_zeros(&mut self, start: usize) {
        let mut kept = start;
        for at in start..self.indices.len() {
            (self.indices[kept], self.values[kept]) = (self.indices[at], self.values[at]);
            kept += usize::from(self.values[at] != 0.0);
        }
        self.indices.truncate(kept);
        self.values.truncate(kept);
    }

    /// What the first feature is called, and how many there are.
    fn shape(&self, name: &str, options: &SparseOptions) -> Result<(u8, usize)> {
        let (largest, line) = self.largest.unwrap_or((0, 0));
        let first = match options.first_index {
            FirstIndex::Zero => 0,
            FirstIndex::One => 1,
            FirstIndex::Auto => u8::from(self.zero.is_none()),
        };
        let found = if self.largest.is_none() { 0 } else { largest as usize + 1 - usize::from(first) };
        match options.features {
            Some(features) if found > features => {
                let expected = format!(
                    "at most {}, as there are {features} features counted from {first}",
                    features.saturating_add(usize::from(first)).saturating_sub(1)
                );
                let place = Place::new(name, At::Line(line));
                Err(Error::Index {
                    place,
                    axis: "feature index",
                    found: largest.to_string(),
                    expected: expected.into(),
                })
            }
            Some(features) => Ok((first, features)),
            None => Ok((first, found)),
        }
    }

    fn finish(mut self, name: &str, labels: Texts, csv: &CsvOptions, options: &SparseOptions) -> Result<Dataset> {
        let place = || Place::new(name, At::File);
        let rows = self.indptr.len() - 1;
        if rows == 0 {
            return Err(Error::Empty { place: place(), what: "rows", hint: "; the file holds no line with data" });
        }
        let (first, cols) = self.shape(name, options)?;
        if cols == 0 {
            return Err(Error::Empty { place: place(), what: "columns", hint: "; no line has an index:value pair" });
        }
        if first == 1 {
            self.indices.iter_mut().for_each(|index| *index -= 1);
        }
        let features = Csr::new(rows, cols, self.indptr, self.indices, self.values)
            .map_err(|source| Error::Matrix { place: place(), source })?;
        let (target, class_names) = labels.finish(name, csv)?;
        let features = Features::Sparse(features);
        let mut data = if options.allow_nonfinite {
            Dataset::unchecked(name, features, target, class_names)
        } else {
            Dataset::with_classes(name, features, target, class_names)?
        };
        data.first_index = Some(first);
        Ok(data)
    }
}

/// Whether these may be the first bytes of svmlight data: after an optional label, words with a colon only, one of them after an
/// index.
pub(crate) fn is_svmlight(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    for line in head.split(|&b| b == b'\n').take(1000) {
        let line = &line[..line.len().min(4096)];
        let line = line.split(|&b| b == b'#').next().unwrap_or(&[]);
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).enumerate();
        let is_index = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_digit) || word == b"qid";
        let (mut pairs, mut any) = (0, false);
        let only_pairs = words.all(|(at, word)| {
            any = true;
            let mut parts = word.splitn(2, |&b| b == b':');
            let (index, value) = (parts.next().unwrap_or(&[]), parts.next());
            pairs += usize::from(value.is_some_and(|value| is_index(index) && !value.contains(&b',')));
            at == 0 && value.is_none() || value.is_some()
        });
        if !only_pairs {
            return false;
        }
        if pairs > 0 {
            return true;
        }
        // A line of a label alone is a row of zeros; what follows tells.
        if any && line.contains(&b':') {
            return false;
        }
    }
    false
}
