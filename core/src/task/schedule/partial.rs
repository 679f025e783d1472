//! What the text says before it is placed on the calendar: dates and times with parts missing.
//!
//! The rules (`rules/`) build a [`Partial`]; `resolve.rs` fills what is missing from the reference time.

use jiff::civil::{Time, Weekday};

use super::lexicon::{DayPart, Edge, Unit, Which};

/// A signed length on the calendar and the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Length {
    /// Calendar months.
    pub(super) months: i32,
    /// Calendar days.
    pub(super) days: i32,
    /// Monday to Friday only.
    pub(super) workdays: i32,
    /// Seconds on the clock.
    pub(super) seconds: i64,
}

impl Length {
    /// `count` units, or `None` past a century.
    pub(super) fn of(count: u32, unit: Unit, factor: i32) -> Option<Self> {
        let count = i32::try_from(count).ok()?.checked_mul(factor)?;
        let limit = match unit {
            Unit::Second | Unit::Minute | Unit::Hour | Unit::Day | Unit::Workday => 36_525,
            Unit::Week => 5_200,
            Unit::Month => 1_200,
            Unit::Year => 100,
        };
        if count > limit {
            return None;
        }
        let none = Self::default();
        Some(match unit {
            Unit::Second => Self { seconds: count.into(), ..none },
            Unit::Minute => Self { seconds: i64::from(count) * 60, ..none },
            Unit::Hour => Self { seconds: i64::from(count) * 3600, ..none },
            Unit::Day => Self { days: count, ..none },
            Unit::Workday => Self { workdays: count, ..none },
            Unit::Week => Self { days: count * 7, ..none },
            Unit::Month => Self { months: count, ..none },
            Unit::Year => Self { months: count * 12, ..none },
        })
    }

    /// The sum of both.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            months: self.months + other.months,
            days: self.days + other.days,
            workdays: self.workdays + other.workdays,
            seconds: self.seconds + other.seconds,
        }
    }

    /// The same length backwards.
    pub(super) fn back(self) -> Self {
        Self { months: -self.months, days: -self.days, workdays: -self.workdays, seconds: -self.seconds }
    }

    /// Hours, minutes or seconds are part of it.
    pub(super) fn has_clock(self) -> bool {
        self.seconds != 0
    }
}

/// A year that the text names, or points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Year {
    /// By its number.
    Number(i16),
    /// Years from the present one.
    Steps(i32),
}

/// A month that the text names, or points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Month {
    /// By its number, 1 to 12.
    Number(i8),
    /// Months from the present one.
    Steps(i32),
}

/// A day, or a stretch of days.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Day {
    /// Days from today.
    Offset(i32),
    /// A calendar date; the missing parts come from the reference.
    Date { year: Option<Year>, month: Option<Month>, day: i8, weekday: Option<Weekday> },
    /// Two numbers whose order the text doesn't say.
    Numeric { first: i8, second: i8, year: Option<i16>, weekday: Option<Weekday> },
    /// A weekday.
    Weekday { day: Weekday, which: Option<Which>, weeks: Option<i32> },
    /// The nth weekday of a month; -1 is the last.
    NthWeekday { nth: i8, weekday: Weekday, month: Month, year: Option<Year> },
    /// The nth such weekday after today.
    NthFromNow { nth: u32, weekday: Weekday },
    /// A length after (or before) another day.
    Shifted { base: Box<Day>, by: Length },
    /// Days among which the text doesn't choose.
    Period(Period),
}

/// Days among which the text doesn't choose.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Period {
    /// A week, month or year, counted from the present one.
    Unit { unit: Unit, factor: i32, which: Which },
    /// A named month.
    Month { month: i8, year: Option<Year> },
    /// The nth month of a year.
    NthMonth { nth: i8, year: Year },
    /// The week that holds a day.
    WeekOf(Box<Day>),
    /// Seven days from a day.
    WeekFrom(Box<Day>),
    /// The nth week of a month; -1 is the last.
    NthWeek { nth: i8, month: Month, year: Option<Year> },
    /// A Saturday and Sunday.
    Weekend { which: Which },
    /// The Saturday and Sunday beside a day, with the day.
    WeekendOf(Box<Day>),
    /// The `count` units that follow.
    Coming { count: u32, unit: Unit, factor: i32 },
    /// A part of a period.
    Edge { edge: Edge, of: Box<Period> },
}

/// Which half of the day an hour is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// The text says it: the hour is on the 24-hour clock.
    Known,
    /// An hour from 1 to 12 that could be either.
    Open {
        /// Written as `5:00`, which a reader of a 24-hour clock takes as it stands.
        digital: bool,
    },
}

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// The time; 00:00 of the next day when `next_day`.
    pub(super) time: Time,
    /// Which half of the day.
    pub(super) half: Half,
    /// The midnight that ends the day.
    pub(super) next_day: bool,
}

/// A recurrence.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Repeat {
    /// The unit that is stepped by.
    pub(super) unit: Option<Unit>,
    /// Units from one to the next.
    pub(super) interval: u32,
    /// Weekdays, with their place in the month.
    pub(super) weekdays: Vec<(Option<i8>, Weekday)>,
    /// Days of the month; negative from its end.
    pub(super) month_days: Vec<i8>,
    /// Months.
    pub(super) months: Vec<i8>,
}

/// Everything that one temporal expression says.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Partial {
    /// The day, or the first of two.
    pub(super) day: Option<Day>,
    /// The last of two, itself included.
    pub(super) end_day: Option<Day>,
    /// The time, or the first of two.
    pub(super) clock: Option<Clock>,
    /// The second of two.
    pub(super) end_clock: Option<Clock>,
    /// The part of the day.
    pub(super) part: Option<DayPart>,
    /// The part of the day that the end is in.
    pub(super) end_part: Option<DayPart>,
    /// Counted from this moment.
    pub(super) from_now: Option<Length>,
    /// How long it lasts.
    pub(super) length: Option<Length>,
    /// It lies somewhere between the two ends.
    pub(super) within: bool,
    /// It recurs.
    pub(super) repeat: Option<Repeat>,
    /// The recurrence's last day.
    pub(super) until: Option<Day>,
    /// How often it recurs.
    pub(super) count: Option<u32>,
    /// The zone, by its IANA name.
    pub(super) zone: Option<&'static str>,
    /// A year or month that stands apart from its day.
    pub(super) year: Option<Year>,
}

impl Partial {
    /// A day without a time and a time without a day as one, in either order.
    pub(super) fn joined(&self, other: &Self) -> Option<Self> {
        let (day, time) = match (self.is_day(), other.is_day()) {
            (true, false) => (self, other),
            (false, true) => (other, self),
            _ => return None,
        };
        time.is_time().then(|| Self {
            day: day.day.clone(),
            end_day: day.end_day.clone(),
            repeat: day.repeat.clone(),
            until: day.until.clone(),
            count: day.count,
            year: day.year,
            length: time.length.or(day.length),
            within: time.within || day.within,
            ..time.clone()
        })
    }

    /// Says a day or a recurrence, and no time.
    fn is_day(&self) -> bool {
        let placed = self.day.is_some() || self.repeat.is_some();
        placed && self.clock.is_none() && self.part.is_none() && self.from_now.is_none() && self.end_clock.is_none()
    }

    /// Says a time of day, and no day.
    fn is_time(&self) -> bool {
        self.clock.is_some() && self.day.is_none() && self.end_day.is_none() && self.repeat.is_none()
    }
}
