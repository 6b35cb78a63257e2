//! Any bytes as an artifact: refused by name, or a network that predicts.
#![no_main]
#[path = "mend/mod.rs"]
mod mend;

use rarefy::Artifact;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = Artifact::from_bytes(bytes);
    let Ok(artifact) = Artifact::from_bytes(&mend::checksum(bytes)) else { return };
    let inputs = artifact.graph.inputs;
    if inputs > 1 << 12 {
        return;
    }
    let rows = rarefy::core::matrix::Dense::filled(2, inputs, 0.5).expect("two short rows");
    if let Ok(runtime) = artifact.into_runtime() {
        let _ = runtime.predict(rows.view());
    }
});
