//! Labelled texts: what may be learned from, and what is the same.

use std::collections::{HashMap, HashSet};

use super::file::MAX_LABELS;
use super::train::Row;
use crate::{Error, Result};

/// Longest label, in bytes.
const MAX_LABEL_BYTES: usize = 1024;
/// Examples of one training at most; what an encoder makes of so many takes a gigabyte and a half.
const MAX_EXAMPLES: usize = 1_000_000;

/// A text and its label.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LabelledText {
    /// The text.
    pub text: String,
    /// Its label.
    pub label: String,
}

impl LabelledText {
    /// A text and its label.
    pub fn new(text: impl Into<String>, label: impl Into<String>) -> Self {
        Self { text: text.into(), label: label.into() }
    }
}

/// Labels, different texts (in upper and lower case they are the same to an encoder), and which have which how often.
pub(super) fn distinct(examples: &[LabelledText]) -> (Vec<String>, Vec<&str>, Vec<Row>) {
    let (mut labels, mut texts, mut rows): (Vec<String>, Vec<&str>, Vec<Row>) = Default::default();
    let (mut label_at, mut text_at, mut row_at) = (HashMap::new(), HashMap::new(), HashMap::new());
    for example in examples {
        let label = *label_at.entry(example.label.as_str()).or_insert_with(|| {
            labels.push(example.label.clone());
            labels.len() - 1
        });
        let trimmed = example.text.trim();
        let text = *text_at.entry(trimmed.to_lowercase()).or_insert_with(|| {
            texts.push(trimmed);
            texts.len() - 1
        });
        let row = *row_at.entry((text, label)).or_insert_with(|| {
            rows.push(Row { text, label, count: 0.0 });
            rows.len() - 1
        });
        rows[row].count += 1.0;
    }
    (labels, texts, rows)
}

pub(super) fn check(examples: &[LabelledText]) -> Result<()> {
    check_examples(examples)?;
    let mut labels: Vec<String> = examples.iter().map(|example| example.label.clone()).collect();
    labels.sort_unstable();
    labels.dedup();
    check_labels(&labels)
}

pub(super) fn check_examples(examples: &[LabelledText]) -> Result<()> {
    if examples.is_empty() || examples.len() > MAX_EXAMPLES {
        let what = format!("{} examples, expected 1 to {MAX_EXAMPLES}", examples.len());
        return Err(Error::invalid("examples", what));
    }
    for (index, example) in examples.iter().enumerate() {
        let bad = |what: &str| Error::invalid("examples", format!("example {} {what}", index + 1));
        if example.text.trim().is_empty() {
            return Err(bad("has an empty text"));
        }
        if example.label.trim().is_empty() {
            return Err(bad("has an empty label"));
        }
        if example.label.len() > MAX_LABEL_BYTES {
            return Err(bad("has a label of more than 1024 bytes"));
        }
    }
    Ok(())
}

pub(super) fn check_labels(labels: &[String]) -> Result<()> {
    if !(2..=MAX_LABELS).contains(&labels.len()) {
        return Err(Error::invalid("labels", format!("{} labels, expected 2 to {MAX_LABELS}", labels.len())));
    }
    let mut seen = HashSet::new();
    match labels.iter().position(|label| label.trim().is_empty() || !seen.insert(label)) {
        Some(index) => Err(Error::invalid("labels", format!("label {} is empty or there twice", index + 1))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(text: &str, label: &str) -> LabelledText {
        LabelledText::new(text, label)
    }

    #[test]
    fn equal_texts_are_counted_and_contradictions_kept() {
        let examples = [example("Hi ", "a"), example("hi", "a"), example("hi", "b"), example("ho", "a")];
        let (labels, texts, rows) = distinct(&examples);
        assert_eq!((labels, texts), (vec!["a".to_owned(), "b".to_owned()], vec!["Hi", "ho"]));
        let rows: Vec<_> = rows.iter().map(|row| (row.text, row.label, row.count)).collect();
        assert_eq!(rows, [(0, 0, 2.0), (0, 1, 1.0), (1, 0, 1.0)]);
    }

    #[test]
    fn what_can_not_be_learned_is_refused_with_its_place() {
        let refused = |examples: &[LabelledText]| check(examples).unwrap_err().to_string();
        assert_eq!(refused(&[]), "0 examples, expected 1 to 1000000 (examples)");
        assert_eq!(refused(&[example("a", "x")]), "1 labels, expected 2 to 10000 (labels)");
        assert_eq!(refused(&[example("a", "x"), example(" ", "y")]), "example 2 has an empty text (examples)");
        assert_eq!(refused(&[example("a", "\t")]), "example 1 has an empty label (examples)");
        let long = "x".repeat(2000);
        assert_eq!(refused(&[example("a", &long)]), "example 1 has a label of more than 1024 bytes (examples)");
        assert!(check(&[example("a", "✓ \u{202e}\n\""), example("b", "'; drop")]).is_ok());
    }
}
