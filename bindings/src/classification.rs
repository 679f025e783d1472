//! How texts are classified, and what comes out, as plain records.

use crate::error::{MinnowError, Result};
use crate::types::{AnswerSource, TextSpan, Utf16};

/// How a text is classified.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ClassifyOptions {
    /// Below this confidence no label is named.
    pub min_confidence: Option<f32>,
    /// The share of named labels that shall be right.
    pub accuracy: Option<f32>,
    /// The share of texts of known labels that may be refused so that those of none are found.
    pub refused: Option<f32>,
    /// Whether to say which words carried the answer.
    pub evidence: bool,
}

impl From<ClassifyOptions> for minnow::ClassifyOptions {
    fn from(options: ClassifyOptions) -> Self {
        let mut made = Self::default().evidence(options.evidence);
        made.min_confidence = options.min_confidence;
        made.accuracy = options.accuracy;
        made.refused = options.refused;
        made
    }
}

/// Which label a text has.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Classification {
    /// The label; none: see `abstention`.
    pub label: Option<String>,
    /// Why no label is named.
    pub abstention: Option<Abstention>,
    /// Probability that the best label is right.
    pub confidence: f32,
    /// Every label, the likeliest first.
    pub scores: Vec<LabelScore>,
    /// The words that spoke most for the likeliest label, the strongest first.
    pub evidence: Vec<Evidence>,
    /// Who answered.
    pub served_by: AnswerSource,
}

/// Why no label is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Abstention {
    /// The likeliest label isn't likely enough.
    Unsure,
    /// The text is like no example of any label.
    OutOfScope,
}

/// A label and its probability.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct LabelScore {
    /// The label.
    pub label: String,
    /// Its probability among the labels given.
    pub probability: f32,
}

/// A word that spoke for an answer.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Evidence {
    /// The word.
    pub word: String,
    /// Where it is in the text.
    pub span: TextSpan,
    /// How much less likely the label is without it.
    pub weight: f32,
}

impl Classification {
    /// The core's value for `text`.
    pub(crate) fn of(found: minnow::Classification, text: &str) -> Result<Self> {
        let abstention = match found.abstention {
            None => None,
            Some(minnow::Abstention::Unsure) => Some(Abstention::Unsure),
            Some(minnow::Abstention::OutOfScope) => Some(Abstention::OutOfScope),
            Some(other) => return Err(MinnowError::internal(format!("{other:?} has no name here"))),
        };
        let scores =
            found.scores.into_iter().map(|score| LabelScore { label: score.label, probability: score.probability });
        let mut utf16 = Utf16::new(text);
        let evidence = found.evidence.into_iter().map(|evidence| Evidence {
            span: utf16.span(&(evidence.start..evidence.end)),
            word: evidence.word,
            weight: evidence.weight,
        });
        Ok(Self {
            label: found.label,
            abstention,
            confidence: found.confidence,
            scores: scores.collect(),
            evidence: evidence.collect(),
            served_by: AnswerSource::of(found.served_by)?,
        })
    }
}
