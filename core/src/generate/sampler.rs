//! From logits to one token.
//!
//! `Greedy` takes the largest logit. `Random` divides the logits by a temperature, keeps the smallest set of tokens whose
//! probabilities reach `top_p` (nucleus sampling, Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration")
//! and draws one of them. A constraint's mask is applied before either, so probabilities are relative to what is allowed.
//!
//! The same logits, options and seed give the same token on every platform: the generator is ChaCha8, whose stream is
//! fixed by its specification, and `exp` is the portable one of `libm` instead of the system's. (Logits themselves may
//! differ in their last bits between devices.) Repetition penalties are left out: they damage structured answers, where
//! keys and digits must repeat.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::mask::TokenMask;
use crate::{Error, Result};

/// How the next token is chosen.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Sampling {
    /// The most likely token; of equal ones, the lowest id. The default: functions want the model's best answer, and
    /// the same answer each time.
    #[default]
    Greedy,
    /// A token drawn by its probability.
    Random {
        /// Above 0 and finite. Below 1 the likely tokens gain, above 1 the unlikely ones.
        temperature: f32,
        /// Above 0, at most 1. The share of the probability that the kept tokens reach together; 1 keeps all.
        top_p: f32,
        /// Where the random stream starts; the same seed gives the same choices.
        seed: u64,
    },
}

impl Sampling {
    /// Random sampling with temperature 0.7 and top-p 0.9, both common in the model cards of small chat models: varied
    /// wording without the long tail, where a small model's probabilities are noise.
    pub fn random(seed: u64) -> Self {
        Self::Random { temperature: 0.7, top_p: 0.9, seed }
    }
}

/// Chooses tokens, one a step. Holds the random stream, so use one sampler for one answer.
#[derive(Clone, Debug)]
pub struct Sampler(Method);

#[derive(Clone, Debug)]
enum Method {
    Greedy,
    Random { temperature: f64, top_p: f64, rng: Box<ChaCha8Rng>, candidates: Vec<Candidate> },
}

/// A token and its probability's numerator, `exp((logit - max) / temperature)`.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    weight: f64,
    id: u32,
}

impl Sampler {
    /// Checks the options.
    /// # Errors
    /// `InvalidInput` for a temperature or top-p out of its range
    pub fn new(sampling: &Sampling) -> Result<Self> {
        let &Sampling::Random { temperature, top_p, seed } = sampling else {
            return Ok(Self(Method::Greedy));
        };
        if !(temperature > 0.0 && temperature.is_finite()) {
            let what = format!(
                "temperature must be above 0 and finite, got {temperature} (for the likeliest token each time, leave sampling out)"
            );
            return Err(Error::invalid("temperature", what));
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return Err(Error::invalid("top_p", format!("top-p must be above 0 and at most 1, got {top_p}")));
        }
        // `from_seed` and not `seed_from_u64`: only the former is fixed by ChaCha's specification.
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = Box::new(ChaCha8Rng::from_seed(key));
        Ok(Self(Method::Random { temperature: temperature.into(), top_p: top_p.into(), rng, candidates: Vec::new() }))
    }

    /// Chooses the next token.
    /// # Shapes
    /// `logits`: [vocabulary], where a padded tail beyond the mask's vocabulary is never chosen
    /// # Errors
    /// `Internal` if a logit that counts is NaN or +infinity, if all are -infinity, if the mask allows nothing, or if it
    /// is longer than the logits
    pub fn sample(&mut self, logits: &[f32], allowed: Option<&TokenMask>) -> Result<u32> {
        if let Some(mask) = allowed.filter(|mask| mask.vocabulary_size() > logits.len()) {
            let what = format!("a mask of {} tokens for {} logits", mask.vocabulary_size(), logits.len());
            return Err(Error::Internal { what });
        }
        let best = match allowed {
            Some(mask) => argmax(mask.ids().map(|id| (id, logits[id as usize]))),
            None => argmax((0..).zip(logits.iter().copied())),
        }?;
        match &mut self.0 {
            Method::Greedy => Ok(best.0),
            Method::Random { temperature, top_p, rng, candidates } => {
                let weigh = |(id, logit): (u32, f32)| {
                    let weight = libm::exp((f64::from(logit) - f64::from(best.1)) / *temperature);
                    (weight > 0.0).then_some(Candidate { weight, id })
                };
                candidates.clear();
                match allowed {
                    Some(mask) => candidates.extend(mask.ids().map(|id| (id, logits[id as usize])).filter_map(weigh)),
                    None => candidates.extend((0..).zip(logits.iter().copied()).filter_map(weigh)),
                }
                let nucleus = nucleus(candidates, *top_p);
                Ok(draw(nucleus, rng).unwrap_or(best.0))
            }
        }
    }
}

/// The largest logit and its id; of equal ones, the lowest id.
fn argmax(logits: impl Iterator<Item = (u32, f32)>) -> Result<(u32, f32)> {
    let mut best: Option<(u32, f32)> = None;
    for (id, logit) in logits {
        if logit.is_nan() || logit == f32::INFINITY {
            return Err(Error::Internal { what: format!("the model gave the logit {logit} for token {id}") });
        }
        if logit > best.map_or(f32::NEG_INFINITY, |(_, value)| value) {
            best = Some((id, logit));
        }
    }
    best.ok_or_else(|| Error::Internal { what: "no token is left to choose from".into() })
}

/// The smallest set of the most likely candidates that reaches `top_p`, most likely first, equal ones by id.
///
/// The nucleus is usually tens of tokens in tens of thousands, so only a head that grows eightfold until it holds enough
/// is selected (linear time) and sorted.
fn nucleus(candidates: &mut [Candidate], top_p: f64) -> &[Candidate] {
    if top_p >= 1.0 {
        return candidates;
    }
    let target = top_p * candidates.iter().map(|candidate| candidate.weight).sum::<f64>();
    let by_weight = |a: &Candidate, b: &Candidate| b.weight.total_cmp(&a.weight).then(a.id.cmp(&b.id));
    let mut head = 64;
    loop {
        let len = head.min(candidates.len());
        if len < candidates.len() {
            candidates.select_nth_unstable_by(len, by_weight);
        }
        candidates[..len].sort_unstable_by(by_weight);
        let mut sum = 0.0;
        for kept in 0..len {
            sum += candidates[kept].weight;
            if sum >= target {
                return &candidates[..=kept];
            }
        }
        if len == candidates.len() {
            // Rounding kept the sum below the target: all of them are the nucleus.
            return candidates;
        }
        head *= 8;
    }
}

/// One of the candidates, by weight; `None` only if there are none.
fn draw(candidates: &[Candidate], rng: &mut ChaCha8Rng) -> Option<u32> {
    let total: f64 = candidates.iter().map(|candidate| candidate.weight).sum();
    // The 53 bits that an f64 in [0, 1) can hold.
    let mut rest = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64 * total;
    for candidate in candidates {
        rest -= candidate.weight;
        if rest < 0.0 {
            return Some(candidate.id);
        }
    }
    candidates.last().map(|candidate| candidate.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn random(temperature: f32, top_p: f32, seed: u64) -> Sampler {
        Sampler::new(&Sampling::Random { temperature, top_p, seed }).unwrap()
    }

    fn greedy() -> Sampler {
        Sampler::new(&Sampling::Greedy).unwrap()
    }

    #[test]
    fn greedy_takes_the_lowest_id_of_equal_logits() {
        assert_eq!(greedy().sample(&[0.5, 2.0, 2.0, -1.0], None).unwrap(), 1);
        let mask = TokenMask::only(4, [0, 2, 3]);
        assert_eq!(greedy().sample(&[0.5, 2.0, 2.0, -1.0], Some(&mask)).unwrap(), 2);
        assert_eq!(greedy().sample(&[-0.0, 0.0], None).unwrap(), 0);
    }

    #[test]
    fn never_chooses_what_is_masked_or_padded() {
        let mask = TokenMask::only(3, [1]);
        for sampler in [&mut greedy(), &mut random(5.0, 1.0, 1)] {
            assert_eq!(sampler.sample(&[9.0, f32::MIN, 9.0, 99.0], Some(&mask)).unwrap(), 1);
        }
    }

    #[test]
    fn broken_logits_are_an_error() {
        for sampler in [&mut greedy(), &mut random(1.0, 0.9, 1)] {
            for logits in [vec![], vec![f32::NEG_INFINITY; 3], vec![1.0, f32::NAN], vec![f32::INFINITY, 1.0]] {
                assert!(matches!(sampler.sample(&logits, None), Err(Error::Internal { .. })), "{logits:?}");
            }
            let none = TokenMask::only(2, []);
            assert!(sampler.sample(&[1.0, 2.0], Some(&none)).is_err());
            let long = TokenMask::only(3, [0]);
            let message = sampler.sample(&[1.0, 2.0], Some(&long)).unwrap_err().to_string();
            assert_eq!(message, "internal error: a mask of 3 tokens for 2 logits (please report this)");
            // A NaN that the mask hides does no harm.
            assert_eq!(sampler.sample(&[f32::NAN, 2.0], Some(&TokenMask::only(2, [1]))).unwrap(), 1);
        }
    }

    #[test]
    fn options_out_of_range_name_the_field() {
        let sampling = |temperature, top_p| Sampling::Random { temperature, top_p, seed: 0 };
        for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let error = Sampler::new(&sampling(temperature, 1.0)).unwrap_err();
            assert!(matches!(error, Error::InvalidInput { field: "temperature", .. }));
        }
        for top_p in [0.0, -0.1, 1.01, f32::NAN] {
            let error = Sampler::new(&sampling(1.0, top_p)).unwrap_err();
            assert!(matches!(error, Error::InvalidInput { field: "top_p", .. }));
        }
        assert_eq!(
            Sampler::new(&sampling(0.0, 1.0)).unwrap_err().to_string(),
            "temperature must be above 0 and finite, got 0 (for the likeliest token each time, leave sampling out) (temperature)"
        );
    }

    /// Guards the stream: a change of generator, seeding or arithmetic changes what users' seeds give.
    #[test]
    fn a_seed_gives_the_same_tokens_for_ever() {
        let logits: Vec<f32> = (0..100).map(|id| ((id * 37) % 100) as f32 / 10.0).collect();
        let mut sampler = random(1.5, 0.95, 42);
        let tokens: Vec<u32> = (0..12).map(|_| sampler.sample(&logits, None).unwrap()).collect();
        assert_eq!(tokens, GOLDEN);
        let mut other = random(1.5, 0.95, 43);
        assert_ne!(tokens, (0..12).map(|_| other.sample(&logits, None).unwrap()).collect::<Vec<_>>());
    }
    const GOLDEN: [u32; 12] = [89, 35, 70, 89, 48, 27, 70, 35, 43, 94, 51, 48];

    #[test]
    fn frequencies_follow_the_softmax() {
        // Probabilities 0.1, 0.2, 0.3, 0.4 at temperature 1; 20,000 draws give a standard error below 0.0035.
        let logits: Vec<f32> = [0.1f32, 0.2, 0.3, 0.4].iter().map(|p| p.ln()).collect();
        let mut sampler = random(1.0, 1.0, 7);
        let mut counts = [0; 4];
        for _ in 0..20_000 {
            counts[sampler.sample(&logits, None).unwrap() as usize] += 1;
        }
        for (count, expected) in counts.iter().zip([0.1, 0.2, 0.3, 0.4]) {
            assert!((f64::from(*count) / 20_000.0 - expected).abs() < 0.0175, "{counts:?}");
        }
        // Top-p 0.65 keeps 0.4 and 0.3 only.
        let mut sampler = random(1.0, 0.65, 7);
        assert!((0..1000).all(|_| sampler.sample(&logits, None).unwrap() >= 2));
    }

    proptest! {
        #[test]
        fn nucleus_matches_a_full_sort(
            logits in prop::collection::vec(-8.0f32..8.0, 1..800), top_p in 0.01f64..1.0,
        ) {
            let all: Vec<Candidate> =
                (0..).zip(&logits).map(|(id, &logit)| Candidate { weight: libm::exp(logit.into()), id }).collect();
            let mut sorted = all.clone();
            sorted.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.id.cmp(&b.id)));
            let target = top_p * all.iter().map(|candidate| candidate.weight).sum::<f64>();
            let mut sum = 0.0;
            let count = sorted.iter().take_while(|c| { let before = sum; sum += c.weight; before < target }).count();
            let mut work = all.clone();
            let ids: Vec<u32> = nucleus(&mut work, top_p).iter().map(|candidate| candidate.id).collect();
            prop_assert_eq!(ids, sorted[..count].iter().map(|candidate| candidate.id).collect::<Vec<_>>());
        }

        #[test]
        fn any_logits_give_an_allowed_token_or_an_error(
            logits in prop::collection::vec(any::<f32>(), 0..60),
            ids in prop::collection::vec(0u32..60, 0..10),
            temperature in 1e-38f32..1e38, top_p in 1e-6f32..=1.0, seed: u64,
        ) {
            let mask = TokenMask::only(logits.len(), ids);
            if let Ok(token) = random(temperature, top_p, seed).sample(&logits, Some(&mask)) {
                prop_assert!(mask.allows(token));
                prop_assert!(logits[token as usize].is_finite());
            }
        }
    }
}
