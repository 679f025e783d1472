//! Stretches of days among which the text doesn't choose: `next week`, `the week of April 10`, `3rd week of Jan`,
//! `end of the month`, `next 3 days`, 下周末, 未来两天.

use super::super::lexicon::{Edge, Sense, Unit, Which};
use super::super::partial::{Day, Period, Year};
use super::day::{month_after_of, simple, year};
use super::length::{cardinal, ordinal, unit};
use super::{Atom, Before, Read, Reader};

/// The period that starts at `at`, as a day that isn't settled.
pub(super) fn period(reader: Reader<'_>, at: usize, _: Before) -> Read<Atom<Day>> {
    let article = reader.sense(at) == Sense::A;
    let at = if article { at + 1 } else { reader.skip(at, Sense::The) };
    let found = edge(reader, at)
        .or_else(|| week_of(reader, at, article))
        .or_else(|| nth(reader, at))
        .or_else(|| coming(reader, at))
        .or_else(|| plain(reader, at));
    let (period, next) = found?;
    // 下个月底, 月初
    let (period, next) = match reader.sense(next) {
        Sense::Edge(edge) if reader.glued(next) => (Period::Edge { edge, of: Box::new(period) }, next + 1),
        _ => (period, next),
    };
    Some((Atom { value: Day::Period(period), strong: true }, next))
}

/// `next week`, `this month`, 明年, `this weekend`, `the weekend of Halloween`, `next March`.
fn plain(reader: Reader<'_>, at: usize) -> Read<Period> {
    match (reader.sense(at), reader.sense(at + 1)) {
        (Sense::Period(which, unit), _) => Some((Period::Unit { unit, factor: 1, which }, at + 1)),
        (Sense::Which(which), Sense::Unit(unit @ (Unit::Week | Unit::Month | Unit::Year), factor)) => {
            let period = match (which, factor) {
                // Two weeks have no place on the calendar: the next ones are those that follow.
                (Which::Next | Which::Coming, 2..) => Period::Coming { count: 1, unit, factor },
                _ => Period::Unit { unit, factor, which },
            };
            Some((period, at + 2))
        }
        (Sense::Which(which), Sense::YearMark) => Some((Period::Unit { unit: Unit::Year, factor: 1, which }, at + 2)),
        (Sense::Which(which), Sense::MonthMark) => Some((Period::Unit { unit: Unit::Month, factor: 1, which }, at + 2)),
        (Sense::Which(which), Sense::Weekend) => Some((Period::Weekend { which }, at + 2)),
        (Sense::Which(which), Sense::Month { month, .. }) => {
            let year = matches!(which, Which::Last).then_some(Year::Steps(-1));
            Some((Period::Month { month, year }, at + 2))
        }
        (Sense::MonthMark, Sense::Edge(_)) => {
            Some((Period::Unit { unit: Unit::Month, factor: 1, which: Which::This }, at + 1))
        }
        (Sense::Weekend, Sense::Of) => {
            let (day, end) = simple(reader, at + 2, Before { on: true, ..Before::default() })?;
            Some((Period::WeekendOf(Box::new(day.value)), end))
        }
        (Sense::Weekend, _) => Some((Period::Weekend { which: Which::This }, at + 1)),
        _ => None,
    }
}

/// `end of April`, `beginning of next week`, `end of the month`, `later this month`.
fn edge(reader: Reader<'_>, at: usize) -> Read<Period> {
    let Sense::Edge(edge) = reader.sense(at) else { return None };
    let of = reader.skip(at + 1, Sense::The);
    let this = |unit| Period::Unit { unit, factor: 1, which: Which::This };
    let (period, next) = match reader.sense(of) {
        Sense::Unit(unit @ (Unit::Week | Unit::Month | Unit::Year), 1) => (this(unit), of + 1),
        Sense::Month { month, .. } => match year(reader, of + 1) {
            Some((year, next)) => (Period::Month { month, year: Some(Year::Number(year)) }, next),
            None => (Period::Month { month, year: None }, of + 1),
        },
        _ if edge == Edge::Rest => return None,
        _ => plain(reader, of)?,
    };
    Some((Period::Edge { edge, of: Box::new(period) }, next))
}

/// `week of April 10`, `week beginning February 4`, `w/c Feb 4`; with an article, seven days: `a week starting tomorrow`.
fn week_of(reader: Reader<'_>, at: usize, article: bool) -> Read<Period> {
    let from = match (reader.sense(at), reader.sense(at + 1)) {
        (Sense::WeekOf, _) => at + 1,
        (Sense::Unit(Unit::Week, 1), Sense::Of | Sense::Starting) => at + 2,
        _ => return None,
    };
    let (day, end) = simple(reader, from, Before { on: true, ..Before::default() })?;
    let day = Box::new(day.value);
    Some((if article { Period::WeekFrom(day) } else { Period::WeekOf(day) }, end))
}

/// `3rd week of Jan`, `last week of July`, `the 9th month of next year`, `third month of 2027`, 明年第九个月.
fn nth(reader: Reader<'_>, at: usize) -> Read<Period> {
    let (nth, next) = ordinal(reader, at)?;
    let (unit, next) = unit(reader, next).and_then(|((unit, factor), next)| (factor == 1).then_some((unit, next)))?;
    match unit {
        Unit::Week => {
            let ((month, year), end) = month_after_of(reader, next)?;
            Some((Period::NthWeek { nth, month, year }, end))
        }
        Unit::Month if (1..=12).contains(&nth) => {
            if let (Sense::Of, Some((number, end))) = (reader.sense(next), year(reader, next)) {
                return Some((Period::NthMonth { nth, year: Year::Number(number) }, end));
            }
            match (reader.sense(next), reader.sense(next + 1), reader.sense(next + 2)) {
                (Sense::Of, Sense::Which(which), Sense::Unit(Unit::Year, 1)) => {
                    Some((Period::NthMonth { nth, year: Year::Steps(which.steps()) }, next + 3))
                }
                _ if reader.sense(at) == Sense::OrdinalMark => Some((Period::Month { month: nth, year: None }, next)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `next 3 days`, `the 2 next weeks`, 未来两天.
fn coming(reader: Reader<'_>, at: usize) -> Read<Period> {
    let next_ones = |at| matches!(reader.sense(at), Sense::Which(Which::Next | Which::Coming | Which::Following));
    let ((count, _), after) = if next_ones(at) { cardinal(reader, at + 1)? } else { cardinal(reader, at)? };
    let after = match next_ones(at) {
        true => after,
        false if next_ones(after) => after + 1,
        false => return None,
    };
    let ((unit, factor), end) = unit(reader, after)?;
    let days = matches!(unit, Unit::Day | Unit::Week | Unit::Month | Unit::Year);
    (days && (1..=100).contains(&count)).then_some((Period::Coming { count, unit, factor }, end))
}
