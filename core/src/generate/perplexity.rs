//! How well a model predicts a text: `exp(-mean(ln p(token i | tokens before it)))`, natural logarithm, one window.

use super::engine::Engine;
use super::likelihood::log_probability;
use super::session::SessionOptions;
use crate::runtime::CancelToken;
use crate::{Error, Result};

/// A text's perplexity.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Perplexity {
    /// The perplexity; lower is better, the vocabulary's size is a blind guess.
    pub perplexity: f64,
    /// Tokens of the window, the first one included, which is not predicted.
    pub tokens: usize,
}

/// Measures the perplexity of `ids` in one window; `progress` gets the number of tokens done.
///
/// # Errors
/// `InvalidInput` for fewer than two tokens, more than the model's context or an id past the vocabulary; `Cancelled`.
pub fn perplexity(
    engine: &Engine,
    ids: &[u32],
    cancel: &CancelToken,
    mut progress: impl FnMut(usize) + Send,
) -> Result<Perplexity> {
    if ids.len() < 2 {
        return Err(Error::invalid("ids", format!("{} tokens, expected at least 2", ids.len())));
    }
    // the last one is only predicted, never run
    let vocab_size = engine.config().vocab_size;
    if let Some(id) = ids.iter().find(|id| **id as usize >= vocab_size) {
        return Err(Error::invalid("ids", format!("token id {id} is past the vocabulary of {vocab_size}")));
    }
    let mut session = engine.session(SessionOptions::default().context_tokens(ids.len()))?;
    let mut total = 0.0f64;
    // the last token's own logits predict nothing that is there: it need not run
    session.feed_each(&ids[..ids.len() - 1], cancel, |row, logits| {
        total += f64::from(log_probability(logits, ids[row + 1]));
        progress(row + 1);
    })?;
    Ok(Perplexity { perplexity: (-total / (ids.len() - 1) as f64).exp(), tokens: ids.len() })
}
