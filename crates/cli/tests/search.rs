//! The sparsest model within some points of its twin.

mod common;

use std::process::Stdio;
use std::time::{Duration, Instant};

use common::Place;

/// A search of a second or so: every model trains 20 epochs.
const JOB: [&str; 10] = [
    "fit",
    "small.toml",
    "-q",
    "--json",
    "--set",
    "sparsity.within=6",
    "--set",
    "train.epochs=20",
    "--set",
    "train.batch=16",
];

#[test]
fn a_search_says_what_it_tried_and_keeps_the_sparsest_that_holds() {
    let place = Place::new();
    let run = place.run(&[&JOB[..], &["--out", "out"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.err);
    let json = run.json();
    let search = &json["search"];
    let tried = search["tried"].as_array().unwrap();
    let chosen = &tried[search["chosen"].as_u64().unwrap() as usize];
    assert_eq!((&search["held"], search["within"].as_f64()), (&chosen["held"], Some(6.0)));
    assert_eq!(search["measure"], "accuracy");
    assert!(tried.len() >= 3 && search["held"].as_bool().unwrap(), "{search}");
    assert!(
        tried.iter().any(|one| !one["held"].as_bool().unwrap()),
        "it stopped before a sparsity was too much: {search}"
    );
    for one in tried {
        let (sparsity, at_most) = (one["sparsity"].as_f64().unwrap(), one["at_most"].as_f64().unwrap());
        assert_eq!(one["held"].as_bool().unwrap(), at_most <= 6.0);
        assert!(one["below"].as_f64().unwrap() <= at_most);
        assert!(!one["held"].as_bool().unwrap() || sparsity <= chosen["sparsity"].as_f64().unwrap());
    }
    // The model is the chosen one, and says how to train it again.
    assert_eq!(json["nnz"], chosen["nnz"]);
    let told = String::from_utf8_lossy(&place.bytes("out/model.rarefy")).into_owned();
    assert!(told.contains(&format!("target = {}", chosen["sparsity"])) && !told.contains("within ="), "{told}");
    let report = String::from_utf8(place.bytes("out/report.html")).unwrap();
    assert!(report.contains("not surely within 6") && report.contains(&format!("The sparsest of {}", tried.len())));
}

#[test]
fn a_search_that_is_killed_goes_on_to_the_same_model() {
    let place = Place::new();
    let start = Instant::now();
    assert_eq!(place.run(&[&JOB[..], &["--out", "whole"]].concat()).code, Some(0));
    let whole = start.elapsed();
    for part in [0.3, 0.4, 0.35] {
        let mut child = place
            .command(&[&JOB[..], &["--out", "out", "--resume"]].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole.mul_f64(part).max(Duration::from_millis(50)));
        let _ = child.kill(); // SIGKILL; it may have ended
        child.wait().unwrap();
    }
    let run = place.run(&[&JOB[..], &["--out", "out", "--resume"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.err);
    for name in ["model.rarefy", "twin.rarefy"] {
        assert!(place.bytes(&format!("whole/{name}")) == place.bytes(&format!("out/{name}")), "{name} differs");
    }
}

#[test]
fn what_has_no_accuracy_is_refused_before_training() {
    let place = Place::new();
    place.write("data.csv", "x,y\n1,2.5\n2,3.5\n3,4.25\n4,5.5\n5,6\n6,7\n7,8\n8,9\n9,10.5\n10,11\n");
    let recipe =
        "[data]\ntrain = \"data.csv\"\ntask = \"values\"\n[model]\nlayers = [\"linear 1\"]\n[sparsity]\nwithin = 0.5\n";
    place.write("values.toml", recipe);
    place
        .run(&["fit", "values.toml"])
        .fails(2, "sparsity.within: compares accuracies, which these targets have none of");
}
