//! From TOML text to keys and values, with the lines they stand on.

use toml::de::{DeTable, DeValue};

use super::keys;
use super::value::Value;
use crate::{Error, Result};

/// A key, as `section.key`, its value, and its line, from 1.
pub struct Setting {
    pub key: String,
    pub value: Value,
    pub line: usize,
}

/// Takes a recipe's text apart. `name` is for messages.
pub fn settings(text: &str, name: &str) -> Result<Vec<Setting>> {
    let line = |at: usize| 1 + text.as_bytes()[..at.min(text.len())].iter().filter(|&&b| b == b'\n').count();
    let fail = |line: usize, problem: String| Error::Recipe { place: format!("{name}:{line}"), problem };
    let table = DeTable::parse(text).map_err(|e| {
        let at = e.span().map_or(0, |span| span.start);
        fail(line(at), format!("{}; expected TOML", e.message().trim_end()))
    })?;
    let mut settings = Vec::new();
    for (section, value) in table.get_ref() {
        let at = line(section.span().start);
        let section = section.get_ref();
        let DeValue::Table(keys) = value.get_ref() else {
            let problem = format!("{section:?} stands alone, expected it in a section: one of {}", keys::sections());
            return Err(fail(at, problem));
        };
        if !keys::is_section(section) {
            let near = super::nearest(section, keys::section_names().into_iter());
            let near = near.map(|near| format!(", did you mean [{near}]?")).unwrap_or_default();
            let problem = format!("unknown section [{section}]{near} (there are {})", keys::sections());
            return Err(fail(at, problem));
        }
        for (key, value) in keys {
            let key_line = line(key.span().start);
            settings.push(Setting {
                key: format!("{section}.{}", key.get_ref()),
                value: plain(value.get_ref()),
                line: key_line,
            });
        }
    }
    settings.sort_by_key(|setting| setting.line);
    Ok(settings)
}

/// The value of `--set key=VALUE`: TOML, or text without quotes.
pub fn value(text: &str) -> Value {
    match DeValue::parse(text) {
        Ok(value) => plain(value.get_ref()),
        Err(_) => Value::Text(text.to_owned()),
    }
}

/// A TOML value as a recipe has it.
fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()) {
            Ok(number) => Value::Whole(number),
            Err(_) => Value::Other("whole number past 64 bits"),
        },
        DeValue::Float(number) => number.as_str().replace('_', "").parse().map_or(Value::Other("float"), Value::Number),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Array(values) => Value::List(values.iter().map(|value| plain(value.get_ref())).collect()),
        DeValue::Datetime(_) => Value::Other("date"),
        DeValue::Table(_) => Value::Other("table"),
    }
}
