//! English words.

use jiff::civil::Weekday;

use super::lexicon::{DayPart, Edge, Sense, Table, Unit, Which};

/// Short forms that keep the table to one row a line.
const fn number(value: u32) -> Sense {
    Sense::Number { value, digits: 0 }
}
const fn month(month: i8) -> Sense {
    Sense::Month { month, plain: false }
}
const fn weekday(day: Weekday) -> Sense {
    Sense::Weekday { day, plain: false, plural: false }
}
const fn weekdays(day: Weekday) -> Sense {
    Sense::Weekday { day, plain: false, plural: true }
}
const fn plain_weekday(day: Weekday) -> Sense {
    Sense::Weekday { day, plain: true, plural: false }
}
const fn part(part: DayPart) -> Sense {
    Sense::Part { part, plain: true }
}

/// The table.
#[rustfmt::skip]
pub(super) const WORDS: Table = &[
    // numbers
    ("zero", number(0)), ("one", number(1)), ("two", number(2)), ("three", number(3)), ("four", number(4)),
    ("five", number(5)), ("six", number(6)), ("seven", number(7)), ("eight", number(8)), ("nine", number(9)),
    ("ten", number(10)), ("eleven", number(11)), ("twelve", number(12)), ("thirteen", number(13)),
    ("fourteen", number(14)), ("fifteen", number(15)), ("sixteen", number(16)), ("seventeen", number(17)),
    ("eighteen", number(18)), ("nineteen", number(19)), ("twenty", number(20)), ("thirty", number(30)),
    ("forty", number(40)), ("fourty", number(40)), ("fifty", number(50)), ("couple of", number(2)), ("a couple of", number(2)),
    ("first", Sense::Ordinal(1)), ("second", Sense::Ordinal(2)), ("third", Sense::Ordinal(3)),
    ("fourth", Sense::Ordinal(4)), ("fifth", Sense::Ordinal(5)), ("sixth", Sense::Ordinal(6)),
    ("seventh", Sense::Ordinal(7)), ("eighth", Sense::Ordinal(8)), ("ninth", Sense::Ordinal(9)),
    ("tenth", Sense::Ordinal(10)), ("eleventh", Sense::Ordinal(11)), ("twelfth", Sense::Ordinal(12)),
    ("thirteenth", Sense::Ordinal(13)), ("fourteenth", Sense::Ordinal(14)), ("fifteenth", Sense::Ordinal(15)),
    ("sixteenth", Sense::Ordinal(16)), ("seventeenth", Sense::Ordinal(17)), ("eighteenth", Sense::Ordinal(18)),
    ("nineteenth", Sense::Ordinal(19)), ("twentieth", Sense::Ordinal(20)), ("thirtieth", Sense::Ordinal(30)),
    // months
    ("january", month(1)), ("jan", month(1)), ("jan.", month(1)), ("february", month(2)), ("feb", month(2)),
    ("feb.", month(2)), ("march", Sense::Month { month: 3, plain: true }), ("mar", Sense::Month { month: 3, plain: true }),
    ("mar.", month(3)), ("april", month(4)), ("apr", month(4)), ("apr.", month(4)),
    ("may", Sense::Month { month: 5, plain: true }), ("june", month(6)), ("jun", month(6)), ("jun.", month(6)),
    ("july", month(7)), ("jul", month(7)), ("jul.", month(7)), ("august", month(8)), ("aug", month(8)),
    ("aug.", month(8)), ("september", month(9)), ("sept", month(9)), ("sept.", month(9)), ("sep", month(9)),
    ("sep.", month(9)), ("october", month(10)), ("oct", month(10)), ("oct.", month(10)), ("november", month(11)),
    ("nov", month(11)), ("nov.", month(11)), ("december", month(12)), ("dec", month(12)), ("dec.", month(12)),
    // weekdays
    ("monday", weekday(Weekday::Monday)), ("mon", plain_weekday(Weekday::Monday)),
    ("tuesday", weekday(Weekday::Tuesday)), ("tue", weekday(Weekday::Tuesday)), ("tues", weekday(Weekday::Tuesday)),
    ("wednesday", weekday(Weekday::Wednesday)), ("wednsday", weekday(Weekday::Wednesday)),
    ("wed", plain_weekday(Weekday::Wednesday)), ("thursday", weekday(Weekday::Thursday)),
    ("thu", weekday(Weekday::Thursday)), ("thur", weekday(Weekday::Thursday)), ("thurs", weekday(Weekday::Thursday)),
    ("friday", weekday(Weekday::Friday)), ("fri", weekday(Weekday::Friday)),
    ("saturday", weekday(Weekday::Saturday)), ("sat", plain_weekday(Weekday::Saturday)),
    ("sunday", weekday(Weekday::Sunday)), ("sun", plain_weekday(Weekday::Sunday)),
    ("mon.", weekday(Weekday::Monday)), ("tue.", weekday(Weekday::Tuesday)), ("wed.", weekday(Weekday::Wednesday)),
    ("thu.", weekday(Weekday::Thursday)), ("fri.", weekday(Weekday::Friday)), ("sat.", plain_weekday(Weekday::Saturday)),
    ("sun.", plain_weekday(Weekday::Sunday)),
    ("mondays", weekdays(Weekday::Monday)), ("tuesdays", weekdays(Weekday::Tuesday)),
    ("wednesdays", weekdays(Weekday::Wednesday)), ("thursdays", weekdays(Weekday::Thursday)),
    ("fridays", weekdays(Weekday::Friday)), ("saturdays", weekdays(Weekday::Saturday)),
    ("sundays", weekdays(Weekday::Sunday)),
    ("weekend", Sense::Weekend), ("weekends", Sense::Weekend), ("weekdays", Sense::Workdays),
    ("workdays", Sense::Workdays), ("every weekday", Sense::Workdays), ("every workday", Sense::Workdays),
    ("each weekday", Sense::Workdays), ("every working day", Sense::Workdays), ("every business day", Sense::Workdays),
    // feasts
    ("christmas", Sense::Holiday { month: 12, day: 25 }), ("christmas day", Sense::Holiday { month: 12, day: 25 }),
    ("xmas", Sense::Holiday { month: 12, day: 25 }), ("christmas eve", Sense::Holiday { month: 12, day: 24 }),
    ("boxing day", Sense::Holiday { month: 12, day: 26 }), ("new year's day", Sense::Holiday { month: 1, day: 1 }),
    ("new years day", Sense::Holiday { month: 1, day: 1 }), ("new year's eve", Sense::Holiday { month: 12, day: 31 }),
    ("new years eve", Sense::Holiday { month: 12, day: 31 }), ("halloween", Sense::Holiday { month: 10, day: 31 }),
    ("valentine's day", Sense::Holiday { month: 2, day: 14 }), ("valentines day", Sense::Holiday { month: 2, day: 14 }),
    ("saint patrick", Sense::Holiday { month: 3, day: 17 }), ("saint patrick's day", Sense::Holiday { month: 3, day: 17 }),
    ("st patrick's day", Sense::Holiday { month: 3, day: 17 }), ("st. patrick's day", Sense::Holiday { month: 3, day: 17 }),
    ("independence day", Sense::Holiday { month: 7, day: 4 }), ("april fools' day", Sense::Holiday { month: 4, day: 1 }),
    ("april fool's day", Sense::Holiday { month: 4, day: 1 }), ("april fools", Sense::Holiday { month: 4, day: 1 }),
    ("may day", Sense::Holiday { month: 5, day: 1 }), ("labour day", Sense::Holiday { month: 5, day: 1 }),
    ("international workers' day", Sense::Holiday { month: 5, day: 1 }),
    ("international women's day", Sense::Holiday { month: 3, day: 8 }), ("earth day", Sense::Holiday { month: 4, day: 22 }),
    ("veterans day", Sense::Holiday { month: 11, day: 11 }),
    ("thanksgiving", Sense::FloatingHoliday { month: 11, nth: 4, weekday: Weekday::Thursday }),
    ("thanksgiving day", Sense::FloatingHoliday { month: 11, nth: 4, weekday: Weekday::Thursday }),
    ("black friday", Sense::Word),
    ("labor day", Sense::FloatingHoliday { month: 9, nth: 1, weekday: Weekday::Monday }),
    ("memorial day", Sense::FloatingHoliday { month: 5, nth: -1, weekday: Weekday::Monday }),
    ("mother's day", Sense::FloatingHoliday { month: 5, nth: 2, weekday: Weekday::Sunday }),
    ("father's day", Sense::FloatingHoliday { month: 6, nth: 3, weekday: Weekday::Sunday }),
    ("martin luther king day", Sense::FloatingHoliday { month: 1, nth: 3, weekday: Weekday::Monday }),
    // days and parts of the day
    ("today", Sense::RelativeDay(0)), ("tomorrow", Sense::RelativeDay(1)), ("tmr", Sense::RelativeDay(1)),
    ("tmrw", Sense::RelativeDay(1)), ("tomorow", Sense::RelativeDay(1)), ("yesterday", Sense::RelativeDay(-1)),
    ("day after tomorrow", Sense::RelativeDay(2)), ("the day after", Sense::RelativeDay(1)),
    ("the following day", Sense::RelativeDay(1)), ("the next day", Sense::RelativeDay(1)),
    ("the day after tomorrow", Sense::RelativeDay(2)), ("day before yesterday", Sense::RelativeDay(-2)),
    ("tonight", Sense::RelativePart(0, DayPart::Night)), ("tonite", Sense::RelativePart(0, DayPart::Night)),
    ("this morning", Sense::RelativePart(0, DayPart::Morning)),
    ("this afternoon", Sense::RelativePart(0, DayPart::Afternoon)),
    ("this evening", Sense::RelativePart(0, DayPart::Evening)),
    ("next morning", Sense::RelativePart(1, DayPart::Morning)),
    ("next evening", Sense::RelativePart(1, DayPart::Evening)),
    ("morning", part(DayPart::Morning)), ("early morning", part(DayPart::Morning)), ("mornings", part(DayPart::Morning)),
    ("afternoon", part(DayPart::Afternoon)), ("late afternoon", part(DayPart::Afternoon)),
    ("early afternoon", part(DayPart::Afternoon)), ("evening", part(DayPart::Evening)),
    ("late evening", part(DayPart::Evening)), ("early evening", part(DayPart::Evening)), ("night", part(DayPart::Night)),
    ("late night", part(DayPart::Night)), ("lunchtime", part(DayPart::Midday)), ("lunch time", part(DayPart::Midday)),
    ("in the morning", Sense::Part { part: DayPart::Morning, plain: false }),
    ("in the afternoon", Sense::Part { part: DayPart::Afternoon, plain: false }),
    ("in the evening", Sense::Part { part: DayPart::Evening, plain: false }),
    ("in the night", part(DayPart::Night)), ("at night", part(DayPart::Night)),
    ("at lunchtime", Sense::Part { part: DayPart::Midday, plain: false }),
    ("noon", Sense::Noon), ("midday", Sense::Noon), ("mid day", Sense::Noon), ("midnight", Sense::Midnight),
    ("mid night", Sense::Midnight),
    ("am", Sense::Meridiem(false)), ("a.m.", Sense::Meridiem(false)), ("a.m", Sense::Meridiem(false)),
    ("am.", Sense::Meridiem(false)), ("a m", Sense::Meridiem(false)), ("a . m .", Sense::Meridiem(false)),
    ("pm", Sense::Meridiem(true)), ("p.m.", Sense::Meridiem(true)), ("p.m", Sense::Meridiem(true)),
    ("pm.", Sense::Meridiem(true)), ("p m", Sense::Meridiem(true)), ("p . m .", Sense::Meridiem(true)),
    ("p", Sense::Meridiem(true)),
    ("o'clock", Sense::HourMark), ("oclock", Sense::HourMark), ("o clock", Sense::HourMark),
    ("past", Sense::Past), ("half", Sense::Half), ("half an", Sense::Half), ("half a", Sense::Half),
    ("quarter", Sense::QuarterHour), ("a quarter", Sense::QuarterHour),
    // units and frequencies
    ("seconds", Sense::Unit(Unit::Second, 1)), ("sec", Sense::Unit(Unit::Second, 1)), ("secs", Sense::Unit(Unit::Second, 1)),
    ("minute", Sense::Unit(Unit::Minute, 1)), ("minutes", Sense::Unit(Unit::Minute, 1)), ("min", Sense::Unit(Unit::Minute, 1)),
    ("mins", Sense::Unit(Unit::Minute, 1)), ("min.", Sense::Unit(Unit::Minute, 1)), ("'", Sense::Unit(Unit::Minute, 1)),
    ("hour", Sense::Unit(Unit::Hour, 1)), ("hours", Sense::Unit(Unit::Hour, 1)), ("hr", Sense::Unit(Unit::Hour, 1)),
    ("hrs", Sense::Unit(Unit::Hour, 1)), ("h", Sense::Unit(Unit::Hour, 1)), ("day", Sense::Unit(Unit::Day, 1)),
    ("days", Sense::Unit(Unit::Day, 1)), ("d", Sense::Unit(Unit::Day, 1)), ("business day", Sense::Unit(Unit::Workday, 1)),
    ("business days", Sense::Unit(Unit::Workday, 1)), ("working days", Sense::Unit(Unit::Workday, 1)),
    ("week", Sense::Unit(Unit::Week, 1)), ("weeks", Sense::Unit(Unit::Week, 1)), ("wk", Sense::Unit(Unit::Week, 1)),
    ("wks", Sense::Unit(Unit::Week, 1)), ("w", Sense::Unit(Unit::Week, 1)), ("fortnight", Sense::Unit(Unit::Week, 2)),
    ("week's", Sense::Unit(Unit::Week, 1)), ("weeks'", Sense::Unit(Unit::Week, 1)), ("days'", Sense::Unit(Unit::Day, 1)),
    ("fortnight's", Sense::Unit(Unit::Week, 2)), ("month", Sense::Unit(Unit::Month, 1)), ("months", Sense::Unit(Unit::Month, 1)),
    ("year", Sense::Unit(Unit::Year, 1)), ("years", Sense::Unit(Unit::Year, 1)), ("yr", Sense::Unit(Unit::Year, 1)),
    ("yrs", Sense::Unit(Unit::Year, 1)),
    ("w/c", Sense::WeekOf), ("daily", Sense::Frequency(Unit::Day, 1)), ("everyday", Sense::Frequency(Unit::Day, 1)),
    ("weekly", Sense::Frequency(Unit::Week, 1)), ("biweekly", Sense::Frequency(Unit::Week, 2)),
    ("bi-weekly", Sense::Frequency(Unit::Week, 2)), ("fortnightly", Sense::Frequency(Unit::Week, 2)),
    ("monthly", Sense::Frequency(Unit::Month, 1)), ("quarterly", Sense::Frequency(Unit::Month, 3)),
    ("yearly", Sense::Frequency(Unit::Year, 1)), ("annually", Sense::Frequency(Unit::Year, 1)),
    ("every", Sense::Every), ("each", Sense::Every), ("every single", Sense::Every), ("other", Sense::Other),
    ("alternate", Sense::Other), ("times", Sense::Times), ("occurrences", Sense::Times), ("once", Sense::TimesNumber(1)),
    ("twice", Sense::TimesNumber(2)), ("thrice", Sense::TimesNumber(3)),
    // which one
    ("this", Sense::Which(Which::This)), ("next", Sense::Which(Which::Next)), ("coming", Sense::Which(Which::Coming)),
    ("upcoming", Sense::Which(Which::Coming)), ("this coming", Sense::Which(Which::Coming)),
    ("this upcoming", Sense::Which(Which::Coming)), ("following", Sense::Which(Which::Following)),
    ("last", Sense::Ordinal(-1)), ("2nd to the last", Sense::Ordinal(-2)), ("second to last", Sense::Ordinal(-2)),
    ("2nd to last", Sense::Ordinal(-2)), ("beginning of", Sense::Edge(Edge::Beginning)),
    ("start of", Sense::Edge(Edge::Beginning)), ("early", Sense::Edge(Edge::Beginning)),
    ("middle of", Sense::Edge(Edge::Middle)), ("mid", Sense::Edge(Edge::Middle)), ("mid-", Sense::Edge(Edge::Middle)),
    ("end of", Sense::Edge(Edge::End)), ("late", Sense::Edge(Edge::End)), ("later", Sense::Later),
    ("later this", Sense::Edge(Edge::Rest)), ("rest of", Sense::Edge(Edge::Rest)),
    ("from now", Sense::FromNow), ("hence", Sense::Later), ("time", Sense::Later), ("after", Sense::After),
    ("in", Sense::In), ("within", Sense::Within), ("now", Sense::Now), ("right now", Sense::Now),
    // words that join
    ("on", Sense::On), ("for", Sense::For), ("at", Sense::At), ("@", Sense::At), ("at about", Sense::At),
    ("at around", Sense::At), ("around", Sense::At), ("by", Sense::On), ("of", Sense::Of), ("the", Sense::The),
    ("a", Sense::A), ("an", Sense::A), ("from", Sense::From), ("between", Sense::Between), ("and", Sense::And),
    ("&", Sense::And), ("to", Sense::To), ("through", Sense::To), ("thru", Sense::To), ("till", Sense::Until),
    ("until", Sense::Until), ("til", Sense::Until), ("starting", Sense::Starting), ("starting from", Sense::Starting),
    ("starting on", Sense::Starting), ("beginning", Sense::Starting), ("beginning on", Sense::Starting),
    ("commencing", Sense::Starting), ("before", Sense::Before), ("t", Sense::At),
    // zones
    ("utc", Sense::Zone("UTC")), ("gmt", Sense::Zone("UTC")), ("z", Sense::Zone("UTC")),
    ("est", Sense::Zone("America/New_York")), ("edt", Sense::Zone("America/New_York")), ("eastern time", Sense::Zone("America/New_York")),
    ("cst", Sense::Zone("America/Chicago")), ("cdt", Sense::Zone("America/Chicago")), ("central time", Sense::Zone("America/Chicago")),
    ("mst", Sense::Zone("America/Denver")), ("mdt", Sense::Zone("America/Denver")), ("pst", Sense::Zone("America/Los_Angeles")),
    ("pdt", Sense::Zone("America/Los_Angeles")), ("pacific time", Sense::Zone("America/Los_Angeles")),
    ("bst", Sense::Zone("Europe/London")), ("cet", Sense::Zone("Europe/Paris")), ("cest", Sense::Zone("Europe/Paris")),
    ("jst", Sense::Zone("Asia/Tokyo")), ("aest", Sense::Zone("Australia/Sydney")), ("aedt", Sense::Zone("Australia/Sydney")),
    ("london time", Sense::Zone("Europe/London")), ("paris time", Sense::Zone("Europe/Paris")),
    ("berlin time", Sense::Zone("Europe/Berlin")), ("new york time", Sense::Zone("America/New_York")),
    ("tokyo time", Sense::Zone("Asia/Tokyo")), ("beijing time", Sense::Zone("Asia/Shanghai")),
    // what is not time
    ("percent", Sense::Measure), ("%", Sense::Measure), ("per cent", Sense::Measure), ("people", Sense::Measure),
    ("persons", Sense::Measure), ("guests", Sense::Measure), ("students", Sense::Measure), ("dollars", Sense::Measure),
    ("euros", Sense::Measure), ("km", Sense::Measure), ("miles", Sense::Measure), ("kg", Sense::Measure),
    ("good morning", Sense::Idiom), ("good afternoon", Sense::Idiom), ("good evening", Sense::Idiom),
    ("good night", Sense::Idiom), ("day after day", Sense::Idiom), ("day by day", Sense::Idiom),
    ("one on one", Sense::Idiom), ("one to one", Sense::Idiom), ("one-on-one", Sense::Idiom), ("at first", Sense::Idiom),
    ("second wave", Sense::Idiom), ("at once", Sense::Idiom), ("once upon a time", Sense::Idiom), ("one day", Sense::Idiom),
    ("at one point", Sense::Idiom), ("this time", Sense::Idiom), ("next time", Sense::Idiom),
    ("24/7", Sense::Idiom), ("50/50", Sense::Idiom), ("at least", Sense::Idiom), ("at most", Sense::Idiom),
];

#[cfg(test)]
mod tests {
    use super::super::tests::{all_day, at, nothing, rule, within};

    /// Monday.
    const NOW: &str = "2026-03-02T10:00[Europe/Berlin]";

    #[test]
    fn days() {
        for (text, day) in [
            ("see you tomorrow", "2026-03-03"),
            ("the day after tomorrow", "2026-03-04"),
            ("lunch on Friday", "2026-03-06"),
            ("next Tuesday", "2026-03-10"),
            ("in 3 days", "2026-03-05"),
            ("two weeks from now", "2026-03-16"),
            ("on the 5th", "2026-03-05"),
            ("the 1st", "2026-04-01"),
            ("3 March 2027", "2027-03-03"),
            ("March 3rd, 2027", "2027-03-03"),
            ("the twenty third of September", "2026-09-23"),
            ("2026-03-05", "2026-03-05"),
            ("3/5", "2026-03-05"),
            ("25/12/2026", "2026-12-25"),
            ("on 5.3.", "2026-05-03"),
            ("Sun 14th", "2026-06-14"),
            ("first Monday of April", "2026-04-06"),
            ("last Friday of next month", "2026-04-24"),
            ("Christmas", "2026-12-25"),
            ("Thanksgiving", "2026-11-26"),
            ("a week after tomorrow", "2026-03-10"),
            ("three Fridays from now", "2026-03-20"),
            ("29 February", "2028-02-29"),
        ] {
            all_day(text, NOW, day);
        }
    }

    #[test]
    fn times() {
        for (text, time) in [
            ("3pm", "2026-03-02T15:00"),
            ("at 9 a.m.", "2026-03-03T09:00"),
            ("15:30", "2026-03-02T15:30"),
            ("tomorrow at half past four", "2026-03-03T16:30"),
            ("quarter to five pm today", "2026-03-02T16:45"),
            ("Friday noon", "2026-03-06T12:00"),
            ("midnight", "2026-03-03T00:00"),
            ("tonight at 8", "2026-03-02T20:00"),
            ("tomorrow morning at 9", "2026-03-03T09:00"),
            ("in 2 hours", "2026-03-02T12:00"),
            ("dinner tomorrow with Sam at 7pm", "2026-03-03T19:00"),
            ("at 7pm we meet on Friday", "2026-03-06T19:00"),
            ("in half an hour", "2026-03-02T10:30"),
            ("in an hour and a half", "2026-03-02T11:30"),
            ("2026-03-05T14:30", "2026-03-05T14:30"),
            ("at three thirty pm on march 5", "2026-03-05T15:30"),
        ] {
            at(text, NOW, time, None);
        }
    }

    #[test]
    fn ranges_and_lengths() {
        for (text, start, end) in [
            ("from 3 to 5pm", "2026-03-02T15:00", "2026-03-02T17:00"),
            ("tomorrow 3-5pm", "2026-03-03T15:00", "2026-03-03T17:00"),
            ("11 to 1pm on Friday", "2026-03-06T11:00", "2026-03-06T13:00"),
            ("tomorrow at 2pm for two hours", "2026-03-03T14:00", "2026-03-03T16:00"),
            ("Thu-Fri 9am-5pm", "2026-03-05T09:00", "2026-03-06T17:00"),
            ("10pm to 2am tonight", "2026-03-02T22:00", "2026-03-03T02:00"),
        ] {
            at(text, NOW, start, Some(end));
        }
    }

    #[test]
    fn loose_times_are_windows() {
        within("this evening", NOW, "2026-03-02T18:00", "2026-03-02T21:00");
        within("tomorrow morning", NOW, "2026-03-03T08:00", "2026-03-03T12:00");
    }

    #[test]
    fn recurrence() {
        for (text, rrule) in [
            ("every Monday", "FREQ=WEEKLY;BYDAY=MO"),
            ("every other Tuesday", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"),
            ("daily at 9am", "FREQ=DAILY"),
            ("weekdays at 8:30", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
            ("Mondays, Wednesdays and Fridays at 6:30am", "FREQ=WEEKLY;BYDAY=MO,WE,FR"),
            ("daily for 2 weeks", "FREQ=DAILY;UNTIL=20260315"),
            ("every Monday until the end of June", "FREQ=WEEKLY;UNTIL=20260630;BYDAY=MO"),
            ("monthly on the 1st", "FREQ=MONTHLY;BYMONTHDAY=1"),
            ("every year on March 3", "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=3"),
            ("first Friday of every month", "FREQ=MONTHLY;BYDAY=1FR"),
            ("every day for 4 times", "FREQ=DAILY;COUNT=4"),
            ("every Monday until June 1", "FREQ=WEEKLY;UNTIL=20260601;BYDAY=MO"),
        ] {
            rule(text, NOW, rrule);
        }
    }

    #[test]
    fn near_times_are_left_alone() {
        for text in [
            "Good morning Paul",
            "schedule me a 1:1 meeting",
            "Tel: +86 138-2010-2015",
            "may I ask what this is for?",
            "the 4:3 aspect ratio",
            "rates were at 6.45 percent",
            "there are two to four people in the room",
            "day after day",
            "in the second half of the game",
            "on the 5th floor",
            "3/4 of the price",
        ] {
            nothing(text, NOW);
        }
    }
}
