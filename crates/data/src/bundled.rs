//! Data sets that come with Rarefy.
//!
//! `digits` and the four small tables of scikit-learn are inside the program. The files of `mnist` are looked for in this order, so that they are found from any working
//! directory of a program that was cloned or installed:
//! 1. `$RAREFY_DATA/mnist`;
//! 2. `data/mnist` in the working directory and each folder above it;
//! 3. beside the program, counted from its folder: `../share/rarefy/data`, `data`, `../data`, `../../data` and
//!    `../../../data` (build folders inside the clone), each with `/mnist`;
//! 4. `data/mnist` of the source tree that the program was built from.
//!
//! Nothing is fetched, and nothing is written: any number of programs may read at once.

use std::path::{Path, PathBuf};

use crate::compression::{Limits, Source};
use crate::csv::{self, CsvOptions, LabelColumn};
use crate::dataset::{Dataset, Target};
use crate::error::{Error, Result};
use crate::idx;
use crate::labels::Task;
use crate::read::{ReadOptions, pictures_with, read, read_labels};
use crate::scaling::Scaling;

/// A data set with the split that everybody uses.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundled {
    /// To learn from.
    pub train: Dataset,
    /// To be looked at once, at the end. Same classes as `train`.
    pub test: Dataset,
}

/// What is known about a bundled data set without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The name to load it by.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// Rows to train on.
    pub train_rows: usize,
    /// Rows to test on.
    pub test_rows: usize,
    /// Features.
    pub columns: usize,
    /// Classes; 0 if the target is values.
    pub classes: usize,
    /// Its licence.
    pub licence: &'static str,
    /// Who made it.
    pub source: &'static str,
    /// Where it is.
    pub place: Location,
}

/// Where a bundled data set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Inside the program.
    Program,
    /// In this folder.
    Folder(PathBuf),
    /// Nowhere.
    Missing,
}

/// A data set of the registry.
struct Entry {
    name: &'static str,
    title: &'static str,
    /// Training rows, test rows, columns, classes.
    shape: [usize; 4],
    licence: &'static str,
    source: &'static str,
    /// The files of a set that is not inside the program.
    files: &'static [&'static str],
    /// What is inside the program of a table.
    table: &'static [u8],
    load: fn(&Entry) -> Result<Bundled>,
}

/// Every bundled data set.
#[rustfmt::skip]
static REGISTRY: &[Entry] = &[
    Entry { name: "breast-cancer", title: "tumours, benign or malignant: 30 measures of cell nuclei", shape: [456, 113, 30, 2], licence: "BSD-3-Clause (scikit-learn)", source: "W. H. Wolberg, W. N. Street, O. L. Mangasarian: Breast Cancer Wisconsin (Diagnostic), UCI, 1995", files: &[], table: BREAST_CANCER, load: table },
    Entry { name: "diabetes", title: "progression of diabetes, a number: 10 measures of patients", shape: [354, 88, 10, 0], licence: "BSD-3-Clause (scikit-learn)", source: "B. Efron, T. Hastie, I. Johnstone, R. Tibshirani: Least angle regression, 2004", files: &[], table: DIABETES, load: table },
    Entry { name: "digits", title: "handwritten digits, 8×8 pixels of 0 to 16", shape: [1442, 355, 64, 10], licence: "BSD-3-Clause (scikit-learn)", source: "E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998", files: &[], table: &[], load: digits },
    Entry { name: "iris", title: "flowers of three species: 4 lengths", shape: [120, 30, 4, 3], licence: "BSD-3-Clause (scikit-learn)", source: "R. A. Fisher: The use of multiple measurements in taxonomic problems, 1936", files: &[], table: IRIS, load: table },
    Entry { name: "mnist", title: "handwritten digits, 28×28 pixels of 0 to 255", shape: [60_000, 10_000, 784, 10], licence: "CC BY-SA 3.0", source: "Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database of handwritten digits, 1998", files: &MNIST, table: &[], load: mnist },
    Entry { name: "wine", title: "wines of three cultivars: 13 chemical measures", shape: [144, 34, 13, 3], licence: "BSD-3-Clause (scikit-learn)", source: "M. Forina et al.: PARVUS, 1988; S. Aeberhard, D. Coomans, O. de Vel, 1992", files: &[], table: WINE, load: table },
];

/// The files of MNIST, each followed by `.gz` or not: pictures and labels to train on, pictures and labels to test on.
const MNIST: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

static BREAST_CANCER: &[u8] = include_bytes!("../../../data/breast-cancer/breast-cancer.csv.gz");
static DIABETES: &[u8] = include_bytes!("../../../data/diabetes/diabetes.csv.gz");
static IRIS: &[u8] = include_bytes!("../../../data/iris/iris.csv.gz");
static WINE: &[u8] = include_bytes!("../../../data/wine/wine.csv.gz");
static DIGITS_IMAGES: &[u8] = include_bytes!("../../../data/digits/digits-images-idx3-ubyte.gz");
static DIGITS_LABELS: &[u8] = include_bytes!("../../../data/digits/digits-labels-idx1-ubyte.gz");

/// Every bundled data set, and where it is.
pub fn datasets() -> Vec<Listing> {
    let listing = |entry: &Entry| {
        let [train_rows, test_rows, columns, classes] = entry.shape;
        let place = if entry.files.is_empty() {
            Location::Program
        } else {
            find(entry, &places()).map_or(Location::Missing, Location::Folder)
        };
        let &Entry { name, title, licence, source, .. } = entry;
        Listing { name, title, train_rows, test_rows, columns, classes, licence, source, place }
    };
    REGISTRY.iter().map(listing).collect()
}

/// Whether there is a bundled data set of this name.
pub fn is_bundled(name: &str) -> bool {
    REGISTRY.iter().any(|entry| entry.name == name)
}

/// Loads a bundled data set.
///
/// # Errors
/// [`Error::UnknownName`]; [`Error::NotFound`] with every place looked in; otherwise as [`read`].
pub fn load(name: &str) -> Result<Bundled> {
    match REGISTRY.iter().find(|entry| entry.name == name) {
        Some(entry) => (entry.load)(entry),
        None => {
            let known = REGISTRY.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ");
            Err(Error::UnknownName { name: name.to_owned(), known })
        }
    }
}

/// The 1797 digits of scikit-learn.
fn digits(entry: &Entry) -> Result<Bundled> {
    let limits = Limits::default();
    let name = entry.name;
    let images = idx::read(Source::from_bytes(DIGITS_IMAGES, name, &limits)?, &limits)?;
    let labels = idx::read(Source::from_bytes(DIGITS_LABELS, name, &limits)?, &limits)?;
    let mut all = pictures_with(images, read_labels(labels, name, &CsvOptions::default())?, name)?;
    all.scaling = Scaling::Factor(1.0 / 16.0);
    every_fifth(entry, &all)
}

/// A table with a header, its target in the last column.
fn table(entry: &Entry) -> Result<Bundled> {
    let task = if entry.shape[3] == 0 { Task::Values } else { Task::Classes };
    let options = CsvOptions { header: Some(true), label: LabelColumn::Last, task, ..CsvOptions::default() };
    let limits = Limits::default();
    every_fifth(entry, &csv::read(Source::from_bytes(entry.table, entry.name, &limits)?, &options, &limits)?)
}

/// Of each class (of all rows, if the target is values) the fifth, tenth, … sample is for testing: by no random number, so the split
/// is the same everywhere, and stratified.
fn every_fifth(entry: &Entry, all: &Dataset) -> Result<Bundled> {
    let mut seen = vec![0; all.classes().max(1)];
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for row in 0..all.rows() {
        let seen = match &all.target {
            Target::Classes(classes) => &mut seen[classes[row] as usize],
            _ => &mut seen[0],
        };
        *seen += 1;
        if *seen % 5 == 0 { test.push(row) } else { train.push(row) }
    }
    checked(entry, Bundled { train: all.select(&train)?, test: all.select(&test)? })
}

/// MNIST: both parts at once, as decompression takes most of the time.
fn mnist(entry: &Entry) -> Result<Bundled> {
    let folder = find(entry, &places()).map_err(|looked| Error::NotFound { name: entry.name, looked })?;
    let part = |images: &str, labels: &str| {
        let labels = Some(file_in(&folder, labels).unwrap_or_else(|| folder.join(labels)));
        let images = file_in(&folder, images).unwrap_or_else(|| folder.join(images));
        let mut data = read(&images, &ReadOptions { labels, ..ReadOptions::default() })?;
        data.name = entry.name.to_owned();
        Ok(data)
    };
    let (train, test) = std::thread::scope(|scope| {
        let test = std::thread::Builder::new().spawn_scoped(scope, || part(MNIST[2], MNIST[3]));
        let train = part(MNIST[0], MNIST[1]);
        // Without a second thread, and if it should have died, the test part is read here.
        let test = test.ok().and_then(|thread| thread.join().ok()).unwrap_or_else(|| part(MNIST[2], MNIST[3]));
        (train, test)
    });
    checked(entry, Bundled { train: train?, test: test? })
}

/// Holds a data set to its entry: another file under the right name is refused.
fn checked(entry: &Entry, mut bundled: Bundled) -> Result<Bundled> {
    let [train_rows, test_rows, columns, classes] = entry.shape;
    bundled.test = bundled.test.align_classes(&bundled.train.class_names)?;
    for (part, rows) in [(&bundled.train, train_rows), (&bundled.test, test_rows)] {
        for (what, found, expected) in
            [("rows", part.rows(), rows), ("columns", part.cols(), columns), ("classes", part.classes(), classes)]
        {
            if found != expected {
                return Err(Error::NotTheSet { name: entry.name, what, found, expected });
            }
        }
    }
    Ok(bundled)
}

/// The folders that may hold `NAME/` of a bundled data set, in the order of the module's documentation.
fn places() -> Vec<PathBuf> {
    let variable = std::env::var_os("RAREFY_DATA").filter(|value| !value.is_empty()).map(PathBuf::from);
    let program = std::env::current_exe().ok().and_then(|path| path.canonicalize().ok());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    places_from(variable, std::env::current_dir().ok().as_deref(), program.as_deref(), source)
}

fn places_from(
    variable: Option<PathBuf>,
    working: Option<&Path>,
    program: Option<&Path>,
    source: PathBuf,
) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = variable.into_iter().collect();
    places.extend(working.iter().flat_map(|path| path.ancestors()).map(|folder| folder.join("data")));
    if let Some(folder) = program.and_then(Path::parent) {
        let above = |steps| folder.ancestors().nth(steps);
        places.extend(above(1).map(|folder| folder.join("share/rarefy/data")));
        places.extend((0..=3).filter_map(above).map(|folder| folder.join("data")));
    }
    places.push(source.canonicalize().unwrap_or(source));
    let mut seen = std::collections::HashSet::new();
    places.retain(|place| seen.insert(place.clone()));
    places
}

/// The first of `places` that holds every file of a data set, or what each lacks.
fn find(entry: &Entry, places: &[PathBuf]) -> std::result::Result<PathBuf, Vec<(PathBuf, String)>> {
    let mut looked = Vec::new();
    for place in places {
        let folder = place.join(entry.name);
        let missing: Vec<&str> = entry.files.iter().filter(|file| file_in(&folder, file).is_none()).copied().collect();
        if missing.is_empty() {
            return Ok(folder);
        }
        let lacks =
            if !folder.is_dir() { "no such folder".to_owned() } else { format!("without {}", missing.join(", ")) };
        looked.push((folder, lacks));
    }
    Err(looked)
}

/// A file, compressed or not.
fn file_in(folder: &Path, name: &str) -> Option<PathBuf> {
    [".gz", "", ".zst"].iter().map(|suffix| folder.join(format!("{name}{suffix}"))).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_looked_in_as_documented() {
        let places = places_from(
            Some("/set".into()),
            Some(Path::new("/home/me")),
            Some(Path::new("/clone/target/release/rarefy")),
            "/clone/data".into(),
        );
        let expected = [
            "/set",
            "/home/me/data",
            "/home/data",
            "/data",
            "/clone/target/share/rarefy/data",
            "/clone/target/release/data",
            "/clone/target/data",
            "/clone/data",
        ];
        assert_eq!(places, expected.map(PathBuf::from));
    }

    #[test]
    fn every_place_looked_in_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("mnist")).unwrap();
        std::fs::write(folder.path().join("mnist").join(MNIST[0]), b"").unwrap();
        let mnist = REGISTRY.iter().find(|entry| entry.name == "mnist").unwrap();
        let looked = find(mnist, &[folder.path().to_owned(), "/nowhere".into()]).unwrap_err();
        let message = Error::NotFound { name: "mnist", looked }.to_string();
        assert!(message.contains("without train-labels-idx1-ubyte, t10k"), "{message}");
        assert!(message.contains("/nowhere/mnist (no such folder)"), "{message}");
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        assert!(load("minst").unwrap_err().to_string().contains("digits, iris, mnist"));
    }
}
