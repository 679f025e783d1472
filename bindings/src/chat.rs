//! A conversation, as an app holds it.

use std::sync::{Arc, Mutex};

use minnow::{CancelToken, GenerateOptions};

use crate::assistant::Shared;
use crate::error::{MinnowError, Result};
use crate::jobs::{self, lock};
use crate::listener::{Relay, TextListener};
use crate::types::{Answer, AnswerOptions, ChatMessage};

/// The core's conversation.
pub(crate) type OpenedChat = minnow::Chat;

/// A conversation with an opened model.
#[derive(uniffi::Object)]
pub struct NativeChat {
    owner: Arc<Shared>,
    /// `None` once it or its assistant is closed. Locked for as long as an answer takes: a second turn waits for the first.
    chat: Arc<Mutex<Option<OpenedChat>>>,
    closing: Arc<Mutex<Closing>>,
}

/// What a close of one chat must reach.
#[derive(Default)]
struct Closing {
    closed: bool,
    answering: Option<CancelToken>,
}

impl NativeChat {
    /// A chat of `owner`.
    pub(crate) fn new(owner: Arc<Shared>, chat: Arc<Mutex<Option<OpenedChat>>>) -> Self {
        Self { owner, chat, closing: Arc::default() }
    }
}

#[uniffi::export]
impl NativeChat {
    /// Says `text` and gives the answer, after `listener` had it piece by piece. A cancelled answer stays in the conversation as
    /// far as it came.
    pub async fn say(
        &self,
        text: String,
        options: AnswerOptions,
        listener: Option<Arc<dyn TextListener>>,
    ) -> Result<Answer> {
        let options = GenerateOptions::try_from(options)?;
        let (chat, owner, closing) = (self.chat.clone(), self.owner.clone(), self.closing.clone());
        let work = move |cancel: &CancelToken| {
            let mut held = lock(&chat);
            let opened = held.as_mut().ok_or(MinnowError::Closed)?;
            cancel.check()?;
            {
                let mut closing = lock(&closing);
                if closing.closed {
                    return Err(MinnowError::Closed);
                }
                closing.answering = Some(cancel.clone());
            }
            let mut relay = Relay::new(cancel);
            let answer = opened.say(&text, &options, cancel, |piece| {
                if let Some(listener) = &listener {
                    relay.tell(|| listener.on_text(piece.to_owned()));
                }
            });
            let closed = {
                let mut closing = lock(&closing);
                closing.answering = None;
                closing.closed || owner.opened.jobs.is_closed()
            };
            if closed {
                *held = None;
            }
            match relay.result(answer.map_err(MinnowError::from).and_then(Answer::of)) {
                Err(MinnowError::Cancelled) if closed => Err(MinnowError::Closed),
                result => result,
            }
        };
        self.owner.opened.jobs.run(work).await
    }

    /// Ends the answer that is on its way and gives the conversation's memory back. Returns at once; calls that were running end
    /// with `Closed`.
    pub fn shut_down(&self) {
        self.close();
    }

    /// What was said so far, the instruction included.
    ///
    /// # Errors
    /// `Closed` after a close.
    pub async fn messages(&self) -> Result<Vec<ChatMessage>> {
        let (chat, closing) = (self.chat.clone(), self.closing.clone());
        let work = move |_: &CancelToken| {
            let held = lock(&chat);
            let opened = held.as_ref().ok_or(MinnowError::Closed)?;
            // the thread that gives the chat up may still be on its way
            if lock(&closing).closed {
                return Err(MinnowError::Closed);
            }
            Ok(opened.messages().iter().map(ChatMessage::from).collect())
        };
        jobs::detached(work).await
    }
}

impl NativeChat {
    fn close(&self) {
        {
            let mut closing = lock(&self.closing);
            closing.closed = true;
            if let Some(cancel) = &closing.answering {
                cancel.cancel();
            }
        }
        let chat = self.chat.clone();
        // waits for an answer to notice, and freeing a cache takes longer than a frame
        jobs::elsewhere(move || *lock(&chat) = None);
    }
}

impl Drop for NativeChat {
    fn drop(&mut self) {
        self.close();
    }
}
