//! Recipe values, apart from TOML's types, and what may be asked of them.

use std::fmt;

/// A value of a recipe.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `"text"`.
    Text(String),
    /// `12`.
    Whole(i64),
    /// `1.5`.
    Number(f64),
    /// `true`.
    Flag(bool),
    /// `[1, 2]`.
    List(Vec<Value>),
    /// Anything else that TOML has, by its name there: never expected.
    Other(&'static str),
}

impl fmt::Display for Value {
    /// As TOML writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", toml::Value::String(text.clone())),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Number(number) if number.is_nan() => f.write_str("nan"),
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::List(values) => {
                let values: Vec<String> = values.iter().map(Self::to_string).collect();
                write!(f, "[{}]", values.join(", "))
            }
            Self::Other(name) => write!(f, "a {name}"),
        }
    }
}

/// What was found in place of what was expected, as the end of a message.
pub fn wrong<T>(found: &Value, expected: &str) -> Result<T, String> {
    let mut found = found.to_string();
    if found.chars().count() > 60 {
        found = found.chars().take(60).collect();
        found.push('…');
    }
    Err(format!("is {found}, expected {expected}"))
}

/// A finite number that passes `check`; whole numbers count.
pub fn number(value: &Value, check: impl Fn(f64) -> bool, expected: &str) -> Result<f64, String> {
    match value {
        Value::Number(x) if x.is_finite() && check(*x) => Ok(*x),
        Value::Whole(n) if check(*n as f64) => Ok(*n as f64),
        _ => wrong(value, expected),
    }
}

/// A number above 0.
pub fn positive(value: &Value) -> Result<f64, String> {
    number(value, |x| x > 0.0, "a number above 0")
}

/// A number of 0 or more.
pub fn not_negative(value: &Value) -> Result<f64, String> {
    number(value, |x| x >= 0.0, "a number of 0 or more")
}

/// A number in 0 to 1, 1 left out.
pub fn below_one(value: &Value) -> Result<f64, String> {
    number(value, |x| (0.0..1.0).contains(&x), "a number from 0 to below 1")
}

/// A number in 0 to 1.
pub fn share(value: &Value) -> Result<f64, String> {
    number(value, |x| (0.0..=1.0).contains(&x), "a number from 0 to 1")
}

/// A whole number of `least` or more.
pub fn whole(value: &Value, least: u64) -> Result<u64, String> {
    match value {
        Value::Whole(n) if *n >= 0 && *n as u64 >= least => Ok(*n as u64),
        _ => wrong(value, &format!("a whole number of {least} or more")),
    }
}

/// Text.
pub fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        _ => wrong(value, "text in quotes"),
    }
}

/// One of these words.
pub fn word(value: &Value, known: &[&str]) -> Result<String, String> {
    match value {
        Value::Text(text) if known.contains(&text.as_str()) => Ok(text.clone()),
        Value::Text(text) => {
            let near = super::nearest(text, known.iter().copied());
            let near = near.map(|near| format!(" (did you mean \"{near}\"?)")).unwrap_or_default();
            wrong(value, &format!("one of {}{near}", known.join(", ")))
        }
        _ => wrong(value, &format!("one of {}", known.join(", "))),
    }
}

/// `true` or `false`.
pub fn flag(value: &Value) -> Result<bool, String> {
    match value {
        Value::Flag(flag) => Ok(*flag),
        _ => wrong(value, "true or false"),
    }
}

/// A list, each entry read by `read`.
pub fn list<T>(value: &Value, expected: &str, read: impl Fn(&Value) -> Result<T, String>) -> Result<Vec<T>, String> {
    match value {
        Value::List(values) => {
            let entry = |(i, value)| read(value).map_err(|problem| format!("entry {}: {problem}", i + 1));
            values.iter().enumerate().map(entry).collect()
        }
        _ => wrong(value, expected),
    }
}
