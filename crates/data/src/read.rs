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
use crate::sparse::SparseOptions;
use crate::svmlight;

/// What is known about data before they are read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadOptions {
    /// How a text table is laid out; its `label`, `task` and `classes` go for IDX too.
    pub csv: CsvOptions,
    /// For an IDX file of pictures: the IDX file of their labels. Unless given, and unless `csv.label` is
    /// [`LabelColumn::None`], a file named alike is used if there is one: `train-labels-idx1-ubyte` for
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
/// [`Error::Foreign`] for a format that is known and not read (a pickle, a zip, an `.npy`); otherwise as [`csv::read`] and [`idx::read`].
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
    match head {
        [] => Err(Error::Empty { place: place(), what: "rows", hint: "; the file is empty" }),
        [0, 0, ..] => {
            let pictures = idx::read(source, &options.limits)?;
            let target = match labels {
                Some(path) => {
                    let mut source = Source::open(path, &options.limits)?;
                    let name = source.name().to_owned();
                    foreign::refuse(source.peek()?, &name)?;
                    read_labels(idx::read(source, &options.limits)?, &name, &options.csv)?
                }
                None => (Target::None, Vec::new()),
            };
            pictures_with(pictures, target, &name)
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
    if dims.len() < 2 {
        let expected = "2 or more: the samples, then the features of each (is this a file of labels?)";
        return Err(Error::Dimensions { place: place(), dims, expected });
    }
    let rows = dims[0];
    let cols = values.len().checked_div(rows).unwrap_or(0);
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
    let (target, class_names) = target;
    let mut data = Dataset::with_classes(name, features, target, class_names)?;
    if let [_, height, width] = dims[..] {
        data.image_shape = Some((height, width));
    }
    Ok(data)
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
