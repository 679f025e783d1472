//! A title without a model: the clause around the time, without the words that carry the time.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// Graphemes that a title may have; longer ones are cut at a word.
const MAX_GRAPHEMES: usize = 80;

/// Characters that are searched for a clause's end, on either side of the time.
const MAX_CLAUSE_CHARS: usize = 400;

/// Marks that end a clause.
const CLAUSE_ENDS: &[char] = &['.', '!', '?', ';', '\n', '。', '！', '？', '；'];

/// Words that are written with a point.
const ABBREVIATIONS: &[&str] = &["Dr", "Mr", "Mrs", "Ms", "Prof", "St", "No"];

/// Words that stand at the edge of a clause and name nothing. Compared without case; the longer ones first.
const EDGE_WORDS: &[&str] = &[
    "can you please",
    "could you please",
    "please",
    "can you",
    "could you",
    "remind me to",
    "remind me about",
    "remind me",
    "schedule a",
    "schedule an",
    "schedule",
    "set up a",
    "set up",
    "add to my calendar",
    "let's",
    "i'll",
    "i will",
    "we'll",
    "we will",
    "i have a",
    "i have an",
    "i have",
    "on",
    "at",
    "in",
    "from",
    "for",
    "by",
    "to",
    "and",
    "the",
    "with",
    "is",
    "are",
    "until",
    "请",
    "提醒我",
    "帮我",
    "我要",
    "之前",
    "在",
    "于",
    "的",
    "我",
];

/// Words of [`EDGE_WORDS`] that only the end of a clause loses: `to the dentist` at a start says something.
const END_ONLY: &[&str] = &["with", "is", "are", "until"];

/// What stands between two events of one clause: what is before it is of the first, what is after it of the second.
const SEPARATORS: &[&str] = &[",", "，", "、", ";", "；", " and ", " then ", " or ", "和", "然后", "再"];

/// The part of `text` that is about each of some events, given where their times stand (bytes, in the text's order): from one to the
/// next, the words between two of them shared out at the last word or mark that joins clauses.
pub(super) fn shares(text: &str, times: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut shares = Vec::with_capacity(times.len());
    let mut start = 0;
    for (index, time) in times.iter().enumerate() {
        let Some(next) = times.get(index + 1).filter(|next| next.start >= time.end) else {
            shares.push(start..text.len());
            continue;
        };
        let gap = text.get(time.end..next.start).unwrap_or_default();
        let joint = SEPARATORS.iter().filter_map(|mark| gap.rfind(mark).map(|at| (at, at + mark.len()))).max();
        let (end, next_start) = match joint {
            Some((end, start)) => (time.end + end, time.end + start),
            // nothing joins them: the words name the first event if nothing before its time does
            None if trim_edges(text.get(start..time.start).unwrap_or_default()).is_empty() => (next.start, next.start),
            None => (time.end, time.end),
        };
        shares.push(start..end);
        start = next_start;
    }
    shares
}

/// A title from the clause around the first of `spans` (bytes of `text`, as in [`Found::pieces`]), or `None` when
/// nothing is left of it. A fallback: a model names events better.
///
/// [`Found::pieces`]: super::Found::pieces
pub fn title_candidate(text: &str, spans: &[Range<usize>]) -> Option<String> {
    title_within(text, spans, 0..text.len())
}

/// As [`title_candidate`], from a part of the text.
pub(super) fn title_within(text: &str, spans: &[Range<usize>], part: Range<usize>) -> Option<String> {
    let first = spans.first()?;
    let before = text.get(..first.start)?;
    let after = text.get(first.end..part.end.max(first.end))?;
    let start = before.char_indices().rev().take(MAX_CLAUSE_CHARS).find(|(at, c)| ends_clause(before, *at, *c));
    let start = start.map_or_else(|| near(before.char_indices().rev(), 0), |(at, c)| at + c.len_utf8());
    let start = start.max(part.start.min(first.start));
    let end = after.char_indices().take(MAX_CLAUSE_CHARS).find(|(at, c)| ends_clause(after, *at, *c));
    let end = match end {
        _ if ends_sentence(text.get(first.clone())?, after) => first.end,
        Some((at, _)) => first.end + at,
        None => first.end + near(after.char_indices(), after.len()),
    };
    let (mut kept, mut at) = (String::new(), start);
    for span in spans.iter().filter(|span| span.start >= start && span.end <= end && span.start <= span.end) {
        if span.start < at {
            continue;
        }
        kept.push_str(text.get(at..span.start)?);
        kept.push(' ');
        at = span.end;
    }
    kept.push_str(text.get(at..end)?);
    let title = trim_edges(&kept.split_whitespace().collect::<Vec<_>>().join(" "));
    let short = shorten(&title);
    (!short.is_empty()).then_some(short)
}

/// The place [`MAX_CLAUSE_CHARS`] away, or `end` where the text is shorter.
fn near(mut chars: impl Iterator<Item = (usize, char)>, end: usize) -> usize {
    chars.nth(MAX_CLAUSE_CHARS).map_or(end, |(at, _)| at)
}

/// The point of a time such as `9am.` ends the sentence too where a capital follows.
fn ends_sentence(time: &str, after: &str) -> bool {
    let next = after.trim_start();
    time.ends_with('.') && next.len() < after.len() && next.starts_with(char::is_uppercase)
}

/// `mark` at `at` ends a clause; the point of `5.3`, `p.m` or `Dr.` doesn't.
fn ends_clause(text: &str, at: usize, mark: char) -> bool {
    let inside = mark == '.' && text.get(at + 1..).is_some_and(|rest| rest.starts_with(char::is_alphanumeric));
    let word = text.get(..at).and_then(|before| before.rsplit(|c: char| !c.is_alphabetic()).next());
    let short = mark == '.' && word.is_some_and(|word| ABBREVIATIONS.contains(&word));
    CLAUSE_ENDS.contains(&mark) && !inside && !short
}

/// Drops marks and empty words from both ends, until nothing more goes.
fn trim_edges(clause: &str) -> String {
    let mut title = clause;
    loop {
        let bare =
            title.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '(' | ')' | '"' | '“' | '”' | '%'));
        let mut next = bare;
        for word in EDGE_WORDS {
            if !END_ONLY.contains(word) {
                next = strip(next, word, true).unwrap_or(next);
            }
            next = strip(next, word, false).unwrap_or(next);
        }
        if next == title {
            return title.to_owned();
        }
        title = next;
    }
}

/// `text` without `word` at its start (or end), where that is a whole word.
fn strip<'t>(text: &'t str, word: &str, at_start: bool) -> Option<&'t str> {
    let at = if at_start { word.len() } else { text.len().checked_sub(word.len())? };
    let (head, tail) = (text.get(..at)?, text.get(at..)?);
    let (edge, rest) = if at_start { (head, tail) } else { (tail, head) };
    let neighbour = if at_start { rest.chars().next() } else { rest.chars().next_back() };
    let whole = !word.is_ascii() || neighbour.is_none_or(|c| !c.is_alphanumeric());
    (edge.eq_ignore_ascii_case(word) && whole).then_some(rest)
}

/// At most [`MAX_GRAPHEMES`], cut at a space where there is one.
fn shorten(title: &str) -> String {
    let Some((cut, _)) = title.grapheme_indices(true).nth(MAX_GRAPHEMES) else { return title.to_owned() };
    let head = title.get(..cut).unwrap_or(title);
    head.rfind(' ').and_then(|space| head.get(..space)).unwrap_or(head).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::{Reference, find};
    use super::*;

    fn title(text: &str) -> Option<String> {
        let now = "2026-03-02T10:00[UTC]".parse().ok()?;
        let spans: Vec<_> = find(text, &Reference::new(now)).ok()?.into_iter().flat_map(|f| f.pieces).collect();
        title_candidate(text, &spans)
    }

    #[test]
    fn the_clause_without_its_time_is_the_title() {
        for (text, want) in [
            ("Lunch with Ana tomorrow at noon", "Lunch with Ana"),
            ("Hi Bob. Dentist on March 5 at 3 p.m. in Oslo. Bye", "Dentist in Oslo"),
            ("Visit Dr. Who tomorrow with Sam at 7", "Visit Dr. Who with Sam"),
            ("remind me to call mum at 5pm", "call mum"),
            ("Dentist on Friday at 9am. Team call on Monday", "Dentist"),
            ("明天下午三点和小王开会", "和小王开会"),
        ] {
            assert_eq!(title(text).as_deref(), Some(want));
        }
    }

    #[test]
    fn events_of_one_sentence_have_titles_of_their_own() {
        let titles = |text: &str| {
            let now = "2026-03-02T10:00[UTC]".parse().unwrap();
            let found = find(text, &Reference::new(now)).unwrap();
            let times: Vec<_> = found.iter().map(|found| found.span.clone()).collect();
            let titles = found.iter().zip(shares(text, &times));
            titles.map(|(found, part)| title_within(text, &found.pieces, part).unwrap_or_default()).collect::<Vec<_>>()
        };
        for (text, want) in [
            ("dentist on Monday at 9am and gym on Tuesday at 18:00", ["dentist", "gym"]),
            ("Lunch tomorrow at noon, dinner on Friday at 8pm.", ["Lunch", "dinner"]),
            ("Lunch tomorrow with Ana and dinner on Friday with Bob", ["Lunch with Ana", "dinner with Bob"]),
            ("On Monday at 9 dentist, on Tuesday at 18:00 gym", ["dentist", "gym"]),
            ("dentist Monday 9am gym Tuesday 6pm", ["dentist", "gym"]),
            ("周一上午九点看牙医，周二下午六点健身", ["看牙医", "健身"]),
            ("Dentist on Friday at 9am. Team call on Monday", ["Dentist", "Team call"]),
        ] {
            assert_eq!(titles(text), want, "{text}");
        }
    }

    #[test]
    fn a_time_alone_has_no_title() {
        assert_eq!(title("tomorrow at 5pm"), None);
        assert_eq!(title_candidate("x", &[]), None);
        assert_eq!(title_candidate("é", std::slice::from_ref(&(1..9))), None);
    }

    #[test]
    fn long_clauses_are_cut_at_a_word() {
        let text = format!("tomorrow {}", "word ".repeat(100));
        let title = title(&text).unwrap_or_default();
        assert!(title.graphemes(true).count() <= MAX_GRAPHEMES && title.ends_with("word"));
    }
}
