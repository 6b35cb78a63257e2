//! Whatever stops a run, and whenever: resumed, it ends with the same bits.

mod common;

use std::process::Stdio;
use std::time::{Duration, Instant};

use common::Place;

/// Everything that must come out the same: three models.
const MODELS: [&str; 3] = ["model.rarefy", "twin.rarefy", "control.rarefy"];

/// A job of a second or so: sparse, twin and control.
const JOB: [&str; 7] =
    ["--control", "--set", "train.epochs=12", "--set", "sparsity.epochs-factor=2", "--set", "train.batch=8"];

/// The arguments of the job, writing to `out`.
fn job<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["fit", "small.toml", "--out", out, "-q"], &JOB[..], more].concat()
}

/// Runs the job to its end.
fn finish(place: &Place, out: &str, more: &[&str]) {
    let run = place.run(&job(out, more));
    assert_eq!(run.code, Some(0), "{}", run.err);
}

/// Compares the models of two folders.
fn assert_same(place: &Place, a: &str, b: &str) {
    for name in MODELS {
        assert!(place.bytes(&format!("{a}/{name}")) == place.bytes(&format!("{b}/{name}")), "{name} differs");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let place = Place::new();
    for (out, threads) in [("one", "1"), ("two", "2"), ("three", "3")] {
        place.fit(
            out,
            &["--control", "--threads", threads, "--set", "train.clip-norm=1", "--set", "train.accumulate=2"],
        );
    }
    assert_same(&place, "one", "two");
    assert_same(&place, "one", "three");
}

#[test]
fn case_72_killed_twenty_times_it_ends_with_the_same_bits() {
    let place = Place::new();
    let start = Instant::now();
    finish(&place, "whole", &[]);
    let whole = start.elapsed();
    // Moments spread over the run by a golden-ratio sequence: random enough, and the same each time.
    let mut kills = 0;
    let mut moment = 0.37f64;
    while kills < 20 {
        moment = (moment + 0.618_033_988_75).fract();
        let mut child =
            place.command(&job("out", &["--resume"])).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(0.05 + 0.2 * moment));
        if child.try_wait().unwrap().is_some() {
            // It came to its end: the next round begins a new run.
            assert_same(&place, "whole", "out");
            std::fs::remove_dir_all(place.path("out")).unwrap();
            continue;
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        kills += 1;
    }
    finish(&place, "out", &["--resume"]);
    assert_same(&place, "whole", "out");
}

#[test]
fn a_finished_run_resumes_to_itself() {
    let place = Place::new();
    place.fit("out", &[]);
    let before = place.bytes("out/twin.rarefy");
    std::fs::remove_file(place.path("out/twin.rarefy")).unwrap();
    // Without a recipe, the checkpoint's own is meant.
    let run = place.run(&["fit", "--resume", "--out", "out", "--json", "-q"]);
    assert_eq!(run.json()["epochs"], 2);
    assert_eq!(place.bytes("out/twin.rarefy"), before);
}

#[test]
fn resume_without_a_checkpoint_starts_anew_and_says_so() {
    let place = Place::new();
    let run = place.run(&["fit", "small.toml", "--resume", "--no-twin", "--out", "out"]);
    assert_eq!(run.code, Some(0));
    assert!(run.err.contains("no checkpoint, starting anew"), "{}", run.err);
}

/// Waits until a file is there, for a minute at most.
fn wait_for(path: &std::path::Path) {
    let start = Instant::now();
    while !path.exists() && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends SIGINT.
fn interrupt(child: &std::process::Child) {
    let done = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

#[cfg(unix)]
#[test]
fn case_75_one_interrupt_saves_and_ends_with_130() {
    let place = Place::new();
    finish(&place, "whole", &[]);
    let child = place.command(&job("out", &[])).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&place.path("out/checkpoint.rarefy"));
    std::thread::sleep(Duration::from_millis(150));
    let start = Instant::now();
    interrupt(&child);
    let run = common::Run::of(child.wait_with_output().unwrap());
    assert!(start.elapsed() < Duration::from_secs(5));
    run.fails(130, "`--resume` continues from out/checkpoint.rarefy");
    finish(&place, "out", &["--resume"]);
    assert_same(&place, "whole", "out");
}

#[cfg(unix)]
#[test]
fn case_75_two_interrupts_end_at_once() {
    let place = Place::new();
    // One epoch of this takes seconds, so the first interrupt alone would be answered too; the second must not wait.
    let long = job("out", &["--set", "train.epochs=100000"]);
    let mut child = place.command(&long).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(&place.path("out/checkpoint.rarefy"));
    interrupt(&child);
    interrupt(&child);
    let start = Instant::now();
    let status = child.wait().unwrap();
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(status.code(), Some(130));
}

#[test]
fn case_83_two_trainers_share_their_data() {
    let place = Place::new();
    place.fit("alone", &["--no-twin"]);
    let start = |out: &str| {
        let arguments = ["fit", "small.toml", "--out", out, "-q", "--no-twin"];
        place.command(&arguments).stdout(Stdio::null()).spawn().unwrap()
    };
    let mut both = [start("a"), start("b")];
    assert!(both.iter_mut().all(|child| child.wait().unwrap().success()));
    assert_eq!(place.bytes("a/model.rarefy"), place.bytes("alone/model.rarefy"));
    assert_eq!(place.bytes("b/model.rarefy"), place.bytes("alone/model.rarefy"));
}

#[test]
fn case_84_another_recipe_is_refused_with_the_difference() {
    let place = Place::new();
    place.fit("out", &["--no-twin"]);
    let model = place.bytes("out/model.rarefy");
    let run = place.run(&["fit", "small.toml", "--out", "out", "--no-twin", "--resume", "--seed", "8"]);
    run.fails(1, "the recipe differs: train.seed was 0, now it is 8");
    let run = place.run(&["fit", "small.toml", "--out", "out", "--resume"]);
    run.fails(1, "the recipe differs: twin.train was false, now it is true");
    assert_eq!(place.bytes("out/model.rarefy"), model);
}

#[test]
fn case_84_other_data_are_refused() {
    let place = Place::new();
    let rows: String = (0..60).map(|i| format!("{},{},{}\n", i, i % 7, ["a", "b"][i % 2])).collect();
    place.write("d.csv", &rows);
    place.write("d.toml", "[data]\ntrain = \"d.csv\"\n[model]\nlayers = [\"linear 2\"]\n[train]\nepochs = 1\n");
    let arguments = ["fit", "d.toml", "--out", "out", "-q", "--resume"];
    assert_eq!(place.run(&arguments).code, Some(0));
    place.write("d.csv", &rows.replace("59,", "58,"));
    place.run(&arguments).fails(1, "the data differ");
}

#[test]
fn case_84_another_version_is_refused() {
    use rarefy::model::container::Container;
    let place = Place::new();
    place.fit("out", &["--no-twin"]);
    let path = place.path("out/checkpoint.rarefy");
    let mut container = Container::read(&path, "run", 1).unwrap();
    container.manifest["rarefy"] = "0.0.1".into();
    container.write(&path).unwrap();
    place
        .run(&["fit", "small.toml", "--out", "out", "--no-twin", "--resume"])
        .fails(1, "made by Rarefy 0.0.1, this is");
}

#[test]
fn a_damaged_checkpoint_is_refused_and_left_alone() {
    let place = Place::new();
    place.fit("out", &["--no-twin"]);
    let mut bytes = place.bytes("out/checkpoint.rarefy");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(place.path("out/checkpoint.rarefy"), &bytes).unwrap();
    place.run(&["fit", "small.toml", "--out", "out", "--no-twin", "--resume"]).fails(1, "checksum");
    assert_eq!(place.bytes("out/checkpoint.rarefy"), bytes);
}
