//! Finding special tokens in a text, before it is cut into words.
//!
//! Source: llama.cpp (`llama-vocab.cpp`, `tokenizer_st_partition`). Its order matters where tokens overlap: the longest token
//! takes all its occurrences from left to right, then the next longest takes its own from what is left. The one idea: one
//! pass of an Aho-Corasick automaton tells which of the thousands of special tokens occur at all, and only those few are
//! looked for in that order.

use std::ops::Range;

use aho_corasick::AhoCorasick;

use super::vocabulary::{TokenType, Vocabulary};
use crate::{Error, Location, Result};

/// The special tokens of a vocabulary: control, unknown and user-defined ones.
#[derive(Debug)]
pub(super) struct Specials {
    automaton: AhoCorasick,
    /// Longest first, then by id; in the order of the automaton's patterns.
    tokens: Vec<Special>,
}

#[derive(Debug)]
struct Special {
    id: u32,
    /// Whether white space after it belongs to it.
    strips_right: bool,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Bytes from here to there hold no special token.
    Text(Range<usize>),
    /// A special token.
    Token(u32),
}

impl Specials {
    /// Collects the special tokens; `strips_right` says whose following white space is dropped.
    ///
    /// # Errors
    /// `ModelFile` where there are too many to search for.
    pub(super) fn new(vocabulary: &Vocabulary, strips_right: impl Fn(u32) -> bool) -> Result<Self> {
        let is_special = |&id: &u32| vocabulary.is_special(id) || vocabulary.token_type(id) == TokenType::UserDefined;
        let mut ids: Vec<u32> = (0..vocabulary.len() as u32).filter(is_special).collect();
        ids.retain(|&id| !vocabulary.text(id).is_empty());
        ids.sort_by_key(|&id| (std::cmp::Reverse(vocabulary.text(id).len()), id));
        let automaton = AhoCorasick::new(ids.iter().map(|&id| vocabulary.text(id)))
            .map_err(|source| Error::model_file(source.to_string(), Location::part(super::vocabulary::TOKEN_TYPES)))?;
        let tokens = ids.into_iter().map(|id| Special { id, strips_right: strips_right(id) }).collect();
        Ok(Self { automaton, tokens })
    }

    /// Cuts `text` at the special tokens for which `counts` holds at their place.
    pub(super) fn split(
        &self,
        vocabulary: &Vocabulary,
        text: &str,
        counts: impl Fn(u32, Range<usize>) -> bool,
    ) -> Vec<Part> {
        let mut occurs = vec![false; self.tokens.len()];
        for found in self.automaton.find_overlapping_iter(text) {
            let place = found.pattern().as_usize();
            if !occurs[place] && counts(self.tokens[place].id, found.range()) {
                occurs[place] = true;
            }
        }
        let mut parts = Vec::new();
        if !text.is_empty() {
            parts.push(Part::Text(0..text.len()));
        }
        for (special, _) in self.tokens.iter().zip(occurs).filter(|(_, occurs)| *occurs) {
            let token = vocabulary.text(special.id);
            let mut finer = Vec::with_capacity(parts.len() + 2);
            for part in parts {
                match part {
                    Part::Text(range) => special.take(token, text, range, &counts, &mut finer),
                    Part::Token(_) => finer.push(part),
                }
            }
            parts = finer;
        }
        parts
    }
}

impl Special {
    /// Cuts one stretch of `text` at this token.
    fn take(
        &self,
        token: &str,
        text: &str,
        stretch: Range<usize>,
        counts: impl Fn(u32, Range<usize>) -> bool,
        out: &mut Vec<Part>,
    ) {
        let (mut start, mut from) = (stretch.start, stretch.start);
        while let Some(place) = text.get(from..stretch.end).and_then(|rest| rest.find(token)) {
            let found = from + place..from + place + token.len();
            if !counts(self.id, found.clone()) {
                from = found.start + text[found].chars().next().map_or(1, char::len_utf8);
                continue;
            }
            if start < found.start {
                out.push(Part::Text(start..found.start));
            }
            out.push(Part::Token(self.id));
            start = found.end;
            if self.strips_right {
                let rest = text[start..stretch.end].trim_start_matches([' ', '\t', '\n', '\r', '\x0B', '\x0C']);
                start = stretch.end - rest.len();
            }
            from = start;
        }
        if start < stretch.end {
            out.push(Part::Text(start..stretch.end));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::vocabulary::Spelling;
    use super::*;

    fn split(tokens: &[&str], strips: bool, text: &str) -> Vec<Part> {
        let types = vec![4; tokens.len()];
        let vocabulary = Vocabulary::new(Spelling::ByteLevel, tokens, Some(&types)).unwrap();
        Specials::new(&vocabulary, |_| strips).unwrap().split(&vocabulary, text, |_, _| true)
    }

    #[test]
    fn the_longest_token_takes_its_places_first() {
        use Part::{Text, Token};
        assert_eq!(split(&["\n", "\n\n"], false, "a\n\n\nb"), [Text(0..1), Token(1), Token(0), Text(4..5)]);
        assert_eq!(split(&["ab", "bcd"], false, "abcd"), [Text(0..1), Token(1)]); // not the leftmost, the longest
        assert_eq!(split(&["aa"], false, "aaa"), [Token(0), Text(2..3)]);
        assert_eq!(split(&["x"], false, "abc"), [Text(0..3)]);
        assert_eq!(split(&["x"], false, ""), []);
    }

    #[test]
    fn white_space_after_a_token_goes_where_the_model_says_so() {
        use Part::{Text, Token};
        assert_eq!(split(&["<s>"], true, "<s> \n a<s> "), [Token(0), Text(6..7), Token(0)]);
        assert_eq!(split(&["<s>"], false, "<s> a"), [Token(0), Text(3..5)]);
    }

    #[test]
    fn a_place_that_does_not_count_stays_text() {
        let vocabulary = Vocabulary::new(Spelling::ByteLevel, &["éé"], Some(&[3])).unwrap();
        let specials = Specials::new(&vocabulary, |_| false).unwrap();
        let parts = specials.split(&vocabulary, "éééé", |_, range| range.start != 0);
        assert_eq!(parts, [Part::Text(0..2), Part::Token(0), Part::Text(6..8)]);
    }

    proptest! {
        #[test]
        fn parts_are_the_whole_text(text in "[abé\n]{0,20}") {
            let tokens = ["a", "ab", "é", "bé", "\n\n"];
            let mut joined = String::new();
            for part in split(&tokens, false, &text) {
                match part {
                    Part::Text(range) => joined.push_str(&text[range]),
                    Part::Token(id) => joined.push_str(tokens[id as usize]),
                }
            }
            prop_assert_eq!(joined, text);
        }
    }
}
