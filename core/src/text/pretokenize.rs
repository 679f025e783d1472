//! Cutting text into words before byte-level BPE: merges never cross a cut.
//!
//! Source: the patterns published in the `tokenizer.json` of GPT-2, SmolLM, Llama 3 and Qwen 2, under the names that llama.cpp
//! gives them in `tokenizer.ggml.pre` (`llama-vocab.cpp`). The originals end in `\s+(?!\S)|\s+`: a run of white space, but
//! leave the last one to the word that follows. The one idea: that look-ahead is done here by hand, so the patterns run on an
//! engine without backtracking, in linear time on any text. Lists of special tokens are not handled here.

use std::ops::Range;

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input, PatternID};

use crate::{Error, Result};

/// The key that names the pattern.
pub(super) const PRE: &str = "tokenizer.ggml.pre";

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+";
const LLAMA3: &str = r"'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+";
const QWEN2: &str = r"'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+";

/// How one `tokenizer.ggml.pre` cuts.
struct Row {
    names: &'static [&'static str],
    /// Applied one after the other, each to the pieces of the one before.
    cuts: &'static [Cut],
    whole_words: bool,
    adds_bos: bool,
}

enum Cut {
    /// Each match is a piece, and so is what lies between matches.
    Isolate(&'static str),
    /// Pieces are matches of the pattern, or runs of white space.
    Words(&'static str),
}

const ROWS: [Row; 5] = [
    Row { names: &["gpt-2", "phi-2"], cuts: &[Cut::Words(GPT2)], whole_words: false, adds_bos: false },
    Row {
        names: &["default"],
        cuts: &[
            Cut::Isolate(r"[\p{P}$+<=>^~|]+"),
            Cut::Words(GPT2),
            Cut::Isolate(r"\p{N}+"),
            Cut::Isolate("[0-9][0-9][0-9]"),
        ],
        whole_words: false,
        adds_bos: false,
    },
    Row { names: &["smollm"], cuts: &[Cut::Isolate(r"\p{N}"), Cut::Words(GPT2)], whole_words: false, adds_bos: false },
    Row { names: &["llama-bpe", "llama3", "llama-v3"], cuts: &[Cut::Words(LLAMA3)], whole_words: true, adds_bos: true },
    Row { names: &["qwen2", "deepseek-r1-qwen"], cuts: &[Cut::Words(QWEN2)], whole_words: false, adds_bos: false },
];

/// The compiled cuts of one model.
#[derive(Debug)]
pub(super) struct PreTokenizer {
    steps: Vec<Step>,
    /// Whether a word that is a token is that token, whatever the merges say.
    pub whole_words: bool,
    /// Whether prompts start with BOS unless the file says otherwise.
    pub adds_bos: bool,
}

#[derive(Debug)]
enum Step {
    Isolate(Regex),
    /// Pattern 0 is words, pattern 1 is white space.
    Words(Regex),
}

const WHITE_SPACE: PatternID = PatternID::new_unchecked(1);

impl PreTokenizer {
    /// The cuts with this name in `tokenizer.ggml.pre`.
    ///
    /// # Errors
    /// `Unsupported` where the name is not known.
    pub(super) fn named(name: &str) -> Result<Self> {
        let Some(row) = ROWS.iter().find(|row| row.names.contains(&name)) else {
            let known = ROWS.iter().flat_map(|row| row.names).copied().collect::<Vec<_>>().join(", ");
            return Err(Error::unsupported(
                format!("the pre-tokenizer {} is not known", super::tokenizer::quote(name)),
                format!("use a model whose {PRE} is one of {known}"),
            ));
        };
        let compile = |cut: &Cut| {
            let (compiled, step): (_, fn(Regex) -> Step) = match cut {
                Cut::Isolate(pattern) => (Regex::new(pattern), Step::Isolate),
                Cut::Words(pattern) => (Regex::new_many(&[*pattern, r"\s+"]), Step::Words),
            };
            compiled.map(step).map_err(|source| Error::Internal { what: format!("a pattern of {PRE}: {source}") })
        };
        let steps = row.cuts.iter().map(compile).collect::<Result<_>>()?;
        Ok(Self { steps, whole_words: row.whole_words, adds_bos: row.adds_bos })
    }

    /// The words of `text`, in order; together they are the whole text.
    pub(super) fn words(&self, text: &str) -> Vec<Range<usize>> {
        let mut pieces: Vec<Range<usize>> = std::iter::once(0..text.len()).collect();
        for step in &self.steps {
            let mut finer = Vec::with_capacity(pieces.len() + text.len() / 4);
            for piece in pieces {
                step.cut(text, piece, &mut finer);
            }
            pieces = finer;
        }
        pieces
    }
}

impl Step {
    /// A piece is cut as if it were the whole text: what lies around it is not seen.
    fn cut(&self, text: &str, piece: Range<usize>, out: &mut Vec<Range<usize>>) {
        let base = piece.start;
        let Some(text) = text.get(piece) else { return };
        let mut start = 0;
        let mut push = |start: usize, end: usize| {
            if start < end {
                out.push(base + start..base + end);
            }
        };
        match self {
            Self::Isolate(regex) => {
                for found in regex.find_iter(text) {
                    push(start, found.start());
                    push(found.start(), found.end());
                    start = found.end();
                }
                push(start, text.len());
            }
            Self::Words(regex) => {
                while start < text.len() {
                    let found = regex.find(Input::new(text).range(start..).anchored(Anchored::Yes));
                    let mut end = match &found {
                        Some(found) if !found.is_empty() => found.end(),
                        _ => start + char_len(&text[start..]),
                    };
                    if found.is_some_and(|found| found.pattern() == WHITE_SPACE) && end < text.len() {
                        let last = text[..end].chars().next_back().map_or(0, char::len_utf8);
                        if end - last > start {
                            end -= last; // the last space belongs to the next word
                        }
                    }
                    push(start, end);
                    start = end;
                }
            }
        }
    }
}

fn char_len(text: &str) -> usize {
    text.chars().next().map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words<'a>(name: &str, text: &'a str) -> Vec<&'a str> {
        PreTokenizer::named(name).unwrap().words(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn a_word_takes_the_last_space_before_it() {
        assert_eq!(words("gpt-2", "a  b c"), ["a", " ", " b", " c"]);
        assert_eq!(words("gpt-2", "a \n\nb  "), ["a", " \n", "\n", "b", "  "]);
        assert_eq!(words("llama-bpe", "a \n\n  b"), ["a", " \n\n", " ", " b"]);
    }

    #[test]
    fn digits_are_cut_as_each_family_does() {
        assert_eq!(words("gpt-2", "x 12345"), ["x", " 12345"]);
        assert_eq!(words("smollm", "x 123"), ["x", " ", "1", "2", "3"]);
        assert_eq!(words("llama-bpe", "x 12345"), ["x", " ", "123", "45"]);
        assert_eq!(words("qwen2", "x 12"), ["x", " ", "1", "2"]);
        assert_eq!(words("default", "x 12345"), ["x", " ", "123", "45"]);
    }

    #[test]
    fn contractions_ignore_case_only_where_the_family_does() {
        assert_eq!(words("gpt-2", "I'LL we'll"), ["I", "'", "LL", " we", "'ll"]);
        assert_eq!(words("qwen2", "I'LL"), ["I", "'LL"]);
        assert_eq!(words("llama-bpe", "x'ſ"), ["x", "'ſ"]);
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let error = PreTokenizer::named("tekken").unwrap_err().to_string();
        assert_eq!(
            error,
            "the pre-tokenizer `tekken` is not known (use a model whose tokenizer.ggml.pre is one of \
             gpt-2, phi-2, default, smollm, llama-bpe, llama3, llama-v3, qwen2, deepseek-r1-qwen)"
        );
    }

    #[test]
    fn a_megabyte_of_one_character_takes_no_time_to_speak_of() {
        let start = std::time::Instant::now();
        for text in [" ".repeat(1 << 20) + "x", "\n".repeat(1 << 20), "!".repeat(1 << 20)] {
            for row in &ROWS {
                assert!(words(row.names[0], &text).concat() == text);
            }
        }
        assert!(start.elapsed().as_secs() < 60, "not linear: {:?}", start.elapsed());
    }

    proptest! {
        #[test]
        fn words_are_the_whole_text(text in "(\\PC|[ \\s\\r\\n'sLl09a]){0,40}") {
            for row in &ROWS {
                prop_assert_eq!(words(row.names[0], &text).concat(), text.clone());
            }
        }
    }
}
