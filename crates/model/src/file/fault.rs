//! A disk that fails on demand, to prove that writers survive it.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Disk, DiskFile, System};

/// The real file system, until the moment `when`; from then on that step fails with the operating system's `code`.
///
/// ```
/// use rarefy_model::{Fault, file::{FaultyDisk, When, write_aside_on}};
/// let folder = tempfile::tempdir()?;
/// let disk = FaultyDisk::new(When::Bytes(10), 28); // ENOSPC on Linux
/// let error = write_aside_on(&disk, &folder.path().join("a"), |out| out.write_all(&[0; 11])).unwrap_err();
/// assert_eq!(error.fault(), Some(Fault::Full));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct FaultyDisk {
    when: When,
    code: i32,
    written: Arc<AtomicU64>,
}

/// The step at which a [`FaultyDisk`] begins to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// When a file is created.
    Create,
    /// When more than this many bytes, over all files, would have been written.
    Bytes(u64),
    /// When a file is synced.
    Sync,
    /// When a finished file is renamed.
    Rename,
}

impl FaultyDisk {
    /// A disk that fails at `when` with the operating system's error `code` (on Linux: 28 ENOSPC, 5 EIO, 122 EDQUOT).
    pub fn new(when: When, code: i32) -> Self {
        Self { when, code, written: Arc::default() }
    }

    /// Fails when this is the step that was asked to fail.
    fn reach(&self, step: When) -> io::Result<()> {
        if self.when == step { Err(io::Error::from_raw_os_error(self.code)) } else { Ok(()) }
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.reach(When::Create)?;
        let file = System.create(path)?;
        Ok(Box::new(FaultyFile { file, when: self.when, code: self.code, written: self.written.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.reach(When::Rename)?;
        System.rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        System.sync_folder(folder)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        System.remove(path)
    }
}

/// A file on a [`FaultyDisk`].
struct FaultyFile {
    file: Box<dyn DiskFile>,
    when: When,
    code: i32,
    written: Arc<AtomicU64>,
}

impl Write for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut room = bytes.len() as u64;
        if let When::Bytes(limit) = self.when {
            room = room.min(limit.saturating_sub(self.written.load(Ordering::Relaxed)));
            if room == 0 && !bytes.is_empty() {
                return Err(io::Error::from_raw_os_error(self.code));
            }
        }
        let n = self.file.write(&bytes[..room as usize])?;
        self.written.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl DiskFile for FaultyFile {
    fn sync(&mut self) -> io::Result<()> {
        if self.when == When::Sync {
            return Err(io::Error::from_raw_os_error(self.code));
        }
        self.file.sync()
    }
}
