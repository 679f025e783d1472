//! Sentences of a text, as byte ranges of it.
//!
//! Unicode's rules (UAX #29) with three additions that letters, notes and chat logs need: a line break that ends a paragraph,
//! a list item or a heading ends a sentence; an abbreviation or an initial does not; Chinese full stops need no space.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// Words after which a full stop ends no sentence, without the stop, lower case.
const ABBREVIATIONS: [&str; 26] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "etc", "e.g", "i.e", "no", "nr", "inc", "ltd", "co",
    "corp", "dept", "approx", "fig", "sec", "art", "cf", "al", "ref",
];

/// The sentences of `text` in order, each trimmed and not empty.
pub(super) fn sentences(text: &str) -> Vec<Range<usize>> {
    // Unicode ends a sentence at every line break. One that only wraps is read as a space, which has as many bytes.
    let flat = text.replace(['\n', '\r'], " ");
    let mut found = Vec::new();
    for line in lines(text) {
        let mut start = line.start;
        for (offset, piece) in flat[line.clone()].split_sentence_bound_indices() {
            let end = line.start + offset + piece.len();
            if end == line.end || !ends_in_abbreviation(piece) {
                push_trimmed(text, start..end, &mut found);
                start = end;
            }
        }
    }
    found
}

/// Runs of lines that belong together: hard-wrapped lines are joined, list items and paragraphs are not.
fn lines(text: &str) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut offset = 0;
    let mut joins = false;
    for line in text.split_inclusive('\n') {
        let range = offset..offset + line.len();
        offset = range.end;
        let content = line.trim();
        match runs.last_mut() {
            Some(last) if joins && !content.is_empty() && !starts_an_item(content) => last.end = range.end,
            _ => runs.push(range),
        }
        joins = is_wrapped(content);
    }
    runs
}

/// Columns after which editors and mail programs wrap: a shorter line that ends without a stop was ended on purpose.
const WRAP_COLUMNS: usize = 55;

fn is_wrapped(line: &str) -> bool {
    line.chars().count() >= WRAP_COLUMNS && !line.ends_with(['.', '!', '?', ':', ';', '。', '！', '？', '：'])
}

fn starts_an_item(line: &str) -> bool {
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    line.starts_with(['-', '*', '•', '·', '#', '|']) || (digits > 0 && line[digits..].starts_with(['.', ')']))
}

fn ends_in_abbreviation(sentence: &str) -> bool {
    let Some(body) = sentence.trim_end().strip_suffix('.') else { return false };
    let word = body.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or("");
    let is_initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    is_initial || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

fn push_trimmed(text: &str, range: Range<usize>, found: &mut Vec<Range<usize>>) {
    let piece = &text[range.clone()];
    let start = range.start + (piece.len() - piece.trim_start().len());
    let end = start + piece.trim().len();
    if text[start..end].chars().any(char::is_alphanumeric) {
        found.push(start..end);
    }
}

/// Words of a sentence: runs of letters and digits, and each Chinese character by itself.
pub(super) fn count_words(sentence: &str) -> usize {
    sentence.unicode_words().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<&str> {
        sentences(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn abbreviations_and_initials_end_no_sentence() {
        assert_eq!(split("Dr. A. Smith called. He left."), ["Dr. A. Smith called.", "He left."]);
        assert_eq!(split("Pay no. 7 by Monday."), ["Pay no. 7 by Monday."]);
    }

    #[test]
    fn numbers_keep_their_points() {
        assert_eq!(split("It costs 3.50 a day. Fine."), ["It costs 3.50 a day.", "Fine."]);
    }

    #[test]
    fn chinese_stops_need_no_space() {
        assert_eq!(split("你好。今天下雨了！再见"), ["你好。", "今天下雨了！", "再见"]);
    }

    #[test]
    fn items_and_headings_stand_alone() {
        assert_eq!(split("Dear all\n\n- first item\n- second item\n"), ["Dear all", "- first item", "- second item"]);
    }

    #[test]
    fn a_wrapped_line_goes_on() {
        let text = "This sentence was wrapped by a mail program at the usual\ncolumn and goes on here.";
        assert_eq!(split(text), [text]);
    }

    #[test]
    fn nothing_gives_nothing() {
        assert!(split(" \n --- \n").is_empty());
    }

    proptest! {
        #[test]
        fn sentences_are_ordered_and_inside(text in "[\\PC\n\r]{0,200}") {
            let mut end = 0;
            for range in sentences(&text) {
                prop_assert!(range.start >= end && range.end <= text.len());
                prop_assert!(!text[range.clone()].trim().is_empty());
                end = range.end;
            }
        }
    }
}
