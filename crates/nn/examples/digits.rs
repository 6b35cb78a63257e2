//! Trains a network with a tenth of the weights on handwritten digits, and its dense twin beside it.
//!
//! `cargo run --release -p rarefy-nn --example digits`

use rarefy_data::{bundled, split};
use rarefy_nn::{Config, Net, Sparsity, Split, Trainer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let digits = bundled::load("digits")?;
    let parts = split::random(digits.train.rows(), &[0.9, 0.1], 1)?;
    // Scaling is learned from the training rows, and used for all parts.
    let factors = digits.train.scaling.fit(&digits.train.features, &parts[0])?;
    let train = Split::new(&digits.train, &parts[0], factors.clone());
    let validation = Split::new(&digits.train, &parts[1], factors.clone());
    let test = Split::whole(&digits.test, factors);

    let sparse = Sparsity { density: 0.1, every: 25, ..Sparsity::named("rigl")? };
    for (name, sparsity) in [("rigl", sparse), ("dense", Sparsity::named("dense")?)] {
        let net = Net::new(64).linear(256).relu().linear(256).relu().linear(10);
        let mut trainer = Trainer::new(Config { net, sparsity, batch: 32, epochs: 10, ..Config::default() })?;
        trainer.fit(&train, Some(&validation), &(), &mut |_| Ok(()))?;
        let accuracy = trainer.evaluate(&test)?.accuracy.unwrap_or_default();
        println!("{name:<6} {:>6} weights   test accuracy {accuracy:.4}", trainer.network().nnz());
    }
    Ok(())
}

#[test]
fn runs() -> Result<(), Box<dyn std::error::Error>> {
    main()
}
