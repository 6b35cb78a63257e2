//! Writing a text table.

use std::io::{self, Write};

use crate::dataset::{Dataset, Target};

/// How a table is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteOptions {
    /// The byte between fields.
    pub delimiter: u8,
    /// The name of the label column; it comes last.
    pub label: String,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { delimiter: b',', label: "label".to_owned() }
    }
}

/// Writes features and then the target, one sample a line, with a header if the features have names.
///
/// Numbers are written with as few digits as read back to the same bits; classes by name, those of a set with spaces between. Target values of several outputs
/// take a column each, named `label_1`, `label_2`, ….
///
/// # Errors
/// Those of the writer.
pub fn write(out: impl Write, data: &Dataset, options: &WriteOptions) -> io::Result<()> {
    let mut writer = ::csv::WriterBuilder::new().delimiter(options.delimiter).from_writer(out);
    let outputs = match &data.target {
        Target::None => 0,
        Target::Classes(_) | Target::Labels(_) => 1,
        Target::Values(values) => values.cols(),
    };
    if !data.feature_names.is_empty() {
        let label = |i| if outputs == 1 { options.label.clone() } else { format!("{}_{}", options.label, i + 1) };
        writer.write_record(data.feature_names.iter().cloned().chain((0..outputs).map(label)))?;
    }
    let mut row = vec![0.0; data.cols()];
    for i in 0..data.rows() {
        data.features.row_into(i, &mut row);
        for &value in &row {
            writer.write_field(shortest(value))?;
        }
        match &data.target {
            Target::None => {}
            Target::Classes(classes) => writer.write_field(&data.class_names[classes[i] as usize])?,
            Target::Labels(sets) => {
                let names: Vec<&str> = sets.row(i).iter().map(|&class| &*data.class_names[class as usize]).collect();
                writer.write_field(names.join(" "))?;
            }
            Target::Values(values) => {
                for &value in values.row(i) {
                    writer.write_field(shortest(value))?;
                }
            }
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}

/// The shortest text that reads back to the same float.
pub(crate) fn shortest(value: f32) -> String {
    let plain = format!("{value}");
    let scientific = format!("{value:e}");
    if scientific.len() < plain.len() { scientific } else { plain }
}
