//! Files on disks that fail, and files replaced under a reader.

mod common;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use common::artifact;
use rarefy_model::Fault;
use rarefy_model::artifact::Artifact;
use rarefy_model::file::{FaultyDisk, When, write_aside, write_aside_on};

/// ADVERSARIAL 73: whatever fails, the old model stays whole and nothing else stays.
#[cfg(target_os = "linux")]
#[test]
fn a_failing_disk_leaves_the_last_good_file_and_no_other() {
    let bytes = artifact().to_bytes().unwrap();
    let lengths = [0, 1, 7, 8, 100, bytes.len() as u64 - 1];
    let steps = lengths.map(When::Bytes).into_iter().chain([When::Create, When::Sync, When::Rename]);
    for when in steps {
        for (code, fault) in [(28, Fault::Full), (5, Fault::Device), (122, Fault::Quota)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("model.rarefy");
            artifact().write(&path).unwrap();
            let disk = FaultyDisk::new(when, code);
            let error = write_aside_on(&disk, &path, |out| out.write_all(&bytes)).unwrap_err();
            assert_eq!(error.fault(), Some(fault), "{when:?}: {error}");
            assert_eq!(Artifact::read(&path).unwrap(), artifact(), "{when:?}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{when:?}");
        }
    }
}

/// ADVERSARIAL 73: a first write that fails leaves no half file under the final name.
#[cfg(target_os = "linux")]
#[test]
fn a_failing_first_write_leaves_nothing() {
    for when in [When::Create, When::Bytes(100), When::Sync, When::Rename] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.rarefy");
        write_aside_on(&FaultyDisk::new(when, 28), &path, |out| out.write_all(&[7; 1000])).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{when:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_message_names_file_step_reason_and_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.rarefy");
    let error = write_aside_on(&FaultyDisk::new(When::Bytes(0), 28), &path, |out| out.write_all(&[7; 10])).unwrap_err();
    let message = error.to_string();
    let parts =
        ["model.rarefy: could not write", "No space left on device", "free some space or choose another folder"];
    assert!(parts.iter().all(|part| message.contains(part)), "{message}");
}

/// ADVERSARIAL 82.
#[test]
fn readers_see_the_old_or_the_new_model_and_never_a_mix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.rarefy");
    let mut other = artifact();
    other.training.insert("seed".to_owned(), "2 ".repeat(5000));
    let versions = [artifact(), other];
    versions[0].write(&path).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = [0; 2];
                    while !done.load(Ordering::Relaxed) {
                        let read = Artifact::read(&path).unwrap();
                        let which = versions.iter().position(|version| *version == read);
                        seen[which.expect("neither the old nor the new model")] += 1;
                    }
                    seen
                })
            })
            .collect();
        for i in 0..200 {
            write_aside(&path, &versions[i % 2].to_bytes().unwrap()).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        let seen: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        assert!(seen.iter().any(|counts| counts[0] + counts[1] > 10), "readers hardly read: {seen:?}");
    });
}
