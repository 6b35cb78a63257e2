//! Any text as a recipe: a checked recipe that writes itself back, or a named error.
#![no_main]
use rarefy::Recipe;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(recipe) = Recipe::parse(text, "fuzz") {
        let again = Recipe::parse(&recipe.to_toml(), "again").expect("a recipe as written");
        assert_eq!(recipe, again);
    }
});
