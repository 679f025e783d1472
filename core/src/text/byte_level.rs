//! Byte-level BPE: the tokenizer of GPT-2 and of what came after it (`tokenizer.ggml.model` = `gpt2`).
//!
//! Source: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), section 2.2; the merges are those of
//! `tokenizer.ggml.merges`, two token texts with a space between, best first. The one idea: a text is bytes, each byte is a
//! token, and merge rules join neighbouring tokens, so every text can be spelt and comes back unchanged. (A few published
//! vocabularies lack tokens for some bytes, SmolLM2 for 21 that occur in almost no text: such bytes are left out, as llama.cpp
//! and the reference tokenizers do.)
//!
//! Why not the BPE of the `tokenizers` crate: it keeps every token text twice and every merge as two strings while loading,
//! which costs a phone tens of megabytes for a vocabulary of 150,000; its pattern engine backtracks; and SentencePiece needs
//! this loop anyway.

use std::collections::HashMap;

use super::merge::{Joined, Merger, Symbol};
use super::pretokenize::PreTokenizer;
use super::vocabulary::{BYTE_CHARS, Vocabulary};
use crate::{Error, Location, Result};

/// The key of the merge rules.
pub(super) const MERGES: &str = "tokenizer.ggml.merges";

/// Merge rules over the ids of a vocabulary.
#[derive(Debug)]
pub(super) struct ByteLevel {
    words: PreTokenizer,
    bytes: [Option<u32>; 256],
    /// Left and right id to what they become.
    merges: HashMap<(u32, u32), Joined>,
}

impl ByteLevel {
    /// The rules `merges` in the order of their rank.
    ///
    /// # Errors
    /// `ModelFile` at the key where a rule is not two tokens with a space between, or they don't make a token.
    pub(super) fn new(vocabulary: &Vocabulary, words: PreTokenizer, merges: &[&str]) -> Result<Self> {
        let mut rules = HashMap::with_capacity(merges.len());
        for (rank, rule) in (0u32..).zip(merges) {
            let (left, right, joined) = ids(vocabulary, rule).ok_or_else(|| {
                let what = format!("expected two tokens that make a third, merge {rank} is something else");
                Error::model_file(what, Location::part(MERGES))
            })?;
            // Text never becomes a control token: only a hostile file has such a rule.
            if !vocabulary.is_special(joined) {
                rules.entry((left, right)).or_insert(Joined { priority: u32::MAX - rank, id: joined });
            }
        }
        let bytes = BYTE_CHARS.map(|character| vocabulary.find(character.encode_utf8(&mut [0; 4])));
        Ok(Self { words, bytes, merges: rules })
    }

    /// Whether prompts start with BOS unless the file says otherwise.
    pub(super) fn adds_bos(&self) -> bool {
        self.words.adds_bos
    }

    /// Appends the ids of a text that holds no special token.
    pub(super) fn encode(&self, vocabulary: &Vocabulary, text: &str, out: &mut Vec<u32>) {
        let mut merger = Merger::default();
        let mut symbols = Vec::new();
        for range in self.words.words(text) {
            let word = &text.as_bytes()[range];
            if self.words.whole_words
                && word.len() <= vocabulary.longest()
                && let Some(id) =
                    vocabulary.find(&word.iter().map(|&byte| BYTE_CHARS[byte as usize]).collect::<String>())
                && !vocabulary.is_special(id)
            {
                out.push(id);
                continue;
            }
            symbols.clear();
            symbols.extend((0u32..).zip(word).map(|(start, &byte)| Symbol {
                start,
                len: 1,
                id: self.bytes[byte as usize],
            }));
            merger.merge(&mut symbols, |a, b| self.merges.get(&(a.id?, b.id?)).copied());
            out.extend(symbols.iter().filter(|symbol| symbol.len > 0).filter_map(|symbol| symbol.id));
        }
    }
}

/// The ids of a rule's left and right side and of what they make. A side may start with a space, but holds no other.
fn ids(vocabulary: &Vocabulary, rule: &str) -> Option<(u32, u32, u32)> {
    let first = rule.chars().next()?.len_utf8();
    let space = first + rule.get(first..)?.find(' ')?;
    let (left, right) = (rule.get(..space)?, rule.get(space + 1..)?);
    Some((vocabulary.find(left)?, vocabulary.find(right)?, vocabulary.find(&[left, right].concat())?))
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::Spelling;
    use super::*;

    fn model(tokens: &[&str], merges: &[&str], pre: &str) -> Result<(Vocabulary, ByteLevel)> {
        let vocabulary = Vocabulary::new(Spelling::ByteLevel, tokens, None)?;
        let model = ByteLevel::new(&vocabulary, PreTokenizer::named(pre)?, merges)?;
        Ok((vocabulary, model))
    }

    fn encode(tokens: &[&str], merges: &[&str], pre: &str, text: &str) -> Vec<u32> {
        let (vocabulary, model) = model(tokens, merges, pre).unwrap();
        let mut out = Vec::new();
        model.encode(&vocabulary, text, &mut out);
        out
    }

    #[test]
    fn rules_apply_in_the_order_of_their_rank() {
        let tokens = ["a", "b", "c", "ab", "bc", "abc"];
        assert_eq!(encode(&tokens, &["b c", "a b"], "gpt-2", "abc"), [0, 4]);
        assert_eq!(encode(&tokens, &["a b", "b c"], "gpt-2", "abc"), [3, 2]);
        assert_eq!(encode(&tokens, &["a b", "b c", "ab c"], "gpt-2", "abc"), [5]);
        assert_eq!(encode(&tokens, &["b c", "a b", "b c"], "gpt-2", "abc"), [0, 4]); // a repeated rule keeps its first rank
    }

    #[test]
    fn a_whole_word_wins_over_merges_where_the_family_says_so() {
        let tokens = ["a", "b", "c", "ab", "abc"];
        assert_eq!(encode(&tokens, &["a b"], "llama-bpe", "abc"), [4]);
        assert_eq!(encode(&tokens, &["a b"], "gpt-2", "abc"), [3, 2]);
    }

    #[test]
    fn a_byte_without_a_token_is_left_out_and_parts_its_neighbours() {
        assert_eq!(encode(&["a", "b", "ab"], &["a b"], "gpt-2", "abaxb"), [2, 0, 1]);
    }

    #[test]
    fn a_merge_that_makes_no_token_is_named() {
        for merge in ["", " ", "a", "a b", "a  b", "ab", "x a"] {
            let error = model(&["a", "b"], &[merge], "gpt-2").unwrap_err().to_string();
            assert_eq!(
                error,
                "expected two tokens that make a third, merge 0 is something else (tokenizer.ggml.merges)"
            );
        }
    }
}
