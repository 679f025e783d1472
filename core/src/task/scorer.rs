//! How likely the model finds continuations of a shared prefix.

use crate::generate::{CancelToken, Engine, Session, SessionOptions, log_probability};
use crate::{Error, Result};

/// A prefix that was run once, and continuations scored after it.
pub(super) struct Scorer {
    session: Session,
    prefix: usize,
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
    /// Runs `prefix`; continuations may be up to `longest` tokens.
    ///
    /// # Errors
    /// `ContextFull` where both don't fit into the model's context.
    pub(super) fn new(engine: &Engine, prefix: &[u32], longest: usize, cancel: &CancelToken) -> Result<Self> {
        let needed = prefix.len() + longest;
        let available = engine.config().context_length;
        if needed > available {
            return Err(Error::ContextFull { needed, available });
        }
        let mut session = engine.session(SessionOptions::default().context_tokens(needed.max(1)))?;
        session.feed(prefix, cancel)?;
        Ok(Self { session, prefix: prefix.len() })
    }

    /// How likely `ids` are after the prefix.
    pub(super) fn score(&mut self, ids: &[u32], cancel: &CancelToken) -> Result<Likelihood> {
        self.session.rewind(self.prefix, cancel)?;
        let missing = || Error::Internal { what: "logits are missing after the prefix".into() };
        let Some((first, rest)) = ids.split_first() else { return Ok(Likelihood { total: 0.0, tokens: 0 }) };
        if self.session.logits().is_none() {
            self.session.refresh(cancel)?;
        }
        let mut total = log_probability(self.session.logits().ok_or_else(missing)?, *first);
        // the last token's own logits are not needed: it need not run
        self.session.feed_each(&ids[..ids.len() - 1], cancel, |row, logits| {
            total += log_probability(logits, rest[row]);
        })?;
        Ok(Likelihood { total, tokens: ids.len() })
    }
}
