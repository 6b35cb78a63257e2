//! Any bytes as a compressed file of any format: never more than the limit, never a crash.
#![no_main]
use rarefy::data::{Limits, ReadOptions, read_bytes};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { bytes: 1 << 16, row_bytes: 1 << 14, columns: 1 << 10, max_features: 1 << 16, rows: 1 << 14 };
    if let Ok(plain) = rarefy::data::compression::decompress(bytes, &limits) {
        assert!(plain.len() <= 1 << 16);
    }
    let _ = read_bytes(bytes, "fuzz", &ReadOptions { limits, ..ReadOptions::default() });
});
