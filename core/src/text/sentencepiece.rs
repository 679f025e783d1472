//! SentencePiece's BPE as GGUF files carry it (`tokenizer.ggml.model` = `llama`; Gemma, Llama 2, Mistral, Phi-3).
//!
//! Source: Kudo and Richardson, "SentencePiece" (arXiv:1808.06226), `bpe_model.cc`. The file holds scores, not merge rules: any
//! two neighbours whose text together is a token may be joined, and the pair whose token has the highest score goes first.
//! Spaces are written `▁`; a character that has no token becomes its UTF-8 bytes, `<0xE2>` and so on.
//!
//! The `tokenizers` crate can't do this exactly: its Unigram model looks for the best sum of scores, and its BPE wants explicit
//! rules. Deriving those (every way to split every token) makes 580,000 rules for Gemma, whose ranks order equal candidates
//! by rule where the original goes from left to right.

use super::merge::{Joined, Merger, Symbol};
use super::vocabulary::{SPACE_MARK, Vocabulary};
use crate::{Error, Location, Result};

/// The key of the scores.
pub(super) const SCORES: &str = "tokenizer.ggml.scores";

/// Scores over the ids of a vocabulary.
#[derive(Debug)]
pub(super) struct SentencePiece {
    /// By id: the score, as an integer of the same order.
    priorities: Vec<u32>,
    bytes: [Option<u32>; 256],
    unknown: Option<u32>,
    /// Whether a text that doesn't follow another starts with a space.
    pub space_prefix: bool,
}

impl SentencePiece {
    /// A model with one score a token.
    ///
    /// # Errors
    /// `ModelFile` at the key where the counts differ or a score is not a number.
    pub(super) fn new(
        vocabulary: &Vocabulary,
        scores: &[f32],
        unknown: Option<u32>,
        space_prefix: bool,
    ) -> Result<Self> {
        let bad = |what: String| Error::model_file(what, Location::part(SCORES));
        if scores.len() != vocabulary.len() {
            return Err(bad(format!(
                "expected a score for each of {} tokens, found {}",
                vocabulary.len(),
                scores.len()
            )));
        }
        if let Some(id) = scores.iter().position(|score| score.is_nan()) {
            return Err(bad(format!("expected a number for every token, the score of token {id} is not one")));
        }
        let bytes = std::array::from_fn(|byte| vocabulary.find_byte(byte as u8));
        Ok(Self { priorities: scores.iter().map(|&score| in_order(score)).collect(), bytes, unknown, space_prefix })
    }

    /// Appends the ids of a text that holds no special token; `starts` says that it doesn't follow other text.
    pub(super) fn encode(&self, vocabulary: &Vocabulary, text: &str, starts: bool, out: &mut Vec<u32>) {
        let prefix = if starts && self.space_prefix { SPACE_MARK } else { "" };
        let text = [prefix, &text.replace(' ', SPACE_MARK)].concat();
        let token = |start: u32, len: u32| {
            if len as usize > vocabulary.longest() {
                return None;
            }
            let id = vocabulary.find(text.get(start as usize..(start + len) as usize)?)?;
            // Text never becomes a control token, even where its pieces would join to one.
            (!vocabulary.is_special(id)).then_some(id)
        };
        let symbol = |(start, character): (usize, char)| {
            let (start, len) = (start as u32, character.len_utf8() as u32);
            Symbol { start, len, id: token(start, len) }
        };
        let mut symbols: Vec<Symbol> = text.char_indices().map(symbol).collect();
        Merger::default().merge(&mut symbols, |a, b| {
            let id = token(a.start, a.len + b.len)?;
            Some(Joined { priority: self.priorities.get(id as usize).copied()?, id })
        });
        for symbol in symbols.iter().filter(|symbol| symbol.len > 0) {
            match symbol.id {
                Some(id) => out.push(id),
                None => {
                    let bytes = &text.as_bytes()[symbol.start as usize..(symbol.start + symbol.len) as usize];
                    out.extend(bytes.iter().filter_map(|&byte| self.bytes[byte as usize].or(self.unknown)));
                }
            }
        }
    }
}

/// An integer that orders as the score does.
fn in_order(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits(); // -0 becomes 0
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::vocabulary::Spelling;
    use super::*;

    const TOKENS: [&str; 8] = ["<unk>", "a", "b", "ab", "▁", "▁a", "<0xC3>", "<s>"];

    fn encode(scores: &[f32; 8], types: &[i32; 8], prefix: bool, text: &str) -> Vec<u32> {
        let vocabulary = Vocabulary::new(Spelling::SentencePiece, &TOKENS, Some(types)).unwrap();
        let model = SentencePiece::new(&vocabulary, scores, Some(0), prefix).unwrap();
        let mut out = Vec::new();
        model.encode(&vocabulary, text, true, &mut out);
        out
    }

    const SCORES: [f32; 8] = [0.0, -1.0, -2.0, -3.0, -4.0, -5.0, 0.0, 0.0];
    const TYPES: [i32; 8] = [2, 1, 1, 1, 1, 1, 6, 3];

    #[test]
    fn the_highest_score_joins_first() {
        assert_eq!(encode(&SCORES, &TYPES, false, " ab"), [4, 3]);
        let mut scores = SCORES;
        scores[5] = -2.5;
        assert_eq!(encode(&scores, &TYPES, false, " ab"), [5, 2]);
    }

    #[test]
    fn a_character_without_a_token_becomes_bytes_or_the_unknown_token() {
        assert_eq!(encode(&SCORES, &TYPES, false, "é"), [6, 0]);
    }

    #[test]
    fn the_prefix_is_a_space() {
        assert_eq!(encode(&SCORES, &TYPES, true, "a"), [5]);
        assert_eq!(encode(&SCORES, &TYPES, true, ""), [4]);
    }

    #[test]
    fn text_does_not_join_to_a_control_token() {
        let control = |kind| {
            let tokens = ["<", "s>", "<s>", "s", ">"];
            let vocabulary = Vocabulary::new(Spelling::SentencePiece, &tokens, Some(&[1, 1, kind, 1, 1])).unwrap();
            let model = SentencePiece::new(&vocabulary, &[0.0; 5], None, false).unwrap();
            let mut out = Vec::new();
            model.encode(&vocabulary, "<s>", true, &mut out);
            out
        };
        assert_eq!(control(1), [2]);
        assert_eq!(control(3), [0, 1]);
    }

    #[test]
    fn scores_that_do_not_fit_the_tokens_are_refused() {
        let vocabulary = Vocabulary::new(Spelling::SentencePiece, &["a", "b"], None).unwrap();
        let message = |scores: &[f32]| SentencePiece::new(&vocabulary, scores, None, false).unwrap_err().to_string();
        assert_eq!(message(&[1.0]), "expected a score for each of 2 tokens, found 1 (tokenizer.ggml.scores)");
        assert_eq!(
            message(&[1.0, f32::NAN]),
            "expected a number for every token, the score of token 1 is not one (tokenizer.ggml.scores)"
        );
    }

    proptest! {
        #[test]
        fn integers_order_as_scores_do(a in any::<f32>(), b in any::<f32>()) {
            prop_assume!(!a.is_nan() && !b.is_nan());
            prop_assert_eq!(in_order(a).cmp(&in_order(b)), a.partial_cmp(&b).unwrap());
        }
    }
}
