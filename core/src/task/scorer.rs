//! How likely the model finds a continuation after a prefix.

use super::prompt::shared;
use crate::generate::{Engine, Session, SessionOptions, log_probability};
use crate::runtime::CancelToken;
use crate::{Error, Result};

/// Scores continuations; what a prefix shares with the one before it is run once.
pub(super) struct Scorer {
    session: Session,
}

/// A continuation's likelihood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Likelihood {
    /// Sum of the natural logarithms of its tokens' probabilities.
    pub(super) total: f32,
    /// Tokens.
    pub(super) tokens: usize,
}

impl Likelihood {
    /// Mean log-probability a token; 0 for nothing.
    pub(super) fn mean(&self) -> f32 {
        if self.tokens == 0 { 0.0 } else { self.total / self.tokens as f32 }
    }
}

impl Scorer {
    /// Prefix and continuation may be up to `longest` tokens together.
    ///
    /// # Errors
    /// `ContextFull` where that doesn't fit into the model's context.
    pub(super) fn new(engine: &Engine, longest: usize) -> Result<Self> {
        let available = engine.config().context_length;
        if longest > available {
            return Err(Error::ContextFull { needed: longest, available });
        }
        Ok(Self { session: engine.session(SessionOptions::default().context_tokens(longest.max(1)))? })
    }

    /// How likely `ids` are after `prefix`.
    ///
    /// # Errors
    /// `InvalidInput` for an empty prefix; otherwise as [`Session::feed`].
    pub(super) fn score(&mut self, prefix: &[u32], ids: &[u32], cancel: &CancelToken) -> Result<Likelihood> {
        let Some((first, rest)) = ids.split_first() else { return Ok(Likelihood { total: 0.0, tokens: 0 }) };
        let session = &mut self.session;
        let shared = shared(session.tokens(), prefix);
        session.rewind(shared);
        session.feed(&prefix[shared..], cancel)?;
        session.ready(cancel)?;
        let missing = || Error::Internal { what: "logits are missing after the prefix".into() };
        let mut total = log_probability(session.logits().ok_or_else(missing)?, *first);
        // the last token's own logits are not needed: it need not run
        session.feed_each(&ids[..ids.len() - 1], cancel, |row, logits| {
            total += log_probability(logits, rest[row]);
        })?;
        Ok(Likelihood { total, tokens: ids.len() })
    }
}
