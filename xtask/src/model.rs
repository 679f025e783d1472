//! Models of the catalogue that commands and tests need: fetched once, verified every time.

use crate::system;
use anyhow::{Context, Result};
use minnow_models::{CancelToken, DEFAULT_ENCODER, DEFAULT_MODEL, FetchOptions, ModelsError, Stage, desktop};
use std::path::PathBuf;
use std::time::Instant;
use xshell::Shell;

/// Makes the default model available and returns its path.
pub fn ensure(shell: &Shell) -> Result<PathBuf> {
    named(shell, DEFAULT_MODEL)
}

/// Makes the default encoder available and returns its path.
pub fn ensure_encoder(shell: &Shell) -> Result<PathBuf> {
    named(shell, DEFAULT_ENCODER)
}

fn named(shell: &Shell, name: &str) -> Result<PathBuf> {
    let begun = Instant::now();
    let path = match fetch(name) {
        Err(ModelsError::AllSources { .. }) if system::ensure_pip(shell)? => fetch(name),
        outcome => outcome,
    };
    let path = path.with_context(|| format!("{name} can't be had"))?;
    println!("xtask: {name} is there and verified ({:.1} s)", begun.elapsed().as_secs_f32());
    Ok(path)
}

fn fetch(name: &str) -> Result<PathBuf, ModelsError> {
    let mut last = None;
    let mut announce = |progress: minnow_models::Progress<'_>| {
        if last.replace(progress.stage) == Some(progress.stage) {
            return;
        }
        let megabytes = progress.total / 1_000_000;
        match progress.stage {
            Stage::Waiting => println!("xtask: waiting for another fetch of {}", progress.file),
            Stage::Downloading => println!("xtask: downloading {} ({megabytes} MB)", progress.file),
            Stage::Unpacking => println!("xtask: unpacking {}", progress.file),
            Stage::Verifying => {}
        }
    };
    desktop::store()?.fetch(name, FetchOptions::default(), &mut announce, &CancelToken::new())
}
