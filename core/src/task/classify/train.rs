//! Training of a head: features, folds, regularisation, calibration, and the fit of all examples.
//!
//! Tried and left out, in points of accuracy on banking77 with ten examples a label and on contract clauses: a projection of the embedding that is
//! tuned contrastively first (Khosla et al. 2020), +0.3 at most and −3; a share of kernel ridge regression over the examples, +0.5 and +0.3, for a
//! head of twice the size; similarity to labels' means or nearest examples added to the scores, +0.4 and −4.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::calibration::{Calibration, HeldOut, log_loss, temperature};
use super::head::{Centres, Head, Memory, RawFeatures, Scaling, energy};
use super::lexical::PLACES;
use super::logistic::{Example, Features, Matrix, Search, Weights, fit};
use crate::Result;
use crate::runtime::CancelToken;

/// Lengths of the lexical features beside the encoder's: words tell intents of an assistant apart, and mislead where there are few examples.
const LENGTHS: [f32; 3] = [0.5, 1.0, 2.0];
/// Strengths of the pull towards small weights, the strongest first: each starts where the one before it ended. The first chooses the length.
const STRENGTHS: [f32; 2] = [1e-4, 1e-5];
/// Steps of each.
const STEPS: usize = 30;
/// Examples beyond which fewer folds do: with as many, the model of two thirds is close to that of all.
const MANY: usize = 3000;

/// A text of the training set, each once.
pub(super) struct Text {
    pub(super) raw: RawFeatures,
    /// What its fold is drawn by.
    pub(super) hash: u64,
}

/// The same text with the same label, however often it occurs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// Index of the text.
    pub(super) text: usize,
    /// Index of the label.
    pub(super) label: usize,
    pub(super) count: f32,
}

/// A training set in which nothing occurs twice.
pub(super) struct TrainingSet {
    pub(super) labels: Vec<String>,
    /// What each label's name means; `None` where it says nothing.
    pub(super) names: Vec<Option<RawFeatures>>,
    pub(super) texts: Vec<Text>,
    pub(super) rows: Vec<Row>,
}

/// Trains a head; `progress` gets the share that is done.
///
/// # Errors
/// `Cancelled`.
pub(super) fn train(
    set: &TrainingSet,
    probe: Vec<f32>,
    seed: u64,
    cancel: &CancelToken,
    mut progress: impl FnMut(f32),
) -> Result<Head> {
    let folds = folds(set, seed);
    let folds = Folds { set, count: folds.iter().map(|fold| fold + 1).max().unwrap_or(0), of_row: folds };
    let stages = (folds.count * (LENGTHS.len() + 1) + 1) as f32;
    let mut done = 0.0;
    let mut step = || {
        done += 1.0;
        progress(done / stages);
    };
    let mut trials = Vec::with_capacity(LENGTHS.len());
    for length in LENGTHS {
        trials.push((length, folds.hold_out(length, &STRENGTHS[..1], None, cancel, &mut step)?));
    }
    let loss = |examples: &[HeldOut]| log_loss(examples, temperature(examples));
    let least = |a: &Trial, b: &Trial| loss(&a.1.held_out).total_cmp(&loss(&b.1.held_out));
    let (length, strong) = trials.into_iter().min_by(|a, b| least(a, b)).unwrap_or_default();
    let weak = folds.hold_out(length, &STRENGTHS[1..], Some(&strong.weights), cancel, &mut step)?;
    let (chosen, held_out) = match loss(&weak.held_out) < loss(&strong.held_out) {
        true => (&STRENGTHS[..], weak.held_out),
        false => (&STRENGTHS[..1], strong.held_out),
    };
    tracing::debug!(l2 = chosen.last(), length, folds = folds.count, loss = loss(&held_out), "regularisation chosen");
    let calibration = Calibration::of(&held_out).unwrap_or_else(|| Calibration::unknown(1.0));

    let scaled = Scaled::new(set, set.rows.clone(), length);
    let weights = scaled.fit(scaled.start(), chosen, cancel)?;
    step();
    let memory = scaled.memory();
    Ok(Head::new(set.labels.clone(), scaled.scaling, weights, calibration, memory, probe))
}

/// A length of the lexical features and what came of it.
type Trial = (f32, Outcome);

/// What a way of training makes of examples that it hasn't seen.
#[derive(Default)]
struct Outcome {
    held_out: Vec<HeldOut>,
    /// Of each fold.
    weights: Vec<Weights>,
}

/// A training set cut into folds.
struct Folds<'a> {
    set: &'a TrainingSet,
    count: usize,
    of_row: Vec<usize>,
}

impl Folds<'_> {
    /// Holds each fold out in turn and trains on the others, with one strength after the other.
    fn hold_out(
        &self,
        length: f32,
        strengths: &[f32],
        start: Option<&[Weights]>,
        cancel: &CancelToken,
        step: &mut impl FnMut(),
    ) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        for fold in 0..self.count {
            let rows = || self.set.rows.iter().zip(&self.of_row);
            let others: Vec<Row> = rows().filter(|(_, at)| **at != fold).map(|(row, _)| *row).collect();
            if others.is_empty() {
                // one text with all the labels: there is nothing to learn from without it
                outcome.weights.push(Weights::zeros(0, 0));
                step();
                continue;
            }
            let scaled = Scaled::new(self.set, others, length);
            let start = start.and_then(|start| start.get(fold).cloned()).unwrap_or_else(|| scaled.start());
            let weights = scaled.fit(start, strengths, cancel)?;
            let centres = Centres::of(&scaled.scaling, &scaled.memory());
            for (row, _) in rows().filter(|(_, at)| **at == fold) {
                let raw = &self.set.texts[row.text].raw;
                let scores = weights.scores(&scaled.scaling.apply(raw));
                outcome.held_out.push(HeldOut {
                    energy: energy(&scores),
                    nearness: centres.nearness(&raw.embedding),
                    scores,
                    label: row.label,
                    weight: row.count,
                });
            }
            outcome.weights.push(weights);
            step();
        }
        Ok(outcome)
    }
}

/// Rows with their features scaled, and the names of labels as an example each.
struct Scaled {
    scaling: Scaling,
    labels: usize,
    rows: Vec<(Features, usize, f32)>,
    names: Vec<(Features, usize)>,
}

impl Scaled {
    fn new(set: &TrainingSet, rows: Vec<Row>, length: f32) -> Self {
        let texts: Vec<&RawFeatures> = rows.iter().map(|row| &set.texts[row.text].raw).collect();
        let scaling = Scaling::of(&texts, length);
        let apply = |raw: &RawFeatures| scaling.apply(raw);
        let names = set.names.iter().enumerate().filter_map(|(label, name)| Some((apply(name.as_ref()?), label)));
        Self {
            names: names.collect(),
            rows: rows.iter().map(|row| (apply(&set.texts[row.text].raw), row.label, row.count)).collect(),
            labels: set.labels.len(),
            scaling,
        }
    }

    fn start(&self) -> Weights {
        Weights::zeros(self.scaling.mean.len(), self.labels)
    }

    /// With one strength after the other.
    fn fit(&self, start: Weights, strengths: &[f32], cancel: &CancelToken) -> Result<Weights> {
        let rows =
            self.rows.iter().map(|(features, label, weight)| Example { features, label: *label, weight: *weight });
        let names = self.names.iter().map(|(features, label)| Example { features, label: *label, weight: 1.0 });
        let matrix = Matrix::new(rows.chain(names).collect());
        strengths
            .iter()
            .try_fold(start, |weights, l2| fit(&matrix, weights, None, Search { l2: *l2, most_steps: STEPS }, cancel))
    }

    fn memory(&self) -> Vec<Memory> {
        let dense = self.scaling.mean.len();
        let mut memory = vec![Memory::empty(dense); self.labels];
        for (features, label, count) in &self.rows {
            memory[*label].add(features, *count);
        }
        for (features, label) in &self.names {
            if memory[*label].examples == 0.0 {
                memory[*label].add(features, 1.0);
            }
        }
        memory
    }
}

impl Memory {
    pub(super) fn empty(dense: usize) -> Self {
        Self { examples: 0.0, dense: vec![0.0; dense], lexical: vec![0.0; PLACES] }
    }

    /// Another example, `count` times.
    pub(super) fn add(&mut self, features: &Features, count: f32) {
        self.examples += count;
        let share = count / self.examples;
        for (mean, x) in self.dense.iter_mut().zip(&features.dense) {
            *mean += share * (x - *mean);
        }
        self.lexical.iter_mut().for_each(|mean| *mean *= 1.0 - share);
        for (place, x) in features.sparse.places.iter().zip(&features.sparse.values) {
            self.lexical[usize::from(*place)] += share * x;
        }
    }
}

/// The fold of each row. A text is in one fold whatever its labels, and the rows of a label are dealt out evenly.
fn folds(set: &TrainingSet, seed: u64) -> Vec<usize> {
    let count = match set.rows.len() {
        0 | 1 => return vec![0; set.rows.len()],
        rows if rows > MANY => 3,
        rows => rows.min(5),
    };
    let order = |row: &Row| xxh3_64_with_seed(&set.texts[row.text].hash.to_le_bytes(), seed);
    let mut rows: Vec<usize> = (0..set.rows.len()).collect();
    rows.sort_by_key(|row| (set.rows[*row].label, order(&set.rows[*row])));
    let (mut of_text, mut folds): (HashMap<usize, usize>, _) = (HashMap::new(), vec![0; rows.len()]);
    // the deal goes on from label to label: labels of one example would all be in the first fold otherwise
    for (place, row) in rows.into_iter().enumerate() {
        folds[row] = match of_text.entry(set.rows[row].text) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => *new.insert(place % count),
        };
    }
    folds
}

#[cfg(test)]
mod tests {
    use super::super::lexical::counts;
    use super::*;

    /// `count` texts for each label, whose vectors lie around a direction of its own.
    fn set(labels: usize, count: usize) -> TrainingSet {
        let raw = |label: usize, i: usize| {
            let noise = |d: usize| ((label * 131 + i * 37 + d * 17) as f32 * 0.7).sin();
            let mut embedding: Vec<f32> = (0..16).map(|d| 0.25 * noise(d)).collect();
            embedding[label % 16] += 1.0;
            RawFeatures { embedding, counts: counts(&format!("label{label} text {i}")) }
        };
        let pairs = || (0..labels).flat_map(|label| (0..count).map(move |i| (label, i)));
        TrainingSet {
            labels: (0..labels).map(|label| format!("label{label}")).collect(),
            names: vec![None; labels],
            texts: pairs().map(|(label, i)| Text { raw: raw(label, i), hash: (label * 1000 + i) as u64 }).collect(),
            rows: pairs().enumerate().map(|(text, (label, _))| Row { text, label, count: 1.0 }).collect(),
        }
    }

    fn trained(set: &TrainingSet) -> Head {
        train(set, vec![1.0], 7, &CancelToken::new(), |_| ()).unwrap()
    }

    #[test]
    fn labels_that_can_be_told_apart_are() {
        let set = set(4, 12);
        let head = trained(&set);
        for row in &set.rows {
            assert_eq!(head.predict(&set.texts[row.text].raw).best, row.label);
        }
        assert!(head.calibration.accuracy > 0.95, "{}", head.calibration.accuracy);
        assert!(head.memory.iter().all(|memory| memory.examples == 12.0));
        assert_eq!(trained(&set), head, "the same twice");
    }

    #[test]
    fn folds_are_even_and_keep_a_text_together() {
        let mut set = set(3, 20);
        // one text with two labels
        let twice = Row { label: 2, ..set.rows[0] };
        set.rows.push(twice);
        let folds = folds(&set, 1);
        assert_eq!(folds[0], *folds.last().unwrap());
        for fold in 0..5 {
            let rows = set.rows.iter().zip(&folds).filter(|(row, at)| **at == fold && row.label == 1);
            assert_eq!(rows.count(), 4);
        }
    }

    #[test]
    fn labels_of_one_example_or_none_are_learned_from_their_names() {
        let mut set = set(3, 1);
        set.names[1] = Some(set.texts[1].raw.clone());
        set.rows.retain(|row| row.label != 1);
        let head = trained(&set);
        assert_eq!(head.predict(&set.texts[1].raw).best, 1);
        assert_eq!(head.memory[1].examples, 1.0);
    }
}
