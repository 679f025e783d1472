//! What the language tables' tests share, and properties of the whole grammar.

use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan, ZonedDateTime};
use proptest::prelude::*;

use super::*;

/// The reference time `now`, written with its zone.
fn reference(now: &str) -> Reference {
    let zone = now.split_once('[').map_or("", |(_, zone)| zone);
    let locale = if zone.starts_with("Asia") { "zh" } else { "" };
    Reference::new(now.parse().expect("a time with a zone")).preferences(Preferences::for_locale(locale))
}

/// The one expression in `text`.
fn one(text: &str, now: &str) -> Found {
    let mut found = find(text, &reference(now)).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(found.len(), 1, "{text}: {found:#?}");
    found.remove(0)
}

fn local(moment: &Moment) -> String {
    match moment {
        Moment::Day(day) => day.to_string(),
        Moment::Instant(instant) => instant.strftime("%Y-%m-%dT%H:%M").to_string(),
    }
}

#[test]
fn an_impossible_date_leaves_the_others() {
    let now = "2026-03-02T10:00[UTC]";
    let found = find("Lunch tomorrow at 12:30. The party is on 30 February.", &reference(now)).expect("the lunch");
    assert_eq!(found.len(), 1);
    assert!(find("The party is on 30 February.", &reference(now)).is_err());
}

/// `text` is a whole day.
pub(super) fn all_day(text: &str, now: &str, day: &str) {
    let when = one(text, now).when;
    assert_eq!((local(&when.start).as_str(), when.end.as_ref().map(local), when.rrule), (day, None, None), "{text}");
}

/// `text` is a time.
pub(super) fn at(text: &str, now: &str, start: &str, end: Option<&str>) {
    let when = one(text, now).when;
    assert_eq!((local(&when.start).as_str(), when.end.as_ref().map(local).as_deref()), (start, end), "{text}");
    assert_eq!(when.precision, Precision::Exact, "{text}");
}

/// `text` is somewhere between two times.
pub(super) fn within(text: &str, now: &str, start: &str, end: &str) {
    let when = one(text, now).when;
    assert_eq!((local(&when.start).as_str(), when.end.as_ref().map(local).as_deref()), (start, Some(end)), "{text}");
    assert_eq!(when.precision, Precision::Within, "{text}");
}

/// `text` recurs.
pub(super) fn rule(text: &str, now: &str, rrule: &str) {
    assert_eq!(one(text, now).when.rrule.as_deref(), Some(rrule), "{text}");
}

/// `text` has no time.
pub(super) fn nothing(text: &str, now: &str) {
    let found = find(text, &reference(now)).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert!(found.is_empty(), "{text}: {found:#?}");
}

const NOW: &str = "2026-03-02T10:00[Europe/Berlin]";

#[test]
fn spans_are_the_words_that_carry_the_time() {
    let text = "Lunch \u{200F}tomorrow at ３pm, please. Then 下週三 maybe";
    let found = find(text, &reference(NOW)).expect("no impossible date");
    let spans: Vec<&str> = found.iter().map(|f| &text[f.span.clone()]).collect();
    assert_eq!(spans, ["tomorrow at ３pm", "下週三"]);
}

#[test]
fn impossible_dates_are_an_error_without_the_text() {
    for (text, named) in [
        ("secret plan on 30 February", "day 30 of month 2"),
        ("secret 2027-02-29", "day 29 of month 2 of year 2027"),
        ("秘密会议四月三十一号", "day 31 of month 4"),
    ] {
        let message = find(text, &reference(NOW)).expect_err("an impossible date").to_string();
        assert!(message.contains(named) && !message.contains("secret") && !message.contains("秘密"), "{message}");
    }
}

#[test]
fn ambiguity_is_returned_and_not_decided_in_silence() {
    let two = |text| {
        let found = one(text, NOW);
        (local(&found.when.start), found.alternatives.iter().map(|w| local(&w.start)).collect::<Vec<_>>())
    };
    assert_eq!(two("next Friday"), ("2026-03-13".to_owned(), vec!["2026-03-06".to_owned()]));
    assert_eq!(two("on 4/5"), ("2026-04-05".to_owned(), vec!["2026-05-04".to_owned()]));
    assert_eq!(two("tomorrow at 3"), ("2026-03-03T15:00".to_owned(), vec!["2026-03-03T03:00".to_owned()]));
    assert_eq!(two("tomorrow at 3pm").1, Vec::<String>::new());
}

#[test]
fn each_part_says_where_it_comes_from() {
    let found = one("3 May at 5", NOW).when.provenance;
    assert_eq!((found.year, found.month, found.day), (Source::Reference, Source::Text, Source::Text));
    assert_eq!((found.time, found.end, found.zone), (Some(Source::Preference), None, Source::Reference));
    assert_eq!(one("5pm UTC", NOW).when.provenance.zone, Source::Text);
    assert_eq!(one("at 5pm", NOW).when.provenance.day, Source::Reference);
}

#[test]
fn gaps_move_forward_and_folds_take_the_first() {
    // Berlin: 02:00 to 03:00 is left out on 29 March 2026 and comes twice on 25 October.
    let instant = |text| match one(text, NOW).when.start {
        Moment::Instant(instant) => instant.timestamp(),
        Moment::Day(_) => panic!("{text} has a time"),
    };
    let utc = |text: &str| text.parse::<Timestamp>().expect("a timestamp");
    assert_eq!(instant("29 March at 2:30 am"), utc("2026-03-29T01:30Z"));
    assert_eq!(instant("25 October at 2:30 am"), utc("2026-10-25T00:30Z"));
}

#[test]
fn a_named_zone_counts_there() {
    let Moment::Instant(start) = one("tomorrow at 3pm Tokyo time", NOW).when.start else { panic!("a time") };
    assert_eq!(start.timestamp().to_string(), "2026-03-03T06:00:00Z");
}

#[test]
fn long_texts_take_linear_time() {
    let started = std::time::Instant::now();
    for unit in [
        "every feb 29 and ",
        "1-2-3-4:5.6/7 ",
        "monday and ",
        "from 3 to 5 to ",
        "twenty ",
        "三月五号到",
        "一",
        "the 3rd of ",
        "(((",
    ] {
        let text = unit.repeat(100_000 / unit.len());
        let _ = find(&text, &reference(NOW));
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

fn english_dates(day: Date) -> Vec<String> {
    let ordinal = match day.day() {
        n @ (1 | 21 | 31) => format!("{n}st"),
        n @ (2 | 22) => format!("{n}nd"),
        n @ (3 | 23) => format!("{n}rd"),
        n => format!("{n}th"),
    };
    let form = |format: &str| day.strftime(format).to_string();
    vec![
        form("%Y-%m-%d"),
        form("%-d %B %Y"),
        form("%B %-d, %Y"),
        form("%b %-d %Y"),
        form("%m/%d/%Y"),
        form("%A, %-d %b %Y"),
        format!("the {ordinal} of {}", form("%B %Y")),
        format!("{} {ordinal}, {}", form("%B"), form("%Y")),
    ]
}

fn chinese_dates(day: Date) -> Vec<String> {
    let form = |format: &str| day.strftime(format).to_string();
    let digits: String = form("%Y").chars().map(|c| NUMERALS[c.to_digit(10).unwrap_or(0) as usize]).collect();
    vec![
        form("%Y年%-m月%-d日"),
        form("%Y年%-m月%-d号"),
        form("%Y年%-m月%-d號"),
        format!("{digits}年{}月{}日", numeral(day.month()), numeral(day.day())),
    ]
}

const NUMERALS: [&str; 10] = ["〇", "一", "二", "三", "四", "五", "六", "七", "八", "九"];

/// 1 to 99 as a Chinese numeral.
fn numeral(n: i8) -> String {
    let (tens, ones) = ((n / 10) as usize, (n % 10) as usize);
    let tens = match tens {
        0 => String::new(),
        1 => "十".to_owned(),
        n => format!("{}十", NUMERALS[n]),
    };
    if ones == 0 && !tens.is_empty() { tens } else { format!("{tens}{}", NUMERALS[ones]) }
}

proptest! {
    #[test]
    fn written_instants_are_read_back(days in 1..20_000i64, minute in 0..1440i64) {
        let now: ZonedDateTime = "2026-03-02T10:00[UTC]".parse().expect("a time");
        let day = date(2026, 3, 2).checked_add(days.days()).expect("a date");
        let at = day.at(0, 0, 0, 0).checked_add(minute.minutes()).expect("a time");
        let reference = Reference::new(now);
        let form = |format: &str| at.strftime(format).to_string();
        let half = match at.hour() { 0..=5 => "凌晨", 6..=11 => "上午", 12..=17 => "下午", _ => "晚上" };
        let hour12 = if at.hour() % 12 == 0 { 12 } else { at.hour() % 12 };
        let chinese_hour = if at.hour() < 12 { at.hour() } else { hour12 };
        let english = [form("at %H:%M"), form("%-I:%M %p"), form("at %-I:%M%P"), form("at %-I.%M p.m.")];
        let chinese = [format!("{half}{chinese_hour}:{:02}", at.minute()), form("%H:%M")];
        let mut texts = Vec::new();
        for day in english_dates(day) {
            for time in &english {
                if time.ends_with("p.m.") && at.hour() < 12 { continue; }
                texts.push(format!("meet {day} {time} please"));
            }
        }
        for day in chinese_dates(day) {
            texts.extend(chinese.iter().map(|time| format!("我们{day}{time}开会")));
        }
        for text in texts {
            let found = find(&text, &reference).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
            let want = Moment::Instant(at.in_tz("UTC").expect("UTC"));
            prop_assert!(found.len() == 1 && found[0].when.start == want, "{text}: {found:#?}");
        }
    }

    #[test]
    fn distances_are_counted_from_now(days in 1..3_000i64) {
        let want = Moment::Day(date(2026, 3, 2).checked_add(days.days()).expect("a date"));
        for text in [format!("in {days} days"), format!("{days} days from now"), format!("{days}天后"), format!("{days}天之后")] {
            prop_assert_eq!(&one(&text, NOW).when.start, &want, "{}", text);
        }
    }

    #[test]
    fn no_text_panics_and_spans_are_inside(text in "(?s).{0,60}") {
        for found in find(&text, &reference(NOW)).unwrap_or_default() {
            prop_assert!(text.get(found.span).is_some());
        }
    }

    #[test]
    fn no_run_of_known_words_panics(words in prop::collection::vec(prop::sample::select(KNOWN), 0..14)) {
        let text = words.concat();
        for found in find(&text, &reference(NOW)).unwrap_or_default() {
            prop_assert!(text.get(found.span.clone()).is_some());
            prop_assert!(found.when.end.as_ref().is_none_or(|end| end.date() >= found.when.start.date()), "{}", text);
        }
    }
}

/// Words that the rules react to, to be strung together at random.
const KNOWN: &[&str] = &[
    "every ",
    "other ",
    "monday ",
    "next ",
    "this ",
    "last ",
    "in ",
    "3 ",
    "31",
    "0",
    "99999 ",
    "days ",
    "weeks ",
    "years ",
    "hours ",
    "from ",
    "to ",
    "between ",
    "and ",
    "until ",
    "for ",
    "at ",
    "5",
    ":",
    "30",
    "pm ",
    "february ",
    "may ",
    "of ",
    "the ",
    "1st ",
    "second ",
    "half ",
    "past ",
    "-",
    "/",
    ".",
    ", ",
    "year ",
    "month ",
    "week ",
    "end of ",
    "now ",
    "after ",
    "tonight ",
    "noon ",
    "midnight ",
    "times ",
    "2026",
    "每",
    "下",
    "周",
    "周一",
    "月",
    "号",
    "点",
    "半",
    "三十",
    "个",
    "年",
    "后",
    "到",
    "晚上",
    "第",
    "天",
    "daily ",
    "weekend ",
    "within ",
    "later ",
    "before ",
    "starting ",
    "utc ",
    "a ",
    "'",
];
