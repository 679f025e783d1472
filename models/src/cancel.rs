//! Stopping a fetch from another thread.
//!
//! One token per call. It lives outside every lock of the store, so that it works while the call blocks.

use crate::{ModelsError, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// How often a waiting call looks at its token: the longest time that a cancel goes unnoticed.
pub const POLL: Duration = Duration::from_millis(50);

/// Asks a running call to stop. Clones ask for the same call.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that nobody has used yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the call to stop; it returns [`ModelsError::Cancelled`] soon after. Safe to call twice.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Ends the call that holds this token if it should end.
    ///
    /// # Errors
    /// [`ModelsError::Cancelled`] once the token was cancelled.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(ModelsError::Cancelled) } else { Ok(()) }
    }

    /// Sleeps, but not past a cancel.
    pub(crate) fn pause(&self, time: Duration) -> Result<()> {
        let mut left = time;
        while !left.is_zero() {
            self.check()?;
            let slice = left.min(POLL);
            sleep(slice);
            left -= slice;
        }
        self.check()
    }
}
