//! Any bytes as a CSV file: a checked data set or a named error.
#![no_main]
use rarefy::data::{Limits, csv};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { bytes: 1 << 20, row_bytes: 1 << 16, columns: 1 << 12, ..Limits::default() };
    if let Ok(data) = csv::parse(bytes, "fuzz", &csv::CsvOptions::default(), &limits) {
        data.check().expect("a data set that was read is sound");
    }
});
