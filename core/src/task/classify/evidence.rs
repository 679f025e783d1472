//! Which words carried an answer: how much less likely its label is without each of them.

use std::collections::HashSet;

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

use super::classifier::features;
use super::head::{Head, Prediction};
use crate::Result;
use crate::encode::Encoder;
use crate::runtime::CancelToken;

/// Words that are left out one after the other, at most: each costs as much as a classification.
const MAX_WORDS: usize = 64;
/// Words that are named, at most.
const NAMED: usize = 5;

/// A word that spoke for an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Evidence {
    /// The word.
    pub word: String,
    /// Where it is in the text, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
    /// How much less likely the label is without it: the difference of the logarithms of its odds.
    pub weight: f32,
}

/// The words that spoke most for the likeliest label, the strongest first. A word that occurs twice is left out in both places, and named at the
/// first.
pub(super) fn evidence(
    encoder: &Encoder,
    head: &Head,
    text: &str,
    prediction: &Prediction,
    cancel: &CancelToken,
) -> Result<Vec<Evidence>> {
    let mut seen = HashSet::new();
    let words: Vec<(usize, &str)> =
        text.unicode_word_indices().filter(|(_, word)| seen.insert(word.to_lowercase())).take(MAX_WORDS).collect();
    let without: Vec<String> = words.iter().map(|(_, word)| leave_out(text, word)).collect();
    let raw = features(encoder, &without, cancel, |_| ())?;
    let best = prediction.best;
    let odds = |p: f32| (p.clamp(1e-7, 1.0 - 1e-7) / (1.0 - p.clamp(1e-7, 1.0 - 1e-7))).ln();
    let before = odds(prediction.probabilities[best]);
    let mut found: Vec<Evidence> = words
        .iter()
        .zip(&raw)
        .map(|((start, word), raw)| {
            let weight = before - odds(head.predict(raw).probabilities[best]);
            Evidence { word: (*word).to_owned(), start: *start, end: start + word.len(), weight }
        })
        .filter(|evidence| evidence.weight > 0.0)
        .collect();
    found.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    found.truncate(NAMED);
    Ok(found)
}

/// The text without a word, wherever it stands.
fn leave_out(text: &str, word: &str) -> String {
    let lower = word.to_lowercase();
    let others = text.split_word_bounds().filter(|part| part.to_lowercase() != lower);
    others.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_goes_wherever_it_stands() {
        assert_eq!(leave_out("Card, my card's card!", "card"), ", my card's !");
        assert_eq!(leave_out("card", "card"), "");
    }
}
