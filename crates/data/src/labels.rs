//! From labels to class numbers, and back.
//!
//! Labels are text or numbers; classes are `0..k`, in the order of their names: by value if all names are whole numbers, and
//! by bytes otherwise. `1`, `1.0` and `1e0` are the same class, named `1`. A row may also have a set of classes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::str::FromStr;

use rarefy_core::matrix::Dense;
use rarefy_core::pattern::Pattern;

use crate::dataset::Target;
use crate::error::{At, Error, Place, Result, shorten};
use crate::number::{is_foreign_number, is_number, parse_f64};

/// What labels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Task {
    /// Text is classes; so are whole numbers, if there are at most [`MAX_AUTO_CLASSES`] different ones. Other numbers are values.
    #[default]
    Auto,
    /// Classes, whatever they look like.
    Classes,
    /// Numbers to predict.
    Values,
    /// A set of classes, with commas or spaces between; it may be empty.
    Labels,
}

impl FromStr for Task {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "classes" => Ok(Self::Classes),
            "values" => Ok(Self::Values),
            "labels" => Ok(Self::Labels),
            _ => Err(format!("{text:?} is not a task; expected auto, classes, values or labels")),
        }
    }
}

/// How many different whole numbers [`Task::Auto`] takes for classes: as many as ImageNet has.
pub const MAX_AUTO_CLASSES: usize = 1000;
/// More classes than this are a mistake, such as a column of names or identifiers.
pub const MAX_CLASSES: usize = 1 << 20;

/// Whole numbers below this are exact in a 64-bit float: 2⁵³.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The one name of a label: whole numbers are written without point or exponent.
pub fn canonical(label: &str) -> Cow<'_, str> {
    let label = label.trim_ascii();
    match label.parse::<f64>() {
        Ok(value) if value.fract() == 0.0 && value.abs() < EXACT => {
            let plain = (value as i64).to_string();
            if plain == label { Cow::Borrowed(label) } else { Cow::Owned(plain) }
        }
        _ => Cow::Borrowed(label),
    }
}

/// Class numbers and class names of labels.
///
/// ```
/// let (classes, names) = rarefy_data::labels::encode(&["10", "9", "10.0"], "ages")?;
/// assert_eq!((classes, names), (vec![1, 0, 1], vec!["9".to_owned(), "10".to_owned()]));
/// # Ok::<(), rarefy_data::Error>(())
/// ```
///
/// # Errors
/// [`Error::EmptyCell`] for an empty label, [`Error::TooManyClasses`] past [`MAX_CLASSES`].
pub fn encode<S: AsRef<str>>(labels: &[S], name: &str) -> Result<(Vec<u32>, Vec<String>)> {
    let mut collector = Collector::new(Task::Classes, None);
    for (row, label) in labels.iter().enumerate() {
        collector.push(label.as_ref(), || Place::new(name, At::Line(row as u64 + 1)))?;
    }
    match collector.finish(name)? {
        (Target::Classes(classes), names) => Ok((classes, names)),
        _ => Ok((Vec::new(), Vec::new())),
    }
}

/// Class numbers of labels among names that are known, as those of a trained model.
///
/// # Errors
/// [`Error::UnseenLabel`] for a label that is not one of them.
pub fn encode_as<S: AsRef<str>>(labels: &[S], names: &[String], name: &str) -> Result<Vec<u32>> {
    let known = Known::new(names);
    let place = |row| move || Place::new(name, At::Line(row as u64 + 1));
    labels.iter().enumerate().map(|(row, label)| known.number(label.as_ref(), place(row))).collect()
}

/// Sorts names by value if all are whole numbers, by bytes otherwise.
fn sort_names(names: &mut [String]) {
    if names.iter().all(|name| name.parse::<i64>().is_ok()) {
        names.sort_by_key(|name| name.parse::<i64>().unwrap_or(0));
    } else {
        names.sort();
    }
}

/// Class names that are given.
pub(crate) struct Known {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl Known {
    pub(crate) fn new(names: &[String]) -> Self {
        let numbers = names.iter().zip(0..).map(|(name, i)| (canonical(name).into_owned(), i)).collect();
        Self { numbers, names: names.to_vec() }
    }

    pub(crate) fn number(&self, label: &str, place: impl FnOnce() -> Place) -> Result<u32> {
        self.numbers.get(canonical(label).as_ref()).copied().ok_or_else(|| {
            let mut names = self.names.iter().take(10).map(String::as_str).collect::<Vec<_>>().join(", ");
            if self.names.len() > 10 {
                names.push_str(", …");
            }
            Error::UnseenLabel { place: place(), found: shorten(label.as_bytes()), known: self.names.len(), names }
        })
    }
}

/// Gathers labels as they are read, and decides at the end what they are.
pub(crate) struct Collector {
    task: Task,
    known: Option<Known>,
    labels: Labels,
}

/// Labels of one kind.
enum Labels {
    None,
    Numbers(Vec<f64>),
    Names { numbers: HashMap<String, u32>, rows: Vec<u32> },
    Known(Vec<u32>),
    Sets { numbers: HashMap<String, u32>, indptr: Vec<u32>, indices: Vec<u32> },
}

impl Collector {
    /// `known` are the class names of a model, if the labels must be among them.
    pub(crate) fn new(task: Task, known: Option<&[String]>) -> Self {
        Self { task, known: known.map(Known::new), labels: Labels::None }
    }

    /// Takes the label of the next row.
    pub(crate) fn push(&mut self, label: &str, place: impl Fn() -> Place) -> Result<()> {
        let label = label.trim_ascii();
        if self.task == Task::Labels {
            return self.push_set(label, &place);
        }
        if label.is_empty() {
            return Err(Error::EmptyCell { place: place(), expected: "a label" });
        }
        if let Some(known) = &self.known {
            let number = known.number(label, place)?;
            match &mut self.labels {
                Labels::Known(rows) => rows.push(number),
                labels => *labels = Labels::Known(vec![number]),
            }
            return Ok(());
        }
        let numeric = match self.task {
            Task::Classes | Task::Labels => false,
            Task::Values => true,
            // A number of another locale is refused, not made a class.
            Task::Auto => is_number(label.as_bytes()) || is_foreign_number(label.as_bytes()),
        };
        match (&mut self.labels, numeric) {
            (Labels::Numbers(values), true) => values.push(parse_f64(label, place)?),
            (labels @ Labels::None, true) => *labels = Labels::Numbers(vec![parse_f64(label, place)?]),
            (Labels::Names { numbers, rows }, false) => rows.push(intern(numbers, label, &place)?),
            (labels @ Labels::None, false) => {
                let mut numbers = HashMap::new();
                let rows = vec![intern(&mut numbers, label, &place)?];
                *labels = Labels::Names { numbers, rows };
            }
            (Labels::Numbers(_), false) => return Err(mixed(label, place(), "numbers")),
            (_, true) => return Err(mixed(label, place(), "text")),
            (Labels::Known(_) | Labels::Sets { .. }, false) => {}
        }
        Ok(())
    }

    /// Takes the set of classes of the next row.
    fn push_set(&mut self, text: &str, place: &impl Fn() -> Place) -> Result<()> {
        let Self { known, labels, .. } = self;
        if let Labels::None = labels {
            *labels = Labels::Sets { numbers: HashMap::new(), indptr: vec![0], indices: Vec::new() };
        }
        let Labels::Sets { numbers, indptr, indices } = labels else { return Ok(()) };
        let first = indices.len();
        let separated = |c: char| c == ',' || c.is_ascii_whitespace();
        for label in text.split(separated).filter(|label| !label.is_empty()) {
            indices.push(match known {
                Some(known) => known.number(label, place)?,
                None => intern(numbers, label, place)?,
            });
        }
        indices[first..].sort_unstable();
        if let Some(twice) = indices[first..].windows(2).find(|two| two[0] == two[1]) {
            let name = match known {
                Some(known) => &known.names[twice[0] as usize],
                None => numbers.iter().find(|(_, number)| **number == twice[0]).map_or("", |(name, _)| name),
            };
            let found = format!("label {name:?} twice in {:?}", shorten(text.as_bytes()));
            return Err(Error::Malformed { place: place(), found, expected: "each label of a row once" });
        }
        let nnz = u32::try_from(indices.len());
        let limit = u64::from(u32::MAX);
        indptr.push(nnz.map_err(|_| Error::Limit {
            place: place(),
            what: "the number of labels",
            limit,
            option: "bytes",
        })?);
        Ok(())
    }

    /// The target and the class names, of which values have none.
    pub(crate) fn finish(self, name: &str) -> Result<(Target, Vec<String>)> {
        match self.labels {
            Labels::None => Ok((Target::None, Vec::new())),
            Labels::Known(rows) => Ok((Target::Classes(rows), self.known.map(|known| known.names).unwrap_or_default())),
            Labels::Names { numbers, rows } => Ok(sorted(numbers, rows)),
            Labels::Sets { numbers, indptr, mut indices } => {
                let names = match self.known {
                    Some(known) => known.names,
                    None => {
                        let (names, renumber) = order(&numbers);
                        indices.iter_mut().for_each(|class| *class = renumber[*class as usize]);
                        for ends in indptr.windows(2) {
                            indices[ends[0] as usize..ends[1] as usize].sort_unstable();
                        }
                        names
                    }
                };
                let place = Place::new(name, At::File);
                let sets = Pattern::new(indptr.len() - 1, names.len(), indptr, indices)
                    .map_err(|source| Error::Matrix { place, source })?;
                Ok((Target::Labels(sets), names))
            }
            Labels::Numbers(values) => {
                if self.task == Task::Auto
                    && let Some((numbers, rows)) = whole_numbers(&values)
                {
                    return Ok(sorted(numbers, rows));
                }
                let rows = values.len();
                let values = values.into_iter().map(|v| v as f32).collect();
                let place = Place::new(name, At::File);
                let values = Dense::new(rows, 1, values).map_err(|source| Error::Matrix { place, source })?;
                Ok((Target::Values(values), Vec::new()))
            }
        }
    }
}

fn mixed(label: &str, place: Place, others: &'static str) -> Error {
    Error::MixedLabels { place, found: shorten(label.as_bytes()), others }
}

/// The number of a label, a new one if it is new.
fn intern(numbers: &mut HashMap<String, u32>, label: &str, place: &impl Fn() -> Place) -> Result<u32> {
    let label = canonical(label);
    if let Some(&number) = numbers.get(label.as_ref()) {
        return Ok(number);
    }
    let number = numbers.len();
    if number >= MAX_CLASSES {
        return Err(Error::TooManyClasses { place: place(), found: number + 1, limit: MAX_CLASSES });
    }
    numbers.insert(label.into_owned(), number as u32);
    Ok(number as u32)
}

/// Numbers as classes, if all are whole and few are different.
fn whole_numbers(values: &[f64]) -> Option<(HashMap<String, u32>, Vec<u32>)> {
    let mut seen: HashMap<i64, u32> = HashMap::new();
    let mut rows = Vec::with_capacity(values.len());
    for &value in values {
        if value.fract() != 0.0 || value.abs() >= EXACT {
            return None;
        }
        let next = seen.len() as u32;
        rows.push(*seen.entry(value as i64).or_insert(next));
        if seen.len() > MAX_AUTO_CLASSES {
            return None;
        }
    }
    Some((seen.into_iter().map(|(value, number)| (value.to_string(), number)).collect(), rows))
}

/// Names in their order, and for each number the place of its name.
fn order(numbers: &HashMap<String, u32>) -> (Vec<String>, Vec<u32>) {
    let mut names: Vec<String> = numbers.keys().cloned().collect();
    sort_names(&mut names);
    let mut renumber = vec![0; names.len()];
    for (name, new) in names.iter().zip(0..) {
        renumber[numbers[name] as usize] = new;
    }
    (names, renumber)
}

/// Renumbers classes in the order of their names.
fn sorted(numbers: HashMap<String, u32>, mut rows: Vec<u32>) -> (Target, Vec<String>) {
    let (names, renumber) = order(&numbers);
    rows.iter_mut().for_each(|row| *row = renumber[*row as usize]);
    (Target::Classes(rows), names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(task: Task, labels: &[&str]) -> Result<(Target, Vec<String>)> {
        let mut collector = Collector::new(task, None);
        for (i, label) in labels.iter().enumerate() {
            collector.push(label, || Place::new("y", At::Line(i as u64 + 1)))?;
        }
        collector.finish("y")
    }

    #[test]
    fn case_47_whole_floats_are_classes_in_the_order_of_their_values() {
        let (target, names) = collect(Task::Auto, &["10.0", "-2", "1e1", "3"]).unwrap();
        assert_eq!(names, ["-2", "3", "10"]);
        assert_eq!(target, Target::Classes(vec![2, 0, 2, 1]));
    }

    #[test]
    fn case_47_fractions_are_values() {
        let (target, names) = collect(Task::Auto, &["1.5", "2"]).unwrap();
        assert!(names.is_empty());
        assert_eq!(target, Target::Values(Dense::new(2, 1, vec![1.5, 2.0]).unwrap()));
    }

    #[test]
    fn case_47_a_label_unseen_in_training_is_refused() {
        let names = ["cat".to_owned(), "dog".to_owned()];
        let message = encode_as(&["dog", "cow"], &names, "y").unwrap_err().to_string();
        assert!(message.contains("\"cow\"") && message.contains("cat, dog") && message.starts_with("y:2"), "{message}");
    }

    #[test]
    fn text_is_sorted_by_bytes() {
        let (target, names) = collect(Task::Auto, &["b", "a", "B"]).unwrap();
        assert_eq!((names, target), (vec!["B".into(), "a".into(), "b".into()], Target::Classes(vec![2, 1, 0])));
    }

    #[test]
    fn text_among_numbers_is_refused_unless_labels_are_classes() {
        assert!(matches!(collect(Task::Auto, &["1", "unknown"]), Err(Error::MixedLabels { .. })));
        assert!(matches!(collect(Task::Values, &["1", "unknown"]), Err(Error::NotNumber { .. })));
        assert_eq!(collect(Task::Classes, &["1", "unknown"]).unwrap().1, ["1", "unknown"]);
    }

    #[test]
    fn a_decimal_comma_does_not_make_a_class() {
        assert!(matches!(collect(Task::Auto, &["1,5", "2,5"]), Err(Error::NotNumber { .. })));
    }

    #[test]
    fn sets_of_labels_are_numbered_in_the_order_of_their_names() {
        let (target, names) = collect(Task::Labels, &["10,2", "", "2 7", "10"]).unwrap();
        assert_eq!(names, ["2", "7", "10"]);
        let sets = Pattern::new(4, 3, vec![0, 2, 2, 4, 5], vec![0, 2, 0, 1, 2]).unwrap();
        assert_eq!(target, Target::Labels(sets));
        assert!(collect(Task::Labels, &["3,3"]).unwrap_err().to_string().contains("label \"3\" twice"));
    }

    #[test]
    fn many_different_whole_numbers_are_values() {
        let labels: Vec<String> = (0..=MAX_AUTO_CLASSES).map(|i| i.to_string()).collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        assert!(matches!(collect(Task::Auto, &labels).unwrap().0, Target::Values(_)));
    }
}
