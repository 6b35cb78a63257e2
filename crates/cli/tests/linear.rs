//! Linear models through the built program. Numbers are scikit-learn's, of the same training rows as 32-bit floats.

mod common;

use std::path::Path;

use common::{Place, Run, names};
use serde_json::Value;

const DIABETES: &str = "[data]\ntrain = \"diabetes\"\n[model]\nkind = \"linear\"\n";

/// Fits a recipe with changes, without a twin, and expects success.
fn fit(place: &Place, recipe: &str, changes: &[&str]) -> Value {
    place.write("linear.toml", recipe);
    let set = changes.iter().flat_map(|change| ["--set", change]);
    let run =
        place.run(&["fit", "linear.toml", "--json", "-q", "--no-twin"].into_iter().chain(set).collect::<Vec<_>>());
    assert_eq!(run.code, Some(0), "{}", run.err);
    run.json()
}

/// The coefficient of a feature, 0 if it is not there.
fn coefficient(json: &Value, feature: &str) -> f64 {
    let found = json["coefficients"].as_array().unwrap().iter().find(|c| c["feature"] == feature);
    found.map_or(0.0, |c| c["coefficient"].as_f64().unwrap())
}

const MEASURES: [&str; 10] = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"];

#[test]
fn coefficients_are_those_of_scikit_learn() {
    let place = Place::new();
    // Lasso(alpha=2); the same on columns over their standard deviation; ElasticNet(alpha=2, l1_ratio=0.3).
    let lasso = [
        -0.03612819535972334,
        -16.37069857126169,
        5.809148461456254,
        1.1550293794672788,
        1.2929202398963235,
        -1.3845008449507584,
        -2.5197524654564636,
        0.0,
        0.0,
        0.0901368793663422,
        -52.216822695712466,
    ];
    let standardized = [
        0.0,
        -18.561822382137162,
        5.308825129937628,
        0.9963337278111135,
        -0.061308543143364015,
        0.0,
        -0.990067382932804,
        0.0,
        42.37052107054346,
        0.0,
        -190.69384340044832,
    ];
    let net = [
        -0.07259284233215278,
        -2.939242240093731,
        5.659057995480293,
        1.068496707628557,
        1.2792298882674398,
        -1.3699169502751967,
        -2.3209228293608333,
        0.07505443869346456,
        0.9677064324466522,
        0.10116992609842408,
        -72.92583889972748,
    ];
    let plain = ["model.standardize=false", "select.lambda=2", "train.tolerance=1e-14"];
    let mixed = [&plain[..], &["model.penalty=elastic-net", "model.l1-ratio=0.3"]].concat();
    for (changes, expected) in [(&plain[..], lasso), (&plain[1..], standardized), (&mixed[..], net)] {
        let json = fit(&place, DIABETES, changes);
        for (feature, expected) in MEASURES.iter().zip(expected) {
            assert!((coefficient(&json, feature) - expected).abs() < 1e-6, "{feature}: {json}");
        }
        assert!((json["intercept"].as_f64().unwrap() - expected[10]).abs() < 1e-5, "{json}");
        assert!(json["gap"].as_f64().unwrap() < 1e-13 && json["converged"] == true, "{json}");
    }
    let json = fit(&place, DIABETES, &plain);
    assert!((json["test"]["r2"].as_f64().unwrap() - 0.414739758211797).abs() < 1e-6, "{json}");
    assert!((json["train"]["r2"].as_f64().unwrap() - 0.5115529669194765).abs() < 1e-6, "{json}");
    // LogisticRegression(l1, C=1/(456·0.02), saga) on standardised columns.
    let cancer = DIABETES.replace("diabetes", "breast-cancer");
    let json = fit(&place, &cancer, &["select.lambda=0.02", "train.tolerance=1e-13"]);
    for (feature, expected) in [
        ("mean concavity", 1.8600301989218617),
        ("mean concave points", 17.213678027701818),
        ("worst radius", 0.45880050569709946),
        ("worst symmetry", 4.0177522488566355),
        ("mean radius", 0.0),
    ] {
        assert!((coefficient(&json, feature) - expected).abs() < 1e-6, "{feature}: {json}");
    }
    assert!(json["nnz"] == 8 && (json["test"]["accuracy"].as_f64().unwrap() - 0.9557522).abs() < 1e-6, "{json}");
}

#[test]
fn a_fit_leaves_everything_in_its_folder_and_stands_beside_its_ridge_twin() {
    let place = Place::new();
    place.write("linear.toml", DIABETES);
    let run = place.run(&["fit", "linear.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(
        run.out.contains("ridge twin") && run.out.contains("bmi") && run.out.contains("(intercept)"),
        "{}",
        run.out
    );
    assert!(!run.err.contains('\r') && !run.err.contains('\u{1b}'), "{}", run.err);
    let expected = ["model.rarefy", "path.csv", "recipe.toml", "report.html", "twin.rarefy"];
    assert_eq!(names(&place.path("rarefy-out")), expected);
    let json = place.run(&["fit", "linear.toml", "--json", "-q"]).json();
    assert_eq!(json["twin"]["nnz"], 10);
    for model in [&json, &json["twin"]] {
        for key in ["lambda", "seconds", "sparsity", "nnz", "gap", "file_bytes", "explained"] {
            assert!(model[key].as_f64().is_some_and(|x| x >= 0.0), "{key}: {model}");
        }
        assert!(model["test"]["r2"].as_f64().unwrap() > 0.35, "{model}");
        let held = model["cv"]["strengths"].as_array().unwrap();
        let least = held.iter().map(|h| h["deviance"].as_f64().unwrap()).fold(f64::INFINITY, f64::min);
        let best = held.iter().find(|h| h["lambda"] == model["lambda"]).unwrap();
        assert_eq!(best["deviance"].as_f64(), Some(least));
    }
    let strong = fit(&place, DIABETES, &["select.rule=1se"]);
    assert!(strong["nnz"].as_u64() < json["nnz"].as_u64() && strong["lambda"] == strong["cv"]["one_se"], "{strong}");
    // The recipe as run gives the same model, bit for bit.
    let bytes = place.bytes("rarefy-out/model.rarefy");
    let again = place.run(&["fit", "rarefy-out/recipe.toml", "--out", "again", "-q"]);
    assert_eq!(again.code, Some(0), "{}", again.err);
    assert!(place.bytes("again/model.rarefy") == bytes);
    let page = String::from_utf8(place.bytes("again/report.html")).unwrap();
    for word in ["Coefficients along the path", "Cross-validation", "1 s.e.", "s5", "log₁₀ λ", "[select]"] {
        assert!(page.contains(word), "{word}");
    }
    assert!(!page.contains("NaN") && !page.contains("://"));
}

#[test]
fn so_many_coefficients_as_asked_for_are_kept_at_most() {
    let place = Place::new();
    for (change, most) in [("select.nonzeros=5", 5), ("select.sparsity=0.9", 1), ("select.nonzeros=500", 10)] {
        let json = fit(&place, DIABETES, &[change]);
        let nnz = json["nnz"].as_u64().unwrap();
        assert!(nnz <= most && nnz >= most.min(9) && json.get("cv").is_none(), "{change}: {json}");
        // No weaker penalty on the path has as few.
        let weaker = json["path"].as_array().unwrap().iter().filter(|p| p["lambda"].as_f64() < json["lambda"].as_f64());
        assert!(weaker.clone().all(|p| p["nnz"].as_u64().unwrap() > most), "{json}");
    }
    place.run(&["fit", "linear.toml", "--set", "select.sparsity=0.99"]).fails(2, "leaves none of 10 coefficients");
    for by in ["aic", "bic", "ebic"] {
        let json = fit(&place, DIABETES, &[&format!("select.by={by}")]);
        let path = json["path"].as_array().unwrap();
        let best =
            path.iter().min_by(|a, b| a["criterion"].as_f64().unwrap().total_cmp(&b["criterion"].as_f64().unwrap()));
        assert_eq!(best.unwrap()["lambda"], json["lambda"], "{by}");
    }
    let json = fit(&place, DIABETES, &["select.lambda=1e9"]);
    assert!(json["nnz"] == 0 && json["path"].as_array().unwrap().len() == 1, "{json}");
    // The mean of the training rows.
    assert!((json["intercept"].as_f64().unwrap() - 151.8870056).abs() < 1e-6, "{json}");
}

/// Rows of a table and their targets, `1 + 2·a` with a column that does not change and one of noise.
fn table(rows: usize) -> String {
    (0..rows).map(|i| format!("{},7.1,{},{}\n", i, (i * 7) % 5, 1.5 + 2.0 * i as f64)).collect()
}

#[test]
fn tables_at_the_edge_are_models_or_named_errors() {
    let place = Place::new();
    let recipe = "[data]\ntrain = \"t.csv\"\ntest = \"u.csv\"\n[model]\nkind = \"linear\"\n";
    place.write("t.csv", &format!("a,same,b,y\n{}", table(30)));
    place.write("u.csv", &format!("a,same,b,y\n{}", table(9)));
    let json = fit(&place, recipe, &["select.lambda=1e-4", "train.tolerance=1e-12"]);
    assert!((coefficient(&json, "a") - 2.0).abs() < 1e-3 && coefficient(&json, "same") == 0.0, "{json}");
    place.write("one.csv", "a,same,b,y\n3,7.1,2,4.5\n");
    let run = |more: &[&str]| -> Run {
        let arguments = ["fit", "linear.toml", "--json", "-q", "--set", "data.train=one.csv", "--set"];
        place.run(&[&arguments[..], more].concat())
    };
    run(&["select.by=cv"]).fails(2, "one training row cannot be divided into folds");
    let json = run(&["select.lambda=0.1"]).json();
    assert!(json["nnz"] == 0 && json["intercept"] == 4.5 && json.get("twin").is_none(), "{json}");
    let flat: String = (0..20).map(|i| format!("{i},1,{},2.5\n", i % 3)).collect();
    place.write("one.csv", &format!("a,same,b,y\n{flat}"));
    let json = run(&["select.by=cv"]).json();
    assert!(json["nnz"] == 0 && json["intercept"] == 2.5, "{json}");
    for (text, says) in [
        ("a,same,b,y\n1,nan,2,0.5\n2,1,2,1.5\n", "one.csv:2"),
        ("a,same,b,y\n1,3,2,yes\n2,1,2,yes\n", "every row has the class"),
        (&format!("a,same,b,y\n{}", "1,3,2,p\n2,1,2,q\n2,1,2,r\n".repeat(4)), "3 classes, expected two"),
    ] {
        place.write("one.csv", text);
        let run = run(&["data.test=0.3"]);
        assert!(run.code == Some(1) && run.err.contains(says), "{says}: {}", run.err);
    }
    place.write("one.csv", &format!("a,same,b,y\n{flat}"));
    run(&["select.folds=21"]).fails(2, "select.folds: is 21, expected at most one for each of 20 training rows");
    run(&["train.loss=logistic"]).fails(1, "");
    place.run(&["fit", "linear.toml", "--resume"]).fails(2, "keeps no checkpoint");
    place.run(&["frontier", "linear.toml"]).fails(2, "fits the whole path of a linear model at once");
}

#[test]
fn counts_are_values_for_poisson_and_answers_are_counts() {
    let place = Place::new();
    let rows: String =
        (0..60).map(|i| format!("{},{},{}\n", i % 10, i % 7, (0.3 * f64::from(i % 10)).exp().round())).collect();
    place.write("t.csv", &format!("a,b,y\n{rows}"));
    let recipe = "[data]\ntrain = \"t.csv\"\n[model]\nkind = \"linear\"\n[train]\nloss = \"poisson\"\n";
    let json = fit(&place, recipe, &[]);
    assert!((coefficient(&json, "a") - 0.3).abs() < 0.03 && json["test"]["r2"].as_f64().unwrap() > 0.95, "{json}");
    let eta = json["intercept"].as_f64().unwrap() + 9.0 * coefficient(&json, "a") + 2.0 * coefficient(&json, "b");
    place.write("new.csv", "a,b\n9,2\n");
    let answer = place.run(&["predict", "rarefy-out/model.rarefy", "new.csv", "--json"]).json();
    assert!((answer["values"][0][0].as_f64().unwrap() / eta.exp() - 1.0).abs() < 1e-4, "{answer}");
}

#[test]
fn wide_sparse_data_stay_sparse() {
    let place = Place::new();
    // 300 rows × 4 million features: as an array 4.8 GB, which the limit below forbids.
    let rows = |range: std::ops::Range<usize>| -> String {
        range
            .map(|i| {
                let (sign, far) = (if i % 2 == 0 { "+1" } else { "-1" }, 10 + (i * 7919) % 3_999_000);
                let mark = if i % 2 == 0 { "3:1 " } else { "5:2 " };
                format!("{sign} {mark}{far}:1 4000000:0.5\n")
            })
            .collect()
    };
    place.write("train.svm", &rows(0..300));
    place.write("test.svm", &rows(300..340));
    let recipe =
        "[data]\ntrain = \"train.svm\"\ntest = \"test.svm\"\n[model]\nkind = \"linear\"\n[select]\nnonzeros = 2\n";
    place.write("linear.toml", recipe);
    let run =
        place.shell("ulimit -v 2500000; $R fit linear.toml --no-twin --json -q --threads 1 --set select.lambdas=10");
    assert_eq!(run.code, Some(0), "{}", run.err);
    let json = run.json();
    assert!(json["accuracy"].is_null() && json["test"]["accuracy"] == 1.0 && json["nnz"].as_u64() <= Some(2), "{json}");
    assert!(std::fs::metadata(place.path("rarefy-out/model.rarefy")).unwrap().len() < 4096);
    let answers = place.run(&["predict", "rarefy-out/model.rarefy", "test.svm", "--json", "--probabilities"]).json();
    let eta = json["intercept"].as_f64().unwrap() + coefficient(&json, "3");
    let p = answers["probabilities"][0][1].as_f64().unwrap();
    assert!((p - 1.0 / (1.0 + (-eta).exp())).abs() < 1e-5, "{answers}");
    let found = place.run(&["eval", "rarefy-out/model.rarefy", "test.svm", "--json"]).json();
    assert_eq!(found["accuracy"], 1.0);
}

#[test]
fn inspect_lists_coefficients_by_name_largest_first() {
    let place = Place::new();
    let fitted = fit(&place, DIABETES, &["select.nonzeros=4"]);
    let json = place.run(&["inspect", "rarefy-out/model.rarefy", "--json"]).json();
    let sizes: Vec<f64> =
        json["coefficients"].as_array().unwrap().iter().map(|c| c["coefficient"].as_f64().unwrap().abs()).collect();
    assert!(sizes.len() == 4 && sizes.is_sorted_by(|a, b| a >= b), "{json}");
    for feature in MEASURES {
        assert!((coefficient(&json, feature) - coefficient(&fitted, feature)).abs() < 1e-5, "{feature}: {json}");
    }
    let text = place.run(&["inspect", "rarefy-out/model.rarefy"]).out;
    assert!(text.contains("bmi") && text.contains("(intercept)") && text.contains("4 of 10 weights"), "{text}");
}

#[test]
fn the_examples_run() {
    let place = Place::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for (name, key, least, most) in [("lasso", "r2", 0.4, 6), ("logistic", "accuracy", 0.95, 12)] {
        let path = examples.join(format!("{name}.toml"));
        let run = place.run(&["fit", path.to_str().unwrap(), "--json", "-q"]);
        assert_eq!(run.code, Some(0), "{}", run.err);
        let json = run.json();
        assert!(json["test"][key].as_f64().unwrap() > least && json["nnz"].as_u64().unwrap() <= most, "{json}");
        assert!(json["twin"]["nnz"].as_u64() > json["nnz"].as_u64(), "{json}");
    }
}
