//! What the app's side implements to be told about a running call.
//!
//! Listeners are called on a job's thread, not on the app's main thread. An exception in one ends the call that it listens to.

use std::sync::Arc;

use minnow::CancelToken;

use crate::error::{MinnowError, Result};

/// An exception that came out of the app's code.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum ListenerError {
    /// It was thrown where none is declared.
    #[error("{reason}")]
    Unexpected {
        /// Its words.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for ListenerError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unexpected { reason: error.reason }
    }
}

/// Gets an answer piece by piece.
#[uniffi::export(foreign)]
pub trait TextListener: Send + Sync {
    /// The next piece, whole graphemes only.
    fn on_text(&self, piece: String) -> Result<(), ListenerError>;
}

/// Is told how far a call is.
#[uniffi::export(foreign)]
pub trait ProgressListener: Send + Sync {
    /// The share that is done, 0 to 1.
    fn on_progress(&self, share: f32) -> Result<(), ListenerError>;
}

/// Passes values on to a listener until it fails; a failure cancels the call.
pub(crate) struct Relay<'a> {
    cancel: &'a CancelToken,
    failure: Option<ListenerError>,
}

impl<'a> Relay<'a> {
    /// A relay that cancels `cancel`.
    pub(crate) fn new(cancel: &'a CancelToken) -> Self {
        Self { cancel, failure: None }
    }

    /// Tells the listener, unless it failed before.
    pub(crate) fn tell(&mut self, tell: impl FnOnce() -> Result<(), ListenerError>) {
        if self.failure.is_none()
            && let Err(error) = tell()
        {
            self.cancel.cancel();
            self.failure = Some(error);
        }
    }

    /// The call's result, or the listener's failure where that ended it. The exception's own words stay out: they may be the user's.
    pub(crate) fn result<T>(self, result: Result<T>) -> Result<T> {
        match self.failure {
            Some(_) => Err(MinnowError::internal("the app's listener threw an exception")),
            None => result,
        }
    }
}

/// How many of `all` a call has done, as [`report`] tells how far it is.
pub(crate) fn report_count<'r>(
    listener: Option<&'r Arc<dyn ProgressListener>>,
    relay: &'r mut Relay<'_>,
    all: usize,
) -> impl FnMut(usize) + 'r {
    let mut told = report(listener, relay);
    move |done| told(done as f32 / all as f32)
}

/// How far a call is, for a listener that may not be there.
pub(crate) fn report<'r>(
    listener: Option<&'r Arc<dyn ProgressListener>>,
    relay: &'r mut Relay<'_>,
) -> impl FnMut(f32) + 'r {
    /// Less than this is no news: a training of thousands of texts would tell of each.
    const STEP: f32 = 0.005;
    let mut told = 0.0;
    move |share| {
        let is_news = share >= told + STEP || (share >= 1.0 && told < 1.0);
        if let Some(listener) = listener.filter(|_| is_news) {
            told = share;
            relay.tell(|| listener.on_progress(share));
        }
    }
}
