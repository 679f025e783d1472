//! What can go wrong with a stored or fetched model, cut by what the caller can do next.
//!
//! Messages have the form `what (where)`, on one line; `source()` keeps the system's own cause.

use std::path::{Path, PathBuf};

/// The result of every fallible call in this crate.
pub type Result<T, E = ModelsError> = std::result::Result<T, E>;

/// Why a model can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelsError {
    /// The catalogue itself is wrong.
    #[error("{what} (model catalogue)")]
    Catalogue {
        /// Which entry and what is wrong with it.
        what: String,
    },
    /// No entry has this name.
    #[error("no model is called {name:?}; choose one of {known} (model catalogue)")]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The names there are, joined by commas.
        known: String,
    },
    /// The model comes under terms that somebody has to accept first.
    #[error("{name} comes under the {licence}: read and accept them first ({url})")]
    LicenceNotAccepted {
        /// The model.
        name: String,
        /// The terms' name.
        licence: String,
        /// Where to read them.
        url: String,
    },
    /// The model isn't on this machine.
    #[error("{name} is not stored, fetch it first ({})", path.display())]
    NotStored {
        /// The model.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file is not the file that the catalogue describes: fetch it again.
    #[error("{what}, fetch it again ({})", path.display())]
    Damaged {
        /// What was expected and what was found.
        what: String,
        /// The file.
        path: PathBuf,
    },
    /// One source didn't deliver.
    #[error("{what} ({source_name})")]
    Source {
        /// What happened.
        what: String,
        /// The address or package.
        source_name: String,
    },
    /// No source delivered the file.
    #[error("{file} can't be fetched: {}", join(.failures))]
    AllSources {
        /// The file.
        file: String,
        /// One failure per source, in the catalogue's order; empty if no source can be used on this machine.
        failures: Vec<ModelsError>,
    },
    /// The disk is too full.
    #[error("{needed} bytes are needed, {available} are free ({})", path.display())]
    Space {
        /// Bytes still to be written.
        needed: u64,
        /// Bytes free.
        available: u64,
        /// The folder.
        path: PathBuf,
    },
    /// The caller cancelled. What has come in so far is kept, and the next fetch goes on from there.
    #[error("cancelled (by the caller)")]
    Cancelled,
    /// The operating system refused to read or write a file.
    #[error("can't {action}: {source} ({})", path.display())]
    Io {
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
}

impl ModelsError {
    /// A failed system call on `path`, for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// A source that didn't deliver.
    pub(crate) fn source(what: impl Into<String>, source_name: impl Into<String>) -> Self {
        Self::Source { what: what.into(), source_name: source_name.into() }
    }

    /// Whether another source could still succeed: only where this one, not this machine or the caller, is the reason.
    pub(crate) fn is_about_the_source(&self) -> bool {
        matches!(self, Self::Source { .. } | Self::Damaged { .. })
    }
}

fn join(failures: &[ModelsError]) -> String {
    if failures.is_empty() {
        return "none of its sources can be used on this machine".to_owned();
    }
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
