//! Sets of classes from the recipe to the answers.

mod common;

use common::Place;

/// The features that rows of a label tend to have, of 120.
fn features(label: usize) -> impl Iterator<Item = usize> {
    (0..6).map(move |k| 1 + (label * 37 + k * k * 13 + k) % 120)
}

/// Rows of up to three of 12 labels, `t00` to `t11`, each row with the features of all its labels; every tenth has no label.
fn rows(range: std::ops::Range<usize>) -> String {
    let row = |i: usize| {
        let mut labels: Vec<usize> = (0..i % 3 + 1).map(|k| (i * 5 + k * k * 4 + i / 12) % 12).collect();
        labels.sort_unstable();
        labels.dedup();
        if i % 10 == 9 {
            labels.clear();
        }
        let mut found: Vec<usize> = labels.iter().flat_map(|&label| features(label)).chain([1 + i * 7 % 120]).collect();
        found.sort_unstable();
        found.dedup();
        let names: Vec<String> = labels.iter().map(|label| format!("t{label:02}")).collect();
        let pairs: Vec<String> = found.iter().map(|j| format!("{j}:1")).collect();
        format!("{} {}\n", names.join(","), pairs.join(" "))
    };
    range.map(row).collect()
}

/// A recipe with this last layer and this loss.
fn recipe(last: &str) -> String {
    format!(
        "[data]\ntrain = \"train.svm\"\ntest = \"test.svm\"\nvalidation = 0.2\ntask = \"labels\"\n\
         [model]\nlayers = [\"linear 48\", \"relu\", \"{last}\"]\n\
         [train]\nbatch = 16\nepochs = 12\nlearning-rate = 1e-2\n[sparsity]\ntarget = 0.5\nevery = 10\n"
    )
}

fn place() -> Place {
    let place = Place::new();
    place.write("train.svm", &rows(0..400));
    place.write("test.svm", &rows(400..500));
    place.write("whole.toml", &recipe("linear 12"));
    place.write("sampled.toml", &recipe("sampled-linear 12 6"));
    place
}

const RANKS: [&str; 3] = ["precision_at_1", "precision_at_3", "precision_at_5"];

#[test]
fn sets_of_classes_are_fitted_evaluated_predicted_and_inspected() {
    let place = place();
    let fitted = place.run(&["fit", "whole.toml", "--out", "out", "--json", "-q"]).json();
    for model in [&fitted, &fitted["twin"]] {
        let [at_1, at_3, at_5] = RANKS.map(|rank| model[rank].as_f64().unwrap());
        // A tenth of the rows has no label; 1.5 labels a row are 0.5 of three and 0.3 of five at most.
        assert!(at_1 > 0.85 && at_1 <= 0.9 && at_3 > 0.45 && at_3 <= 0.5 && at_5 > 0.28 && at_5 <= 0.3, "{model}");
        assert!(model.get("accuracy").is_none());
    }
    let found = place.run(&["eval", "out/model.rarefy", "test.svm", "--json"]).json();
    for key in ["precision_at_1", "precision_at_3", "precision_at_5", "loss"] {
        assert_eq!(found[key], fitted[key], "{key}");
    }
    let text = place.run(&["eval", "out/model.rarefy", "test.svm"]).out;
    assert!(text.contains("precision@5") && !text.contains("accuracy"), "{text}");
    assert!(place.run(&["inspect", "out/model.rarefy"]).out.contains("sets of 12 classes"));

    let answers = place.run(&["predict", "out/model.rarefy", "test.svm", "--json"]).json();
    let labels = answers["labels"].as_array().unwrap();
    assert!(labels.len() == 100 && labels.iter().all(|row| row.as_array().unwrap().len() == 5));
    let first =
        |line: &str, row: usize| line.split(' ').next().unwrap().split(',').any(|label| labels[row][0] == label);
    let right = rows(400..500).lines().enumerate().filter(|(row, line)| first(line, *row)).count();
    assert_eq!(right as f64 / 100.0, fitted["precision_at_1"].as_f64().unwrap());
    for row in answers["scores"].as_array().unwrap() {
        let row: Vec<f64> = row.as_array().unwrap().iter().map(|score| score.as_f64().unwrap()).collect();
        assert!(row.is_sorted_by(|a, b| a >= b) && row[0] <= 1.0 && row[4] >= 0.0, "{row:?}");
    }
    // Without labels, two of them.
    let bare: String = rows(400..500).lines().map(|line| format!("{}\n", line.split_once(' ').unwrap().1)).collect();
    place.write("bare.svm", &bare);
    let text = place.run(&["predict", "out/model.rarefy", "bare.svm", "--top", "2"]).out;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (101, "label_1,score_1,label_2,score_2"));
    let cells: Vec<&str> = lines[1].split(',').collect();
    assert_eq!((cells.len(), cells[0], cells[2]), (4, labels[0][0].as_str().unwrap(), labels[0][1].as_str().unwrap()));
    place.run(&["eval", "out/model.rarefy", "bare.svm"]).fails(1, "no row has a label");
    place.run(&["predict", "out/model.rarefy", "bare.svm", "--probabilities"]).fails(1, "use --top");
}

#[test]
fn a_sample_of_the_outputs_learns_too_and_epochs_tell_precision() {
    let place = place();
    let run = place.run(&["fit", "sampled.toml", "--out", "out", "--no-twin"]);
    assert!(run.out.contains("test precision@1") && run.out.contains("test precision@5"), "{}", run.out);
    assert!(run.err.contains("validation precision@1 ") && !run.err.contains("accuracy"), "{}", run.err);
    let report = String::from_utf8(place.bytes("out/report.html")).unwrap();
    assert!(report.contains("Validation precision@1 by epoch") && !report.contains("ccuracy by"));
    let csv = String::from_utf8(place.bytes("out/metrics.csv")).unwrap();
    let names: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let last: Vec<&str> = csv.lines().last().unwrap().split(',').collect();
    let cell = |name: &str| last[names.iter().position(|found| *found == name).unwrap()];
    let [at_1, at_3, at_5] = RANKS.map(|rank| cell(&format!("validation_{rank}")).parse::<f64>().unwrap());
    assert!(at_1 > 0.8 && at_3 < at_1 && at_5 < at_3 && cell("validation_accuracy").is_empty(), "{csv}");
    // A sample of the outputs does not tell what the first label would be.
    assert_eq!(cell("train_precision_at_1"), "");
    let found = place.run(&["eval", "out/model.rarefy", "test.svm", "--json"]).json();
    assert!(found["precision_at_1"].as_f64().unwrap() > 0.8, "{found}");
}

#[test]
fn the_example_is_for_data_of_ones_own() {
    let place = place();
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/labels.toml");
    let layers = "model.layers=[\"linear 48\", \"relu\", \"sampled-linear 12 6\"]";
    let run = place.run(&["fit", example.to_str().unwrap(), "--set", layers, "--out", "out", "--json", "-q"]);
    assert!(run.code == Some(0) && run.json()["precision_at_1"].as_f64().is_some(), "{}", run.err);
}

#[test]
fn stopping_at_an_accuracy_looks_at_the_first_label_and_resuming_changes_no_bit() {
    let place = place();
    let fit = |out: &str, more: &[&str]| {
        let run = place.run(&[&["fit", "whole.toml", "--out", out, "--json", "-q", "--no-twin"], more].concat());
        assert_eq!(run.code, Some(0), "{}", run.err);
        run.json()
    };
    let stopped = fit("a", &["--set", "stop.accuracy=0.5"]);
    assert!(stopped["ended"] == "accuracy" && stopped["epochs"].as_u64().unwrap() < 12, "{stopped}");
    fit("b", &["--set", "stop.accuracy=0.5"]);
    let metrics = place.bytes("b/metrics.csv");
    fit("b", &["--set", "stop.accuracy=0.5", "--resume"]);
    assert_eq!(place.bytes("a/model.rarefy"), place.bytes("b/model.rarefy"));
    assert_eq!(place.bytes("b/metrics.csv"), metrics);
}

#[test]
fn a_search_within_points_of_the_twin_judges_by_the_first_label() {
    let place = place();
    let run = place.run(&["fit", "whole.toml", "--out", "out", "--json", "--set", "sparsity.within=8"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.err.contains("validation precision@1") && run.err.contains("points below the twin"), "{}", run.err);
    let json = run.json();
    let search = &json["search"];
    let tried = search["tried"].as_array().unwrap();
    let chosen = &tried[search["chosen"].as_u64().unwrap() as usize];
    assert!(search["measure"] == "precision@1" && search["held"] == true && tried.len() >= 2, "{search}");
    assert_eq!(json["nnz"], chosen["nnz"]);
    // What the trainer counted at the end of each model's last epoch says the same.
    let csv = String::from_utf8(place.bytes("out/metrics.csv")).unwrap();
    let at = csv.lines().next().unwrap().split(',').position(|name| name == "validation_precision_at_1").unwrap();
    let last = |model: &str| {
        let row = csv.lines().rfind(|line| line.starts_with(model)).unwrap();
        row.split(',').nth(at).unwrap().parse::<f64>().unwrap()
    };
    let right = chosen["validation_right"].as_f64().unwrap();
    assert!((right - last("sparse,")).abs() < 1e-9, "{search}\n{csv}");
    assert!((100.0 * (last("twin,") - right) - chosen["below"].as_f64().unwrap()).abs() < 1e-6, "{search}\n{csv}");
    let report = String::from_utf8(place.bytes("out/report.html")).unwrap();
    assert!(report.contains("validation precision@1") && !report.contains("validation accuracy"));
}

#[test]
fn a_frontier_of_sets_of_classes_is_drawn_by_precision() {
    let place = place();
    let arguments = ["frontier", "whole.toml", "--sparsities", "0.5,0.9", "--seeds", "1", "--no-control", "--out", "f"];
    let run = place.run(&[&arguments[..], &["--set", "train.epochs=3"]].concat());
    assert!(run.code == Some(0) && run.out.contains("test precision@1"), "{run:?}");
    let csv = String::from_utf8(place.bytes("f/frontier.csv")).unwrap();
    assert!(csv.lines().next().unwrap().contains("test_precision_at_1") && csv.lines().count() == 4, "{csv}");
    let page = String::from_utf8(place.bytes("f/frontier.html")).unwrap();
    assert!(page.contains("Test precision@1 by nonzeros") && !page.contains("accuracy"));
}

#[test]
fn what_does_not_fit_is_named_before_training() {
    let place = place();
    let fit = |set: &[&str]| {
        let set: Vec<&str> = set.iter().flat_map(|set| ["--set", set]).collect();
        place.run(&[&["fit", "whole.toml", "--out", "none", "-q"], &set[..]].concat())
    };
    fit(&["train.loss=cross-entropy"])
        .fails(2, "train.loss: cross-entropy: the targets are sets of labels, expected classes");
    fit(&["train.loss=squared-error"]).fails(2, "sets of labels, expected numbers; use label-cross-entropy");
    fit(&["train.loss=label-cross-entropy", "data.train=digits", "data.test=digits", "data.task=auto"])
        .fails(2, "has 12 outputs, expected one for each of 10 classes");
    let one =
        ["train.loss=label-cross-entropy", "data.train=digits", "data.test=digits", "model.layers=[\"linear 10\"]"];
    fit(&one).fails(1, "the labels are one class a row, expected sets of classes, as data.task is labels");
    fit(&[&one[..], &["data.task=auto"]].concat())
        .fails(2, "label-cross-entropy: the targets are not sets of labels; use cross-entropy");
    fit(&["model.layers=[\"linear 11\"]"]).fails(2, "has 11 outputs, expected one for each of 12 classes");
    place.write("test.svm", &format!("{}t12 1:1\n", rows(400..420)));
    fit(&[]).fails(1, "label \"t12\"");
    place.write("test.svm", "1:1 2:1\n3:1\n");
    fit(&[]).fails(1, "test.svm: no row has a label");
    place.write("train.svm", "1:1 2:1\n120:1\n");
    fit(&[]).fails(1, "train.svm: no labels");
    place.write("train.svm", "t01,t01 1:1 2:1\n120:1\n");
    fit(&[]).fails(1, "label \"t01\" twice");
    assert!(!place.path("none").exists());
}
