//! The functions over one model, as an app calls them.

use std::path::Path;

use crate::Result;
use crate::generate::{Engine, EngineOptions, SessionOptions};
use crate::runtime::CancelToken;
use crate::task::chat::Chat;
use crate::task::classify::{Classification, ClassifyOptions, classify};
use crate::task::schedule::{Schedule, ScheduleOptions, schedule};
use crate::task::summarize::{SummarizeOptions, Summary, summarize};

/// A model and the functions it serves; clones share the model.
///
/// Every function blocks until it is done or cancelled: call it on a thread of your own.
///
/// ```no_run
/// use minnow::{Assistant, CancelToken, EngineOptions, SummarizeOptions};
///
/// let assistant = Assistant::open("model.gguf", EngineOptions::default())?;
/// let letter = std::fs::read_to_string("letter.txt").unwrap_or_default();
/// let summary = assistant.summarize(&letter, &SummarizeOptions::default(), &CancelToken::new())?;
/// println!("{}", summary.text);
/// # Ok::<(), minnow::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Assistant {
    engine: Engine,
}

impl Assistant {
    /// Opens the model at `path`.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open(path: impl AsRef<Path>, options: EngineOptions) -> Result<Self> {
        Engine::open(path, options).map(Self::new)
    }

    /// The functions over an opened model.
    pub fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// The model.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Summarises a text with its own sentences.
    ///
    /// # Errors
    /// As [`summarize`](crate::task::summarize::summarize).
    pub fn summarize(&self, text: &str, options: &SummarizeOptions, cancel: &CancelToken) -> Result<Summary> {
        summarize(&self.engine, text, options, cancel, |_| ())
    }

    /// Says which of `labels` a text has.
    ///
    /// # Errors
    /// As [`classify`](crate::task::classify::classify).
    pub fn classify(
        &self,
        text: &str,
        labels: &[String],
        options: &ClassifyOptions,
        cancel: &CancelToken,
    ) -> Result<Classification> {
        classify(&self.engine, text, labels, options, cancel, |_| ())
    }

    /// Finds the events of a text.
    ///
    /// # Errors
    /// As [`schedule`](crate::task::schedule::schedule).
    pub fn schedule(&self, text: &str, options: &ScheduleOptions, cancel: &CancelToken) -> Result<Schedule> {
        schedule(&self.engine, text, options, cancel)
    }

    /// Starts a conversation.
    ///
    /// # Errors
    /// As [`Chat::new`].
    pub fn chat(&self, instruction: Option<&str>, options: SessionOptions) -> Result<Chat> {
        Chat::new(&self.engine, instruction, options)
    }
}
