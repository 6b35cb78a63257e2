//! The `rarefy` command line.
//!
//! One file for each command in [`commands`]; [`exit`] says which error ends with which code. Standard output holds the
//! answer and nothing else; what is said on the way goes to standard error.

mod commands;
mod exit;
mod linear;
mod number;
mod output;
mod progress;
mod report;
mod table;

use clap::Parser;
use clap::error::ErrorKind;
use output::Output;

/// Fit, try out and inspect networks that are sparse from the first training step to the deployed byte.
#[derive(Parser)]
#[command(name = "rarefy", version, propagate_version = true, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: commands::Command,
    #[command(flatten)]
    global: Global,
}

const EXAMPLES: &str = "\
Examples:
  rarefy fit                               train the built-in recipe on handwritten digits
  rarefy fit my.toml --out my-model        train a recipe of your own
  rarefy eval my-model/model.rarefy test.csv
  rarefy predict my-model/model.rarefy new.csv -o answers.csv
  rarefy inspect my-model/model.rarefy
  rarefy frontier my.toml                  accuracy against sparsity, over several seeds
  rarefy datasets

Exit codes: 0 done, 1 other errors, 2 usage or recipe, 3 missing component or data, 4 training diverged,
5 disk, 6 output folder locked, 130 interrupted. RAREFY_ISA=portable|avx2|avx512 forces an instruction set.";

/// Options of every command.
#[derive(clap::Args, Clone)]
pub struct Global {
    /// Print one JSON object on standard output, and nothing else there
    #[arg(long, global = true)]
    json: bool,
    /// Say nothing on the way
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Threads to use; results do not depend on it [default: as many as the machine has]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Seed of all random draws; instead of the recipe's
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
}

fn main() -> std::process::ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output, which may be closed: that is no failure.
            let _ = error.print();
            return exit::code(match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => exit::DONE,
                _ => exit::USAGE,
            });
        }
    };
    let output = Output::new(&cli.global);
    exit::code(match run(cli, &output) {
        Ok(()) => exit::DONE,
        Err(error) => exit::report(&error, &output),
    })
}

/// Sets the process up and runs the command.
fn run(cli: Cli, output: &Output) -> anyhow::Result<()> {
    rarefy::core::kernels::isa_from_env().map_err(exit::Usage::of)?;
    rarefy::core::parallel::set_threads(cli.global.threads.map_or(0, usize::from));
    commands::run(cli.command, &cli.global, output)
}
