//! Data to learn from: features, a target, and their names.

use rarefy_core::matrix::{Csr, Dense};
use rarefy_core::pattern::Pattern;
use sha2::{Digest, Sha256};

use crate::error::{At, Error, Place, Result};
use crate::labels::Known;
use crate::scaling::Scaling;

/// What is known about each row: `rows × cols`, rows being samples.
#[derive(Debug, Clone, PartialEq)]
pub enum Features {
    /// Numbers.
    Dense(Dense<f32>),
    /// Bytes, as pictures have them: a quarter of the memory, and of the traffic of each batch.
    Bytes(Dense<u8>),
    /// Mostly zeros.
    Sparse(Csr<f32>),
}

/// What is to be predicted for each row.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Class numbers, one a row.
    Classes(Vec<u32>),
    /// Values: a row each, a column for each output.
    Values(Dense<f32>),
    /// A set of classes a row, which may be empty: `rows × classes`, the class numbers of a row rising. Takes 4 bytes for each
    /// class that a row has, and none for those that it has not.
    Labels(Pattern),
    /// Nothing: data to predict for.
    None,
}

/// Features and target of some samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// `rows × cols`, as they were read.
    pub features: Features,
    /// One entry a row, or none at all.
    pub target: Target,
    /// One name a column, or none at all.
    pub feature_names: Vec<String>,
    /// One name a class; empty unless the target is classes or sets of them.
    pub class_names: Vec<String>,
    /// Where the data come from, for messages: a path or a bundled name.
    pub name: String,
    /// Height and width, if each row is a picture.
    pub image_shape: Option<(usize, usize)>,
    /// The scaling that suits these features unless another is asked for.
    pub scaling: Scaling,
    /// The number, 0 or 1, that the file gives its first feature, where its format leaves that open (svmlight). Files that
    /// belong together must be read alike.
    pub first_index: Option<u8>,
}

impl Features {
    /// Number of samples.
    pub fn rows(&self) -> usize {
        match self {
            Self::Dense(m) => m.rows(),
            Self::Bytes(m) => m.rows(),
            Self::Sparse(m) => m.rows(),
        }
    }

    /// Number of features.
    pub fn cols(&self) -> usize {
        match self {
            Self::Dense(m) => m.cols(),
            Self::Bytes(m) => m.cols(),
            Self::Sparse(m) => m.cols(),
        }
    }

    /// Bytes of memory that the values take.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Dense(m) => m.data().len() * 4,
            Self::Bytes(m) => m.data().len(),
            Self::Sparse(m) => m.nnz() * 8 + (m.rows() + 1) * 4,
        }
    }

    /// Writes row `i`, unscaled, into `out`.
    ///
    /// # Panics
    /// If `i` is not below [`rows`](Self::rows), or `out` is not [`cols`](Self::cols) long.
    pub fn row_into(&self, i: usize, out: &mut [f32]) {
        match self {
            Self::Dense(m) => out.copy_from_slice(m.row(i)),
            Self::Bytes(m) => {
                let row = m.row(i);
                assert_eq!(out.len(), row.len(), "one place for each feature");
                out.iter_mut().zip(row).for_each(|(out, &byte)| *out = byte.into());
            }
            Self::Sparse(m) => {
                assert_eq!(out.len(), m.cols(), "one place for each feature");
                out.fill(0.0);
                let (indices, values) = m.row(i);
                indices.iter().zip(values).for_each(|(&j, &value)| out[j as usize] = value);
            }
        }
    }

    /// Copies of some rows, in the order given.
    ///
    /// # Errors
    /// [`rarefy_core::Error`] when there is no memory for them.
    ///
    /// # Panics
    /// If one of them is not below [`rows`](Self::rows).
    pub fn select(&self, rows: &[usize]) -> rarefy_core::Result<Self> {
        fn dense<T: Copy + Default>(m: &Dense<T>, rows: &[usize]) -> rarefy_core::Result<Dense<T>> {
            let mut out = Dense::filled(rows.len(), m.cols(), T::default())?;
            if m.cols() > 0 {
                let places = out.data_mut().chunks_exact_mut(m.cols());
                places.zip(rows).for_each(|(place, &i)| place.copy_from_slice(m.row(i)));
            }
            Ok(out)
        }
        Ok(match self {
            Self::Dense(m) => Self::Dense(dense(m, rows)?),
            Self::Bytes(m) => Self::Bytes(dense(m, rows)?),
            Self::Sparse(m) => {
                let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
                for &i in rows {
                    let (row_indices, row_values) = m.row(i);
                    indices.extend_from_slice(row_indices);
                    values.extend_from_slice(row_values);
                    // `Csr::new` refuses more than fit, by the lengths.
                    indptr.push(indices.len() as u32);
                }
                Self::Sparse(Csr::new(rows.len(), m.cols(), indptr, indices, values)?)
            }
        })
    }

    /// The first value that is not finite: row, column, value.
    fn find_nonfinite(&self) -> Option<(usize, usize, f32)> {
        match self {
            Self::Dense(m) => find_nonfinite(m),
            Self::Bytes(_) => None,
            Self::Sparse(m) => {
                let at = m.values().iter().position(|v| !v.is_finite())?;
                let row = m.indptr().partition_point(|&start| start as usize <= at) - 1;
                Some((row, m.indices()[at] as usize, m.values()[at]))
            }
        }
    }
}

/// The first value that is not finite: row, column, value.
fn find_nonfinite(m: &Dense<f32>) -> Option<(usize, usize, f32)> {
    let at = m.data().iter().position(|v| !v.is_finite())?;
    Some((at / m.cols(), at % m.cols(), m.data()[at]))
}

impl Target {
    /// Number of entries; `None` if there is no target.
    pub fn rows(&self) -> Option<usize> {
        match self {
            Self::Classes(classes) => Some(classes.len()),
            Self::Values(values) => Some(values.rows()),
            Self::Labels(sets) => Some(sets.rows()),
            Self::None => None,
        }
    }

    /// Copies of some entries, in the order given.
    ///
    /// # Panics
    /// If a row is past the last.
    pub fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Classes(classes) => Self::Classes(rows.iter().map(|&i| classes[i]).collect()),
            Self::Values(values) => {
                let data = rows.iter().flat_map(|&i| values.row(i).iter().copied()).collect();
                // The length is rows × cols by construction.
                Dense::new(rows.len(), values.cols(), data).map_or(Self::None, Self::Values)
            }
            Self::Labels(sets) => {
                let (mut indptr, mut indices) = (vec![0], Vec::new());
                for &i in rows {
                    indices.extend_from_slice(sets.row(i));
                    // Past `u32` the pattern is refused.
                    indptr.push(indices.len() as u32);
                }
                Pattern::new(rows.len(), sets.cols(), indptr, indices).map_or(Self::None, Self::Labels)
            }
            Self::None => Self::None,
        }
    }
}

impl Dataset {
    /// A data set without names, checked; bytes are scaled by 1/255 unless [`scaling`](Self::scaling) is changed.
    ///
    /// Classes are named `0`, `1`, … up to the largest there is.
    ///
    /// ```
    /// use rarefy_core::matrix::Dense;
    /// use rarefy_data::{Dataset, Features, Target};
    /// let x = Features::Dense(Dense::new(2, 2, vec![0.0, 1.0, 1.0, 0.0])?);
    /// let data = Dataset::new("xor, half of it", x, Target::Classes(vec![1, 1]))?;
    /// assert!(data.check_for_training().unwrap_err().to_string().contains("every row has the class \"1\""));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`check`](Self::check), and [`Error::TooManyClasses`].
    pub fn new(name: &str, features: Features, target: Target) -> Result<Self> {
        let class_names = match &target {
            Target::Classes(classes) => {
                let count = classes.iter().max().map_or(0, |&last| last as usize + 1);
                if count > crate::labels::MAX_CLASSES {
                    let place = Place::new(name, At::File);
                    return Err(Error::TooManyClasses { place, found: count, limit: crate::labels::MAX_CLASSES });
                }
                (0..count).map(|class| class.to_string()).collect()
            }
            Target::Labels(sets) => (0..sets.cols()).map(|class| class.to_string()).collect(),
            _ => Vec::new(),
        };
        Self::with_classes(name, features, target, class_names)
    }

    /// As [`new`](Self::new), with names for the classes.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn with_classes(name: &str, features: Features, target: Target, class_names: Vec<String>) -> Result<Self> {
        let data = Self::unchecked(name, features, target, class_names);
        data.check()?;
        Ok(data)
    }

    /// As [`with_classes`](Self::with_classes), without a check.
    pub(crate) fn unchecked(name: &str, features: Features, target: Target, class_names: Vec<String>) -> Self {
        let scaling = match features {
            Features::Bytes(_) => Scaling::Factor(1.0 / 255.0),
            _ => Scaling::None,
        };
        let feature_names = Vec::new();
        let name = name.to_owned();
        let (image_shape, first_index) = (None, None);
        Self { features, target, feature_names, class_names, name, image_shape, scaling, first_index }
    }

    /// Number of samples.
    pub fn rows(&self) -> usize {
        self.features.rows()
    }

    /// Number of features.
    pub fn cols(&self) -> usize {
        self.features.cols()
    }

    /// Number of classes; 0 if the target is not classes.
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }

    fn place(&self) -> Place {
        Place::new(&self.name, At::File)
    }

    /// Checks that the parts fit together and every number is finite.
    ///
    /// # Errors
    /// [`Error::Empty`] without rows, columns or target columns, [`Error::Length`] if target, feature names or picture disagree with the
    /// features, [`Error::ClassNumber`], [`Error::NonFinite`].
    pub fn check(&self) -> Result<()> {
        let (rows, cols) = (self.rows(), self.cols());
        let place = || self.place();
        let outputs = if let Target::Values(values) = &self.target { values.cols() } else { 1 };
        for (count, what) in [(rows, "rows"), (cols, "columns"), (outputs, "target columns")] {
            if count == 0 {
                return Err(Error::Empty { place: place(), what, hint: "" });
            }
        }
        let length = |what, found, expected| {
            if found == expected { Ok(()) } else { Err(Error::Length { place: place(), what, found, expected }) }
        };
        if let Some(found) = self.target.rows() {
            length("labels", found, rows)?;
        }
        if !self.feature_names.is_empty() {
            length("feature names", self.feature_names.len(), cols)?;
        }
        if let Some((height, width)) = self.image_shape {
            length("pixels", height.saturating_mul(width), cols)?;
        }
        let nonfinite = |what, (row, column, found): (usize, usize, f32)| {
            Err(Error::NonFinite { place: place(), what, row, column, found: found.into() })
        };
        if let Some(found) = self.features.find_nonfinite() {
            return nonfinite("feature", found);
        }
        match &self.target {
            Target::Values(values) => find_nonfinite(values).map_or(Ok(()), |found| nonfinite("target", found)),
            Target::Classes(numbers) => {
                let classes = self.classes();
                match numbers.iter().position(|&c| c as usize >= classes) {
                    Some(row) => Err(Error::ClassNumber { place: place(), row, found: numbers[row], classes }),
                    None => Ok(()),
                }
            }
            Target::Labels(sets) if sets.cols() != self.classes() => {
                let (what, found) = ("class names", self.classes());
                Err(Error::Count { place: place(), what, found, expected: sets.cols(), each: "class" })
            }
            Target::Labels(_) | Target::None => Ok(()),
        }
    }

    /// Checks that there is something to learn: a target, and if it is classes, two of them at least.
    ///
    /// # Errors
    /// As [`check`](Self::check); [`Error::NoTarget`], [`Error::OneClass`].
    pub fn check_for_training(&self) -> Result<()> {
        self.check()?;
        match &self.target {
            Target::None => Err(Error::NoTarget { place: self.place() }),
            Target::Classes(numbers) if numbers.iter().all(|&c| c == numbers[0]) => {
                let class = self.class_names[numbers[0] as usize].clone();
                Err(Error::OneClass { place: self.place(), class })
            }
            Target::Labels(sets) if sets.nnz() == 0 => Err(Error::NoTarget { place: self.place() }),
            _ => Ok(()),
        }
    }

    /// The same data with classes numbered as in `class_names`, the classes of a trained model.
    ///
    /// # Errors
    /// [`Error::UnseenLabel`] if a row has a class that is not among them.
    pub fn align_classes(mut self, class_names: &[String]) -> Result<Self> {
        if matches!(self.target, Target::Values(_) | Target::None) || self.class_names == class_names {
            return Ok(self);
        }
        let known = Known::new(class_names);
        let of_row = |row: usize, number: u32| {
            let place = || Place::new(&format!("{}: row {row} (from 0)", self.name), At::File);
            known.number(&self.class_names[number as usize], place)
        };
        match &mut self.target {
            Target::Classes(numbers) => {
                for (row, number) in numbers.iter_mut().enumerate() {
                    *number = of_row(row, *number)?;
                }
            }
            Target::Labels(sets) => {
                let mut indices = Vec::with_capacity(sets.nnz());
                for row in 0..sets.rows() {
                    let first = indices.len();
                    for &number in sets.row(row) {
                        indices.push(of_row(row, number)?);
                    }
                    indices[first..].sort_unstable();
                }
                let aligned = Pattern::new(sets.rows(), class_names.len(), sets.indptr().to_vec(), indices);
                *sets = aligned.map_err(|source| Error::Matrix { place: Place::new(&self.name, At::File), source })?;
            }
            Target::Values(_) | Target::None => {}
        }
        self.class_names = class_names.to_vec();
        Ok(self)
    }

    /// A copy of some rows, in the order given.
    ///
    /// # Errors
    /// [`Error::Row`] if a row is past the last, [`Error::Matrix`] if there is no memory for them.
    pub fn select(&self, rows: &[usize]) -> Result<Self> {
        if let Some(&row) = rows.iter().find(|&&row| row >= self.rows()) {
            return Err(Error::Row { row, rows: self.rows() });
        }
        Ok(Self {
            features: self.features.select(rows).map_err(|source| Error::Matrix { place: self.place(), source })?,
            target: self.target.select(rows),
            feature_names: self.feature_names.clone(),
            class_names: self.class_names.clone(),
            name: self.name.clone(),
            ..*self
        })
    }

    /// SHA-256 over everything that learning depends on, as 64 hexadecimal digits: kind, shape and values of the features,
    /// the target, the names of features and classes. Not the name of the data set, so a file may move.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        let (kind, nnz) = match &self.features {
            Features::Dense(_) => ("dense", 0),
            Features::Bytes(_) => ("bytes", 0),
            Features::Sparse(m) => ("sparse", m.nnz()),
        };
        hash.update(kind);
        for count in [self.rows(), self.cols(), nnz] {
            hash.update((count as u64).to_le_bytes());
        }
        match &self.features {
            Features::Dense(m) => update(&mut hash, m.data(), f32::to_bits),
            Features::Bytes(m) => hash.update(m.data()),
            Features::Sparse(m) => {
                update(&mut hash, m.indptr(), |v| v);
                update(&mut hash, m.indices(), |v| v);
                update(&mut hash, m.values(), f32::to_bits);
            }
        }
        match &self.target {
            Target::Classes(classes) => {
                hash.update(b"classes");
                update(&mut hash, classes, |v| v);
            }
            Target::Values(m) => {
                hash.update(b"values");
                hash.update((m.cols() as u64).to_le_bytes());
                update(&mut hash, m.data(), f32::to_bits);
            }
            Target::Labels(sets) => {
                hash.update(b"labels");
                hash.update((sets.nnz() as u64).to_le_bytes());
                update(&mut hash, sets.indptr(), |v| v);
                update(&mut hash, sets.indices(), |v| v);
            }
            Target::None => hash.update(b"none"),
        }
        for names in [&self.feature_names, &self.class_names] {
            hash.update((names.len() as u64).to_le_bytes());
            for name in names {
                hash.update((name.len() as u64).to_le_bytes());
                hash.update(name.as_bytes());
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Hashes 32-bit values in little-endian order, whatever the machine's.
fn update<T: Copy>(hash: &mut Sha256, values: &[T], bits: impl Fn(T) -> u32) {
    let mut buffer = Vec::with_capacity(1 << 16);
    for chunk in values.chunks(1 << 14) {
        buffer.clear();
        chunk.iter().for_each(|&value| buffer.extend_from_slice(&bits(value).to_le_bytes()));
        hash.update(&buffer);
    }
}
