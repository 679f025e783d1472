//! The functions: plain text and options in, a typed value with a confidence out.
//!
//! A small model is weak at open generation and strong as a scorer. So each function is built around choices that the model
//! scores (a label, a sentence of the source, a span of the text) and leaves the rest to rules that can't invent.

pub mod annotate;
pub mod chat;
pub mod classify;
mod prompt;
pub mod schedule;
mod scorer;
mod sentences;
pub mod summarize;

use serde::{Deserialize, Serialize};

/// Who gave an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServedBy {
    /// The model on this device.
    OnDevice,
    /// Rules on this device, where no model was needed.
    Rules,
}
