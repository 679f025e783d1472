//! What recurs: `every other Tuesday`, `weekly on Mondays and Fridays`, `2nd and last Friday of each month`,
//! `every year on the fourth Thursday in November`, `Tuesdays`, 每周一, 每两周, 每年三月五号.

use jiff::civil::Weekday;

use super::super::lexicon::{Sense, Unit};
use super::super::partial::{Day, Month, Repeat};
use super::length::{cardinal, ordinal, unit};
use super::{Before, Read, Reader, day};

/// Weekdays, days or ordinals that one list may have.
const MAX_LIST: usize = 7;

/// The recurrence that starts at `at`.
pub(super) fn repeat(reader: Reader<'_>, at: usize) -> Read<Repeat> {
    let (mut repeat, mut next) = every(reader, at)
        .or_else(|| frequency(reader, at))
        .or_else(|| plural(reader, at))
        .or_else(|| places_of_every(reader, at))?;
    if let Some((more, after)) = tail(reader, next, &repeat) {
        (repeat, next) = (more, after);
    }
    Some((repeat, next))
}

/// A recurrence of one unit.
fn stepping(unit: Unit, interval: u32) -> Repeat {
    Repeat { unit: Some(unit), interval, ..Repeat::default() }
}

/// `weekly`, `daily`, 每月.
fn frequency(reader: Reader<'_>, at: usize) -> Read<Repeat> {
    match reader.sense(at) {
        Sense::Frequency(unit, interval) => Some((stepping(unit, interval), at + 1)),
        Sense::Workdays => Some((on_workdays(), at + 1)),
        _ => None,
    }
}

/// Monday to Friday.
fn on_workdays() -> Repeat {
    let days = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
    Repeat { weekdays: days.map(|d| (None, d)).to_vec(), ..stepping(Unit::Week, 1) }
}

/// `every` and what follows.
fn every(reader: Reader<'_>, at: usize) -> Read<Repeat> {
    if reader.sense(at) != Sense::Every {
        return None;
    }
    let (interval, next) = interval(reader, at + 1);
    if let Some(((unit, factor), next)) = unit(reader, next).or_else(|| month_unit(reader, next)) {
        let factor = u32::try_from(factor).ok()?;
        return match unit {
            Unit::Workday => Some((on_workdays(), next)),
            Unit::Day | Unit::Week | Unit::Month | Unit::Year => {
                Some((stepping(unit, interval.checked_mul(factor)?), next))
            }
            // Nothing on a calendar recurs by the hour.
            Unit::Second | Unit::Minute | Unit::Hour => None,
        };
    }
    if let Some((days, next)) = weekday_list(reader, reader.skip(next, Sense::Counter)) {
        let weekdays = days.into_iter().map(|d| (None, d)).collect();
        return Some((Repeat { weekdays, ..stepping(Unit::Week, interval) }, next));
    }
    match reader.sense(next) {
        Sense::Weekend => {
            let weekdays = vec![(None, Weekday::Saturday), (None, Weekday::Sunday)];
            return Some((Repeat { weekdays, ..stepping(Unit::Week, interval) }, next + 1));
        }
        // `every evening`: the part is read as an atom of its own.
        Sense::Part { .. } => return Some((stepping(Unit::Day, interval), next)),
        // `every Aug 20 and 30`, `every Aug on day 20`
        Sense::Month { month, .. } => {
            let on = reader.skip(reader.skip(next + 1, Sense::On), Sense::Unit(Unit::Day, 1));
            let (month_days, next) = day_list(reader, on)?;
            return Some((Repeat { months: vec![month], month_days, ..stepping(Unit::Year, 1) }, next));
        }
        _ => {}
    }
    // `every first Friday of the month`, `every fourth Thursday in November`, `every 20th and 30th of Aug`
    let (places, next) = ordinal_list(reader, at + 1)?;
    in_month(reader, &places, next)
}

/// A month as a unit after `every`: 每三个月 has 个月, `每2月` has only the mark.
fn month_unit(reader: Reader<'_>, at: usize) -> Read<(Unit, i32)> {
    (reader.sense(at) == Sense::MonthMark).then_some(((Unit::Month, 1), at + 1))
}

/// `other`, `3`, `3rd`: units from one to the next; 1 where nothing is said.
fn interval(reader: Reader<'_>, at: usize) -> (u32, usize) {
    if reader.sense(at) == Sense::Other {
        return (2, at + 1);
    }
    if let Some(((count @ 1..=100, _), next)) = cardinal(reader, at) {
        return (count, next);
    }
    match ordinal(reader, at) {
        Some((nth @ 1..=100, next)) if unit(reader, next).is_some() => (u32::from(nth.unsigned_abs()), next),
        _ => (1, at),
    }
}

/// `Tuesdays`, `Saturdays through Tuesdays`.
fn plural(reader: Reader<'_>, at: usize) -> Read<Repeat> {
    let Sense::Weekday { plural: true, .. } = reader.sense(at) else { return None };
    let (days, next) = weekday_list(reader, at)?;
    let weekdays = days.into_iter().map(|d| (None, d)).collect();
    Some((Repeat { weekdays, ..stepping(Unit::Week, 1) }, next))
}

/// `2nd and last Friday of each month`, `the 4th of every other month`.
fn places_of_every(reader: Reader<'_>, at: usize) -> Read<Repeat> {
    let (places, next) = ordinal_list(reader, reader.skip(at, Sense::The))?;
    let (weekday, of) = match reader.sense(next) {
        Sense::Weekday { day, .. } => (Some(day), next + 1),
        _ => (None, next),
    };
    if !matches!(reader.sense(of), Sense::Of | Sense::In) || reader.sense(of + 1) != Sense::Every {
        return None;
    }
    let (interval, month) = interval(reader, of + 2);
    let ((Unit::Month, 1), end) = unit(reader, month)? else { return None };
    Some((on_places(&places, weekday, stepping(Unit::Month, interval)), end))
}

/// Places that are in each month, or in one month of the year.
fn in_month(reader: Reader<'_>, places: &[i8], at: usize) -> Read<Repeat> {
    let (weekday, of) = match reader.sense(at) {
        Sense::Weekday { day, .. } => (Some(day), at + 1),
        _ => (None, at),
    };
    let ((month, _), end) = day::month_after_of(reader, of)?;
    let base = match month {
        Month::Number(month) => Repeat { months: vec![month], ..stepping(Unit::Year, 1) },
        Month::Steps(_) => stepping(Unit::Month, 1),
    };
    Some((on_places(places, weekday, base), end))
}

/// `base` on the given days, or on the given ones of a weekday.
fn on_places(places: &[i8], weekday: Option<Weekday>, base: Repeat) -> Repeat {
    match weekday {
        Some(day) => Repeat { weekdays: places.iter().map(|nth| (Some(*nth), day)).collect(), ..base },
        None => Repeat { month_days: places.to_vec(), ..base },
    }
}

/// What follows `weekly`, `every month`, 每年: the days.
fn tail(reader: Reader<'_>, at: usize, base: &Repeat) -> Read<Repeat> {
    if !base.weekdays.is_empty() || !base.month_days.is_empty() {
        return None;
    }
    let on = reader.skip(at, Sense::On);
    if matches!(base.unit, Some(Unit::Week | Unit::Month))
        && let Some((days, next)) = weekday_list(reader, on)
    {
        return Some((Repeat { weekdays: days.into_iter().map(|d| (None, d)).collect(), ..base.clone() }, next));
    }
    let place = reader.skip(on, Sense::The);
    let (found, next) = day::simple(reader, place, Before { on: true, ..Before::default() })?;
    match (base.unit, found.value) {
        (Some(Unit::Year), Day::Date { year: None, month: Some(Month::Number(month)), day, .. }) => {
            Some((Repeat { months: vec![month], month_days: vec![day], ..base.clone() }, next))
        }
        (Some(Unit::Year), Day::NthWeekday { nth, weekday, month: Month::Number(month), year: None }) => {
            Some((Repeat { months: vec![month], weekdays: vec![(Some(nth), weekday)], ..base.clone() }, next))
        }
        (Some(Unit::Month), Day::Date { year: None, month: None, day, weekday: None }) => {
            let (days, next) = day_list(reader, place).unwrap_or((vec![day], next));
            Some((Repeat { month_days: days, ..base.clone() }, next))
        }
        (Some(Unit::Month), Day::NthWeekday { nth, weekday, .. }) => {
            Some((Repeat { weekdays: vec![(Some(nth), weekday)], ..base.clone() }, next))
        }
        _ => None,
    }
}

/// Passes `,`, `and`, `, and`.
fn list_joint(reader: Reader<'_>, at: usize) -> Option<usize> {
    let next = reader.skip(reader.skip(at, Sense::Mark(',')), Sense::And);
    (next > at).then_some(next)
}

/// `Monday, Wednesday and Friday`, `Saturday through Tuesday`; each day once.
fn weekday_list(reader: Reader<'_>, at: usize) -> Read<Vec<Weekday>> {
    let name = |at| match reader.sense(at) {
        Sense::Weekday { day, .. } => Some(day),
        _ => None,
    };
    let (mut days, mut next) = (vec![name(at)?], at + 1);
    if matches!(reader.sense(next), Sense::To | Sense::Mark('-'))
        && let Some(last) = name(next + 1)
        && let Some(mut day) = days.first().copied()
    {
        while day != last {
            day = day.next();
            days.push(day);
        }
        return Some((days, next + 2));
    }
    // 每周一、三、五: after the first, the number is enough.
    let number = |at| match reader.sense(at) {
        Sense::Number { value: day @ 1..=6, digits: 0 } if reader.glued(at) => {
            Weekday::from_monday_one_offset(i8::try_from(day).ok()?).ok()
        }
        _ => None,
    };
    while days.len() < MAX_LIST
        && let Some(place) = list_joint(reader, next)
        && let Some(day) = name(place).or_else(|| number(place))
    {
        if !days.contains(&day) {
            days.push(day);
        }
        next = place + 1;
    }
    Some((days, next))
}

/// `first, second and third`, `2nd and 2nd to the last`.
fn ordinal_list(reader: Reader<'_>, at: usize) -> Read<Vec<i8>> {
    let place = |at| ordinal(reader, at).filter(|(nth, _)| (-31..=31).contains(nth) && *nth != 0);
    let (first, mut next) = place(at)?;
    let mut places = vec![first];
    while places.len() < MAX_LIST
        && let Some(more) = list_joint(reader, next)
        && let Some((nth, after)) = place(more)
    {
        places.push(nth);
        next = after;
    }
    Some((places, next))
}

/// `20 and 30`, `1st and 15th`: days of a month.
fn day_list(reader: Reader<'_>, at: usize) -> Read<Vec<i8>> {
    let number = |at| match ordinal(reader, at) {
        Some((nth @ 1..=31, next)) => Some((nth, next)),
        _ => match cardinal(reader, at) {
            Some(((day @ 1..=31, 0..=2), next)) if unit(reader, next).is_none() => {
                Some((i8::try_from(day).ok()?, reader.skip(next, Sense::DayMark)))
            }
            _ => None,
        },
    };
    let (first, mut next) = number(at)?;
    let mut days = vec![first];
    while days.len() < MAX_LIST
        && let Some(more) = list_joint(reader, next)
        && let Some((day, after)) = number(more)
    {
        days.push(day);
        next = after;
    }
    Some((days, next))
}
