//! The text as the grammar reads it: one plain form for each character, with the way back to the caller's bytes.
//!
//! Full-width and Arabic-Indic digits become ASCII, traditional Chinese becomes simplified (only the characters that the
//! word tables use), capitals become small, dashes and tildes become `-`, spaces become one kind of space, and marks that
//! aren't seen (bidirectional controls, zero-width spaces, the byte order mark) are dropped. Each remaining character
//! keeps the byte range it came from, so that a span found in the plain form is a span of the caller's text.
//!
//! It does no Unicode normalisation beyond that: a date written with combining marks is left unfound.

use std::ops::Range;

use super::zh;

/// One character of the plain form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlainChar {
    /// The character as the grammar reads it.
    pub(super) ch: char,
    /// Where it stands in the caller's text, in bytes.
    pub(super) bytes: Range<usize>,
}

/// The plain form of `text`, in time and memory linear in its length.
pub(super) fn plain(text: &str) -> Vec<PlainChar> {
    text.char_indices()
        .filter_map(|(at, ch)| Some(PlainChar { ch: fold(ch)?, bytes: at..at + ch.len_utf8() }))
        .collect()
}

/// The plain form of one character; `None` drops it.
fn fold(ch: char) -> Option<char> {
    let ch = match ch {
        '\u{FF01}'..='\u{FF5E}' => offset(ch, '\u{FF01}', '!'),
        '\u{0660}'..='\u{0669}' => offset(ch, '\u{0660}', '0'),
        '\u{06F0}'..='\u{06F9}' => offset(ch, '\u{06F0}', '0'),
        _ => ch,
    };
    match ch {
        '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{061C}' | '\u{FEFF}' => None,
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '~' | '\u{301C}' => Some('-'),
        '\u{2018}' | '\u{2019}' | '\u{2032}' => Some('\''),
        '、' | '，' => Some(','),
        '。' => Some(';'),
        '\n' | '\r' | '\u{2028}' | '\u{2029}' => Some('\n'),
        _ if ch.is_whitespace() => Some(' '),
        _ => Some(zh::simplified(lower(ch))),
    }
}

/// `ch` moved from the block that starts at `from` to the block that starts at `to`.
fn offset(ch: char, from: char, to: char) -> char {
    char::from_u32(u32::from(ch) - u32::from(from) + u32::from(to)).unwrap_or(ch)
}

/// The small form where that is one character.
fn lower(ch: char) -> char {
    let mut small = ch.to_lowercase();
    match (small.next(), small.next()) {
        (Some(only), None) => only,
        _ => ch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        plain(text).iter().map(|c| c.ch).collect()
    }

    #[test]
    fn folds_width_script_case_and_dashes() {
        assert_eq!(read("３：３０ＰＭ — 下週三３點 ٣"), "3:30pm - 下周三3点 3");
    }

    #[test]
    fn drops_marks_that_are_not_seen() {
        assert_eq!(read("\u{FEFF}3\u{200F}pm\u{2069}"), "3pm");
    }

    #[test]
    fn byte_ranges_point_into_the_original() {
        let text = "\u{200E}Ｐ點x";
        for c in plain(text) {
            assert_eq!(text[c.bytes.clone()].chars().next().and_then(fold), Some(c.ch));
        }
    }
}
