//! Writing svmlight data.

use std::io::{self, Write};

use crate::csv::shortest;
use crate::dataset::{Dataset, Features, Target};

/// Writes a data set, one sample a line, indices counted from `first_index`.
///
/// Numbers are written with as few digits as read back to the same bits, zeros not at all; classes by name. A row without target
/// begins with its first feature; if the whole set has none, and a row is all zeros, it has a line with `first_index:0`.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::InvalidInput`] for a class name that the format cannot hold (spaces, commas, colons, `#`), and
/// for values of several outputs.
pub fn write(mut out: impl Write, data: &Dataset, first_index: u32) -> io::Result<()> {
    let cannot = |why: String| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    let unfit = |c: char| c.is_ascii_whitespace() || c.is_control() || matches!(c, ',' | ':' | '#' | '\u{feff}');
    if let Some(name) = data.class_names.iter().find(|name| name.is_empty() || name.contains(unfit)) {
        return cannot(format!("class {name:?}: svmlight labels hold no spaces, commas, colons or #; rename it"));
    }
    if let Target::Values(values) = &data.target
        && values.cols() != 1
    {
        return cannot(format!("{} values a row: svmlight has one label; write CSV", values.cols()));
    }
    let name = |class: &u32| data.class_names[*class as usize].as_str();
    // Sets of one class each would read back as classes: a comma says that they are sets.
    let comma = match &data.target {
        Target::Labels(sets) if (0..data.rows()).all(|i| sets.row(i).len() < 2) => ",",
        _ => "",
    };
    let mut line = String::new();
    let mut row = vec![0.0; if matches!(data.features, Features::Sparse(_)) { 0 } else { data.cols() }];
    for i in 0..data.rows() {
        line.clear();
        match &data.target {
            Target::Classes(classes) => line.push_str(name(&classes[i])),
            Target::Values(values) => line.push_str(&shortest(values.row(i)[0])),
            Target::Labels(sets) if sets.row(i).len() == 1 => {
                line.push_str(comma);
                line.push_str(name(&sets.row(i)[0]));
            }
            Target::Labels(sets) => line.push_str(&sets.row(i).iter().map(name).collect::<Vec<_>>().join(",")),
            Target::None => {}
        }
        let mut pair = |j: usize, value: f32| {
            if value != 0.0 {
                line.push(' ');
                line.push_str(&(j + first_index as usize).to_string());
                line.push(':');
                line.push_str(&shortest(value));
            }
        };
        match &data.features {
            Features::Sparse(m) => {
                let (indices, values) = m.row(i);
                indices.iter().zip(values).for_each(|(&j, &value)| pair(j as usize, value));
            }
            dense => {
                dense.row_into(i, &mut row);
                row.iter().enumerate().for_each(|(j, &value)| pair(j, value));
            }
        }
        if line.is_empty() {
            line = format!("{first_index}:0");
        }
        writeln!(out, "{}", line.trim_start())?;
    }
    out.flush()
}
