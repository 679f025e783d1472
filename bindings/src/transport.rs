//! The app's HTTP client, as the model store uses it.
//!
//! Pulled, not pushed: the store asks for the next bytes when it has written the last ones, so that a fast network doesn't fill the
//! memory of a phone with a slow disk.

use std::sync::Arc;

use minnow_models::{CancelToken, Request, ResponseHead, ResponseSink, Transport};

/// Why a request failed.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum TransportError {
    /// No answer, or it ended early: the store tries again.
    #[error("{reason}")]
    Failed {
        /// What broke, in a few words.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for TransportError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: format!("the app's HTTP client threw {}", error.reason) }
    }
}

/// A header of a request or an answer.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HttpHeader {
    /// Its name, in any case.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// An HTTP client that the app brings.
#[uniffi::export(foreign)]
pub trait HttpTransport: Send + Sync {
    /// Sends one GET and gives the answer after redirects, its body still unread. Leaves encodings alone.
    fn get(&self, url: String, headers: Vec<HttpHeader>) -> Result<Arc<dyn HttpAnswer>, TransportError>;
}

/// An answer whose body comes piece by piece.
#[uniffi::export(foreign)]
pub trait HttpAnswer: Send + Sync {
    /// The status code.
    fn status(&self) -> Result<u16, TransportError>;
    /// The headers.
    fn headers(&self) -> Result<Vec<HttpHeader>, TransportError>;
    /// The next bytes of the body, tens of kilobytes at best; none at its end.
    fn read(&self) -> Result<Vec<u8>, TransportError>;
    /// No more is wanted. Called once.
    fn finish(&self) -> Result<(), TransportError>;
}

/// The app's client as the store's.
pub(crate) struct AppTransport(pub(crate) Arc<dyn HttpTransport>);

impl Transport for AppTransport {
    fn get(&self, request: &Request, response: &mut dyn ResponseSink, cancel: &CancelToken) -> Result<(), String> {
        let words = |error: TransportError| error.to_string();
        let headers =
            request.headers.iter().map(|(name, value)| HttpHeader { name: name.clone(), value: value.clone() });
        let answer = Open(self.0.get(request.url.clone(), headers.collect()).map_err(words)?);
        let headers = answer.0.headers().map_err(words)?.into_iter().map(|header| (header.name, header.value));
        let head = ResponseHead { status: answer.0.status().map_err(words)?, headers: headers.collect() };
        if response.head(&head).is_break() {
            return Ok(());
        }
        while !cancel.is_cancelled() {
            let bytes = answer.0.read().map_err(words)?;
            if bytes.is_empty() || response.body(&bytes).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Closes the answer on every way out.
struct Open(Arc<dyn HttpAnswer>);

impl Drop for Open {
    fn drop(&mut self) {
        if let Err(error) = self.0.finish() {
            tracing::debug!(%error, "an answer could not be closed");
        }
    }
}
