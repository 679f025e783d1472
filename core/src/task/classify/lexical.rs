//! Words and parts of words as a sparse vector: what an encoder blurs (names, numbers, spellings) and a linear model can still tell apart.
//!
//! Words, pairs of neighbours and runs of three and four characters inside a word are hashed into a fixed number of places (the hashing
//! trick, Weinberger et al. 2009, with its signs), so that there is no vocabulary to keep. Counts are damped by a logarithm, weighted by how few texts
//! have them (Spärck Jones 1972) and scaled to one length.

use std::collections::BTreeMap;

use unicode_segmentation::UnicodeSegmentation;
use xxhash_rust::xxh3::xxh3_64;

/// Places that features are hashed to.
pub(super) const PLACES: usize = 2048;

/// Bytes of a text whose features are counted: what a text is about shows in its beginning.
const MAX_BYTES: usize = 16 * 1024;

/// Lengths of the runs of characters.
const RUNS: [usize; 2] = [3, 4];

/// A sparse vector: places, ascending, and what stands there.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sparse {
    pub(super) places: Vec<u16>,
    pub(super) values: Vec<f32>,
}

/// The damped counts of a text's features.
pub(super) fn counts(text: &str) -> Sparse {
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let lower = text[..end].to_lowercase();
    let words: Vec<&str> = lower.split_word_bounds().filter(|word| !word.trim().is_empty()).collect();
    let mut features: BTreeMap<u64, f32> = BTreeMap::new();
    let mut count = |kind: u8, parts: &[&str]| {
        // a byte that is in no text keeps "ab c" and "a bc" apart
        let mut bytes = vec![kind];
        for part in parts {
            bytes.extend_from_slice(part.as_bytes());
            bytes.push(0xFF);
        }
        *features.entry(xxh3_64(&bytes)).or_default() += 1.0;
    };
    for word in &words {
        count(b'w', &[word]);
        let edged: Vec<&str> = std::iter::once("^").chain(word.graphemes(true)).chain(std::iter::once("$")).collect();
        for run in RUNS.iter().flat_map(|length| edged.windows(*length)) {
            count(b'c', run);
        }
    }
    for pair in words.windows(2) {
        count(b'p', pair);
    }
    let mut places: BTreeMap<u16, f32> = BTreeMap::new();
    for (hash, count) in features {
        let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
        *places.entry((hash % PLACES as u64) as u16).or_default() += sign * (1.0 + count.ln());
    }
    let (places, values) = places.into_iter().filter(|(_, value)| *value != 0.0).unzip();
    Sparse { places, values }
}

/// How much a place says: one more than the logarithm of how many times as many texts there are as have something there.
pub(super) fn rarity<'a>(texts: impl ExactSizeIterator<Item = &'a Sparse>) -> Vec<f32> {
    let all = texts.len() as f32;
    let mut having = vec![0u32; PLACES];
    for place in texts.flat_map(|text| &text.places) {
        having[usize::from(*place)] += 1;
    }
    having.iter().map(|having| ((1.0 + all) / (1.0 + *having as f32)).ln() + 1.0).collect()
}

/// Counts times rarity, scaled to `length`.
pub(super) fn weigh(mut counts: Sparse, rarity: &[f32], length: f32) -> Sparse {
    let mut squares = 0.0;
    for (place, value) in counts.places.iter().zip(&mut counts.values) {
        *value *= rarity.get(usize::from(*place)).copied().unwrap_or(1.0);
        squares += *value * *value;
    }
    let scale = if squares > 0.0 { length / squares.sqrt() } else { 0.0 };
    counts.values.iter_mut().for_each(|value| *value *= scale);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_in_any_case_are_the_same_features() {
        assert_eq!(counts("Card LOST"), counts("card lost"));
        assert_ne!(counts("card lost"), counts("lost card"));
        assert_eq!(counts(" \n"), Sparse::default());
        assert!(counts("card").places.is_sorted());
        assert!(!counts("银行卡丢了").places.is_empty());
    }

    #[test]
    fn a_vector_has_the_length_asked_for_and_rare_places_weigh_more() {
        let texts = ["my card", "my money", "my account"].map(counts);
        let rarity = rarity(texts.iter());
        let weighed = weigh(counts("my card"), &rarity, 0.5);
        let length = weighed.values.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!((length - 0.5).abs() < 1e-6);
        let at = |word: &str| usize::from(counts(word).places[0]);
        assert!(rarity.iter().all(|weight| *weight >= 1.0));
        assert!(rarity[at("card")] > 1.0);
        assert_eq!(weigh(Sparse::default(), &rarity, 1.0), Sparse::default());
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "é".repeat(MAX_BYTES);
        assert_eq!(counts(&long), counts(&long[..MAX_BYTES]));
        assert_eq!(counts(&format!("a{long}")), counts(&format!("a{}", &long[..MAX_BYTES - 2])));
    }
}
