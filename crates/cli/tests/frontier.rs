//! The curve of accuracy against sparsity: whatever stops it, and whenever, it ends with the same models.

mod common;

use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Place, names};
use serde_json::Value;

/// A frontier of the small recipe into `out`.
fn frontier<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let all = ["frontier", "small.toml", "--sparsities", "0.5,0.9,0.97", "--seeds", "2", "-q", "--out", out];
    [&all[..], more].concat()
}

/// The points of that frontier, and the models of each.
const POINTS: [(&str, &[&str]); 8] = [
    ("0.5-seed-0", &["model", "control"]),
    ("0.5-seed-1", &["model", "control"]),
    ("0.9-seed-0", &["model", "control"]),
    ("0.9-seed-1", &["model", "control"]),
    ("0.97-seed-0", &["model", "control"]),
    ("0.97-seed-1", &["model", "control"]),
    ("dense-seed-0", &["twin"]),
    ("dense-seed-1", &["twin"]),
];

/// Compares the models of two frontiers, and their tables apart from times.
fn assert_same(place: &Place, a: &str, b: &str) {
    for (point, models) in POINTS {
        for model in models {
            let bytes = |out: &str| place.bytes(&format!("{out}/points/{point}/{model}.rarefy"));
            assert!(bytes(a) == bytes(b), "{model} of {point} differs");
        }
    }
    assert_eq!(table(place, a), table(place, b));
}

/// The table of all models, without the times at the end of each row.
fn table(place: &Place, out: &str) -> Vec<String> {
    let text = String::from_utf8(place.bytes(&format!("{out}/frontier.csv"))).unwrap();
    text.lines().map(|line| line.rsplitn(4, ',').last().unwrap().to_owned()).collect()
}

#[test]
fn a_frontier_has_every_model_and_says_which_is_best() {
    let place = Place::new();
    let run = place.run(&frontier("out", &["--json"]));
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    let json = run.json();
    assert_eq!(names(&place.path("out/points")), POINTS.map(|(name, _)| name));
    let files = ["frontier.csv", "frontier.html", "frontier.json", "plan.json", "points", "recipe.toml"];
    assert_eq!(names(&place.path("out")), files);
    let points = json["points"].as_array().unwrap();
    assert_eq!((points.len(), table(&place, "out").len()), (14, 15));
    // 64 × 48 + 48 × 10 entries; a frontier's figures are those that eval finds.
    for point in points {
        let (role, nnz) = (point["role"].as_str().unwrap(), point["nnz"].as_u64().unwrap() as f64);
        match role {
            "sparse" => assert!(nnz <= (1.0 - point["sparsity"].as_f64().unwrap()) * 3552.0 + 1e-6, "{point}"),
            "twin" => assert_eq!(nnz, 3552.0),
            _ => assert!(nnz < 2000.0, "{point}"),
        }
        let model = format!("out/{}", point["model"].as_str().unwrap());
        let found = place.run(&["eval", &model, "digits", "--json"]).json();
        assert_eq!((&found["accuracy"], &found["loss"]), (&point["accuracy"], &point["loss"]));
    }
    // Means and spreads over seeds, by the textbook.
    let of = |role: &str, sparsity: &Value| -> Vec<f64> {
        let chosen = points.iter().filter(|point| point["role"] == role && point["sparsity"] == *sparsity);
        chosen.map(|point| point["accuracy"].as_f64().unwrap()).collect()
    };
    let summary = json["summary"].as_array().unwrap();
    assert_eq!(summary.len(), 7);
    for kind in summary {
        let [a, b] = of(kind["role"].as_str().unwrap(), &kind["sparsity"])[..] else { panic!("two seeds: {kind}") };
        assert!((kind["accuracy"]["mean"].as_f64().unwrap() - (a + b) / 2.0).abs() < 1e-12);
        assert!((kind["accuracy"]["deviation"].as_f64().unwrap() - (a - b).abs() / 2f64.sqrt()).abs() < 1e-12);
    }
    let page = String::from_utf8(place.bytes("out/frontier.html")).unwrap();
    assert!(page.contains("Test accuracy by nonzeros") && page.contains("small dense") && !page.contains("<script"));
}

#[test]
fn a_frontiers_models_are_those_of_fit_on_any_number_of_threads() {
    let place = Place::new();
    for (out, threads) in [("one", "1"), ("two", "2"), ("five", "5")] {
        let run = place.run(&frontier(out, &["--threads", threads]));
        assert_eq!(run.code, Some(0), "{}", run.err);
    }
    assert_same(&place, "one", "two");
    assert_same(&place, "one", "five");
    place.fit("fit", &["--set", "sparsity.target=0.9", "--seed", "1", "--json"]);
    let weights = |model: &str| -> Value { place.run(&["inspect", model, "--json"]).json()["layers"].clone() };
    assert_eq!(weights("fit/model.rarefy"), weights("one/points/0.9-seed-1/model.rarefy"));
    let answers = |model: &str| place.run(&["predict", model, "digits", "--probabilities"]).out;
    assert_eq!(answers("fit/model.rarefy"), answers("one/points/0.9-seed-1/model.rarefy"));
    assert_eq!(answers("fit/twin.rarefy"), answers("one/points/dense-seed-1/twin.rarefy"));
}

#[test]
fn killed_at_any_moment_it_resumes_to_the_same_models() {
    let place = Place::new();
    // Longer, so that there is something to interrupt.
    let longer = ["--set", "train.epochs=8", "--set", "train.batch=8"];
    let start = Instant::now();
    assert_eq!(place.run(&frontier("whole", &longer)).code, Some(0));
    let whole = start.elapsed();
    let again = frontier("out", &[&longer[..], &["--resume"]].concat());
    let mut moment = 0.37f64;
    for _ in 0..8 {
        moment = (moment + 0.618_033_988_75).fract();
        let mut child = place.command(&again).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(0.02 + 0.15 * moment));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap(); // SIGKILL
        }
        child.wait().unwrap();
    }
    assert_eq!(place.run(&again).code, Some(0));
    assert_same(&place, "whole", "out");
}

#[test]
fn a_finished_point_is_not_trained_again_and_more_may_be_asked_for() {
    let place = Place::new();
    assert_eq!(place.run(&frontier("out", &["--no-twin", "--no-control"])).code, Some(0));
    let stamp = |point: &str| {
        std::fs::metadata(place.path(&format!("out/points/{point}/checkpoint.rarefy"))).unwrap().modified().unwrap()
    };
    let before: Vec<_> = ["0.5-seed-0", "0.97-seed-1"].map(stamp).into();
    // Without a recipe, what was asked for then is meant; a lost table and report come back.
    std::fs::remove_file(place.path("out/frontier.csv")).unwrap();
    let run = place.run(&["frontier", "--resume", "--out", "out", "--json"]);
    assert!(run.err.contains("6 trainings, 6 finished before") && run.json()["points"].as_array().unwrap().len() == 6);
    // One more sparsity: two points more.
    let run = place.run(&["frontier", "--resume", "--out", "out", "--sparsities", "0.5,0.8,0.9,0.97", "--json"]);
    assert!(run.err.contains("8 trainings, 6 finished before"), "{}", run.err);
    // A model that was lost comes back from its checkpoint.
    let model = place.bytes("out/points/0.9-seed-0/model.rarefy");
    std::fs::remove_file(place.path("out/points/0.9-seed-0/model.rarefy")).unwrap();
    assert_eq!(place.run(&["frontier", "--resume", "--out", "out", "-q"]).code, Some(0));
    assert!(place.bytes("out/points/0.9-seed-0/model.rarefy") == model);
    assert_eq!(before, ["0.5-seed-0", "0.97-seed-1"].map(stamp));
    // Another recipe is another frontier.
    place
        .run(&frontier("out", &["--no-twin", "--no-control", "--resume", "--set", "train.batch=32"]))
        .fails(1, "cannot resume: the recipe differs: train.batch was 64, now it is 32");
    let run = place.run(&frontier("out", &["--no-twin", "--no-control", "--set", "train.batch=32"]));
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(stamp("0.5-seed-0") > before[0]);
}

#[cfg(unix)]
#[test]
fn an_interrupt_saves_every_worker_and_ends_with_130() {
    let place = Place::new();
    let long = ["--threads", "2", "--set", "train.epochs=400", "--set", "train.batch=8"];
    let child = place.command(&frontier("out", &long)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    let checkpoint = place.path("out/points/dense-seed-1/checkpoint.rarefy");
    while !checkpoint.exists() && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let run = common::Run::of(child.wait_with_output().unwrap());
    run.fails(130, "`--resume` continues from out");
}

#[test]
fn what_is_wrong_is_told_before_training() {
    let place = Place::new();
    let with = |more: &[&str]| place.run(&[&["frontier", "small.toml", "--out", "out"], more].concat());
    with(&["--sparsities", "0.5,1"]).fails(2, "sparsities: 1 found, expected numbers above 0 and below 1");
    with(&["--sparsities", "0.5,nan"]).fails(2, "sparsities: NaN found");
    with(&["--sparsities", "0.5,0.9,0.5"]).fails(2, "0.5 stands there twice");
    with(&["--sparsities", "0.5 0.9"]).fails(2, "--sparsities");
    with(&["--seeds", "0"]).fails(2, "seeds: 0 found, expected 1 to");
    with(&["--seeds", "1000000000"]).fails(2, "seeds: 1000000000 found");
    with(&["--seed", "9223372036854775807"]).fails(2, "leave the range of seeds");
    with(&["--set", "sparsity.method=dense"]).fails(2, "sparsity.method: is dense, expected a method");
    with(&["--set", "data.train=none.csv"]).fails(1, "none.csv");
    assert!(!place.path("out").exists());
    // A point that diverges is named, with the exit code of divergence.
    let diverging = ["--set", "train.optimizer=sgd", "--set", "train.learning-rate=1e36", "--no-twin", "-q"];
    let run = with(&diverging);
    run.fails(4, "sparsity 0.5, seed ");
    assert!(run.err.contains("diverged at step"), "{}", run.err);
    // One writer.
    let lock = rarefy::model::file::Lock::acquire(&place.path("out")).unwrap();
    with(&[]).fails(6, "locked by the running process");
    drop(lock);
    place.write("out/plan.json", "{}");
    place.run(&["frontier", "--resume", "--out", "out"]).fails(1, "plan.json: missing field");
}

#[test]
fn values_have_a_frontier_of_loss() {
    let place = Place::new();
    let rows: String = (0..120)
        .map(|i| format!("{},{},{}\n", i % 11, i % 7, 0.5 * f64::from(i % 11) - 0.25 * f64::from(i % 7)))
        .collect();
    place.write("v.csv", &format!("a,b,y\n{rows}"));
    place.write(
        "v.toml",
        "[data]\ntrain = \"v.csv\"\n[model]\nlayers = [\"linear 16\", \"relu\", \"linear 1\"]\n[train]\nepochs = 8\nbatch = 16\n",
    );
    let run = place.run(&["frontier", "v.toml", "--sparsities", "0.3,0.5,0.7", "--seeds", "1", "--out", "out"]);
    assert!(run.out.contains("test loss") && run.out.contains("no spread without a second"), "{} {}", run.out, run.err);
    let page = String::from_utf8(place.bytes("out/frontier.html")).unwrap();
    assert!(page.contains("Test loss by nonzeros"));
}
