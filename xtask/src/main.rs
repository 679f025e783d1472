//! `cargo xtask`: everything that is done to this repository by a command. One file per subject.
//!
//! CI calls it and nothing else, so that what fails there fails at home in the same way.

mod android;
mod archive;
mod bench;
mod bindings;
mod ci;
mod debian;
mod demo;
mod eval;
mod guide;
mod ios;
mod machine;
mod mobile;
mod model;
mod rust;
mod shipped;
mod system;
mod test;

use anyhow::{Context, Result};
use clap::Parser;
use std::path::Path;
use std::process::ExitCode;
use xshell::Shell;

/// Tasks of the Minnow repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Sets up what is needed, fetches the default model and does the main job on real input
    Demo,
    /// Sets up what is needed and runs every test
    Test {
        /// Arguments for `cargo test`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measures speed and memory, beside llama.cpp if asked
    Bench(bench::Args),
    /// Measures how right the functions are, on the evaluation sets
    Eval {
        #[command(subcommand)]
        what: eval::Eval,
    },
    /// Writes the Kotlin and Swift bindings anew
    Bindings {
        /// Only compare, and fail where they differ
        #[arg(long)]
        check: bool,
    },
    /// Builds, tests and packs what Android apps use
    Android {
        #[command(subcommand)]
        what: android::Android,
    },
    /// Builds and tests what Apple apps use
    Ios {
        #[command(subcommand)]
        what: ios::Ios,
    },
    /// Checks formatting, lints and what is shipped, then runs every test
    Ci,
}

fn main() -> ExitCode {
    match run(Task::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace has no root")?);
    // Mesa's device-selection layer complains on stderr where there is no desktop to ask.
    shell.set_var("NODEVICE_SELECT", "1");
    match task {
        Task::Demo => demo::run(&shell),
        Task::Test { arguments } => test::run(&shell, &arguments),
        Task::Bench(args) => bench::run(&shell, &args),
        Task::Eval { what } => eval::run(&shell, &what),
        Task::Bindings { check } => bindings::run(&shell, check),
        Task::Android { what } => android::run(&shell, &what),
        Task::Ios { what } => ios::run(&shell, &what),
        Task::Ci => ci::run(&shell),
    }
}
