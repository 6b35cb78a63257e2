//! What can go wrong with models and their files.

use std::io;
use std::path::{Path, PathBuf};

/// A model, its file, or the disk under it is not what it should be.
///
/// Every message says where, what was found, what was expected, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something is wrong in the file `path`.
    #[error("{}: {error}", path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        error: Box<Error>,
    },
    /// The operating system refused a step; [`Error::fault`] sorts the reasons.
    #[error("{}: could not {step}: {source}{}", path.display(), Fault::of(source).advice())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done to it.
        step: &'static str,
        /// The operating system's answer, its code kept.
        source: io::Error,
    },
    /// Another process writes to this folder.
    #[error("{}: locked by the running process {pid}; wait for it to end, or choose another folder", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it (0 while it has not written its number yet).
        pid: u32,
    },
    /// The file is of another kind, and never loaded.
    #[error("byte 0: {found}, expected a Rarefy file; {advice}")]
    NotRarefy {
        /// What the file seems to be.
        found: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// The file ends before the shortest possible file does.
    #[error("byte {found}: the file ends, expected at least {expected} bytes; copy it again from its source")]
    TooShort {
        /// Length of the file in bytes.
        found: u64,
        /// Least length in bytes.
        expected: u64,
    },
    /// The header's length, as the file gives it, cannot be.
    #[error("bytes 0 to 7: header length {found}, expected at most {limit}; copy the file again from its source")]
    HeaderLength {
        /// The length found.
        found: u64,
        /// The most that this file, or the format, allows.
        limit: u64,
    },
    /// The checksum does not match the bytes before it.
    #[error(
        "byte {at}: the checksum differs from that of the bytes before it, so the file is damaged or was changed; copy it again from its source"
    )]
    Checksum {
        /// Where the checksum lies in the file.
        at: u64,
    },
    /// The header is not what a header must be.
    #[error("byte {at}: {problem}")]
    Header {
        /// Where in the file.
        at: u64,
        /// What was found and expected.
        problem: String,
    },
    /// The file uses a later format.
    #[error("made by a newer version of Rarefy (format {found}, this program reads up to {newest}); update Rarefy")]
    Newer {
        /// The file's format version.
        found: u64,
        /// The newest version that this program reads.
        newest: u32,
    },
    /// A Rarefy file, but of another kind, such as a checkpoint in place of an artifact.
    #[error("this Rarefy file is of kind {found:?}, expected {expected:?}")]
    Kind {
        /// The file's kind.
        found: String,
        /// The kind asked for.
        expected: String,
    },
    /// A tensor is missing, or not what it must be.
    #[error("tensor {name:?}: {problem}")]
    Tensor {
        /// Its name.
        name: String,
        /// What was found and expected.
        problem: String,
    },
    /// The manifest says something that cannot be.
    #[error("manifest, {key}: {problem}")]
    Manifest {
        /// The key, as a path.
        key: String,
        /// What was found and expected.
        problem: String,
    },
    /// A node of the graph does not fit.
    #[error("node {node} {name:?}: {problem}")]
    Node {
        /// Position in the graph.
        node: usize,
        /// Its name.
        name: String,
        /// What was found and expected.
        problem: String,
    },
    /// The graph has no node or no input.
    #[error("the graph has {found}, expected at least one")]
    EmptyGraph {
        /// `no node` or `no input feature`.
        found: &'static str,
    },
    /// The data has another number of features than the model.
    #[error(
        "the data has {found} features, the model expects {expected}; give the columns that the model was fitted on"
    )]
    FeatureCount {
        /// Features of the data.
        found: usize,
        /// Features of the model.
        expected: usize,
    },
    /// The data has another number of classes than the model.
    #[error("the data has {found} classes, the model knows {expected}; give data with the model's classes")]
    ClassCount {
        /// Classes of the data.
        found: usize,
        /// Classes of the model.
        expected: usize,
    },
    /// An input, or an answer, is NaN or infinite.
    #[error("row {row}, {what} {column}: {found} is not finite; {advice}")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// `feature` or `output`.
        what: &'static str,
        /// The column, from 0.
        column: usize,
        /// The value.
        found: f32,
        /// What to do.
        advice: &'static str,
    },
    /// A matrix could not be made.
    #[error(transparent)]
    Core(#[from] rarefy_core::Error),
}

/// The result of an operation on models or their files.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The same error, said of the file `path`.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::In { .. } | Self::Io { .. } | Self::Locked { .. } => self,
            error => Self::In { path: path.to_owned(), error: Box::new(error) },
        }
    }

    /// An operating system's refusal of `step` on `path`.
    pub(crate) fn io(path: &Path, step: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), step, source }
    }

    /// A problem with one tensor.
    pub(crate) fn tensor(name: &str, problem: impl Into<String>) -> Self {
        Self::Tensor { name: name.to_owned(), problem: problem.into() }
    }

    /// A problem with one manifest entry.
    pub(crate) fn manifest(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Manifest { key: key.into(), problem: problem.into() }
    }

    /// Why the disk refused, or `None` when this error is not the disk's.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Io { source, .. } => Some(Fault::of(source)),
            Self::In { error, .. } => error.fault(),
            _ => None,
        }
    }
}

/// Why an operating system refuses to read or write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// No space is left (ENOSPC).
    Full,
    /// The user's quota is used up (EDQUOT).
    Quota,
    /// The device failed (EIO).
    Device,
    /// The file system is read-only (EROFS).
    ReadOnly,
    /// No permission (EACCES, EPERM).
    Denied,
    /// There is no such file or folder (ENOENT).
    Missing,
    /// Any other reason.
    Other,
}

impl Fault {
    /// Sorts an operating system's error.
    pub fn of(error: &io::Error) -> Self {
        /// EIO, which has no `ErrorKind` of its own; 5 on every Unix.
        const DEVICE: i32 = 5;
        match error.kind() {
            io::ErrorKind::StorageFull => Self::Full,
            io::ErrorKind::QuotaExceeded => Self::Quota,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            io::ErrorKind::PermissionDenied => Self::Denied,
            io::ErrorKind::NotFound => Self::Missing,
            _ if cfg!(unix) && error.raw_os_error() == Some(DEVICE) => Self::Device,
            _ => Self::Other,
        }
    }

    /// What to do, as the end of a message.
    fn advice(self) -> &'static str {
        match self {
            Self::Full => "; free some space or choose another folder",
            Self::Quota => "; free some of your quota or choose another folder",
            Self::Device => "; the device fails: choose another and check this one",
            Self::ReadOnly | Self::Denied => "; choose a folder that you may write to",
            Self::Missing => "; check the path",
            Self::Other => "",
        }
    }
}
