//! A recurrence as the value of an RFC 5545 `RRULE` (3.3.10), and the first day that it has.
//!
//! Expansion to all occurrences is not done here: the calendar that takes the rule does it.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::lexicon::Unit;
use super::partial::Repeat;

/// Days that are searched for the first occurrence; the longest wait is for 29 February, eight years over a century.
const SEARCH_DAYS: usize = 366 * 8 + 1;

/// When a recurrence ends.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bounds {
    /// How often it occurs.
    pub(super) count: Option<u32>,
    /// Its last day, included.
    pub(super) until: Option<Date>,
}

/// The rule as text; `zone` is that of a timed event, for whose `UNTIL` the RFC wants UTC.
pub(super) fn rrule(repeat: &Repeat, bounds: &Bounds, zone: Option<&TimeZone>) -> Option<String> {
    let mut rule = format!("FREQ={}", frequency(repeat.unit?)?);
    if repeat.interval > 1 {
        rule += &format!(";INTERVAL={}", repeat.interval);
    }
    if let Some(count) = bounds.count {
        rule += &format!(";COUNT={count}");
    } else if let Some(until) = bounds.until {
        rule += &format!(";UNTIL={}", until_text(until, zone)?);
    }
    let list = |values: &[i8]| values.iter().map(i8::to_string).collect::<Vec<_>>().join(",");
    if !repeat.months.is_empty() {
        rule += &format!(";BYMONTH={}", list(&repeat.months));
    }
    if !repeat.month_days.is_empty() {
        rule += &format!(";BYMONTHDAY={}", list(&repeat.month_days));
    }
    if !repeat.weekdays.is_empty() {
        let days = repeat.weekdays.iter().map(|(nth, day)| {
            let nth = nth.map_or_else(String::new, |n| n.to_string());
            format!("{nth}{}", weekday_code(*day))
        });
        rule += &format!(";BYDAY={}", days.collect::<Vec<_>>().join(","));
    }
    Some(rule)
}

/// The first day on or after `from` that the rule has.
pub(super) fn first_day(repeat: &Repeat, from: Date) -> Option<Date> {
    from.series(1.day()).take(SEARCH_DAYS).find(|day| occurs(repeat, *day))
}

/// The rule's days hold `day`, whatever its interval.
fn occurs(repeat: &Repeat, day: Date) -> bool {
    let month = repeat.months.is_empty() || repeat.months.contains(&day.month());
    let from_end = day.day() - day.days_in_month() - 1;
    let month_day = repeat.month_days.is_empty() || repeat.month_days.iter().any(|d| *d == day.day() || *d == from_end);
    let weekday = repeat.weekdays.is_empty()
        || repeat.weekdays.iter().any(|(nth, weekday)| {
            let placed = nth.is_none_or(|nth| day.nth_weekday_of_month(nth, *weekday).is_ok_and(|d| d == day));
            day.weekday() == *weekday && placed
        });
    month && month_day && weekday
}

/// `UNTIL`: the date, or the last second of that day in UTC.
fn until_text(until: Date, zone: Option<&TimeZone>) -> Option<String> {
    let Some(zone) = zone else { return Some(until.strftime("%Y%m%d").to_string()) };
    let last: Timestamp = zone.to_timestamp(until.at(23, 59, 59, 0)).ok()?;
    Some(last.strftime("%Y%m%dT%H%M%SZ").to_string())
}

/// The RFC's name of a frequency.
fn frequency(unit: Unit) -> Option<&'static str> {
    Some(match unit {
        Unit::Day => "DAILY",
        Unit::Week => "WEEKLY",
        Unit::Month => "MONTHLY",
        Unit::Year => "YEARLY",
        Unit::Second | Unit::Minute | Unit::Hour | Unit::Workday => return None,
    })
}

/// The RFC's code of a weekday.
fn weekday_code(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "MO",
        Weekday::Tuesday => "TU",
        Weekday::Wednesday => "WE",
        Weekday::Thursday => "TH",
        Weekday::Friday => "FR",
        Weekday::Saturday => "SA",
        Weekday::Sunday => "SU",
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn until_is_a_date_for_whole_days_and_utc_for_times() {
        let repeat = Repeat { unit: Some(Unit::Day), interval: 1, ..Repeat::default() };
        let bounds = Bounds { count: None, until: Some(date(2026, 6, 1)) };
        assert_eq!(rrule(&repeat, &bounds, None).as_deref(), Some("FREQ=DAILY;UNTIL=20260601"));
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let timed = rrule(&repeat, &bounds, Some(&zone));
        assert_eq!(timed.as_deref(), Some("FREQ=DAILY;UNTIL=20260601T215959Z"));
    }

    #[test]
    fn first_day_is_one_that_the_rule_has() {
        let last_friday = Repeat {
            unit: Some(Unit::Month),
            interval: 1,
            weekdays: vec![(Some(-1), Weekday::Friday)],
            ..Repeat::default()
        };
        assert_eq!(first_day(&last_friday, date(2026, 3, 28)), Some(date(2026, 4, 24)));
        let leap =
            Repeat { unit: Some(Unit::Year), interval: 1, months: vec![2], month_days: vec![29], ..Repeat::default() };
        assert_eq!(first_day(&leap, date(2026, 3, 1)), Some(date(2028, 2, 29)));
        let never =
            Repeat { unit: Some(Unit::Year), interval: 1, months: vec![2], month_days: vec![30], ..Repeat::default() };
        assert_eq!(first_day(&never, date(2026, 3, 1)), None);
    }
}
