//! Minnow's core: quantised small language models on the device, and typed functions over them.
//!
//! [`Assistant`] holds the functions (summarise, classify, schedule, chat), [`Engine`] the model under them. Nothing here
//! touches the network; files are read, and only [`quantize`] writes one.
//!
//! The folders tell the layers, and arrows go down only: `task` → {`generate`, `encode`} → {`model`, `text`} → `tensor` → `format`;
//! `runtime` is what runs them.

mod assistant;
mod encode;
mod error;
pub mod format;
mod generate;
mod inspect;
mod model;
mod quantize;
mod runtime;
pub mod task;
mod tensor;
mod text;

pub use assistant::Assistant;
pub use encode::{Encoder, EncoderOptions};
pub use error::{Error, Location, Result};
pub use generate::{
    Engine, EngineOptions, Finish, GenerateOptions, Generation, Overflow, Perplexity, Sampling, Session,
    SessionOptions, Shape, log_probability, log_sum_exp, perplexity,
};
pub use inspect::{ModelInfo, TensorSummary, inspect};
pub use model::{CachePrecision, ModelConfig, RopeScaling};
pub use quantize::{Quantized, quantize};
pub use runtime::{CancelToken, MemoryPressure, Pause};
pub use task::annotate::{Annotation, Annotator, Flag, Transaction};
pub use task::chat::Chat;
pub use task::classify::{
    Abstention, Classification, Classifier, ClassifierReport, ClassifyOptions, Evidence, LabelScore, LabelledText,
    TrainOptions,
};
pub use task::schedule::{Schedule, ScheduleOptions, ScheduledEvent};
pub use task::summarize::{SummarizeOptions, Summary, SummarySentence};
#[doc(hidden)]
pub use tensor::kernels;
pub use tensor::{DeviceKind, DevicePreference, DeviceReport, RopePairing, quantize_row};
pub use text::{ChatTemplate, Message, RenderOptions, Role, SpecialTokens, Tokenizer};

/// The README's examples, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadMe;
