//! From scores to probabilities that hold, and from probabilities to answers that are left out.
//!
//! Everything here is learned from examples that the model had not seen when it scored them (cross-validation): the temperature that makes
//! its probabilities as sure as they are right (Guo et al. 2017), which confidence reaches an accuracy that the caller asks for, and how unfamiliar
//! a text may look before it is taken for one of no label at all.

use crate::generate::softmax;

/// An example that was held out.
#[derive(Debug, Clone)]
pub(super) struct HeldOut {
    /// Scores of each label, before the softmax.
    pub(super) scores: Vec<f32>,
    /// The right label.
    pub(super) label: usize,
    /// See [`energy`](super::head::energy).
    pub(super) energy: f32,
    /// See [`Centres::nearness`](super::head::Centres::nearness).
    pub(super) nearness: f32,
    /// How often it counts.
    pub(super) weight: f32,
}

/// Points of the curves.
const POINTS: usize = 101;

/// What was learned from held-out examples.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Calibration {
    /// Scores are divided by it.
    pub(super) temperature: f32,
    /// Share of held-out examples whose likeliest label was right.
    pub(super) accuracy: f32,
    /// Mean distance of confidence and accuracy over ten groups of equal size.
    pub(super) expected_calibration_error: f32,
    /// Point i: the confidence that i percent of the examples don't reach.
    pub(super) confidences: Vec<f32>,
    /// Point i: the share of right answers among the examples that reach that confidence.
    pub(super) accuracies: Vec<f32>,
    /// What nearness counts for in familiarity, beside energy.
    pub(super) nearness: f32,
    /// Point i: the familiarity that i percent of the examples don't reach.
    pub(super) familiarities: Vec<f32>,
}

/// What a standard deviation of nearness counts for beside one of energy.
const NEARNESS: f32 = 0.5;

/// Held-out examples that a threshold must stand on: with fewer, accuracy above it is chance.
const FEWEST: usize = 20;

impl Calibration {
    /// For a model that has seen no examples: `temperature` is a guess, nothing else is known.
    pub(super) fn unknown(temperature: f32) -> Self {
        Self {
            temperature,
            accuracy: 0.0,
            expected_calibration_error: 0.0,
            confidences: Vec::new(),
            accuracies: Vec::new(),
            nearness: 0.0,
            familiarities: Vec::new(),
        }
    }

    /// Learns from held-out examples; `None` where there are none.
    pub(super) fn of(examples: &[HeldOut]) -> Option<Self> {
        let total: f32 = examples.iter().map(|example| example.weight).sum();
        if examples.is_empty() || total <= 0.0 {
            return None;
        }
        let temperature = temperature(examples);
        let mut answers: Vec<(f32, bool, f32)> = examples
            .iter()
            .map(|example| {
                let best = best(&example.scores);
                (confidence(&example.scores, temperature), best == example.label, example.weight)
            })
            .collect();
        answers.sort_by(|a, b| a.0.total_cmp(&b.0));
        let right =
            |answers: &[(f32, bool, f32)]| answers.iter().filter(|answer| answer.1).map(|answer| answer.2).sum::<f32>();
        let weight = |answers: &[(f32, bool, f32)]| answers.iter().map(|answer| answer.2).sum::<f32>();
        let from = |point: usize| (answers.len() - 1) * point / (POINTS - 1);
        let (of_energy, of_nearness) = (spread(examples, |held| held.energy), spread(examples, |held| held.nearness));
        let nearness = if of_nearness > 0.0 { NEARNESS * of_energy / of_nearness } else { 0.0 };
        let mut familiarities: Vec<f32> =
            examples.iter().map(|held| familiarity(held.energy, held.nearness, nearness)).collect();
        familiarities.sort_by(f32::total_cmp);
        let group = answers.len().div_ceil(10);
        let errors = answers.chunks(group).map(|group| {
            let sure: f32 = group.iter().map(|answer| answer.0 * answer.2).sum();
            (sure - right(group)).abs() / total
        });
        Some(Self {
            temperature,
            accuracy: right(&answers) / total,
            expected_calibration_error: errors.sum(),
            confidences: (0..POINTS).map(|point| answers[from(point)].0).collect(),
            accuracies: (0..POINTS)
                .map(|point| right(&answers[from(point)..]) / weight(&answers[from(point)..]))
                .collect(),
            nearness,
            familiarities: (0..POINTS).map(|point| familiarities[from(point)]).collect(),
        })
    }

    /// The least confidence above which held-out answers were right this often; `None` where none was, or too few to tell.
    pub(super) fn confidence_for(&self, accuracy: f32, examples: usize) -> Option<f32> {
        let enough = |point: usize| examples * (POINTS - point) / POINTS >= FEWEST;
        let found = self.accuracies.iter().enumerate().find(|(point, found)| **found >= accuracy && enough(*point))?;
        self.confidences.get(found.0).copied()
    }

    /// How much like any of the examples a text looks.
    pub(super) fn familiarity(&self, energy: f32, nearness: f32) -> f32 {
        familiarity(energy, nearness, self.nearness)
    }

    /// The familiarity below which a text is taken for one of no label, where `share` of the examples would be, too; below all of them where
    /// there were too few to tell (a promise of 1 in 100 stands on a hundred at least).
    pub(super) fn familiarity_for(&self, share: f32, examples: usize) -> f32 {
        let points = self.familiarities.len().saturating_sub(1) as f32;
        let place = share.clamp(0.0, 1.0) * points;
        let at = |place: f32| self.familiarities.get(place as usize).copied().unwrap_or(f32::NEG_INFINITY);
        // a straight line between two points
        let (below, above) = (at(place.floor()), at(place.ceil()));
        let too_few = share * (examples as f32 + 1.0) < 1.0;
        if too_few || self.familiarities.is_empty() {
            f32::NEG_INFINITY
        } else {
            below + (above - below) * place.fract()
        }
    }
}

fn familiarity(energy: f32, nearness: f32, weight: f32) -> f32 {
    energy + weight * nearness
}

/// The standard deviation of something.
fn spread(examples: &[HeldOut], of: impl Fn(&HeldOut) -> f32) -> f32 {
    let count = examples.len().max(1) as f32;
    let mean = examples.iter().map(&of).sum::<f32>() / count;
    (examples.iter().map(|example| (of(example) - mean).powi(2)).sum::<f32>() / count).sqrt()
}

/// The index of the greatest score.
pub(super) fn best(scores: &[f32]) -> usize {
    let mut best = 0;
    for (index, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = index;
        }
    }
    best
}

/// The probabilities of labels.
pub(super) fn probabilities(scores: &[f32], temperature: f32) -> Vec<f32> {
    softmax(&scores.iter().map(|score| score / temperature).collect::<Vec<_>>())
}

fn confidence(scores: &[f32], temperature: f32) -> f32 {
    probabilities(scores, temperature).into_iter().fold(0.0, f32::max)
}

/// The mean of `-log p(right label)` at a temperature.
pub(super) fn log_loss(examples: &[HeldOut], temperature: f32) -> f32 {
    let total: f32 = examples.iter().map(|example| example.weight).sum();
    let loss = |example: &HeldOut| {
        let p = probabilities(&example.scores, temperature).get(example.label).copied().unwrap_or(0.0);
        -example.weight * p.max(1e-12).ln()
    };
    examples.iter().map(loss).sum::<f32>() / total.max(f32::MIN_POSITIVE)
}

/// The temperature at which the right labels are likeliest, by golden sections of its logarithm: the loss has one valley. As if there were one
/// example more that is wrong: where all are right, the next still may not be (the rule of succession).
pub(super) fn temperature(examples: &[HeldOut]) -> f32 {
    const GOLDEN: f32 = 0.618_034;
    let total: f32 = examples.iter().map(|example| example.weight).sum();
    let doubt = |example: &HeldOut, temperature: f32| {
        let p = probabilities(&example.scores, temperature).get(example.label).copied().unwrap_or(0.0);
        -example.weight * (1.0 - p).max(1e-12).ln() / total.max(f32::MIN_POSITIVE)
    };
    let loss = |exponent: f32| {
        let temperature = exponent.exp();
        let one_more: f32 = examples.iter().map(|example| doubt(example, temperature)).sum();
        log_loss(examples, temperature) + one_more / (total + 1.0)
    };
    let (mut low, mut high) = (0.05f32.ln(), 20f32.ln());
    let (mut a, mut b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut at_a, mut at_b) = (loss(a), loss(b));
    while high - low > 0.01 {
        if at_a < at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - GOLDEN * (high - low);
            at_a = loss(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + GOLDEN * (high - low);
            at_b = loss(b);
        }
    }
    (0.5 * (low + high)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of a model that says `claimed` for the likelier of two labels and is right in `right` of 100.
    fn examples(claimed: f32, right: usize) -> Vec<HeldOut> {
        let score = (claimed / (1.0 - claimed)).ln();
        let example = |i: usize| HeldOut {
            scores: vec![score, 0.0],
            // the wrong ones lie among the right ones
            label: usize::from(i * 37 % 100 >= right),
            energy: i as f32,
            nearness: 0.0,
            weight: 1.0,
        };
        (0..100).map(example).collect()
    }

    #[test]
    fn a_boaster_is_cooled_down_and_a_doubter_warmed_up() {
        for (claimed, right) in [(0.99, 80), (0.6, 90), (0.75, 75)] {
            let examples = examples(claimed, right);
            let calibration = Calibration::of(&examples).unwrap();
            let p = probabilities(&examples[0].scores, calibration.temperature)[0];
            assert!((p - right as f32 / 100.0).abs() < 0.01, "{claimed} {right}: {p}");
            assert!(calibration.expected_calibration_error < 0.25);
            assert!((calibration.accuracy - right as f32 / 100.0).abs() < 1e-6);
        }
    }

    #[test]
    fn thresholds_keep_what_they_promise() {
        // the surer half is right, the other half wrong
        let mut held_out = examples(0.9, 50);
        held_out.iter_mut().filter(|example| example.label == 0).for_each(|example| example.scores[0] += 2.0);
        let calibration = Calibration::of(&held_out).unwrap();
        let threshold = calibration.confidence_for(0.99, 100).unwrap();
        let above = held_out.iter().filter(|example| confidence(&example.scores, calibration.temperature) >= threshold);
        assert!(above.clone().count() >= 50 && above.filter(|example| example.label == 0).count() == 50);
        assert!(calibration.confidence_for(0.5, 100).unwrap() < threshold);
        assert_eq!(Calibration::of(&examples(0.9, 50)).unwrap().confidence_for(0.99, 100), None);
        assert_eq!(calibration.familiarity_for(0.0, 100), f32::NEG_INFINITY);
        assert!((calibration.familiarity_for(0.05, 100) - 4.0).abs() < 1.5);
        assert_eq!(calibration.familiarity_for(0.05, 15), f32::NEG_INFINITY, "one of fifteen is more");
        assert!(Calibration::of(&[]).is_none());
        assert_eq!(Calibration::unknown(1.0).confidence_for(0.9, 0), None);
        assert_eq!(Calibration::unknown(1.0).familiarity_for(0.1, 100), f32::NEG_INFINITY);
    }

    #[test]
    fn more_weight_is_more_examples() {
        let mut held_out = examples(0.9, 50);
        held_out.iter_mut().filter(|example| example.label == 0).for_each(|example| example.weight = 3.0);
        assert!((Calibration::of(&held_out).unwrap().accuracy - 0.75).abs() < 1e-6);
    }
}
