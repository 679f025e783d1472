//! Sets that ask for an event, or for none.

use super::{Answers, Args, missing};
use crate::args::GlobalArgs;
use crate::commands::schedule;
use crate::engine;
use crate::errors::Result;
use crate::rows::{self, Row};
use minnow::{Assistant, CancelToken, Error, ScheduleOptions};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Answers with the first event of a text, read at the row's own time and in its zone.
pub struct Scheduler {
    input: PathBuf,
    assistant: Assistant,
}

impl Scheduler {
    /// Opens the model that finds titles.
    ///
    /// # Errors
    /// What opening it fails with.
    pub fn open(args: &Args, global: &GlobalArgs) -> Result<Self> {
        let model = args.model.as_deref().unwrap_or(minnow_models::DEFAULT_MODEL);
        Ok(Self { input: args.input.clone(), assistant: Assistant::new(engine::open(model, global)?) })
    }
}

impl Answers for Scheduler {
    fn answer(&self, row: &Row) -> Result<Map<String, Value>> {
        let of_row = |key: &str| row.get(key).and_then(Value::as_str).ok_or_else(|| missing(key, &self.input));
        let text = rows::text(row).ok_or_else(|| missing("text", &self.input))?;
        let options = ScheduleOptions::new(schedule::now(of_row("reference_time")?, of_row("timezone")?)?);
        let events = match self.assistant.schedule(&text, &options, &CancelToken::new()) {
            Ok(schedule) => schedule.events,
            // a date that is on no calendar is no event
            Err(Error::ImpossibleDate { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let Some(event) = events.first() else { return Ok(Map::from_iter([("event".to_owned(), Value::Null)])) };
        let event = json!(event);
        let fields = ["start", "end", "all_day", "rrule"];
        Ok(fields.into_iter().map(|field| (field.to_owned(), event[field].clone())).collect())
    }
}
