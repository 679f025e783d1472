//! A conversation with a chat model: turns in, a streamed answer out, history kept.

use std::time::Instant;

use super::prompt::shared;
use crate::generate::{Engine, GenerateOptions, Generation, Session, SessionOptions};
use crate::runtime::CancelToken;
use crate::text::{Message, RenderOptions, Role, SpecialTokens};
use crate::{Error, Result};

/// A conversation.
///
/// Each turn runs only what is new: the tokens shared with the turn before stay in the cache.
pub struct Chat {
    session: Session,
    messages: Vec<Message>,
}

impl Chat {
    /// A conversation with the model, under `instruction` where there is one.
    ///
    /// An engine with a [cache folder](crate::EngineOptions::cache_folder) keeps there what the model knows after the instruction, and later
    /// conversations under it begin at once. So an instruction is the same for everybody; what differs from person to person is said in a turn.
    ///
    /// # Errors
    /// `Unsupported` for a model without a chat template; `Memory` where the context doesn't fit.
    pub fn new(engine: &Engine, instruction: Option<&str>, options: SessionOptions) -> Result<Self> {
        let messages = instruction.map(|text| Message::new(Role::System, text)).into_iter().collect();
        Self::resume(engine, messages, options)
    }

    /// A conversation that goes on after `messages`, as [`Chat::messages`] gave them: for one that was saved.
    ///
    /// # Errors
    /// As [`Chat::new`].
    pub fn resume(engine: &Engine, messages: Vec<Message>, options: SessionOptions) -> Result<Self> {
        engine.template()?;
        Ok(Self { session: engine.session(options)?, messages })
    }

    /// Gives the cache's memory back; what was said runs again with the next turn.
    pub fn release(&mut self) {
        self.session.release();
    }

    /// What was said so far.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Says `text` and gives the answer; `on_text` gets it piece by piece. A cancelled answer stays in the history as far as
    /// it came; one that didn't come at all takes its question back, since models that see empty answers learn to give them. Where the conversation has outgrown the context, its oldest turns are forgotten, the instruction never.
    ///
    /// The answer's times count from the call on, the reading of `text` included. A time limit that passes before the first token
    /// gives an empty answer that ends with [`Finish::Length`](crate::Finish::Length).
    ///
    /// # Errors
    /// `InvalidInput` for an empty text, `ContextFull` for a text that doesn't fit even alone; after an error the turn is as
    /// if it had not been said.
    pub fn say(
        &mut self,
        text: &str,
        options: &GenerateOptions,
        cancel: &CancelToken,
        on_text: impl FnMut(&str),
    ) -> Result<Generation> {
        let asked = Instant::now();
        if text.trim().is_empty() {
            return Err(Error::invalid("text", "the text is empty"));
        }
        let before = self.messages.clone();
        self.messages.push(Message::new(Role::User, text));
        let answer = self.answer(asked, options, cancel, on_text);
        match &answer {
            Ok(answer) if !answer.text.trim().is_empty() => {
                self.messages.push(Message::new(Role::Assistant, answer.text.trim()));
            }
            _ => self.messages = before,
        }
        answer
    }

    fn answer(
        &mut self,
        asked: Instant,
        options: &GenerateOptions,
        cancel: &CancelToken,
        on_text: impl FnMut(&str),
    ) -> Result<Generation> {
        let room = options.max_new_tokens.min(self.session.context_tokens() / 2);
        let ids = self.fitting(self.session.context_tokens() - room, cancel)?;
        let shared = shared(self.session.tokens(), &ids);
        self.session.rewind(shared);
        let deadline = options.time_limit.and_then(|limit| asked.checked_add(limit));
        let in_time = deadline.map_or_else(|| cancel.clone(), |deadline| cancel.until(deadline));
        match self.read(&ids, &in_time) {
            // out of time, and so is the answer before its first token
            Err(Error::Cancelled) if !cancel.is_cancelled() => {}
            read => read?,
        }
        tracing::debug!(tokens = ids.len(), shared, took = ?asked.elapsed(), "prompt read");
        self.session.generate_since(asked, options, cancel, on_text)
    }

    /// Runs what the session, whose tokens are the first of `ids`, lacks of them.
    fn read(&mut self, ids: &[u32], cancel: &CancelToken) -> Result<()> {
        let instruction = if self.session.tokens().is_empty() { self.instruction_tokens(ids) } else { 0 };
        if instruction >= LONG_INSTRUCTION {
            self.session.feed_prefix(&ids[..instruction], cancel)?;
        }
        self.session.feed(&ids[self.session.tokens().len()..], cancel)
    }

    /// How many of the first of `ids` come of the instruction alone.
    fn instruction_tokens(&self, ids: &[u32]) -> usize {
        let engine = self.session.engine();
        let (Ok(tokenizer), Ok(template)) = (engine.tokenizer(), engine.template()) else { return 0 };
        let end = self.messages.iter().position(|message| message.role != Role::System).unwrap_or(0);
        if end == 0 {
            return 0;
        }
        // a template may refuse a conversation in which nobody spoke
        let alone = template.encode_chat(tokenizer, &self.messages[..end], &RenderOptions::default());
        shared(&alone.unwrap_or_default(), ids)
    }

    /// The ids of the conversation, after forgetting as many of the oldest turns as it takes to fit.
    fn fitting(&mut self, limit: usize, cancel: &CancelToken) -> Result<Vec<u32>> {
        let engine = self.session.engine();
        let (tokenizer, template) = (engine.tokenizer()?, engine.template()?);
        let options = RenderOptions::default().add_generation_prompt(true);
        if let Some(newest) = self.messages.last().filter(|message| message.content.len() / MANY_BYTES > limit) {
            // templates are held to a number of steps, and would refuse a text like this one in words about steps
            let needed = tokenizer.encode(&newest.content, SpecialTokens::AsText)?.len();
            if needed > limit {
                return Err(Error::ContextFull { needed, available: limit });
            }
        }
        let (first, cuts) = self.cuts();
        let encoded = |cut: usize| {
            cancel.check()?;
            let kept = [&self.messages[..first], &self.messages[cut..]].concat();
            template.encode_chat(tokenizer, &kept, &options)
        };
        // Each message is a token at least. What can't fit by this count needs no rendering: a saved conversation may have thousands.
        let mut low = cuts.partition_point(|cut| self.messages.len() - cut > limit).min(cuts.len() - 1);
        let (mut high, mut middle) = (cuts.len(), low);
        let (mut fitting, mut needed) = (None, 0);
        // the first cut that fits: the likeliest is tried first, then by halving
        while low < high {
            let ids = encoded(cuts[middle])?;
            if ids.len() <= limit {
                (high, fitting) = (middle, Some(ids));
            } else {
                (low, needed) = (middle + 1, ids.len());
            }
            middle = (low + high) / 2;
        }
        let ids = fitting.ok_or(Error::ContextFull { needed, available: limit })?;
        self.messages.drain(first..cuts[high]);
        Ok(ids)
    }

    /// Where the turns that may be forgotten begin, and up to where they may be: from none of them to all but what is being said. The instruction
    /// stays, and a question goes together with its answer.
    fn cuts(&self) -> (usize, Vec<usize>) {
        let first = self.messages.iter().position(|message| message.role != Role::System).unwrap_or(0);
        let mut cuts = vec![first];
        let mut cut = first;
        while cut + 1 < self.messages.len() {
            let with_answer = self.messages[cut].role == Role::User && cut + 2 < self.messages.len();
            cut += if with_answer { 2 } else { 1 };
            cuts.push(cut);
        }
        (first, cuts)
    }
}

/// Tokens of an instruction that take longer to run than to read what was kept of them.
const LONG_INSTRUCTION: usize = 16;

/// More bytes than a token of written text has on average, in any language.
const MANY_BYTES: usize = 16;

impl std::fmt::Debug for Chat {
    /// Lengths only: the messages are the user's words.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chat").field("messages", &self.messages.len()).finish_non_exhaustive()
    }
}
