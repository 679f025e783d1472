//! Sets that ask for a label.

use super::{Answers, Args, Set, missing};
use crate::args::GlobalArgs;
use crate::errors::Result;
use crate::rows::{self, Row};
use crate::{engine, progress};
use minnow::{CancelToken, Classification, Classifier, ClassifyOptions, Encoder, LabelledText, TrainOptions};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

/// The label that stands for none, in clinc150.
const OUT_OF_SCOPE: &str = "oos";

/// Answers with a classifier.
pub struct Labeller {
    set: Set,
    input: PathBuf,
    classifier: Classifier,
    options: ClassifyOptions,
}

impl Labeller {
    /// Trains or opens the classifier that the options ask for.
    ///
    /// # Errors
    /// What opening the encoder, reading the rows or training fails with.
    pub fn open(args: &Args, input: &[Row], global: &GlobalArgs) -> Result<Self> {
        let model = args.model.as_deref().unwrap_or(minnow_models::DEFAULT_ENCODER);
        let encoder = engine::open_encoder_in_8_bits(model, global)?;
        let mut options = ClassifyOptions::default();
        options.refused = args.refused;
        Ok(Self { set: args.set, input: args.input.clone(), classifier: classifier(args, &encoder, input)?, options })
    }
}

impl Answers for Labeller {
    fn answer(&self, row: &Row) -> Result<Map<String, Value>> {
        let text = rows::text(row).ok_or_else(|| missing("text", &self.input))?;
        let answer = self.classifier.classify(&text, &self.options, &CancelToken::new())?;
        let (label, confidence) = prediction(self.set, &answer);
        let mut line =
            Map::from_iter([("label".to_owned(), json!(label)), ("confidence".to_owned(), json!(confidence))]);
        if self.set == Set::SnipsSlots {
            line.insert("slots".to_owned(), json!([]));
        }
        Ok(line)
    }
}

/// The label and its confidence. Sets without a label for none want the likeliest, however likely.
fn prediction(set: Set, answer: &Classification) -> (&str, f32) {
    let best = answer.scores.first().map_or("", |best| best.label.as_str());
    match (set, &answer.label) {
        (Set::Clinc150, None) => (OUT_OF_SCOPE, 1.0 - answer.confidence),
        _ => (best, answer.confidence),
    }
}

/// The classifier that the options ask for.
fn classifier(args: &Args, encoder: &Encoder, input: &[Row]) -> Result<Classifier> {
    let cancel = CancelToken::new();
    if let Some(head) = &args.head {
        return Ok(Classifier::load(encoder, head, &cancel)?);
    }
    let Some(path) = &args.train else {
        let mut labels: Vec<&str> =
            input.iter().filter_map(rows::label).filter(|label| *label != OUT_OF_SCOPE).collect();
        labels.sort_unstable();
        labels.dedup();
        return Ok(Classifier::from_labels(encoder, &labels, &cancel)?);
    };
    let mut examples = rows::examples(&rows::read(path)?, path)?;
    // what is out of scope can't be told by examples: anything is
    examples.retain(|example| args.set != Set::Clinc150 || example.label != OUT_OF_SCOPE);
    if let Some(shots) = args.shots {
        examples = draw(examples, shots, args.seed);
    }
    let bar = progress::share();
    let show = |share: f32| bar.set_position((1000.0 * share) as u64);
    let classifier = Classifier::train(encoder, &examples, &TrainOptions::default().seed(args.seed), &cancel, show);
    bar.finish_and_clear();
    Ok(classifier?)
}

/// Some examples of each label.
fn draw(examples: Vec<LabelledText>, shots: usize, seed: u64) -> Vec<LabelledText> {
    let order = |example: &LabelledText| {
        let mut hasher = DefaultHasher::new();
        (seed, example).hash(&mut hasher);
        hasher.finish()
    };
    let mut examples = examples;
    examples.sort_by_cached_key(order);
    let mut drawn: HashMap<String, usize> = HashMap::new();
    examples.retain(|example| {
        let count = drawn.entry(example.label.clone()).or_default();
        *count += 1;
        *count <= shots
    });
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_has_the_same_number_of_each_label_and_depends_on_the_seed() {
        let examples: Vec<LabelledText> =
            (0..60).map(|i| LabelledText::new(format!("text {i}"), format!("label {}", i % 3))).collect();
        let drawn = draw(examples.clone(), 5, 1);
        assert_eq!(drawn.len(), 15);
        assert_eq!(drawn.iter().filter(|example| example.label == "label 1").count(), 5);
        assert_eq!(draw(examples.clone(), 5, 1), drawn);
        assert_ne!(draw(examples, 5, 2), drawn);
    }
}
