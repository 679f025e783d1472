//! Events → iCalendar text (RFC 5545), for any calendar app.
//!
//! A `VEVENT` each, in one `VCALENDAR`. Whole days are written as `VALUE=DATE` with an exclusive end; times in a zone of the
//! IANA database as local time with `TZID` (a recurrence then follows the clocks), all others in UTC. No `VTIMEZONE` is
//! written, as RFC 7809 allows between programs that know the IANA names: a copy of the rules would go stale.
//!
//! The `icalendar` crate (0.17) was looked at: it can't be had without `chrono`, a second calendar library beside jiff,
//! for what is fifty lines here.

use jiff::{SignedDuration, Timestamp, ZonedDateTime};

use super::when::{Moment, When};
use crate::{Error, Result};

/// Bytes that a line may have, its break not counted: RFC 5545, 3.1.
const MAX_LINE_BYTES: usize = 75;

/// What a calendar entry holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// An identifier that is unique in the world, such as a UUID, and stays the same when the event changes.
    pub uid: String,
    /// What it is.
    pub title: String,
    /// When it is; [`Precision::Within`](super::Precision::Within) is written as if it were exact, so settle it before.
    pub when: When,
    /// Where it is.
    pub place: Option<String>,
    /// Who comes, by e-mail address: RFC 5545 has no attendee without one.
    pub attendees: Vec<String>,
}

/// The text of a calendar that holds `events`; `written_at` is the moment of writing, `default_duration` how long a timed
/// event without an end lasts.
///
/// # Errors
/// `InvalidInput` for an attendee that is no e-mail address, or a rule that is no `RRULE` value
pub fn calendar_text(events: &[Event], written_at: Timestamp, default_duration: SignedDuration) -> Result<String> {
    let mut lines = Lines::default();
    lines.push("BEGIN:VCALENDAR");
    lines.push("VERSION:2.0");
    lines.push("PRODID:-//Minnow//Minnow//EN");
    for event in events {
        lines.push_event(event, written_at, default_duration)?;
    }
    lines.push("END:VCALENDAR");
    Ok(lines.text)
}

/// A moment's parameters and value: what follows `DTSTART`.
fn moment(moment: &Moment) -> String {
    match moment {
        Moment::Day(day) => format!(";VALUE=DATE:{}", day.strftime("%Y%m%d")),
        Moment::Instant(instant) => zoned(instant),
    }
}

/// A time in its zone, or in UTC.
fn zoned(instant: &ZonedDateTime) -> String {
    match instant.time_zone().iana_name() {
        Some(name) if name != "UTC" => format!(";TZID={name}:{}", instant.strftime("%Y%m%dT%H%M%S")),
        _ => format!(":{}", instant.timestamp().strftime("%Y%m%dT%H%M%SZ")),
    }
}

/// TEXT as RFC 5545, 3.3.11 wants it; other control characters are dropped, since no value may have them.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' | '\r' => out.push_str("\\n"),
            '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Content lines, folded.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn push_event(&mut self, event: &Event, written_at: Timestamp, default_duration: SignedDuration) -> Result<()> {
        self.push("BEGIN:VEVENT");
        self.push(&format!("UID:{}", escaped(&event.uid)));
        self.push(&format!("DTSTAMP:{}", written_at.strftime("%Y%m%dT%H%M%SZ")));
        self.push(&format!("DTSTART{}", moment(&event.when.start)));
        self.push(&format!("DTEND{}", moment(&event.when.end_or(default_duration))));
        if let Some(rule) = &event.when.rrule {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '=' | ';' | ',' | '-' | '+');
            if !rule.chars().all(plain) {
                let what = "expected letters, digits and `=;,+-` (give the value of an RRULE)";
                return Err(Error::invalid("rrule", what));
            }
            self.push(&format!("RRULE:{rule}"));
        }
        self.push(&format!("SUMMARY:{}", escaped(&event.title)));
        if let Some(place) = &event.place {
            self.push(&format!("LOCATION:{}", escaped(place)));
        }
        for address in &event.attendees {
            let breaks =
                |c: char| c.is_whitespace() || c.is_control() || matches!(c, ':' | ';' | ',' | '"' | '<' | '>');
            if address.chars().any(breaks) || !address.trim_matches('@').contains('@') {
                return Err(Error::invalid("attendees", "expected e-mail addresses such as ana@example.org"));
            }
            self.push(&format!("ATTENDEE:mailto:{address}"));
        }
        self.push("END:VEVENT");
        Ok(())
    }

    /// Adds a line; a long one goes on after a break and a space, never inside a character.
    fn push(&mut self, line: &str) {
        let mut bytes = 0;
        for c in line.chars() {
            if bytes + c.len_utf8() > MAX_LINE_BYTES {
                self.text.push_str("\r\n ");
                bytes = 1;
            }
            self.text.push(c);
            bytes += c.len_utf8();
        }
        self.text.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Reference, find};
    use super::*;

    const NOW: &str = "2026-03-02T10:00[Europe/Berlin]";

    fn event(text: &str, title: &str) -> Event {
        let reference = Reference::new(NOW.parse().expect("a time with a zone"));
        let when = find(text, &reference).expect("no impossible date").remove(0).when;
        Event { uid: "1@minnow".to_owned(), title: title.to_owned(), when, place: None, attendees: Vec::new() }
    }

    fn text(event: &Event) -> String {
        calendar_text(std::slice::from_ref(event), Timestamp::UNIX_EPOCH, SignedDuration::from_hours(1))
            .expect("a valid event")
    }

    #[test]
    fn writes_a_timed_event_with_its_zone() {
        let mut event = event("every Friday at 3pm", "Tea; cake, talk");
        event.place = Some("Room 1\nFirst floor".to_owned());
        event.attendees = vec!["ana@example.org".to_owned()];
        let want = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Minnow//Minnow//EN\r\nBEGIN:VEVENT\r\nUID:1@minnow\r\n\
            DTSTAMP:19700101T000000Z\r\nDTSTART;TZID=Europe/Berlin:20260306T150000\r\n\
            DTEND;TZID=Europe/Berlin:20260306T160000\r\nRRULE:FREQ=WEEKLY;BYDAY=FR\r\nSUMMARY:Tea\\; cake\\, talk\r\n\
            LOCATION:Room 1\\nFirst floor\r\nATTENDEE:mailto:ana@example.org\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        assert_eq!(text(&event), want);
    }

    #[test]
    fn whole_days_end_on_the_day_after() {
        let written = text(&event("March 4 to March 5", "Fair"));
        assert!(written.contains("DTSTART;VALUE=DATE:20260304\r\nDTEND;VALUE=DATE:20260306\r\n"), "{written}");
        let written = text(&event("tomorrow", "Fair"));
        assert!(written.contains("DTSTART;VALUE=DATE:20260303\r\nDTEND;VALUE=DATE:20260304\r\n"), "{written}");
    }

    #[test]
    fn utc_is_written_as_such() {
        let written = text(&event("tomorrow at 3pm UTC", "Call"));
        assert!(written.contains("DTSTART:20260303T150000Z\r\n"), "{written}");
    }

    #[test]
    fn long_lines_are_folded_at_75_bytes_between_characters() {
        let title = "会议与茶".repeat(40);
        let written = text(&event("tomorrow", &title));
        assert!(written.split("\r\n").all(|line| line.len() <= MAX_LINE_BYTES));
        assert!(written.replace("\r\n ", "").contains(&format!("SUMMARY:{title}\r\n")));
    }

    #[test]
    fn nothing_can_break_out_of_its_line() {
        let mut event = event("tomorrow", "x\r\nATTENDEE:mailto:mallory@example.org\u{0}");
        assert!(!text(&event).contains("\r\nATTENDEE"));
        event.attendees = vec!["a@b\r\nX:y".to_owned()];
        assert!(calendar_text(std::slice::from_ref(&event), Timestamp::UNIX_EPOCH, SignedDuration::ZERO).is_err());
        event.attendees.clear();
        event.when.rrule = Some("FREQ=DAILY\r\nX:y".to_owned());
        assert!(calendar_text(std::slice::from_ref(&event), Timestamp::UNIX_EPOCH, SignedDuration::ZERO).is_err());
    }
}
