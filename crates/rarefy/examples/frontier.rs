//! How sparse may a network on handwritten digits be? Prints the curve and its knee:
//! `cargo run --release -p rarefy --example frontier`

use rarefy::Recipe;
use rarefy::frontier::{Plan, Step, frontier};
use rarefy::run::Role;

fn main() -> rarefy::Result<()> {
    let recipe = Recipe::parse(
        "[data]\ntrain = \"digits\"\nvalidation = 0.2\n\
         [model]\nlayers = [\"linear 64\", \"relu\", \"linear 10\"]\n\
         [train]\nepochs = 8\nbatch = 32\nlearning-rate = 3e-3\n\
         [sparsity]\nevery = 20",
        "digits",
    )?;
    let out = std::env::temp_dir().join(format!("rarefy-example-{}", std::process::id()));
    let plan = Plan { sparsities: vec![0.5, 0.8, 0.9, 0.95], seeds: 2, out: out.clone(), ..Plan::default() };
    let curve = frontier(recipe, &plan, &(), &mut |step| {
        if let Step::Point { finished, points, .. } = step {
            eprintln!("{finished} of {points}");
        }
    })?;
    for kind in curve.of(Role::Twin).chain(curve.of(Role::Sparse)) {
        let accuracy = kind.accuracy.map_or(f64::NAN, |accuracy| accuracy.mean);
        println!(
            "sparsity {:.2}: {:.0} weights, {:.1} % right",
            kind.sparsity.unwrap_or(0.0),
            kind.nnz,
            100.0 * accuracy
        );
    }
    println!("knee: {:?}", curve.knee);
    assert_eq!(curve.of(Role::Sparse).count(), 4);
    let _ = std::fs::remove_dir_all(out); // only a temporary folder
    Ok(())
}

#[test]
fn runs() -> rarefy::Result<()> {
    main()
}
