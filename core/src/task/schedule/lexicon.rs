//! What a word means to the grammar, whatever language it is in.
//!
//! A language is one table of `(words, Sense)` rows: `en.rs` and `zh.rs`. The rules are written over senses alone, so a
//! third language is a table file, a line in [`LANGUAGES`] and a test file. All tables are read at once: a Chinese
//! sentence may say `3pm`, and no language has to be guessed.
//!
//! Lookup takes the longest row that stands at a place; a row that starts or ends in a letter must start or end a word.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::civil::Weekday;

use super::normal::PlainChar;
use super::{en, zh};

/// One language's words, in the plain form of `normal.rs`.
pub(super) type Table = &'static [(&'static str, Sense)];

/// The tables that are read.
const LANGUAGES: [Table; 2] = [en::WORDS, zh::WORDS];

/// What one token means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sense {
    /// Past the last token.
    End,
    /// A word without a meaning here, in a script that parts words by spaces.
    Word,
    /// A Chinese character without a meaning here.
    Character,
    /// Punctuation, one character.
    Mark(char),
    /// A cardinal; `digits` counts the digits it is written with, 0 when it is spelled out.
    Number { value: u32, digits: u8 },
    /// `3rd`, `third`; -1 is the last.
    Ordinal(i32),
    /// A month's name; `plain` when the word is also an everyday one (`may`, `march`).
    Month { month: i8, plain: bool },
    /// A weekday's name; `plain` as above (`sun`, `sat`), `plural` says that it recurs (`mondays`).
    Weekday { day: Weekday, plain: bool, plural: bool },
    /// Saturday and Sunday.
    Weekend,
    /// Monday to Friday, as a recurrence.
    Workdays,
    /// A feast on a fixed day.
    Holiday { month: i8, day: i8 },
    /// A feast on the nth weekday of a month.
    FloatingHoliday { month: i8, nth: i8, weekday: Weekday },
    /// Days from today.
    RelativeDay(i32),
    /// A part of a day counted from today: `tonight`.
    RelativePart(i32, DayPart),
    /// A part of the day; `plain` ones count only beside a date or an hour (`晚`).
    Part { part: DayPart, plain: bool },
    /// Twelve o'clock by day.
    Noon,
    /// Twelve o'clock at night.
    Midnight,
    /// `am` (false) or `pm` (true).
    Meridiem(bool),
    /// A unit of time, times a factor: a fortnight is (week, 2).
    Unit(Unit, i32),
    /// A whole period in one word: `明年`.
    Period(Which, Unit),
    /// A frequency in one word: `weekly`; quarterly is (month, 3).
    Frequency(Unit, u32),
    /// `every`.
    Every,
    /// `every other`: every second one.
    Other,
    /// `this`, `next`.
    Which(Which),
    /// After a length: counted from now.
    Later,
    /// After a length: counted from now; before `until`: the start of a range.
    FromNow,
    /// After a length: counted from the date that follows.
    After,
    /// Before a length: counted from now.
    In,
    /// Before a length: at any time until then.
    Within,
    /// This moment.
    Now,
    /// Words that join a date and a time and say nothing themselves.
    On,
    /// Before a time of day.
    At,
    /// Between a part and its whole.
    Of,
    /// The definite article.
    The,
    /// One, as an article.
    A,
    /// Opens a range.
    From,
    /// Opens a range that holds the event somewhere.
    Between,
    /// Joins the two ends of `Between`, and lists.
    And,
    /// The second end of a range.
    To,
    /// The second end of a range, or the end of a recurrence.
    Until,
    /// The start of a recurrence, or of a range with a length.
    Starting,
    /// Before a length or a count.
    For,
    /// Half of what stands beside it.
    Half,
    /// A quarter of an hour.
    QuarterHour,
    /// Minutes after the hour.
    Past,
    /// Minutes before the hour.
    Before,
    /// After an hour: `o'clock`, `点`.
    HourMark,
    /// After a minute: `分`.
    MinuteMark,
    /// After a second: `秒`.
    SecondMark,
    /// After a year: `年`.
    YearMark,
    /// After a month's number: `月`.
    MonthMark,
    /// After a day's number: `号`.
    DayMark,
    /// Before a number, makes it an ordinal: `第`.
    OrdinalMark,
    /// Between a number and a unit: `个`.
    Counter,
    /// Times that something happens.
    Times,
    /// Twice, thrice.
    TimesNumber(u32),
    /// The week that holds the date that follows.
    WeekOf,
    /// A part of a period: `beginning of`, `end of`.
    Edge(Edge),
    /// A zone by its IANA name.
    Zone(&'static str),
    /// What a number before it counts, when that isn't time: `percent`, `people`.
    Measure,
    /// The date that follows is of a calendar that isn't known here.
    OtherCalendar,
    /// Words that look like time and are not: `good morning`, `one on one`.
    Idiom,
}

/// A part of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayPart {
    /// Before the morning.
    Dawn,
    /// Until noon.
    Morning,
    /// Around noon.
    Midday,
    /// After noon.
    Afternoon,
    /// After work.
    Evening,
    /// Until midnight.
    Night,
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum Unit {
    /// 1/60 minute.
    Second,
    /// 1/60 hour.
    Minute,
    /// An hour.
    Hour,
    /// A calendar day.
    Day,
    /// Monday to Friday.
    Workday,
    /// Seven days.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

/// Which one of several in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// The one that now lies in.
    This,
    /// The one after that; with a weekday, English leaves open which week is meant.
    Next,
    /// The one after that, by the calendar: 下周三.
    Following,
    /// The one after the next: 下下周.
    AfterNext,
    /// The first that comes, never today.
    Coming,
    /// The one before this.
    Last,
}

impl Which {
    /// Periods from the present one.
    pub(super) fn steps(self) -> i32 {
        match self {
            Self::This => 0,
            Self::Next | Self::Following | Self::Coming => 1,
            Self::AfterNext => 2,
            Self::Last => -1,
        }
    }
}

/// A part of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// The first third.
    Beginning,
    /// The second third.
    Middle,
    /// The last third.
    End,
    /// What is left of it.
    Rest,
}

/// A table's row, its words as characters.
type Row = (Vec<char>, Sense);

/// Rows by their first character, the longest first.
static BY_FIRST: LazyLock<HashMap<char, Vec<Row>>> = LazyLock::new(|| {
    let mut rows: HashMap<char, Vec<Row>> = HashMap::new();
    for (words, sense) in LANGUAGES.into_iter().flatten() {
        let chars: Vec<char> = words.chars().collect();
        if let Some(first) = chars.first() {
            rows.entry(*first).or_default().push((chars, *sense));
        }
    }
    for list in rows.values_mut() {
        list.sort_by_key(|(chars, _)| std::cmp::Reverse(chars.len()));
    }
    rows
});

/// The longest row that stands at `at`: its sense and its length in characters.
pub(super) fn longest(text: &[PlainChar], at: usize) -> Option<(Sense, usize)> {
    let first = text.get(at)?.ch;
    let starts_inside = at > 0 && is_letter(first) && text.get(at - 1).is_some_and(|c| is_letter(c.ch));
    if starts_inside {
        return None;
    }
    BY_FIRST.get(&first)?.iter().find_map(|(chars, sense)| {
        let here = text.get(at..at + chars.len())?;
        let same = here.iter().zip(chars).all(|(c, want)| c.ch == *want);
        let ends_inside =
            chars.last().is_some_and(|c| is_letter(*c)) && text.get(at + chars.len()).is_some_and(|c| is_letter(c.ch));
        (same && !ends_inside).then_some((*sense, chars.len()))
    })
}

/// A letter of a script that writes words apart.
pub(super) fn is_letter(ch: char) -> bool {
    ch.is_alphabetic() && !is_han(ch)
}

/// A Chinese character.
pub(super) fn is_han(ch: char) -> bool {
    matches!(ch, '\u{3007}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}')
}

#[cfg(test)]
mod tests {
    use super::super::normal::plain;
    use super::*;

    #[test]
    fn no_row_is_listed_twice_and_each_is_in_plain_form() {
        let mut seen = std::collections::HashSet::new();
        for (words, _) in LANGUAGES.into_iter().flatten() {
            assert!(seen.insert(*words), "{words} is listed twice");
            let read: String = plain(words).iter().map(|c| c.ch).collect();
            assert_eq!(&read, words, "a row must be written as normal.rs leaves it");
        }
    }

    #[test]
    fn the_longest_row_wins_and_words_are_whole() {
        let text = plain("day after tomorrow; sunny");
        assert_eq!(longest(&text, 0), Some((Sense::RelativeDay(2), 18)));
        assert_eq!(longest(&text, 20), None, "sun is not read inside sunny");
    }
}
