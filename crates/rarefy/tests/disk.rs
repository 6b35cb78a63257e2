//! ADVERSARIAL case 73: a disk that fills up or breaks stops the run, and the last good checkpoint stays.

use std::path::Path;

use rarefy::model::Fault;
use rarefy::model::file::{FaultyDisk, When};
use rarefy::{Error, Job, Options, Recipe};

fn recipe() -> Recipe {
    let text = "[data]\ntrain = \"digits\"\n[model]\nlayers = [\"linear 32\", \"relu\", \"linear 10\"]\n\
                [train]\nepochs = 6\n[sparsity]\ntarget = 0.5\n";
    Recipe::parse(text, "test").unwrap()
}

fn options(out: &Path, resume: bool) -> Options {
    Options { out: out.to_owned(), resume }
}

/// The models that an undisturbed run leaves.
fn undisturbed() -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    rarefy::fit(recipe(), &options(folder.path(), false), &(), &mut |_| {}).unwrap();
    models(folder.path())
}

fn models(folder: &Path) -> (Vec<u8>, Vec<u8>) {
    let read = |name| std::fs::read(folder.join(name)).unwrap();
    (read("model.rarefy"), read("twin.rarefy"))
}

#[test]
fn case_73_a_disk_that_fills_up_leaves_the_last_good_checkpoint() {
    let whole = undisturbed();
    for (code, fault) in [(28, Fault::Full), (5, Fault::Device), (122, Fault::Quota)] {
        // Room for the first files and some checkpoints, up to the middle of one.
        for room in [10_000, 40_000, 90_000] {
            let folder = tempfile::tempdir().unwrap();
            let disk = Box::new(FaultyDisk::new(When::Bytes(room), code));
            let result = Job::open_on(recipe(), &options(folder.path(), false), disk)
                .and_then(|mut job| job.run(&(), &mut |_| {}));
            let error = match result.expect_err(&format!("no error with room for {room} bytes")) {
                Error::Model(error) => error,
                other => panic!("{other}"),
            };
            assert_eq!(error.fault(), Some(fault), "{error}");
            let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert!(left.iter().all(|name| !name.to_string_lossy().ends_with("-tmp")), "{left:?}");
            rarefy::fit(recipe(), &options(folder.path(), true), &(), &mut |_| {}).unwrap();
            assert!(models(folder.path()) == whole, "code {code}, room {room}");
        }
    }
}

#[test]
fn case_73_a_disk_that_cannot_be_written_to_at_all_is_found_before_training() {
    let folder = tempfile::tempdir().unwrap();
    for when in [When::Create, When::Sync, When::Rename] {
        let disk = Box::new(FaultyDisk::new(when, 5));
        let error = Job::open_on(recipe(), &options(folder.path(), false), disk).err().unwrap();
        assert!(matches!(&error, Error::Model(error) if error.fault() == Some(Fault::Device)), "{error}");
    }
}
