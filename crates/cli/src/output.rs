//! What the program prints: the answer on standard output, words on the way on standard error.
//!
//! Neither may panic when whoever reads it goes away, so nothing here uses `print!`.

use std::io::{self, IsTerminal, Write};

use crate::Global;

/// Where and how to print.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// The answer is one JSON object.
    pub json: bool,
    /// Nothing is said on the way.
    pub quiet: bool,
}

impl Output {
    /// As the command line asks.
    pub fn new(global: &Global) -> Self {
        Self { json: global.json, quiet: global.quiet }
    }

    /// Prints the answer.
    ///
    /// # Errors
    /// When standard output is full or closed.
    pub fn answer(&self, text: &str) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        Ok(out.flush()?)
    }

    /// Prints the answer as JSON.
    ///
    /// # Errors
    /// As [`Output::answer`].
    pub fn answer_json(&self, value: &serde_json::Value) -> anyhow::Result<()> {
        self.answer(&value.to_string())
    }

    /// Says something on the way, unless that is not wanted.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.say(text);
        }
    }

    /// Says something that must be said.
    pub fn say(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}"); // nobody left to tell
    }

    /// Whether a moving progress bar makes sense.
    pub fn bar(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }
}
