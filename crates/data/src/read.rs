//! Reading a file of any format.

use std::path::{Path, PathBuf};

use rarefy_core::matrix::Dense;

use crate::compression::{Limits, Source};
use crate::csv::{self, CsvOptions, LabelColumn};
use crate::dataset::{Dataset, Features, Target};
use crate::error::{At, Error, Place, Result};
use crate::foreign;
use crate::idx::{self, Values};
use crate::labels::Collector;
use crate::lines::{Lines, skip_mark};
use crate::sparse::SparseOptions;
use crate::texts::Texts;
use crate::{matrix_market, npy, npz, svmlight, zip};

/// What is known about data before they are read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadOptions {
    /// How a text table is laid out; its `label`, `task` and `classes` go for IDX too.
    pub csv: CsvOptions,
    /// The name of the array of features in an `.npz`; found unless given.
    pub array: Option<String>,
    /// For files without labels of their own (IDX, `.npy`, MatrixMarket) the file of their labels, one for each row: IDX, `.npy`, `.npz`
    /// (the array that `csv.label` names, or that is named as labels are), or text with one a line. It comes before labels inside of an `.npz`. Unless given, and unless `csv.label` is
    /// [`LabelColumn::None`], for an IDX file of pictures a file named alike is used if there is one: `train-labels-idx1-ubyte` for
    /// `train-images-idx3-ubyte`, with or without `.gz` and `.zst`.
    pub labels: Option<PathBuf>,
    /// How sparse formats are read.
    pub sparse: SparseOptions,
    /// How much may be read.
    pub limits: Limits,
}

/// Reads a file. Its format is found from its content, not its name.
///
/// # Errors
/// [`Error::Foreign`] for a format that is known and not read (a pickle, a picture); otherwise as the `read` of the format's module.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Dataset> {
    let source = Source::open(path, &options.limits)?;
    let labels = match &options.labels {
        Some(labels) => Some(labels.clone()),
        None if options.csv.label == LabelColumn::None => None,
        None => labels_beside(path),
    };
    from_source(source, labels.as_deref(), options)
}

/// Reads bytes in memory, as [`read`] does a file; `name` stands for the path in messages.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(bytes: &[u8], name: &str, options: &ReadOptions) -> Result<Dataset> {
    from_source(Source::from_bytes(bytes, name, &options.limits)?, options.labels.as_deref(), options)
}

fn from_source(mut source: Source<'_>, labels: Option<&Path>, options: &ReadOptions) -> Result<Dataset> {
    let name = source.name().to_owned();
    let place = || Place::new(&name, At::File);
    let head = source.peek()?;
    foreign::refuse(head, &name)?;
    let from_file = |target: Option<&Path>| match target {
        Some(path) => labels_file(path, options),
        None => Ok((Target::None, Vec::new())),
    };
    let head = &head[head.strip_prefix(b"\xef\xbb\xbf").map_or(0, |_| 3)..];
    match head {
        [] => Err(Error::Empty { place: place(), what: "rows", hint: "; the file is empty" }),
        [0, 0, ..] => {
            let pictures = idx::read(source, &options.limits)?;
            let target = from_file(labels)?;
            pictures_with(pictures, target, &name)
        }
        _ if head.starts_with(npy::MAGIC) => {
            let array = npy::read(source, &options.limits)?;
            array_with(array, from_file(options.labels.as_deref())?, &name)
        }
        _ if head.starts_with(zip::MAGIC) => {
            let labels = options.labels.as_deref();
            let label = if labels.is_some() { LabelColumn::None } else { options.csv.label.clone() };
            let csv = CsvOptions { label, ..options.csv.clone() };
            let mut data = npz::read(source, options.array.as_deref(), &csv, &options.sparse, &options.limits)?;
            if labels.is_some() {
                (data.target, data.class_names) = from_file(labels)?;
                data.check()?;
            }
            Ok(data)
        }
        _ if head.len() >= matrix_market::MAGIC.len()
            && head[..matrix_market::MAGIC.len()].eq_ignore_ascii_case(matrix_market::MAGIC) =>
        {
            let features = matrix_market::read(source, &options.sparse, &options.limits)?;
            let (target, class_names) = from_file(options.labels.as_deref())?;
            if options.sparse.allow_nonfinite {
                return Ok(Dataset::unchecked(&name, features, target, class_names));
            }
            Dataset::with_classes(&name, features, target, class_names)
        }
        _ if svmlight::is_svmlight(head) => svmlight::read(source, &options.csv, &options.sparse, &options.limits),
        _ if is_text(head) => csv::read(source, &options.csv, &options.limits),
        _ => {
            let found = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
            Err(Error::UnknownFormat { place: place(), found })
        }
    }
}

/// Whether these may be the first bytes of a text table: no control characters but tab and line ends on the first line.
fn is_text(head: &[u8]) -> bool {
    let line = head.split(|&b| b == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or(head);
    line.iter().take(4096).all(|&b| b >= b' ' && b != 0x7f || b == b'\t' || b == b'\r')
}

/// The labels in a file of their own.
fn labels_file(path: &Path, options: &ReadOptions) -> Result<(Target, Vec<String>)> {
    let mut source = Source::open(path, &options.limits)?;
    let name = source.name().to_owned();
    let head = source.peek()?;
    foreign::refuse(head, &name)?;
    if head.starts_with(&[0, 0]) {
        return read_labels(idx::read(source, &options.limits)?, &name, &options.csv);
    }
    if head.starts_with(npy::MAGIC) {
        return labels_of(&npy::read(source, &options.limits)?, &name, &options.csv);
    }
    if head.starts_with(zip::MAGIC) {
        return npz::labels(source, &options.csv, &options.limits);
    }
    let mut texts = Texts::default();
    skip_mark(&mut source)?;
    let mut lines = Lines::new(source, &options.limits);
    while let Some((number, line)) = lines.next()? {
        texts.push(line.trim_ascii(), number);
    }
    texts.finish(&name, &options.csv)
}

/// The target that an array stands for, and the class names: a label a row, or values if there are several columns.
pub(crate) fn labels_of(array: &npy::Array, name: &str, options: &CsvOptions) -> Result<(Target, Vec<String>)> {
    let place = || Place::new(name, At::File);
    match *array.dims() {
        [_] | [_, 1] => {
            let found = "text that is not UTF-8";
            let texts = array.texts().ok_or_else(|| Error::NotText { place: place(), found })?;
            let mut labels = Collector::new(options.task, options.classes.as_deref());
            for (row, text) in texts.iter().enumerate() {
                labels.push(text, || Place::new(&format!("{name}: row {row} (from 0)"), At::File))?;
            }
            labels.finish(name)
        }
        [rows, cols] => {
            let values = Dense::new(rows, cols, array.to_f32(name)?);
            Ok((Target::Values(values.map_err(|source| Error::Matrix { place: place(), source })?), Vec::new()))
        }
        ref dims => {
            let expected = "1 (a label for each sample) or 2 (values for each)";
            Err(Error::Dimensions { place: place(), dims: dims.to_vec(), expected })
        }
    }
}

/// A data set of an array, whose first dimension is the samples, and a target with its class names.
pub(crate) fn array_with(array: npy::Array, target: (Target, Vec<String>), name: &str) -> Result<Dataset> {
    let (dims, matrix_error) =
        (array.dims().to_vec(), |source| Error::Matrix { place: Place::new(name, At::File), source });
    let (rows, cols) = rows_and_cols(&dims, array.len(), name)?;
    let features = match array.to_u8() {
        Some(bytes) => Features::Bytes(Dense::new(rows, cols, bytes).map_err(matrix_error)?),
        None => Features::Dense(Dense::new(rows, cols, array.to_f32(name)?).map_err(matrix_error)?),
    };
    with_shape(features, &dims, target, name)
}

/// Samples and features of each, of an array of so many values.
fn rows_and_cols(dims: &[usize], values: usize, name: &str) -> Result<(usize, usize)> {
    if dims.len() < 2 {
        let expected = "2 or more: the samples, then the features of each (is this a file of labels?)";
        return Err(Error::Dimensions { place: Place::new(name, At::File), dims: dims.to_vec(), expected });
    }
    Ok((dims[0], values.checked_div(dims[0]).unwrap_or(0)))
}

/// A data set of features that were an array of these dimensions.
fn with_shape(features: Features, dims: &[usize], target: (Target, Vec<String>), name: &str) -> Result<Dataset> {
    let (target, class_names) = target;
    let mut data = Dataset::with_classes(name, features, target, class_names)?;
    if let [_, height, width] = dims[..] {
        data.image_shape = Some((height, width));
    }
    Ok(data)
}

/// The labels file that belongs to a file of pictures by its name, if it is there.
fn labels_beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(name);
    let labels = stem.replace("images", "labels").replace("idx3", "idx1");
    if labels == stem || !stem.contains("images") {
        return None;
    }
    let candidates = ["", ".gz", ".zst"].map(|suffix| path.with_file_name(format!("{labels}{suffix}")));
    candidates.into_iter().find(|candidate| candidate.is_file())
}

/// A data set of an IDX array, whose first dimension is the samples, and a target with its class names.
pub(crate) fn pictures_with(array: idx::Array, target: (Target, Vec<String>), name: &str) -> Result<Dataset> {
    let place = || Place::new(name, At::File);
    let (dims, values) = array.into_parts();
    let (rows, cols) = rows_and_cols(&dims, values.len(), name)?;
    let matrix_error = |source| Error::Matrix { place: place(), source };
    let floats = |values: Vec<f32>| Dense::new(rows, cols, values).map(Features::Dense).map_err(matrix_error);
    let features = match values {
        Values::U8(values) => Features::Bytes(Dense::new(rows, cols, values).map_err(matrix_error)?),
        Values::I8(values) => floats(values.into_iter().map(f32::from).collect())?,
        Values::I16(values) => floats(values.into_iter().map(f32::from).collect())?,
        Values::I32(values) => floats(exact(&values, name)?)?,
        Values::F32(values) => floats(values)?,
        Values::F64(values) => floats(values.into_iter().map(|v| v as f32).collect())?,
    };
    with_shape(features, &dims, target, name)
}

/// Integers as floats, refused where that changes them.
fn exact(values: &[i32], name: &str) -> Result<Vec<f32>> {
    match values.iter().position(|&v| (v as f32) as i64 != i64::from(v)) {
        None => Ok(values.iter().map(|&v| v as f32).collect()),
        Some(i) => {
            let place = Place::new(name, At::File);
            Err(Error::Inexact { place, index: i, found: values[i].into() })
        }
    }
}

/// The target that an IDX array of one dimension stands for, and the class names.
pub(crate) fn read_labels(array: idx::Array, name: &str, options: &CsvOptions) -> Result<(Target, Vec<String>)> {
    let (dims, values) = array.into_parts();
    if dims.len() != 1 {
        let expected = "1: a label for each sample";
        return Err(Error::Dimensions { place: Place::new(name, At::File), dims, expected });
    }
    let mut labels = Collector::new(options.task, options.classes.as_deref());
    let mut push =
        |row: usize, text: String| labels.push(&text, || Place::new(&format!("{name}: row {row} (from 0)"), At::File));
    let mut each =
        |texts: &mut dyn Iterator<Item = String>| texts.enumerate().try_for_each(|(row, text)| push(row, text));
    match &values {
        Values::U8(v) => each(&mut v.iter().map(u8::to_string))?,
        Values::I8(v) => each(&mut v.iter().map(i8::to_string))?,
        Values::I16(v) => each(&mut v.iter().map(i16::to_string))?,
        Values::I32(v) => each(&mut v.iter().map(i32::to_string))?,
        Values::F32(v) => each(&mut v.iter().map(f32::to_string))?,
        Values::F64(v) => each(&mut v.iter().map(f64::to_string))?,
    }
    labels.finish(name)
}
