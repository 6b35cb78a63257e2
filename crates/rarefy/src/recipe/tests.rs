use super::*;

fn error(text: &str) -> String {
    Recipe::parse(text, "r.toml").unwrap_err().to_string()
}

/// A recipe that is right, followed by `more`.
fn with(more: &str) -> String {
    format!("[data]\ntrain = \"digits\"\n[model]\nlayers = [\"linear 10\"]\n{more}")
}

#[test]
fn the_built_in_recipe_is_right() {
    let recipe = Recipe::builtin();
    assert_eq!((recipe.data.train.as_str(), recipe.sparsity.target), ("mnist", 0.98));
}

#[test]
fn a_recipe_comes_back_from_its_own_text() {
    let everything = with(
        "[train]\noptimizer = \"sgd\"\nmomentum = 0.9\nnesterov = true\nlearning-rate = 1e-7\nclass-weights = [1, 2.5]\n\
         seed = 9\n[sparsity]\ntarget = 0.9\ndistribution = [0.1, 0.5]\nstructure = \"block 4x1\"\ngrow = \"random\"\n\
         [twin]\nepochs = 4\n[stop]\npatience = 3\nmax-seconds = 10\n",
    );
    for recipe in [Recipe::builtin(), Recipe::parse(&everything, "r.toml").unwrap()] {
        let text = recipe.to_toml();
        assert_eq!(Recipe::parse(&text, "as run").unwrap(), recipe, "{text}");
    }
}

#[test]
fn every_key_is_found_and_has_help() {
    for key in keys() {
        assert!(key.name.contains('.') && !key.help.is_empty(), "{}", key.name);
    }
}

#[test]
fn case_22_an_unknown_key_names_the_nearest_and_its_line() {
    assert_eq!(error(&with("[train]\n\nbacth = 3")), "r.toml:7: unknown key train.bacth; did you mean train.batch?");
    assert_eq!(
        error(&with("[train]\nstructure = \"2:4\"")),
        "r.toml:6: unknown key train.structure; did you mean sparsity.structure?"
    );
    assert!(error(&with("[sparsty]\ntarget = 1")).contains("unknown section [sparsty], did you mean [sparsity]?"));
    assert!(error("epochs = 3").contains("stands alone"));
}

#[test]
fn case_22_a_wrong_type_is_named() {
    let message = error(&with("[train]\nbatch = \"many\""));
    assert_eq!(message, "r.toml:6: train.batch is \"many\", expected a whole number of 1 or more");
    assert!(error(&with("[train]\nbatch = {a = 1}")).contains("is a table, expected"));
    assert!(error(&with("[train]\nseed = 1979-05-27")).contains("is a date, expected"));
    assert!(error("data = 3").contains("stands alone"));
}

#[test]
fn case_22_a_duplicate_key_is_named_with_its_line() {
    let message = error(&with("[train]\nbatch = 3\nbatch = 4"));
    assert!(message.starts_with("r.toml:7:") && message.contains("duplicate"), "{message}");
}

#[test]
fn case_22_deep_nesting_is_an_error() {
    let deep = format!("a = {}1{}", "{b = ".repeat(10_000), "}".repeat(10_000));
    assert!(error(&deep).starts_with("r.toml:1:"));
    let tables: String = (0..10_000).map(|i| format!("[{}]\n", vec!["x"; i % 100 + 1].join("."))).collect();
    assert!(error(&tables).starts_with("r.toml:"));
    assert!(error(&format!("[{}]", vec!["x"; 10_000].join("."))).starts_with("r.toml:1:"));
}

#[test]
fn case_22_a_huge_recipe_is_refused_unread() {
    let huge = with(&format!("[train]\nloss = \"{}\"", "x".repeat(100 << 20)));
    assert!(error(&huge).contains("longer than"));
}

#[test]
fn case_22_numbers_out_of_range_are_named() {
    for (line, says) in [
        ("[train]\nweight-decay = -1e-4", "train.weight-decay is -0.0001, expected a number of 0 or more"),
        ("[train]\nseed = nan", "train.seed is nan, expected a whole number"),
        ("[train]\nlearning-rate = inf", "train.learning-rate is inf, expected a number above 0"),
        ("[train]\nepochs = -3", "train.epochs is -3, expected a whole number of 1 or more"),
        ("[train]\nepochs = 99999999999999999999", "whole number past 64 bits"),
        ("[stop]\naccuracy = 98", "stop.accuracy is 98, expected a number above 0, up to 1"),
    ] {
        assert!(error(&with(line)).contains(says), "{}", error(&with(line)));
    }
}

#[test]
fn case_53_no_weights_at_all_is_an_error_and_all_of_them_is_not() {
    assert!(error(&with("[sparsity]\ntarget = 1.0")).contains("sparsity.target is 1.0, expected"));
    assert_eq!(Recipe::parse(&with("[sparsity]\ntarget = 0"), "r.toml").unwrap().sparsity.target, 0.0);
}

#[test]
fn an_option_of_another_optimizer_is_refused() {
    let message = error(&with("[train]\nmomentum = 0.9"));
    assert!(message.contains("train.momentum has no meaning where train.optimizer is \"adam\""), "{message}");
}

#[test]
fn a_learning_rate_may_be_left_to_the_training() {
    let recipe =
        Recipe::parse(&with("[train]\nlearning-rate = \"auto\"\n[twin]\nlearning-rate = 1e-3"), "r.toml").unwrap();
    assert_eq!(recipe.train.learning_rate, Some(LearningRate::Auto));
    assert_eq!(recipe.twin.learning_rate, Some(LearningRate::Given(1e-3)));
    assert_eq!(Recipe::parse(&recipe.to_toml(), "as run").unwrap(), recipe);
    let mut recipe = Recipe::builtin();
    recipe.set("train.learning-rate=auto").unwrap();
    assert_eq!(recipe.train.learning_rate, Some(LearningRate::Auto));
    for (section, text) in [
        ("train", "[train]\noptimizer = \"sgd\"\nlearning-rate = \"auto\""),
        ("twin", "[train]\noptimizer = \"sgd\"\n[twin]\nlearning-rate = \"auto\""),
    ] {
        let expected = format!(
            "{section}.learning-rate is \"auto\" where train.optimizer is \"sgd\", expected a number, or the optimizer adam or adamw"
        );
        assert!(error(&with(text)).contains(&expected), "{}", error(&with(text)));
    }
    let message = error(&with("[train]\nlearning-rate = \"fast\""));
    assert!(message.contains("train.learning-rate is \"fast\", expected a number above 0, or auto"), "{message}");
}

#[test]
fn a_word_that_is_almost_right_is_guessed() {
    assert!(error(&with("[sparsity]\nmethod = \"rgil\"")).contains("did you mean \"rigl\"?"));
}

#[test]
fn overrides_need_no_quotes_and_change_nothing_when_wrong() {
    let mut recipe = Recipe::builtin();
    recipe.set("train.optimizer=sgd").unwrap();
    recipe.set("model.layers=[\"linear 10\"]").unwrap();
    assert_eq!((recipe.train.optimizer.as_str(), recipe.model.layers.len()), ("sgd", 1));
    let before = recipe.clone();
    let message = recipe.set("train.epochs=many").unwrap_err().to_string();
    assert_eq!(message, "--set train.epochs=many: train.epochs is \"many\", expected a whole number of 1 or more");
    assert!(recipe.set("train.epochs").is_err() && recipe.set("a=b").is_err());
    assert_eq!(recipe, before);
}

#[test]
fn a_stop_rule_needs_something_to_look_at() {
    let text = "[data]\ntrain = \"digits\"\nvalidation = 0\n[model]\nlayers = [\"linear 10\"]\n[stop]\npatience = 2";
    assert!(error(text).contains("stop.patience looks at the validation part"));
}

#[test]
fn the_first_difference_is_told_with_both_values() {
    let (a, mut b) = (Recipe::builtin(), Recipe::builtin());
    assert_eq!(a.difference(&b), None);
    b.set("train.seed=7").unwrap();
    assert_eq!(a.difference(&b), Some(("train.seed", "0".to_owned(), "7".to_owned())));
}

#[test]
fn two_answers_to_how_sparse_are_refused_in_a_file_and_the_command_line_has_the_last_word() {
    let file = |lines: &str| {
        let text = format!("[data]\ntrain = \"digits\"\n[model]\nlayers = [\"linear 10\"]\n[sparsity]\n{lines}");
        Recipe::parse(&text, "my.toml").map_err(|error| error.to_string())
    };
    let error = file("nonzeros = 5000\nfile-bytes = 90000").unwrap_err();
    assert!(error.contains("sparsity.nonzeros and sparsity.file-bytes both say how sparse"), "{error}");
    let error = file("method = \"prox-l1\"\nlambda = 1e-4\ntarget = 0.9").unwrap_err();
    assert!(error.contains("sparsity.target and sparsity.lambda both say how sparse"), "{error}");
    let error = file("target = 0.9\nwithin = 0.5").unwrap_err();
    assert!(error.contains("sparsity.target and sparsity.within both say how sparse"), "{error}");
    let set = |changes: &[&str]| {
        let mut recipe = Recipe::builtin();
        changes.iter().try_for_each(|change| recipe.set(change)).map(|()| recipe).map_err(|error| error.to_string())
    };
    let last = set(&["sparsity.nonzeros=5000", "sparsity.within=0.5"]).unwrap().sparsity;
    assert_eq!((last.target, last.nonzeros, last.within), (0.0, None, Some(0.5)));
    assert!(set(&["sparsity.method=prox-l1", "sparsity.lambda=1e-4"]).is_ok());
    let error = set(&["sparsity.method=rigl", "sparsity.lambda=1e-4"]).unwrap_err();
    assert!(error.contains("sparsity.lambda has no meaning where sparsity.method is \"rigl\""), "{error}");
}

#[test]
fn a_search_needs_something_to_compare_with() {
    let error = |lines: &str| {
        let text = format!("[model]\nlayers = [\"linear 10\"]\n{lines}");
        Recipe::parse(&text, "my.toml").unwrap_err().to_string()
    };
    let alone = error("[data]\ntrain = \"digits\"\n[sparsity]\nwithin = 0.5\n[twin]\ntrain = false");
    assert!(alone.contains("sparsity.within compares with the dense twin, but twin.train is false"), "{alone}");
    let dense = error("[data]\ntrain = \"digits\"\n[sparsity]\nmethod = \"dense\"\nwithin = 0.5");
    assert!(dense.contains("sparsity.within looks for the sparsest model, but sparsity.method is dense"), "{dense}");
    let blind = error("[data]\ntrain = \"digits\"\nvalidation = 0\n[sparsity]\nwithin = 0.5");
    assert!(blind.contains("sparsity.within looks at the validation part"), "{blind}");
}

/// A recipe of a linear model, with `more` in it.
fn linear(more: &str) -> String {
    format!("[data]\ntrain = \"diabetes\"\n[model]\nkind = \"linear\"\n{more}")
}

#[test]
fn a_linear_recipe_comes_back_from_its_own_text_without_the_keys_of_nets() {
    let everything = linear(
        "penalty = \"elastic-net\"\nl1-ratio = 0.3\nintercept = false\nstandardize = false\n[train]\nloss = \"poisson\"\n\
         tolerance = 1e-9\n[select]\nlambda = \"auto\"\nby = \"cv\"\nfolds = 7\nrule = \"1se\"\nlambdas = 20\nratio = 0.1\n",
    );
    let (huber, quantile) =
        ("epsilon = 2.0\n[train]\nloss = \"huber\"", "quantile = 0.9\n[train]\nloss = \"quantile\"");
    for text in [
        linear(huber),
        linear(quantile),
        linear(""),
        everything,
        linear("[select]\nlambda = 2"),
        linear("[select]\nsparsity = 0.9"),
    ] {
        let recipe = Recipe::parse(&text, "r.toml").unwrap();
        let text = recipe.to_toml();
        assert_eq!(Recipe::parse(&text, "as run").unwrap(), recipe, "{text}");
        assert!(!text.contains("epochs") && !text.contains("[sparsity]") && !text.contains("validation"), "{text}");
    }
    assert!(!Recipe::builtin().to_toml().contains("[select]"));
}

#[test]
fn keys_of_the_other_kind_of_model_are_refused_with_what_to_do() {
    for (text, says) in [
        (with("[select]\nfolds = 5"), "select.folds has no meaning where model.kind is \"net\""),
        (with("[train]\nloss = \"logistic\""), "train.loss is \"logistic\", expected one of cross-entropy"),
        (linear("layers = [\"linear 1\"]"), "model.layers has no meaning where model.kind is \"linear\"; leave it out"),
        (linear("[train]\nepochs = 3"), "train.epochs has no meaning"),
        (linear("[train]\nloss = \"cross-entropy\""), "train.loss is \"cross-entropy\", expected one of squared"),
        (linear("[sparsity]\ntarget = 0.9"), "say select.nonzeros or select.sparsity"),
        (linear("[sparsty]\ntarget = 0.9"), "did you mean [sparsity]?"),
        (linear("penalty = \"l2\""), "expected one of l1, elastic-net, mcp, scad (did you mean \"l1\"?)"),
        (linear("l1-ratio = 0.5"), "model.l1-ratio has no meaning where model.penalty is \"l1\", expected elastic-net"),
        (linear("penalty = \"scad\"\ngamma = 2"), "model.gamma is 2, expected a number above 2"),
        (linear("epsilon = 2"), "model.epsilon has no meaning where train.loss is \"auto\", expected huber"),
        (
            linear("quantile = 1\n[train]\nloss = \"quantile\""),
            "model.quantile is 1, expected a number between 0 and 1",
        ),
        (linear("[select]\nlambda = 0"), "select.lambda is 0, expected a number above 0, or auto"),
        (linear("[select]\nlamda = 1"), "unknown key select.lamda; did you mean select.lambda?"),
        (linear("[select]\nnonzeros = 3\nlambda = 1"), "select.lambda and select.nonzeros both say how sparse"),
        (linear("[select]\nnonzeros = 3\nby = \"bic\""), "select.by has no meaning beside select.nonzeros"),
        (linear("[select]\nby = \"bic\"\nrule = \"1se\""), "select.rule has no meaning where select.by is \"bic\""),
        (linear("[select]\nlambda = 1\nratio = 0.1"), "select.ratio has no meaning beside a number"),
        (linear("[select]\nfolds = 1"), "select.folds is 1, expected a whole number of 2 or more"),
    ] {
        assert!(error(&text).contains(says), "{says}: {}", error(&text));
    }
    let validation = "[data]\ntrain = \"iris\"\nvalidation = 0.2\n[model]\nkind = \"linear\"";
    assert!(error(validation).contains("data.validation has no meaning") && error(validation).contains("select.folds"));
}

#[test]
fn a_command_makes_a_linear_model_of_a_net_and_says_anew_how_sparse() {
    let mut recipe = Recipe::builtin();
    recipe.set("train.seed=7").unwrap();
    for change in ["model.kind=linear", "data.train=diabetes", "select.rule=1se", "select.nonzeros=5"] {
        recipe.set(change).unwrap();
    }
    assert_eq!((recipe.train.seed, recipe.select.nonzeros, recipe.select.rule.clone()), (7, Some(5), None));
    recipe.set("select.lambda=0.5").unwrap();
    assert_eq!((recipe.select.nonzeros, recipe.select.lambda), (None, Some(Strength::Given(0.5))));
    recipe.set("select.by=ebic").unwrap();
    assert_eq!((recipe.select.lambda, recipe.select.by.as_deref()), (None, Some("ebic")));
    assert!(recipe.set("model.kind=net").unwrap_err().to_string().contains("model.layers is missing"));
}
