//! Labels as text, one a row, of a format that does not say what they are: decided on when all are there.

use crate::csv::{CsvOptions, LabelColumn};
use crate::dataset::Target;
use crate::error::{At, Error, Place, Result};
use crate::labels::{Collector, Task};

/// The labels read so far, one after the other.
#[derive(Default)]
pub(crate) struct Texts {
    text: String,
    /// Where each label ends in `text`, and its line.
    ends: Vec<(usize, u64)>,
    /// Whether a label holds a comma.
    commas: bool,
    /// The first line that has no label.
    missing: Option<u64>,
}

impl Texts {
    /// Takes the label of the next row; empty if it has none.
    pub fn push(&mut self, label: &str, line: u64) {
        self.commas |= label.contains(',');
        if label.is_empty() {
            self.missing.get_or_insert(line);
        }
        self.text.push_str(label);
        self.ends.push((self.text.len(), line));
    }

    /// The target and the class names. Labels with commas are sets of classes unless the task says otherwise; then, and only
    /// then, some rows may have none.
    pub fn finish(self, name: &str, options: &CsvOptions) -> Result<(Target, Vec<String>)> {
        let task = if self.commas && options.task == Task::Auto { Task::Labels } else { options.task };
        if options.label == LabelColumn::None || self.text.is_empty() && task != Task::Labels {
            return Ok((Target::None, Vec::new()));
        }
        if let Some(line) = self.missing.filter(|_| task != Task::Labels) {
            let expected = "a label, as other rows have (for rows with any number of classes set the task to labels)";
            return Err(Error::EmptyCell { place: Place::new(name, At::Line(line)), expected });
        }
        let mut labels = Collector::new(task, options.classes.as_deref());
        let mut from = 0;
        for (end, line) in self.ends {
            labels.push(&self.text[from..end], || Place::new(name, At::Cell(line, 1)))?;
            from = end;
        }
        labels.finish(name)
    }
}
