//! A conversation with a model: its cache, its tokens so far, and generation.
//!
//! States: *empty* → `feed` → *ready* (logits of the last token are known) → `generate` or `feed` → *ready* … An error or a
//! cancel leaves the session ready at the last whole step.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::chunks::TextChunks;
use super::constraint::Constraint;
use super::engine::{EachRow, Engine};
use super::sampler::{Sampler, Sampling};
use super::shape::Shape;
use crate::model::KvCache;
use crate::runtime::CancelToken;
use crate::{Error, Result};

/// How a session is opened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SessionOptions {
    /// Positions that the cache is allocated for, prompt and answers together; `None`: the model's own context, at most
    /// [`DEFAULT_CONTEXT`]. Longer costs memory: on a GPU from the start, on the CPU as the positions are filled.
    pub context_tokens: Option<usize>,
    /// Prompt tokens that run at once. More is faster and takes more memory; a cancel waits for one chunk.
    pub chunk_tokens: usize,
}

/// Positions a session holds where the caller asks for no number: 47 MB of `f16` cache for SmolLM2-135M, once they are filled.
pub const DEFAULT_CONTEXT: usize = 2048;

impl Default for SessionOptions {
    fn default() -> Self {
        Self { context_tokens: None, chunk_tokens: 256 }
    }
}

impl SessionOptions {
    /// Positions that the cache is allocated for.
    pub fn context_tokens(mut self, tokens: usize) -> Self {
        self.context_tokens = Some(tokens);
        self
    }

    /// Prompt tokens that run at once, 1 to 4096.
    pub fn chunk_tokens(mut self, tokens: usize) -> Self {
        self.chunk_tokens = tokens;
        self
    }
}

/// What happens when an answer reaches the end of the context.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The answer ends with [`Finish::Length`].
    #[default]
    Stop,
    /// The oldest half is forgotten but for the first `keep` tokens, and the rest is run again; the answer goes on.
    Slide {
        /// Tokens at the start that always stay: the system prompt.
        keep: usize,
    },
}

/// How an answer is generated.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GenerateOptions {
    /// Most tokens of an answer.
    pub max_new_tokens: usize,
    /// How a token is chosen.
    pub sampling: Sampling,
    /// Most time for an answer, from the call on; [`Chat::say`](crate::Chat::say) reads its prompt within it too.
    pub time_limit: Option<Duration>,
    /// What the answer must look like.
    pub shape: Option<Shape>,
    /// What happens at the end of the context.
    pub overflow: Overflow,
}

impl Default for GenerateOptions {
    /// Greedy, since the same question should get the same answer; 256 tokens, about 200 English words.
    fn default() -> Self {
        Self {
            max_new_tokens: 256,
            sampling: Sampling::Greedy,
            time_limit: None,
            shape: None,
            overflow: Overflow::default(),
        }
    }
}

impl GenerateOptions {
    /// Most tokens of an answer.
    pub fn max_new_tokens(mut self, tokens: usize) -> Self {
        self.max_new_tokens = tokens;
        self
    }

    /// How a token is chosen.
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Most time for an answer.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// What the answer must look like.
    pub fn shape(mut self, shape: Shape) -> Self {
        self.shape = Some(shape);
        self
    }

    /// What happens at the end of the context.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model said that it is done, or the asked-for shape is complete.
    Stop,
    /// The most tokens, the most time or the end of the context was reached.
    Length,
    /// The caller cancelled; the text so far is there.
    Cancelled,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// Every token that was chosen, a stop token at the end included.
    pub ids: Vec<u32>,
    /// Their text, without the stop token's.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
    /// From the call to the first token.
    pub first_token: Option<Duration>,
    /// From the call to the end.
    pub total: Duration,
}

/// A conversation with a model.
pub struct Session {
    engine: Engine,
    cache: KvCache,
    tokens: Vec<u32>,
    /// Tokens at the start that were given to [`Session::feed_prefix`].
    prefix: usize,
    /// Logits after the last token; `None` where that token must run again first.
    logits: Option<Vec<f32>>,
}

impl Session {
    pub(super) fn new(engine: Engine, options: SessionOptions) -> Result<Self> {
        let trained = engine.config().context_length;
        let context = options.context_tokens.unwrap_or(trained.min(DEFAULT_CONTEXT));
        if !(1..=trained).contains(&context) {
            return Err(Error::invalid("context_tokens", format!("{context} tokens, expected 1 to {trained}")));
        }
        if !(1..=MAX_CHUNK).contains(&options.chunk_tokens) {
            let what = format!("{} tokens, expected 1 to {MAX_CHUNK}", options.chunk_tokens);
            return Err(Error::invalid("chunk_tokens", what));
        }
        let rows = options.chunk_tokens.min(context);
        let needed = engine.cache_bytes(context, rows);
        if needed > MAX_CACHE_BYTES {
            return Err(Error::Memory { needed, available: MAX_CACHE_BYTES });
        }
        let cache = engine.cache(context, rows, &CancelToken::new())?;
        Ok(Self { engine, cache, tokens: Vec::new(), prefix: 0, logits: None })
    }

    /// The model.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// All tokens so far, answers included.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Positions that the context holds.
    pub fn context_tokens(&self) -> usize {
        self.cache.capacity()
    }

    /// Logits for the token after the last one. `None` before the first [`Session::feed`], and after a rewind or an answer until
    /// [`Session::ready`].
    pub fn logits(&self) -> Option<&[f32]> {
        self.logits.as_deref()
    }

    /// Runs `ids` after the tokens so far.
    ///
    /// # Errors
    /// `ContextFull` where they don't fit (nothing is run then), `InvalidInput` for an id past the vocabulary, `Cancelled`
    /// between two chunks (whole chunks stay), `Device` where the device failed.
    pub fn feed(&mut self, ids: &[u32], cancel: &CancelToken) -> Result<()> {
        self.advance(ids, cancel, None).map(|_| ())
    }

    /// Runs `ids` as the beginning of a conversation. Where the engine has a folder for it
    /// ([`EngineOptions::cache_folder`](crate::EngineOptions::cache_folder)), what the model knows after them is kept there, and the next conversation
    /// that begins with them reads it back instead of running them, after a restart of the app too. True where that was so.
    ///
    /// For what an app fixed: an instruction, its tools, examples. Not for what a person wrote, since it can be made out in what is kept.
    ///
    /// # Errors
    /// `InvalidInput` for a conversation that has begun; otherwise as [`Session::feed`]. A folder that can't be used is no error.
    pub fn feed_prefix(&mut self, ids: &[u32], cancel: &CancelToken) -> Result<bool> {
        if !self.tokens.is_empty() {
            return Err(Error::invalid("ids", "the conversation has begun: a prefix comes first"));
        }
        self.prefix = ids.len();
        let restored = self.advance(ids, cancel, None)?;
        if !restored && let Some(logits) = &self.logits {
            self.engine.keep(ids, logits, &self.cache, cancel)?;
        }
        Ok(restored)
    }

    /// As [`Session::feed`], and gives `each` the logits after every one of `ids`, with its index. `each` runs inside the
    /// engine's turn: it must not use the same engine, or it waits for itself.
    ///
    /// # Errors
    /// As [`Session::feed`].
    pub fn feed_each(
        &mut self,
        ids: &[u32],
        cancel: &CancelToken,
        mut each: impl FnMut(usize, &[f32]) + Send,
    ) -> Result<()> {
        self.advance(ids, cancel, Some(&mut each)).map(|_| ())
    }

    /// Forgets the tokens from `length` on. Nothing runs: where a sliding window has dropped what the shorter sequence needs, that
    /// sequence runs again with the next call.
    pub fn rewind(&mut self, length: usize) {
        if length < self.tokens.len() {
            self.tokens.truncate(length);
            self.cache.rewind(length);
            self.logits = None;
        }
    }

    /// Gives the cache's memory back and keeps the tokens: they run again with the next call. For an app that goes into the
    /// background.
    pub fn release(&mut self) {
        self.cache.release();
        self.logits = None;
    }

    /// Makes sure that the logits after the last token are known.
    ///
    /// # Errors
    /// `InvalidInput` for an empty session; otherwise as [`Session::feed`].
    pub fn ready(&mut self, cancel: &CancelToken) -> Result<()> {
        if self.tokens.is_empty() {
            return Err(Error::invalid("prompt", "there are no tokens to continue"));
        }
        self.catch_up(cancel, self.tokens.len(), None).map(|_| ())
    }

    /// Generates an answer to the tokens so far; `on_text` gets each piece of text as it is ready, whole graphemes only.
    ///
    /// # Errors
    /// `InvalidInput` for an empty session or options out of range, `Unsupported` for a shape that can't be enforced, `Device`
    /// where the device failed. A cancel is no error but [`Finish::Cancelled`].
    pub fn generate(
        &mut self,
        options: &GenerateOptions,
        cancel: &CancelToken,
        on_text: impl FnMut(&str),
    ) -> Result<Generation> {
        self.generate_since(Instant::now(), options, cancel, on_text)
    }

    /// As [`Session::generate`], for an answer that was asked for at `started`: its times and its time limit count from there.
    pub(crate) fn generate_since(
        &mut self,
        started: Instant,
        options: &GenerateOptions,
        cancel: &CancelToken,
        mut on_text: impl FnMut(&str),
    ) -> Result<Generation> {
        let mut sampler = Sampler::new(&options.sampling)?;
        let mut constraint = match &options.shape {
            Some(shape) => Some(shape.constraint(&*self.engine.constraint_vocabulary()?)?),
            None => None,
        };
        if let Overflow::Slide { keep } = options.overflow
            && keep >= self.cache.capacity() - 1
        {
            let what = format!("{keep} tokens to keep leave no room in a context of {}", self.cache.capacity());
            return Err(Error::invalid("overflow", what));
        }
        let mut answer = Answer::default();
        let finish = loop {
            if cancel.is_cancelled() {
                break Finish::Cancelled;
            }
            let late = options.time_limit.is_some_and(|limit| started.elapsed() >= limit);
            if late || answer.ids.len() >= options.max_new_tokens {
                break Finish::Length;
            }
            match self.ready(cancel) {
                Err(Error::Cancelled) => break Finish::Cancelled,
                result => result?,
            }
            let id = self.choose(&mut sampler, constraint.as_mut())?;
            answer.ids.push(id);
            answer.first_token.get_or_insert_with(|| started.elapsed());
            let complete = match &mut constraint {
                Some(constraint) => {
                    constraint.commit(id)?;
                    constraint.is_finished()
                }
                None => false,
            };
            if self.is_stop(id) {
                // the model's own mark: it belongs to the conversation, not to the text
                self.remember(id, options.overflow);
                break Finish::Stop;
            }
            self.emit(id, &mut answer, &mut on_text);
            if !self.remember(id, options.overflow) {
                break Finish::Length;
            }
            if complete {
                break Finish::Stop;
            }
        };
        let chunks = std::mem::take(&mut answer.chunks);
        let rest = if finish == Finish::Stop { chunks.finish() } else { chunks.finish_cut() };
        answer.push(&rest, &mut on_text);
        let total = started.elapsed();
        tracing::debug!(tokens = answer.ids.len(), ?finish, first_token = ?answer.first_token, ?total, "answered");
        Ok(Generation { ids: answer.ids, text: answer.text, finish, first_token: answer.first_token, total })
    }

    fn is_stop(&self, id: u32) -> bool {
        self.engine.tokenizer().is_ok_and(|tokenizer| tokenizer.stop_ids().contains(&id))
    }

    fn choose(&self, sampler: &mut Sampler, constraint: Option<&mut Constraint>) -> Result<u32> {
        let internal = || Error::Internal { what: "logits are missing before a choice".into() };
        let logits = self.logits.as_ref().ok_or_else(internal)?;
        match constraint {
            Some(constraint) => sampler.sample(logits, Some(constraint.mask()?)),
            None => sampler.sample(logits, None),
        }
    }

    fn emit(&self, id: u32, answer: &mut Answer, on_text: &mut impl FnMut(&str)) {
        let Ok(tokenizer) = self.engine.tokenizer() else { return };
        // marks like <|im_start|> are not what the model says
        if let Some(bytes) = tokenizer.token_bytes(id).filter(|_| !tokenizer.is_special(id)) {
            let text = answer.chunks.push(&bytes);
            answer.push(&text, on_text);
        }
    }

    /// Adds a chosen token; its step runs when its logits are asked for. False where the context is full.
    fn remember(&mut self, id: u32, overflow: Overflow) -> bool {
        if self.tokens.len() == self.cache.capacity() {
            match overflow {
                Overflow::Stop => return false,
                Overflow::Slide { keep } => self.slide(keep),
            }
        }
        self.tokens.push(id);
        self.logits = None;
        true
    }

    /// Drops the older half of what comes after the first `keep` tokens; the rest runs again with the next step.
    fn slide(&mut self, keep: usize) {
        let keep = keep.min(self.tokens.len());
        let dropped = (self.tokens.len() - keep).div_ceil(2);
        self.tokens.drain(keep..keep + dropped);
        self.cache.rewind(0);
        self.logits = None;
    }

    /// Adds `ids` and runs them; gives what [`Session::catch_up`] gives.
    fn advance(&mut self, ids: &[u32], cancel: &CancelToken, each: Option<&mut EachRow<'_>>) -> Result<bool> {
        let before = self.tokens.len();
        let (needed, available) = (before + ids.len(), self.cache.capacity());
        if needed > available {
            return Err(Error::ContextFull { needed, available });
        }
        let vocab_size = self.engine.config().vocab_size;
        if let Some(id) = ids.iter().find(|id| **id as usize >= vocab_size) {
            return Err(Error::invalid("ids", format!("token id {id} is past the vocabulary of {vocab_size}")));
        }
        if ids.is_empty() {
            return Ok(false);
        }
        self.tokens.extend_from_slice(ids);
        let result = self.catch_up(cancel, before, each);
        if result.is_err() {
            // what didn't run was not said; what was pending before still is
            self.tokens.truncate(self.cache.length().max(before));
            self.logits = self.logits.take().filter(|_| self.cache.length() == self.tokens.len());
        }
        result
    }

    /// Puts the cache and the logits after the prefix into a session whose cache is empty, where they were kept. True where that was so.
    fn restore(&mut self, cancel: &CancelToken) -> Result<bool> {
        let prefix = &self.tokens[..self.prefix];
        let Some(snapshot) = self.engine.snapshot(prefix) else { return Ok(false) };
        let (capacity, max_rows) = (self.cache.capacity(), self.cache.max_rows());
        let Some(cache) = self.engine.restored(&snapshot, prefix.len(), capacity, max_rows, cancel)? else {
            return Ok(false);
        };
        self.cache = cache;
        self.logits = Some(snapshot.logits);
        Ok(true)
    }

    /// Runs the tokens that have not run; `each` gets the logits of those from `first` on. True where the prefix was restored instead.
    fn catch_up(&mut self, cancel: &CancelToken, first: usize, mut each: Option<&mut EachRow<'_>>) -> Result<bool> {
        let has_prefix = (1..=self.tokens.len()).contains(&self.prefix) && (each.is_none() || self.prefix <= first);
        let restored = self.cache.length() == 0 && has_prefix && self.restore(cancel)?;
        if !self.cache.is_usable() {
            self.cache = self.engine.cache(self.cache.capacity(), self.cache.max_rows(), cancel)?;
        }
        if self.logits.is_none() && self.cache.length() == self.tokens.len() {
            // its position is there, its logits are not: the last token runs again
            self.cache.rewind(self.tokens.len() - 1);
        }
        while self.cache.length() < self.tokens.len() {
            cancel.check()?;
            let start = self.cache.length();
            let end = self.tokens.len().min(start + self.cache.max_rows());
            let chunk = &self.tokens[start..end];
            let recording = self.engine.may_lose_a_recording();
            let step = match &mut each {
                Some(each) if end > first => {
                    let mut shifted = |row: usize, logits: &[f32]| {
                        if let Some(index) = (start + row).checked_sub(first) {
                            each(index, logits);
                        }
                    };
                    self.engine.step(chunk, &mut self.cache, cancel, Some(&mut shifted))
                }
                _ => self.engine.step(chunk, &mut self.cache, cancel, None),
            };
            match step {
                Ok(logits) => self.logits = Some(logits),
                Err(_) if recording && !self.engine.may_lose_a_recording() && !self.cache.is_usable() => {
                    // the step could not be recorded, and took the cache along: everything runs again, as it did before there was that
                    self.cache = self.engine.cache(self.cache.capacity(), self.cache.max_rows(), cancel)?;
                }
                Err(error) => {
                    // a failed step may have filled slots, or lost a layer: back to the last whole step
                    if !self.cache.rewind_or_lose(start) {
                        self.cache = self.engine.cache(self.cache.capacity(), self.cache.max_rows(), cancel)?;
                    }
                    self.logits = self.logits.take().filter(|_| self.cache.length() == start);
                    return Err(error);
                }
            }
        }
        Ok(restored)
    }
}

impl std::fmt::Debug for Session {
    /// Lengths only: the tokens are the user's words.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("tokens", &self.tokens.len())
            .field("context_tokens", &self.cache.capacity())
            .finish_non_exhaustive()
    }
}

/// Prompt tokens that may run at once.
const MAX_CHUNK: usize = 4096;
/// The largest cache that a session may allocate.
const MAX_CACHE_BYTES: u64 = 8 << 30;

/// An answer on its way.
#[derive(Default)]
struct Answer {
    ids: Vec<u32>,
    text: String,
    chunks: TextChunks,
    first_token: Option<Duration>,
}

impl Answer {
    fn push(&mut self, piece: &str, on_text: &mut impl FnMut(&str)) {
        if !piece.is_empty() {
            self.text.push_str(piece);
            on_text(piece);
        }
    }
}
