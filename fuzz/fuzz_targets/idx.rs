//! Any bytes as an IDX file: an array or a named error.
#![no_main]
use rarefy::data::{Limits, idx};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { bytes: 1 << 20, ..Limits::default() };
    if let Ok(array) = idx::parse(bytes, "fuzz", &limits) {
        let mut again = Vec::new();
        idx::write(&mut again, &array).expect("writing to memory");
        // Bytes, not numbers: a file may hold NaN, which equals nothing.
        let read = idx::parse(&again, "again", &limits).expect("what was written");
        let mut once_more = Vec::new();
        idx::write(&mut once_more, &read).expect("writing to memory");
        assert_eq!(once_more, again);
    }
});
