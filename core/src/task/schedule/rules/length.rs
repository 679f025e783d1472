//! Numbers and lengths: `twenty three`, `the 3rd`, `1d 2hr 5min`, `an hour and a half`, 一个半小时.

use super::super::lexicon::{Sense, Unit};
use super::super::partial::Length;
use super::{Read, Reader};

/// Terms that one length may have: days, hours, minutes, seconds.
const MAX_TERMS: usize = 4;

/// A cardinal and the digits it is written with (0: spelled out).
pub(super) fn cardinal(reader: Reader<'_>, at: usize) -> Read<(u32, u8)> {
    let Sense::Number { value, digits } = reader.sense(at) else { return None };
    if digits == 0 && matches!(value, 20 | 30 | 40 | 50) {
        let ones = reader.skip(at + 1, Sense::Mark('-'));
        if let Sense::Number { value: one @ 1..=9, digits: 0 } = reader.sense(ones) {
            return Some(((value + one, 0), ones + 1));
        }
    }
    Some(((value, digits), at + 1))
}

/// An ordinal: `3rd`, `twenty third`, 第三, `last` (-1).
pub(super) fn ordinal(reader: Reader<'_>, at: usize) -> Read<i8> {
    let (value, next) = match reader.sense(at) {
        Sense::Ordinal(value) => (value, at + 1),
        Sense::Number { value: tens @ (20 | 30), digits: 0 } => {
            let ones = reader.skip(at + 1, Sense::Mark('-'));
            match reader.sense(ones) {
                Sense::Ordinal(one @ 1..=9) => (i32::try_from(tens).ok()? + one, ones + 1),
                _ => return None,
            }
        }
        Sense::OrdinalMark => {
            let ((value, _), next) = cardinal(reader, at + 1)?;
            (i32::try_from(value).ok()?, next)
        }
        _ => return None,
    };
    Some((i8::try_from(value).ok()?, next))
}

/// A unit, with the factor that its name carries; a word between number and unit (个) is passed.
pub(super) fn unit(reader: Reader<'_>, at: usize) -> Read<(Unit, i32)> {
    let at = reader.skip(at, Sense::Counter);
    let unit = match reader.sense(at) {
        Sense::Unit(unit, factor) => (unit, factor),
        Sense::YearMark => (Unit::Year, 1),
        Sense::DayMark => (Unit::Day, 1),
        Sense::MonthMark if at > 0 && reader.sense(at - 1) == Sense::Counter => (Unit::Month, 1),
        Sense::MinuteMark => (Unit::Minute, 1),
        Sense::SecondMark | Sense::Ordinal(2) => (Unit::Second, 1),
        _ => return None,
    };
    // One-letter units are written to their number: `2h`, and never `2 d`.
    let short = reader.tokens.get(at).is_some_and(|t| t.bytes.len() == 1);
    (!short || reader.glued(at)).then_some((unit, at + 1))
}

/// A length of one or more terms.
pub(super) fn length(reader: Reader<'_>, at: usize) -> Read<Length> {
    let (mut total, mut end) = term(reader, at)?;
    for _ in 1..MAX_TERMS {
        let next = reader.skip(reader.skip(end, Sense::Mark(',')), Sense::And);
        let Some((more, after)) = term(reader, next) else { break };
        (total, end) = (total.plus(more), after);
    }
    Some((total, end))
}

/// One term of a length.
fn term(reader: Reader<'_>, at: usize) -> Read<Length> {
    if reader.sense(at) == Sense::Half {
        let ((unit, factor), next) = unit(reader, at + 1)?;
        return Some((half(unit, factor)?, next));
    }
    let ((count, tenths), after) = match reader.sense(at) {
        Sense::A => ((1, 0), at + 1),
        _ => decimal(reader, at)?,
    };
    // 一个半小时, `two and a half hours`
    let counted = reader.skip(after, Sense::Counter);
    let joined = reader.skip(reader.skip(after, Sense::And), Sense::A);
    let (with_half, unit_at) = match (reader.sense(counted), reader.sense(joined)) {
        (Sense::Half, _) if counted > after => (true, counted + 1),
        (_, Sense::Half) if joined == after + 2 => (true, joined + 1),
        _ => (false, after),
    };
    let ((unit, factor), mut next) = unit(reader, unit_at)?;
    let mut length = Length::of(count, unit, factor)?;
    if tenths > 0 {
        length = length.plus(part_of(unit, tenths)?);
    }
    let trailing = reader.skip(reader.skip(next, Sense::And), Sense::A);
    if with_half {
        length = length.plus(half(unit, factor)?);
    } else if trailing == next + 2 && reader.sense(trailing) == Sense::Half {
        (length, next) = (length.plus(half(unit, factor)?), trailing + 1);
    }
    Some((length, next))
}

/// A number with at most one decimal: the whole and the tenths.
fn decimal(reader: Reader<'_>, at: usize) -> Read<(u32, u32)> {
    let ((whole, _), next) = cardinal(reader, at)?;
    match (reader.sense(next), reader.sense(next + 1)) {
        (Sense::Mark('.'), Sense::Number { value: tenths, digits: 1 })
            if reader.glued(next) && reader.glued(next + 1) =>
        {
            Some(((whole, tenths), next + 2))
        }
        _ => Some(((whole, 0), next)),
    }
}

/// Half of a unit.
fn half(unit: Unit, factor: i32) -> Option<Length> {
    if factor != 1 {
        return None;
    }
    match unit {
        Unit::Minute => Length::of(30, Unit::Second, 1),
        Unit::Hour => Length::of(30, Unit::Minute, 1),
        Unit::Day => Length::of(12, Unit::Hour, 1),
        Unit::Month => Length::of(15, Unit::Day, 1),
        Unit::Year => Length::of(6, Unit::Month, 1),
        Unit::Second | Unit::Workday | Unit::Week => None,
    }
}

/// Tenths of a unit, where that is a whole number of smaller ones.
fn part_of(unit: Unit, tenths: u32) -> Option<Length> {
    match unit {
        Unit::Minute => Length::of(6 * tenths, Unit::Second, 1),
        Unit::Hour => Length::of(6 * tenths, Unit::Minute, 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::token::tokens;
    use super::*;

    fn read(text: &str) -> Option<Length> {
        length(Reader::new(&tokens(text)), 0).map(|(length, _)| length)
    }

    #[test]
    fn lengths_add_up() {
        let hours = |h: i64| Length { seconds: h * 3600, ..Length::default() };
        assert_eq!(read("2 hours"), Some(hours(2)));
        assert_eq!(read("90 minutes"), Some(Length { seconds: 5400, ..Length::default() }));
        for text in ["1.5 hours", "an hour and a half", "1h 30min", "one and a half hours", "一个半小时", "90 min"]
        {
            assert_eq!(read(text), Some(Length { seconds: 5400, ..Length::default() }), "{text}");
        }
        assert_eq!(read("1d, 2hr, and 5min"), Some(Length { days: 1, seconds: 7500, ..Length::default() }));
        assert_eq!(read("半小时"), Some(Length { seconds: 1800, ..Length::default() }));
    }

    #[test]
    fn what_has_no_unit_is_no_length() {
        for text in ["3", "3 people", "2 d", "999999 years"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
