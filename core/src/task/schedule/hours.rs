//! Times of the text → times of day; the likelier first.
//!
//! An hour without am or pm is settled by the part of the day beside it, by the other end of its range, or by
//! [`Preferences::day_begins`]; in the last case the other half of the day is offered too.
//!
//! [`Preferences::day_begins`]: super::Preferences::day_begins

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time};

use super::lexicon::DayPart;
use super::partial::{Clock, Half, Partial};
use super::when::{HourCycle, Preferences};

/// A time of day, and days after the day it is said of: midnight is 00:00 a day later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hour {
    days: i64,
    time: Time,
}

impl Hour {
    /// That time on a day.
    pub(super) fn on(self, day: Date) -> Option<DateTime> {
        Some(day.checked_add(self.days.days()).ok()?.to_datetime(self.time))
    }
}

/// A start and perhaps an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hours {
    /// The start.
    pub(super) start: Hour,
    /// The end.
    pub(super) end: Option<Hour>,
    /// A preference chose the half of the day.
    pub(super) chosen: bool,
}

/// The hours that a part of the day has when nothing else is said; the end may be on the next day.
///
/// They are wide enough to ask "when exactly?" and follow no standard; chrono, Duckling and Recognizers-Text each have
/// other ones.
pub(super) fn part_hours(part: DayPart) -> Hours {
    let (start, end) = match part {
        DayPart::Dawn => (0, 6),
        DayPart::Morning => (8, 12),
        DayPart::Midday => (11, 13),
        DayPart::Afternoon => (12, 18),
        DayPart::Evening => (18, 21),
        DayPart::Night => (20, 24),
    };
    let hour = |h: i8| Hour { days: i64::from(h / 24), time: Time::constant(h % 24, 0, 0, 0) };
    Hours { start: hour(start), end: Some(hour(end)), chosen: false }
}

/// The readings of the clock times in `partial`, the likelier first; empty when there is none.
pub(super) fn readings(partial: &Partial, preferences: &Preferences) -> Vec<Hours> {
    let Some(clock) = partial.clock else { return Vec::new() };
    let starts = halves(clock, partial.part, preferences);
    let Some(end_clock) = partial.end_clock else {
        let chosen = starts.len() > 1;
        return starts.into_iter().map(|start| Hours { start, end: None, chosen }).collect();
    };
    // Beside a part of the day the hours are those of a twelve-hour clock: 下午5:00到6:00.
    let hour_cycle = if partial.part.is_some() { HourCycle::H12 } else { preferences.hour_cycle };
    let ends = halves(end_clock, partial.end_part, &Preferences { hour_cycle, ..preferences.clone() });
    if let (true, [end]) = (starts.len() > 1, ends.as_slice()) {
        // `5 to 6pm`, `11 to 1pm`: the start that is nearest before the end.
        let nearest = starts.iter().filter(|start| *start < end).max().or(starts.first());
        return nearest.map(|start| Hours { start: *start, end: Some(*end), chosen: false }).into_iter().collect();
    }
    let chosen = starts.len() > 1;
    let ranges = starts.into_iter().map(|start| {
        // The nearest end after the start; over midnight where there is none that day.
        let later = |end: &Hour| Hour { days: end.days + 1, ..*end };
        let end = ends.iter().copied().chain(ends.iter().map(later)).filter(|end| *end > start).min();
        Hours { start, end, chosen }
    });
    ranges.collect()
}

/// A clock time in the half of the day that is meant, or in both, the likelier first.
fn halves(clock: Clock, part: Option<DayPart>, preferences: &Preferences) -> Vec<Hour> {
    let days = i64::from(clock.next_day);
    let at = |hours: i8, days: i64| Hour {
        days,
        time: Time::new(hours, clock.time.minute(), clock.time.second(), 0).unwrap_or(clock.time),
    };
    let hour = clock.time.hour();
    let Half::Open { digital } = clock.half else {
        let midnight = hour == 0 && days == 0 && matches!(part, Some(DayPart::Evening | DayPart::Night));
        return vec![at(hour, if midnight { 1 } else { days })];
    };
    // 1 to 12, so 12 is the zeroth hour of either half.
    let (early, late) = (hour % 12, hour % 12 + 12);
    match part {
        Some(DayPart::Dawn | DayPart::Morning) => vec![at(early, 0)],
        Some(DayPart::Midday) => vec![if hour >= 10 { at(hour, 0) } else { at(late, 0) }],
        Some(DayPart::Afternoon) => vec![at(late, 0)],
        // 今晚十二点, `tonight at 1`: after midnight.
        Some(DayPart::Evening | DayPart::Night) if early < 4 => vec![at(early, 1)],
        Some(DayPart::Evening | DayPart::Night) => vec![at(late, 0)],
        None if digital && preferences.hour_cycle == HourCycle::H24 => vec![at(hour, 0)],
        None if early >= preferences.day_begins => vec![at(early, 0), at(late, 0)],
        None => vec![at(late, 0), at(early, 0)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(hour: i8, half: Half) -> Option<Clock> {
        Some(Clock { time: Time::constant(hour, 0, 0, 0), half, next_day: false })
    }

    fn hours(partial: &Partial) -> Vec<(i8, Option<i8>)> {
        let all = readings(partial, &Preferences::default());
        all.iter().map(|h| (h.start.time.hour(), h.end.map(|end| end.time.hour()))).collect()
    }

    const OPEN: Half = Half::Open { digital: false };

    #[test]
    fn the_end_settles_the_start() {
        for (start, end, want) in [(5, 18, 17), (11, 13, 11), (8, 23, 20), (12, 13, 12)] {
            let partial =
                Partial { clock: clock(start, OPEN), end_clock: clock(end, Half::Known), ..Partial::default() };
            assert_eq!(hours(&partial), [(want, Some(end))]);
        }
    }

    #[test]
    fn the_start_settles_the_end() {
        let partial = Partial { clock: clock(20, Half::Known), end_clock: clock(11, OPEN), ..Partial::default() };
        assert_eq!(hours(&partial), [(20, Some(23))]);
    }

    #[test]
    fn a_bare_hour_has_both_halves_the_waking_one_first() {
        let at = |hour| hours(&Partial { clock: clock(hour, OPEN), ..Partial::default() });
        assert_eq!(at(3), [(15, None), (3, None)]);
        assert_eq!(at(9), [(9, None), (21, None)]);
        assert_eq!(at(12), [(12, None), (0, None)]);
    }

    #[test]
    fn the_part_of_the_day_settles_the_hour() {
        let at = |hour, part| hours(&Partial { clock: clock(hour, OPEN), part: Some(part), ..Partial::default() });
        assert_eq!(at(7, DayPart::Afternoon), [(19, None)]);
        assert_eq!(at(12, DayPart::Midday), [(12, None)]);
        assert_eq!(at(1, DayPart::Midday), [(13, None)]);
        assert_eq!(at(3, DayPart::Dawn), [(3, None)]);
    }
}
