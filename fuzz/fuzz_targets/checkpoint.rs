//! A sound checkpoint with bytes changed: refused by name, or a trainer. Every three bytes of the input change one byte: two
//! say where, one to what.
#![no_main]
#[path = "mend/mod.rs"]
mod mend;

use rarefy::model::container::Container;
use rarefy::nn::trainer::Settings;
use rarefy::nn::{Config, Net, Sparsity, Trainer};
use std::sync::LazyLock;

fn config() -> Config {
    let sparsity = Sparsity { density: 0.5, ..Sparsity::default() };
    Config { net: Net::new(4).linear(3).relu().linear(2), sparsity, ..Config::default() }
}

static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let trainer = Trainer::new(config()).expect("a small network");
    trainer.to_container(&Settings::default()).and_then(|c| Ok(c.to_bytes()?)).expect("its checkpoint")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut changed = SOUND.clone();
    let len = changed.len();
    for change in bytes.chunks_exact(3) {
        changed[usize::from(u16::from_le_bytes([change[0], change[1]])) % len] = change[2];
    }
    let Ok(container) = Container::from_bytes(&mend::checksum(&changed), "checkpoint", 1) else { return };
    let _ = Trainer::from_container(config(), container, &Settings::default());
});
