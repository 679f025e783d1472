//! Text to token ids and back, and conversations to prompts.
//!
//! [`Tokenizer`] is built from what a model file says about itself, so that no second file can disagree with the weights;
//! [`ChatTemplate`] writes a conversation the way the model was taught to read it.

mod byte_level;
mod chat;
mod folder;
mod merge;
mod pipeline;
mod pretokenize;
mod roles;
mod sentencepiece;
mod special;
mod template;
mod tokenizer;
mod vocabulary;
mod wordpiece;

pub use chat::{ChatTemplate, Message, RenderOptions, Role};
pub use tokenizer::{SpecialTokens, Tokenizer};

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod property_tests;
