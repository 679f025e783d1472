//! Text → tokens: the longest known word, a number, an unknown word, or one mark, each with its bytes in the caller's text.
//!
//! Chinese numerals (二十三, 二〇二六) are read here, because they are a grammar of their own and not a list of words.

use std::ops::Range;

use super::lexicon::{Sense, is_han, is_letter, longest};
use super::normal::{PlainChar, plain};

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    /// What it means.
    pub(super) sense: Sense,
    /// Where it stands in the caller's text, in bytes.
    pub(super) bytes: Range<usize>,
    /// No space stands before it.
    pub(super) glued: bool,
}

/// The tokens of `text`, in order; spaces make no token.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let chars = plain(text);
    let mut tokens = Vec::new();
    let (mut at, mut glued) = (0, false);
    while let Some(here) = chars.get(at) {
        if here.ch == ' ' {
            (at, glued) = (at + 1, false);
            continue;
        }
        let (sense, length) = longest(&chars, at)
            .or_else(|| digits(&chars, at))
            .or_else(|| numeral(&chars, at))
            .unwrap_or_else(|| word(&chars, at));
        let end = chars.get(at + length - 1).map_or(here.bytes.end, |last| last.bytes.end);
        tokens.push(Token { sense, bytes: here.bytes.start..end, glued });
        (at, glued) = (at + length, true);
    }
    tokens
}

/// A run of digits, with its ordinal ending; more than nine digits are no number of a date.
fn digits(chars: &[PlainChar], at: usize) -> Option<(Sense, usize)> {
    let count = chars.iter().skip(at).take_while(|c| c.ch.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    if count > 9 {
        return Some((Sense::Word, count));
    }
    let value = chars.iter().skip(at).take(count).filter_map(|c| c.ch.to_digit(10)).fold(0, |sum, d| sum * 10 + d);
    let after = |n: usize| chars.get(at + count + n).map(|c| c.ch);
    let ending = matches!(
        (after(0), after(1)),
        (Some('s'), Some('t')) | (Some('n'), Some('d')) | (Some('r'), Some('d')) | (Some('t'), Some('h'))
    );
    match (ending && !after(2).is_some_and(is_letter), i32::try_from(value)) {
        (true, Ok(value)) => Some((Sense::Ordinal(value), count + 2)),
        _ => Some((Sense::Number { value, digits: count as u8 }, count)),
    }
}

/// A Chinese numeral under a thousand (一百二十三), or one written digit by digit (二〇二六).
fn numeral(chars: &[PlainChar], at: usize) -> Option<(Sense, usize)> {
    let count = chars.iter().skip(at).take(9).take_while(|c| numeral_value(c.ch).is_some()).count();
    let values: Vec<u32> = chars.iter().skip(at).take(count).filter_map(|c| numeral_value(c.ch)).collect();
    if count == 0 {
        return None;
    }
    if count > 1 && values.iter().all(|v| *v < 10) {
        let value = values.iter().fold(0, |sum, d| sum * 10 + d);
        return Some((Sense::Number { value, digits: count as u8 }, count));
    }
    let (mut total, mut pending) = (0, None);
    for value in values {
        match value {
            10 | 100 => total += pending.take().unwrap_or(1) * value,
            20 | 30 => total += value,
            digit => pending = Some(digit),
        }
    }
    Some((Sense::Number { value: total + pending.unwrap_or(0), digits: 0 }, count))
}

/// What one Chinese numeral character is worth.
fn numeral_value(ch: char) -> Option<u32> {
    Some(match ch {
        '零' | '〇' => 0,
        '一' => 1,
        '二' | '两' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        '十' => 10,
        '廿' => 20,
        '卅' => 30,
        '百' => 100,
        _ => return None,
    })
}

/// An unknown word, one Chinese character, or one mark.
fn word(chars: &[PlainChar], at: usize) -> (Sense, usize) {
    let letters = chars.iter().skip(at).take_while(|c| is_letter(c.ch)).count();
    match chars.get(at) {
        _ if letters > 0 => (Sense::Word, letters),
        Some(c) if is_han(c.ch) => (Sense::Character, 1),
        Some(c) => (Sense::Mark(c.ch), 1),
        None => (Sense::End, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn senses(text: &str) -> Vec<Sense> {
        tokens(text).into_iter().map(|t| t.sense).collect()
    }

    fn number(value: u32, digits: u8) -> Sense {
        Sense::Number { value, digits }
    }

    #[test]
    fn numbers_part_from_the_letters_beside_them() {
        assert_eq!(senses("3pm"), [number(3, 1), Sense::Meridiem(true)]);
        assert_eq!(senses("21st"), [Sense::Ordinal(21)]);
        assert_eq!(senses("05x"), [number(5, 2), Sense::Word]);
        assert_eq!(senses("1234567890"), [Sense::Word]);
    }

    #[test]
    fn reads_chinese_numerals() {
        for (text, value, digits) in [("二十三", 23, 0), ("十", 10, 0), ("廿五", 25, 0), ("二〇二六", 2026, 4)]
        {
            assert_eq!(senses(text), [number(value, digits)], "{text}");
        }
    }

    #[test]
    fn spans_are_the_callers_bytes() {
        let text = "\u{200F}下週三 ３點";
        let spans: Vec<&str> = tokens(text).into_iter().map(|t| &text[t.bytes]).collect();
        assert_eq!(spans, ["下", "週三", "３", "點"]);
    }
}
