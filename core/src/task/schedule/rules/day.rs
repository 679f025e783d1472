//! Single days: `tomorrow`, `3 March 2027`, `5/3`, `Sun 14th`, `last Friday of May`, 三月五号; and how two of them in one
//! expression make one (`Wednesday` … `next week`, 明年 … 三月五号).

use jiff::civil::Weekday;

use super::super::lexicon::{Sense, Unit};
use super::super::partial::{Day, Month, Period, Year};
use super::length::{cardinal, length, ordinal, unit};
use super::{Atom, Before, Read, Reader, period};

/// Years that four digits may name.
const YEARS: std::ops::RangeInclusive<u32> = 1900..=2199;

/// The day that starts at `at`: the longest reading.
pub(super) fn day(reader: Reader<'_>, at: usize, before: Before) -> Read<Atom<Day>> {
    let mut best = simple(reader, at, before);
    for found in [shifted(reader, at, before), period::period(reader, at, before)].into_iter().flatten() {
        if best.as_ref().is_none_or(|(_, end)| found.1 > *end) {
            best = Some(found);
        }
    }
    best
}

/// A day without a length or a period in it.
pub(super) fn simple(reader: Reader<'_>, at: usize, before: Before) -> Read<Atom<Day>> {
    let rules = [feast, named, numeric, marked, weekday, nth_weekday, day_of_month];
    let mut best = match reader.sense(at) {
        Sense::RelativeDay(days) => Some((Atom { value: Day::Offset(days), strong: true }, at + 1)),
        _ => None,
    };
    for found in rules.iter().filter_map(|rule| rule(reader, at, before)) {
        if best.as_ref().is_none_or(|(_, end)| found.1 > *end) {
            best = Some(found);
        }
    }
    best
}

/// Two days in one expression as one; `None` when they don't go together.
pub(super) fn merge(first: Option<&Day>, second: Day) -> Option<Day> {
    let Some(first) = first else { return Some(second) };
    match (first.clone(), second) {
        // Wednesday … next week
        (
            Day::Weekday { day, which: None, weeks: None },
            Day::Period(Period::Unit { unit: Unit::Week, factor: 1, which }),
        )
        | (
            Day::Period(Period::Unit { unit: Unit::Week, factor: 1, which }),
            Day::Weekday { day, which: None, weeks: None },
        ) => Some(Day::Weekday { day, which: None, weeks: Some(which.steps()) }),
        // Friday … 18 July
        (Day::Weekday { day: weekday, which: None, .. }, Day::Date { year, month, day, .. })
        | (Day::Date { year, month, day, weekday: None }, Day::Weekday { day: weekday, which: None, .. }) => {
            Some(Day::Date { year, month, day, weekday: Some(weekday) })
        }
        (Day::Weekday { day: weekday, .. }, Day::Numeric { first, second, year, .. })
        | (Day::Numeric { first, second, year, weekday: None }, Day::Weekday { day: weekday, .. }) => {
            Some(Day::Numeric { first, second, year, weekday: Some(weekday) })
        }
        // Saturday, 3 days from now: the length says it.
        (Day::Weekday { .. }, day @ (Day::Offset(_) | Day::Shifted { .. }))
        | (day @ (Day::Offset(_) | Day::Shifted { .. }), Day::Weekday { which: None, .. }) => Some(day),
        // the 5th … next month
        (
            Day::Date { year: None, month: None, day, weekday },
            Day::Period(Period::Unit { unit: Unit::Month, factor: 1, which }),
        )
        | (
            Day::Period(Period::Unit { unit: Unit::Month, factor: 1, which }),
            Day::Date { year: None, month: None, day, weekday },
        ) => Some(Day::Date { year: None, month: Some(Month::Steps(which.steps())), day, weekday }),
        (Day::NthWeekday { nth, weekday, .. }, Day::Period(Period::Unit { unit: Unit::Month, factor: 1, which })) => {
            Some(Day::NthWeekday { nth, weekday, month: Month::Steps(which.steps()), year: None })
        }
        (Day::NthWeekday { nth, weekday, .. }, Day::Period(Period::Month { month, year })) => {
            Some(Day::NthWeekday { nth, weekday, month: Month::Number(month), year })
        }
        // 明年 … 三月五号
        (day, Day::Period(Period::Unit { unit: Unit::Year, factor: 1, which }))
        | (Day::Period(Period::Unit { unit: Unit::Year, factor: 1, which }), day) => {
            in_year(day, Year::Steps(which.steps()))
        }
        _ => None,
    }
}

/// The same day in the given year, if it has none yet.
pub(in crate::task::schedule) fn in_year(day: Day, in_year: Year) -> Option<Day> {
    let year = Some(in_year);
    Some(match day {
        Day::Date { year: None, month, day, weekday } => Day::Date { year, month, day, weekday },
        Day::NthWeekday { nth, weekday, month, year: None } => Day::NthWeekday { nth, weekday, month, year },
        Day::Period(Period::Month { month, year: None }) => Day::Period(Period::Month { month, year }),
        Day::Period(Period::NthMonth { nth, .. }) => Day::Period(Period::NthMonth { nth, year: in_year }),
        Day::Period(Period::NthWeek { nth, month, year: None }) => Day::Period(Period::NthWeek { nth, month, year }),
        _ => return None,
    })
}

/// A year: `2027`, `, 2027`, `in 2027`, 2027年.
pub(super) fn year(reader: Reader<'_>, at: usize) -> Read<i16> {
    let at = match reader.sense(at) {
        Sense::Mark(',') | Sense::Of | Sense::In => at + 1,
        _ => at,
    };
    let Sense::Number { value, digits: 4 } = reader.sense(at) else { return None };
    let next = reader.skip(at + 1, Sense::YearMark);
    let ends = next > at + 1 || (reader.number_ends(next) && unit(reader, next).is_none());
    (YEARS.contains(&value) && ends).then_some((i16::try_from(value).ok()?, next))
}

/// A year that may follow a date, as a `Year`.
fn trailing_year(reader: Reader<'_>, at: usize) -> (Option<Year>, usize) {
    match year(reader, at) {
        Some((year, next)) => (Some(Year::Number(year)), next),
        None => (None, at),
    }
}

/// A feast, on a fixed day or on the nth weekday of a month.
fn feast(reader: Reader<'_>, at: usize, _: Before) -> Read<Atom<Day>> {
    let value = |year| match reader.sense(at) {
        Sense::Holiday { month, day } => {
            Some(Day::Date { year, month: Some(Month::Number(month)), day, weekday: None })
        }
        Sense::FloatingHoliday { month, nth, weekday } => {
            Some(Day::NthWeekday { nth, weekday, month: Month::Number(month), year })
        }
        _ => None,
    };
    value(None)?;
    let (year, next) = trailing_year(reader, at + 1);
    Some((Atom { value: value(year)?, strong: true }, next))
}

/// A day's number: `5`, `5th`, `fifth`; not one that starts a time or counts something.
fn day_number(reader: Reader<'_>, at: usize) -> Read<i8> {
    if let Some((day @ 1..=31, next)) = ordinal(reader, at) {
        return Some((day, next));
    }
    let ((value @ 1..=31, digits @ 0..=2), next) = cardinal(reader, at)? else { return None };
    let time = matches!(reader.sense(next), Sense::Meridiem(_) | Sense::HourMark | Sense::Measure)
        || (reader.glued(next + 1)
            && matches!((reader.sense(next), reader.sense(next + 1)), (Sense::Mark(':'), Sense::Number { .. })))
        || (digits > 0 && !reader.number_ends(next) && !matches!(reader.sense(next), Sense::Mark('-' | '/' | '.')))
        || unit(reader, next).is_some();
    (!time).then_some((i8::try_from(value).ok()?, next))
}

/// A month by name: `March 3rd, 2027`, `3 March`, `the 3rd of March`, `Oct/2`, `8/Oct/2012`.
fn named(reader: Reader<'_>, at: usize, before: Before) -> Read<Atom<Day>> {
    let date = |month, day, at| {
        let (year, next) = match (reader.sense(at), year(reader, at + 1)) {
            (Sense::Mark('/' | '-' | '.'), Some((year, next))) => (Some(Year::Number(year)), next),
            _ => trailing_year(reader, at),
        };
        let value = Day::Date { year, month: Some(Month::Number(month)), day, weekday: None };
        Some((Atom { value, strong: true }, next))
    };
    if let Sense::Month { month, plain } = reader.sense(at) {
        let mut next = at + 1;
        if matches!(reader.sense(next), Sense::Mark('/' | '-')) && reader.glued(next) {
            next += 1;
        }
        if let Some((day, next)) = day_number(reader, reader.skip(next, Sense::The)) {
            return date(month, day, next);
        }
        let (year, next) = trailing_year(reader, at + 1);
        let strong = before.on || before.within || year.is_some();
        return (strong || !plain)
            .then_some((Atom { value: Day::Period(Period::Month { month, year }), strong }, next));
    }
    if !reader.number_starts(at) {
        return None;
    }
    let (day, next) = day_number_before_month(reader, reader.skip(at, Sense::The))?;
    match reader.sense(next) {
        Sense::Month { month, .. } => date(month, day, next + 1),
        _ => None,
    }
}

/// A day's number with a month's name behind it: `3`, `3rd day of`, `15` in `15Sep`.
fn day_number_before_month(reader: Reader<'_>, at: usize) -> Read<i8> {
    let (day, mut next) = match ordinal(reader, at) {
        Some(found) => found,
        None => {
            // Spelled out it is no date: `one may ask`.
            let ((value, 1..=2), next) = cardinal(reader, at)? else { return None };
            (i8::try_from(value).ok()?, next)
        }
    };
    if !(1..=31).contains(&day) {
        return None;
    }
    next = reader.skip(next, Sense::Unit(Unit::Day, 1));
    if matches!(reader.sense(next), Sense::Of | Sense::Mark('/' | '-' | '.')) {
        next += 1;
    }
    Some((day, next))
}

/// Numbers alone: `2026-03-05`, `3/5`, `23/08/39`, and `5.3` after `on`.
fn numeric(reader: Reader<'_>, at: usize, before: Before) -> Read<Atom<Day>> {
    let Sense::Number { value: first, digits: first_digits @ 1.. } = reader.sense(at) else { return None };
    let Sense::Mark(mark @ ('-' | '/' | '.')) = reader.sense(at + 1) else { return None };
    let Sense::Number { value: second, digits: 1..=2 } = reader.sense(at + 2) else { return None };
    if !reader.glued(at + 1) || !reader.glued(at + 2) || !reader.number_starts(at) {
        return None;
    }
    let third = match (reader.sense(at + 3), reader.sense(at + 4)) {
        (Sense::Mark(again), Sense::Number { value, digits })
            if again == mark && reader.glued(at + 3) && reader.glued(at + 4) =>
        {
            Some((value, digits))
        }
        _ => None,
    };
    let small = |n: u32| i8::try_from(n).ok();
    if let (4, Some((day, 1..=2))) = (first_digits, third) {
        let ends = reader.number_ends(at + 5) || reader.sense(at + 5) == Sense::At;
        let whole = YEARS.contains(&first) && (1..=12).contains(&second) && day > 0 && ends;
        let value = Day::Date {
            year: Some(Year::Number(i16::try_from(first).ok()?)),
            month: Some(Month::Number(small(second)?)),
            day: small(day)?,
            weekday: None,
        };
        return whole.then_some((Atom { value, strong: true }, at + 5));
    }
    let (year, end) = match third {
        Some((value, 2)) => (Some(2000 + i16::try_from(value).ok()?), at + 5),
        Some((value, 4)) if YEARS.contains(&value) => (Some(i16::try_from(value).ok()?), at + 5),
        Some(_) => return None,
        None => (None, at + 3),
    };
    let dates = |month: u32, day: u32| (1..=12).contains(&month) && (1..=31).contains(&day);
    let fits = first_digits <= 2 && (dates(first, second) || dates(second, first));
    // A dash before two more numbers is a range of dates: `5/1-5/7`.
    let ends = reader.number_ends(end) || (mark == '/' && reader.sense(end) == Sense::Mark('-'));
    let after_weekday = at > 0 && matches!(reader.sense(at - 1), Sense::Weekday { .. } | Sense::Which(_));
    let looks_like_date = year.is_some() || mark == '/' || (mark == '.' && (before.on || after_weekday));
    if !fits || !ends || !looks_like_date {
        return None;
    }
    let fraction = year.is_none() && matches!((first, second), (1, 2..=4) | (2 | 3, 3..=4));
    let value = Day::Numeric { first: small(first)?, second: small(second)?, year, weekday: None };
    Some((Atom { value, strong: before.on || !fraction }, end))
}

/// Numbers with a mark behind each: 2027年3月5日, 三月五号, 12号, 一月二十三.
fn marked(reader: Reader<'_>, at: usize, _: Before) -> Read<Atom<Day>> {
    if !reader.number_starts(at) {
        return None;
    }
    let ((value, digits), mut next) = cardinal(reader, at)?;
    let (mut number, mut year) = (value, None);
    if reader.sense(next) == Sense::YearMark {
        let full = if digits == 2 { 2000 + value } else { value };
        year = YEARS.contains(&full).then_some(Year::Number(i16::try_from(full).ok()?));
        year?;
        ((number, _), next) = cardinal(reader, next + 1)?;
    }
    let strong = |value| Atom { value, strong: true };
    let small = |n: u32| i8::try_from(n).ok();
    if reader.sense(next) == Sense::DayMark && year.is_none() {
        let value = Day::Date { year: None, month: None, day: small(number)?, weekday: None };
        return (1..=31).contains(&number).then_some((strong(value), next + 1));
    }
    if reader.sense(next) != Sense::MonthMark || !(1..=12).contains(&number) {
        return None;
    }
    let month = small(number)?;
    next += 1;
    if let Some(((day @ 1..=31, _), after)) = cardinal(reader, next)
        && (reader.sense(after) == Sense::DayMark || unit(reader, after).is_none())
        && reader.sense(after) != Sense::HourMark
    {
        let value = Day::Date { year, month: Some(Month::Number(month)), day: small(day)?, weekday: None };
        return Some((strong(value), reader.skip(after, Sense::DayMark)));
    }
    let place = reader.skip(next, Sense::Of);
    if let Some((nth, after)) = ordinal(reader, place) {
        let counted = reader.skip(after, Sense::Counter);
        if let Sense::Weekday { day: weekday, .. } = reader.sense(counted) {
            return Some((strong(Day::NthWeekday { nth, weekday, month: Month::Number(month), year }), counted + 1));
        }
        if reader.sense(counted) == Sense::Unit(Unit::Week, 1) {
            let week = Period::NthWeek { nth, month: Month::Number(month), year };
            return Some((strong(Day::Period(week)), counted + 1));
        }
    }
    let month = Period::Month { month, year };
    match reader.sense(next) {
        Sense::Edge(edge) if reader.glued(next) => {
            Some((strong(Day::Period(Period::Edge { edge, of: Box::new(month) })), next + 1))
        }
        _ => Some((strong(Day::Period(month)), next)),
    }
}

/// `Friday`, `next Friday`, `Friday of next week`, `Sun 14th`, 下周三.
fn weekday(reader: Reader<'_>, at: usize, before: Before) -> Read<Atom<Day>> {
    let (which, name) = match reader.sense(reader.skip(at, Sense::The)) {
        Sense::Which(which) => (Some(which), reader.skip(at, Sense::The) + 1),
        _ => (None, at),
    };
    let Sense::Weekday { day, plain, plural: false } = reader.sense(name) else { return None };
    let next = name + 1;
    if which.is_none() {
        let number = reader.skip(reader.skip(next, Sense::Mark(',')), Sense::The);
        if let Some((date, end)) = day_number(reader, number)
            && !goes_on(reader, end)
        {
            let value = Day::Date { year: None, month: None, day: date, weekday: Some(day) };
            return Some((Atom { value, strong: true }, end));
        }
        if let Sense::Which(which) = reader.sense(reader.skip(next, Sense::Of))
            && reader.sense(reader.skip(next, Sense::Of) + 1) == Sense::Unit(Unit::Week, 1)
        {
            let value = Day::Weekday { day, which: None, weeks: Some(which.steps()) };
            return Some((Atom { value, strong: true }, reader.skip(next, Sense::Of) + 2));
        }
    }
    let strong = !plain || which.is_some() || before.on;
    Some((Atom { value: Day::Weekday { day, which, weeks: None }, strong }, next))
}

/// The number before `at` is the first of a range, a time or a longer date, and not a day's number alone.
fn goes_on(reader: Reader<'_>, at: usize) -> bool {
    match reader.sense(at) {
        Sense::To | Sense::Until | Sense::Past | Sense::Month { .. } | Sense::Of => true,
        Sense::Mark('-' | ':' | '/' | '.') => matches!(reader.sense(at + 1), Sense::Number { .. }),
        _ => false,
    }
}

/// `the first Monday of October 2026`, `last Friday of the month`, `three Fridays from now`.
fn nth_weekday(reader: Reader<'_>, at: usize, _: Before) -> Read<Atom<Day>> {
    let name = |at| match reader.sense(at) {
        Sense::Weekday { day, .. } => Some(day),
        _ => None,
    };
    if let Some(((nth @ 1..=60, _), next)) = cardinal(reader, at)
        && let (Some(weekday), Sense::Later | Sense::FromNow) = (name(next), reader.sense(next + 1))
    {
        return Some((Atom { value: Day::NthFromNow { nth, weekday }, strong: true }, next + 2));
    }
    let (nth, next) = ordinal(reader, reader.skip(at, Sense::The))?;
    let weekday: Weekday = name(next)?;
    if !(-5..=5).contains(&nth) || nth == 0 {
        return None;
    }
    let (month, year, strong, end) = match month_after_of(reader, next + 1) {
        Some(((month, year), end)) => (month, year, true, end),
        None => (Month::Steps(0), None, false, next + 1),
    };
    Some((Atom { value: Day::NthWeekday { nth, weekday, month, year }, strong }, end))
}

/// `of October 2026`, `in October`, `of the month`, `of next month`.
pub(super) fn month_after_of(reader: Reader<'_>, at: usize) -> Read<(Month, Option<Year>)> {
    if !matches!(reader.sense(at), Sense::Of | Sense::In) {
        return None;
    }
    let place = reader.skip(at + 1, Sense::The);
    match (reader.sense(place), reader.sense(place + 1)) {
        (Sense::Month { month, .. }, _) => {
            let (year, end) = trailing_year(reader, place + 1);
            Some(((Month::Number(month), year), end))
        }
        (Sense::Unit(Unit::Month, 1), _) => Some(((Month::Steps(0), None), place + 1)),
        (Sense::Which(which), Sense::Unit(Unit::Month, 1)) => Some(((Month::Steps(which.steps()), None), place + 2)),
        _ => None,
    }
}

/// A day of a month that isn't named: `the 5th`, `on the first`.
fn day_of_month(reader: Reader<'_>, at: usize, before: Before) -> Read<Atom<Day>> {
    let number = reader.skip(at, Sense::The);
    let (day @ 1..=31, next) = ordinal(reader, number)? else { return None };
    let written = reader.tokens.get(number).is_some_and(|t| t.bytes.len() <= 4);
    let noun_follows = matches!(reader.sense(next), Sense::Word | Sense::Character | Sense::Part { .. } | Sense::Half);
    let strong = !noun_follows && (before.on || (number > at && written));
    Some((Atom { value: Day::Date { year: None, month: None, day, weekday: None }, strong }, next))
}

/// `a week after tomorrow`, `16 days from 01/02/2018`, `two days before Christmas`.
fn shifted(reader: Reader<'_>, at: usize, before: Before) -> Read<Atom<Day>> {
    if before.length {
        return None;
    }
    let (by, next) = length(reader, at)?;
    let by = match reader.sense(next) {
        Sense::After | Sense::From => by,
        Sense::Before => by.back(),
        _ => return None,
    };
    let (base, end) = simple(reader, next + 1, Before { on: true, ..Before::default() })?;
    if by.has_clock() || matches!(base.value, Day::Period(_)) {
        return None;
    }
    Some((Atom { value: Day::Shifted { base: Box::new(base.value), by }, strong: true }, end))
}
