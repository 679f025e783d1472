//! From found times to events: which of them are worth a calendar entry, and what each is called.
//!
//! The grammar decides when, the model picks the name: among the wordings that the clause around the time allows, the one
//! it finds likeliest as a title. Times that are wholly past are no events. Place and people are left out here.

use std::ops::Range;

use jiff::ZonedDateTime;
use serde::{Serialize, Serializer};

use super::find;
use super::title::{shares, title_within};
use super::when::{Found, Moment, Preferences, Provenance, Reference, Source, When};
use crate::generate::{Engine, softmax};
use crate::runtime::CancelToken;
use crate::task::ServedBy;
use crate::task::prompt::{continuation, question};
use crate::task::scorer::Scorer;
use crate::{Error, Result};

/// Bytes of a text that one call takes.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
/// Characters of the text around a time that the model sees.
const CONTEXT_CHARS: usize = 600;
/// Words that may be cut from either end of a clause on the way to a title.
const MAX_CUT_WORDS: usize = 3;
/// Events of one text that the model names; later ones are called by their clause.
const MAX_NAMED: usize = 50;
/// Tokens of a title.
const MAX_TITLE_TOKENS: usize = 48;
const INSTRUCTION: &str = "You name calendar entries. Answer with a short title for the event in the message.";
/// What an event without a name is called.
const UNTITLED: &str = "Event";

/// How a text is scheduled.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ScheduleOptions {
    /// The present moment, in the user's zone: relative dates are counted from it.
    pub now: ZonedDateTime,
    /// How ambiguous dates are read.
    pub preferences: Preferences,
}

impl ScheduleOptions {
    /// `now` with the default preferences.
    pub fn new(now: ZonedDateTime) -> Self {
        Self { now, preferences: Preferences::default() }
    }

    /// How ambiguous dates are read.
    pub fn preferences(mut self, preferences: Preferences) -> Self {
        self.preferences = preferences;
        self
    }
}

/// What a text asks to be put into a calendar.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Schedule {
    /// The events in the text's order; empty: there is nothing to schedule.
    pub events: Vec<ScheduledEvent>,
    /// Who answered: rules alone where there was nothing to name.
    pub served_by: ServedBy,
}

/// An event that a text asks for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ScheduledEvent {
    /// What it is, in the text's own words.
    pub title: String,
    /// When it is.
    pub when: When,
    /// Other readings of the time, the likelier first: ask before one is taken.
    pub alternatives: Vec<When>,
    /// Bytes of the text that carry the time.
    pub span: Range<usize>,
    /// 1 for an exact time with one reading, shared out over the readings where there are more; not calibrated on data yet.
    pub confidence: f32,
}

/// Finds the events of a text.
///
/// # Errors
/// `ImpossibleDate` for a date that is on no calendar, `InvalidInput` for a text over [`MAX_TEXT_BYTES`]; `Unsupported` for a zone that this device
/// doesn't have; `Cancelled`.
pub fn schedule(engine: &Engine, text: &str, options: &ScheduleOptions, cancel: &CancelToken) -> Result<Schedule> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Error::invalid("text", format!("{} bytes, at most {MAX_TEXT_BYTES} serve", text.len())));
    }
    let reference = Reference::new(options.now.clone()).preferences(options.preferences.clone());
    let mut found: Vec<Found> =
        find(text, &reference)?.into_iter().filter(|found| is_ahead(&found.when, &options.now)).collect();
    if found.iter().any(|found| is_anchored(&found.when)) {
        // "the quarterly review tomorrow": beside a real time, a mere rhythm describes the event
        found.retain(|found| is_anchored(&found.when));
    }
    let mut events = Vec::with_capacity(found.len());
    let mut served_by = ServedBy::Rules;
    let times: Vec<Range<usize>> = found.iter().map(|found| found.span.clone()).collect();
    for (found, part) in found.into_iter().zip(shares(text, &times)) {
        let clause = title_within(text, &found.pieces, part).unwrap_or_else(|| UNTITLED.to_owned());
        let choices = if events.len() < MAX_NAMED { wordings(&clause) } else { Vec::new() };
        let title = if choices.len() > 1 {
            served_by = ServedBy::OnDevice;
            likeliest(engine, around(text, &found.span), &choices, cancel)?.to_owned()
        } else {
            clause
        };
        let readings = 1 + found.alternatives.len();
        events.push(ScheduledEvent {
            title,
            when: found.when,
            alternatives: found.alternatives,
            span: found.span,
            confidence: 1.0 / readings as f32,
        });
    }
    tracing::debug!(events = events.len(), ?served_by, "scheduled");
    Ok(Schedule { events, served_by })
}

/// Whether the text says any part of the date or the time, not only how often.
fn is_anchored(when: &When) -> bool {
    let Provenance { year, month, day, time, .. } = when.provenance;
    let on_days = when.rrule.as_ref().is_some_and(|rule| rule.contains(";BY"));
    on_days || [year, month, day].contains(&Source::Text) || time == Some(Source::Text)
}

/// Whether any of it is still to come.
fn is_ahead(when: &When, now: &ZonedDateTime) -> bool {
    if let Some(rule) = &when.rrule {
        let until = rule.split(';').find_map(|part| part.strip_prefix("UNTIL="));
        // dates written as digits order as text
        return until.is_none_or(|until| until >= now.strftime("%Y%m%d").to_string().as_str());
    }
    let starts_ahead = match &when.start {
        Moment::Day(day) => *day >= now.date(),
        Moment::Instant(instant) => instant.timestamp() >= now.timestamp(),
    };
    // the end itself is excluded
    let ends_ahead = when.end.as_ref().is_some_and(|end| match end {
        Moment::Day(day) => *day > now.date(),
        Moment::Instant(instant) => instant.timestamp() > now.timestamp(),
    });
    starts_ahead || ends_ahead
}

/// The title that the model finds likeliest for the event of a message.
fn likeliest<'t>(engine: &Engine, message: &str, candidates: &[&'t str], cancel: &CancelToken) -> Result<&'t str> {
    // A title ends where the line ends: with the line's end scored too, half a title is an unlikely one.
    let ids: Vec<Vec<u32>> = candidates
        .iter()
        .map(|title| {
            let mut ids = continuation(engine, &format!(" {title}\n"))?;
            ids.truncate(MAX_TITLE_TOKENS);
            Ok(ids)
        })
        .collect::<Result<_>>()?;
    let mut prefix = question(engine, INSTRUCTION, message)?;
    prefix.extend(continuation(engine, "Title:")?);
    let longest = ids.iter().map(Vec::len).max().unwrap_or(0);
    let mut scorer = Scorer::new(engine, prefix.len() + longest)?;
    let scores: Vec<f32> =
        ids.iter().map(|ids| Ok(scorer.score(&prefix, ids, cancel)?.mean())).collect::<Result<_>>()?;
    let shares = softmax(&scores);
    let best = (0..candidates.len()).max_by(|a, b| shares[*a].total_cmp(&shares[*b]));
    best.map(|index| candidates[index]).ok_or_else(|| Error::Internal { what: "there was no title to choose".into() })
}

/// The clause, and the clause less a few words at its start or its end.
fn wordings(clause: &str) -> Vec<&str> {
    let starts: Vec<usize> =
        clause.split_whitespace().map(|word| word.as_ptr() as usize - clause.as_ptr() as usize).collect();
    let ends: Vec<usize> = clause.split_whitespace().zip(&starts).map(|(word, start)| start + word.len()).collect();
    let count = starts.len();
    let mut found = Vec::new();
    for first in 0..count.min(MAX_CUT_WORDS + 1) {
        for cut in 0..count.saturating_sub(first).min(MAX_CUT_WORDS + 1) {
            found.push(&clause[starts[first]..ends[count - 1 - cut]]);
        }
    }
    found
}

/// The text around a span, whole characters only.
fn around<'t>(text: &'t str, span: &Range<usize>) -> &'t str {
    let before =
        text[..span.start].char_indices().rev().take(CONTEXT_CHARS / 2).last().map_or(span.start, |(at, _)| at);
    let after = text[span.end..].char_indices().nth(CONTEXT_CHARS / 2).map_or(text.len(), |(at, _)| span.end + at);
    &text[before..after]
}

/// How a [`When`] is written in JSON.
#[derive(Serialize)]
struct WhenJson {
    /// `2026-03-05T15:00:00`, local to `timezone`; `2026-03-05` for a whole day.
    start: String,
    end: Option<String>,
    all_day: bool,
    rrule: Option<String>,
    timezone: Option<String>,
    /// `exact`, or `within` where it lies somewhere between start and end.
    precision: &'static str,
}

impl From<&When> for WhenJson {
    fn from(when: &When) -> Self {
        let text = |moment: &Moment| match moment {
            Moment::Day(day) => day.to_string(),
            Moment::Instant(instant) => instant.datetime().strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        };
        let timezone = match &when.start {
            Moment::Day(_) => None,
            Moment::Instant(instant) => instant.time_zone().iana_name().map(str::to_owned),
        };
        Self {
            start: text(&when.start),
            end: when.end.as_ref().map(text),
            all_day: when.all_day(),
            rrule: when.rrule.clone(),
            timezone,
            precision: match when.precision {
                super::Precision::Exact => "exact",
                super::Precision::Within => "within",
            },
        }
    }
}

impl Serialize for ScheduledEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Json<'a> {
            title: &'a str,
            #[serde(flatten)]
            when: WhenJson,
            alternatives: Vec<WhenJson>,
            span: &'a Range<usize>,
            confidence: f32,
        }
        let json = Json {
            title: &self.title,
            when: (&self.when).into(),
            alternatives: self.alternatives.iter().map(WhenJson::from).collect(),
            span: &self.span,
            confidence: self.confidence,
        };
        json.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Reference {
        Reference::new("2026-03-02T10:00[Europe/Paris]".parse().unwrap())
    }

    #[test]
    fn what_is_past_is_no_event() {
        let ahead = |text: &str| {
            let reference = reference();
            find(text, &reference).unwrap().iter().any(|found| is_ahead(&found.when, &reference.now))
        };
        assert!(ahead("lunch tomorrow at noon"));
        assert!(ahead("pay the rent today"));
        assert!(!ahead("I called you yesterday"));
        // the second of March 2026 is a Monday: the week before has just ended
        assert!(!ahead("we met last week"));
        assert!(ahead("team meeting every Monday"));
    }

    #[test]
    fn a_rhythm_with_days_is_a_time_of_its_own() {
        let anchored = |text: &str| is_anchored(&find(text, &reference()).unwrap()[0].when);
        assert!(anchored("team meeting every Monday"));
        assert!(anchored("birthday every year on March 5"));
        assert!(!anchored("the quarterly review"));
    }

    #[test]
    fn wordings_are_pieces_of_the_clause() {
        assert_eq!(wordings("Call Ana"), ["Call Ana", "Call", "Ana"]);
        assert!(wordings("").is_empty());
        let long = "please do not forget our quarterly review meeting with finance";
        assert!(wordings(long).iter().all(|wording| long.contains(wording)));
        assert_eq!(wordings(long).len(), 16);
    }

    #[test]
    fn the_context_is_whole_characters() {
        let text = format!("{}今天{}", "好".repeat(1000), "吗".repeat(1000));
        let span = 3000..3006;
        assert_eq!(around(&text, &span).chars().count(), CONTEXT_CHARS + 2);
        assert_eq!(around("今天", &(0..6)), "今天");
    }

    #[test]
    fn json_says_times_as_they_are_local() {
        let found = find("dentist tomorrow at 3pm", &reference()).unwrap().remove(0);
        let event = ScheduledEvent {
            title: "dentist".into(),
            when: found.when,
            alternatives: Vec::new(),
            span: found.span,
            confidence: 1.0,
        };
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["start"], "2026-03-03T15:00:00");
        assert_eq!(json["timezone"], "Europe/Paris");
        assert_eq!(json["all_day"], false);
    }
}
