//! Every command does what it says.

mod common;

use common::{Place, names};

#[test]
fn fit_leaves_everything_in_its_folder() {
    let place = Place::new();
    let run = place.fit("out", &["--control"]);
    assert!(
        run.out.contains("dense twin") && run.out.contains("small dense") && run.out.contains("CPU seconds / epoch")
    );
    let expected = [
        "checkpoint.rarefy",
        "control.rarefy",
        "metrics.csv",
        "model.rarefy",
        "recipe.toml",
        "report.html",
        "twin.rarefy",
    ];
    assert_eq!(names(&place.path("out")), expected);
}

#[test]
fn fit_prints_one_object_with_the_figures_of_both() {
    let place = Place::new();
    let json = place.fit("out", &["--json"]).json();
    for model in [&json, &json["twin"]] {
        for key in ["accuracy", "loss", "density", "epoch_seconds"] {
            assert!(model[key].as_f64().is_some_and(|x| x > 0.0), "{key}: {model}");
        }
        for key in ["nnz", "parameters", "file_bytes", "state_bytes", "epochs"] {
            assert!(model[key].as_u64().is_some_and(|x| x > 0), "{key}: {model}");
        }
        let path = place.path(model["model"].as_str().unwrap());
        assert_eq!(std::fs::metadata(path).unwrap().len(), model["file_bytes"].as_u64().unwrap());
    }
    assert!(json["density"].as_f64().unwrap() <= 0.2 && json["twin"]["density"] == 1.0);
}

#[test]
fn the_recipe_as_run_gives_the_same_model() {
    let place = Place::new();
    place.fit("a", &["--no-twin", "--set", "train.optimizer=adamw", "--seed", "5"]);
    let run = place.run(&["fit", "a/recipe.toml", "--out", "b", "--quiet"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(place.bytes("a/model.rarefy"), place.bytes("b/model.rarefy"));
    assert!(!place.path("b/twin.rarefy").exists());
}

#[test]
fn eval_and_fit_agree() {
    let place = Place::new();
    let fitted = place.fit("out", &["--json", "--no-twin"]).json();
    let found = place.run(&["eval", "out/model.rarefy", "digits", "--json"]).json();
    assert_eq!(
        (&found["accuracy"], &found["loss"], &found["rows"]),
        (&fitted["accuracy"], &fitted["loss"], &355.into())
    );
    let text = place.run(&["eval", "out/model.rarefy", "digits"]);
    assert!(text.out.contains("accuracy") && text.out.contains("355"));
}

#[test]
fn a_table_is_fitted_evaluated_and_predicted_by_class_names() {
    let place = Place::new();
    let rows: String = (0..200)
        .map(|i| {
            let (x, y) = (f64::from(i % 20) / 20.0, f64::from(i / 20) / 10.0);
            format!(
                "{x},{y},{}\n",
                if x + y > 1.0 { "far" } else { "near, here" }.replace("near, here", "\"near, here\"")
            )
        })
        .collect();
    place.write("points.csv", &format!("across,up,where\n{rows}"));
    place.write(
        "points.toml",
        "[data]\ntrain = \"points.csv\"\ntest = 0.2\n[model]\nlayers = [\"linear 32\", \"tanh\", \"linear 2\"]\n\
         [train]\nepochs = 60\nlearning-rate = 0.02\nbatch = 16\n[sparsity]\ntarget = 0.3\n",
    );
    let fitted = place.run(&["fit", "points.toml", "--out", "out", "--json", "--no-twin"]).json();
    assert!(fitted["accuracy"].as_f64().unwrap() > 0.85, "{fitted}");
    let all = place.run(&["eval", "out/model.rarefy", "points.csv", "--json"]).json();
    assert_eq!(all["rows"], 200);

    place.write("new.csv", "across,up\n0.9,0.9\n0.0,0.0\n");
    let arguments = ["predict", "out/model.rarefy", "new.csv", "--label", "none"];
    let text = place.run(&arguments).out;
    assert_eq!(text, "class\nfar\n\"near, here\"\n");
    let json = place.run(&[&arguments[..], &["--json", "--probabilities"]].concat()).json();
    assert_eq!(json["classes"], serde_json::json!(["far", "near, here"]));
    let sum: f64 = json["probabilities"][0].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-5);
    let written = place.run(&[&arguments[..], &["-o", "answers.csv", "--probabilities", "-q"]].concat());
    assert_eq!((written.code, written.out.as_str()), (Some(0), ""));
    let answers = String::from_utf8(place.bytes("answers.csv")).unwrap();
    assert!(answers.starts_with("class,far,\"near, here\"\nfar,"), "{answers}");
}

#[test]
fn values_are_fitted_by_squared_error() {
    let place = Place::new();
    let rows: String = (0..120)
        .map(|i| format!("{},{},{}\n", i % 11, i % 7, 0.5 * f64::from(i % 11) - 0.25 * f64::from(i % 7)))
        .collect();
    place.write("v.csv", &format!("a,b,y\n{rows}"));
    place.write(
        "v.toml",
        "[data]\ntrain = \"v.csv\"\n[model]\nlayers = [\"linear 16\", \"relu\", \"linear 1\"]\n\
         [train]\nepochs = 80\nlearning-rate = 0.02\nbatch = 16\n",
    );
    let json = place.run(&["fit", "v.toml", "--out", "out", "--json"]).json();
    assert!(
        json["loss"].as_f64().unwrap() < 0.2 && json.get("accuracy").is_none() && json.get("twin").is_none(),
        "{json}"
    );
    let found = place.run(&["eval", "out/model.rarefy", "v.csv", "--json"]).json();
    assert_eq!((found["rows"].as_u64(), found["loss"].as_f64().is_some()), (Some(120), true));
    assert!(place.run(&["predict", "out/model.rarefy", "v.csv"]).out.starts_with("value\n"));
}

#[test]
fn inspect_shows_every_layer() {
    let place = Place::new();
    place.fit("out", &["--no-twin"]);
    let json = place.run(&["inspect", "out/model.rarefy", "--json"]).json();
    let layers = json["layers"].as_array().unwrap();
    for layer in layers {
        for key in ["name", "kind", "shape", "nnz", "density", "structure", "kernel", "bytes"] {
            assert!(!layer[key].is_null(), "{key}: {layer}");
        }
    }
    assert_eq!(layers[0]["shape"], serde_json::json!([48, 64]));
    let text = place.run(&["inspect", "out/model.rarefy"]).out;
    assert!(text.contains("linear1") && text.contains("48 × 64") && text.contains("10 classes"), "{text}");
}

#[test]
fn datasets_lists_what_is_bundled() {
    let place = Place::new();
    assert!(place.run(&["datasets"]).out.contains("digits"));
    let json = place.run(&["datasets", "--json"]).json();
    let digits = json["datasets"].as_array().unwrap().iter().find(|set| set["name"] == "digits").unwrap().clone();
    assert_eq!((digits["train_rows"].as_u64(), digits["available"].as_bool()), (Some(1442), Some(true)));
}

#[test]
fn every_command_has_help_with_what_it_takes() {
    let place = Place::new();
    for command in ["fit", "frontier", "eval", "predict", "inspect", "datasets"] {
        let help = place.run(&[command, "--help"]);
        assert_eq!(help.code, Some(0));
        assert!(help.out.contains("--json") && help.err.is_empty(), "{}", help.out);
    }
    let help = place.run(&["fit", "--help"]).out;
    for word in ["Examples", "sparsity.epochs-factor", "leaky-relu", "--no-twin", "granet"] {
        assert!(help.contains(word), "{word}");
    }
}

#[test]
fn examples_are_recipes_that_run() {
    let place = Place::new();
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for (small, density) in [("digits.toml", 0.1), ("pruned.toml", 0.05)] {
        let path = examples.join(small);
        let run =
            place.run(&["fit", path.to_str().unwrap(), "--set", "train.epochs=2", "--out", "out", "--json", "-q"]);
        assert_eq!(run.code, Some(0), "{}", run.err);
        let found = run.json()["density"].as_f64().unwrap();
        assert!(found <= density + 1e-9 && found > density - 1e-3, "{small}: {found}");
    }
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            rarefy::Recipe::read(&path).unwrap();
        }
    }
}

#[test]
fn quiet_says_nothing_on_the_way_and_pipes_get_no_bar() {
    let place = Place::new();
    assert_eq!(place.fit("out", &["--json"]).err, "");
    let run = place.run(&["fit", "small.toml", "--out", "out2", "--no-twin"]);
    assert!(
        run.err.contains("sparse 2/2: loss") && !run.err.contains('\r') && !run.err.contains('\u{1b}'),
        "{}",
        run.err
    );
}

#[test]
fn a_learning_rate_that_nobody_chose_is_found_and_shown() {
    let place = Place::new();
    let auto = ["fit", "small.toml", "--out", "out", "--set", "train.learning-rate=auto", "--set", "train.epochs=6"];
    let json = place.run(&[&auto[..], &["--json", "--quiet"]].concat()).json();
    let found = json["learning_rate"].as_f64().unwrap();
    assert!((1e-5..0.1).contains(&found) && json["twin"]["learning_rate"].as_f64().is_some(), "{json}");
    let metrics = String::from_utf8(place.bytes("out/metrics.csv")).unwrap();
    let last: Vec<&str> = metrics.lines().nth(6).unwrap().split(',').collect();
    // The schedule is constant: the last step had the rate that was found.
    assert_eq!(last[..2], ["sparse", "6"]);
    let column = metrics.lines().next().unwrap().split(',').position(|name| name == "learning_rate").unwrap();
    assert!((last[column].parse::<f64>().unwrap() / found - 1.0).abs() < 1e-6, "{last:?}, {found}");
    let table = place.run(&[&auto[..], &["--no-twin"]].concat());
    assert!(table.out.contains("learning rate found"), "{}", table.out);
    assert!(String::from_utf8(place.bytes("out/recipe.toml")).unwrap().contains("learning-rate = \"auto\""));
    place.run(&[&auto[..], &["--set", "train.optimizer=sgd"]].concat()).fails(
        2,
        "train.learning-rate is \"auto\" where train.optimizer is \"sgd\", expected a number, or the optimizer adam or adamw",
    );
}
