//! What goes wrong ends with its exit code and one readable line.

mod common;

use common::{Place, names};

#[test]
fn usage_is_exit_2() {
    let place = Place::new();
    place.run(&[]).fails(2, "Usage");
    place.run(&["fit", "--sett", "a=b"]).fails(2, "--set");
    place.run(&["fit", "small.toml", "--threads", "0"]).fails(2, "--threads");
    place.run(&["fit", "none.toml"]).fails(2, "none.toml: No such file");
}

#[test]
fn case_22_recipes_that_are_wrong_are_exit_2_before_anything_is_written() {
    let place = Place::new();
    let with = |more: &str| format!("{}{more}", common::SMALL);
    for (text, says) in [
        (with("evry = 3\n"), "bad.toml:14: unknown key sparsity.evry; did you mean sparsity.every?"),
        (with("every = 3\n"), "bad.toml:14: duplicate key"),
        (with("fraction = \"x\"\n"), "sparsity.fraction is \"x\", expected"),
        (with("until = nan\n"), "sparsity.until is nan, expected"),
        (with(&format!("x = {}", "[".repeat(10_000))), "bad.toml:14:"),
        (with("[train.x]\ny = 1\n"), "bad.toml:14: "),
        (with("[twin]\nlearning-rate = -1\n"), "twin.learning-rate is -1, expected"),
    ] {
        place.write("bad.toml", &text);
        place.run(&["fit", "bad.toml"]).fails(2, says);
    }
    place.write("bad.toml", &"x".repeat(100 << 20));
    place.run(&["fit", "bad.toml"]).fails(2, "longer than 1048576 bytes");
    place.run(&["fit", "--set", "train.sed=1"]).fails(2, "did you mean train.seed?");
    place.run(&["fit", "small.toml", "--set", "model.layers=[\"linaer 10\"]"]).fails(2, "did you mean linear?");
    assert!(!place.path("rarefy-out").exists());
}

#[test]
fn data_that_are_not_there_are_named() {
    let place = Place::new();
    place.run(&["fit", "small.toml", "--set", "data.train=digit"]).fails(2, "digits, iris, mnist");
    place.run(&["fit", "small.toml", "--set", "data.train=none.csv"]).fails(1, "none.csv");
    place.run(&["eval", "none.rarefy", "digits"]).fails(1, "none.rarefy");
    assert!(!place.path("rarefy-out").exists());
}

#[test]
fn case_38_and_39_foreign_models_and_data_are_refused() {
    let place = Place::new();
    place.fit("out", &["--no-twin"]);
    place.write("x.csv", "1,2,3\n4,5,6\n");
    place.run(&["predict", "out/model.rarefy", "x.csv"]).fails(1, "2 features, the model expects 64");
    place.write("model.pt", "\u{80}\u{2}}q");
    place.run(&["eval", "model.pt", "digits"]).fails(1, "model.pt");
    place.run(&["inspect", "out/checkpoint.rarefy"]).fails(1, "of kind \"run\", expected \"artifact\"");
}

#[test]
fn errors_are_one_object_on_standard_error_with_json() {
    let place = Place::new();
    let run = place.run(&["fit", "small.toml", "--set", "train.sed=1", "--json"]);
    run.fails(2, "");
    let json: serde_json::Value = serde_json::from_str(&run.err).unwrap();
    assert!(json["error"].as_str().unwrap().contains("train.sed") && json["code"] == 2);
}

#[test]
fn case_52_divergence_is_exit_4_and_the_last_good_model_stays() {
    let place = Place::new();
    let fit = |out: &str, learning_rate: &str| {
        let set = ["train.optimizer=sgd", learning_rate, "train.weight-decay=0.01", "train.epochs=400"];
        let schedule = ["train.schedule=one-cycle", "train.start=1e-6", "train.peak-at=0.999"];
        let set = set.iter().chain(&schedule).flat_map(|key| ["--set", key]);
        place.run(&["fit", "small.toml", "--out", out, "--no-twin"].into_iter().chain(set).collect::<Vec<_>>())
    };
    // Mild at first; once the step size is past 2 / weight decay, weights grow without end.
    let run = fit("out", "train.learning-rate=1e4");
    run.fails(4, "diverged at step");
    assert!(run.err.contains("its model is out/model.rarefy"), "{}", run.err);
    assert!(place.run(&["eval", "out/model.rarefy", "digits", "--json"]).json()["accuracy"].as_f64().is_some());
    // In the first epoch already there is no good state yet.
    let run = fit("none", "train.learning-rate=1e36");
    run.fails(4, "diverged at step");
    assert!(!place.path("none/model.rarefy").exists());
}

#[test]
fn case_53_everything_pruned_is_an_error_and_nothing_pruned_is_not() {
    let place = Place::new();
    place.run(&["fit", "small.toml", "--set", "sparsity.target=1"]).fails(2, "sparsity.target is 1, expected");
    let json = place.fit("out", &["--json", "--set", "sparsity.target=0"]).json();
    assert_eq!(json["density"], 1.0);
    assert!(json.get("twin").is_none());
}

#[test]
fn a_target_that_leaves_a_layer_without_weights_names_its_key_and_what_can_be_had() {
    let place = Place::new();
    let fit = |set: &str| place.run(&["fit", "small.toml", "--out", "out", "-q", "--set", set]);
    // 64 x 48 and 48 x 10 weights: two of 3,552 are 5.63e-4.
    for set in ["sparsity.target=0.9999", "sparsity.target=0.9995"] {
        let run = fit(set);
        run.fails(
            2,
            "of 3552 weights, expected at least 2, one in each weight matrix (density 5.63e-4); give 0.999436 or less",
        );
        assert!(run.err.contains("rarefy: sparsity.target: 0.999"), "{}", run.err);
    }
    fit("sparsity.nonzeros=1").fails(2, "sparsity.nonzeros: 1 leaves 1 of 3552 weights");
    fit("sparsity.file-bytes=100").fails(2, "sparsity.file-bytes: a file of 100 bytes leaves 0 of 3552 weights");
    let frontier = ["frontier", "small.toml", "--sparsities", "0.5,0.9999", "--seeds", "1", "--out", "f", "-q"];
    place.run(&frontier).fails(2, "sparsity.target: 0.9999 leaves 0");
    assert!(!place.path("out").exists() && !place.path("f").exists());
    let told = place.fit("out", &["--json", "--no-twin", "--set", "sparsity.target=0.999436"]).json();
    assert_eq!(told["nnz"], 2);
}

#[test]
fn case_50_penalties_of_any_strength_train_and_others_are_named() {
    let place = Place::new();
    let fit = |method: &str, strength: &str| {
        let set =
            [&format!("sparsity.method={method}"), strength, "train.warm-up=0.5", "train.epochs=3", "sparsity.every=5"];
        let set: Vec<&str> = set.iter().flat_map(|set| ["--set", set]).collect();
        place.run(&[&["fit", "small.toml", "--out", "out", "--json", "-q", "--no-twin"], &set[..]].concat())
    };
    let all = 64 * 48 + 48 * 10;
    for method in ["prox-l1", "elastic-net", "group-l1"] {
        for (lambda, most) in [("1e308", 200), ("1e30", 200), ("1e-300", all)] {
            let run = fit(method, &format!("sparsity.lambda={lambda}"));
            assert_eq!(run.code, Some(0), "{method} {lambda}: {}", run.err);
            let json = run.json();
            assert!(json["loss"].as_f64().is_some_and(f64::is_finite), "{method} {lambda}: {json}");
            assert!(json["nnz"].as_u64().unwrap() <= most, "{method} {lambda}: {json}");
        }
        for lambda in ["0", "-1", "nan", "inf"] {
            fit(method, &format!("sparsity.lambda={lambda}")).fails(2, "");
        }
    }
    for (radius, least, most) in [("1e-300", 2, all), ("1e308", all, all)] {
        let run = fit("l1-ball", &format!("sparsity.radius={radius}"));
        assert_eq!(run.code, Some(0), "{radius}: {}", run.err);
        let json = run.json();
        assert!(json["loss"].as_f64().is_some_and(f64::is_finite), "{radius}: {json}");
        assert!((least..=most).contains(&json["nnz"].as_u64().unwrap()), "{radius}: {json}");
    }
    let run = fit("l1-ball", "sparsity.radius=0");
    assert!(run.code == Some(2) && run.err.contains("sparsity.radius is 0, expected a number above 0"), "{}", run.err);
}

#[cfg(unix)]
#[test]
fn case_74_a_folder_that_cannot_be_written_to_is_found_before_training() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.run(&["fit", "small.toml", "--out", "small.toml"]).fails(1, "it is a file, expected a folder");
    place.run(&["fit", "small.toml", "--out", "small.toml/x"]).fails(1, "small.toml/x");
    std::fs::create_dir_all(place.path("taken/model.rarefy")).unwrap();
    place.run(&["fit", "small.toml", "--out", "taken"]).fails(1, "model.rarefy: could not write it: it is a folder");
    // The superuser may write anywhere but into the kernel's own folders.
    std::fs::create_dir(place.path("shut")).unwrap();
    std::fs::set_permissions(place.path("shut"), std::fs::Permissions::from_mode(0o555)).unwrap();
    let shut = std::fs::write(place.path("shut/try"), "").is_err();
    let folder = if shut { "shut" } else { "/sys/kernel/rarefy" };
    let run = place.run(&["fit", "small.toml", "--out", folder]);
    run.fails(5, "choose a folder that you may write to");
    assert!(!run.err.contains("1/2"), "trained before it found out");
}

#[cfg(target_os = "linux")]
#[test]
fn case_76_too_little_memory_is_told_with_an_estimate_before_training() {
    let place = Place::new();
    // The program itself takes less than this; a network of 400 million weights does not fit.
    let big =
        "fit small.toml --set 'model.layers=[\"linear 20000\", \"relu\", \"linear 20000\", \"relu\", \"linear 10\"]'";
    let run = place.shell(&format!("ulimit -v 1500000; $R {big} --threads 2"));
    run.fails(1, "MiB of memory");
    assert!(!place.path("rarefy-out").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn case_77_few_open_files_are_enough() {
    let place = Place::new();
    let run = place.shell("ulimit -n 64; $R fit small.toml --out out -q --json");
    assert_eq!(run.code, Some(0), "{}", run.err);
}

#[test]
fn case_78_data_that_shrink_while_they_are_read_do_not_crash() {
    let place = Place::new();
    let row = "1,2,3,4,a\n2,3,4,5,b\n";
    let path = place.write("d.csv", &row.repeat(100_000));
    let recipe = "[data]\ntrain = \"d.csv\"\n[model]\nlayers = [\"linear 2\"]\n[train]\nepochs = 1\nbatch = 1024\n";
    place.write("d.toml", recipe);
    let child = place
        .command(&["fit", "d.toml", "--out", "out", "-q"])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1000).unwrap();
    let run = common::Run::of(child.wait_with_output().unwrap());
    // Read before it shrank, after, or meanwhile: never a signal, never a panic.
    assert!(matches!(run.code, Some(0 | 1)) && !run.err.contains("panicked"), "{run:?}");
}

#[cfg(unix)]
#[test]
fn case_79_a_closed_pipe_ends_quietly() {
    let place = Place::new();
    place.fit("out", &["--no-twin"]);
    for line in [
        "$R predict out/model.rarefy digits --probabilities | head -n 1",
        "$R fit --help | head -n 1",
        "$R datasets --json | true",
    ] {
        let run = place.shell(&format!("{line}; exit 0"));
        assert_eq!(run.err, "", "{line}");
    }
    let run = place.shell("{ $R predict out/model.rarefy digits --probabilities; echo $? >&2; } | true");
    assert_eq!(run.err.trim(), "0");
}

#[cfg(unix)]
#[test]
fn case_80_locale_home_and_temporary_folder_do_not_matter() {
    let place = Place::new();
    place.fit("a", &["--no-twin"]);
    let run = place
        .shell("env -i LANG=tr_TR.UTF-8 LC_ALL=de_DE.UTF-8 TZ=Asia/Kolkata \"$R\" fit small.toml --out b -q --no-twin");
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(place.bytes("a/model.rarefy"), place.bytes("b/model.rarefy"));
    assert!(run.out.contains('.') && run.out.contains(" %"));
}

#[test]
fn case_81_a_second_writer_gets_exit_6() {
    let place = Place::new();
    std::fs::create_dir(place.path("out")).unwrap();
    let lock = rarefy::model::file::Lock::acquire(&place.path("out")).unwrap();
    let run = place.run(&["fit", "small.toml", "--out", "out"]);
    run.fails(6, "locked by the running process");
    drop(lock);
    // What a writer that died leaves is taken over.
    place.write("out/.rarefy-lock", "999999999 1\n");
    place.fit("out", &["--no-twin"]);
    assert!(!names(&place.path("out")).contains(&".rarefy-lock".to_owned()));
}

#[test]
fn an_instruction_set_that_does_not_exist_is_exit_2() {
    let place = Place::new();
    let run = common::Run::of(place.command(&["datasets"]).env("RAREFY_ISA", "avx1024").output().unwrap());
    run.fails(2, "RAREFY_ISA is avx1024");
}
