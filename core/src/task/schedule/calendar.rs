//! Days of the text → days of the calendar, counted from today; the likelier first.
//!
//! Everything that recurs by itself (a weekday, the 5th, 3 March) is read as the next one, today included: this is for
//! what is to come. `last` and `yesterday` are the only ways back. A week is the one that [`Preferences::week_start`]
//! opens, and the nth week of a month is counted as ISO 8601 counts those of a year: the first has the month's first
//! Thursday.
//!
//! [`Preferences::week_start`]: super::Preferences::week_start

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};

use super::lexicon::{Edge, Unit, Which};
use super::partial::{Day, Length, Month, Period, Year};
use super::when::{DateOrder, Preferences, Source};
use crate::{Error, Result};

/// Years that are searched for a date on its weekday; the calendar repeats after at most 28, save for centuries.
const WEEKDAY_YEARS: i16 = 40;

/// A day, or the days among which the text doesn't choose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch {
    /// The first day.
    pub(super) first: Date,
    /// The day after the last, where the text gives more than a day.
    pub(super) end: Option<Date>,
    /// The text chooses none of them.
    pub(super) loose: bool,
    /// Where year, month and day come from.
    pub(super) sources: [Source; 3],
}

impl Stretch {
    /// A day that the text says, in full or by its distance.
    fn day(first: Date) -> Self {
        Self { first, end: None, loose: false, sources: [Source::Text; 3] }
    }

    /// Days from `first`, without `end`.
    fn loose(first: Date, end: Date) -> Self {
        Self { end: Some(end), loose: true, ..Self::day(first) }
    }

    /// The same days with other sources.
    fn from(self, sources: [Source; 3]) -> Self {
        Self { sources, ..self }
    }
}

/// The calendar as it is seen from one day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calendar<'p> {
    /// The day that relative ones are counted from.
    pub(super) today: Date,
    /// How ambiguous dates are read.
    pub(super) preferences: &'p Preferences,
}

impl Calendar<'_> {
    /// The readings of `day`, the likelier first; empty where it leaves the calendar.
    ///
    /// # Errors
    /// `ImpossibleDate` for a day that its month never has
    pub(super) fn readings(self, day: &Day) -> Result<Vec<Stretch>> {
        let (text, reference) = (Source::Text, Source::Reference);
        Ok(match day {
            Day::Offset(days) => self.plus_days(*days).map(Stretch::day).into_iter().collect(),
            Day::Date { year, month, day, weekday } => {
                let sources = [year.map_or(reference, |_| text), month.map_or(reference, |_| text), text];
                self.date(*year, *month, *day, *weekday)?.map(|d| Stretch::day(d).from(sources)).into_iter().collect()
            }
            Day::Numeric { first, second, year, weekday } => self.numeric(*first, *second, *year, *weekday)?,
            Day::Weekday { day, which, weeks } => self.weekday(*day, *which, *weeks),
            Day::NthWeekday { nth, weekday, month, year } => {
                let sources = [year.map_or(reference, |_| text), text, text];
                self.nth_weekday(*nth, *weekday, *month, *year)
                    .map(|d| Stretch::day(d).from(sources))
                    .into_iter()
                    .collect()
            }
            Day::NthFromNow { nth, weekday } => {
                let nth = i32::try_from(*nth).unwrap_or(i32::MAX);
                self.today.nth_weekday(nth, *weekday).ok().map(Stretch::day).into_iter().collect()
            }
            Day::Shifted { base, by } => {
                let moved = |s: Stretch| Some(Stretch { first: shift(s.first, *by)?, end: None, ..s });
                self.readings(base)?.into_iter().filter_map(moved).collect()
            }
            Day::Period(period) => self.period(period)?.into_iter().collect(),
        })
    }

    /// `days` from today.
    fn plus_days(self, days: i32) -> Option<Date> {
        self.today.checked_add(i64::from(days).days()).ok()
    }

    /// The number of a year.
    fn year(self, year: Year) -> Option<i16> {
        match year {
            Year::Number(year) => Some(year),
            Year::Steps(steps) => self.today.year().checked_add(i16::try_from(steps).ok()?),
        }
    }

    /// A date whose year or month may be missing: the next one.
    fn date(self, year: Option<Year>, month: Option<Month>, day: i8, weekday: Option<Weekday>) -> Result<Option<Date>> {
        let fits = |date: &Date| weekday.is_none_or(|w| date.weekday() == w);
        let Some(month) = month else {
            // Every 28 years at the latest each day of the month has been each weekday.
            let mut months = (0..12 * i32::from(WEEKDAY_YEARS)).filter_map(|n| self.month_after(n));
            return Ok(months.find_map(|first| {
                let date = Date::new(first.year(), first.month(), day).ok()?;
                (date >= self.today && fits(&date)).then_some(date)
            }));
        };
        let (month, stated_year) = match month {
            Month::Number(month) => (month, year.and_then(|y| self.year(y))),
            Month::Steps(steps) => match self.month_after(steps) {
                Some(first) => (first.month(), Some(first.year())),
                None => return Ok(None),
            },
        };
        if day > longest_month(month) {
            return Err(impossible(None, month, day));
        }
        if let Some(year) = stated_year {
            return match Date::new(year, month, day) {
                Ok(date) => Ok(Some(date)),
                Err(_) => Err(impossible(Some(year), month, day)),
            };
        }
        let this_year = self.today.year();
        let coming = (this_year..this_year.saturating_add(WEEKDAY_YEARS))
            .filter_map(|year| Date::new(year, month, day).ok())
            .filter(|date| *date >= self.today);
        Ok(coming.clone().find(fits).or_else(|| coming.clone().next()))
    }

    /// The first day of the month that is `steps` months after the present one.
    fn month_after(self, steps: i32) -> Option<Date> {
        self.today.first_of_month().checked_add(i64::from(steps).months()).ok()
    }

    /// Two numbers in either order: the preferred one first, but the one on the stated weekday before that.
    fn numeric(self, first: i8, second: i8, year: Option<i16>, weekday: Option<Weekday>) -> Result<Vec<Stretch>> {
        let orders = match self.preferences.date_order {
            DateOrder::MonthFirst => [(first, second), (second, first)],
            DateOrder::DayFirst => [(second, first), (first, second)],
        };
        let possible = |(month, day): &(i8, i8)| (1..=12).contains(month) && (1..=longest_month(*month)).contains(day);
        let mut dates = Vec::new();
        for (month, day) in orders.into_iter().filter(possible) {
            let soon = self.date(year.map(Year::Number), Some(Month::Number(month)), day, None)?;
            dates.extend(soon.filter(|date| !dates.contains(date)));
        }
        if dates.is_empty() && year.is_some() {
            let (month, day) = if (1..=12).contains(&orders[0].0) { orders[0] } else { orders[1] };
            return Err(impossible(year, month, day));
        }
        if let Some(weekday) = weekday {
            dates.sort_by_key(|date| date.weekday() != weekday);
        }
        let sources = [year.map_or(Source::Reference, |_| Source::Text), Source::Text, Source::Text];
        let chosen = [sources[0], Source::Preference, Source::Preference];
        let sources = if dates.len() > 1 && weekday.is_none() { chosen } else { sources };
        Ok(dates.into_iter().map(|date| Stretch::day(date).from(sources)).collect())
    }

    /// A weekday: the coming one, or that of a given week.
    fn weekday(self, day: Weekday, which: Option<Which>, weeks: Option<i32>) -> Vec<Stretch> {
        let in_week = |steps: i32| {
            let from_start = i64::from(day.since(self.preferences.week_start));
            self.week(steps)?.checked_add(from_start.days()).ok()
        };
        let coming = self.today.checked_add(i64::from(self.today.weekday().until(day)).days()).ok();
        let after_today = self.today.nth_weekday(1, day).ok();
        let dates = match (weeks, which) {
            (Some(steps), _) => [in_week(steps), None],
            (None, None) => [coming, None],
            (None, Some(Which::Coming)) => [after_today, None],
            (None, Some(Which::This)) => [in_week(0).filter(|date| *date >= self.today).or(coming), None],
            // `next Friday`: that of next week, or the first that comes.
            (None, Some(Which::Next)) => [in_week(1), after_today],
            (None, Some(which)) => [in_week(which.steps()), None],
        };
        let mut readings: Vec<Stretch> = Vec::new();
        for date in dates.into_iter().flatten() {
            if readings.iter().all(|seen| seen.first != date) {
                readings.push(Stretch::day(date));
            }
        }
        readings
    }

    /// The first day of the week that is `steps` weeks after the present one.
    fn week(self, steps: i32) -> Option<Date> {
        self.week_of(self.today)?.checked_add((i64::from(steps) * 7).days()).ok()
    }

    /// The first day of the week that holds `day`.
    fn week_of(self, day: Date) -> Option<Date> {
        day.checked_sub(i64::from(day.weekday().since(self.preferences.week_start)).days()).ok()
    }

    /// The nth weekday of a month; of the next such month where none is stated.
    fn nth_weekday(self, nth: i8, weekday: Weekday, month: Month, year: Option<Year>) -> Option<Date> {
        let at = |first: Date| first.nth_weekday_of_month(nth, weekday).ok();
        match (month, year) {
            (Month::Number(month), Some(year)) => at(Date::new(self.year(year)?, month, 1).ok()?),
            (Month::Number(month), None) => (0..WEEKDAY_YEARS)
                .filter_map(|n| Date::new(self.today.year().checked_add(n)?, month, 1).ok().and_then(at))
                .find(|date| *date >= self.today),
            (Month::Steps(0), _) => {
                (0..24).filter_map(|n| self.month_after(n).and_then(at)).find(|date| *date >= self.today)
            }
            (Month::Steps(steps), _) => at(self.month_after(steps)?),
        }
    }

    /// A stretch of days.
    fn period(self, period: &Period) -> Result<Option<Stretch>> {
        let first_reading = |day: &Day| Ok::<_, Error>(self.readings(day)?.into_iter().next());
        Ok(match period {
            Period::WeekOf(day) => first_reading(day)?.and_then(|s| {
                let first = self.week_of(s.first)?;
                Some(Stretch::loose(first, plus(first, 7.days())?).from(s.sources))
            }),
            Period::WeekFrom(day) => first_reading(day)?
                .and_then(|s| Some(Stretch::loose(s.first, plus(s.first, 7.days())?).from(s.sources))),
            Period::WeekendOf(day) => first_reading(day)?.and_then(|s| {
                // A feast on a Monday or Tuesday belongs to the weekend before it.
                let to_saturday = match i64::from(s.first.weekday().to_monday_zero_offset()) {
                    day @ 0..=1 => -2 - day,
                    day => 5 - day,
                };
                let saturday = plus(s.first, to_saturday.days())?;
                let end = plus(saturday, 2.days())?.max(plus(s.first, 1.day())?);
                Some(Stretch::loose(saturday, end).from(s.sources))
            }),
            Period::Edge { edge, of } => self.period(of)?.and_then(|whole| self.edge(*edge, whole)),
            plain => self.plain_period(plain),
        })
    }

    /// A stretch that no other day is part of.
    fn plain_period(self, period: &Period) -> Option<Stretch> {
        let reference_year = [Source::Reference, Source::Text, Source::Text];
        match period {
            Period::Unit { unit, factor, which } => {
                let steps = which.steps();
                let (first, length) = match unit {
                    Unit::Week => (self.week(steps)?, i64::from(*factor * 7).days()),
                    Unit::Month => {
                        // A quarter starts in the first, fourth, seventh or tenth month.
                        let into = i32::from(self.today.month() - 1).rem_euclid(*factor);
                        (self.month_after(steps * factor - into)?, i64::from(*factor).months())
                    }
                    Unit::Year => (Date::new(self.year(Year::Steps(steps))?, 1, 1).ok()?, i64::from(*factor).years()),
                    _ => return None,
                };
                Some(Stretch::loose(first, plus(first, length)?))
            }
            Period::Month { month, year } => {
                let stated = year.and_then(|y| self.year(y));
                let year = stated.unwrap_or(self.today.year() + i16::from(*month < self.today.month()));
                let first = Date::new(year, *month, 1).ok()?;
                let stretch = Stretch::loose(first, plus(first, 1.month())?);
                Some(if stated.is_some() { stretch } else { stretch.from(reference_year) })
            }
            Period::NthMonth { nth, year } => {
                let first = Date::new(self.year(*year)?, *nth, 1).ok()?;
                Some(Stretch::loose(first, plus(first, 1.month())?))
            }
            Period::NthWeek { nth, month, year } => {
                let thursday = self.nth_weekday(*nth, Weekday::Thursday, *month, *year)?;
                let first = plus(thursday, 3.days().negate())?;
                Some(Stretch::loose(first, plus(first, 7.days())?).from(reference_year))
            }
            Period::Weekend { which } => {
                let monday = plus(self.today, i64::from(self.today.weekday().to_monday_zero_offset()).days().negate())?;
                let saturday = plus(monday, (i64::from(which.steps().max(-1)) * 7 + 5).days())?;
                // On a Sunday, this weekend is the one that is on.
                Some(Stretch::loose(saturday, plus(saturday, 2.days())?))
            }
            Period::Coming { count, unit, factor } => {
                let length = Length::of(*count, *unit, *factor)?;
                let first = self.plus_days(1)?;
                Some(Stretch { loose: false, ..Stretch::loose(first, shift(first, length)?) })
            }
            Period::WeekOf(_) | Period::WeekFrom(_) | Period::WeekendOf(_) | Period::Edge { .. } => None,
        }
    }

    /// A third of a stretch; of a week, its first two days, its midst, or Friday to Sunday; of a month, ten days.
    fn edge(self, edge: Edge, whole: Stretch) -> Option<Stretch> {
        let end = whole.end?;
        let days = whole.first.duration_until(end).as_hours() / 24;
        let third = match days {
            0..=7 => 3,
            8..=31 => 10,
            days => days / 3,
        };
        let from_start = |n: i64| plus(whole.first, n.days());
        let (first, end) = match edge {
            Edge::Beginning => (whole.first, from_start(third)?),
            Edge::Middle => (from_start(third)?, from_start(days - third)?),
            Edge::End => (plus(end, third.days().negate())?, end),
            Edge::Rest => (whole.first.max(self.today), end),
        };
        Some(Stretch { first, end: Some(end), ..whole })
    }
}

/// `date` and a span.
fn plus(date: Date, span: Span) -> Option<Date> {
    date.checked_add(span).ok()
}

/// `date` and a length; months end on the last day where the day doesn't exist (31 January and a month: 28 February).
pub(super) fn shift(date: Date, by: Length) -> Option<Date> {
    let date = plus(date, i64::from(by.months).months().days(i64::from(by.days)))?;
    let step = i64::from(by.workdays.signum()).days();
    // Five working days are a week, so that a long way is not walked day by day.
    let mut date = plus(date, i64::from(by.workdays / 5).weeks())?;
    let mut left = by.workdays % 5;
    while left != 0 {
        date = plus(date, step)?;
        if !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) {
            left -= left.signum();
        }
    }
    Some(date)
}

/// Days of a month in its longest year.
fn longest_month(month: i8) -> i8 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The error for a day that isn't on the calendar.
fn impossible(year: Option<i16>, month: i8, day: i8) -> Error {
    let year = year.map_or_else(String::new, |year| format!(" of year {year}"));
    Error::ImpossibleDate { what: format!("expected a date of the calendar, found day {day} of month {month}{year}") }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn readings(today: Date, day: &Day) -> Vec<Date> {
        let preferences = Preferences::default();
        let calendar = Calendar { today, preferences: &preferences };
        calendar.readings(day).map(|all| all.into_iter().map(|s| s.first).collect()).unwrap_or_default()
    }

    fn weekday(day: Weekday, which: Option<Which>) -> Day {
        Day::Weekday { day, which, weeks: None }
    }

    #[test]
    fn next_friday_said_on_a_thursday_has_two_readings() {
        let thursday = date(2026, 3, 5);
        assert_eq!(
            readings(thursday, &weekday(Weekday::Friday, Some(Which::Next))),
            [date(2026, 3, 13), date(2026, 3, 6)]
        );
        assert_eq!(readings(thursday, &weekday(Weekday::Friday, Some(Which::Following))), [date(2026, 3, 13)]);
        assert_eq!(readings(thursday, &weekday(Weekday::Thursday, None)), [thursday]);
        assert_eq!(readings(thursday, &weekday(Weekday::Thursday, Some(Which::Coming))), [date(2026, 3, 12)]);
    }

    #[test]
    fn two_numbers_are_read_both_ways() {
        let numeric = |first, second| Day::Numeric { first, second, year: Some(2027), weekday: None };
        assert_eq!(readings(date(2026, 3, 5), &numeric(3, 5)), [date(2027, 3, 5), date(2027, 5, 3)]);
        assert_eq!(readings(date(2026, 3, 5), &numeric(25, 12)), [date(2027, 12, 25)]);
        assert_eq!(readings(date(2026, 3, 5), &numeric(4, 4)), [date(2027, 4, 4)]);
    }

    #[test]
    fn a_day_that_no_month_has_is_an_error_that_names_it() {
        let preferences = Preferences::default();
        let calendar = Calendar { today: date(2026, 3, 5), preferences: &preferences };
        let day = Day::Date { year: None, month: Some(Month::Number(2)), day: 30, weekday: None };
        let message = calendar.readings(&day).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(message.contains("day 30 of month 2"), "{message}");
    }

    #[test]
    fn the_31st_skips_short_months() {
        let day = Day::Date { year: None, month: None, day: 31, weekday: None };
        assert_eq!(readings(date(2026, 4, 1), &day), [date(2026, 5, 31)]);
    }

    #[test]
    fn months_end_where_they_end() {
        let month = Length { months: 1, ..Length::default() };
        assert_eq!(shift(date(2026, 1, 31), month), Some(date(2026, 2, 28)));
        let workdays = |workdays| Length { workdays, ..Length::default() };
        assert_eq!(shift(date(2026, 3, 6), workdays(1)), Some(date(2026, 3, 9)));
        assert_eq!(shift(date(2026, 3, 6), workdays(6)), Some(date(2026, 3, 16)));
    }
}
