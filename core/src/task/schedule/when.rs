//! The answer's types: what a text says about time, and where each part of it comes from.

use std::ops::Range;

use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, ZonedDateTime};

/// What a relative date is counted from, and how an ambiguous one is read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Reference {
    /// The present moment, in the user's zone.
    pub now: ZonedDateTime,
    /// How ambiguous texts are read.
    pub preferences: Preferences,
}

impl Reference {
    /// `now` with the default preferences.
    pub fn new(now: ZonedDateTime) -> Self {
        Self { now, preferences: Preferences::default() }
    }

    /// The same moment with other preferences.
    #[must_use]
    pub fn preferences(mut self, preferences: Preferences) -> Self {
        self.preferences = preferences;
        self
    }
}

/// How ambiguous texts are read. Every choice made here is still offered the other way round in
/// [`Found::alternatives`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preferences {
    /// The first day of a week: says which days `next week` has. Monday, as in ISO 8601.
    pub week_start: Weekday,
    /// Whether `3/5` is the fifth of March or the third of May.
    pub date_order: DateOrder,
    /// Whether `5:00` is read as it stands.
    pub hour_cycle: HourCycle,
    /// The first hour of the stretch of twelve that an hour without am or pm is taken from: with 7, `at 7` is in the
    /// morning and `at 6` in the evening.
    pub day_begins: i8,
    /// How long a timed event lasts when the text doesn't say; one hour, as calendars have it.
    pub default_duration: SignedDuration,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            week_start: Weekday::Monday,
            date_order: DateOrder::MonthFirst,
            hour_cycle: HourCycle::H12,
            day_begins: 7,
            default_duration: SignedDuration::from_hours(1),
        }
    }
}

impl Preferences {
    /// The habits of a BCP 47 locale such as `en-GB` or `zh-Hans-CN`; those of the United States where it isn't known.
    pub fn for_locale(tag: &str) -> Self {
        let tag = tag.to_ascii_lowercase().replace('_', "-");
        let mut parts = tag.split('-');
        let language = parts.next().unwrap_or_default();
        let region = parts.find(|part| part.len() == 2).unwrap_or_default();
        let mut habits = Self::default();
        match (language, region) {
            ("zh" | "ja" | "ko", _) => habits.hour_cycle = HourCycle::H24,
            ("en", "" | "us" | "ph") => {}
            ("en", "ca" | "au" | "nz" | "in" | "sg" | "za") => habits.date_order = DateOrder::DayFirst,
            ("" | "und", _) => {}
            _ => (habits.date_order, habits.hour_cycle) = (DateOrder::DayFirst, HourCycle::H24),
        }
        if matches!((language, region), ("en", "" | "us" | "ca") | ("ja", _) | ("pt", "br") | ("he", _)) {
            habits.week_start = Weekday::Sunday;
        }
        habits
    }

    /// The same habits with weeks that start on `day`.
    #[must_use]
    pub fn week_start(mut self, day: Weekday) -> Self {
        self.week_start = day;
        self
    }

    /// The same habits with another order of day and month.
    #[must_use]
    pub fn date_order(mut self, order: DateOrder) -> Self {
        self.date_order = order;
        self
    }
}

/// The order of two numbers that make a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// `3/5` is the fifth of March.
    MonthFirst,
    /// `3/5` is the third of May.
    DayFirst,
}

/// How a clock is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HourCycle {
    /// `5:00` may be in the afternoon.
    H12,
    /// `5:00` is in the morning.
    H24,
}

/// A temporal expression in the text.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Found {
    /// Where it stands, in bytes of the caller's text, from the first word that carries time to the last.
    pub span: Range<usize>,
    /// The words in `span` that carry the time: one stretch, or two where others stand between day and time
    /// (`tomorrow with Sam at 7`).
    pub pieces: Vec<Range<usize>>,
    /// The likeliest reading.
    pub when: When,
    /// Other readings, the likelier first; empty when there is only one.
    pub alternatives: Vec<When>,
}

/// When something is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct When {
    /// When it starts; with [`Precision::Within`], the earliest it may start.
    pub start: Moment,
    /// When it ends, itself excluded, where the text says it: an all-day event on the 3rd and 4th ends on the 5th.
    pub end: Option<Moment>,
    /// Whether it fills the time from start to end, or lies somewhere in it.
    pub precision: Precision,
    /// How it recurs: the value of an RFC 5545 `RRULE`, without its name.
    pub rrule: Option<String>,
    /// Where each part comes from.
    pub provenance: Provenance,
}

impl When {
    /// It is on whole days.
    pub fn all_day(&self) -> bool {
        matches!(self.start, Moment::Day(_))
    }

    /// The end, or the start and `duration` (a day, for whole days); saturates at the end of the calendar.
    pub fn end_or(&self, duration: SignedDuration) -> Moment {
        match (&self.end, &self.start) {
            (Some(end), _) => end.clone(),
            (None, Moment::Day(day)) => Moment::Day(day.tomorrow().unwrap_or(Date::MAX)),
            (None, Moment::Instant(start)) => {
                Moment::Instant(start.checked_add(duration).unwrap_or_else(|_| start.clone()))
            }
        }
    }
}

/// A point on the calendar.
#[derive(Debug, Clone, PartialEq)]
pub enum Moment {
    /// A whole day, in no zone.
    Day(Date),
    /// A time of day in a zone. In a gap (clocks go forward) it is moved past the gap; in a fold (clocks go back) it is
    /// the first of the two: RFC 5545, 3.3.5.
    Instant(ZonedDateTime),
}

impl Moment {
    /// The day it is on.
    pub fn date(&self) -> Date {
        match self {
            Self::Day(day) => *day,
            Self::Instant(instant) => instant.date(),
        }
    }
}

/// How firmly a [`When`] is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// From start to end.
    Exact,
    /// Somewhere between start and end: `next week`, `tomorrow morning`. Ask before it is put into a calendar.
    Within,
}

/// Where a part of a date comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The text says it, or says how far it is from now.
    Text,
    /// The reference time fills it.
    Reference,
    /// The text leaves it open and a preference decides.
    Preference,
}

/// Where each part of a [`When`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Provenance {
    /// The year.
    pub year: Source,
    /// The month.
    pub month: Source,
    /// The day of the month.
    pub day: Source,
    /// The time of day; `None` for whole days.
    pub time: Option<Source>,
    /// The end; `None` where there is none.
    pub end: Option<Source>,
    /// The zone.
    pub zone: Source,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_have_their_habits() {
        assert_eq!(Preferences::for_locale("en-US").date_order, DateOrder::MonthFirst);
        assert_eq!(Preferences::for_locale("en-GB").date_order, DateOrder::DayFirst);
        assert_eq!(Preferences::for_locale("de_DE").hour_cycle, HourCycle::H24);
        assert_eq!(Preferences::for_locale("zh-Hans-CN").date_order, DateOrder::MonthFirst);
        assert_eq!(Preferences::for_locale(""), Preferences::default());
    }
}
