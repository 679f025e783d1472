//! `schedule`: the calendar event that a text speaks of.

use crate::args::{GlobalArgs, TaskModelArg, TextArgs};
use crate::errors::{CliError, Result, escape_controls};
use crate::{engine, output, text_input};
use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimeParser;
use jiff::{Timestamp, ZonedDateTime};
use minnow::task::schedule::{Event, Moment, Precision, Preferences, Schedule, ScheduledEvent, When, calendar_text};
use minnow::{Assistant, CancelToken, ScheduleOptions};
use sha2::{Digest, Sha256};

/// `minnow schedule`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub model: TaskModelArg,
    /// The moment that the text is read at, such as 2026-11-24T09:30
    #[arg(long, value_name = "T")]
    pub now: String,
    /// The reader's IANA time zone, such as Europe/Zurich, or an offset such as -02:00
    #[arg(long, value_name = "Z", allow_hyphen_values = true)]
    pub zone: String,
    /// Print an iCalendar event
    #[arg(long, conflicts_with = "json")]
    pub ics: bool,
    #[command(flatten)]
    pub text: TextArgs,
}

/// Runs it.
///
/// # Errors
/// For a time or zone that doesn't exist, or a date in the text that is on no calendar.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let text = text_input::read(&args.text)?;
    let now = now(&args.now, &args.zone)?;
    let assistant = Assistant::new(engine::open(&args.model.model, global)?);
    let schedule = assistant.schedule(&text, &ScheduleOptions::new(now), &CancelToken::new())?;
    if args.ics {
        return output::write(&calendar(&schedule)?);
    }
    output::print(global.json, &schedule, |schedule| match schedule.events.as_slice() {
        [] => "nothing to schedule".to_owned(),
        events => events.iter().map(human).collect(),
    })
}

/// The moment that `--now` means in `--zone`: local time, or a time with an offset.
///
/// # Errors
/// For a time or zone that doesn't exist.
pub fn now(text: &str, zone: &str) -> Result<ZonedDateTime> {
    let wrong = |what: String, at: &str| CliError::Input { what, at: at.to_owned() };
    let zone = DateTimeParser::new()
        .parse_time_zone(zone)
        .map_err(|_| wrong("no such IANA time zone or offset, such as Europe/Zurich or -02:00".to_owned(), "--zone"))?;
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant.to_zoned_datetime(zone));
    }
    let local: DateTime =
        text.parse().map_err(|_| wrong("expected a time such as 2026-11-24T09:30".to_owned(), "--now"))?;
    zone.to_zoned_datetime(local).map_err(|error| wrong(error.to_string(), "--now"))
}

fn human(event: &ScheduledEvent) -> String {
    let time = |moment: &Moment| match moment {
        Moment::Day(day) => day.strftime("%a %-d %b %Y").to_string(),
        Moment::Instant(instant) => instant.strftime("%a %-d %b %Y %H:%M").to_string(),
    };
    let when = |when: &When| {
        let end = when.end.as_ref().map(|end| format!(" to {}", time(end))).unwrap_or_default();
        let within = if when.precision == Precision::Within { "within " } else { "" };
        let rule = when.rrule.as_ref().map(|rule| format!(", repeats {rule}")).unwrap_or_default();
        format!("{within}{}{end}{rule}", time(&when.start))
    };
    let mut text = format!("{}: {}\n", escape_controls(&event.title), when(&event.when));
    for other in &event.alternatives {
        text += &format!("  or {}\n", when(other));
    }
    text
}

/// All events as one calendar. Identifiers are made of the events themselves, so the same text gives the same calendar again.
fn calendar(schedule: &Schedule) -> Result<String> {
    let entry = |(index, event): (usize, &ScheduledEvent)| {
        let said = format!("{index} {} {:?} {:?}", event.title, event.when.start, event.when.rrule);
        let digest = Sha256::digest(said);
        Event {
            uid: digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect(),
            title: event.title.clone(),
            when: event.when.clone(),
            place: None,
            attendees: Vec::new(),
        }
    };
    let entries: Vec<Event> = schedule.events.iter().enumerate().map(entry).collect();
    Ok(calendar_text(&entries, Timestamp::now(), Preferences::default().default_duration)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_is_local_or_has_an_offset() {
        let text = |now_text: &str| now(now_text, "Europe/Paris").unwrap().to_string();
        assert_eq!(text("2026-11-24T09:30"), "2026-11-24T09:30:00+01:00[Europe/Paris]");
        assert_eq!(text("2026-11-24T09:30:00Z"), "2026-11-24T10:30:00+01:00[Europe/Paris]");
    }

    #[test]
    fn wrong_times_and_zones_name_their_option() {
        let message = |text: &str, zone: &str| now(text, zone).unwrap_err().to_string();
        assert!(message("tomorrow", "UTC").ends_with("(--now)"));
        assert!(message("2026-11-24T09:30", "Mars/Olympus").ends_with("(--zone)"));
    }
}
