//! Numbers as people read them. No locale: the same everywhere.

/// A whole number with thin groups of three: `1 863 680`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}'); // narrow no-break space
        }
        out.push(digit);
    }
    out
}

/// Bytes: `1.5 MB` (powers of a thousand).
pub fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["B", "kB", "MB", "GB", "TB"] {
        if value < 999.5 || unit == "TB" {
            return if unit == "B" { format!("{n} B") } else { format!("{} {unit}", significant(value)) };
        }
        value /= 1000.0;
    }
    format!("{n} B")
}

/// Three significant digits, without an exponent.
pub fn significant(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return x.to_string();
    }
    let decimals = |x: f64| (2 - x.abs().log10().floor() as i32).clamp(0, 9);
    // Rounding may add a digit before the point: 9.999 is 10.0.
    let scale = 10f64.powi(decimals(x));
    let digits = decimals((x * scale).round() / scale) as usize;
    format!("{x:.digits$}")
}

/// A share in percent, with two decimals: `98.31 %`.
pub fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// How many times smaller or larger: `12.3×`.
pub fn ratio(of: f64, to: f64) -> Option<String> {
    (of > 0.0 && to > 0.0).then(|| format!("{}×", significant(of / to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(grouped(1_863_680), "1\u{202f}863\u{202f}680");
        assert_eq!((grouped(0), grouped(999)), ("0".into(), "999".into()));
        assert_eq!(
            (bytes(999), bytes(1_500_000), bytes(999_999)),
            ("999 B".into(), "1.50 MB".into(), "1.00 MB".into())
        );
        assert_eq!(
            (significant(0.012345), significant(123.4), significant(9.999)),
            ("0.0123".into(), "123".into(), "10.0".into())
        );
        assert_eq!(percent(0.98312), "98.31 %");
        assert_eq!((ratio(30.0, 4.0).as_deref(), ratio(1.0, 0.0)), (Some("7.50×"), None));
    }
}
