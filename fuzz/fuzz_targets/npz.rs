//! Any bytes as an .npz file, its checksums and its directory as they are: a checked data set or a named error.
#![no_main]
use rarefy::data::csv::CsvOptions;
use rarefy::data::{Duplicates, Limits, SparseOptions, npz};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { bytes: 1 << 20, row_bytes: 1 << 16, columns: 1 << 12, max_features: 1 << 16, rows: 1 << 16 };
    let lenient = SparseOptions { sort: true, duplicates: Duplicates::Sum, ..SparseOptions::default() };
    for options in [SparseOptions::default(), lenient] {
        if let Ok(data) = npz::parse(bytes, "fuzz", None, &CsvOptions::default(), &options, &limits) {
            data.check().expect("a data set that was read is sound");
        }
    }
});
