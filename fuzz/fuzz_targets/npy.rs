//! Any bytes as an .npy file: an array that reads back as written, or a named error.
#![no_main]
use rarefy::data::{Limits, npy};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { bytes: 1 << 20, ..Limits::default() };
    if let Ok(array) = npy::parse(bytes, "fuzz", &limits) {
        if let Some(numbers) = array.numbers() {
            assert_eq!(numbers.count(), array.len());
        }
        let _ = array.texts();
        let mut again = Vec::new();
        npy::write(&mut again, &array).expect("writing to memory");
        let roomy = Limits { bytes: 1 << 24, ..limits };
        assert_eq!(npy::parse(&again, "again", &roomy).expect("what was written"), array);
    }
});
