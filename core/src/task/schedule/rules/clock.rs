//! Times of day: `3pm`, `15:30`, `half past four`, `five-thirty`, 下午三点半, 17点55分23秒, noon.

use jiff::civil::Time;

use super::super::lexicon::{Sense, Unit};
use super::super::partial::{Clock, Half};
use super::length::{cardinal, unit};
use super::{Atom, Before, Read, Reader};

/// The time that starts at `at`.
pub(super) fn clock(reader: Reader<'_>, at: usize, before: Before) -> Read<Atom<Clock>> {
    let strong = |value: Clock, next| Some((Atom { value, strong: true }, next));
    match reader.sense(at) {
        Sense::Noon => return strong(known(12, 0, 0)?, at + 1),
        Sense::Midnight => return strong(Clock { next_day: true, ..known(0, 0, 0)? }, at + 1),
        _ => {}
    }
    if let Some((clock, next)) = relative(reader, at, before) {
        return strong(clock, next);
    }
    if !reader.number_starts(at) {
        return None;
    }
    let ((hour, digits), next) = cardinal(reader, at)?;
    digital(reader, hour, digits, next, before)
        .or_else(|| marked(reader, hour, digits, next))
        .or_else(|| compact(reader, hour, digits, next))
        .or_else(|| spelled(reader, hour, digits, next, before))
        .or_else(|| bare(reader, hour, digits, next, before))
}

/// `15:30`, `7:56:30 pm`, `8.10 pm`.
fn digital(reader: Reader<'_>, hour: u32, digits: u8, at: usize, before: Before) -> Read<Atom<Clock>> {
    let Sense::Mark(mark @ (':' | '.')) = reader.sense(at) else { return None };
    let Sense::Number { value: minute, digits: 2 } = reader.sense(at + 1) else { return None };
    if digits == 0 || !reader.glued(at) || !reader.glued(at + 1) {
        return None;
    }
    let (mut second, mut next) = (0, at + 2);
    if let (Sense::Mark(':'), Sense::Number { value, digits: 2 }) = (reader.sense(next), reader.sense(next + 1)) {
        (second, next) = (value, next + 2);
    }
    let (half, end) = meridiem(reader, next);
    if mark == '.' && half.is_none() && !(before.at && reader.number_ends(end)) {
        return None;
    }
    // `14:00-15:00` is a range, so a dash after it is no part of the number.
    if half.is_none() && !reader.number_ends(end) && reader.sense(end) != Sense::Mark('-') {
        return None;
    }
    let padded = digits == 2 && hour < 10;
    Some((Atom { value: read(hour, minute, second, half, padded, true)?, strong: true }, end))
}

/// `3 o'clock`, 三点半, 十点一刻, 17点55分23秒, `9h30`.
fn marked(reader: Reader<'_>, hour: u32, digits: u8, at: usize) -> Read<Atom<Clock>> {
    let french = reader.sense(at) == Sense::Unit(Unit::Hour, 1)
        && reader.glued(at)
        && reader.tokens.get(at).is_some_and(|t| t.bytes.len() == 1);
    if !french && reader.sense(at) != Sense::HourMark {
        return None;
    }
    let (mut minute, mut second, mut next) = (0, 0, at + 1);
    match reader.sense(next) {
        Sense::Half => (minute, next) = (30, next + 1),
        Sense::QuarterHour => (minute, next) = (15, next + 1),
        Sense::Number { value, .. } if value < 60 && reader.glued(next) => {
            let (((minutes, written), after), mark) = (cardinal(reader, next)?, Sense::MinuteMark);
            if reader.sense(after) == mark {
                (minute, next) = (minutes, after + 1);
                if let Some(((seconds, _), after)) = cardinal(reader, next)
                    && reader.sense(after) == Sense::SecondMark
                {
                    (second, next) = (seconds, after + 1);
                }
            } else if reader.sense(after) == Sense::QuarterHour && minutes < 4 {
                (minute, next) = (minutes * 15, after + 1);
            } else if unit(reader, after).is_none()
                && reader.sense(after) != Sense::Counter
                && (written == 2 || minutes >= 10)
            {
                (minute, next) = (minutes, after);
            }
        }
        // `2h` alone is a length.
        _ if french => {
            return Some((Atom { value: read(hour, 0, 0, None, digits == 2, true)?, strong: false }, next));
        }
        _ => {}
    }
    let (half, end) = meridiem(reader, next);
    // 一点 alone is "a little".
    let strong = hour != 1 || digits > 0 || minute > 0 || half.is_some();
    Some((Atom { value: read(hour, minute, second, half, french, french)?, strong }, end))
}

/// `3pm`, `9 a.m.`, `1140 a.m.`, `9a`.
fn compact(reader: Reader<'_>, hour: u32, digits: u8, at: usize) -> Read<Atom<Clock>> {
    let (half, next) = meridiem(reader, at);
    let half = half?;
    let (hour, minute) = if digits >= 3 { (hour / 100, hour % 100) } else { (hour, 0) };
    Some((Atom { value: read(hour, minute, 0, Some(half), false, false)?, strong: true }, next))
}

/// `three thirty`, `nine fifty nine am`, `five-thirty`.
fn spelled(reader: Reader<'_>, hour: u32, digits: u8, at: usize, before: Before) -> Read<Atom<Clock>> {
    if digits != 0 || !(1..=12).contains(&hour) {
        return None;
    }
    let dashed = reader.sense(at) == Sense::Mark('-');
    let ((minute, written), next) = cardinal(reader, reader.skip(at, Sense::Mark('-')))?;
    if written != 0 || !(10..60).contains(&minute) || unit(reader, next).is_some() {
        return None;
    }
    let (half, end) = meridiem(reader, next);
    let strong = half.is_some() || before.at || dashed;
    Some((Atom { value: read(hour, minute, 0, half, false, false)?, strong }, end))
}

/// `at 5`: an hour only because of what stands before it.
fn bare(reader: Reader<'_>, hour: u32, digits: u8, at: usize, before: Before) -> Read<Atom<Clock>> {
    let counts_something = unit(reader, at).is_some()
        // `at three night markets` may be anything.
        || matches!(reader.sense(at), Sense::Times | Sense::Counter | Sense::Measure | Sense::Meridiem(_) | Sense::Month { .. })
        || matches!(reader.sense(at), Sense::Part { plain: true, .. })
        || matches!((reader.sense(at), reader.sense(at + 1)), (Sense::Mark('/' | ':' | '.' | ','), Sense::Number { .. }));
    let hours = if digits == 2 { 0..24 } else { 1..13 };
    if !before.at || counts_something || !hours.contains(&hour) || !reader.number_ends(at) {
        return None;
    }
    Some((Atom { value: read(hour, 0, 0, None, false, false)?, strong: true }, at))
}

/// `half past four`, `quarter to five pm`, `15 minutes past noon`, `ten past three`.
fn relative(reader: Reader<'_>, at: usize, before: Before) -> Read<Clock> {
    let (minutes, next, named) = match reader.sense(at) {
        Sense::Half => (30, at + 1, true),
        Sense::QuarterHour => (15, at + 1, true),
        _ => {
            let ((minutes, _), next) = cardinal(reader, at)?;
            let with_unit = reader.sense(next) == Sense::Unit(Unit::Minute, 1);
            (minutes, if with_unit { next + 1 } else { next }, with_unit)
        }
    };
    let sign = match reader.sense(next) {
        Sense::Past => 1,
        Sense::To | Sense::Before if named || before.at => -1,
        _ => return None,
    };
    let (hour, half, end) = match reader.sense(next + 1) {
        Sense::Noon => (12, Some(true), next + 2),
        Sense::Midnight => (0, Some(false), next + 2),
        _ => {
            let ((hour, _), end) = cardinal(reader, next + 1)?;
            let (half, end) = meridiem(reader, reader.skip(end, Sense::HourMark));
            (hour, half, end)
        }
    };
    if !(1..60).contains(&minutes) || hour > 23 || (hour == 0 && sign < 0) {
        return None;
    }
    let (hour, minute) = if sign > 0 { (hour, minutes) } else { (hour - 1, 60 - minutes) };
    // `quarter to one pm` is 12:45 pm.
    let hour = if hour == 0 && half == Some(true) { 12 } else { hour };
    Some((read(hour, minute, 0, half, hour == 0, false)?, end))
}

/// `am`, `p.m.`, and the `a` of `9a`; `None` where there is none.
fn meridiem(reader: Reader<'_>, at: usize) -> (Option<bool>, usize) {
    let dotted = reader.sense(at) == Sense::Mark('.') && matches!(reader.sense(at + 1), Sense::Meridiem(_));
    let at = if dotted { at + 1 } else { at };
    let short = reader.tokens.get(at).is_some_and(|t| t.bytes.len() == 1);
    match reader.sense(at) {
        Sense::Meridiem(pm) if !short || reader.glued(at) => (Some(pm), at + 1),
        Sense::A if short && reader.glued(at) => (Some(false), at + 1),
        _ => (None, at),
    }
}

/// The time that the numbers make; `literal` says that the hour is on the 24-hour clock.
fn read(hour: u32, minute: u32, second: u32, half: Option<bool>, literal: bool, digital: bool) -> Option<Clock> {
    match half {
        Some(pm) if (1..=12).contains(&hour) => known(hour % 12 + if pm { 12 } else { 0 }, minute, second),
        Some(false) if hour > 12 => None,
        _ if hour == 24 && minute == 0 && second == 0 => Some(Clock { next_day: true, ..known(0, 0, 0)? }),
        None if !literal && (1..=12).contains(&hour) => {
            Some(Clock { half: Half::Open { digital }, ..known(hour, minute, second)? })
        }
        _ => known(hour, minute, second),
    }
}

/// A time on the 24-hour clock.
fn known(hour: u32, minute: u32, second: u32) -> Option<Clock> {
    let number = |n: u32| i8::try_from(n).ok();
    let time = Time::new(number(hour)?, number(minute)?, number(second)?, 0).ok()?;
    Some(Clock { time, half: Half::Known, next_day: false })
}

/// An hour that stands bare in a range: `from 3`.
pub(super) fn open_hour(hour: u32) -> Option<Clock> {
    if hour > 24 { None } else { read(hour, 0, 0, None, false, false) }
}

#[cfg(test)]
mod tests {
    use super::super::super::token::tokens;
    use super::*;

    fn time(text: &str) -> Option<(String, bool)> {
        let tokens = tokens(text);
        let before = Before { at: true, ..Before::default() };
        let (atom, _) = clock(Reader::new(&tokens), 0, before)?;
        Some((atom.value.time.strftime("%H:%M:%S").to_string(), atom.value.half == Half::Known))
    }

    #[test]
    fn reads_clocks() {
        for (text, want, known) in [
            ("3pm", "15:00:00", true),
            ("12 am", "00:00:00", true),
            ("12pm", "12:00:00", true),
            ("1140 a.m.", "11:40:00", true),
            ("7:56:30 pm", "19:56:30", true),
            ("08:30", "08:30:00", true),
            ("8:30", "08:30:00", false),
            ("9a.", "09:00:00", true),
            ("quarter to one pm", "12:45:00", true),
            ("half past four", "04:30:00", false),
            ("five-thirty", "05:30:00", false),
            ("17点55分23秒", "17:55:23", true),
            ("9h30", "09:30:00", true),
        ] {
            assert_eq!(time(text), Some((want.to_owned(), known)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in ["4:3", "25:00", "13 am", "6.45 percent", "3 people", "5/3", "12:60"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
