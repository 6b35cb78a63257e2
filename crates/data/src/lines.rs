//! Text line by line, with a limit on their length.

use std::io::BufRead;

use crate::compression::{Limits, Source};
use crate::error::{At, Error, Place, Result};

/// Skips a byte order mark.
pub(crate) fn skip_mark(source: &mut Source<'_>) -> Result<()> {
    if source.peek()?.starts_with(b"\xef\xbb\xbf") {
        source.consume(3);
    }
    Ok(())
}

/// The lines of a stream, without their ends.
pub(crate) struct Lines<'a> {
    source: Source<'a>,
    limit: u64,
    bytes: Vec<u8>,
    number: u64,
}

impl<'a> Lines<'a> {
    /// The lines that are left.
    pub fn new(source: Source<'a>, limits: &Limits) -> Self {
        Self { source, limit: limits.row_bytes, bytes: Vec::new(), number: 0 }
    }

    /// The next line and its number, from 1; `None` at the end of the file.
    ///
    /// # Errors
    /// [`Error::NotText`] with the byte for NUL and what is not UTF-8, [`Error::Limit`] for an endless line, and the errors of the stream.
    pub fn next(&mut self) -> Result<Option<(u64, &str)>> {
        self.number += 1;
        self.bytes.clear();
        let start = self.source.position();
        let mut more = false;
        loop {
            let part = self.source.peek()?;
            if part.is_empty() {
                break;
            }
            more = true;
            let end = part.iter().position(|&b| b == b'\n');
            let taken = end.unwrap_or(part.len());
            if (self.bytes.len() + taken) as u64 > self.limit {
                let (place, what) = (self.place(At::Line(self.number)), "the length of the line, in bytes,");
                return Err(Error::Limit { place, what, limit: self.limit, option: "row_bytes" });
            }
            self.bytes.extend_from_slice(&part[..taken]);
            self.source.consume(taken + usize::from(end.is_some()));
            if end.is_some() {
                break;
            }
        }
        let wrong = |at: usize, found| Error::NotText { place: self.place(At::Byte(start + at as u64)), found };
        if let Some(at) = self.bytes.iter().position(|&b| b == 0) {
            return Err(wrong(at, "a NUL byte"));
        }
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => Ok(more.then_some((self.number, text))),
            Err(e) => Err(wrong(e.valid_up_to(), "bytes that are not UTF-8")),
        }
    }

    fn place(&self, at: At) -> Place {
        Place::new(self.source.name(), at)
    }
}
