//! The way through the grammar: text → tokens → partial expressions → answers.

use std::ops::Range;

use super::lexicon::Sense;
use super::partial::Partial;
use super::resolve::resolve;
use super::rules::expressions;
use super::token::{Token, tokens};
use super::when::{Found, Reference};
use crate::Result;

/// Tokens that may stand between a day and its time.
const MAX_WORDS_BETWEEN: usize = 8;

/// Every temporal expression in `text`, in order, with its readings.
///
/// English and Chinese are read, mixed as they come. Nothing is invented: a text without a time gives an empty list, and
/// each part of an answer says in its provenance whether the text or the reference gave it. Takes time linear in the
/// text's length.
///
/// # Errors
/// Where nothing else was found: `ImpossibleDate` for a date that isn't on the calendar (30 February), `Unsupported` for a
/// zone that this device doesn't have
pub fn find(text: &str, reference: &Reference) -> Result<Vec<Found>> {
    let tokens = tokens(text);
    let mut found: Vec<Found> = Vec::new();
    let mut impossible = None;
    for (partial, ranges) in joined(&tokens, expressions(&tokens)) {
        let mut readings = match resolve(&partial, reference) {
            Ok(readings) => readings.into_iter(),
            Err(error) => {
                impossible.get_or_insert(error);
                continue;
            }
        };
        let Some(when) = readings.next() else { continue };
        let alternatives: Vec<_> = readings.filter(|other| *other != when).collect();
        let pieces: Vec<_> = ranges.into_iter().filter_map(|range| bytes(tokens.get(range)?)).collect();
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { continue };
        let span = first.start..last.end;
        // 十月一日国庆节 says one day twice.
        match found.last_mut() {
            Some(before) if before.when == when && before.span.end == span.start => {
                before.span.end = span.end;
                before.pieces.extend(pieces);
            }
            _ => found.push(Found { span, pieces, when, alternatives }),
        }
    }
    match impossible {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

/// Puts a day and a time of one clause together when a few words stand between them: `tomorrow with Sam at 7`.
fn joined(tokens: &[Token], expressions: Vec<(Partial, Range<usize>)>) -> Vec<(Partial, Vec<Range<usize>>)> {
    let mut all: Vec<(Partial, Vec<Range<usize>>)> = Vec::new();
    for (partial, range) in expressions {
        if let Some((before, ranges)) = all.last_mut()
            && let Some(end) = ranges.last().map(|r| r.end)
            && tokens.get(end..range.start).is_some_and(one_clause)
            && let Some(both) = before.joined(&partial)
        {
            *before = both;
            ranges.push(range);
            continue;
        }
        all.push((partial, vec![range]));
    }
    all
}

/// Few tokens, and none that ends a clause.
fn one_clause(tokens: &[Token]) -> bool {
    let ends = |token: &Token| matches!(token.sense, Sense::Mark('.' | '!' | '?' | ';'));
    tokens.len() <= MAX_WORDS_BETWEEN && !tokens.iter().any(ends)
}

/// The bytes from the first token to the last.
fn bytes(tokens: &[Token]) -> Option<Range<usize>> {
    Some(tokens.first()?.bytes.start..tokens.last()?.bytes.end)
}
