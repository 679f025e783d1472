//! Classification by a trained head over an encoder: right, fast, and it knows when it doesn't know.

use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::calibration::{Calibration, best};
use super::evidence::{Evidence, evidence};
use super::examples::{LabelledText, check, check_examples, check_labels, distinct};
use super::file;
use super::head::{Head, Memory, Prediction, RawFeatures, Scaling};
use super::lexical::{PLACES, Sparse, counts};
use super::logistic::{Example, Features, Matrix, Search, Weights, fit};
use super::train::{Text, TrainingSet, train};
use super::{Abstention, Classification, ClassifyOptions, LabelScore, words};
use crate::encode::Encoder;
use crate::runtime::CancelToken;
use crate::task::ServedBy;
use crate::{Error, Location, Result};

/// Share of the texts of known labels that may be taken for texts of none, where the caller doesn't say: on clinc150 it lets 76 % of those of none be
/// found (95.0 % of the others are answered right), and twice as much 85 %.
const REFUSED: f32 = 0.0125;

/// How a classifier is trained.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TrainOptions {
    /// Which examples are held out together. The same seed, examples and encoder give the same classifier.
    pub seed: u64,
}

impl TrainOptions {
    /// Which examples are held out together.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// What a classifier says about itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ClassifierReport {
    /// Labels.
    pub labels: usize,
    /// Examples that it was trained on.
    pub examples: usize,
    /// Share of right answers to examples that were held out; 0 without examples.
    pub cross_validated_accuracy: f32,
    /// Mean distance between confidence and accuracy, over examples that were held out.
    pub expected_calibration_error: f32,
}

/// A trained classifier: an encoder and a head of a few hundred kilobytes over it.
///
/// ```no_run
/// use minnow::{CancelToken, Classifier, ClassifyOptions, Encoder, EncoderOptions, LabelledText, TrainOptions};
///
/// let encoder = Encoder::open("all-minilm-l6-v2", EncoderOptions::default())?;
/// let examples = [
///     LabelledText::new("my card hasn't come yet", "card_arrival"),
///     LabelledText::new("when will I get my card?", "card_arrival"),
///     LabelledText::new("I forgot my PIN", "change_pin"),
///     LabelledText::new("how do I set a new PIN", "change_pin"),
/// ];
/// let cancel = CancelToken::new();
/// let classifier = Classifier::train(&encoder, &examples, &TrainOptions::default(), &cancel, |_| ())?;
/// let answer = classifier.classify("still waiting for my new card", &ClassifyOptions::default(), &cancel)?;
/// println!("{:?} ({:.0} %)", answer.label, 100.0 * answer.confidence);
/// # Ok::<(), minnow::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Classifier {
    encoder: Encoder,
    head: Head,
}

impl Classifier {
    /// Trains a classifier on examples, of which every label has at least one. `progress` gets the share that is done, 0 to 1.
    ///
    /// Equal texts count as often as they occur; where they have several labels, the confidence is shared out among these. The name of a label
    /// counts as one more example of it where it is made of words.
    ///
    /// # Errors
    /// `InvalidInput` for fewer than two labels, more than 10,000, an empty text or label, or a million examples; `Device` where the device failed;
    /// `Cancelled`.
    pub fn train(
        encoder: &Encoder,
        examples: &[LabelledText],
        options: &TrainOptions,
        cancel: &CancelToken,
        mut progress: impl FnMut(f32) + Send,
    ) -> Result<Self> {
        /// Share of the time that features take, about.
        const FEATURES: f32 = 0.5;
        let started = Instant::now();
        check(examples)?;
        let (labels, texts, rows) = distinct(examples);
        let raw = features(encoder, &texts, cancel, |share| progress(FEATURES * share))?;
        let texts = texts.iter().zip(raw).map(|(text, raw)| Text { raw, hash: xxh3_64(text.as_bytes()) }).collect();
        let names = names(encoder, &labels, cancel)?;
        let set = TrainingSet { labels, names, texts, rows };
        let probe = probe(encoder, cancel)?;
        let head = encoder.install(|| {
            train(&set, probe, options.seed, cancel, |share| progress(FEATURES + (1.0 - FEATURES) * share))
        })?;
        tracing::info!(
            examples = examples.len(),
            labels = head.labels.len(),
            accuracy = head.calibration.accuracy,
            seconds = started.elapsed().as_secs_f32(),
            "classifier trained"
        );
        Ok(Self { encoder: encoder.clone(), head })
    }

    /// A classifier that knows its labels by their names alone: a text has the label whose name means about the same. Much less right than a trained
    /// one (all-MiniLM-L6-v2: 63 % of banking77, 69 % of clinc150, 76 % of snips, 60 % of contract clauses), and its confidence is only roughly right;
    /// [`learn`](Self::learn) makes it better one example at a time.
    ///
    /// # Errors
    /// `InvalidInput` for fewer than two labels, more than 10,000, or one that is no word; `Device`; `Cancelled`.
    pub fn from_labels<S: AsRef<str>>(encoder: &Encoder, labels: &[S], cancel: &CancelToken) -> Result<Self> {
        /// What the cosine of text and label is multiplied by before the softmax. Of seven open sets with all-MiniLM-L6-v2 the likelihood was greatest at 3
        /// to 20, of most at 12 to 20. At 15 confidence and accuracy lie 0.07 to 0.13 apart where labels say something to it, and up to 0.25 elsewhere.
        const SCALE: f32 = 15.0;
        let labels: Vec<String> = labels.iter().map(|label| label.as_ref().to_owned()).collect();
        check_labels(&labels)?;
        let names = names(encoder, &labels, cancel)?;
        let wordless = |index: usize| Error::invalid("labels", format!("label {} has no word to go by", index + 1));
        let names: Vec<RawFeatures> = names
            .into_iter()
            .enumerate()
            .map(|(index, name)| name.ok_or_else(|| wordless(index)))
            .collect::<Result<_>>()?;
        let dense = encoder.dimensions();
        let mut weights = Weights::zeros(dense, labels.len());
        for (weights, name) in weights.values.chunks_exact_mut(dense).zip(&names) {
            weights.iter_mut().zip(&name.embedding).for_each(|(weight, x)| *weight = SCALE * x);
        }
        let (mean, factor, rarity) = (vec![0.0; dense], vec![1.0; dense], vec![1.0; PLACES]);
        let scaling = Scaling { mean, factor, rarity, lexical: 0.5 };
        let memory = names.iter().map(|name| {
            let mut memory = Memory::empty(dense);
            memory.add(&scaling.apply(name), 1.0);
            memory
        });
        let (memory, calibration) = (memory.collect(), Calibration::unknown(1.0));
        let head = Head::new(labels, scaling, weights, calibration, memory, probe(encoder, cancel)?);
        Ok(Self { encoder: encoder.clone(), head })
    }

    /// Reads a classifier's head. It is for the encoder that it was trained over, in whatever block format.
    ///
    /// # Errors
    /// `ModelFile` for a file that is no head, damaged, or trained over another encoder; `Unsupported` for one of a later version; `Io`; `Device`;
    /// `Cancelled`.
    pub fn load(encoder: &Encoder, path: impl AsRef<Path>, cancel: &CancelToken) -> Result<Self> {
        /// Least cosine of the probes: the same weights in another block format stay above it (8 bits moved no text of two hundred by more than 0.003), and
        /// another model's vector has nothing to do with it.
        const ALIKE: f32 = 0.9;
        let path = path.as_ref();
        let head = file::load(path)?;
        let ours = probe(encoder, cancel)?;
        let likeness: f32 = ours.iter().zip(&head.probe).map(|(a, b)| a * b).sum();
        if ours.len() != head.probe.len() || likeness < ALIKE {
            let what = "this head was trained over another encoder: open that one, or train the head again";
            return Err(Error::model_file(what, Location::part("head.probe")).in_file(path));
        }
        Ok(Self { encoder: encoder.clone(), head })
    }

    /// Writes the classifier's head to a file of a few hundred kilobytes, in one step. Its weights are rounded to 8 bits.
    ///
    /// # Errors
    /// `Io`.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        file::save(&self.head, path.as_ref())
    }

    /// The labels, in the order in which they were first met.
    pub fn labels(&self) -> &[String] {
        &self.head.labels
    }

    /// What the classifier says about itself.
    pub fn report(&self) -> ClassifierReport {
        ClassifierReport {
            labels: self.head.labels.len(),
            examples: self.examples(),
            cross_validated_accuracy: self.head.calibration.accuracy,
            expected_calibration_error: self.head.calibration.expected_calibration_error,
        }
    }

    fn examples(&self) -> usize {
        self.head.memory.iter().map(|memory| memory.examples).sum::<f32>().round() as usize
    }

    /// Says which label a text has.
    ///
    /// # Errors
    /// `InvalidInput` for an empty text or one of more than 16 MiB, or an option out of range; `Device` where the device failed; `Cancelled`.
    pub fn classify(&self, text: &str, options: &ClassifyOptions, cancel: &CancelToken) -> Result<Classification> {
        let mut answers = self.classify_all(&[text], options, cancel, |_| ())?;
        answers.pop().ok_or_else(|| Error::Internal { what: "a text without an answer".into() })
    }

    /// Says which label each of some texts has, in their order; `progress` gets the number of texts that are done.
    ///
    /// # Errors
    /// As [`classify`](Self::classify).
    pub fn classify_all<S: AsRef<str>>(
        &self,
        texts: &[S],
        options: &ClassifyOptions,
        cancel: &CancelToken,
        mut progress: impl FnMut(usize),
    ) -> Result<Vec<Classification>> {
        let thresholds = Thresholds::new(self, options)?;
        if let Some(index) = texts.iter().position(|text| text.as_ref().trim().is_empty()) {
            return Err(Error::invalid("text", format!("text {} is empty", index + 1)));
        }
        let all = texts.len() as f32;
        let raw = features(&self.encoder, texts, cancel, |share| progress((share * all) as usize))?;
        let answer = |(text, raw): (&S, &RawFeatures)| {
            let prediction = self.head.predict(raw);
            let evidence = match options.evidence {
                true => evidence(&self.encoder, &self.head, text.as_ref(), &prediction, cancel)?,
                false => Vec::new(),
            };
            Ok(self.answer(&prediction, &thresholds, evidence))
        };
        texts.iter().zip(&raw).map(answer).collect()
    }

    fn answer(&self, prediction: &Prediction, thresholds: &Thresholds, evidence: Vec<Evidence>) -> Classification {
        let score =
            |(label, probability): (&String, &f32)| LabelScore { label: label.clone(), probability: *probability };
        let mut scores: Vec<LabelScore> = self.head.labels.iter().zip(&prediction.probabilities).map(score).collect();
        scores.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        let confidence = scores.first().map_or(0.0, |best| best.probability);
        let abstention = if prediction.familiarity < thresholds.familiarity {
            Some(Abstention::OutOfScope)
        } else if confidence < thresholds.confidence {
            Some(Abstention::Unsure)
        } else {
            None
        };
        Classification {
            label: scores.first().filter(|_| abstention.is_none()).map(|best| best.label.clone()),
            abstention,
            confidence,
            scores,
            evidence,
            served_by: ServedBy::OnDevice,
        }
    }

    /// Learns further examples, of known labels or new ones: what an app's users correct. Afterwards each of them is answered with its label, unless
    /// they contradict each other.
    ///
    /// What was learned before is kept as the mean of each label's examples, so that it isn't forgotten; confidence stays calibrated as it was. After
    /// many corrections train anew.
    ///
    /// # Errors
    /// `InvalidInput` as for [`train`](Self::train), but that one label is enough; `Device`; `Cancelled`. The classifier is as before then.
    pub fn learn(&mut self, examples: &[LabelledText], cancel: &CancelToken) -> Result<()> {
        /// How hard old weights are held on to.
        const HOLD: f32 = 1e-3;
        const STEPS: usize = 30;
        /// How often examples may be given twice the weight until they hold.
        const ROUNDS: usize = 8;
        check_examples(examples)?;
        let mut head = self.head.clone();
        for example in examples {
            if !head.labels.contains(&example.label) {
                head.add_label(&example.label);
            }
        }
        check_labels(&head.labels)?;
        let texts: Vec<&str> = examples.iter().map(|example| example.text.trim()).collect();
        let raw = features(&self.encoder, &texts, cancel, |_| ())?;
        let find = |label: &String| head.labels.iter().position(|known| known == label);
        let new: Vec<(Features, usize)> = examples
            .iter()
            .zip(&raw)
            .filter_map(|(example, raw)| Some((head.scaling.apply(raw), find(&example.label)?)))
            .collect();
        let before: Vec<(Features, usize, f32)> =
            head.memory.iter().enumerate().filter_map(Memory::as_example).collect();
        let anchor = head.weights.clone();
        let mut weight = 1.0;
        for _ in 0..ROUNDS {
            let old =
                before.iter().map(|(features, label, weight)| Example { features, label: *label, weight: *weight });
            let new_ones = new.iter().map(|(features, label)| Example { features, label: *label, weight });
            let all = Matrix::new(old.chain(new_ones).collect());
            let search = Search { l2: HOLD, most_steps: STEPS };
            head.weights = self.encoder.install(|| fit(&all, anchor.clone(), Some(&anchor), search, cancel))?;
            let holds = |(features, label): &(Features, usize)| best(&head.weights.scores(features)) == *label;
            if new.iter().all(holds) {
                break;
            }
            weight *= 2.0;
        }
        head.remember(&new);
        self.head = head;
        Ok(())
    }
}

impl Head {
    fn add_label(&mut self, label: &str) {
        let (dense, labels) = (self.weights.dense, self.weights.labels);
        let mut values = self.weights.of_dense().to_vec();
        values.resize((labels + 1) * dense, 0.0);
        for place in self.weights.of_places().chunks_exact(labels).chain([self.weights.bias()]) {
            values.extend_from_slice(place);
            values.push(0.0);
        }
        self.weights = Weights { dense, labels: labels + 1, values };
        self.labels.push(label.to_owned());
        self.memory.push(Memory::empty(dense));
    }
}

impl Memory {
    /// The mean of a label's examples as one that counts as often as there were.
    fn as_example((label, memory): (usize, &Self)) -> Option<(Features, usize, f32)> {
        let places = memory.lexical.iter().enumerate().filter(|(_, x)| **x != 0.0);
        let (places, values) = places.map(|(place, x)| (place as u16, *x)).unzip();
        let features = Features { dense: memory.dense.clone(), sparse: Sparse { places, values } };
        (memory.examples > 0.0).then_some((features, label, memory.examples))
    }
}

/// Below these there is no label.
struct Thresholds {
    confidence: f32,
    familiarity: f32,
}

impl Thresholds {
    fn new(classifier: &Classifier, options: &ClassifyOptions) -> Result<Self> {
        options.check()?;
        let calibration = &classifier.head.calibration;
        let for_accuracy = options.accuracy.map_or(0.0, |accuracy| {
            // where no confidence promises it, nothing is sure enough
            calibration.confidence_for(accuracy, classifier.examples()).unwrap_or(f32::INFINITY)
        });
        Ok(Self {
            confidence: options.min_confidence.unwrap_or(0.0).max(for_accuracy),
            familiarity: calibration.familiarity_for(options.refused.unwrap_or(REFUSED), classifier.examples()),
        })
    }
}

/// The features of texts; `progress` gets the share that is done.
pub(super) fn features<S: AsRef<str>>(
    encoder: &Encoder,
    texts: &[S],
    cancel: &CancelToken,
    mut progress: impl FnMut(f32),
) -> Result<Vec<RawFeatures>> {
    let all = texts.len().max(1) as f32;
    let embeddings = encoder.embed(texts, cancel, |done| progress(done as f32 / all))?;
    let raw = |(text, embedding): (&S, Vec<f32>)| RawFeatures { embedding, counts: counts(text.as_ref()) };
    Ok(texts.iter().zip(embeddings).map(raw).collect())
}

/// What the names of labels mean; `None` for those that are no words.
fn names(encoder: &Encoder, labels: &[String], cancel: &CancelToken) -> Result<Vec<Option<RawFeatures>>> {
    let names: Vec<String> = labels.iter().map(|label| words(label)).collect();
    let raw = features(encoder, &names, cancel, |_| ())?;
    Ok(names.iter().zip(raw).map(|(name, raw)| says_something(name).then_some(raw)).collect())
}

/// A code such as `A1` or `17` is no word.
fn says_something(name: &str) -> bool {
    let letters = name.chars().filter(|character| character.is_alphabetic());
    letters.clone().count() >= 3 || letters.filter(|character| !character.is_ascii()).count() >= 2
}

/// What tells this encoder from others.
fn probe(encoder: &Encoder, cancel: &CancelToken) -> Result<Vec<f32>> {
    const TEXT: &str = "The quick brown fox pays its invoice before Friday.";
    Ok(encoder.embed(&[TEXT], cancel, |_| ())?.remove(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_not_taken_for_words() {
        for (name, says) in [("card arrival", true), ("A1", false), ("17", false), ("挂失", true), ("up", false)] {
            assert_eq!(says_something(name), says, "{name}");
        }
    }
}
