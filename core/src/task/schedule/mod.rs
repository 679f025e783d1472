//! Scheduling: the words that carry time, resolved by a deterministic grammar, so that a date is never invented.
//!
//! ```text
//! text → normal (plain characters) → token (words' senses, by the tables en, zh) → rules (partial expressions)
//!      → resolve (calendar, hours, recurrence; the reference time fills what is missing) → Found
//! ```
//!
//! `events` makes calendar entries of what was found; the model names them. A third language is a table like `en.rs` with its tests. `ical` writes an event for a calendar; `title` names it where
//! no model does. Left out so far: corrections ("no, make it four"), the lunar calendar, moving feasts other than nth
//! weekdays, exceptions to a recurrence.

mod calendar;
mod en;
mod events;
mod find;
mod hours;
mod ical;
mod lexicon;
mod normal;
mod partial;
mod recurrence;
mod resolve;
mod rules;
mod title;
mod token;
mod when;
mod zh;

pub use events::{MAX_TEXT_BYTES, Schedule, ScheduleOptions, ScheduledEvent, schedule};
pub use find::find;
pub use ical::{Event, calendar_text};
pub use title::title_candidate;
pub use when::{DateOrder, Found, HourCycle, Moment, Precision, Preferences, Provenance, Reference, Source, When};

#[cfg(test)]
mod tests;
