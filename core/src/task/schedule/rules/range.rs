//! Two ends: `from 3 to 5pm`, `April 9th through 17th`, `12 to 16 September`, `between now and eight`, 下午2点到4点.
//!
//! An end may be a bare number; what it counts (hours, days) comes from the other end, or from the word that opens the
//! range. Two bare numbers make a range only after `from` or `between`, or beside a day or a part of the day.

use super::super::lexicon::{DayPart, Sense};
use super::super::partial::{Clock, Day, Half, Length, Partial};
use super::clock::{clock, open_hour};
use super::length::cardinal;
use super::{Before, Read, Reader, day, from_now};

/// Atoms that one end may have.
const MAX_END_ATOMS: usize = 4;

/// One end of a range.
#[derive(Debug, Clone, Default)]
struct End {
    day: Option<Day>,
    clock: Option<Clock>,
    part: Option<DayPart>,
    number: Option<u32>,
    now: bool,
    from_now: Option<Length>,
    /// The day stands before the time: it is this end's own.
    day_first: bool,
}

/// Reads a range into `partial`.
pub(super) fn range(reader: Reader<'_>, at: usize, before: Before, partial: &mut Partial) -> Option<(bool, usize)> {
    if partial.end_clock.is_some() || partial.clock.is_some() {
        return None;
    }
    let between = reader.sense(at) == Sense::Between;
    let opened = between || (at > 0 && reader.sense(at - 1) == Sense::From);
    let (mut first, middle) = end(reader, if between { at + 1 } else { at }, before, true)?;
    let joined = match reader.sense(middle) {
        Sense::To | Sense::Until | Sense::Mark('-') => true,
        Sense::And => between,
        _ => false,
    };
    if !joined {
        return None;
    }
    let behind = Reader { range_end: middle + 1, ..reader };
    // Two days have their times behind both: `Mon-Fri 9am-5pm`.
    let timed = first.day.is_none() || has_time(&first) || first.number.is_some();
    let (mut second, next) = end(behind, middle + 1, before, timed)?;
    // `1-2-3`: more than two ends are no range.
    if !reader.number_ends(next) {
        return None;
    }
    let (_, after) = super::joins(reader, next, true);
    let beside_a_day = partial.day.is_some()
        || first.day.is_some()
        || second.day.is_some()
        || partial.part.is_some()
        || first.part.is_some()
        || second.part.is_some()
        || day::simple(reader, after, Before::default()).is_some_and(|(day, _)| day.strong)
        || matches!(reader.sense(after), Sense::Part { .. });
    match (first.number.take(), second.number.take()) {
        (Some(a), Some(b)) => {
            if !opened && !beside_a_day {
                return None;
            }
            (first.clock, second.clock) = (Some(open_hour(a)?), Some(open_hour(b)?));
        }
        (Some(a), None) => match &second.day {
            Some(day) if second.clock.is_none() => first.day = Some(with_day_number(day, a)?),
            _ => first.clock = Some(open_hour(a)?),
        },
        (None, Some(b)) if first.clock.is_some() => second.clock = Some(open_hour(b)?),
        (None, Some(b)) if first.day.is_some() => second.day = Some(month_day(i8::try_from(b).ok()?)),
        _ => {}
    }
    combine(first, second, between, partial)?;
    Some((true, next))
}

/// Puts both ends into `partial`; `None`, and nothing changed, when they don't go together.
fn combine(first: End, second: End, between: bool, partial: &mut Partial) -> Option<()> {
    // A recurrence has its own last day.
    let days_only = first.day.is_some() && second.day.is_some() && !has_time(&first);
    if partial.repeat.is_some() && days_only {
        return None;
    }
    if has_time(&first) != has_time(&second) || (!has_time(&first) && (first.day.is_none() || second.day.is_none())) {
        return None;
    }
    let (start_day, end_day) = match (first.day, second.day) {
        // `3:00 to 4:00 tomorrow`: the day is that of both.
        (None, Some(day)) if has_time_of_day(first.clock, second.clock) && !second.day_first => (Some(day), None),
        // `9th till 17th of April`
        (Some(Day::Date { year: None, month: None, day, weekday }), Some(last @ Day::Date { month: Some(_), .. })) => {
            let Day::Date { year, month, .. } = last else { return None };
            (Some(Day::Date { year, month, day, weekday }), Some(last))
        }
        // `26 June to 28 June in 2027`
        (Some(Day::Date { year: None, month, day, weekday }), Some(last @ Day::Date { year: Some(year), .. })) => {
            (Some(Day::Date { year: Some(year), month, day, weekday }), Some(last))
        }
        days => days,
    };
    if partial.end_day.is_some() && (start_day.is_some() || end_day.is_some()) {
        return None;
    }
    let end_day = end_day.or(partial.end_day.clone());
    let day = match start_day {
        Some(day) => Some(day::merge(partial.day.as_ref(), day)?),
        None => partial.day.clone(),
    };
    (partial.day, partial.end_day) = (day, end_day);
    let open = first.clock.is_some_and(|c| matches!(c.half, Half::Open { .. }));
    partial.part = first.part.or(if open { second.part } else { None }).or(partial.part);
    (partial.clock, partial.end_clock, partial.end_part) = (first.clock, second.clock, second.part);
    partial.within = between;
    if first.now {
        // From now: the end is a clock time, or a length from now.
        (partial.from_now, partial.length) = (Some(Length::default()), second.from_now);
        partial.within |= second.clock.is_some();
    }
    Some(())
}

/// It is a moment, and not a day.
fn has_time(end: &End) -> bool {
    end.clock.is_some() || end.now || end.from_now.is_some()
}

/// Both ends are times of day.
fn has_time_of_day(first: Option<Clock>, second: Option<Clock>) -> bool {
    first.is_some() && second.is_some()
}

/// One end: a day, a time, a part of the day in any order, or a bare number; without its time unless `timed`.
fn end(reader: Reader<'_>, at: usize, before: Before, timed: bool) -> Read<End> {
    let (mut end, mut next) = (End::default(), at);
    if matches!(reader.sense(at), Sense::Now | Sense::FromNow) {
        return Some((End { now: true, ..end }, at + 1));
    }
    if let Some((length, _, after)) = from_now(reader, at) {
        return Some((End { from_now: Some(length), ..end }, after));
    }
    for count in 0..MAX_END_ATOMS {
        let place = match reader.sense(next) {
            Sense::At | Sense::On | Sense::Of if count > 0 => next + 1,
            Sense::On | Sense::The if count == 0 && !matches!(reader.sense(next + 1), Sense::Ordinal(_)) => next + 1,
            _ => next,
        };
        if end.day.is_none()
            && let Some((day, after)) = day::simple(reader, place, before)
        {
            (end.day_first, end.day, next) = (end.clock.is_none() && end.number.is_none(), Some(day.value), after);
        } else if !timed && end.day.is_some() {
            break;
        } else if end.clock.is_none()
            && end.number.is_none()
            && let Some((clock, after)) = clock(reader, place, Before::default())
        {
            (end.clock, next) = (Some(clock.value), after);
        } else if let Sense::Part { part, .. } = reader.sense(place)
            && end.part.is_none()
        {
            (end.part, next) = (Some(part), place + 1);
        } else if let Sense::RelativePart(days, part) = reader.sense(place)
            && end.day.is_none()
            && end.part.is_none()
        {
            (end.day, end.part, end.day_first, next) = (Some(Day::Offset(days)), Some(part), true, place + 1);
        } else if end.number.is_none()
            && end.clock.is_none()
            && let Some(((value @ 0..=31, 0..=2), after)) = cardinal(reader, place)
            && reader.number_starts(place)
            && (reader.number_ends(after) || reader.sense(after) == Sense::Mark('-'))
        {
            (end.number, next) = (Some(value), after);
        } else {
            break;
        }
    }
    (next > at).then_some((end, next))
}

/// The same month and year, another day: the `12` of `12 to 16 September`.
fn with_day_number(day: &Day, number: u32) -> Option<Day> {
    let number = i8::try_from(number).ok()?;
    match day {
        Day::Date { year, month: Some(month), .. } if (1..=31).contains(&number) => {
            Some(Day::Date { year: *year, month: Some(*month), day: number, weekday: None })
        }
        _ => None,
    }
}

/// A day of a month that the other end names.
fn month_day(day: i8) -> Day {
    Day::Date { year: None, month: None, day, weekday: None }
}
