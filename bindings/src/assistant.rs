//! An opened model, as an app holds it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};

use minnow::{Assistant, CancelToken, Encoder, Engine, EngineOptions, MemoryPressure as Pressure};

use crate::chat::{NativeChat, OpenedChat};
use crate::classification::{Classification, ClassifyOptions};
use crate::encoder::NativeEncoder;
use crate::error::{MinnowError, Result};
use crate::jobs::{self, lock};
use crate::listener::{ProgressListener, Relay, report};
use crate::log;
use crate::opened::{Close, Opened};
use crate::rest::Rest;
use crate::schedule::{Schedule, ScheduleOptions};
use crate::types::{ChatOptions, MemoryPressure, ModelFacts, OpenOptions, SummarizeOptions, Summary};

/// An opened model and the functions it serves.
#[derive(uniffi::Object)]
pub struct NativeAssistant {
    shared: Arc<Shared>,
    facts: ModelFacts,
}

/// What an assistant and its chats have in common.
pub(crate) struct Shared {
    pub(crate) opened: Arc<Opened<Assistant>>,
    chats: Mutex<Vec<Weak<Mutex<Option<OpenedChat>>>>>,
    rest: Arc<Rest>,
}

impl Shared {
    /// Does something with every chat that isn't answering now.
    fn each_idle_chat(&self, mut act: impl FnMut(&mut Option<OpenedChat>)) {
        lock(&self.chats).retain(|chat| {
            let Some(chat) = chat.upgrade() else { return false };
            if let Ok(mut chat) = chat.try_lock() {
                act(&mut chat);
            }
            true
        });
    }
}

/// Opens the model at `path`: a .gguf file, or a folder with config.json and model.safetensors.
///
/// # Errors
/// As the core's `Engine::open`.
#[uniffi::export]
pub async fn open_assistant(path: String, options: OpenOptions) -> Result<Arc<NativeAssistant>> {
    log::install();
    let options = EngineOptions::from(options);
    let opened = jobs::detached(move |cancel| {
        let assistant = Assistant::open(PathBuf::from(path), options)?;
        // reading weights can't be interrupted; whoever gave up gets nothing and holds nothing
        cancel.check()?;
        Ok(assistant)
    });
    let assistant = opened.await?;
    let facts = facts(assistant.engine());
    let shared = Shared { opened: Opened::new(assistant), chats: Mutex::default(), rest: Arc::default() };
    Ok(Arc::new(NativeAssistant { shared: Arc::new(shared), facts }))
}

fn facts(engine: &Engine) -> ModelFacts {
    let device = engine.device();
    ModelFacts {
        architecture: engine.config().architecture.clone(),
        context_tokens: engine.config().context_length as u32,
        can_chat: engine.template().is_ok(),
        on_gpu: device.is_gpu(),
        device: device.name.clone(),
        device_reason: device.reason.clone(),
        threads: engine.threads() as u32,
    }
}

#[uniffi::export]
impl NativeAssistant {
    /// What was opened, and on what it runs.
    pub fn facts(&self) -> ModelFacts {
        self.facts.clone()
    }

    /// Summarises a text with its own sentences.
    pub async fn summarize(
        &self,
        text: String,
        options: SummarizeOptions,
        progress: Option<Arc<dyn ProgressListener>>,
    ) -> Result<Summary> {
        let assistant = self.shared.opened.get()?;
        let work = move |cancel: &CancelToken| {
            let mut relay = Relay::new(cancel);
            let told = report(progress.as_ref(), &mut relay);
            let summary = minnow::task::summarize::summarize(assistant.engine(), &text, &options.into(), cancel, told);
            relay.result(summary.map_err(MinnowError::from).and_then(|summary| Summary::of(summary, &text)))
        };
        self.shared.opened.jobs.run(work).await
    }

    /// Says which of `labels` a text has; or none.
    pub async fn classify(
        &self,
        text: String,
        labels: Vec<String>,
        options: ClassifyOptions,
        progress: Option<Arc<dyn ProgressListener>>,
    ) -> Result<Classification> {
        let assistant = self.shared.opened.get()?;
        let work = move |cancel: &CancelToken| {
            let options = options.into();
            let mut relay = Relay::new(cancel);
            let told = report(progress.as_ref(), &mut relay);
            let found = minnow::task::classify::classify(assistant.engine(), &text, &labels, &options, cancel, told);
            relay.result(found.map_err(MinnowError::from).and_then(|found| Classification::of(found, &text)))
        };
        self.shared.opened.jobs.run(work).await
    }

    /// Finds the events of a text.
    pub async fn schedule(&self, text: String, options: ScheduleOptions) -> Result<Schedule> {
        let assistant = self.shared.opened.get()?;
        let work = move |cancel: &CancelToken| {
            let options = options.resolve()?;
            Schedule::of(assistant.schedule(&text, &options, cancel)?, &text, &options)
        };
        self.shared.opened.jobs.run(work).await
    }

    /// Starts a conversation, or goes on with one.
    pub async fn chat(&self, options: ChatOptions) -> Result<Arc<NativeChat>> {
        let assistant = self.shared.opened.get()?;
        let shared = self.shared.clone();
        let work = move |_: &CancelToken| {
            let (messages, session) = options.parts();
            Ok(minnow::Chat::resume(assistant.engine(), messages, session)?)
        };
        let chat = Arc::new(Mutex::new(Some(self.shared.opened.jobs.run(work).await?)));
        lock(&shared.chats).push(Arc::downgrade(&chat));
        Ok(Arc::new(NativeChat::new(shared, chat)))
    }

    /// An encoder made of this model's hidden states, which is closed with it.
    ///
    /// # Errors
    /// `Unsupported` for a model without a tokenizer; `Closed` after a close.
    pub fn text_encoder(&self) -> Result<Arc<NativeEncoder>> {
        let encoder = NativeEncoder::new(Encoder::from_engine(self.shared.opened.get()?.engine())?);
        self.shared.opened.adopt(encoder.opened());
        Ok(Arc::new(encoder))
    }

    /// Gives memory back; the next call reads again what it needs.
    pub async fn trim(&self, pressure: MemoryPressure) -> Result<()> {
        let shared = self.shared.clone();
        jobs::detached(move |_| {
            shared.each_idle_chat(|chat| {
                if let Some(chat) = chat {
                    chat.release();
                }
            });
            // closed: there is nothing to give back
            if let Ok(assistant) = shared.opened.get() {
                assistant.engine().trim(Pressure::from(pressure));
            }
            Ok(())
        })
        .await
    }

    /// Lets the model rest until `resume`: calls wait before their next step. Returns when no step is running.
    pub async fn pause(&self) -> Result<()> {
        let assistant = self.shared.opened.get()?;
        self.shared.rest.begin(self.shared.opened.jobs.clone(), move |cancel| assistant.engine().pause(cancel)).await
    }

    /// Ends a pause. Returns at once; without one it does nothing.
    pub fn resume(&self) {
        self.shared.rest.end();
    }

    /// Cancels what runs and gives the model up. Returns at once; calls that were running end with `Closed`.
    pub fn shut_down(&self) {
        self.shared.opened.close();
        self.resume();
        let shared = self.shared.clone();
        // a chat that is answering gives its model up when it has been cancelled
        jobs::elsewhere(move || shared.each_idle_chat(|chat| *chat = None));
    }
}

impl Drop for NativeAssistant {
    fn drop(&mut self) {
        self.shut_down();
    }
}
