//! The one way in which files are written: aside, then renamed.
//!
//! [`write_aside`] writes to a temporary name in the same folder, syncs the file, renames it over the final name and
//! syncs the folder. Whoever reads the final name meanwhile sees the old file or the new one, never a mix, and a crash
//! or a full disk leaves the old one. [`Lock`] keeps a second writer out of an output folder.
//!
//! ```
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("metrics.csv");
//! rarefy_model::file::write_aside(&path, b"epoch,loss\n1,0.5\n")?;
//! assert_eq!(std::fs::read(&path)?, b"epoch,loss\n1,0.5\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod fault;
mod lock;

pub use fault::{FaultyDisk, When};
pub use lock::Lock;

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// What writing aside asks of a file system; [`System`] is the real one, [`FaultyDisk`] fails on demand.
pub trait Disk: Send + Sync {
    /// Creates a file that must not exist yet.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Renames `from` to `to`, replacing it in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes renames in `folder` survive a power cut.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// A file being written.
pub trait DiskFile: Write {
    /// Makes what was written survive a power cut.
    fn sync(&mut self) -> io::Result<()>;
}

/// The operating system's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Disk for System {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::create_new(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        if !cfg!(unix) {
            return Ok(()); // folders cannot be opened there
        }
        match File::open(folder)?.sync_all() {
            // Some network file systems have no such call; their renames are as durable as they get.
            Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
            other => other,
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

impl DiskFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

/// Writes `bytes` to `path`: the whole of them, or nothing at all.
///
/// # Errors
/// [`Error::Io`]; the final name is then untouched, and no temporary is left. One exception: when only the last step
/// fails, making the rename durable, the new file is already there, complete.
pub fn write_aside(path: &Path, bytes: &[u8]) -> Result<()> {
    write_aside_on(&System, path, |out| out.write_all(bytes))
}

/// [`write_aside`] on a given [`Disk`], with a closure that writes the content (buffered).
///
/// # Errors
/// As [`write_aside`].
pub fn write_aside_on(
    disk: &dyn Disk,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let path = &final_name(path)?;
    let folder = folder_of(path);
    let aside = temporary_name(path);
    let file = disk.create(&aside).map_err(|e| Error::io(path, "create a temporary file beside it", e))?;
    let guard = Temporary { disk, path: &aside };
    let mut out = BufWriter::with_capacity(1 << 16, file);
    write(&mut out).and_then(|()| out.flush()).map_err(|e| Error::io(path, "write", e))?;
    out.get_mut().sync().map_err(|e| Error::io(path, "bring it to the disk", e))?;
    drop(out.into_parts()); // closed before it is renamed: other systems ask for that
    disk.rename(&aside, path).map_err(|e| Error::io(path, "rename the finished file to this name", e))?;
    std::mem::forget(guard);
    disk.sync_folder(folder).map_err(|e| Error::io(folder, "bring the new name to the disk", e))
}

/// Reads a regular file whole.
///
/// `check` sees the length and up to 64 leading bytes before memory for the rest is taken.
///
/// # Errors
/// [`Error::Io`], the error of `check`, and a file whose length changes while it is read.
pub(crate) fn read_whole(path: &Path, check: impl FnOnce(u64, &[u8]) -> Result<()>) -> Result<Vec<u8>> {
    let io = |e| Error::io(path, "read", e);
    // Asked before opening: opening a pipe that nobody writes to would wait for ever.
    regular(path, &fs::metadata(path).map_err(io)?)?;
    let mut file = File::open(path).map_err(io)?;
    let len = file.metadata().map_err(io)?.len();
    let mut bytes = Vec::new();
    (&mut file).take(len.min(64)).read_to_end(&mut bytes).map_err(io)?;
    check(len, &bytes)?;
    let rest = usize::try_from(len).unwrap_or(usize::MAX).saturating_sub(bytes.len());
    bytes.try_reserve_exact(rest).map_err(|_| io(io::ErrorKind::OutOfMemory.into()))?;
    (&mut file).take(rest as u64).read_to_end(&mut bytes).map_err(io)?;
    let more = file.read(&mut [0]).map_err(io)?;
    if bytes.len() as u64 != len || more != 0 {
        return Err(io(io::Error::other(format!("its length changed from {len} bytes while it was read"))));
    }
    Ok(bytes)
}

/// Refuses folders, pipes and devices: reading them does not end, and renaming over them destroys them.
fn regular(path: &Path, found: &fs::Metadata) -> Result<()> {
    let problem = match found {
        m if m.is_file() => return Ok(()),
        m if m.is_dir() => io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, expected a file"),
        _ => io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe or a device, expected a file"),
    };
    Err(Error::io(path, "use it", problem))
}

/// Where a write to `path` ends: links are followed, so that the file is replaced and not the link.
fn final_name(path: &Path) -> Result<PathBuf> {
    let path = match fs::canonicalize(path) {
        Ok(there) if path.is_symlink() => there,
        _ => path.to_owned(),
    };
    match fs::metadata(&path) {
        Ok(found) => regular(&path, &found)?,
        Err(_) if path.file_name().is_none() => {
            let problem = io::Error::new(io::ErrorKind::InvalidInput, "it has no file name");
            return Err(Error::io(&path, "use it", problem));
        }
        Err(_) => {} // a new name, or an unreachable one, which creating the temporary will tell
    }
    Ok(path)
}

/// The folder that `path` lies in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// A name beside `path` that no other write uses: `.NAME.PID-COUNT.rarefy-tmp`.
fn temporary_name(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{count}{TEMPORARY}", std::process::id()));
    folder_of(path).join(name)
}

/// The ending of temporary names.
const TEMPORARY: &str = ".rarefy-tmp";

/// Removes the temporaries that killed writers left in `folder`; only the holder of its [`Lock`] may.
fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(TEMPORARY) {
            let _ = fs::remove_file(entry.path()); // one that cannot be removed does no harm
        }
    }
}

/// Removes the temporary unless the rename went well, also when the content's closure panics.
struct Temporary<'a> {
    disk: &'a dyn Disk,
    path: &'a Path,
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        let _ = self.disk.remove(self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fault;

    /// Names in a folder.
    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_write_replaces_the_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_aside(&path, b"a long first content").unwrap();
        write_aside(&path, b"short").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"short");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_aside(folder.path(), b"x").unwrap_err();
        assert!(error.to_string().contains("it is a folder"), "{error}");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_aside(&folder.path().join("none/a"), b"x").unwrap_err();
        assert_eq!(error.fault(), Some(Fault::Missing));
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_never_replaced() {
        let error = write_aside(Path::new("/dev/null"), b"x").unwrap_err();
        assert!(error.to_string().contains("a pipe or a device"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_keeps_pointing_at_the_file_it_named() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, b"old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_aside(&link, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
    }

    #[test]
    fn a_panicking_writer_leaves_no_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let caught = std::panic::catch_unwind(|| {
            let _ = write_aside_on(&System, &path, |_| panic!("in the middle of the content"));
        });
        assert!(caught.is_err());
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn the_first_bytes_are_checked_before_the_rest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, vec![7; 1000]).unwrap();
        let mut seen = (0, 0);
        let bytes = read_whole(&path, |len, first| {
            seen = (len, first.len());
            Ok(())
        });
        assert_eq!((bytes.unwrap().len(), seen), (1000, (1000, 64)));
    }
}
