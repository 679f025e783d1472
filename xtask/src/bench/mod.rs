//! `cargo xtask bench`: how fast Minnow is beside llama.cpp, on the same machine in the same minutes.
//!
//! A shared machine's clock drifts, so the two take turns, A B A B …, and what counts is the median of the ratios of neighbours.
//! Both programs print the same fields, each from one process of its own: nothing is measured from here.

mod cases;
mod kernels;
mod peer;
mod plot;
mod report;
mod run;
mod table;

use crate::machine;
use anyhow::{Context, Result};
use cases::{CASES, Case};
use clap::builder::PossibleValuesParser;
use clap::value_parser;
use peer::Peer;
use report::Report;
use run::Bench;
use std::env;
use std::path::{self, PathBuf};
use xshell::{Shell, cmd};

/// Where the results that the repository keeps are written.
const RESULTS: &str = "docs/bench";

/// What is measured, and against what.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Compares with llama.cpp
    #[arg(long)]
    peer: bool,
    /// Measures on the GPU, beside a llama.cpp that was built with Vulkan if there is one
    #[arg(long)]
    gpu: bool,
    /// Measures the CPU's kernels alone, and nothing else
    #[arg(long, conflicts_with_all = ["peer", "gpu", "only", "minnow"])]
    kernels: bool,
    /// Builds llama.cpp first where it is missing (about 10 minutes on two cores)
    #[arg(long)]
    install: bool,
    /// How often each is run
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = value_parser!(u32).range(1..))]
    repeat: u32,
    /// Numbers of CPU threads; on a GPU only the last counts
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,2", value_parser = value_parser!(u32).range(1..))]
    threads: Vec<u32>,
    /// Measures one case only
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(CASES.iter().map(|case| case.name)))]
    only: Option<String>,
    /// Runs this program instead of building one
    #[arg(long, value_name = "PATH")]
    minnow: Option<PathBuf>,
    /// The folder for the results [default: docs/bench, for a whole comparison]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Measures, prints the tables, and writes them with the runs and a plot.
pub fn run(shell: &Shell, args: &Args) -> Result<()> {
    let out = args.out.as_ref().map(path::absolute).transpose()?;
    if args.kernels {
        return kernels::run(shell, &out.unwrap_or_else(|| RESULTS.into()));
    }
    let peer = find_peer(shell, args)?;
    let (minnow, commit) = match &args.minnow {
        // as the caller sees it, not as the workspace does
        Some(program) => (path::absolute(program)?, None),
        None => (build(shell)?, Some(machine::commit(shell, RESULTS)?)),
    };
    let bench = Bench { shell, minnow: &minnow, peer: peer.as_ref(), gpu: args.gpu, repeat: args.repeat };
    let threads = if args.gpu { args.threads.last().into_iter().collect() } else { Vec::from_iter(&args.threads) };
    let wanted = |case: &&Case| args.only.as_ref().is_none_or(|only| only == case.name);
    let mut series = Vec::new();
    for case in CASES.iter().filter(wanted) {
        series.extend(bench.case(case, &threads)?);
    }

    let report = Report {
        date: cmd!(shell, "date -u +%F").quiet().read()?,
        machine: machine::Machine::this(shell)?,
        minnow: report::version(&cmd!(shell, "{minnow} --version").quiet().read()?, commit.as_deref()),
        peer: peer.map(|peer| peer.build),
        gpu: args.gpu,
        series,
    };
    println!("\n{}", table::markdown(&report));
    let is_whole = args.only.is_none() && (args.peer || args.gpu);
    match out.or_else(|| is_whole.then(|| RESULTS.into())) {
        Some(folder) => report.write(shell, &folder),
        None => Ok(()),
    }
}

/// The peer that was asked for. On a GPU it may be missing, unless it was asked for by name.
fn find_peer(shell: &Shell, args: &Args) -> Result<Option<Peer>> {
    if !(args.peer || args.gpu) {
        return Ok(None);
    }
    match Peer::find(shell, args.gpu, args.install) {
        Err(error) if !args.peer => {
            println!("xtask: without a peer, since {error:#}");
            Ok(None)
        }
        found => found.map(Some),
    }
}

/// Builds the command as people get it.
fn build(shell: &Shell) -> Result<PathBuf> {
    cmd!(shell, "cargo build --release -p minnow-cli").run()?;
    let xtask = env::current_exe()?;
    let target = xtask.ancestors().nth(2).context("this program is in no target folder")?;
    Ok(target.join("release").join("minnow").with_extension(env::consts::EXE_EXTENSION))
}
