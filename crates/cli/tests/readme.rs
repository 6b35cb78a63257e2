//! What the README tells a new user to type works as it stands there.

mod common;

use common::Place;

const README: &str = include_str!("../../../README.md");

/// The code blocks of the README in this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let after = |part: &'static str| part.split_once("```").map(|(block, _)| block);
    README.match_indices(&fence).filter_map(|(at, _)| after(&README[at + fence.len()..])).collect()
}

/// Flowers of three species, which `seed` scatters around their means: four lengths and, unless it is left out, the species.
fn flowers(rows: usize, seed: u64, with_species: bool) -> String {
    let mut state = seed;
    let mut noise = || {
        // Knuth's linear congruential generator (MMIX); its high bits are random enough for a table.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1u64 << 24) as f64 - 0.5
    };
    let kinds =
        [("setosa", [5.0, 3.4, 1.5, 0.2]), ("versicolor", [5.9, 2.8, 4.3, 1.3]), ("virginica", [6.6, 3.0, 5.6, 2.0])];
    let mut text = String::from(if with_species { "species,a,b,c,d\n" } else { "a,b,c,d\n" });
    for row in 0..rows {
        let (name, means) = kinds[row % 3];
        let lengths: Vec<String> = means.iter().map(|mean| format!("{:.2}", mean + 0.6 * noise())).collect();
        if with_species {
            text.push_str(&format!("{name},"));
        }
        text.push_str(&format!("{}\n", lengths.join(",")));
    }
    text
}

#[test]
fn the_recipe_and_every_command_after_it_run() {
    let [recipe] = blocks("toml")[..] else { panic!("one recipe, found {:?}", blocks("toml")) };
    let file = recipe.lines().next().and_then(|line| line.strip_prefix("# ")).expect("the recipe begins with its name");
    let commands = blocks("sh").into_iter().find(|block| block.contains(file)).expect("commands after the recipe");
    let place = Place::new();
    place.write(file, recipe);
    place.write("my-table.csv", &flowers(300, 1, true));
    place.write("test.csv", &flowers(60, 2, true));
    place.write("new.csv", &flowers(9, 3, false));
    let mut seen = 0;
    for line in commands.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        // `--resume` goes on with what the line before it changed.
        let line =
            if line.ends_with("--resume") { format!("{line} --set sparsity.target=0.99") } else { line.to_owned() };
        let Some(arguments) = line.strip_prefix("rarefy ") else { panic!("{line:?} does not call rarefy") };
        let run = place.run(&arguments.split_whitespace().collect::<Vec<_>>());
        assert_eq!(run.code, Some(0), "{line}: {}", run.err);
        assert!(!run.out.is_empty(), "{line}");
        seen += 1;
    }
    assert!(seen >= 6, "{commands}");
    let line = blocks("sh").into_iter().find(|block| block.starts_with("rarefy frontier")).expect("a frontier").trim();
    let fewer = line.replace("--seeds 3", "--seeds 1 --set train.epochs=2");
    let run = place.run(&fewer.split_whitespace().skip(1).collect::<Vec<_>>());
    assert_eq!(run.code, Some(0), "{line}: {}", run.err);
    let found = place.run(&["eval", "rarefy-out/model.rarefy", "test.csv", "--json"]).json();
    assert!(found["rows"] == 60 && found["accuracy"].as_f64().is_some(), "{found}");
    let answers = place.run(&["predict", "rarefy-out/model.rarefy", "new.csv"]).out;
    assert_eq!(answers.lines().count(), 10);
}

#[test]
fn columns_in_another_order_are_refused() {
    let place = Place::new();
    place.write("my-table.csv", &flowers(60, 1, true));
    place.write("r.toml", "[data]\ntrain = \"my-table.csv\"\nlabel = \"species\"\n[model]\nlayers = [\"linear 3\"]\n[train]\nepochs = 1\n");
    assert_eq!(place.run(&["fit", "r.toml", "-q"]).code, Some(0));
    place.write("new.csv", "b,a,c,d\n3,5,1,0\n2,6,4,1\n");
    place
        .run(&["predict", "rarefy-out/model.rarefy", "new.csv"])
        .fails(1, "feature 1 is called \"b\", the model was trained with \"a\"");
}

#[test]
fn the_commands_of_linear_models_run() {
    let commands = blocks("sh").into_iter().find(|block| block.contains("lasso.toml")).expect("linear models");
    let place = Place::new();
    std::fs::create_dir(place.path("examples")).unwrap();
    place.write("examples/lasso.toml", include_str!("../../../examples/lasso.toml"));
    place.write("examples/logistic.toml", include_str!("../../../examples/logistic.toml"));
    for line in commands.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some(arguments) = line.strip_prefix("rarefy ") else { panic!("{line:?} does not call rarefy") };
        let run = place.run(&arguments.split_whitespace().collect::<Vec<_>>());
        assert_eq!(run.code, Some(0), "{line}: {}", run.err);
    }
    assert!(place.path("answers.csv").exists());
}
