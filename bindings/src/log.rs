//! What the engine has to say, for logcat, os_log or the app's own log.
//!
//! A subscriber of a hundred lines instead of `tracing-subscriber`: on a phone there is one process-wide level and one place to write
//! to. User text is in no event at any level: that is the core's promise.

use std::fmt::Write;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, Once};

use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Dispatch, Event, Level, LevelFilter, Metadata, Subscriber};

use crate::jobs::lock;
use crate::listener::ListenerError;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// What may be wrong.
    Warn,
    /// What was opened and chosen.
    Info,
    /// What happens inside.
    Debug,
}

/// Gets what the engine has to say.
#[uniffi::export(foreign)]
pub trait LogListener: Send + Sync {
    /// One line. May come from any thread; exceptions are ignored.
    fn on_log(&self, level: LogLevel, target: String, line: String) -> Result<(), ListenerError>;
}

/// How much is said from now on; warnings and errors to begin with.
#[uniffi::export]
pub fn set_log_level(level: LogLevel) {
    let rank = match level {
        LogLevel::Off => 0,
        LogLevel::Error => 1,
        LogLevel::Warn => 2,
        LogLevel::Info => 3,
        LogLevel::Debug => 4,
    };
    LEVEL.store(rank, Ordering::Relaxed);
    install();
    tracing_core::callsite::rebuild_interest_cache();
}

/// Sends every line to `listener` too; none: only to the system's own log.
#[uniffi::export]
pub fn set_log_listener(listener: Option<Arc<dyn LogListener>>) {
    install();
    *lock(&LISTENER) = listener;
}

static LEVEL: AtomicU8 = AtomicU8::new(2);
static LISTENER: Mutex<Option<Arc<dyn LogListener>>> = Mutex::new(None);

/// Takes the process's events, unless a Rust program around this library does.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if tracing_core::dispatcher::set_global_default(Dispatch::new(SystemLog)).is_err() {
            tracing::debug!("another subscriber has the events");
        }
    });
}

struct SystemLog;

impl Subscriber for SystemLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        rank(*metadata.level()) <= LEVEL.load(Ordering::Relaxed)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // levels change while callsites are cached: ask each time up to debug
        Some(LevelFilter::DEBUG)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        system::write(level, &line.0);
        // taken out of the lock, so that a listener may change the listener
        let listener = lock(&LISTENER).clone();
        if let Some(listener) = listener {
            // the app's log is the app's business
            let _: Result<(), ListenerError> = listener.on_log(named(level), target.to_owned(), line.0);
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn rank(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

fn named(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG | Level::TRACE => LogLevel::Debug,
    }
}

/// `message key=value key=value`
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let space = if self.0.is_empty() { "" } else { " " };
        // writing to a string can't fail
        let _ = match field.name() {
            "message" if self.0.is_empty() => write!(self.0, "{value:?}"),
            "message" => {
                let fields = std::mem::take(&mut self.0);
                write!(self.0, "{value:?} {fields}")
            }
            name => write!(self.0, "{space}{name}={value:?}"),
        };
    }
}

#[cfg(target_os = "android")]
mod system {
    use std::ffi::CString;

    use android_log_sys::{__android_log_write, LogPriority};
    use tracing_core::Level;

    /// Writes a line to logcat under the tag `Minnow`.
    pub(super) fn write(level: Level, line: &str) {
        let priority = match level {
            Level::ERROR => LogPriority::ERROR,
            Level::WARN => LogPriority::WARN,
            Level::INFO => LogPriority::INFO,
            Level::DEBUG | Level::TRACE => LogPriority::DEBUG,
        };
        let Ok(line) = CString::new(line.replace('\0', " ")) else { return };
        // SAFETY: both strings end in a NUL and outlive the call, which keeps neither
        unsafe { __android_log_write(priority as _, c"Minnow".as_ptr(), line.as_ptr()) };
    }
}

#[cfg(not(target_os = "android"))]
mod system {
    use tracing_core::Level;

    /// A desktop has no system log that a library should write to; iOS gets its lines through the listener, which calls os_log.
    pub(super) fn write(_level: Level, _line: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Kept(Mutex<Vec<(LogLevel, String)>>);

    impl LogListener for Kept {
        fn on_log(&self, level: LogLevel, _target: String, line: String) -> Result<(), ListenerError> {
            lock(&self.0).push((level, line));
            Ok(())
        }
    }

    #[test]
    fn lines_of_the_level_reach_the_listener_whole() {
        let kept = Arc::new(Kept(Mutex::default()));
        set_log_listener(Some(kept.clone()));
        set_log_level(LogLevel::Info);
        tracing::info!(threads = 2, name = "cpu", "model opened");
        tracing::debug!("too small to tell");
        set_log_level(LogLevel::Off);
        tracing::error!("nobody listens");
        set_log_level(LogLevel::Warn);
        set_log_listener(None);
        let lines = lock(&kept.0);
        let ours: Vec<_> = lines.iter().filter(|(_, line)| line.contains("model opened")).collect();
        assert_eq!(ours, [&(LogLevel::Info, "model opened threads=2 name=\"cpu\"".to_owned())]);
        assert!(!lines.iter().any(|(_, line)| line.contains("nobody") || line.contains("too small")));
    }
}
