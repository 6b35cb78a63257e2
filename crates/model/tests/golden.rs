//! Files of every released format version still load, and still answer the same (ADVERSARIAL 37).
//!
//! `golden/vN.rarefy` was written when version N was released, and is never written again. `golden/vN.json` holds rows
//! and the answers to them, computed in double precision by `golden/answers.py`, which reads the file by itself.

mod common;

use std::path::{Path, PathBuf};

use rarefy_core::matrix::DenseView;
use rarefy_model::artifact::Artifact;

/// A file of the golden folder.
fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Rows or answers.
fn numbers(json: &serde_json::Value) -> Vec<Vec<f32>> {
    serde_json::from_value(json.clone()).unwrap()
}

#[test]
fn version_1_loads_and_answers_as_it_did() {
    let expected: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(golden("v1.json")).unwrap()).unwrap();
    let runtime = Artifact::read(&golden("v1.rarefy")).unwrap().into_runtime().unwrap();
    for (row, expected) in numbers(&expected["rows"]).iter().zip(numbers(&expected["answers"])) {
        let found = runtime.predict(DenseView::new(1, row.len(), row).unwrap()).unwrap();
        assert_eq!(found.cols(), expected.len());
        for (found, expected) in found.row(0).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
        }
    }
}

#[test]
fn version_1_keeps_names_and_shapes() {
    let found = Artifact::read(&golden("v1.rarefy")).unwrap();
    assert_eq!(found.classes(), ["nought", "one", "çedilla \"quoted\""]);
    assert_eq!((found.graph.inputs, found.feature_names.len(), found.image_shape), (12, 12, Some(vec![3, 4])));
    assert_eq!(found.training["epochs"], "12");
}

/// `cargo test -p rarefy-model --test golden -- --ignored`, once for each format version.
#[test]
#[ignore = "writes the golden file when a format version is released"]
fn write_the_golden_file_of_a_new_version() {
    let path = golden(&format!("v{}.rarefy", Artifact::VERSION));
    assert!(!path.exists(), "{} was released: it must not change", path.display());
    common::artifact().write(&path).unwrap();
}
