//! The grammar: tokens → partial temporal expressions.
//!
//! An expression is a run of atoms in any order (`Tuesday` `at` `3pm` `for two hours`), with joining words between them:
//!
//! ```text
//! expression = { join } atom { { join } atom }        at most MAX_ATOMS
//! atom       = repeat | range | shift | day | clock | part | length | zone | year     (the first that fits and is unset)
//! ```
//!
//! Each rule reads at one place and looks at a bounded number of tokens, so that a text takes linear time. An atom is
//! `strong` when it is a time by itself; a run without a strong atom (`at 5` in any text, `sat`) counts only where two
//! weak ones meet.

mod clock;
mod day;
mod length;
mod period;
mod range;
mod repeat;

use std::ops::Range;

pub(super) use day::in_year;

use super::lexicon::Sense;
use super::partial::{Day, Length, Partial, Year};
use super::token::Token;

/// Atoms that one expression may have.
const MAX_ATOMS: usize = 12;

/// A value and the token after it.
type Read<T> = Option<(T, usize)>;

/// The tokens as the rules look at them.
#[derive(Debug, Clone, Copy)]
struct Reader<'t> {
    tokens: &'t [Token],
    /// The place behind a range's joining word or dash, where a number starts whatever stands before it.
    range_end: usize,
}

impl<'t> Reader<'t> {
    /// Reads `tokens`.
    fn new(tokens: &'t [Token]) -> Self {
        Self { tokens, range_end: 0 }
    }

    /// What stands at `at`.
    fn sense(self, at: usize) -> Sense {
        self.tokens.get(at).map_or(Sense::End, |t| t.sense)
    }

    /// No space stands before `at`.
    fn glued(self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|t| t.glued)
    }

    /// The token after `at` if that has this sense, else `at`.
    fn skip(self, at: usize, sense: Sense) -> usize {
        if self.sense(at) == sense { at + 1 } else { at }
    }

    /// The number at `from` doesn't go on before it: `133-03-03` has no date at `03`.
    fn number_starts(self, from: usize) -> bool {
        let before = |back: usize| from.checked_sub(back).map_or(Sense::End, |at| self.sense(at));
        if from == self.range_end || !self.glued(from) {
            return true;
        }
        match before(1) {
            Sense::Number { .. } | Sense::Word | Sense::Mark('+' | '#' | '$' | '_') => false,
            Sense::Mark('-') => !matches!(before(2), Sense::Number { .. } | Sense::Word),
            Sense::Mark('.' | '/' | ':') => !matches!(before(2), Sense::Number { .. }),
            _ => true,
        }
    }

    /// The number before `end` doesn't go on there.
    fn number_ends(self, end: usize) -> bool {
        let (next, after) = (self.sense(end), self.sense(end + 1));
        match next {
            Sense::Measure => false,
            _ if !self.glued(end) => true,
            Sense::Number { .. } => false,
            Sense::Mark('-' | '.' | '/' | ':') => {
                !(self.glued(end + 1) && matches!(after, Sense::Number { .. } | Sense::Word))
            }
            Sense::Mark('_') => false,
            _ => true,
        }
    }
}

/// An atom and whether it is a time by itself.
#[derive(Debug, Clone, PartialEq)]
struct Atom<T> {
    value: T,
    strong: bool,
}

/// What stands before an atom, for the rules that ask.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    /// `at`.
    at: bool,
    /// `on`, `by`: a date follows.
    on: bool,
    /// `in`: a month follows.
    within: bool,
    /// `for`: a length follows.
    length: bool,
    /// `from`: the first end of a range, or the start of a length.
    from: bool,
}

/// All expressions in the text, in order, with the tokens that they take.
pub(super) fn expressions(tokens: &[Token]) -> Vec<(Partial, Range<usize>)> {
    let reader = Reader::new(tokens);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if reader.sense(at) == Sense::OtherCalendar {
            at = expression(reader, at + 1).map_or(at + 1, |(_, end)| end);
            continue;
        }
        match expression(reader, at) {
            Some((partial, end)) => {
                found.push((partial, at..end));
                at = end;
            }
            None => at += 1,
        }
    }
    found
}

/// The expression that starts exactly at `start`.
fn expression(reader: Reader<'_>, start: usize) -> Read<Partial> {
    if matches!(
        reader.sense(start),
        Sense::Mark(_) | Sense::Word | Sense::Character | Sense::Idiom | Sense::Of | Sense::And
    ) {
        return None;
    }
    let mut partial = Partial::default();
    let (mut end, mut strong, mut weak) = (start, false, 0);
    for _ in 0..MAX_ATOMS {
        let (before, at) = joins(reader, end, end > start);
        let Some((is_strong, next)) = atom(reader, at, before, &mut partial) else { break };
        (strong, weak, end) = (strong || is_strong, weak + usize::from(!is_strong), next);
    }
    let placed = partial.day.is_some() || partial.clock.is_some() || partial.part.is_some();
    let counts = partial.repeat.is_some() || partial.from_now.is_some() || (placed && (strong || weak > 1));
    (end > start && counts).then_some((partial, end))
}

/// Passes the words that join atoms; a comma or a bracket only inside an expression.
fn joins(reader: Reader<'_>, mut at: usize, inside: bool) -> (Before, usize) {
    let mut before = Before::default();
    for _ in 0..4 {
        match reader.sense(at) {
            Sense::At => before.at = true,
            Sense::On => before.on = true,
            Sense::In => before.within = true,
            Sense::For => before.length = true,
            Sense::From => before.from = true,
            Sense::Starting => {}
            Sense::Of | Sense::Mark(',' | '(' | ')') if inside => {}
            _ => break,
        }
        at += 1;
    }
    (before, at)
}

/// Reads one atom into the first empty place of `partial` that it fits.
fn atom(reader: Reader<'_>, at: usize, before: Before, partial: &mut Partial) -> Option<(bool, usize)> {
    if partial.repeat.is_none()
        && let Some((repeat, next)) = repeat::repeat(reader, at)
    {
        // What `Sunday` said before `daily` is only the first day.
        partial.repeat = Some(repeat);
        return Some((true, next));
    }
    if partial.repeat.is_some()
        && let Some(next) = bounds(reader, at, before, partial)
    {
        return Some((true, next));
    }
    if let Some((strong, next)) = range::range(reader, at, before, partial) {
        return Some((strong, next));
    }
    // `from 9 for two hours`, `for two hours from 9`
    let opens_length = before.from && (partial.length.is_some() || reader.sense(at + 1) == Sense::For);
    let before = Before { at: before.at || opens_length, ..before };
    if partial.from_now.is_none()
        && partial.day.is_none()
        && let Some((from_now, within, next)) = from_now(reader, at)
    {
        (partial.from_now, partial.within) = (Some(from_now), within);
        return Some((true, next));
    }
    if let Some((day, next)) = day::day(reader, at, before)
        && let Some(merged) = day::merge(partial.day.as_ref(), day.value)
    {
        partial.day = Some(merged);
        return Some((day.strong, next));
    }
    if partial.clock.is_none()
        && let Some((clock, next)) = clock::clock(reader, at, before)
    {
        partial.clock = Some(clock.value);
        return Some((clock.strong, next));
    }
    match reader.sense(at) {
        Sense::RelativePart(days, part) if partial.day.is_none() && partial.part.is_none() => {
            (partial.day, partial.part) = (Some(Day::Offset(days)), Some(part));
            return Some((true, at + 1));
        }
        Sense::Part { part, plain } if partial.part.is_none() => {
            partial.part = Some(part);
            return Some((!plain, at + 1));
        }
        Sense::Zone(name) if partial.zone.is_none() && partial.clock.is_some() => {
            partial.zone = Some(name);
            return Some((true, at + 1));
        }
        _ => {}
    }
    if partial.length.is_none()
        && (before.length || partial.clock.is_some())
        && let Some((length, next)) = length::length(reader, at)
    {
        partial.length = Some(length);
        return Some((false, next));
    }
    if partial.year.is_none()
        && partial.day.is_some()
        && let Some((year, next)) = day::year(reader, at)
    {
        partial.year = Some(Year::Number(year));
        return Some((false, next));
    }
    None
}

/// The bounds of a recurrence: `until June`, `for 4 times`, `twice`, `starting March 3`.
fn bounds(reader: Reader<'_>, at: usize, before: Before, partial: &mut Partial) -> Option<usize> {
    if partial.until.is_none()
        && matches!(reader.sense(at), Sense::Until | Sense::To)
        && let Some((day, next)) = day::day(reader, at + 1, Before { on: true, ..before })
    {
        partial.until = Some(day.value);
        return Some(next);
    }
    if partial.count.is_none() {
        if let Sense::TimesNumber(count) = reader.sense(at) {
            partial.count = Some(count);
            return Some(at + 1);
        }
        if let Some(((count, _), next)) = length::cardinal(reader, at)
            && reader.sense(next) == Sense::Times
        {
            partial.count = Some(count);
            return Some(next + 1);
        }
    }
    None
}

/// A moment counted from now: `in 2 hours`, `30 minutes later`, `within 3 minutes`, 三天后.
fn from_now(reader: Reader<'_>, at: usize) -> Option<(Length, bool, usize)> {
    // The caller passes `in` as a joining word, so it is looked for behind.
    let opened = at > 0 && reader.sense(at - 1) == Sense::In;
    let (within, from) = match reader.sense(at) {
        Sense::Within => (true, at + 1),
        _ => (false, at),
    };
    let (length, next) = length::length(reader, from)?;
    match reader.sense(next) {
        Sense::Later | Sense::FromNow => Some((length, within, next + 1)),
        Sense::Within if !within => Some((length, true, next + 1)),
        Sense::From | Sense::After if reader.sense(next + 1) == Sense::Now => Some((length, within, next + 2)),
        _ if within || opened => Some((length, within, next)),
        _ => None,
    }
}
