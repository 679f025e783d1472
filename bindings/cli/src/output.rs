//! Stdout: one JSON value with `--json`, text for people without.
//!
//! `println!` panics when the reader has gone away; everything goes through here instead, where that is an error which
//! ends the command quietly.

use crate::errors::{CliError, Result};
use serde::Serialize;
use std::io::{self, Write};

/// Prints a result in the form that was asked for.
///
/// # Errors
/// [`CliError::Output`] if stdout can't be written.
pub fn print<T: Serialize>(json: bool, value: &T, human: impl FnOnce(&T) -> String) -> Result<()> {
    let mut text =
        if json { serde_json::to_string(value).map_err(|error| CliError::Output(error.into()))? } else { human(value) };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    write(&text)
}

/// Writes text and shows it at once.
///
/// # Errors
/// [`CliError::Output`] if stdout can't be written.
pub fn write(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(CliError::Output)
}
