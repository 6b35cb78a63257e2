//! CSV and TSV: text tables, one sample a line.
//!
//! * The delimiter is found among tab, `;` and `,` unless it is given.
//! * The first row is a header if none of its fields is a number. A row in which text stands above a number *and* beside
//!   numbers is refused unless [`header`](CsvOptions::header) says what it is. (A header of numbers alone is taken for data.)
//! * One column is the label, see [`LabelColumn`]; all others are features and must be numbers, written with a point and without
//!   separators, whatever the locale: `4,5` and `1.234,5` are errors, not other numbers.
//! * Fields may be quoted; a quote inside is doubled; blank lines are skipped; lines end with LF or CRLF; a byte order mark is
//!   skipped.
//!
//! ```
//! use rarefy_data::{Limits, csv, csv::CsvOptions};
//! let data = csv::parse(b"length,width,kind\n5.1,3.5,setosa\n7,3.2,versicolor\n", "irises", &CsvOptions::default(), &Limits::default())?;
//! assert_eq!(data.feature_names, ["length", "width"]);
//! assert_eq!(data.class_names, ["setosa", "versicolor"]);
//! # Ok::<(), rarefy_data::Error>(())
//! ```

mod label;
mod sniff;
mod watch;
mod write;

pub use label::LabelColumn;
pub(crate) use write::shortest;
pub use write::{WriteOptions, write};

use std::io::BufRead;

use ::csv::ByteRecord;
use rarefy_core::matrix::Dense;

use crate::compression::{Limits, Source};
use crate::dataset::{Dataset, Features};
use crate::error::{At, Error, Place, Result, shorten};
use crate::labels::{Collector, Task};
use crate::number::{is_number, parse_f32};
use watch::Watch;

/// What is known about a text table before it is read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CsvOptions {
    /// The byte between fields; found from the content unless given.
    pub delimiter: Option<u8>,
    /// Whether the first row is a header; found from the content unless given.
    pub header: Option<bool>,
    /// Which column is the label.
    pub label: LabelColumn,
    /// What the labels are.
    pub task: Task,
    /// The classes of a trained model, if labels must be among them.
    pub classes: Option<Vec<String>>,
}

/// Reads a table from bytes in memory, decompressing them if need be.
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], name: &str, options: &CsvOptions, limits: &Limits) -> Result<Dataset> {
    read(Source::from_bytes(bytes, name, limits)?, options, limits)
}

/// Reads a table that takes up a whole stream.
///
/// # Errors
/// [`Error::NotNumber`], [`Error::NotFinite`], [`Error::EmptyCell`] and [`Error::MixedLabels`] with line and column;
/// [`Error::Ragged`], [`Error::UnclosedQuote`] (at the line that opens it), [`Error::StrayQuote`], [`Error::NotText`];
/// [`Error::Header`], [`Error::LabelColumn`], [`Error::Empty`]; [`Error::Limit`], and the errors of the stream itself.
pub fn read(mut source: Source<'_>, options: &CsvOptions, limits: &Limits) -> Result<Dataset> {
    let name = source.name().to_owned();
    if source.peek()?.starts_with(b"\xef\xbb\xbf") {
        source.consume(3);
    }
    let delimiter = match options.delimiter {
        Some(delimiter) => delimiter,
        None => sniff::delimiter(source.peek()?),
    };
    let reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .buffer_capacity(256 << 10)
        .from_reader(Watch::new(source, delimiter, limits.row_bytes));
    let mut rows = Rows { reader, name, record: ByteRecord::new(), first: None, columns_limit: limits.columns };

    let Some(line) = rows.next()? else {
        return Err(rows.empty("rows", "; the file is empty"));
    };
    let first = (line, rows.record.clone());
    let second = rows.next()?.map(|line| (line, rows.record.clone()));
    let is_header = match options.header {
        Some(is_header) => is_header,
        None => looks_like_header(&first.1, second.as_ref().map(|(_, row)| row), &rows.name, line)?,
    };
    let header = if is_header { Some(texts(&first.1, &rows.name, line)?) } else { None };
    let label = options.label.resolve(header.as_deref(), first.1.len(), &rows.name)?;

    let mut table = Table {
        values: Vec::new(),
        rows: 0,
        label,
        labels: Collector::new(options.task, options.classes.as_deref()),
        bytes_limit: limits.bytes,
    };
    if header.is_none() {
        table.push(&first.1, &rows.name, first.0)?;
    }
    if let Some((line, record)) = second {
        table.push(&record, &rows.name, line)?;
        while let Some(line) = rows.next()? {
            table.push(&rows.record, &rows.name, line)?;
        }
    }
    table.finish(header, first.1.len(), &rows)
}

/// The rows of a file, all of one length.
struct Rows<'a> {
    reader: ::csv::Reader<Watch<'a>>,
    name: String,
    record: ByteRecord,
    /// Line and length of the first row.
    first: Option<(u64, usize)>,
    columns_limit: usize,
}

impl Rows<'_> {
    /// Reads the next row into `record`; its line, or `None` at the end.
    fn next(&mut self) -> Result<Option<u64>> {
        let more = match self.reader.read_byte_record(&mut self.record) {
            Ok(more) => more,
            Err(e) => return Err(self.error(e)),
        };
        if !more {
            return Ok(None);
        }
        let line = self.reader.get_mut().row_line();
        let found = self.record.len();
        let place = || Place::new(&self.name, At::Line(line));
        let &mut (first, expected) = self.first.get_or_insert((line, found));
        if found > self.columns_limit {
            let limit = self.columns_limit as u64;
            return Err(Error::Limit { place: place(), what: "the number of columns", limit, option: "columns" });
        }
        if found == expected { Ok(Some(line)) } else { Err(Error::Ragged { place: place(), found, expected, first }) }
    }

    fn error(&self, error: ::csv::Error) -> Error {
        match error.into_kind() {
            ::csv::ErrorKind::Io(e) => self.reader.get_ref().error(e),
            other => Error::Io {
                place: Place::new(&self.name, At::File),
                source: std::io::Error::other(format!("{other:?}")),
                fix: "mend the file",
            },
        }
    }

    fn empty(&self, what: &'static str, hint: &'static str) -> Error {
        Error::Empty { place: Place::new(&self.name, At::File), what, hint }
    }
}

/// What has been read of a table.
struct Table {
    values: Vec<f32>,
    rows: usize,
    label: Option<usize>,
    labels: Collector,
    bytes_limit: u64,
}

impl Table {
    fn push(&mut self, record: &ByteRecord, name: &str, line: u64) -> Result<()> {
        let bytes = (self.values.len() + record.len()).saturating_mul(4) as u64;
        if bytes > self.bytes_limit {
            let (place, what) = (Place::new(name, At::Line(line)), "the matrix, in bytes,");
            return Err(Error::Limit { place, what, limit: self.bytes_limit, option: "bytes" });
        }
        self.values.try_reserve(record.len()).map_err(|_| {
            let bytes = self.values.len().saturating_mul(8);
            let source = rarefy_core::Error::Memory { what: "numbers of a text table", bytes };
            Error::Matrix { place: Place::new(name, At::Line(line)), source }
        })?;
        for (column, field) in record.iter().enumerate() {
            let place = || Place::new(name, At::Cell(line, column + 1));
            if self.label == Some(column) {
                let text = std::str::from_utf8(field)
                    .map_err(|_| Error::NotText { place: place(), found: "bytes that are not UTF-8" })?;
                self.labels.push(text, place)?;
            } else {
                self.values.push(parse_f32(field, place)?);
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn finish(self, header: Option<Vec<String>>, columns: usize, rows: &Rows<'_>) -> Result<Dataset> {
        if self.rows == 0 {
            return Err(rows.empty("rows", "; there is a header and nothing below it"));
        }
        let features = columns - usize::from(self.label.is_some());
        if features == 0 {
            return Err(rows.empty("columns", "; the only column is the label (is the delimiter right?)"));
        }
        let name = &rows.name;
        let values = Dense::new(self.rows, features, self.values)
            .map_err(|source| Error::Matrix { place: Place::new(name, At::File), source })?;
        let (target, class_names) = self.labels.finish(name)?;
        let mut data = Dataset::with_classes(name, Features::Dense(values), target, class_names)?;
        if let Some(mut names) = header {
            if let Some(label) = self.label {
                names.remove(label);
            }
            data.feature_names = names;
        }
        Ok(data)
    }
}

/// Whether the first row is a header: it holds no number. Refused if it holds both numbers and text above numbers.
fn looks_like_header(first: &ByteRecord, second: Option<&ByteRecord>, name: &str, line: u64) -> Result<bool> {
    if !first.iter().any(is_number) {
        return Ok(true);
    }
    let Some(second) = second else { return Ok(false) };
    // An empty cell above a number is a missing value, and refused as that.
    let text_above = |(_, (above, below)): &(usize, (&[u8], &[u8]))| {
        !above.trim_ascii().is_empty() && !is_number(above) && is_number(below)
    };
    match first.iter().zip(second.iter()).enumerate().find(text_above) {
        None => Ok(false),
        Some((column, (above, below))) => Err(Error::Header {
            place: Place::new(name, At::Cell(line, column + 1)),
            found: shorten(above),
            below: shorten(below),
        }),
    }
}

/// The fields of a header.
fn texts(record: &ByteRecord, name: &str, line: u64) -> Result<Vec<String>> {
    let text = |(column, field): (usize, &[u8])| match std::str::from_utf8(field) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(_) => {
            let place = Place::new(name, At::Cell(line, column + 1));
            Err(Error::NotText { place, found: "bytes that are not UTF-8" })
        }
    };
    record.iter().enumerate().map(text).collect()
}
