//! What can be wrong with data.

mod place;

pub use place::{At, Place};

use std::path::PathBuf;

/// Data could not be read, or cannot be learned from.
///
/// Messages begin with where, then say what was found, what was expected, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{place}: {source}; {fix}")]
    Io {
        /// Which file.
        place: Place,
        /// What the operating system said.
        source: std::io::Error,
        /// What to do.
        fix: &'static str,
    },
    /// The file changed its length while it was read.
    #[error(
        "{place}: {found} bytes where {expected} were there when it was opened; it changed while it was read: wait until it is written, or copy it first"
    )]
    Changed {
        /// Which file.
        place: Place,
        /// Bytes found.
        found: u64,
        /// Its length when it was opened.
        expected: u64,
    },
    /// Compressed bytes do not decompress.
    #[error("{place}: broken {format} data ({reason}); expected a whole {format} file: fetch or compress it again")]
    Compression {
        /// How far decompression came.
        place: Place,
        /// `gzip` or `zstd`.
        format: &'static str,
        /// What the decompressor said.
        reason: String,
    },
    /// A limit was reached.
    #[error("{place}: {what} is past the limit of {limit}; if that is meant, raise `Limits::{option}`")]
    Limit {
        /// Where it was reached.
        place: Place,
        /// What grew past the limit.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// The field of [`Limits`](crate::Limits).
        option: &'static str,
    },
    /// A file of a kind that is known, and not read.
    #[error(
        "{place}: this is {found}; expected IDX, NumPy, MatrixMarket, svmlight, CSV or TSV, plain or compressed with gzip or zstd: {fix}"
    )]
    Foreign {
        /// Which file.
        place: Place,
        /// What it is.
        found: &'static str,
        /// What to do.
        fix: &'static str,
    },
    /// A file of no known kind.
    #[error(
        "{place}: begins with {found}; expected IDX (two zero bytes), NumPy (.npy, .npz), or text (MatrixMarket, svmlight, CSV, TSV), plain or compressed with gzip or zstd"
    )]
    UnknownFormat {
        /// Which file.
        place: Place,
        /// Its first bytes.
        found: String,
    },
    /// The first four bytes of an IDX file are not an IDX magic number.
    #[error(
        "{place}: magic {found}; expected 00 00, a type code (08 u8, 09 i8, 0b i16, 0c i32, 0d f32, 0e f64) and 1 or more dimensions: is it an IDX file?"
    )]
    Magic {
        /// Which file.
        place: Place,
        /// The bytes found.
        found: String,
    },
    /// The dimensions of an IDX file multiply to more bytes than there can be.
    #[error(
        "{place}: dimensions {dims:?} of {width}-byte values overflow; the header is damaged: fetch the file again"
    )]
    Overflow {
        /// The dimensions in the header.
        place: Place,
        /// The dimensions.
        dims: Vec<usize>,
        /// Bytes a value.
        width: usize,
    },
    /// The file ends too early.
    #[error("{place}: the file ends here; expected {expected} bytes of {what}: it is cut short, fetch it again")]
    Truncated {
        /// Where it ends.
        place: Place,
        /// What was being read.
        what: &'static str,
        /// How many bytes that should be.
        expected: u64,
    },
    /// The file goes on after its last value.
    #[error(
        "{place}: more bytes follow; expected the end, as the header's dimensions are {dims:?}: fetch the file again"
    )]
    Trailing {
        /// Where it should end.
        place: Place,
        /// The dimensions.
        dims: Vec<usize>,
    },
    /// An IDX file holds something else than was asked for.
    #[error("{place}: dimensions {dims:?}; expected {expected}")]
    Dimensions {
        /// Which file.
        place: Place,
        /// The dimensions found.
        dims: Vec<usize>,
        /// What was expected, and what to do.
        expected: &'static str,
    },
    /// A row has too few or too many fields.
    #[error("{place}: {found} fields; expected {expected}, as in line {first}: mend the line, or give the delimiter")]
    Ragged {
        /// The line.
        place: Place,
        /// Its number of fields.
        found: usize,
        /// The number of fields of the first row.
        expected: usize,
        /// The line of the first row.
        first: u64,
    },
    /// A quote is opened and never closed.
    #[error(
        "{place}: a quote is opened here; expected its closing quote before {end}: close it, or double a quote inside a field"
    )]
    UnclosedQuote {
        /// The line of the opening quote.
        place: Place,
        /// Where the search ended.
        end: &'static str,
    },
    /// Text goes on after the quote that closes a field.
    #[error(
        "{place}: text follows a closing quote; expected the delimiter or the end of the line: double a quote inside a field"
    )]
    StrayQuote {
        /// The line.
        place: Place,
    },
    /// Bytes that are not text.
    #[error("{place}: found {found}; expected text in UTF-8: save the file as UTF-8")]
    NotText {
        /// Where.
        place: Place,
        /// What stands there.
        found: &'static str,
    },
    /// An empty cell.
    #[error("{place}: the cell is empty; expected {expected}: fill it in, or drop the row or column")]
    EmptyCell {
        /// The cell.
        place: Place,
        /// `a number` or `a label`.
        expected: &'static str,
    },
    /// Text stands where a number belongs.
    #[error("{place}: {found:?} is not a number{guess}; {fix}")]
    NotNumber {
        /// The cell.
        place: Place,
        /// The text found, shortened.
        found: String,
        /// What it may be.
        guess: &'static str,
        /// What to do.
        fix: &'static str,
    },
    /// A cell that is `nan`, infinite, or past what 32-bit floats hold.
    #[error("{place}: {found:?} is {why}; expected a finite number: remove or replace it")]
    NotFinite {
        /// The cell.
        place: Place,
        /// The text found.
        found: String,
        /// In what way it is not finite.
        why: &'static str,
    },
    /// The first row may be a header or data.
    #[error(
        "{place}: {found:?} stands above the number {below:?}, beside numbers; say whether the first row is a header (`header`)"
    )]
    Header {
        /// The cell in the first row.
        place: Place,
        /// The text found.
        found: String,
        /// The number in the row below.
        below: String,
    },
    /// Numbers and text are mixed in the label column.
    #[error(
        "{place}: label {found:?} beside {others}; expected one kind: mend it, or say that labels are classes (`task`)"
    )]
    MixedLabels {
        /// The cell.
        place: Place,
        /// The label found.
        found: String,
        /// What the labels before it are.
        others: &'static str,
    },
    /// There is no such label column.
    #[error("{place}: no label column {wanted}; {found}")]
    LabelColumn {
        /// Which file.
        place: Place,
        /// The column asked for.
        wanted: String,
        /// The columns that there are.
        found: String,
    },
    /// A file without rows, or without columns.
    #[error("{place}: no {what}; expected at least one{hint}")]
    Empty {
        /// Which file or data set.
        place: Place,
        /// `rows`, `columns` or `target columns`.
        what: &'static str,
        /// What the reason may be.
        hint: &'static str,
    },
    /// Two parts of a data set have different lengths.
    #[error("{place}: {found} {what}; expected {expected}, one a row")]
    Length {
        /// Which data set.
        place: Place,
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many rows there are.
        expected: usize,
    },
    /// Two counts disagree.
    #[error("{place}: {found} {what}; expected {expected}, one for each {each}")]
    Count {
        /// Which data set.
        place: Place,
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
        /// What there should be one for.
        each: &'static str,
    },
    /// Bytes that break the rules of their format.
    #[error("{place}: {found}; expected {expected}")]
    Malformed {
        /// Where.
        place: Place,
        /// What stands there.
        found: String,
        /// What belongs there, and what to do.
        expected: &'static str,
    },
    /// A file that keeps the rules of its format, but holds what is not read.
    #[error("{place}: {found}; this is not read: {fix}")]
    Unsupported {
        /// Where.
        place: Place,
        /// What it holds.
        found: String,
        /// What to do.
        fix: &'static str,
    },
    /// The index of a feature, row or column that cannot be.
    #[error("{place}: {axis} {found}; expected {expected}")]
    Index {
        /// Where.
        place: Place,
        /// `feature index`, `row` or `column`.
        axis: &'static str,
        /// The index.
        found: String,
        /// What it may be, and what to do.
        expected: Box<str>,
    },
    /// The same place of a matrix is given twice.
    #[error(
        "{place}: {axis} {index} is given twice in one row; expected it once: mend the file, or set duplicates to sum or last"
    )]
    Duplicate {
        /// Where.
        place: Place,
        /// `feature index` or `column`.
        axis: &'static str,
        /// The index, as the file counts.
        index: u64,
    },
    /// The entries of a row are not in rising order.
    #[error("{place}: {axis} {found} after {before}; expected rising order: sort the file, or set sort")]
    Unsorted {
        /// Where.
        place: Place,
        /// `feature index` or `column`.
        axis: &'static str,
        /// The index, as the file counts.
        found: u64,
        /// The one before it.
        before: u64,
    },
    /// A value that is not finite.
    #[error(
        "{place}: {what} of row {row}, column {column} (from 0) is {found}; expected a finite number: remove or replace it"
    )]
    NonFinite {
        /// Which data set.
        place: Place,
        /// `feature` or `target`.
        what: &'static str,
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// `NaN` or `inf`.
        found: f64,
    },
    /// A whole number that 32-bit floats cannot hold exactly.
    #[error(
        "{place}: value {index} (from 0) is {found}, with more digits than 32-bit floats hold; expected at most 16777216 in size: scale the values first"
    )]
    Inexact {
        /// Which file.
        place: Place,
        /// Its number, from 0.
        index: usize,
        /// The value.
        found: i64,
    },
    /// Fewer than two classes to tell apart.
    #[error("{place}: every row has the class {class:?}; expected at least 2 classes: is this the right label column?")]
    OneClass {
        /// Which data set.
        place: Place,
        /// The only class.
        class: String,
    },
    /// The data have no labels, and learning needs them.
    #[error("{place}: no labels; expected a class or a value for each row: name the label column or the labels file")]
    NoTarget {
        /// Which data set.
        place: Place,
    },
    /// Too many classes.
    #[error("{place}: {found} classes; expected at most {limit}: are these values, not classes (`task`)?")]
    TooManyClasses {
        /// Which data set.
        place: Place,
        /// Number of classes.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A class number past the last class.
    #[error("{place}: row {row} (from 0) has class {found}; expected less than {classes}, the number of class names")]
    ClassNumber {
        /// Which data set.
        place: Place,
        /// Row, from 0.
        row: usize,
        /// Its class.
        found: u32,
        /// Number of classes.
        classes: usize,
    },
    /// A label that was not there in training.
    #[error("{place}: label {found:?} is not one of the {known} classes that are known: {names}")]
    UnseenLabel {
        /// The cell or row.
        place: Place,
        /// The label.
        found: String,
        /// How many classes are known.
        known: usize,
        /// The first of them.
        names: String,
    },
    /// A row past the last.
    #[error("row {row}; expected less than {rows}: rows are counted from 0")]
    Row {
        /// The row asked for.
        row: usize,
        /// How many there are.
        rows: usize,
    },
    /// A factor to scale by that would lose the data.
    #[error("scaling by {factor}; expected a number that is finite and not 0")]
    Scaling {
        /// The factor given.
        factor: f32,
    },
    /// A split that cannot be.
    #[error("split: {found}; expected {expected}")]
    Split {
        /// What was asked for.
        found: String,
        /// What is possible.
        expected: &'static str,
    },
    /// No bundled data set has this name.
    #[error("{name:?} is not a bundled data set; there are: {known}")]
    UnknownName {
        /// The name asked for.
        name: String,
        /// Every bundled name.
        known: String,
    },
    /// The files of a bundled data set are nowhere.
    #[error("data set {name:?}: its files are in none of these places:\n{}\nset RAREFY_DATA to the folder that holds {name:?}", list(.looked))]
    NotFound {
        /// Its name.
        name: &'static str,
        /// Every folder looked in, and what it lacks.
        looked: Vec<(PathBuf, String)>,
    },
    /// Files under the name of a bundled data set hold something else.
    #[error(
        "data set {name:?}: {found} {what}; expected {expected}: other files have its names, put the right ones there"
    )]
    NotTheSet {
        /// The data set's name.
        name: &'static str,
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A matrix could not be made.
    #[error("{place}: {source}")]
    Matrix {
        /// Which data set.
        place: Place,
        /// Why.
        source: rarefy_core::Error,
    },
}

/// One line for each place looked in.
fn list(looked: &[(PathBuf, String)]) -> String {
    looked.iter().map(|(path, lacks)| format!("  {} ({lacks})", path.display())).collect::<Vec<_>>().join("\n")
}

/// A piece of text short enough for a message.
pub(crate) fn shorten(text: &[u8]) -> String {
    let whole = String::from_utf8_lossy(&text[..text.len().min(256)]);
    let mut short: String = whole.chars().take(40).collect();
    if short.len() < whole.len() || text.len() > 256 {
        short.push('…');
    }
    short
}

/// The result of reading or preparing data.
pub type Result<T> = std::result::Result<T, Error>;
