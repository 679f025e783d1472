//! Summaries made of the source's own sentences, so that no number, name or date can be invented.
//!
//! The model reads the text and is asked for its summary; each sentence is scored by how likely the model finds it as that
//! answer, against how likely it finds the sentence with no text before it. Sentences that stand early gain a little (news and
//! letters lead with what matters), sentences that repeat a chosen one lose (maximal marginal relevance, Carbonell & Goldstein
//! 1998). Long texts are read in windows. Compression and joining of sentences are left out here.

use std::collections::HashSet;
use std::ops::Range;

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

use super::ServedBy;
use super::prompt::{continuation, question};
use super::scorer::Scorer;
use super::sentences::{count_words, sentences};
use crate::generate::{Engine, softmax};
use crate::runtime::CancelToken;
use crate::{Error, Result};

/// Bytes of a text that one call takes.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
/// Sentences that a summary may have.
const MAX_SENTENCES: usize = 100;
/// Tokens that one window of a long text holds, question included.
const WINDOW_TOKENS: usize = 1536;
/// Tokens of a sentence beyond which only its beginning is scored.
const MAX_SENTENCE_TOKENS: usize = 96;
/// Words below which a sentence may be a salutation, a heading or a fragment.
const MIN_WORDS: usize = 5;
/// What a sentence ends with.
const STOPS: [char; 6] = ['.', '!', '?', '。', '！', '？'];
/// What the first sentence gains over the last, in nats a token.
const LEAD_BONUS: f32 = 0.35;
/// What a sentence that repeats a chosen one word for word loses, in nats a token.
const REPEAT_PENALTY: f32 = 1.5;
const INSTRUCTION: &str = "You summarize texts. Answer with the most important sentence of the text and nothing else.";

/// How a text is summarised.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SummarizeOptions {
    /// Most sentences of the summary.
    pub sentences: usize,
    /// Most words of the summary; a sentence that would pass it is left out.
    pub max_words: Option<usize>,
}

impl Default for SummarizeOptions {
    /// Three sentences, as much as a notification shows.
    fn default() -> Self {
        Self { sentences: 3, max_words: None }
    }
}

impl SummarizeOptions {
    /// Most sentences of the summary, 1 to 100.
    pub fn sentences(mut self, sentences: usize) -> Self {
        self.sentences = sentences;
        self
    }

    /// Most words of the summary, at least 1.
    pub fn max_words(mut self, words: usize) -> Self {
        self.max_words = Some(words);
        self
    }
}

/// A text in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The chosen sentences in the source's order, one a line.
    pub text: String,
    /// The chosen sentences and where they stand.
    pub sentences: Vec<SummarySentence>,
    /// Share of the model's preference over all sentences that the chosen ones hold; not calibrated on data yet.
    pub confidence: f32,
    /// Who answered.
    pub served_by: ServedBy,
}

/// A sentence of a summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SummarySentence {
    /// The sentence, as it stands in the source but for line breaks.
    pub text: String,
    /// Bytes of the source that it came from.
    pub source: Range<usize>,
    /// The model's preference for it, as a share of all sentences'.
    pub confidence: f32,
}

/// Summarises `text`; `progress` gets the share that is done, 0 to 1.
///
/// A text without a sentence gives an empty summary with confidence 0; one with no more sentences than were asked for is its
/// own summary. Sentences of a few words are left to longer ones where there are enough of those.
///
/// # Errors
/// `InvalidInput` for limits of zero or a text over [`MAX_TEXT_BYTES`]; `Cancelled`.
pub fn summarize(
    engine: &Engine,
    text: &str,
    options: &SummarizeOptions,
    cancel: &CancelToken,
    mut progress: impl FnMut(f32),
) -> Result<Summary> {
    check(text, options)?;
    let candidates = candidates(text, &sentences(text), options.sentences);
    if candidates.is_empty() || (candidates.len() <= options.sentences && options.max_words.is_none()) {
        let parts = candidates.iter().map(|candidate| (candidate.range.clone(), 1.0)).collect();
        return Ok(assemble(text, parts, ServedBy::Rules));
    }
    let mut scores = score(engine, text, &candidates, cancel, &mut progress)?;
    let last = candidates.len().saturating_sub(1).max(1) as f32;
    for (index, score) in scores.iter_mut().enumerate() {
        *score += LEAD_BONUS * (1.0 - index as f32 / last);
    }
    let shares = softmax(&scores);
    let chosen = choose(text, &candidates, &scores, options);
    tracing::debug!(sentences = candidates.len(), chosen = chosen.len(), "summarised");
    let parts = chosen.into_iter().map(|index| (candidates[index].range.clone(), shares[index])).collect();
    Ok(assemble(text, parts, ServedBy::OnDevice))
}

#[derive(Clone)]
struct Candidate {
    range: Range<usize>,
    words: HashSet<String>,
    word_count: usize,
}

/// The sentences that a summary of `wanted` is chosen from: those long enough to say something. Where that leaves no choice, short ones that
/// end as sentences do are there too (`Do not pay.`, and not `Dear Ms Smith,`), and where there is nothing else, all.
fn candidates(text: &str, ranges: &[Range<usize>], wanted: usize) -> Vec<Candidate> {
    let all = ranges.iter().map(|range| {
        let sentence = &text[range.clone()];
        let words = sentence.unicode_words().map(str::to_lowercase).collect();
        Candidate { range: range.clone(), words, word_count: count_words(sentence) }
    });
    let (long, mut short): (Vec<_>, Vec<_>) = all.partition(|candidate| candidate.word_count >= MIN_WORDS);
    if long.is_empty() {
        return short;
    }
    if long.len() > wanted {
        return long;
    }
    short.retain(|candidate| text[candidate.range.clone()].trim_end().ends_with(STOPS));
    let mut both = [long, short].concat();
    both.sort_by_key(|candidate| candidate.range.start);
    both
}

/// What the model gains for each sentence, in nats a token, by having read the text.
fn score(
    engine: &Engine,
    text: &str,
    candidates: &[Candidate],
    cancel: &CancelToken,
    progress: &mut impl FnMut(f32),
) -> Result<Vec<f32>> {
    let blank = question(engine, INSTRUCTION, "")?;
    let room = engine.config().context_length.min(WINDOW_TOKENS).saturating_sub(blank.len() + MAX_SENTENCE_TOKENS);
    // A sentence's share of a window: up to where the next one starts, with whatever stands between.
    let starts = candidates.iter().map(|candidate| candidate.range.start);
    let ends = starts.clone().skip(1).chain([text.len()]);
    let lengths: Vec<usize> = starts
        .zip(ends)
        .map(|(start, end)| Ok(continuation(engine, &text[start..end])?.len()))
        .collect::<Result<_>>()?;
    let mut unread = Scorer::new(engine, blank.len() + MAX_SENTENCE_TOKENS)?;
    let mut scores = Vec::with_capacity(candidates.len());
    for window in windows(&lengths, room.max(1)) {
        let start = candidates[window.start].range.start;
        let end = candidates[window.end - 1].range.end;
        let prompt = question(engine, INSTRUCTION, within(&text[start..end], &lengths[window.clone()], room))?;
        let mut read = Scorer::new(engine, prompt.len() + MAX_SENTENCE_TOKENS)?;
        for candidate in &candidates[window] {
            let mut ids = continuation(engine, &text[candidate.range.clone()])?;
            ids.truncate(MAX_SENTENCE_TOKENS);
            let gain = read.score(&prompt, &ids, cancel)?.mean() - unread.score(&blank, &ids, cancel)?.mean();
            scores.push(gain);
            progress(scores.len() as f32 / candidates.len() as f32);
        }
    }
    Ok(scores)
}

/// The text of a window; its beginning where a single sentence has more than `room` tokens. (A token is at least a byte.)
fn within<'t>(text: &'t str, lengths: &[usize], room: usize) -> &'t str {
    if lengths.iter().sum::<usize>() <= room { text } else { &text[..text.floor_char_boundary(room)] }
}

/// Runs of sentences of at most `limit` tokens together; a longer sentence stands alone.
fn windows(lengths: &[usize], limit: usize) -> Vec<Range<usize>> {
    let mut windows = Vec::new();
    let (mut start, mut tokens) = (0, 0);
    for (index, length) in lengths.iter().enumerate() {
        if index > start && tokens + length > limit {
            windows.push(start..index);
            (start, tokens) = (index, 0);
        }
        tokens += length;
    }
    if start < lengths.len() {
        windows.push(start..lengths.len());
    }
    windows
}

/// Indices of the chosen sentences, in the source's order.
fn choose(text: &str, candidates: &[Candidate], scores: &[f32], options: &SummarizeOptions) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    let mut words_left = options.max_words.unwrap_or(usize::MAX);
    // how much of each sentence the chosen ones say already; all of it takes it out of the choice
    let mut said = vec![0.0f32; candidates.len()];
    while chosen.len() < options.sentences {
        let value = |index: usize| scores[index] - REPEAT_PENALTY * said[index];
        let open = (0..candidates.len())
            .filter(|index| said[*index] < f32::INFINITY && candidates[*index].word_count <= words_left);
        let Some(best) = open.max_by(|a, b| value(*a).total_cmp(&value(*b))) else { break };
        words_left -= candidates[best].word_count;
        chosen.push(best);
        let sentence = &text[candidates[best].range.clone()];
        for (candidate, said) in candidates.iter().zip(&mut said) {
            let same = &text[candidate.range.clone()] == sentence;
            *said = if same { f32::INFINITY } else { said.max(overlap(candidate, &candidates[best])) };
        }
    }
    chosen.sort_unstable();
    chosen
}

/// Share of the words of `a` that stand in `b` too.
fn overlap(a: &Candidate, b: &Candidate) -> f32 {
    a.words.intersection(&b.words).count() as f32 / a.words.len().max(1) as f32
}

fn assemble(text: &str, parts: Vec<(Range<usize>, f32)>, served_by: ServedBy) -> Summary {
    let sentences: Vec<SummarySentence> = parts
        .into_iter()
        .map(|(source, confidence)| SummarySentence {
            text: text[source.clone()].split_whitespace().collect::<Vec<_>>().join(" "),
            source,
            confidence,
        })
        .collect();
    let lines: Vec<&str> = sentences.iter().map(|sentence| sentence.text.as_str()).collect();
    let confidence = match served_by {
        ServedBy::Rules => f32::from(u8::from(!sentences.is_empty())),
        ServedBy::OnDevice => {
            sentences.iter().map(|sentence| sentence.confidence).fold(0.0, |sum, share| sum + share).min(1.0)
        }
    };
    Summary { text: lines.join("\n"), confidence, sentences, served_by }
}

fn check(text: &str, options: &SummarizeOptions) -> Result<()> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Error::invalid("text", format!("{} bytes, at most {MAX_TEXT_BYTES} serve", text.len())));
    }
    if !(1..=MAX_SENTENCES).contains(&options.sentences) {
        let what = format!("{} sentences, expected 1 to {MAX_SENTENCES}", options.sentences);
        return Err(Error::invalid("sentences", what));
    }
    if options.max_words == Some(0) {
        return Err(Error::invalid("max_words", "0 words, expected at least 1"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str, scores: &[f32], options: &SummarizeOptions) -> Vec<usize> {
        let candidates = candidates(text, &sentences(text), options.sentences);
        choose(text, &candidates, scores, options)
    }

    const TEXT: &str = "The loan ends on the first of May. The loan ends on the first of May 2027. \
                        A fee of nine euros is due each year. Please call us if you have any questions.";

    #[test]
    fn the_best_sentences_stand_in_the_source_s_order() {
        assert_eq!(chosen(TEXT, &[0.0, 1.0, 3.0, 2.0], &SummarizeOptions::default().sentences(2)), [2, 3]);
    }

    #[test]
    fn a_sentence_that_repeats_a_chosen_one_gives_way() {
        assert_eq!(chosen(TEXT, &[2.9, 3.0, 2.0, 0.0], &SummarizeOptions::default().sentences(2)), [1, 2]);
    }

    #[test]
    fn short_sentences_count_where_there_are_few() {
        let found = |text: &str, wanted| {
            let candidates = candidates(text, &sentences(text), wanted);
            candidates.iter().map(|candidate| text[candidate.range.clone()].trim().to_owned()).collect::<Vec<_>>()
        };
        let letter = "Dear Ms Smith,\n\nDo not pay. This letter corrects the invoice that we sent you last week.";
        assert_eq!(found(letter, 3).len(), 2);
        assert_eq!(found(letter, 1), found(letter, 3), "the model chooses");
        assert_eq!(found(letter, 3)[0], "Do not pay.");
        assert_eq!(found(&format!("Hello. {TEXT}"), 3).len(), 4, "long ones are enough");
        assert_eq!(found("Hello there", 3), ["Hello there"]);
    }

    #[test]
    fn a_word_limit_holds() {
        let options = SummarizeOptions::default().max_words(9);
        assert_eq!(chosen(TEXT, &[0.0, 0.0, 3.0, 2.0], &options), [2]);
    }

    #[test]
    fn a_window_s_text_holds_its_room() {
        assert_eq!(within("two words", &[2], 2), "two words");
        assert_eq!(within("ééé", &[3, 4], 5), "éé");
    }

    #[test]
    fn windows_hold_their_limit() {
        assert_eq!(windows(&[3, 3, 9, 1], 6), [0..2, 2..3, 3..4]);
        assert!(windows(&[], 6).is_empty());
    }

    #[test]
    fn refuses_limits_of_zero() {
        let error = check("x", &SummarizeOptions::default().sentences(0)).unwrap_err();
        assert_eq!(error.to_string(), "0 sentences, expected 1 to 100 (sentences)");
    }
}
