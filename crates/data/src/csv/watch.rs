//! What the parser of the `csv` crate lets pass: quotes that never close, text after a closing quote, endless rows, NUL bytes.
//! It also miscounts lines after blank ones, so the line of each row is kept here.

use std::collections::VecDeque;
use std::io::{self, Read};

use crate::compression::Source;
use crate::error::{At, Error, Place};

/// Where in a field the last byte was, as RFC 4180 has it.
#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Before the first byte of a field.
    Start,
    /// In a field without quotes.
    Plain,
    /// Inside quotes.
    Quoted,
    /// After a quote that closes the field, or is the first of two.
    Quote,
}

/// Passes bytes on and watches them.
pub(super) struct Watch<'a> {
    source: Source<'a>,
    delimiter: u8,
    row_limit: u64,
    state: State,
    line: u64,
    /// The line of the last opening quote.
    opened: u64,
    row_bytes: u64,
    offset: u64,
    /// The first lines of rows that were passed on and not yet asked for.
    rows: VecDeque<u64>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(source: Source<'a>, delimiter: u8, row_limit: u64) -> Self {
        let offset = source.position();
        Self {
            source,
            delimiter,
            row_limit,
            state: State::Start,
            line: 1,
            opened: 1,
            row_bytes: 0,
            offset,
            rows: VecDeque::new(),
        }
    }

    /// The first line of the row that the parser has just made out.
    pub(super) fn row_line(&mut self) -> u64 {
        self.rows.pop_front().unwrap_or(self.line)
    }

    /// What went wrong while reading.
    pub(super) fn error(&self, error: io::Error) -> Error {
        self.source.error(error)
    }

    fn place(&self, at: At) -> Place {
        Place::new(self.source.name(), at)
    }

    /// Follows one byte.
    fn step(&mut self, byte: u8) -> Result<(), Error> {
        use State::{Plain, Quote, Quoted, Start};
        if self.row_bytes == 0 && !matches!(byte, b'\n' | b'\r') {
            self.rows.push_back(self.line);
        }
        self.row_bytes += 1;
        self.state = match (self.state, byte) {
            (_, 0) => {
                return Err(Error::NotText { place: self.place(At::Byte(self.offset)), found: "a NUL byte" });
            }
            (Quoted, b'"') => Quote,
            (Quoted, _) => Quoted,
            (Start, b'"') => {
                self.opened = self.line;
                Quoted
            }
            (Quote, b'"') => Quoted,
            (_, b'\n' | b'\r') => {
                self.row_bytes = 0;
                Start
            }
            (_, byte) if byte == self.delimiter => Start,
            (Quote, _) => return Err(Error::StrayQuote { place: self.place(At::Line(self.line)) }),
            (Start | Plain, _) => Plain,
        };
        self.line += u64::from(byte == b'\n');
        self.offset += 1;
        if self.row_bytes <= self.row_limit {
            return Ok(());
        }
        if self.state == Quoted {
            return Err(Error::UnclosedQuote { place: self.place(At::Line(self.opened)), end: "`Limits::row_bytes`" });
        }
        let what = "the length of the row, in bytes,";
        Err(Error::Limit { place: self.place(At::Line(self.line)), what, limit: self.row_limit, option: "row_bytes" })
    }
}

impl Read for Watch<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        for &byte in &buffer[..count] {
            self.step(byte).map_err(io::Error::other)?;
        }
        if count == 0 && !buffer.is_empty() && self.state == State::Quoted {
            let place = self.place(At::Line(self.opened));
            return Err(io::Error::other(Error::UnclosedQuote { place, end: "the end of the file" }));
        }
        Ok(count)
    }
}
