//! Where in a file something is wrong.

use std::fmt;

/// Where in a file, or in a stream of bytes that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The path as it was given, or the name of the stream.
    pub file: String,
    /// The spot inside.
    pub at: At,
}

/// A spot inside a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Nowhere in particular.
    File,
    /// A line, counted from 1.
    Line(u64),
    /// A line and a column (a field, not a character), both counted from 1.
    Cell(u64, usize),
    /// A byte, counted from 0, after decompression.
    Byte(u64),
}

impl Place {
    /// A spot inside `file`.
    pub fn new(file: &str, at: At) -> Self {
        Self { file: file.to_owned(), at }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = &self.file;
        match self.at {
            At::File => write!(f, "{file}"),
            At::Line(line) => write!(f, "{file}:{line}"),
            At::Cell(line, column) => write!(f, "{file}:{line}: column {column}"),
            At::Byte(byte) => write!(f, "{file}: byte {byte}"),
        }
    }
}
