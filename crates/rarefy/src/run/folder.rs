//! The output folder of a run: refused early where it cannot be one, made, and locked.

use std::io;
use std::path::Path;

use rarefy_model::file::Lock;

use super::{CHECKPOINT, METRICS, RECIPE, REPORT, Role};
use crate::{Error, Result};

/// An operating system's refusal.
pub(crate) fn io_error(path: &Path, step: &'static str, source: io::Error) -> Error {
    rarefy_model::Error::Io { path: path.to_owned(), step, source }.into()
}

/// Refuses an output folder that is something else, before anything is read.
pub(super) fn refuse_non_folder(folder: &Path) -> Result<()> {
    match std::fs::metadata(folder) {
        Ok(found) if !found.is_dir() => {
            let problem = io::Error::new(io::ErrorKind::NotADirectory, "it is a file, expected a folder");
            Err(io_error(folder, "use it as the output folder", problem))
        }
        _ => Ok(()),
    }
}

/// Makes the output folder and locks it: that also finds out whether files can be made in it.
pub(super) fn prepare(folder: &Path) -> Result<Lock> {
    std::fs::create_dir_all(folder).map_err(|e| io_error(folder, "make the output folder", e))?;
    let lock = Lock::acquire(folder)?;
    let names = Role::ALL.map(Role::file).into_iter().chain([CHECKPOINT, METRICS, RECIPE, REPORT]);
    for path in names.map(|name| folder.join(name)) {
        if path.is_dir() {
            let problem = io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, expected a file or nothing");
            return Err(io_error(&path, "write it", problem));
        }
    }
    Ok(lock)
}
