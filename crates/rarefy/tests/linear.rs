//! Linear models from the recipe to the artifact: interruptions, and answers.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rarefy::core::matrix::Csr;
use rarefy::data::Features;
use rarefy::run::linear::{LinearJob, LinearOutcome, coefficients};
use rarefy::{Artifact, Options, Progress, Recipe, evaluate};

/// Cancels at the so-many-eth look.
struct Impatient(AtomicU64);

impl Progress for Impatient {
    fn cancelled(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        left <= 1
    }
}

fn run(folder: &Path, changes: &[&str], looks: u64) -> LinearOutcome {
    let mut recipe = Recipe::parse("[data]\ntrain = \"diabetes\"\n[model]\nkind = \"linear\"", "r").unwrap();
    changes.iter().for_each(|change| recipe.set(change).unwrap());
    let job = LinearJob::open(recipe, &Options { out: folder.to_owned(), ..Options::default() }).unwrap();
    job.run(&Impatient(AtomicU64::new(looks))).unwrap()
}

#[test]
fn an_interrupted_path_keeps_what_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let read = || Artifact::read(&folder.path().join("model.rarefy")).unwrap();
    let few = run(folder.path(), &[], 30);
    assert_eq!((few.sparse.path.len(), few.sparse.cv.is_none()), (30, true));
    assert_eq!(few.interrupted.as_deref(), Some("30 of 100 strengths were fitted"));
    assert_eq!(read().training["ended"], "interrupted: 30 of 100 strengths were fitted");
    assert_eq!(read().training["chosen"], "the least BIC");
    assert!(few.twin.is_none() && few.sparse.point.nnz > 0 && few.sparse.test.r2.unwrap() > 0.3);
    assert!(!folder.path().join("twin.rarefy").exists());
    // 100 looks for the path and one after it, then two folds and a half.
    let folds = run(folder.path(), &[], 101 + 250);
    assert_eq!(folds.sparse.cv.as_ref().unwrap().folds, 2);
    assert_eq!(folds.interrupted.as_deref(), Some("2 of 5 folds were fitted"));
    assert!(read().training["chosen"].contains("2 of 5 folds"));
    let first = run(folder.path(), &[], 101 + 50);
    assert_eq!(first.interrupted.as_deref(), Some("none of 5 folds was fitted"));
    let whole = run(folder.path(), &[], u64::MAX);
    assert_eq!((whole.interrupted, read().training["ended"].as_str()), (None, "done"));
    // Interrupted while the twin was fitted: the sparse model is the whole one's.
    let bytes = std::fs::read(folder.path().join("model.rarefy")).unwrap();
    let alone = run(folder.path(), &[], 101 + 510 + 30);
    assert_eq!(alone.interrupted.as_deref(), Some("the ridge twin was not fitted"));
    assert_eq!(std::fs::read(folder.path().join("model.rarefy")).unwrap(), bytes);
    assert_eq!(alone.sparse.point, whole.sparse.point);
}

#[test]
fn answers_to_raw_rows_are_what_the_coefficients_say() {
    let folder = tempfile::tempdir().unwrap();
    for (changes, link) in [
        (&["select.nonzeros=6"][..], (|eta| eta) as fn(f64) -> f64),
        (&["train.loss=poisson", "select.nonzeros=6", "model.intercept=false"], f64::exp),
        (&["train.loss=gamma", "select.nonzeros=6"], f64::exp),
        (&["train.loss=huber", "model.epsilon=1.5", "select.nonzeros=6"], |eta| eta),
        (&["train.loss=quantile", "model.quantile=0.75", "select.nonzeros=6", "select.lambdas=10"], |eta| eta),
        (&["data.train=breast-cancer", "select.nonzeros=6"], |eta| 1.0 / (1.0 + (-eta).exp())),
    ] {
        let outcome = run(folder.path(), changes, u64::MAX);
        let model = Artifact::read(&outcome.sparse.model).unwrap();
        let point = &outcome.sparse.point;
        assert!((1..=6).contains(&point.nnz), "{changes:?}");
        let (kept, intercept) = coefficients(&model).unwrap();
        assert!((intercept - point.intercept).abs() <= 1e-6 * intercept.abs());
        assert_eq!((kept.len(), model.graph.nnz()), (point.nnz, point.nnz));
        assert!(kept.iter().all(|c| outcome.data_names.contains(&c.feature)));
        let test = rarefy::data::bundled::load(&outcome.data.name).unwrap().test;
        let Features::Dense(rows) = &test.features else { panic!() };
        let sparse = Features::Sparse(Csr::from_dense(rows.view()).unwrap());
        for features in [&test.features, &sparse] {
            let answers = evaluate::answer(&model, features).unwrap().outputs;
            for i in 0..rows.rows() {
                let eta: f64 = point.coefficients.iter().map(|&(j, w)| w * f64::from(rows.row(i)[j as usize])).sum();
                let expected = link(eta + point.intercept);
                let found = f64::from(answers.row(i)[0]);
                assert!((found - expected).abs() <= 2e-4 * expected.abs().max(0.05), "{changes:?}: {found} {expected}");
            }
        }
    }
}

#[test]
fn data_as_bytes_are_columns_too() {
    let folder = tempfile::tempdir().unwrap();
    let (x, y) = (folder.path().join("x.npy"), folder.path().join("y.txt"));
    let npy = |bytes: &[u8]| {
        let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({}, 2), }}", bytes.len() / 2);
        let header = format!("{header:<117}\n");
        [b"\x93NUMPY\x01\x00\x76\x00", header.as_bytes(), bytes].concat()
    };
    let rows: Vec<u8> = (0..40u8).flat_map(|i| [i, i % 8 * 7 % 11]).collect();
    std::fs::write(&x, npy(&rows)).unwrap();
    let targets: String = (0..40).map(|i| format!("{}\n", 0.5 * f64::from(i) + 1.25)).collect();
    std::fs::write(&y, targets).unwrap();
    let recipe = format!(
        "[data]\ntrain = {:?}\nlabels = {:?}\n[model]\nkind = \"linear\"\n[train]\ntolerance = 1e-12\n[select]\nlambda = 1e-6",
        x.to_str().unwrap(),
        y.to_str().unwrap()
    );
    let out = folder.path().join("out");
    let job = LinearJob::open(Recipe::parse(&recipe, "r").unwrap(), &Options { out, ..Options::default() }).unwrap();
    let point = job.run(&()).unwrap().sparse.point;
    assert!((point.coefficients[0].1 - 0.5).abs() < 1e-4 && (point.intercept - 1.25).abs() < 1e-3, "{point:?}");
}
