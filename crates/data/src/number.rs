//! Numbers in text, read strictly.
//!
//! `12`, `-1.5`, `+2e-3`: a point for the decimals, no separators between thousands, whatever the locale of the machine. A
//! text that another locale would call a number is refused, with a guess at what it is, and never read as another number.

use crate::error::{Error, Place, shorten};

/// Reads a 32-bit float, rounding to the nearest; `place` is asked for only when that fails.
pub(crate) fn parse_f32(field: &[u8], place: impl FnOnce() -> Place) -> Result<f32, Error> {
    let value = std::str::from_utf8(field).ok().and_then(|text| text.trim_ascii().parse::<f32>().ok());
    match value {
        Some(value) if value.is_finite() => Ok(value),
        _ => Err(fault(field, place())),
    }
}

/// As [`parse_f32`], but what is not finite passes, and what 32 bits cannot hold is infinite.
pub(crate) fn parse_nonfinite(field: &[u8], place: impl FnOnce() -> Place) -> Result<f32, Error> {
    let value = std::str::from_utf8(field).ok().and_then(|text| text.trim_ascii().parse().ok());
    value.ok_or_else(|| fault(field, place()))
}

/// Reads a 64-bit float that 32 bits can hold too, but for its last digits.
pub(crate) fn parse_f64(text: &str, place: impl FnOnce() -> Place) -> Result<f64, Error> {
    match text.trim_ascii().parse::<f64>() {
        Ok(value) if (value as f32).is_finite() => Ok(value),
        _ => Err(fault(text.as_bytes(), place())),
    }
}

/// Whether a field is written as a number, finite or not.
pub(crate) fn is_number(field: &[u8]) -> bool {
    std::str::from_utf8(field).is_ok_and(|text| text.trim_ascii().parse::<f64>().is_ok())
}

/// Whether a field would be a number elsewhere: with a decimal comma or separated thousands.
pub(crate) fn is_foreign_number(field: &[u8]) -> bool {
    guess(field.trim_ascii()).is_some()
}

/// Why `field` is not a finite number.
fn fault(field: &[u8], place: Place) -> Error {
    let trimmed = field.trim_ascii();
    let found = shorten(trimmed);
    let text = std::str::from_utf8(trimmed).unwrap_or("");
    if trimmed.is_empty() {
        return Error::EmptyCell { place, expected: "a number" };
    }
    if let Ok(value) = text.parse::<f64>() {
        let written = text.bytes().any(|b| b.is_ascii_digit());
        let why = if value.is_nan() {
            "not a number"
        } else if written {
            "past what 32-bit floats hold (3.4e38)"
        } else {
            "infinite"
        };
        return Error::NotFinite { place, found, why };
    }
    let missing = ["NA", "?", "null", "none"].iter().any(|word| text.eq_ignore_ascii_case(word));
    let (guess, fix) = match guess(trimmed) {
        Some(guess) => guess,
        None if missing => (" (a missing value?)", "fill it in, or drop the row or column"),
        None => ("", "mend it, or leave the column out"),
    };
    Error::NotNumber { place, found, guess, fix }
}

/// What a text may be, and what to do about it.
fn guess(text: &[u8]) -> Option<(&'static str, &'static str)> {
    const POINT: &str = "write 4.5, with a point";
    const PLAIN: &str = "write 1234.5, without separators";
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    let separators: Vec<&[u8]> = digits.split(|b| b.is_ascii_digit()).filter(|between| !between.is_empty()).collect();
    let starts = digits.first().is_some_and(u8::is_ascii_digit);
    let known = |s: &&[u8]| matches!(*s, b"," | b"." | b"'" | b" " | b"_" | b"\xc2\xa0" | b"\xe2\x80\xaf");
    match separators[..] {
        [b","] if starts && digits.rsplit(|&b| b == b',').next().is_some_and(|last| last.len() == 3) => {
            Some((" (decimal comma, or separated thousands?)", PLAIN))
        }
        [b","] => Some((" (decimal comma?)", POINT)),
        [] => None,
        _ if starts && separators.iter().all(known) => Some((" (separated thousands?)", PLAIN)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::At;

    fn fault_of(text: &str) -> String {
        parse_f32(text.as_bytes(), || Place::new("t.csv", At::Cell(7, 2))).unwrap_err().to_string()
    }

    #[test]
    fn plain_numbers_are_read_exactly() {
        for (text, value) in [("1.5", 1.5), (" -2e-3 ", -0.002), ("+7", 7.0), (".5", 0.5), ("16777217", 16_777_216.0)] {
            assert_eq!(parse_f32(text.as_bytes(), || unreachable!()).unwrap(), value);
        }
    }

    #[test]
    fn case_16_numbers_of_other_locales_are_refused_and_guessed() {
        let cases = [("4,5", "decimal comma?"), ("1,234", "separated thousands"), ("1.234,5", "separated thousands")];
        for (text, guess) in
            cases.into_iter().chain([("1'234", "thousands"), ("12 345", "thousands"), ("1_000", "thousands")])
        {
            let message = fault_of(text);
            assert!(message.starts_with("t.csv:7: column 2: ") && message.contains(guess), "{message}");
        }
    }

    #[test]
    fn case_41_what_is_not_finite_is_refused() {
        for (text, why) in
            [("nan", "not a number"), ("-inf", "infinite"), ("1e400", "past what"), ("1e39", "past what")]
        {
            assert!(fault_of(text).contains(why), "{}", fault_of(text));
        }
    }

    #[test]
    fn an_empty_cell_and_a_missing_value_are_named() {
        assert!(fault_of(" ").contains("empty"));
        assert!(fault_of("NA").contains("missing value"));
    }
}
