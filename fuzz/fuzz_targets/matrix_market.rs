//! Any bytes as a MatrixMarket file: features that read back as written, or a named error.
#![no_main]
use rarefy::data::{Duplicates, Limits, SparseOptions, matrix_market};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { bytes: 1 << 20, row_bytes: 1 << 16, columns: 1 << 12, max_features: 1 << 16, rows: 1 << 16 };
    let lenient = SparseOptions { duplicates: Duplicates::Last, ..SparseOptions::default() };
    for options in [SparseOptions::default(), lenient] {
        let Ok(features) = matrix_market::parse(bytes, "fuzz", &options, &limits) else { continue };
        let mut again = Vec::new();
        matrix_market::write(&mut again, &features).expect("writing to memory");
        let roomy = Limits { bytes: 1 << 26, ..limits };
        let back = matrix_market::parse(&again, "again", &options, &roomy).expect("what was written");
        assert_eq!(back, features);
    }
});
