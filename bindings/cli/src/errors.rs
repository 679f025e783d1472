//! From an error to one line on stderr and an exit code.
//!
//! The line is `error: WHAT (WHERE)`. File names, catalogue names and a server's words can hold anything, so control
//! characters are escaped: an error is always one line and never moves the cursor of a terminal.

use clap::error::ErrorKind;
use minnow_models::ModelsError;
use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The result of every command.
pub type Result<T, E = CliError> = std::result::Result<T, E>;

/// Exit code of a failed operation.
const FAILED: u8 = 1;
/// Exit code of wrong usage.
const USAGE: u8 = 2;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The engine or a function.
    #[error(transparent)]
    Engine(#[from] minnow::Error),
    /// The model store.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// An input that can't be used.
    #[error("{what} ({at})")]
    Input {
        /// What was expected and what was found.
        what: String,
        /// The file, `stdin` or the argument's name.
        at: String,
    },
    /// The command line is well formed but lacks something.
    #[error("{what} (command line)")]
    Usage {
        /// What is missing.
        what: String,
    },
    /// The operating system refused to read or write a file.
    #[error("can't {action}: {source} ({})", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// Stdout can't be written.
    #[error("can't write: {0} (stdout)")]
    Output(#[source] io::Error),
}

impl CliError {
    /// A failed system call on `path`, for `map_err`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// Prints the error and returns its exit code. A reader that closed our stdout early (`minnow … | head`) has what it
/// wanted: that is no failure and prints nothing.
pub fn report(error: &CliError, verbose: bool) -> ExitCode {
    match error {
        CliError::Output(cause) if cause.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
        _ => print(&render(error, verbose)),
    }
    ExitCode::from(if matches!(error, CliError::Usage { .. }) { USAGE } else { FAILED })
}

/// Prints what clap found wrong with the command line, or the help or version that was asked for.
pub fn report_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A closed pipe is as fine here as in `report`.
        let _: io::Result<()> = error.print();
        return ExitCode::SUCCESS;
    }
    let text = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "error: no command was given".to_owned(),
        // what comes after the first empty line is the usage, which --help shows
        _ => error.render().to_string(),
    };
    let said: Vec<_> = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    print(&format!("{} (command line; see --help)\n", escape_controls(&said.join(" "))));
    ExitCode::from(USAGE)
}

fn render(error: &CliError, verbose: bool) -> String {
    let mut text = format!("error: {}\n", escape_controls(&error.to_string()));
    let mut cause = error.source().filter(|_| verbose);
    while let Some(error) = cause {
        let line = escape_controls(&error.to_string());
        // Most messages quote their cause already.
        if !text.contains(&line) {
            // Writing to a string doesn't fail.
            let _: std::fmt::Result = writeln!(text, "  caused by: {line}");
        }
        cause = error.source();
    }
    text
}

/// Writes to stderr; if that is closed, there is nobody to tell.
fn print(text: &str) {
    let _: io::Result<()> = io::Write::write_all(&mut io::stderr(), text.as_bytes());
}

/// Replaces what could break the line or steer a terminal: control characters, line separators and bidirectional
/// overrides.
pub fn escape_controls(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        let steers = matches!(char, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if char.is_control() || steers {
            escaped.extend(char.escape_default());
        } else {
            escaped.push(char);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_found() -> CliError {
        CliError::io("read", Path::new("a\nb\u{1b}[2J.txt"))(io::Error::from(io::ErrorKind::NotFound))
    }

    #[test]
    fn an_error_is_one_line_whatever_the_file_is_called() {
        assert_eq!(render(&not_found(), false), "error: can't read: entity not found (a\\nb\\u{1b}[2J.txt)\n");
    }

    #[test]
    fn verbose_adds_only_causes_that_the_line_does_not_quote() {
        assert_eq!(render(&not_found(), true).lines().count(), 1);
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] io::Error);
        let inner = io::Error::other("inner");
        let error = CliError::Output(io::Error::other(Outer(inner)));
        assert_eq!(render(&error, false), "error: can't write: outer (stdout)\n");
        assert_eq!(render(&error, true), "error: can't write: outer (stdout)\n  caused by: inner\n");
    }

    #[test]
    fn text_in_any_script_stays_readable() {
        assert_eq!(escape_controls("naïve 银行 🙂"), "naïve 银行 🙂");
        assert_eq!(escape_controls("a\u{202e}b\u{7f}\t"), "a\\u{202e}b\\u{7f}\\t");
    }
}
