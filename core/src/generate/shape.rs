//! What an answer must look like, as a caller asks for it.

use super::constraint::{Constraint, ConstraintVocabulary};
use crate::Result;

/// What an answer must look like. It is enforced token by token: an answer that ends with [`Finish::Stop`](super::Finish::Stop)
/// has the shape.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// JSON that validates against this JSON Schema.
    JsonSchema(serde_json::Value),
    /// Exactly one of these.
    Choices(Vec<String>),
}

impl Shape {
    /// The constraint that enforces it.
    ///
    /// # Errors
    /// `Unsupported` for a schema with a keyword that can't be enforced, by name.
    pub(super) fn constraint(&self, vocabulary: &ConstraintVocabulary) -> Result<Constraint> {
        match self {
            Self::JsonSchema(schema) => Constraint::json_schema(schema, vocabulary),
            Self::Choices(choices) => Constraint::choices(choices, vocabulary),
        }
    }
}
