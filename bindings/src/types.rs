//! Options and values, as plain records.

use std::ops::Range;
use std::time::Duration;

use minnow::task::ServedBy;
use minnow::{
    CachePrecision, DevicePreference, EngineOptions, Finish, GenerateOptions, Message, Role, Sampling, SessionOptions,
    Shape,
};

use crate::error::{MinnowError, Result};

/// Which processor to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum DeviceChoice {
    /// A hardware GPU where there is one that computes right and faster, else the CPU.
    Auto,
    /// The GPU; an error where there is none.
    Gpu,
    /// The CPU.
    Cpu,
}

impl From<DeviceChoice> for DevicePreference {
    fn from(choice: DeviceChoice) -> Self {
        match choice {
            DeviceChoice::Auto => Self::Auto,
            DeviceChoice::Gpu => Self::Gpu,
            DeviceChoice::Cpu => Self::Cpu,
        }
    }
}

/// How a model is opened.
#[derive(Debug, Clone, uniffi::Record)]
pub struct OpenOptions {
    /// Which processor to use.
    pub device: DeviceChoice,
    /// CPU threads; none: one for each core.
    pub threads: Option<u32>,
    /// The folder for what takes time to make; none: nothing is kept.
    pub cache_folder: Option<String>,
}

impl From<OpenOptions> for EngineOptions {
    fn from(options: OpenOptions) -> Self {
        let mut opened = Self::default().device(options.device.into()).cache_precision(CachePrecision::Auto);
        if let Some(threads) = options.threads {
            opened = opened.threads(threads as usize);
        }
        match options.cache_folder {
            Some(folder) => opened.cache_folder(folder),
            None => opened,
        }
    }
}

/// What was opened, and on what it runs.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ModelFacts {
    /// The model family, in the words of the model file.
    pub architecture: String,
    /// The longest context that the model was trained for.
    pub context_tokens: u32,
    /// Whether it has a chat template.
    pub can_chat: bool,
    /// Whether it runs on a GPU.
    pub on_gpu: bool,
    /// The processor as its driver names it.
    pub device: String,
    /// Why that processor was chosen.
    pub device_reason: String,
    /// CPU threads in use.
    pub threads: u32,
}

/// How badly the system wants memory back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum MemoryPressure {
    /// Caches go.
    Moderate,
    /// The weights go too, and are read again by the next call.
    Critical,
}

impl From<MemoryPressure> for minnow::MemoryPressure {
    fn from(pressure: MemoryPressure) -> Self {
        match pressure {
            MemoryPressure::Moderate => Self::Moderate,
            MemoryPressure::Critical => Self::Critical,
        }
    }
}

/// Who gave an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum AnswerSource {
    /// The model on this device.
    OnDevice,
    /// Rules on this device, where no model was needed.
    Rules,
}

impl AnswerSource {
    /// The core's value.
    ///
    /// # Errors
    /// `Internal` for one that this border doesn't know yet.
    pub(crate) fn of(served_by: ServedBy) -> Result<Self> {
        match served_by {
            ServedBy::OnDevice => Ok(Self::OnDevice),
            ServedBy::Rules => Ok(Self::Rules),
            other => Err(MinnowError::internal(format!("{other:?} has no name here"))),
        }
    }
}

/// A stretch of the caller's text, in UTF-16 units: what `String` counts in Kotlin and `NSRange` in Swift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct TextSpan {
    /// Where it starts.
    pub start: u32,
    /// Where it ends, itself excluded.
    pub end: u32,
}

/// Counts in UTF-16 units what the core counts in bytes. Spans are asked for in rising order mostly, so each goes on where the last
/// one ended.
pub(crate) struct Utf16<'t> {
    text: &'t str,
    bytes: usize,
    units: usize,
}

impl<'t> Utf16<'t> {
    /// A counter at the start of `text`.
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, bytes: 0, units: 0 }
    }

    /// The span of these bytes.
    pub(crate) fn span(&mut self, bytes: &Range<usize>) -> TextSpan {
        TextSpan { start: self.offset(bytes.start), end: self.offset(bytes.end) }
    }

    fn offset(&mut self, at: usize) -> u32 {
        if at < self.bytes {
            (self.bytes, self.units) = (0, 0);
        }
        let passed = self.text.get(self.bytes..at).unwrap_or_default();
        self.units += passed.encode_utf16().count();
        self.bytes = at;
        self.units as u32
    }
}

/// How a text is summarised.
#[derive(Debug, Clone, uniffi::Record)]
pub struct SummarizeOptions {
    /// Most sentences, 1 to 100.
    pub sentences: u32,
    /// Most words.
    pub max_words: Option<u32>,
}

impl From<SummarizeOptions> for minnow::SummarizeOptions {
    fn from(options: SummarizeOptions) -> Self {
        let limited = Self::default().sentences(options.sentences as usize);
        match options.max_words {
            Some(words) => limited.max_words(words as usize),
            None => limited,
        }
    }
}

/// A text in short.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Summary {
    /// The chosen sentences in the source's order, one a line.
    pub text: String,
    /// The chosen sentences and where they stand.
    pub sentences: Vec<SummarySentence>,
    /// Share of the model's preference that the chosen sentences hold.
    pub confidence: f32,
    /// Who answered.
    pub served_by: AnswerSource,
}

/// A sentence of a summary.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct SummarySentence {
    /// The sentence.
    pub text: String,
    /// Where the source says it.
    pub source: TextSpan,
    /// The model's preference for it, as a share of all sentences'.
    pub confidence: f32,
}

impl Summary {
    /// The core's value for `source`.
    pub(crate) fn of(summary: minnow::Summary, source: &str) -> Result<Self> {
        let mut utf16 = Utf16::new(source);
        let sentences = summary.sentences.into_iter().map(|sentence| SummarySentence {
            source: utf16.span(&sentence.source),
            text: sentence.text,
            confidence: sentence.confidence,
        });
        Ok(Self {
            sentences: sentences.collect(),
            text: summary.text,
            confidence: summary.confidence,
            served_by: AnswerSource::of(summary.served_by)?,
        })
    }
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Speaker {
    /// The app: what the model is and how it should answer.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// The result of a tool.
    Tool,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ChatMessage {
    /// Who speaks.
    pub speaker: Speaker,
    /// What they say.
    pub text: String,
}

impl From<ChatMessage> for Message {
    fn from(message: ChatMessage) -> Self {
        let role = match message.speaker {
            Speaker::System => Role::System,
            Speaker::User => Role::User,
            Speaker::Assistant => Role::Assistant,
            Speaker::Tool => Role::Tool,
        };
        Self::new(role, message.text)
    }
}

impl From<&Message> for ChatMessage {
    fn from(message: &Message) -> Self {
        let speaker = match message.role {
            Role::System => Speaker::System,
            Role::User => Speaker::User,
            Role::Assistant => Speaker::Assistant,
            Role::Tool => Speaker::Tool,
        };
        Self { speaker, text: message.content.clone() }
    }
}

/// How a conversation is opened.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ChatOptions {
    /// What the model is and how it should answer.
    pub instruction: Option<String>,
    /// What was said before; the instruction is left out of it.
    pub history: Vec<ChatMessage>,
    /// Positions that the cache is allocated for; none: the model's own context, at most 2048.
    pub context_tokens: Option<u32>,
}

impl ChatOptions {
    /// The conversation so far, and how its session is opened.
    pub(crate) fn parts(self) -> (Vec<Message>, SessionOptions) {
        let instruction = self.instruction.map(|text| Message::new(Role::System, text));
        let messages = instruction.into_iter().chain(self.history.into_iter().map(Message::from)).collect();
        let session = match self.context_tokens {
            Some(tokens) => SessionOptions::default().context_tokens(tokens as usize),
            None => SessionOptions::default(),
        };
        (messages, session)
    }
}

/// How an answer is generated.
#[derive(Debug, Clone, uniffi::Record)]
pub struct AnswerOptions {
    /// Most tokens of an answer.
    pub max_tokens: u32,
    /// How tokens are drawn; none: the likeliest, so that the same question gets the same answer.
    pub sampling: Option<RandomSampling>,
    /// Most milliseconds for an answer, the reading of the text included.
    pub time_limit_ms: Option<u64>,
    /// A JSON Schema that the answer must validate against.
    pub json_schema: Option<String>,
}

/// How tokens are drawn by chance.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct RandomSampling {
    /// Above 0.
    pub temperature: f32,
    /// Above 0, at most 1.
    pub top_p: f32,
    /// The same seed gives the same choices.
    pub seed: u64,
}

impl TryFrom<AnswerOptions> for GenerateOptions {
    type Error = MinnowError;

    fn try_from(options: AnswerOptions) -> Result<Self> {
        if options.max_tokens == 0 {
            return Err(MinnowError::invalid("max_tokens", "0 tokens, expected at least 1"));
        }
        let mut made = Self::default().max_new_tokens(options.max_tokens as usize);
        if let Some(RandomSampling { temperature, top_p, seed }) = options.sampling {
            made = made.sampling(Sampling::Random { temperature, top_p, seed });
        }
        if let Some(limit) = options.time_limit_ms {
            made = made.time_limit(Duration::from_millis(limit));
        }
        if let Some(schema) = options.json_schema {
            made = made.shape(Shape::JsonSchema(schema_value(&schema)?));
        }
        Ok(made)
    }
}

/// A schema from its text.
fn schema_value(text: &str) -> Result<serde_json::Value> {
    // where it broke, not what stood there
    serde_json::from_str(text).map_err(|error| {
        MinnowError::invalid("json_schema", format!("no JSON at line {} column {}", error.line(), error.column()))
    })
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum AnswerEnd {
    /// The model said that it is done, or the asked-for shape is complete.
    Complete,
    /// The most tokens, the most time or the end of the context was reached.
    Length,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Answer {
    /// What was said.
    pub text: String,
    /// Why it ended.
    pub end: AnswerEnd,
    /// Tokens of the answer.
    pub tokens: u32,
    /// Milliseconds from the call to the first token.
    pub first_token_ms: Option<u64>,
    /// Milliseconds from the call to the end.
    pub total_ms: u64,
}

impl Answer {
    /// The core's value.
    ///
    /// # Errors
    /// `Cancelled` for an answer that was cancelled: whoever asked is no longer there.
    pub(crate) fn of(answer: minnow::Generation) -> Result<Self> {
        let end = match answer.finish {
            Finish::Stop => AnswerEnd::Complete,
            Finish::Length => AnswerEnd::Length,
            Finish::Cancelled => return Err(MinnowError::Cancelled),
        };
        let ms = |duration: Duration| duration.as_millis() as u64;
        Ok(Self {
            text: answer.text,
            end,
            tokens: answer.ids.len() as u32,
            first_token_ms: answer.first_token.map(ms),
            total_ms: ms(answer.total),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_count_utf16_units() {
        let text = "Zürich 🐟 morgen";
        let start = text.find("morgen").unwrap();
        let mut utf16 = Utf16::new(text);
        assert_eq!(utf16.span(&(start..text.len())), TextSpan { start: 10, end: 16 });
        assert_eq!(utf16.span(&(0..1)), TextSpan { start: 0, end: 1 }, "backwards too");
    }

    #[test]
    fn a_schema_that_is_no_json_says_where() {
        let error = schema_value("{\"type\": secret}").unwrap_err();
        assert!(error.to_string().contains("column 10"), "{error}");
        assert!(!error.to_string().contains("secret"));
    }
}
