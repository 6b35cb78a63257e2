//! Which error ends the program with which code.

use std::process::ExitCode;

use rarefy::Error;
use rarefy::model::Fault;

use crate::output::Output;

/// Done.
pub const DONE: u8 = 0;
/// An error that has no code of its own.
pub const OTHER: u8 = 1;
/// The command line or the recipe is wrong.
pub const USAGE: u8 = 2;
/// A component or bundled data set is missing.
pub const MISSING: u8 = 3;
/// Training diverged.
pub const DIVERGED: u8 = 4;
/// The disk is full, broken, or may not be written to.
pub const DISK: u8 = 5;
/// Another process writes to the output folder.
pub const LOCKED: u8 = 6;
/// Somebody pressed Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// An error of usage that only the program can find.
#[derive(Debug)]
pub struct Usage(String);

impl Usage {
    /// From an error of the environment or an argument.
    pub fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// The process's exit status.
pub fn code(code: u8) -> ExitCode {
    ExitCode::from(code)
}

/// Says on standard error what went wrong, and returns the exit code.
pub fn report(error: &anyhow::Error, output: &Output) -> u8 {
    if is_closed_pipe(error) {
        return DONE; // whoever read our output has seen enough
    }
    let code = of(error);
    let text = causes(error);
    if output.json {
        output.say(&serde_json::json!({ "error": text, "code": code }).to_string());
    } else {
        output.say(&format!("rarefy: {text}"));
    }
    code
}

/// An error and its causes, those left out that the words before them tell already.
fn causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// The code of an error.
pub fn of(error: &anyhow::Error) -> u8 {
    if error.is::<Usage>() {
        return USAGE;
    }
    match error.downcast_ref::<Error>() {
        Some(error) => of_library(error),
        None => match error.downcast_ref::<std::io::Error>() {
            Some(error) => of_fault(Fault::of(error)),
            None => OTHER,
        },
    }
}

/// The code of one of the library's errors.
fn of_library(error: &Error) -> u8 {
    match error {
        Error::Recipe { .. } | Error::Nn(rarefy::nn::Error::Setting { .. } | rarefy::nn::Error::Layer { .. }) => USAGE,
        Error::Data(rarefy::data::Error::UnknownName { .. }) => USAGE,
        Error::Data(rarefy::data::Error::NotFound { .. }) => MISSING,
        Error::Diverged { .. } | Error::Linear(rarefy::linear::Error::Diverged(..)) => DIVERGED,
        Error::Interrupted { .. } | Error::Kept { .. } => INTERRUPTED,
        Error::Point { error, .. } => of_library(error),
        Error::Model(error) => of_model(error),
        _ => OTHER,
    }
}

/// The code of an error of models and files.
fn of_model(error: &rarefy::model::Error) -> u8 {
    match error {
        rarefy::model::Error::Locked { .. } => LOCKED,
        _ => error.fault().map_or(OTHER, of_fault),
    }
}

/// The code of an operating system's refusal.
fn of_fault(fault: Fault) -> u8 {
    match fault {
        Fault::Full | Fault::Quota | Fault::Device | Fault::ReadOnly | Fault::Denied => DISK,
        _ => OTHER,
    }
}

/// Whether standard output was closed by whoever read it.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn every_kind_of_failure_has_its_code() {
        let io = |code| std::io::Error::from_raw_os_error(code);
        let disk = |code| {
            let step = "write";
            Error::Model(rarefy::model::Error::Io { path: PathBuf::from("x"), step, source: io(code) })
        };
        let locked = Error::Model(rarefy::model::Error::Locked { path: PathBuf::from("x"), pid: 1 });
        let recipe = Error::Recipe { place: "x:1".into(), problem: "?".into() };
        for (error, code) in [
            (recipe, USAGE),
            (disk(28), DISK),  // ENOSPC
            (disk(5), DISK),   // EIO
            (disk(122), DISK), // EDQUOT
            (disk(13), DISK),  // EACCES
            (disk(2), OTHER),  // ENOENT
            (locked, LOCKED),
            (Error::Interrupted { checkpoint: PathBuf::from("x") }, INTERRUPTED),
            (Error::Kept { missing: "?".into(), model: PathBuf::from("x") }, INTERRUPTED),
            (Error::Linear(rarefy::linear::Error::Diverged(f64::NAN, 3)), DIVERGED),
        ] {
            let text = error.to_string();
            assert_eq!(of(&anyhow::Error::new(error)), code, "{text}");
        }
    }

    #[test]
    fn every_cause_is_told_once() {
        let error = anyhow::anyhow!("it is a folder").context("x: could not write: it is a folder").context("saving");
        assert_eq!(causes(&error), "saving: x: could not write: it is a folder");
    }

    #[test]
    fn a_closed_pipe_is_seen_through_any_context() {
        let error = anyhow::Error::new(std::io::Error::from(std::io::ErrorKind::BrokenPipe)).context("while printing");
        assert!(is_closed_pipe(&error));
    }
}
