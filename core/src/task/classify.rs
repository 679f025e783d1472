//! Classification with no training: the model scores each label as the answer to a question about the text.
//!
//! A label's raw likelihood says as much about how common its words are as about the text. So each label's score is its
//! log-probability after the text less its log-probability after a text without content ("Calibrate Before Use", Zhao et al.
//! 2021; "Surface Form Competition", Holtzman et al. 2021). The confidence is the softmax of these scores; it is not calibrated
//! on data yet.

use serde::Serialize;

use super::ServedBy;
use super::prompt::{continuation, question};
use super::scorer::Scorer;
use crate::generate::{CancelToken, Engine, softmax};
use crate::{Error, Result};

/// Labels that one call may choose from.
const MAX_LABELS: usize = 1000;
/// Tokens of one label.
const MAX_LABEL_TOKENS: usize = 64;

/// How a text is classified.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClassifyOptions {
    /// Below this confidence the answer is "I don't know".
    pub min_confidence: f32,
}

impl Default for ClassifyOptions {
    /// 0: the best label is always named, and the caller looks at the confidence.
    fn default() -> Self {
        Self { min_confidence: 0.0 }
    }
}

impl ClassifyOptions {
    /// Below this confidence, 0 to 1, the answer is "I don't know".
    pub fn min_confidence(mut self, confidence: f32) -> Self {
        self.min_confidence = confidence;
        self
    }
}

/// Which label a text has.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Classification {
    /// The label; `None`: the model does not know.
    pub label: Option<String>,
    /// Probability that the best label is right, as the model sees it.
    pub confidence: f32,
    /// Every label with its probability, the likeliest first.
    pub scores: Vec<LabelScore>,
    /// Who answered.
    pub served_by: ServedBy,
}

/// A label and its probability.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LabelScore {
    /// The label.
    pub label: String,
    /// Its probability among the labels given.
    pub probability: f32,
}

/// Says which of `labels` the text has.
///
/// # Errors
/// `InvalidInput` for an empty text, fewer than two labels, empty or repeated ones; `ContextFull` for a text that doesn't fit;
/// `Cancelled`.
pub fn classify(
    engine: &Engine,
    text: &str,
    labels: &[String],
    options: &ClassifyOptions,
    cancel: &CancelToken,
) -> Result<Classification> {
    check(text, labels, options)?;
    // The answer continues a line, so labels are scored with the space that stands before a word in running text.
    let answers: Vec<Vec<u32>> =
        labels.iter().map(|label| continuation(engine, &format!(" {}", words(label)))).collect::<Result<_>>()?;
    let longest = answers.iter().map(Vec::len).max().unwrap_or(0);
    if longest > MAX_LABEL_TOKENS {
        return Err(Error::invalid(
            "labels",
            format!("a label has {longest} tokens, at most {MAX_LABEL_TOKENS} serve"),
        ));
    }
    let with_text = likelihoods(engine, text, labels, &answers, cancel)?;
    let without = likelihoods(engine, "N/A", labels, &answers, cancel)?;
    let scores: Vec<f32> = with_text.iter().zip(&without).map(|(with, without)| with - without).collect();
    let mut scores: Vec<LabelScore> = labels
        .iter()
        .zip(softmax(&scores))
        .map(|(label, probability)| LabelScore { label: label.clone(), probability })
        .collect();
    scores.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let best = scores.first().ok_or_else(|| Error::Internal { what: "no label was scored".into() })?;
    Ok(Classification {
        label: (best.probability >= options.min_confidence).then(|| best.label.clone()),
        confidence: best.probability,
        served_by: ServedBy::OnDevice,
        scores,
    })
}

/// Log-probability of each answer after a question about `text`.
fn likelihoods(
    engine: &Engine,
    text: &str,
    labels: &[String],
    answers: &[Vec<u32>],
    cancel: &CancelToken,
) -> Result<Vec<f32>> {
    let names: Vec<String> = labels.iter().map(|label| words(label)).collect();
    let instruction = format!(
        "You sort messages by topic. The topics are: {}. Answer with the topic of the message and nothing else.",
        names.join("; ")
    );
    let mut prefix = question(engine, &instruction, &format!("Message: {text}"))?;
    prefix.extend(continuation(engine, "Topic:")?);
    let longest = answers.iter().map(Vec::len).max().unwrap_or(0);
    let mut scorer = Scorer::new(engine, &prefix, longest, cancel)?;
    answers.iter().map(|answer| scorer.score(answer, cancel).map(|likelihood| likelihood.total)).collect()
}

/// A label as words: `card_arrival` reads as "card arrival".
fn words(label: &str) -> String {
    label.replace(['_', '-'], " ").trim().to_owned()
}

fn check(text: &str, labels: &[String], options: &ClassifyOptions) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::invalid("text", "the text is empty"));
    }
    if !(2..=MAX_LABELS).contains(&labels.len()) {
        return Err(Error::invalid("labels", format!("{} labels, expected 2 to {MAX_LABELS}", labels.len())));
    }
    let mut seen = std::collections::HashSet::new();
    for (index, label) in labels.iter().enumerate() {
        if words(label).is_empty() {
            return Err(Error::invalid("labels", format!("label {} is empty", index + 1)));
        }
        if !seen.insert(label) {
            return Err(Error::invalid("labels", format!("label {} stands there twice", index + 1)));
        }
    }
    if !(0.0..=1.0).contains(&options.min_confidence) {
        return Err(Error::invalid("min_confidence", format!("{} is not between 0 and 1", options.min_confidence)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, labels: &[&str], min_confidence: f32) -> String {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let options = ClassifyOptions::default().min_confidence(min_confidence);
        check(text, &labels, &options).unwrap_err().to_string()
    }

    #[test]
    fn refuses_what_can_not_be_classified() {
        assert_eq!(refused(" \n", &["a", "b"], 0.0), "the text is empty (text)");
        assert_eq!(refused("x", &["a"], 0.0), "1 labels, expected 2 to 1000 (labels)");
        assert_eq!(refused("x", &["a", "_"], 0.0), "label 2 is empty (labels)");
        assert_eq!(refused("x", &["a", "a"], 0.0), "label 2 stands there twice (labels)");
        assert_eq!(refused("x", &["a", "b"], 1.5), "1.5 is not between 0 and 1 (min_confidence)");
    }

    #[test]
    fn a_label_is_read_as_words() {
        assert_eq!(words("card_not-working"), "card not working");
    }
}
