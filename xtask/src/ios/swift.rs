//! `cargo xtask ios …`: what is done for the Swift package by a command.
//!
//! Swift runs on Linux too, in a Debian that has it; what needs an Apple system is not here.

use crate::{debian, demo, model};
use anyhow::{Context, Result};
use clap::Subcommand;
use minnow_models::desktop;
use std::time::Instant;
use xshell::Shell;

/// Debian with a Swift compiler.
const ROOT: debian::Recipe = debian::Recipe {
    name: "swift-root",
    suite: "trixie",
    packages: "ca-certificates,git,libc6-dev,libstdc++-14-dev,swiftlang",
    cost: "some minutes, 3 GB",
};

/// What can be done for iOS.
#[derive(Debug, Subcommand)]
pub enum Ios {
    /// Compiles the Swift package on Linux and runs its tests against this machine's native library
    Test,
}

/// Does it.
pub fn run(shell: &Shell, what: &Ios) -> Result<()> {
    match what {
        Ios::Test => test(shell),
    }
}

fn test(shell: &Shell) -> Result<()> {
    let programs = demo::build_all(shell)?;
    let model = model::ensure(shell)?;
    let root = debian::ensure(shell, &ROOT)?;
    let begun = Instant::now();
    let build = desktop::cache_folder()?.join("swift-build");
    shell.create_dir(&build)?;
    let (models, file) = (model.parent().context("the model is in no folder")?, model.file_name().unwrap_or_default());
    let folders =
        [(shell.current_dir(), "minnow"), (programs, "programs"), (models.to_owned(), "models"), (build, "build")];
    let folders: Vec<_> = folders.iter().map(|(outside, name)| (outside.as_path(), *name)).collect();
    let script = format!(
        "cd /minnow/ios && HOME=/root LD_LIBRARY_PATH=/programs MINNOW_TEST_MODEL='/models/{}' \
         swift test --scratch-path /build -Xlinker -L/programs -Xswiftc -warnings-as-errors",
        file.to_string_lossy()
    );
    root.run(shell, &folders, &script)?;
    println!("xtask: the Swift package is compiled and tested ({:.0} s)", begun.elapsed().as_secs_f32());
    Ok(())
}
