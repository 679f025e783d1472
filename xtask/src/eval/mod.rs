//! `cargo xtask eval`: how right the functions are, on the evaluation sets of `../shared/evals` (or `$MINNOW_SHARED/evals`) and by their own scorer.
//!
//! Every answer comes from the `minnow` command, as anybody can run it. The rows here are open; others are kept aside, so a figure measured here
//! after tuning here says a little less than it seems.

mod classify;
mod page;

use crate::{machine, model};
use anyhow::{Context, Result};
use std::env;
use std::path::{self, PathBuf};
use xshell::{Shell, cmd};

/// What is evaluated.
#[derive(Debug, clap::Subcommand)]
pub enum Eval {
    /// Classification: accuracy, calibration, abstention, time
    Classify(Args),
}

/// How.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Runs this program instead of building one
    #[arg(long, value_name = "PATH")]
    minnow: Option<PathBuf>,
    /// The folder for the report
    #[arg(long, value_name = "FOLDER", default_value = "docs/eval")]
    out: PathBuf,
}

/// Where rows, scorer and program are, and where results go.
struct Evaluation<'a> {
    shell: &'a Shell,
    minnow: PathBuf,
    /// The default encoder, which the command rounds to 8 bits.
    encoder: PathBuf,
    /// The default chat model.
    chat_model: PathBuf,
    sets: PathBuf,
    out: PathBuf,
}

/// Evaluates and writes the report.
pub fn run(shell: &Shell, what: &Eval) -> Result<()> {
    let Eval::Classify(args) = what;
    let shared = env::var_os("MINNOW_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let sets = path::absolute(shared.join("evals"))?;
    if !sets.is_dir() {
        anyhow::bail!("the evaluation sets are not at {} (set MINNOW_SHARED)", sets.display());
    }
    let minnow = match &args.minnow {
        Some(program) => path::absolute(program)?,
        None => build(shell)?,
    };
    let (encoder, chat_model) = (model::ensure_encoder(shell)?, model::ensure(shell)?);
    let evaluation = Evaluation { shell, minnow, encoder, chat_model, sets, out: path::absolute(&args.out)? };
    let origin = Origin {
        date: cmd!(shell, "date -u +%F").quiet().read()?,
        machine: machine::Machine::this(shell)?,
        commit: machine::commit(shell, "docs/eval")?,
    };
    classify::run(&evaluation, &origin)
}

/// Where figures come from.
struct Origin {
    date: String,
    machine: machine::Machine,
    commit: String,
}

/// Builds the whole workspace, as the tests do: the command alone would compile the GPU stack once more, with other features.
fn build(shell: &Shell) -> Result<PathBuf> {
    cmd!(shell, "cargo build --workspace --all-targets").run()?;
    let xtask = env::current_exe()?;
    let folder = xtask.parent().context("this program is in no folder")?;
    Ok(folder.join("minnow").with_extension(env::consts::EXE_EXTENSION))
}
