//! What every test of the command line needs: the program, a folder, a small recipe.

#![allow(dead_code)] // each test file uses its part

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder of its own for one test.
pub struct Place {
    pub folder: tempfile::TempDir,
}

/// Two epochs of a small network on the digits inside the program.
pub const SMALL: &str = "\
[data]
train = \"digits\"
validation = 0.2
[model]
layers = [\"linear 48\", \"relu\", \"dropout 0.1\", \"linear 10\"]
[train]
batch = 64
epochs = 2
learning-rate = 3e-3
[sparsity]
method = \"rigl\"
target = 0.8
every = 10
";

impl Place {
    /// A new folder with `small.toml` in it.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("small.toml"), SMALL).unwrap();
        Self { folder }
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// The program, working in this folder, without the caller's settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rarefy"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_remove("RAREFY_ISA").env_remove("RAREFY_DATA");
        command
    }

    /// What a shell command line gives, `$R` standing for the program.
    pub fn shell(&self, line: &str) -> Run {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.folder.path()).env("R", env!("CARGO_BIN_EXE_rarefy"));
        Run::of(command.stdin(Stdio::null()).output().unwrap())
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    /// Fits the small recipe into `out`, with more arguments, and expects success.
    pub fn fit(&self, out: &str, more: &[&str]) -> Run {
        let run = self.run(&[&["fit", "small.toml", "--out", out, "--quiet"], more].concat());
        assert_eq!(run.code, Some(0), "{}", run.err);
        run
    }

    /// A file's bytes.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }
}

/// What came of a run of the program.
#[derive(Debug)]
pub struct Run {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The one JSON object on standard output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {:?} {:?}", self.out, self.err))
    }

    /// Expects this exit code, no panic, nothing on standard output, and `says` on standard error.
    pub fn fails(&self, code: i32, says: &str) {
        assert_eq!(self.code, Some(code), "{}", self.err);
        assert!(self.err.contains(says), "expected {says:?} in {:?}", self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        assert_eq!(self.out, "");
    }
}

/// The names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
