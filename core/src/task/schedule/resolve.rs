//! What the text says, and the reference time → when it is.
//!
//! The day's readings (`calendar.rs`) are crossed with the hours' (`hours.rs`); a time without a day is the next such
//! time. Local times become instants with jiff's `compatible` rule, which is the RFC 5545 one: in a gap the time is moved
//! past it, in a fold the first of the two is taken.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{ToSpan, ZonedDateTime};

use super::calendar::{Calendar, Stretch, shift};
use super::hours::{self, Hours};
use super::partial::{Day, Length, Partial, Period, Repeat, Year};
use super::recurrence::{Bounds, first_day, rrule};
use super::rules;
use super::when::{Moment, Precision, Provenance, Reference, Source, When};
use crate::{Error, Result};

/// Readings that are kept.
const MAX_READINGS: usize = 4;

/// The readings of `partial`, the likelier first; empty when it leaves the calendar.
///
/// # Errors
/// `ImpossibleDate` for a date that isn't on the calendar, `Unsupported` for a zone that this device doesn't have
pub(super) fn resolve(partial: &Partial, reference: &Reference) -> Result<Vec<When>> {
    let now = match partial.zone {
        Some(name) => reference.now.with_time_zone(zone(name)?),
        None => reference.now.clone(),
    };
    let place =
        Place { partial, now: &now, calendar: Calendar { today: now.date(), preferences: &reference.preferences } };
    let mut readings = place.readings()?;
    readings.truncate(MAX_READINGS);
    Ok(readings)
}

/// A zone by its IANA name.
fn zone(name: &str) -> Result<TimeZone> {
    TimeZone::get(name).map_err(|_| {
        Error::unsupported(
            format!("the time zone {name} is not in this device's database"),
            "name the time in local time",
        )
    })
}

/// One expression, seen from one moment.
struct Place<'a> {
    partial: &'a Partial,
    now: &'a ZonedDateTime,
    calendar: Calendar<'a>,
}

impl Place<'_> {
    /// All readings.
    fn readings(&self) -> Result<Vec<When>> {
        let partial = self.partial;
        let timed = partial.clock.is_some() || partial.part.is_some();
        let day = match (&partial.day, partial.from_now) {
            (None, Some(length)) if !timed => return Ok(self.counted(length).into_iter().collect()),
            (None, Some(by)) => Some(Day::Shifted { base: Box::new(Day::Offset(0)), by }),
            (day, _) => day.clone().map(|day| with_year(day, partial.year)),
        };
        let days = match &day {
            Some(day) => self.calendar.readings(day)?,
            None => Vec::new(),
        };
        if day.is_some() && days.is_empty() {
            return Ok(Vec::new());
        }
        let mut hours = hours::readings(partial, self.calendar.preferences);
        if let (None, Some(part)) = (partial.clock, partial.part) {
            hours = vec![hours::part_hours(part)];
        }
        if let Some(repeat) = &partial.repeat {
            let from = days.first().map_or(self.calendar.today, |d| d.first);
            let mut found = Vec::new();
            let choices: Vec<Option<Hours>> =
                if hours.is_empty() { vec![None] } else { hours.into_iter().map(Some).collect() };
            for hours in choices {
                found.extend(self.recurring(repeat, from, hours)?);
            }
            return Ok(found);
        }
        let mut found = Vec::new();
        if hours.is_empty() {
            for stretch in days {
                found.extend(self.whole_days(stretch, self.last_day(stretch.first)?));
            }
        } else if let Some(day) = &day {
            for stretch in days {
                for hours in &hours {
                    found.extend(self.on_day(day, stretch, *hours)?);
                }
            }
            // Said of today, an hour that is still to come is likelier than one that is past.
            if matches!(day, Day::Offset(0)) {
                found.sort_by_key(|when| self.is_past(when));
            }
        } else {
            for hours in hours {
                let end_day = self.last_day(self.calendar.today)?;
                found.extend(self.next(hours, end_day));
            }
        }
        Ok(found)
    }

    /// It has begun.
    fn is_past(&self, when: &When) -> bool {
        matches!(&when.start, Moment::Instant(start) if start < self.now)
    }

    /// The last day of a range that starts on `first`.
    fn last_day(&self, first: Date) -> Result<Option<Date>> {
        let Some(day) = &self.partial.end_day else { return Ok(None) };
        // `till tomorrow` is counted from now, `till Monday` and `till the 17th` from the start.
        let today = if matches!(day, Day::Offset(_)) { self.calendar.today } else { first };
        let readings = Calendar { today, ..self.calendar }.readings(&with_year(day.clone(), self.partial.year))?;
        Ok(readings.first().map(|s| s.first).filter(|last| *last >= first))
    }

    /// A length from now: an instant where it has hours, else a day.
    fn counted(&self, length: Length) -> Option<When> {
        let partial = self.partial;
        let sources = [Source::Text; 3];
        if length.has_clock() || length == Length::default() {
            let then = self.later(self.now, length)?;
            let start = if partial.within { self.now.clone() } else { then.clone() };
            let end = match (partial.end_clock, partial.length) {
                (Some(_), _) => self.clock_after(&start),
                (None, Some(length)) => self.later(&start, length),
                (None, None) => partial.within.then_some(then),
            };
            return Some(self.timed(start, end, sources, [Source::Text; 2]));
        }
        let day = shift(self.calendar.today, length)?;
        if partial.within {
            let end = day.tomorrow().ok()?;
            return self.whole_days(Stretch { first: self.calendar.today, end: Some(end), loose: true, sources }, None);
        }
        self.whole_days(Stretch { first: day, end: None, loose: false, sources }, None)
    }

    /// The end's clock time, the first after `start`: `between now and eight`.
    fn clock_after(&self, start: &ZonedDateTime) -> Option<ZonedDateTime> {
        let as_start = Partial { clock: self.partial.end_clock, part: self.partial.end_part, ..Partial::default() };
        let today = hours::readings(&as_start, self.calendar.preferences).into_iter().filter_map(|h| {
            let on = |day: Date| self.instant(h.start.on(day)?).filter(|at| at > start);
            on(start.date()).or_else(|| on(start.date().tomorrow().ok()?))
        });
        today.min()
    }

    /// `from` and a length, on the calendar for its days and on the clock for its hours.
    fn later(&self, from: &ZonedDateTime, length: Length) -> Option<ZonedDateTime> {
        let day = self.instant(shift(from.date(), Length { seconds: 0, ..length })?.to_datetime(from.time()))?;
        // Without days the instant stays the same, also in a fold.
        let base = if (length.months, length.days, length.workdays) == (0, 0, 0) { from.clone() } else { day };
        base.checked_add(length.seconds.seconds()).ok()
    }

    /// Whole days.
    fn whole_days(&self, stretch: Stretch, last: Option<Date>) -> Option<When> {
        let end = match (last, self.partial.length) {
            (Some(last), _) => Some(last.tomorrow().ok()?),
            (None, Some(length)) if !length.has_clock() => Some(shift(stretch.first, length)?),
            (None, _) => stretch.end,
        };
        let loose = (stretch.loose && last.is_none()) || self.partial.within;
        let [year, month, day] = stretch.sources;
        let end_source = end.map(|_| Source::Text);
        Some(When {
            start: Moment::Day(stretch.first),
            end: end.map(Moment::Day),
            precision: if loose { Precision::Within } else { Precision::Exact },
            rrule: None,
            provenance: Provenance { year, month, day, time: None, end: end_source, zone: Source::Reference },
        })
    }

    /// Hours on a day.
    fn on_day(&self, day: &Day, stretch: Stretch, hours: Hours) -> Result<Option<When>> {
        let bare_weekday = matches!(day, Day::Weekday { which: None, weeks: None, .. });
        let past = |first| hours.start.on(first).and_then(|at| self.instant(at)).is_some_and(|at| at < *self.now);
        let first = match stretch.first.checked_add(7.days()) {
            Ok(week_later) if bare_weekday && past(stretch.first) => week_later,
            _ => stretch.first,
        };
        Ok(self.hours_on(first, self.last_day(first)?, hours, stretch.sources))
    }

    /// Hours without a day: the next such.
    fn next(&self, hours: Hours, end_day: Option<Date>) -> Option<When> {
        let today = self.calendar.today;
        let deciding = if self.partial.clock.is_some() { hours.start } else { hours.end.unwrap_or(hours.start) };
        let past = self.instant(deciding.on(today)?)? < *self.now;
        let day = if past { today.tomorrow().ok()? } else { today };
        self.hours_on(day, end_day, hours, [Source::Reference; 3])
    }

    /// Hours on a settled day.
    fn hours_on(&self, day: Date, end_day: Option<Date>, hours: Hours, sources: [Source; 3]) -> Option<When> {
        let start = self.instant(hours.start.on(day)?)?;
        // The days of a recurrence's length are its own: `daily for two weeks`.
        let length = self.partial.length.filter(|length| self.partial.repeat.is_none() || length.has_clock());
        let end = match (hours.end, length) {
            (Some(end), _) => Some(self.instant(end.on(end_day.unwrap_or(day))?)?),
            (None, Some(length)) => Some(self.later(&start, length)?),
            (None, None) => None,
        };
        let source = if hours.chosen || self.partial.clock.is_none() { Source::Preference } else { Source::Text };
        let end_source = if self.partial.clock.is_none() { Source::Preference } else { Source::Text };
        let end = end.filter(|end| *end > start);
        Some(self.timed(start, end, sources, [source, end_source]))
    }

    /// The answer for two instants.
    fn timed(
        &self,
        start: ZonedDateTime,
        end: Option<ZonedDateTime>,
        sources: [Source; 3],
        [time, end_source]: [Source; 2],
    ) -> When {
        let partial = self.partial;
        let part_only = partial.clock.is_none() && partial.from_now.is_none() && partial.part.is_some();
        let [year, month, day] = sources;
        let zone = if partial.zone.is_some() { Source::Text } else { Source::Reference };
        let provenance = Provenance { year, month, day, time: Some(time), end: end.as_ref().map(|_| end_source), zone };
        When {
            start: Moment::Instant(start),
            end: end.map(Moment::Instant),
            precision: if partial.within || part_only { Precision::Within } else { Precision::Exact },
            rrule: None,
            provenance,
        }
    }

    /// A recurrence, from its first occurrence on or after `from`.
    fn recurring(&self, repeat: &Repeat, from: Date, hours: Option<Hours>) -> Result<Option<When>> {
        let Some(mut first) = first_day(repeat, from) else { return Ok(None) };
        if let Some(hours) = hours
            && let Some(start) = hours.start.on(first).and_then(|at| self.instant(at))
            && start < *self.now
            && let Some(next) = first.tomorrow().ok().and_then(|day| first_day(repeat, day))
        {
            first = next;
        }
        let until = match (&self.partial.until, self.partial.length) {
            (Some(day), _) => {
                let from_first = Calendar { today: first, ..self.calendar };
                let calendar = if matches!(day, Day::Offset(_) | Day::Period(_)) { self.calendar } else { from_first };
                let last = |s: &Stretch| match day {
                    // `until the end of June` holds the 30th; `until June` is over as June begins.
                    Day::Period(Period::Edge { .. }) => s.end.and_then(|end| end.yesterday().ok()),
                    _ => Some(s.first),
                };
                calendar.readings(day)?.first().and_then(last)
            }
            (None, Some(length)) if !length.has_clock() => shift(first, length).and_then(|day| day.yesterday().ok()),
            (None, _) => None,
        };
        let sources = match &self.partial.day {
            Some(_) => [Source::Text; 3],
            None => [Source::Reference; 3],
        };
        let bounds = Bounds { count: self.partial.count.filter(|n| *n > 0), until };
        let one = match hours {
            Some(hours) => self.hours_on(first, None, hours, sources),
            None => Some(Self::one_day(first, sources)),
        };
        let zone = hours.map(|_| self.now.time_zone());
        Ok(one.map(|when| When { rrule: rrule(repeat, &bounds, zone), ..when }))
    }

    /// One whole day.
    fn one_day(first: Date, [year, month, day]: [Source; 3]) -> When {
        When {
            start: Moment::Day(first),
            end: None,
            precision: Precision::Exact,
            rrule: None,
            provenance: Provenance { year, month, day, time: None, end: None, zone: Source::Reference },
        }
    }

    /// A local time as an instant.
    fn instant(&self, at: DateTime) -> Option<ZonedDateTime> {
        self.now.time_zone().to_zoned_datetime(at).ok()
    }
}

/// The day in the year that stands apart from it.
fn with_year(day: Day, year: Option<Year>) -> Day {
    match (day, year) {
        (Day::Numeric { first, second, year: None, weekday }, Some(Year::Number(year))) => {
            Day::Numeric { first, second, year: Some(year), weekday }
        }
        (day, Some(year)) => rules::in_year(day.clone(), year).unwrap_or(day),
        (day, None) => day,
    }
}
