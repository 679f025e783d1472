//! One flat list of what can go wrong, for both languages.
//!
//! The messages are the core's: they hold names, counts and places, never the user's words.

use minnow::Error;
use minnow_models::ModelsError;

/// Why a call gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum MinnowError {
    /// A model file is damaged, inconsistent or not a model file.
    #[error("{reason}")]
    ModelFile {
        /// What is wrong, and where in the file.
        reason: String,
    },
    /// The request is well formed but this build or model can't serve it.
    #[error("{reason}")]
    Unsupported {
        /// What is not supported, and what to use instead.
        reason: String,
    },
    /// An argument is out of its range.
    #[error("{reason}")]
    InvalidInput {
        /// The argument's name.
        field: String,
        /// What was expected and what was given.
        reason: String,
    },
    /// A person named a date that is on no calendar: ask for it again.
    #[error("{reason}")]
    ImpossibleDate {
        /// What was expected and which date was found.
        reason: String,
    },
    /// The compute device failed or is missing.
    #[error("{reason}")]
    Device {
        /// What failed on which device.
        reason: String,
    },
    /// The prompt and the answer don't fit into the model's context.
    #[error("{reason}")]
    ContextFull {
        /// Tokens that the call needed.
        needed: u64,
        /// Tokens that the context holds.
        available: u64,
        /// The same in words.
        reason: String,
    },
    /// An allocation this large was refused.
    #[error("{reason}")]
    Memory {
        /// Bytes that the call needed.
        needed: u64,
        /// Bytes that may be used.
        available: u64,
        /// The same in words.
        reason: String,
    },
    /// A file or folder can't be read or written, or the disk is full.
    #[error("{reason}")]
    Storage {
        /// What was tried, where, and the system's own words.
        reason: String,
    },
    /// The catalogue has no such model, or is wrong itself.
    #[error("{reason}")]
    Catalogue {
        /// What is wrong in which entry.
        reason: String,
    },
    /// The model comes under terms that somebody has to accept first.
    #[error("{reason}")]
    LicenceNotAccepted {
        /// The terms' name.
        licence: String,
        /// Where to read them.
        url: String,
        /// The same in words.
        reason: String,
    },
    /// The model is not on this device yet.
    #[error("{reason}")]
    NotStored {
        /// Which model and where it was looked for.
        reason: String,
    },
    /// No source delivered the model.
    #[error("{reason}")]
    Download {
        /// What each source said.
        reason: String,
    },
    /// The caller cancelled.
    #[error("cancelled (by the caller)")]
    Cancelled,
    /// What was called is closed, or was closed while the call ran.
    #[error("closed (open it again)")]
    Closed,
    /// A promise inside Minnow was broken, a panic included: please report it.
    #[error("{reason}")]
    Internal {
        /// Which promise, or where the panic was.
        reason: String,
    },
}

/// The result of every call that can fail.
pub type Result<T, E = MinnowError> = std::result::Result<T, E>;

impl MinnowError {
    /// An argument that can't be read.
    pub(crate) fn invalid(field: &str, what: impl std::fmt::Display) -> Self {
        let field = foreign_name(field);
        Self::InvalidInput { reason: format!("{what} ({field})"), field }
    }

    /// A broken promise.
    pub(crate) fn internal(what: impl std::fmt::Display) -> Self {
        Error::Internal { what: what.to_string() }.into()
    }
}

/// An argument's name as Kotlin and Swift write it.
fn foreign_name(name: &str) -> String {
    let name = match name {
        "path" => "model",
        "schema" => "json_schema",
        name => name,
    };
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        name + &initial.to_ascii_uppercase() + rest
    })
}

impl From<Error> for MinnowError {
    fn from(error: Error) -> Self {
        let reason = error.to_string();
        match error {
            Error::ModelFile { .. } => Self::ModelFile { reason },
            Error::Unsupported { .. } => Self::Unsupported { reason },
            Error::InvalidInput { field, what } => Self::invalid(field, what),
            Error::ImpossibleDate { .. } => Self::ImpossibleDate { reason },
            Error::Device { .. } => Self::Device { reason },
            Error::Cancelled => Self::Cancelled,
            Error::ContextFull { needed, available } => {
                Self::ContextFull { needed: needed as u64, available: available as u64, reason }
            }
            Error::Memory { needed, available } => Self::Memory { needed, available, reason },
            Error::Io { .. } => Self::Storage { reason },
            // `Error` may grow: what has no case of its own yet is still told in words
            _ => Self::Internal { reason },
        }
    }
}

impl From<ModelsError> for MinnowError {
    fn from(error: ModelsError) -> Self {
        let reason = error.to_string();
        match error {
            ModelsError::Catalogue { .. } | ModelsError::UnknownModel { .. } => Self::Catalogue { reason },
            ModelsError::LicenceNotAccepted { licence, url, .. } => Self::LicenceNotAccepted { licence, url, reason },
            ModelsError::NotStored { .. } => Self::NotStored { reason },
            ModelsError::Damaged { .. } => Self::ModelFile { reason },
            ModelsError::Source { .. } | ModelsError::AllSources { .. } => Self::Download { reason },
            ModelsError::Space { .. } | ModelsError::Io { .. } => Self::Storage { reason },
            ModelsError::Cancelled => Self::Cancelled,
            _ => Self::Internal { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_words_cross_over() {
        let full = MinnowError::from(Error::ContextFull { needed: 9, available: 4 });
        assert!(
            matches!(&full, MinnowError::ContextFull { needed: 9, available: 4, reason } if reason.contains("9 tokens"))
        );
        let input = MinnowError::from(Error::InvalidInput { field: "labels", what: "1 labels, expected 2".into() });
        assert_eq!(
            input,
            MinnowError::InvalidInput { field: "labels".into(), reason: "1 labels, expected 2 (labels)".into() }
        );
        let words = Error::InvalidInput { field: "max_words", what: "0 words, expected 1 at least".into() };
        let expected = MinnowError::InvalidInput {
            field: "maxWords".into(),
            reason: "0 words, expected 1 at least (maxWords)".into(),
        };
        assert_eq!(MinnowError::from(words), expected);
        let terms = ModelsError::LicenceNotAccepted { name: "m".into(), licence: "T".into(), url: "u".into() };
        assert!(matches!(terms.into(), MinnowError::LicenceNotAccepted { licence, .. } if licence == "T"));
    }
}
