//! What can go wrong, cut by what the caller can do next.
//!
//! Messages say what was expected, what was found, where, and what to do; they hold names, counts and offsets, never the
//! user's words, so that an error is safe to log. Modules attach context as they return; the outer message reads from the
//! general to the particular.

use std::fmt;
use std::path::{Path, PathBuf};

/// The result of every fallible call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call gave no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model file is damaged, inconsistent or not a model file: reject it or download it again.
    #[error("{what} ({at})")]
    ModelFile {
        /// What was expected and what was found.
        what: String,
        /// Where in the file.
        at: Location,
    },
    /// The request is well formed but this build or model can't serve it: choose another model or option.
    #[error("{what} ({hint})")]
    Unsupported {
        /// What is not supported.
        what: String,
        /// What to use instead.
        hint: String,
    },
    /// An argument is out of its range.
    #[error("{what} ({field})")]
    InvalidInput {
        /// The argument's name.
        field: &'static str,
        /// What was expected and what was given.
        what: String,
    },
    /// A person named a date that is on no calendar, such as 30 February: ask for it again.
    #[error("{what} (ask for the date again)")]
    ImpossibleDate {
        /// What was expected and which date was found.
        what: String,
    },
    /// The compute device failed or is missing.
    #[error("{what} ({device})")]
    Device {
        /// The device's name.
        device: String,
        /// What failed.
        what: String,
    },
    /// The caller cancelled and there is nothing to hand back.
    #[error("cancelled (by the caller)")]
    Cancelled,
    /// The prompt and the answer don't fit into the model's context.
    #[error(
        "{needed} tokens don't fit into a context of {available} (shorten the text or open a session with a larger context)"
    )]
    ContextFull {
        /// Tokens that the call needed.
        needed: usize,
        /// Tokens that the context holds.
        available: usize,
    },
    /// An allocation this large was refused.
    #[error("{needed} bytes are needed, {available} are allowed (memory)")]
    Memory {
        /// Bytes that the call needed.
        needed: u64,
        /// Bytes that may be used.
        available: u64,
    },
    /// The operating system refused to read or write a file.
    #[error("can't {action}: {source} ({})", path.display())]
    Io {
        /// What was tried, as a verb phrase: `read`, `map`, `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// A promise inside this crate was broken: please report it.
    #[error("internal error: {what} (please report this)")]
    Internal {
        /// Which promise.
        what: String,
    },
}

/// A place in a model file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// The file's path, where there is one.
    pub file: Option<PathBuf>,
    /// The tensor, metadata key or section.
    pub part: Option<String>,
    /// Bytes from the file's start.
    pub offset: Option<u64>,
}

impl Location {
    /// A metadata key, tensor or section by name.
    pub fn part(name: impl Into<String>) -> Self {
        Self { part: Some(name.into()), ..Self::default() }
    }

    /// A byte offset from the file's start.
    pub fn offset(offset: u64) -> Self {
        Self { offset: Some(offset), ..Self::default() }
    }

    /// The same place, `offset` bytes from the file's start.
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
            separator = ", ";
        }
        if let Some(part) = &self.part {
            write!(f, "{separator}{part}")?;
            separator = ", ";
        }
        match self.offset {
            Some(offset) => write!(f, "{separator}byte {offset}"),
            None if separator.is_empty() => f.write_str("model file"),
            None => Ok(()),
        }
    }
}

impl Error {
    /// A damaged model file.
    pub(crate) fn model_file(what: impl Into<String>, at: Location) -> Self {
        Self::ModelFile { what: what.into(), at }
    }

    /// A request that can't be served.
    pub(crate) fn unsupported(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into(), hint: hint.into() }
    }

    /// An argument out of its range.
    pub(crate) fn invalid(field: &'static str, what: impl Into<String>) -> Self {
        Self::InvalidInput { field, what: what.into() }
    }

    /// A failed system call on `path`.
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    /// Names the file in an error that came from inside it.
    pub(crate) fn in_file(mut self, path: &Path) -> Self {
        if let Self::ModelFile { at, .. } = &mut self {
            at.file.get_or_insert_with(|| path.to_owned());
        }
        self
    }
}
