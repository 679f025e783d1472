//! The caller's cancel.
//!
//! It lives outside every lock, so that it works while another thread is inside the engine. It is asked between two tokens
//! and before each expensive stage; nothing is interrupted in the middle of a device call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::{Error, Result};

/// A switch that ends work from any thread. Clones share one switch; once on, it stays on.
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    switch: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl CancelToken {
    /// A switch that is off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the work to end as soon as it can; returns at once. Safe to call twice.
    pub fn cancel(&self) {
        // The flag carries no other data, so no ordering with other memory is needed.
        self.switch.store(true, Ordering::Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) was called on this token or a clone.
    pub fn is_cancelled(&self) -> bool {
        self.switch.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The same switch, which is also on from `deadline` on. The token that this was made of doesn't see the deadline, so it can
    /// tell a cancel from lateness.
    pub(crate) fn until(&self, deadline: Instant) -> Self {
        Self { switch: self.switch.clone(), deadline: Some(deadline) }
    }

    /// For `?` in stages that have nothing to hand back yet.
    /// # Errors
    /// `Cancelled` once the switch is on
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_one_switch_across_threads() {
        let token = CancelToken::new();
        assert!(token.check().is_ok());
        let other = token.clone();
        std::thread::spawn(move || other.cancel()).join().unwrap();
        assert!(token.is_cancelled());
        assert!(matches!(token.check(), Err(Error::Cancelled)));
        assert!(!CancelToken::new().is_cancelled());
    }

    #[test]
    fn a_deadline_is_a_cancel_that_the_caller_did_not_ask_for() {
        let token = CancelToken::new();
        assert!(!token.until(Instant::now() + std::time::Duration::from_secs(60)).is_cancelled());
        assert!(token.until(Instant::now()).is_cancelled() && !token.is_cancelled());
        token.cancel();
        assert!(token.until(Instant::now() + std::time::Duration::from_secs(60)).is_cancelled());
    }
}
