//! Which column of a table is the label.

use std::str::FromStr;

use crate::error::{At, Error, Place, Result, shorten};

/// Which column of a table is the label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LabelColumn {
    /// The column named `label`, `target`, `class` or `y` (in any case), if there is exactly one; otherwise the last.
    #[default]
    Auto,
    /// The last column.
    Last,
    /// None: every column is a feature.
    None,
    /// The column of this name.
    Name(String),
    /// This column, counted from 1 as in error messages.
    Number(usize),
    /// For a trained model: none in a table of as many columns as it has features. Otherwise the column that it was trained with
    /// (`auto` unless known), if the table has it, and the one that [`LabelColumn::Auto`] finds if not.
    Beside {
        /// The model's features.
        features: usize,
        /// What the training table's label column was called for.
        trained: Box<LabelColumn>,
    },
}

/// The names that [`LabelColumn::Auto`] looks for.
const USUAL: [&str; 4] = ["label", "target", "class", "y"];

impl FromStr for LabelColumn {
    type Err = std::convert::Infallible;

    /// `auto`, `last`, `none`, a number from 1, or else a name.
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Self::Auto,
            "last" => Self::Last,
            "none" => Self::None,
            _ => text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Number),
        })
    }
}

impl LabelColumn {
    /// The column meant, from 0, in a table of `columns` columns (1 or more).
    pub(super) fn resolve(&self, header: Option<&[String]>, columns: usize, file: &str) -> Result<Option<usize>> {
        let last = columns.checked_sub(1);
        let missing = |wanted: String, found: String| {
            Err(Error::LabelColumn { place: Place::new(file, At::File), wanted, found })
        };
        match self {
            Self::None => Ok(None),
            Self::Last => Ok(last),
            Self::Beside { features, .. } if *features == columns => Ok(None),
            Self::Beside { trained, .. } => {
                trained.resolve(header, columns, file).or_else(|_| Self::Auto.resolve(header, columns, file))
            }
            Self::Auto => {
                let usual = |name: &String| USUAL.iter().any(|usual| name.eq_ignore_ascii_case(usual));
                let mut found = (0..columns).filter(|&i| header.is_some_and(|names| usual(&names[i])));
                match (found.next(), found.next()) {
                    (Some(column), None) => Ok(Some(column)),
                    _ => Ok(last),
                }
            }
            Self::Number(number) if (1..=columns).contains(number) => Ok(Some(number - 1)),
            Self::Number(number) => missing(number.to_string(), format!("columns are counted from 1 to {columns}")),
            Self::Name(name) => {
                let Some(names) = header else {
                    let found = "the file has no header: give the column's number, from 1";
                    return missing(format!("{name:?}"), found.to_owned());
                };
                let mut found = (0..names.len()).filter(|&i| names[i] == *name);
                match (found.next(), found.next()) {
                    (Some(column), None) => Ok(Some(column)),
                    (Some(a), Some(b)) => {
                        let found = format!("columns {} and {} both have this name: give the number", a + 1, b + 1);
                        missing(format!("{name:?} alone"), found)
                    }
                    (None, _) => {
                        let known: Vec<String> = names.iter().take(10).map(|n| shorten(n.as_bytes())).collect();
                        let more = if names.len() > 10 { ", …" } else { "" };
                        missing(format!("{name:?}"), format!("the header has {}{more}", known.join(", ")))
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_a_models_features_stands_its_label_or_none() {
        let beside = |trained: &str| {
            let trained = trained.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
            LabelColumn::Beside { features: 2, trained: Box::new(trained) }
        };
        let header = ["kind", "a", "b"].map(str::to_owned);
        for (trained, columns, expected) in [
            ("kind", 2, None),
            ("kind", 3, Some(0)),
            ("none of these", 3, Some(2)),
            ("1", 3, Some(0)),
            ("last", 3, Some(2)),
        ] {
            let found = beside(trained).resolve(Some(&header[..columns]), columns, "x.csv").unwrap();
            assert_eq!(found, expected, "{trained} of {columns}");
        }
    }
}
