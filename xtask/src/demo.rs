//! `cargo xtask demo`: from a fresh clone to the main job on real input, in one command.

use crate::model;
use anyhow::{Context, Result};
use std::env;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Command;
use xshell::{Shell, cmd};

/// The letter, messages and sentences that the demo works on.
const INPUT: &str = "tests/data/demo";
/// When the sentences are read, so that the demo's dates are the same every day.
const NOW: [&str; 4] = ["--now", "2026-11-24T09:30", "--zone", "Europe/London"];

/// Sets up, then summarises, classifies and schedules; at a terminal it ends in a chat.
pub fn run(shell: &Shell) -> Result<()> {
    model::ensure(shell)?;
    let minnow = build_all(shell)?.join("minnow").with_extension(env::consts::EXE_EXTENSION);
    let input = Path::new(INPUT);

    let letter = input.join("letter.txt");
    heading(&format!("Summarise a bank's letter of {} words", shell.read_file(&letter)?.split_whitespace().count()));
    cmd!(shell, "{minnow} summarize --file {letter}").quiet().run()?;

    heading("Classify messages to a bank");
    let labels = shell.read_file(input.join("labels.txt"))?;
    let labels = labels.trim();
    for message in shell.read_file(input.join("messages.txt"))?.lines() {
        println!("\n  {message}");
        cmd!(shell, "{minnow} classify --labels {labels} -- {message}").quiet().run()?;
    }

    heading(&format!("Schedule what was said, read on {}", NOW[1]));
    for sentence in shell.read_file(input.join("sentences.txt"))?.lines() {
        println!("\n  {sentence}");
        cmd!(shell, "{minnow} schedule {NOW...} -- {sentence}").quiet().run()?;
    }

    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        heading("Chat");
        // Through std, since xshell gives a command no stdin.
        Command::from(cmd!(shell, "{minnow} chat")).status()?;
    }
    Ok(())
}

/// Builds everything and returns the folder with the programs and the library.
///
/// All of it, tests too: cargo chooses the features of shared dependencies by what it is asked to build, and only the selection that
/// `cargo xtask test` makes lets all tasks use one GPU stack.
pub fn build_all(shell: &Shell) -> Result<PathBuf> {
    cmd!(shell, "cargo build --workspace --all-targets").run()?;
    let xtask = env::current_exe()?;
    Ok(xtask.parent().context("this program is in no folder")?.to_owned())
}

fn heading(text: &str) {
    println!("\n== {text}");
}
