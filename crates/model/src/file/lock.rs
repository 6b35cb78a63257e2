//! One writer per output folder.
//!
//! The lock file holds the writer's process number and start time, and the writer keeps the operating system's lock on
//! it. That lock ends with the process however it ends, so a dead writer's file is taken over without a race; the
//! numbers name the holder, and decide where a file system has no locks. The start time tells a reused process number
//! from the holder's.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::remove_leftovers;
use crate::{Error, Result};

/// The right to write into a folder, until dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// The lock file's name in the folder.
    pub const NAME: &str = ".rarefy-lock";

    /// Locks `folder`, which must exist, and removes temporary files that killed writers left there.
    ///
    /// # Errors
    /// [`Error::Locked`] when another living process, or another part of this one, holds it; [`Error::Io`].
    pub fn acquire(folder: &Path) -> Result<Self> {
        let path = folder.join(Self::NAME);
        let io = |e| Error::io(&path, "lock the folder", e);
        loop {
            // Not truncated: it may be somebody else's.
            let mut file =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
            let system = match file.try_lock() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock) => {
                    let pid = holder(&mut file).map_or(0, |holder| holder.pid);
                    return Err(Error::Locked { path, pid });
                }
                Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => false,
                Err(TryLockError::Error(e)) => return Err(io(e)),
            };
            // Its last holder may have removed the file between our opening and our locking it.
            if system && !same_file(&file, &path) {
                continue;
            }
            if let Some(holder) = holder(&mut file)
                && holder.lives()
                && (!system || holder.pid != std::process::id())
            {
                return Err(Error::Locked { path, pid: holder.pid });
            }
            let me = Holder::me();
            let text = format!("{} {}\n", me.pid, me.started);
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes())).map_err(io)?;
            remove_leftovers(folder);
            return Ok(Self { path, file });
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while still locked, so that nobody's new lock is removed instead.
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

/// A process, told from others that had its number before or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder {
    pid: u32,
    /// Clock ticks from boot to the process's start; 0 where the system does not tell.
    started: u64,
}

impl Holder {
    /// This process.
    fn me() -> Self {
        let pid = std::process::id();
        Self { pid, started: start_of(pid).unwrap_or(0) }
    }

    /// Whether that very process still runs.
    fn lives(self) -> bool {
        start_of(self.pid) == Some(self.started)
    }
}

/// The process that a lock file names; `None` when it names none, as after a crash while locking.
fn holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(64).read_to_string(&mut text).ok()?;
    let (pid, started) = text.trim_end().split_once(' ')?;
    Some(Holder { pid: pid.parse().ok()?, started: started.parse().ok()? })
}

/// Clock ticks from boot to the start of the living process `pid`: field 22 of `/proc/PID/stat`, proc_pid_stat(5).
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Field 2 is the command in brackets and may hold anything, brackets and blanks included.
    let after = &stat[stat.rfind(')')? + 1..];
    let mut fields = after.split_ascii_whitespace();
    // Killed, though its parent has not asked how it ended yet.
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(22 - 4)?.parse().ok()
}

/// Whether `path` still names the open `file`.
#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Whether `path` still names the open `file`: an open file cannot be removed here.
#[cfg(not(unix))]
fn same_file(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_told_who_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Lock::acquire(folder.path()).unwrap();
        match Lock::acquire(folder.path()).unwrap_err() {
            Error::Locked { pid, .. } => assert_eq!(pid, std::process::id()),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn dropping_it_unlocks_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        drop(Lock::acquire(folder.path()).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        Lock::acquire(folder.path()).unwrap();
    }

    /// A lock file as a writer that was killed would leave it.
    fn left_behind(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(Lock::NAME), text).unwrap();
        folder
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_lock_of_a_dead_process_is_taken_over() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        Lock::acquire(left_behind(&format!("{} 12345\n", child.id())).path()).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_lock_of_a_reused_process_number_is_taken_over() {
        // Process 1 lives, but did not start at that tick.
        Lock::acquire(left_behind("1 18446744073709551615\n").path()).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_lock_of_a_living_process_is_kept() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let text = format!("{} {}\n", child.id(), start_of(child.id()).unwrap());
        let outcome = Lock::acquire(left_behind(&text).path());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(matches!(outcome, Err(Error::Locked { pid, .. }) if pid == child.id()));
    }

    #[test]
    fn an_empty_or_foreign_lock_file_is_taken_over() {
        Lock::acquire(left_behind("").path()).unwrap();
        Lock::acquire(left_behind("not a lock").path()).unwrap();
    }

    #[test]
    fn temporaries_of_killed_writers_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".model.rarefy.17-3.rarefy-tmp", "model.rarefy", ".hidden"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        drop(Lock::acquire(folder.path()).unwrap());
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".hidden", "model.rarefy"]);
    }

    #[test]
    fn of_many_that_race_for_a_stale_lock_one_wins() {
        let folder = left_behind("0 1\n");
        let held = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    if let Ok(lock) = Lock::acquire(folder.path()) {
                        held.lock().unwrap().push(lock);
                    }
                });
            }
        });
        assert_eq!(held.into_inner().unwrap().len(), 1);
    }
}
