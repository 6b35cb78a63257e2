//! Progress on standard error: a bar on a terminal, a line for each stage elsewhere.

use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rarefy::{Cancel, Progress};

use crate::output::Output;

/// Shows how far long work is, and asks it to stop when `cancel` is switched on.
pub struct Bar {
    output: Output,
    cancel: Cancel,
    bar: Mutex<Option<ProgressBar>>,
}

impl Bar {
    /// Nothing to show yet.
    pub fn new(output: Output, cancel: Cancel) -> Self {
        Self { output, cancel, bar: Mutex::new(None) }
    }

    /// Says something on the way, above the bar if there is one.
    pub fn note(&self, text: &str) {
        match &*self.bar() {
            Some(bar) => bar.suspend(|| self.output.note(text)),
            None => self.output.note(text),
        }
    }

    /// The bar, if one is shown. A panic elsewhere does not matter to it.
    fn bar(&self) -> std::sync::MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Progress for Bar {
    fn start(&self, what: &str, total: u64) {
        if !self.output.bar() {
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
        let template = "{prefix:>7} {wide_bar} {percent:>3} %  {msg}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        bar.set_prefix(what.to_owned());
        *self.bar() = Some(bar);
    }

    fn advance(&self, done: u64, note: &str) {
        if let Some(bar) = &*self.bar() {
            bar.set_position(done);
            if !note.is_empty() {
                bar.set_message(note.to_owned());
            }
        }
    }

    fn finish(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }

    fn cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}
