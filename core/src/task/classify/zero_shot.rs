//! Classification with no training: how likely does each label make the text?
//!
//! Asked for a label, a small model mostly repeats the likeliest words. Asked for a message about each label in turn, it says how well
//! the real text fits. So each label is scored by the log-probability of the text after "a message about *label*" (noisy channel
//! prompting, Min et al. 2022). On four tasks of eight labels (banking intents, contract clauses; 152 texts) SmolLM2-135M got 67 %
//! this way, 39 % when asked for the label with its prior taken off, and a guess gets 12.5 %.
//!
//! An encoder that knows the same labels by their names ([`Classifier::from_labels`](super::Classifier::from_labels)) is right more often, in a hundredth of the
//! time: 76 % against 65 % of snips' intents, 45 % against 35 % of merchants' categories, 60 % against 35 % of contract clauses (all rows of the encoder's, 60,
//! 60 and 40 of these). This is for where there is none.
//!
//! The confidence is a softmax over labels; it is not calibrated on data yet.

use super::{Abstention, Classification, ClassifyOptions, LabelScore, words};
use crate::generate::{Engine, softmax};
use crate::runtime::CancelToken;
use crate::task::ServedBy;
use crate::task::prompt::{continuation, question};
use crate::task::scorer::Scorer;
use crate::{Error, Result};

/// Labels that one call may choose from.
const MAX_LABELS: usize = 1000;
/// Tokens of one label.
const MAX_LABEL_TOKENS: usize = 64;
/// Tokens of the text that are scored: what a text is about shows in its beginning, and the work grows with the labels.
const MAX_TEXT_TOKENS: usize = 256;
const INSTRUCTION: &str = "You write a message about the given topic.";

/// How far from a guess towards certainty a label must be to be named, where the caller sets no threshold.
const OVER_A_GUESS: f32 = 0.07;

/// Says which of `labels` the text has; `progress` gets the share that is done, 0 to 1.
///
/// # Errors
/// `InvalidInput` for an empty text, fewer than two labels, empty, overlong or repeated ones; `Unsupported` for a model without a
/// tokenizer, and for options that only trained classifiers have; `Device` where the device failed; `Cancelled`.
pub fn classify(
    engine: &Engine,
    text: &str,
    labels: &[String],
    options: &ClassifyOptions,
    cancel: &CancelToken,
    mut progress: impl FnMut(f32),
) -> Result<Classification> {
    check(text, labels, options)?;
    let mut ids = continuation(engine, text.trim())?;
    ids.truncate(MAX_TEXT_TOKENS);
    let prompts = prompts(engine, labels)?;
    let longest = prompts.iter().map(Vec::len).max().unwrap_or(0);
    let mut scorer = Scorer::new(engine, longest + ids.len())?;
    // Errors of neighbouring tokens go together, so a text of n tokens is no n independent witnesses.
    let witnesses = (ids.len() as f32).sqrt().max(1.0);
    let scores: Vec<f32> = prompts
        .iter()
        .enumerate()
        .map(|(index, prompt)| {
            let score = scorer.score(prompt, &ids, cancel)?.total / witnesses;
            progress((index + 1) as f32 / prompts.len() as f32);
            Ok(score)
        })
        .collect::<Result<_>>()?;
    let mut scores: Vec<LabelScore> = labels
        .iter()
        .zip(softmax(&scores))
        .map(|(label, probability)| LabelScore { label: label.clone(), probability })
        .collect();
    scores.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let guess = 1.0 / labels.len() as f32;
    let threshold = options.min_confidence.unwrap_or(guess + OVER_A_GUESS * (1.0 - guess));
    let best = scores.first().ok_or_else(|| Error::Internal { what: "no label was scored".into() })?;
    tracing::debug!(tokens = ids.len(), labels = labels.len(), confidence = best.probability, "classified");
    let sure = best.probability >= threshold;
    Ok(Classification {
        label: sure.then(|| best.label.clone()),
        abstention: (!sure).then_some(Abstention::Unsure),
        confidence: best.probability,
        evidence: Vec::new(),
        served_by: ServedBy::OnDevice,
        scores,
    })
}

/// The prompt for a message about each label.
fn prompts(engine: &Engine, labels: &[String]) -> Result<Vec<Vec<u32>>> {
    labels
        .iter()
        .map(|label| {
            let label = words(label);
            let tokens = continuation(engine, &label)?.len();
            if tokens > MAX_LABEL_TOKENS {
                let what = format!("a label has {tokens} tokens, at most {MAX_LABEL_TOKENS} serve");
                return Err(Error::invalid("labels", what));
            }
            question(engine, INSTRUCTION, &format!("Topic: {label}"))
        })
        .collect()
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
        if !seen.insert(words(label).to_lowercase()) {
            return Err(Error::invalid("labels", format!("label {} reads as another one does", index + 1)));
        }
    }
    options.check()?;
    if options.accuracy.is_some() || options.refused.is_some() || options.evidence {
        let what = "labels alone promise no accuracy, refuse no texts and have no evidence";
        return Err(Error::unsupported(what, "train a Classifier on examples for that"));
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
        assert_eq!(refused("x", &["a_b", "A-b"], 0.0), "label 2 reads as another one does (labels)");
        assert_eq!(refused("x", &["a", "b"], 1.5), "1.5 is not between 0 and 1 (min_confidence)");
    }
}
