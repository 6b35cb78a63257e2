//! Artifacts: round trip, damage, disagreement, files of other programs.

mod common;

use common::{Random, artifact};
use rarefy_core::matrix::{Csr, Dense, DenseView};
use rarefy_model::Error;
use rarefy_model::artifact::{Artifact, Scaling, Task};
use rarefy_model::container::{Container, Tensor};
use rarefy_model::graph::{Graph, Op, Weight};

/// The artifact's container, changed, as bytes with a right checksum.
fn tampered(change: impl FnOnce(&mut Container)) -> Vec<u8> {
    let mut container = Container::from_bytes(&artifact().to_bytes().unwrap(), "artifact", 1).unwrap();
    change(&mut container);
    container.to_bytes().unwrap()
}

#[track_caller]
fn refused(bytes: &[u8], why: &str) {
    let message = Artifact::from_bytes(bytes).expect_err("the file was accepted").to_string();
    assert!(message.contains(why), "{message:?} does not contain {why:?}");
}

#[test]
fn an_artifact_comes_back_as_it_went() {
    assert_eq!(Artifact::from_bytes(&artifact().to_bytes().unwrap()).unwrap(), artifact());
}

#[test]
fn a_file_comes_back_as_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.rarefy");
    artifact().write(&path).unwrap();
    assert_eq!(Artifact::read(&path).unwrap(), artifact());
}

#[test]
fn the_same_artifact_gives_the_same_bytes() {
    let bytes = artifact().to_bytes().unwrap();
    assert_eq!(artifact().to_bytes().unwrap(), bytes);
    assert_eq!(Artifact::from_bytes(&bytes).unwrap().to_bytes().unwrap(), bytes);
}

#[test]
fn a_read_artifact_answers_like_the_one_written() {
    let rows = Dense::new(40, 12, Random(1).floats(480)).unwrap();
    let answer = |artifact: Artifact| artifact.into_runtime().unwrap().predict(rows.view()).unwrap();
    assert_eq!(answer(Artifact::from_bytes(&artifact().to_bytes().unwrap()).unwrap()), answer(artifact()));
}

#[test]
fn a_sparse_weight_takes_six_bytes_a_nonzero_and_two_a_row() {
    let bytes = |nnz: usize| {
        let indptr = (0..=1000u32).map(|i| i.min(nnz as u32)).collect();
        let weight = Csr::new(1000, 500, indptr, vec![3; nnz], vec![1.0; nnz]).unwrap();
        let mut graph = Graph::new(500);
        graph.push("linear1", Op::Linear { weight: Weight::Sparse(weight) });
        Artifact::new(graph, Task::Regression { targets: vec![] }).to_bytes().unwrap().len()
    };
    assert_eq!((bytes(1000) - bytes(900)) / 100, 6);
    assert!(bytes(0) < 2000 + 1200, "{}", bytes(0));
}

#[test]
fn more_than_65_536_columns_take_wide_indices() {
    for inputs in [65_535, 65_536, 65_537, 70_000] {
        let last = inputs as u32 - 1;
        let weight = Csr::new(1, inputs, vec![0, 2], vec![0, last], vec![1.0, 2.0]).unwrap();
        let mut graph = Graph::new(inputs);
        graph.push("linear1", Op::Linear { weight: Weight::Sparse(weight) });
        let artifact = Artifact::new(graph, Task::Regression { targets: vec![] });
        assert_eq!(Artifact::from_bytes(&artifact.to_bytes().unwrap()).unwrap(), artifact, "{inputs} columns");
    }
}

/// ADVERSARIAL 34.
#[test]
fn every_single_bit_flip_is_refused() {
    let (bytes, random) = (artifact().to_bytes().unwrap(), &mut Random(34));
    for _ in 0..500 {
        let (at, bit) = (random.below(bytes.len()), random.below(8));
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << bit;
        assert!(Artifact::from_bytes(&damaged).is_err(), "bit {bit} of byte {at}");
    }
}

/// ADVERSARIAL 35.
#[test]
fn every_truncation_is_refused() {
    let bytes = artifact().to_bytes().unwrap();
    for part in 0..64 {
        let len = bytes.len() * part / 64;
        assert!(Artifact::from_bytes(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
    }
    assert!(Artifact::from_bytes(&bytes[..bytes.len() - 1]).is_err());
}

/// ADVERSARIAL 36.
#[test]
fn a_newer_version_is_named() {
    let bytes = tampered(|container| container.version = 2);
    refused(&bytes, "made by a newer version of Rarefy (format 2, this program reads up to 1)");
}

/// ADVERSARIAL 38.
#[test]
fn another_count_of_features_or_classes_is_told_with_both_numbers() {
    let message = artifact().check_input(13).unwrap_err().to_string();
    assert!(message.contains("has 13 features, the model expects 12"), "{message}");
    let message = artifact().check_classes(10).unwrap_err().to_string();
    assert!(message.contains("has 10 classes, the model knows 3"), "{message}");
    assert!(artifact().check_input(12).is_ok() && artifact().check_classes(3).is_ok());
    let rows = [0.0; 13];
    let error = artifact().into_runtime().unwrap().predict(DenseView::new(1, 13, &rows).unwrap()).unwrap_err();
    assert!(matches!(error, Error::FeatureCount { found: 13, expected: 12 }), "{error}");
}

/// ADVERSARIAL 39.
#[test]
fn files_of_other_programs_are_named_and_not_loaded() {
    // Protocols 2 to 5 of `pickle.dumps({})`, the legacy PyTorch header, and first bytes of other formats.
    let files: [(&[u8], &str); 14] = [
        (b"\x80\x02}q\x00.", "a pickle"),
        (b"\x80\x03}q\x00.", "a pickle"),
        (b"\x80\x04}\x94.", "a pickle"),
        (b"\x80\x05}\x94.", "a pickle"),
        (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "PyTorch .pt"),
        (b"PK\x03\x04\x00\x00\x08\x08\x00\x00archive/data.pkl", "PyTorch .pt, NumPy .npz"),
        (b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "an empty ZIP"),
        (b"\x78\x9c\x03\x00\x00\x00\x00\x01", "joblib"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "gzip"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'", "a NumPy array"),
        (b"\x08\x08\x12\x07pytorch\x1a\x052.1.0:", "ONNX"),
        (b"\x89HDF\r\n\x1a\n\0\0\0\0", "HDF5"),
        (b"{\"layers\": [1, 2]}", "JSON"),
        (b"just some text of a reasonable length, to be past any limit", "an unknown format"),
    ];
    for (bytes, name) in files {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.rarefy");
        std::fs::write(&path, bytes).unwrap();
        let message = Artifact::read(&path).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains("model.rarefy"), "{message:?} does not name {name:?}");
    }
}

/// ADVERSARIAL 40: there is no field for a path, so the file that names one is refused, and what it names never opened.
#[test]
fn a_path_in_the_manifest_is_refused_by_its_key() {
    let outside = serde_json::json!("../../../etc/passwd");
    refused(&tampered(|c| c.manifest["external_data"] = outside.clone()), "unknown field `external_data`");
    refused(&tampered(|c| c.manifest["nodes"][0]["location"] = outside.clone()), "unknown field `location`");
    refused(&tampered(|c| c.manifest["task"]["file"] = outside.clone()), "unknown field `file`");
    refused(&tampered(|c| c.manifest["scaling"]["file"] = outside.clone()), "unknown field `file`");
    refused(&tampered(|c| c.manifest["nodes"][0]["attributes"]["path"] = outside.clone()), "\"path\": has no meaning");
}

#[test]
fn a_sparse_weight_goes_through_the_checked_constructor() {
    let set = |part: &'static str, values: &'static [u32]| {
        tampered(move |c| {
            c.tensors.insert(format!("linear3.{part}"), Tensor::from_u32(&[values.len()], values).unwrap());
        })
    };
    refused(&set("row-lengths", &[1, 1]), "node \"linear3\": indptr[2] is 2, expected");
    refused(&set("row-lengths", &[u32::MAX, u32::MAX, 1]), "row 1: the lengths add up to more than 32 bits hold");
    refused(&set("indices", &[0, 0, 0]), "node \"linear3\": indptr[3]");
    let out = tampered(|c| {
        let old = c.take("linear3.indices").unwrap();
        let mut indices = old.to_u32("").unwrap();
        indices[0] = 5;
        c.insert("linear3.indices", Tensor::from_indices(&indices, 9).unwrap()).unwrap();
    });
    refused(&out, "node \"linear3\": row 1: index 5");
}

#[test]
fn values_that_are_not_finite_are_refused() {
    for name in ["linear1.values", "linear2.weight", "bias1.values", "norm1.variance", "scaling"] {
        let bytes = tampered(|c| {
            let old = c.take(name).unwrap();
            let mut values = old.to_f32("").unwrap();
            values[1] = f32::NAN;
            c.insert(name, Tensor::from_f32(old.shape(), &values).unwrap()).unwrap();
        });
        refused(&bytes, &format!("tensor {name:?}: entry 1 is NaN, expected a finite number"));
    }
    refused(&tampered(|c| c.manifest["nodes"][7]["attributes"]["slope"] = 1e300.into()), "\"slope\": found 1e+300");
}

#[test]
fn missing_and_stray_tensors_are_named() {
    refused(&tampered(|c| drop(c.take("bias1.values"))), "tensor \"bias1.values\": is missing");
    let stray = || Tensor::from_u8(&[1], &[0]).unwrap();
    refused(&tampered(|c| c.insert("bias1.more", stray()).unwrap()), "tensor \"bias1.more\": has no meaning");
    refused(&tampered(|c| c.insert("nobody", stray()).unwrap()), "tensor \"nobody\": has no meaning");
}

#[test]
fn an_unknown_operation_is_named_with_the_known_ones() {
    refused(
        &tampered(|c| c.manifest["nodes"][5]["kind"] = "relu6".into()),
        "unknown operation \"relu6\", expected one of: linear",
    );
}

#[test]
fn cycles_and_huge_sizes_are_refused() {
    refused(
        &tampered(|c| c.manifest["nodes"][1]["inputs"] = vec![2].into()),
        "reads value 2, expected one before its own",
    );
    refused(&tampered(|c| c.manifest["inputs"] = u64::MAX.into()), "expected");
    refused(&tampered(|c| c.manifest["nodes"][0]["attributes"]["inputs"] = u64::MAX.into()), "past the limit");
}

#[test]
fn a_manifest_that_disagrees_with_the_graph_is_refused() {
    let message = |change: fn(&mut Artifact)| {
        let mut artifact = artifact();
        change(&mut artifact);
        artifact.to_bytes().unwrap_err().to_string()
    };
    assert!(message(|a| drop(a.feature_names.pop())).contains("11 names, expected 12"));
    assert!(
        message(|a| a.task = Task::Classification { classes: vec!["a".into()] }).contains("1 classes for 3 outputs")
    );
    assert!(
        message(|a| a.task = Task::Labels { classes: vec!["a".into()] })
            .contains("1 classes for 3 outputs, expected as")
    );
    assert!(message(|a| a.task = Task::Regression { targets: vec!["y".into()] }).contains("1 targets, expected 3"));
    assert!(message(|a| a.task = Task::Reconstruction {}).contains("3 outputs, expected the 12 inputs again"));
    assert!(message(|a| a.image_shape = Some(vec![3, 5])).contains("dimensions of 12 entries"));
    assert!(message(|a| a.image_shape = Some(vec![usize::MAX, 2])).contains("dimensions of 12 entries"));
    assert!(message(|a| a.scaling = Scaling::Columns(vec![1.0])).contains("1 factors, expected one for each of 12"));
    assert!(message(|a| a.scaling = Scaling::Factor(f32::NAN)).contains("factor NaN"));
}

#[test]
fn names_with_dots_keep_their_tensors() {
    let mut graph = Graph::new(2);
    graph.push("a", Op::Bias { values: vec![1.0, 2.0] });
    graph.push("a.b", Op::Bias { values: vec![3.0, 4.0] });
    let artifact = Artifact::new(graph, Task::Regression { targets: vec![] });
    assert_eq!(Artifact::from_bytes(&artifact.to_bytes().unwrap()).unwrap(), artifact);
}

#[test]
fn damaged_content_with_a_right_checksum_never_panics() {
    use sha2::{Digest, Sha256};
    let (bytes, random) = (artifact().to_bytes().unwrap(), &mut Random(99));
    for _ in 0..3000 {
        let mut damaged = bytes[..bytes.len() - 32].to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(damaged.len());
            damaged[at] = random.next() as u8;
        }
        let checksum = Sha256::digest(&damaged);
        damaged.extend(&checksum[..]);
        if let Ok(artifact) = Artifact::from_bytes(&damaged) {
            let rows = vec![0.5; artifact.graph.inputs];
            let view = DenseView::new(1, rows.len(), &rows).unwrap();
            let _ = artifact.into_runtime().unwrap().predict(view);
        }
    }
}

#[test]
fn operations_with_exact_zeros_come_back_and_refuse_what_has_no_meaning() {
    let ops = [
        Op::SparseRelu { threshold: 0.3 },
        Op::ShiftedRelu { threshold: -0.3 },
        Op::SparseTanh { threshold: 0.5, soft: true },
        Op::KWinners { k: 3 },
        Op::Sparsemax,
        Op::Entmax15,
    ];
    let mut graph = Graph::new(4);
    for op in ops {
        graph.push(op.kind(), op);
    }
    let artifact = Artifact::new(graph, Task::Regression { targets: Vec::new() });
    assert_eq!(Artifact::from_bytes(&artifact.to_bytes().unwrap()).unwrap(), artifact);
    for (op, problem) in [
        (Op::SparseRelu { threshold: -0.1 }, "threshold -0.1, expected a finite number, 0 or above"),
        (Op::ShiftedRelu { threshold: f32::INFINITY }, "threshold inf, expected a finite number"),
        (Op::SparseTanh { threshold: f32::NAN, soft: false }, "threshold NaN"),
        (Op::KWinners { k: 0 }, "keeps 0 features, expected at least 1"),
    ] {
        let mut graph = Graph::new(4);
        graph.push("it", op);
        let error = graph.check().unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn a_shared_weight_is_stored_once_and_must_be_an_earlier_one() {
    let weight = || Op::Linear { weight: Weight::Dense(Dense::new(2, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap()) };
    let mut graph = Graph::new(3);
    graph.push("linear1", weight());
    graph.push("tied1", Op::TiedLinear { of: 0 });
    let artifact = Artifact::new(graph, Task::Reconstruction {});
    let bytes = artifact.to_bytes().unwrap();
    let back = Artifact::from_bytes(&bytes).unwrap();
    assert_eq!(back, artifact);
    assert_eq!(Container::from_bytes(&bytes, "artifact", 1).unwrap().tensors.len(), 1);
    // W x = (14, 32); Wᵀ of it.
    let answer = back.into_runtime().unwrap().predict(DenseView::new(1, 3, &[1.0, 2.0, 3.0]).unwrap()).unwrap();
    assert_eq!(answer.row(0), [142.0, 188.0, 234.0]);
    for of in [1, 2, usize::MAX] {
        let mut graph = Graph::new(3);
        graph.push("linear1", weight());
        graph.push("tied1", Op::TiedLinear { of });
        let error = graph.check().unwrap_err().to_string();
        assert!(error.contains("expected an earlier node that has one"), "{error}");
    }
    let mut graph = Graph::new(3);
    graph.push("linear1", weight());
    graph.push("linear2", Op::Linear { weight: Weight::Dense(Dense::filled(5, 2, 1.0).unwrap()) });
    graph.push("tied1", Op::TiedLinear { of: 0 });
    let error = graph.check().unwrap_err().to_string();
    assert!(error.contains("takes 2 features, but the value read has 5"), "{error}");
}
