//! Joining neighbours, best pair first: the loop under both byte-level BPE and SentencePiece's BPE.
//!
//! Source: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units" (arXiv:1508.07909); the order of equal
//! candidates (leftmost first) is llama.cpp's. The two algorithms differ only in what makes a pair joinable and how good it is:
//! the rank of a merge rule, or the score of the token that comes out. That is the `join` closure; the rest is here once.
//!
//! Symbols form a doubly linked list over a slice. Candidates wait in a heap; a candidate that has been overtaken (one of its
//! symbols has been joined meanwhile) is recognised when it comes out, because symbols only ever grow. Time is
//! O(n log n) for n symbols.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A stretch of the text that will become one token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol {
    /// Where it starts, in bytes of the text.
    pub start: u32,
    /// How many bytes; 0 once it has been joined to its left neighbour.
    pub len: u32,
    /// The token, where the vocabulary has one.
    pub id: Option<u32>,
}

/// What two neighbours become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joined {
    /// Larger goes first.
    pub priority: u32,
    /// The token.
    pub id: u32,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    priority: u32,
    left: Reverse<u32>,
    right: u32,
    len: u32,
    id: u32,
}

/// Room for the loop, kept between texts.
#[derive(Default)]
pub(super) struct Merger {
    candidates: BinaryHeap<Candidate>,
    /// For each symbol the places of its left and right neighbour; `NONE` at the ends.
    links: Vec<(u32, u32)>,
}

const NONE: u32 = u32::MAX;

impl Merger {
    /// Joins neighbours among `symbols` until `join` finds no pair. Symbols lie end to end in the text; those with `len` 0
    /// afterwards are gone.
    pub(super) fn merge(&mut self, symbols: &mut [Symbol], join: impl Fn(&Symbol, &Symbol) -> Option<Joined>) {
        let count = symbols.len() as u32; // a text has fewer than 2^32 bytes
        self.candidates.clear();
        self.links.clear();
        self.links.extend(
            (0..count)
                .map(|place| (place.checked_sub(1).unwrap_or(NONE), if place + 1 < count { place + 1 } else { NONE })),
        );
        for right in 1..count {
            self.propose(symbols, right - 1, right, &join);
        }
        while let Some(best) = self.candidates.pop() {
            let (left, right) = (best.left.0 as usize, best.right as usize);
            let (left_len, right_len) = (symbols[left].len, symbols[right].len);
            if left_len == 0 || right_len == 0 || left_len + right_len != best.len {
                continue; // overtaken
            }
            symbols[left].len = best.len;
            symbols[left].id = Some(best.id);
            symbols[right].len = 0;
            let (before, after) = (self.links[left].0, self.links[right].1);
            self.links[left].1 = after;
            if after != NONE {
                self.links[after as usize].0 = best.left.0;
            }
            self.propose(symbols, before, best.left.0, &join);
            self.propose(symbols, best.left.0, after, &join);
        }
    }

    fn propose(
        &mut self,
        symbols: &[Symbol],
        left: u32,
        right: u32,
        join: impl Fn(&Symbol, &Symbol) -> Option<Joined>,
    ) {
        let (Some(a), Some(b)) = (symbols.get(left as usize), symbols.get(right as usize)) else { return };
        if let Some(Joined { priority, id }) = join(a, b) {
            self.candidates.push(Candidate { priority, left: Reverse(left), right, len: a.len + b.len, id });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn symbols(text: &str) -> Vec<Symbol> {
        (0..text.len() as u32).map(|start| Symbol { start, len: 1, id: None }).collect()
    }

    fn span<'a>(text: &'a str, a: &Symbol, b: &Symbol) -> &'a str {
        &text[a.start as usize..(b.start + b.len) as usize]
    }

    /// Joins by a list of words, the first best.
    fn by_words(text: &str, words: &[&str]) -> Vec<String> {
        let mut list = symbols(text);
        Merger::default().merge(&mut list, |a, b| {
            let place = words.iter().position(|&word| word == span(text, a, b))?;
            Some(Joined { priority: (words.len() - place) as u32, id: place as u32 })
        });
        let kept = list.iter().filter(|symbol| symbol.len > 0);
        kept.map(|symbol| text[symbol.start as usize..(symbol.start + symbol.len) as usize].to_owned()).collect()
    }

    /// The same by rescanning the whole text after each step.
    fn by_words_slowly(text: &str, words: &[&str]) -> Vec<String> {
        let mut parts: Vec<String> = text.chars().map(String::from).collect();
        loop {
            let rank = |place: usize| {
                let pair = format!("{}{}", parts[place], parts[place + 1]);
                words.iter().position(|&word| word == pair)
            };
            let best = (0..parts.len().saturating_sub(1)).filter_map(|place| Some((rank(place)?, place))).min();
            let Some((_, place)) = best else { return parts };
            let right = parts.remove(place + 1);
            parts[place].push_str(&right);
        }
    }

    #[test]
    fn the_best_pair_goes_first_and_the_leftmost_of_equals() {
        assert_eq!(by_words("abc", &["bc", "ab"]), ["a", "bc"]);
        assert_eq!(by_words("abc", &["ab", "bc"]), ["ab", "c"]);
        assert_eq!(by_words("aaa", &["aa"]), ["aa", "a"]);
        assert_eq!(by_words("", &["aa"]), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn agrees_with_rescanning(text in "[ab]{0,12}", words in prop::collection::vec("[ab]{2,4}", 0..6)) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            prop_assert_eq!(by_words(&text, &words), by_words_slowly(&text, &words));
        }
    }
}
