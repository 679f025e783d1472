//! Which of some labels a text has.
//!
//! Two ways: a [`Classifier`] is trained on examples over an encoder, in seconds, and is the one to use; [`classify`] scores labels that it has
//! only the names of with a chat model.

mod calibration;
mod classifier;
mod evidence;
mod examples;
mod file;
mod head;
mod lexical;
mod logistic;
mod train;
mod zero_shot;

pub use classifier::{Classifier, ClassifierReport, TrainOptions};
pub use evidence::Evidence;
pub use examples::LabelledText;
pub use zero_shot::classify;

use serde::Serialize;

use super::ServedBy;
use crate::{Error, Result};

/// How a text is classified.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ClassifyOptions {
    /// Below this confidence, 0 to 1, the answer is "I don't know". `None`: a trained classifier always names the likeliest label, and [`classify`] asks
    /// for 7 % of the way from a guess among the labels to certainty, which is 0.19 for eight labels; less than that can hardly be told from a guess.
    pub min_confidence: Option<f32>,
    /// Trained classifiers: the share of named labels that shall be right, 0 to 1. Answers of a confidence that reached it on examples that were held
    /// out are named; where none did, or there were too few examples to tell, no label is named.
    pub accuracy: Option<f32>,
    /// Trained classifiers: the share of texts of known labels, 0 to 1, that may be refused so that those of none are found. `None`: 0.0125; 0 refuses
    /// nothing. With fewer examples than that share is one of (79 for 0.0125) it can't be told, and nothing is refused.
    pub refused: Option<f32>,
    /// Trained classifiers: whether to say which words carried the answer. That takes as long as classifying a text for each of its words.
    pub evidence: bool,
}

impl ClassifyOptions {
    /// Below this confidence, 0 to 1, the answer is "I don't know"; 0 always names the best label.
    pub fn min_confidence(mut self, confidence: f32) -> Self {
        self.min_confidence = Some(confidence);
        self
    }

    /// The share of named labels that shall be right, 0 to 1.
    pub fn accuracy(mut self, accuracy: f32) -> Self {
        self.accuracy = Some(accuracy);
        self
    }

    /// The share of texts of known labels that may be refused, 0 to 1.
    pub fn refused(mut self, share: f32) -> Self {
        self.refused = Some(share);
        self
    }

    /// Whether to say which words carried the answer.
    pub fn evidence(mut self, evidence: bool) -> Self {
        self.evidence = evidence;
        self
    }

    fn check(&self) -> Result<()> {
        for (name, value) in
            [("min_confidence", self.min_confidence), ("accuracy", self.accuracy), ("refused", self.refused)]
        {
            if let Some(value) = value.filter(|value| !(0.0..=1.0).contains(value)) {
                return Err(Error::invalid(name, format!("{value} is not between 0 and 1")));
            }
        }
        Ok(())
    }
}

/// Which label a text has.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Classification {
    /// The label; `None`: see `abstention`.
    pub label: Option<String>,
    /// Why no label is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abstention: Option<Abstention>,
    /// Probability that the best label is right: calibrated where there were examples, else as the model sees it.
    pub confidence: f32,
    /// Every label with its probability, the likeliest first.
    pub scores: Vec<LabelScore>,
    /// The words that spoke most for the likeliest label, where they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// Who answered.
    pub served_by: ServedBy,
}

/// Why no label is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Abstention {
    /// The likeliest label isn't likely enough.
    Unsure,
    /// The text is like no example of any label.
    OutOfScope,
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

/// A label as words: `card_arrival` reads as "card arrival", and so does `cardArrival`.
fn words(label: &str) -> String {
    let spaced = label.replace(['_', '-'], " ").trim().to_owned();
    // what is written with spaces is no identifier: PayPal is one word there
    if spaced.contains(char::is_whitespace) {
        return spaced;
    }
    let letters: Vec<char> = spaced.chars().collect();
    let mut words = String::with_capacity(spaced.len() + 4);
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| letters[before]);
        let after_a_word = before.is_some_and(char::is_lowercase);
        // the W of ATMWithdrawal
        let after_an_acronym =
            before.is_some_and(char::is_uppercase) && letters.get(index + 1).is_some_and(|after| after.is_lowercase());
        if letter.is_uppercase() && (after_a_word || after_an_acronym) {
            words.push(' ');
        }
        words.push(*letter);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_as_words() {
        for (label, expected) in [
            ("card_not-working", "card not working"),
            ("BookRestaurant", "Book Restaurant"),
            ("ATMWithdrawal", "ATM Withdrawal"),
            ("cardArrival2Days", "card Arrival2Days"),
            ("ATM", "ATM"),
            ("Pay with PayPal", "Pay with PayPal"),
            ("挂失", "挂失"),
            ("_", ""),
        ] {
            assert_eq!(words(label), expected);
        }
    }
}
