//! Sparse files from the recipe to the answers.

mod common;

use common::Place;

/// Rows whose class is the kind of feature that most of their features are; the last features never occur in the second half.
fn rows(range: std::ops::Range<usize>, first: usize) -> String {
    range
        .map(|i| {
            let class = i % 3;
            let mut indices: Vec<usize> =
                (0..4).map(|k| class + 3 * ((i * 7 + k * 11) % 30)).chain([(i * 5) % 90]).collect();
            indices.sort_unstable();
            indices.dedup();
            let pairs: Vec<String> = indices.iter().map(|j| format!("{}:{}", j + first, 1 + i % 2)).collect();
            format!("{} {}\n", ["red", "green", "blue"][class], pairs.join(" "))
        })
        .collect()
}

const RECIPE: &str = "\
[data]
train = \"train.svm\"
test = \"test.svm\"
validation = 0.2
[model]
layers = [\"linear 32\", \"relu\", \"linear 3\"]
[train]
batch = 16
epochs = 8
learning-rate = 1e-2
[sparsity]
target = 0.5
every = 5
";

#[test]
fn svmlight_data_are_fitted_evaluated_predicted_and_inspected() {
    let place = Place::new();
    place.write("train.svm", &format!("red 89:1 90:1\n{}", rows(0..240, 1)));
    place.write("test.svm", &rows(240..300, 1));
    place.write("text.toml", RECIPE);
    let fitted = place.run(&["fit", "text.toml", "--out", "out", "--json", "-q"]).json();
    assert!(fitted["accuracy"].as_f64().unwrap() > 0.9, "{fitted}");
    let found = place.run(&["eval", "out/model.rarefy", "test.svm", "--json"]).json();
    assert_eq!((found["accuracy"].as_f64(), found["rows"].as_u64()), (fitted["accuracy"].as_f64(), Some(60)));
    let answers = place.run(&["predict", "out/model.rarefy", "test.svm", "--json"]).json();
    assert_eq!(answers["classes"].as_array().unwrap().len(), 60);
    // The same rows without labels, and compressed.
    let bare: String = rows(240..300, 1).lines().map(|line| format!("{}\n", line.split_once(' ').unwrap().1)).collect();
    place.write("bare.svm", &bare);
    let run = place.shell("gzip -k bare.svm && $R predict out/model.rarefy bare.svm.gz --json");
    assert_eq!(run.json()["classes"], answers["classes"]);
    let layers = place.run(&["inspect", "out/model.rarefy", "--json"]).json();
    assert_eq!(layers["inputs"], 90);
    place.write("wide.svm", "red 91:1\n");
    place.run(&["eval", "out/model.rarefy", "wide.svm"]).fails(1, "feature index 91");
}

#[test]
fn the_first_index_of_the_training_data_is_that_of_all_others() {
    let place = Place::new();
    place.write("train.svm", &format!("red 0:1 89:1\n{}", rows(0..240, 0)));
    // No row of these has feature 0: alone they would be taken to count from 1.
    let tested: String =
        rows(240..300, 0).lines().filter(|line| !line.contains(" 0:")).map(|l| format!("{l}\n")).collect();
    place.write("test.svm", &tested);
    place.write("text.toml", RECIPE);
    let fitted = place.run(&["fit", "text.toml", "--out", "out", "--json", "-q", "--no-twin"]).json();
    let found = place.run(&["eval", "out/model.rarefy", "test.svm", "--json"]).json();
    assert_eq!(found["accuracy"], fitted["accuracy"]);
    assert!(found["accuracy"].as_f64().unwrap() > 0.9, "{found}");
}

#[test]
fn options_of_sparse_data_are_keys_of_the_recipe() {
    let place = Place::new();
    let unsorted: String = rows(0..60, 1).lines().map(|line| format!("{line} 1:1\n")).collect();
    place.write("train.svm", &unsorted);
    place.write("text.toml", &RECIPE.replace("test = \"test.svm\"\n", ""));
    let fit = |more: &[&str]| place.run(&[&["fit", "text.toml", "--out", "out", "-q", "--no-twin"], more].concat());
    fit(&[]).fails(1, "rising order");
    fit(&["--set", "data.sort=true"]).fails(1, "twice");
    let run = fit(&["--set", "data.sort=true", "--set", "data.duplicates=last", "--set", "train.lazy=false"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    fit(&["--set", "data.sort=true", "--set", "data.max-features=10"]).fails(1, "max_features");
    place.write("train.svm", &format!("red 1:nan\n{}", rows(0..60, 1)));
    fit(&["--set", "data.allow-nonfinite=true"]).fails(1, "finite");
    place.write("train.svm", "red 0:1\nblue 2:1\n");
    fit(&["--set", "data.first-index=1"]).fails(1, "feature index 0");
}
