//! Any bytes as svmlight data: a checked data set that reads back as written, or a named error.
#![no_main]
use rarefy::data::csv::CsvOptions;
use rarefy::data::{Duplicates, FirstIndex, Limits, SparseOptions, svmlight};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { bytes: 1 << 20, row_bytes: 1 << 16, columns: 1 << 12, max_features: 1 << 16, rows: 1 << 16 };
    let lenient = SparseOptions { sort: true, duplicates: Duplicates::Last, ..SparseOptions::default() };
    for options in [SparseOptions::default(), lenient] {
        let Ok(data) = svmlight::parse(bytes, "fuzz", &CsvOptions::default(), &options, &limits) else { continue };
        data.check().expect("a data set that was read is sound");
        let mut again = Vec::new();
        if svmlight::write(&mut again, &data, 1).is_ok() {
            let options = SparseOptions { first_index: FirstIndex::One, features: Some(data.cols()), ..options };
            let roomy = Limits { bytes: 1 << 24, row_bytes: 1 << 20, ..limits };
            let back = svmlight::parse(&again, "again", &CsvOptions::default(), &options, &roomy).expect("what was written");
            assert_eq!(back.features, data.features);
        }
    }
});
