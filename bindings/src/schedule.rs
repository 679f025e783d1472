//! Scheduling: the user's clock and habits in, events out.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use jiff::civil::Weekday;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use minnow::task::schedule::{
    DateOrder as Order, Event, Moment as CoreMoment, Precision, Preferences, Provenance, Source, When as CoreWhen,
    calendar_text,
};

use crate::error::{MinnowError, Result};
use crate::types::{AnswerSource, TextSpan, Utf16};

/// The order of two numbers that make a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum DateOrder {
    /// `3/5` is the fifth of March.
    MonthFirst,
    /// `3/5` is the third of May.
    DayFirst,
}

/// How a text is scheduled.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ScheduleOptions {
    /// The present moment, in seconds since 1970.
    pub now_epoch_seconds: i64,
    /// The user's IANA zone, or an offset such as `+02:00`.
    pub zone: String,
    /// The user's BCP 47 locale, for the habits that the rest doesn't set.
    pub locale: String,
    /// The first day of a week, 1 (Monday) to 7.
    pub week_start: Option<u8>,
    /// How `3/5` is read.
    pub date_order: Option<DateOrder>,
    /// Seconds that a timed event lasts in the calendar text when the text doesn't say.
    pub default_duration_seconds: Option<i64>,
}

impl ScheduleOptions {
    /// The core's options.
    ///
    /// # Errors
    /// `InvalidInput` for a moment, zone, day or duration that doesn't exist; the locale is taken as it is.
    pub(crate) fn resolve(&self) -> Result<minnow::ScheduleOptions> {
        let moment = Timestamp::from_second(self.now_epoch_seconds).map_err(|_| {
            MinnowError::invalid("now", format!("{} seconds since 1970 are on no calendar", self.now_epoch_seconds))
        })?;
        let zone = zone(&self.zone)?;
        let mut habits = Preferences::for_locale(&self.locale);
        if let Some(day) = self.week_start {
            let day = i8::try_from(day).ok().and_then(|day| Weekday::from_monday_one_offset(day).ok());
            habits.week_start = day.ok_or_else(|| MinnowError::invalid("week_start", "expected 1 (Monday) to 7"))?;
        }
        match self.date_order {
            Some(DateOrder::MonthFirst) => habits.date_order = Order::MonthFirst,
            Some(DateOrder::DayFirst) => habits.date_order = Order::DayFirst,
            None => {}
        }
        if let Some(seconds) = self.default_duration_seconds {
            if !(1..=MOST_SECONDS).contains(&seconds) {
                let what = format!("{seconds} seconds, expected more than 0 and at most {MOST_SECONDS}");
                return Err(MinnowError::invalid("default_duration", what));
            }
            habits.default_duration = SignedDuration::from_secs(seconds);
        }
        Ok(minnow::ScheduleOptions::new(moment.to_zoned_datetime(zone)).preferences(habits))
    }
}

/// The longest default duration, a leap year: nobody means a longer one.
const MOST_SECONDS: i64 = 366 * 24 * 60 * 60;

/// What a text asks to be put into a calendar.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Schedule {
    /// The events in the text's order; none: there is nothing to schedule.
    pub events: Vec<ScheduledEvent>,
    /// Who answered.
    pub served_by: AnswerSource,
}

/// An event that a text asks for.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct ScheduledEvent {
    /// What it is, in the text's own words.
    pub title: String,
    /// When it is.
    pub when: When,
    /// Other readings of the time, the likelier first.
    pub alternatives: Vec<When>,
    /// The stretch of the text that carries the time.
    pub span: TextSpan,
    /// 1 for an exact time with one reading, shared out over the readings where there are more.
    pub confidence: f32,
}

/// When something is.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct When {
    /// When it starts.
    pub start: Moment,
    /// When it ends, itself excluded, where the text says it.
    pub end: Option<Moment>,
    /// It lies somewhere between start and end, rather than filling that time.
    pub is_window: bool,
    /// How it recurs: the value of an RFC 5545 `RRULE`.
    pub rrule: Option<String>,
    /// Where each part of it comes from.
    pub provenance: WhenProvenance,
    /// The event with this time as an iCalendar text (RFC 5545).
    pub icalendar: String,
}

/// A point on the calendar.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
pub enum Moment {
    /// A whole day, in no zone.
    Day {
        /// The year.
        year: i16,
        /// 1 to 12.
        month: u8,
        /// 1 to 31.
        day: u8,
    },
    /// A moment in a zone.
    Instant {
        /// Seconds since 1970.
        epoch_seconds: i64,
        /// The IANA zone, or an offset such as `+02` where the user's zone is one.
        zone: String,
    },
}

/// Where a part of a date comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Origin {
    /// The text says it, or says how far it is from now.
    Text,
    /// The present moment fills it.
    Now,
    /// The text leaves it open and a preference decides.
    Preference,
}

/// Where each part of a [`When`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct WhenProvenance {
    /// The year.
    pub year: Origin,
    /// The month.
    pub month: Origin,
    /// The day of the month.
    pub day: Origin,
    /// The time of day; none for whole days.
    pub time: Option<Origin>,
    /// The end; none where there is none.
    pub end: Option<Origin>,
}

impl Schedule {
    /// The core's value for `text`.
    pub(crate) fn of(found: minnow::Schedule, text: &str, options: &minnow::ScheduleOptions) -> Result<Self> {
        let mut utf16 = Utf16::new(text);
        let served_by = AnswerSource::of(found.served_by)?;
        let events = found.events.into_iter().enumerate().map(|(index, event)| {
            let when = |reading: &CoreWhen| when(reading, index, (&event.title, text), options);
            Ok(ScheduledEvent {
                when: when(&event.when)?,
                alternatives: event.alternatives.iter().map(when).collect::<Result<_>>()?,
                span: utf16.span(&event.span),
                confidence: event.confidence,
                title: event.title.clone(),
            })
        });
        Ok(Self { events: events.collect::<Result<_>>()?, served_by })
    }
}

/// A number that two texts hardly share. Its key is this process's own, so whoever is sent the event can't try texts against it.
fn digest(text: &str) -> u64 {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    KEY.hash_one(text)
}

fn when(
    reading: &CoreWhen,
    index: usize,
    (title, text): (&str, &str),
    options: &minnow::ScheduleOptions,
) -> Result<When> {
    let written_at = options.now.timestamp();
    let entry = Event {
        // unique to the moment of asking, the text, the event's place in it and its start
        uid: format!("{}-{:016x}-{index}-{}@minnow", written_at.as_second(), digest(text), compact(&reading.start)),
        title: title.to_owned(),
        when: reading.clone(),
        place: None,
        attendees: Vec::new(),
    };
    Ok(When {
        start: moment(&reading.start)?,
        end: reading.end.as_ref().map(moment).transpose()?,
        is_window: reading.precision == Precision::Within,
        rrule: reading.rrule.clone(),
        provenance: provenance(reading.provenance),
        icalendar: calendar_text(&[entry], written_at, options.preferences.default_duration)?,
    })
}

/// A zone by its IANA name, or a fixed one by its offset: both languages have such zones too.
fn zone(name: &str) -> Result<TimeZone> {
    let zone = DateTimeParser::new().parse_time_zone(name);
    zone.map_err(|_| MinnowError::invalid("zone", "no such IANA time zone or offset, such as Europe/Zurich or +02:00"))
}

fn compact(moment: &CoreMoment) -> String {
    match moment {
        CoreMoment::Day(day) => day.strftime("%Y%m%d").to_string(),
        CoreMoment::Instant(instant) => instant.timestamp().strftime("%Y%m%dT%H%M%SZ").to_string(),
    }
}

fn moment(moment: &CoreMoment) -> Result<Moment> {
    Ok(match moment {
        CoreMoment::Day(day) => Moment::Day { year: day.year(), month: day.month() as u8, day: day.day() as u8 },
        CoreMoment::Instant(instant) => {
            let zone = instant.time_zone().iana_name().map_or_else(|| instant.offset().to_string(), str::to_owned);
            Moment::Instant { epoch_seconds: instant.timestamp().as_second(), zone }
        }
    })
}

fn provenance(core: Provenance) -> WhenProvenance {
    let origin = |source: Source| match source {
        Source::Text => Origin::Text,
        Source::Reference => Origin::Now,
        Source::Preference => Origin::Preference,
    };
    WhenProvenance {
        year: origin(core.year),
        month: origin(core.month),
        day: origin(core.day),
        time: core.time.map(origin),
        end: core.end.map(origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> ScheduleOptions {
        ScheduleOptions {
            now_epoch_seconds: 1_795_510_200,
            zone: "Europe/London".into(),
            locale: "en-GB".into(),
            week_start: None,
            date_order: None,
            default_duration_seconds: None,
        }
    }

    #[test]
    fn habits_come_from_the_locale_and_are_overridden_one_by_one() {
        let resolved = options().resolve().unwrap();
        assert_eq!(resolved.preferences.date_order, Order::DayFirst);
        let sunday = ScheduleOptions { week_start: Some(7), date_order: Some(DateOrder::MonthFirst), ..options() };
        let resolved = sunday.resolve().unwrap();
        assert_eq!(resolved.preferences.week_start, Weekday::Sunday);
        assert_eq!(resolved.preferences.date_order, Order::MonthFirst);
    }

    #[test]
    fn a_zone_is_a_name_or_an_offset() {
        assert_eq!(zone("Asia/Shanghai").unwrap().iana_name(), Some("Asia/Shanghai"));
        let fixed = ScheduleOptions { zone: "+02:00".into(), ..options() }.resolve().unwrap();
        assert_eq!(
            moment(&CoreMoment::Instant(fixed.now)).unwrap(),
            Moment::Instant { epoch_seconds: 1_795_510_200, zone: "+02".into() }
        );
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let field = |options: ScheduleOptions| match options.resolve() {
            Err(MinnowError::InvalidInput { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field(ScheduleOptions { zone: "Mars/Olympus".into(), ..options() }), "zone");
        assert_eq!(field(ScheduleOptions { week_start: Some(8), ..options() }), "weekStart");
        assert_eq!(field(ScheduleOptions { week_start: Some(0), ..options() }), "weekStart");
        assert_eq!(field(ScheduleOptions { now_epoch_seconds: i64::MAX, ..options() }), "now");
        for seconds in [0, -1, i64::MAX] {
            let options = ScheduleOptions { default_duration_seconds: Some(seconds), ..options() };
            assert_eq!(field(options), "defaultDuration");
        }
    }
}
