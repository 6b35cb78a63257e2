//! `.npz`: arrays by name in a zip archive, as `numpy.savez` and `scipy.sparse.save_npz` write them.
//!
//! A sparse matrix (csr, csc or coo; indices of 32 or 64 bits) becomes sparse features. Otherwise the features are the array named
//! `X`, `x`, `features` or `data`, or the only one, unless the reader is told its name. Labels are the array that the label column names, or `y`,
//! `labels`, `label` or `target`, whether beside a dense or a sparse matrix.

use std::io::{self, Write};

use rarefy_core::matrix::Csc;

use crate::compression::{Limits, Source};
use crate::csv::{CsvOptions, LabelColumn};
use crate::dataset::{Dataset, Features, Target};
use crate::error::{At, Error, Place, Result};
use crate::npy::{self, Array};
use crate::read::{array_with, labels_of};
use crate::sparse::{self, SparseOptions};
use crate::zip::{self, Archive};

const FEATURES: [&str; 4] = ["X", "x", "features", "data"];
/// What belongs into a file where an array is named.
const WANTED: &str = "an array of the name given by data.array (--array)";
const LABELS: [&str; 4] = ["y", "labels", "label", "target"];

/// Reads arrays from bytes in memory, decompressing them if need be.
///
/// # Errors
/// As [`read`].
pub fn parse(
    bytes: &[u8],
    name: &str,
    array: Option<&str>,
    csv: &CsvOptions,
    options: &SparseOptions,
    limits: &Limits,
) -> Result<Dataset> {
    read(Source::from_bytes(bytes, name, limits)?, array, csv, options, limits)
}

/// Reads arrays that take up a whole stream; `array` names that of the features. Of `csv` its `label`, `task` and `classes` count.
///
/// # Errors
/// As [`npy::read`], with the entry's name; [`Error::Malformed`] and [`Error::Compression`] for an archive that lies about its sizes;
/// [`Error::Matrix`] for sparse arrays that are no matrix; [`Error::LabelColumn`]; [`Error::Unsupported`] for other sparse formats.
pub fn read(
    source: Source<'_>,
    array: Option<&str>,
    csv: &CsvOptions,
    options: &SparseOptions,
    limits: &Limits,
) -> Result<Dataset> {
    let name = source.name().to_owned();
    let bytes = source.read_all()?;
    let file = Arrays { archive: Archive::open(&bytes, &name, limits)?, name: &name, limits };
    let label = file.label(csv)?.filter(|label| array != Some(&**label));
    let target = match &label {
        Some(label) => labels_of(&file.array(label)?, &file.entry(label), csv)?,
        None => (Target::None, Vec::new()),
    };
    if array.is_none() && file.has("format") {
        let features = Features::Sparse(file.sparse(options)?);
        return Ok(match options.allow_nonfinite {
            true => Dataset::unchecked(&name, features, target.0, target.1),
            false => Dataset::with_classes(&name, features, target.0, target.1)?,
        });
    }
    array_with(file.array(&file.features(array, label.as_deref())?)?, target, &name)
}

/// The labels in a file of their own: the array that the label column of `csv` names, or that is named as labels are, or the only one.
///
/// # Errors
/// As [`read`].
pub(crate) fn labels(source: Source<'_>, csv: &CsvOptions, limits: &Limits) -> Result<(Target, Vec<String>)> {
    let name = source.name().to_owned();
    let bytes = source.read_all()?;
    let file = Arrays { archive: Archive::open(&bytes, &name, limits)?, name: &name, limits };
    let label = match (file.label(csv)?, &file.names().collect::<Vec<_>>()[..]) {
        (Some(label), _) => label,
        (None, [only]) => (*only).to_owned(),
        (None, _) => {
            let expected =
                "one array of labels, or one named y, labels, label or target: name it by data.label (--label)";
            return Err(Error::Malformed { place: Place::new(&name, At::File), found: file.list(), expected });
        }
    };
    labels_of(&file.array(&label)?, &file.entry(&label), csv)
}

/// The arrays of a file.
struct Arrays<'a> {
    archive: Archive<'a>,
    name: &'a str,
    limits: &'a Limits,
}

impl Arrays<'_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.archive.names().filter_map(|name| name.strip_suffix(".npy"))
    }

    fn has(&self, name: &str) -> bool {
        self.names().any(|found| found == name)
    }

    fn list(&self) -> String {
        let names: Vec<&str> = self.names().take(20).collect();
        if names.is_empty() { "no arrays".to_owned() } else { format!("the arrays {}", names.join(", ")) }
    }

    /// What an array is called in messages.
    fn entry(&self, name: &str) -> String {
        format!("{}: {name}.npy", self.name)
    }

    fn array(&self, name: &str) -> Result<Array> {
        let entry = self.entry(name);
        let length = |head: &[u8]| npy::whole_length(head, &entry, self.limits);
        match self.archive.read(&format!("{name}.npy"), npy::LONGEST_HEADER, length)? {
            Some(bytes) => npy::from_bytes(bytes, &entry, self.limits),
            None => {
                let found = format!("no array {name:?} ({})", self.list());
                let expected = "the arrays of numpy.savez or scipy.sparse.save_npz";
                Err(Error::Malformed { place: Place::new(self.name, At::File), found, expected })
            }
        }
    }

    /// The name of the array of labels, if there is one.
    fn label(&self, csv: &CsvOptions) -> Result<Option<String>> {
        match &csv.label {
            LabelColumn::None => Ok(None),
            LabelColumn::Beside { trained, .. } => Ok(match &**trained {
                LabelColumn::Name(label) if self.has(label) => Some(label.clone()),
                _ => self.usual_label(),
            }),
            LabelColumn::Name(label) if self.has(label) => Ok(Some(label.clone())),
            LabelColumn::Name(label) => {
                let (wanted, found) = (format!("{label:?}"), format!("it holds {}", self.list()));
                Err(Error::LabelColumn { place: Place::new(self.name, At::File), wanted, found })
            }
            LabelColumn::Auto | LabelColumn::Last | LabelColumn::Number(_) => Ok(self.usual_label()),
        }
    }

    /// An array that is named as labels usually are.
    fn usual_label(&self) -> Option<String> {
        LABELS.iter().find(|label| self.has(label)).map(|label| (*label).to_owned())
    }

    /// The name of the array of features.
    fn features(&self, wanted: Option<&str>, label: Option<&str>) -> Result<String> {
        if let Some(wanted) = wanted {
            return match self.has(wanted) {
                true => Ok(wanted.to_owned()),
                false => {
                    let (found, expected) = (format!("no array {wanted:?} ({})", self.list()), WANTED);
                    Err(Error::Malformed { place: Place::new(self.name, At::File), found, expected })
                }
            };
        }
        if let Some(name) = FEATURES.iter().find(|name| self.has(name) && label != Some(**name)) {
            return Ok((*name).to_owned());
        }
        let mut others = self.names().filter(|name| Some(*name) != label && !LABELS.contains(name));
        match (others.next(), others.next()) {
            (Some(name), None) => Ok(name.to_owned()),
            _ => {
                let expected =
                    "one array of features, or one named X, x, features or data: name it by data.array (--array)";
                Err(Error::Malformed { place: Place::new(self.name, At::File), found: self.list(), expected })
            }
        }
    }

    /// The sparse matrix.
    fn sparse(&self, options: &SparseOptions) -> Result<rarefy_core::matrix::Csr<f32>> {
        let place = Place::new(self.name, At::File);
        let matrix = |source| Error::Matrix { place: place.clone(), source };
        let format = self.array("format")?.texts().unwrap_or_default().concat();
        let shape = self.array("shape")?;
        let dims = shape.numbers().map(|n| n.collect::<Vec<_>>()).unwrap_or_default();
        let &[npy::Number::Whole(rows), npy::Number::Whole(cols)] = &dims[..] else {
            let found = format!("a shape of {} numbers", dims.len());
            return Err(Error::Malformed { place, found, expected: "rows and columns" });
        };
        let past = |n: i128| {
            u64::try_from(n).map_err(|_| {
                let (axis, found) = ("dimension", n.to_string());
                Error::Index { place: place.clone(), axis, found, expected: "0 or more".into() }
            })
        };
        let shape = sparse::check_shape(past(rows)?, past(cols)?, self.limits, &place)?;
        let indices = |name: &str| self.array(name)?.to_u32(&self.entry(name));
        let values = self.array("data")?.to_f32(&self.entry("data"))?;
        match &format[..] {
            "csr" => sparse::csr(shape, indices("indptr")?, indices("indices")?, values, options, &place),
            "csc" => {
                // Rows of the transpose.
                let turned =
                    sparse::csr((shape.1, shape.0), indices("indptr")?, indices("indices")?, values, options, &place)?;
                let by_column: Csc<f32> = turned.into_transpose();
                by_column.to_csr().map_err(matrix)
            }
            "coo" => {
                let (rows, cols) = (indices("row")?, indices("col")?);
                for (what, found) in [("rows", rows.len()), ("columns", cols.len())] {
                    if found != values.len() {
                        let (each, expected) = ("value", values.len());
                        return Err(Error::Count { place, what, found, expected, each });
                    }
                }
                let entries: Vec<(u32, u32, f32)> =
                    rows.into_iter().zip(cols).zip(values).map(|((i, j), v)| (i, j, v)).collect();
                let outside = |&&(i, j, _): &&(u32, u32, f32)| i as usize >= shape.0 || j as usize >= shape.1;
                if let Some((i, j, _)) = entries.iter().find(outside) {
                    let expected = format!("a place inside {} × {}", shape.0, shape.1).into();
                    return Err(Error::Index { place, axis: "entry", found: format!("({i}, {j})"), expected });
                }
                sparse::from_entries(shape, &entries, options, &place)
            }
            _ => {
                let found = format!("a sparse matrix of format {format:?}");
                Err(Error::Unsupported { place, found, fix: "save it as csr: scipy.sparse.save_npz(path, A.tocsr())" })
            }
        }
    }
}

/// Writes a data set: sparse features as `scipy.sparse.save_npz` does, others as `X`; the target as `y`.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::InvalidInput`] for a target of sets of classes, and past 4 GiB.
pub fn write(out: impl Write, data: &Dataset) -> io::Result<()> {
    let unfit = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, why.to_owned());
    let whole = |array: Option<Array>| array.ok_or_else(|| unfit("an array that does not fit its dimensions"));
    let (rows, cols) = (data.rows(), data.cols());
    let mut arrays: Vec<(&str, Array)> = Vec::new();
    match &data.features {
        Features::Sparse(m) => {
            let index = |indices: &[u32]| whole(Array::from_i64(&[indices.len()], indices.iter().map(|&i| i.into())));
            arrays.push(("format", Array::from_text(&["csr"])));
            arrays.push(("shape", whole(Array::from_i64(&[2], [rows as i64, cols as i64].into_iter()))?));
            arrays.push(("indptr", index(m.indptr())?));
            arrays.push(("indices", index(m.indices())?));
            arrays.push(("data", whole(Array::from_f32(&[m.nnz()], m.values()))?));
        }
        Features::Dense(m) => arrays.push(("X", whole(Array::from_f32(&[rows, cols], m.data()))?)),
        Features::Bytes(m) => arrays.push(("X", whole(Array::from_u8(&[rows, cols], m.data()))?)),
    }
    match &data.target {
        Target::Classes(classes) => {
            let names: Vec<&str> = classes.iter().map(|&class| &*data.class_names[class as usize]).collect();
            arrays.push(("y", Array::from_text(&names)));
        }
        Target::Values(m) => arrays.push(("y", whole(Array::from_f32(&[rows, m.cols()], m.data()))?)),
        Target::Labels(_) => return Err(unfit("sets of classes: write svmlight")),
        Target::None => {}
    }
    let mut files = Vec::new();
    for (name, array) in arrays {
        let mut bytes = Vec::new();
        npy::write(&mut bytes, &array)?;
        files.push((format!("{name}.npy"), bytes));
    }
    zip::write(out, &files)
}
