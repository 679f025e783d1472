//! The app's HTTP client, as the model store uses it.
//!
//! Pulled, not pushed: the next bytes are asked for when the last ones have been written, so that a fast network doesn't fill the memory
//! of a phone with a slow disk. The client is called on a thread of its own, for it may wait for a minute where the store must
//! not: a cancelled download gives its model free at once, and the thread ends when the client comes back.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use minnow_models::{CancelToken, Request, ResponseHead, ResponseSink, Transport};

use crate::jobs;

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
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        // its words are a stack trace, and the app's own
        Self::Failed { reason: "the app's HTTP client threw an exception".into() }
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

/// How often a cancel is looked for while the client waits.
const LOOK: Duration = Duration::from_millis(50);

/// What comes from the client's thread.
enum Piece {
    Head(ResponseHead),
    Body(Vec<u8>),
    Failed(TransportError),
}

impl Transport for AppTransport {
    fn get(&self, request: &Request, response: &mut dyn ResponseSink, cancel: &CancelToken) -> Result<(), String> {
        let (client, request) = (self.0.clone(), request.clone());
        // room for one piece: the next is read while the last one is written
        let (pieces, incoming) = sync_channel(1);
        jobs::elsewhere(move || {
            if let Err(error) = transfer(client.as_ref(), request, &pieces) {
                // nobody listens to a cancelled transfer
                let _ = pieces.send(Piece::Failed(error));
            }
        });
        loop {
            let flow = match incoming.recv_timeout(LOOK) {
                Ok(Piece::Head(head)) => response.head(&head),
                Ok(Piece::Body(bytes)) => response.body(&bytes),
                Ok(Piece::Failed(error)) => return Err(error.to_string()),
                Err(RecvTimeoutError::Timeout) if !cancel.is_cancelled() => continue,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(()),
            };
            if flow.is_break() {
                return Ok(());
            }
        }
    }
}

/// Reads one answer into `pieces`, for as long as somebody takes them.
fn transfer(client: &dyn HttpTransport, request: Request, pieces: &SyncSender<Piece>) -> Result<(), TransportError> {
    let headers = request.headers.into_iter().map(|(name, value)| HttpHeader { name, value });
    let answer = Open(client.get(request.url, headers.collect())?);
    let headers = answer.0.headers()?.into_iter().map(|header| (header.name, header.value));
    let mut piece = Piece::Head(ResponseHead { status: answer.0.status()?, headers: headers.collect() });
    while pieces.send(piece).is_ok() {
        let bytes = answer.0.read()?;
        if bytes.is_empty() {
            break;
        }
        piece = Piece::Body(bytes);
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::ControlFlow;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    /// Serves pieces, and waits at their end.
    struct Server {
        pieces: Vec<Vec<u8>>,
        waits: Option<Duration>,
        finished: Arc<AtomicBool>,
    }

    struct Served {
        /// The last one first.
        pieces: Mutex<Vec<Vec<u8>>>,
        waits: Option<Duration>,
        finished: Arc<AtomicBool>,
    }

    impl HttpTransport for Server {
        fn get(&self, _: String, _: Vec<HttpHeader>) -> Result<Arc<dyn HttpAnswer>, TransportError> {
            let pieces = self.pieces.iter().rev().cloned().collect();
            let (waits, finished) = (self.waits, self.finished.clone());
            Ok(Arc::new(Served { pieces: Mutex::new(pieces), waits, finished }))
        }
    }

    impl HttpAnswer for Served {
        fn status(&self) -> Result<u16, TransportError> {
            Ok(200)
        }

        fn headers(&self) -> Result<Vec<HttpHeader>, TransportError> {
            Ok(vec![HttpHeader { name: "A".into(), value: "b".into() }])
        }

        fn read(&self) -> Result<Vec<u8>, TransportError> {
            let piece = jobs::lock(&self.pieces).pop();
            if let (None, Some(wait)) = (&piece, self.waits) {
                std::thread::sleep(wait);
            }
            Ok(piece.unwrap_or_default())
        }

        fn finish(&self) -> Result<(), TransportError> {
            self.finished.store(true, Ordering::SeqCst);
            Ok(())
        }
    }

    #[derive(Default)]
    struct Kept {
        head: ResponseHead,
        body: Vec<u8>,
        /// Is cancelled by the first piece.
        cancel: Option<CancelToken>,
    }

    impl ResponseSink for Kept {
        fn head(&mut self, head: &ResponseHead) -> ControlFlow<()> {
            self.head = head.clone();
            ControlFlow::Continue(())
        }

        fn body(&mut self, bytes: &[u8]) -> ControlFlow<()> {
            self.body.extend_from_slice(bytes);
            if let Some(cancel) = &self.cancel {
                cancel.cancel();
            }
            ControlFlow::Continue(())
        }
    }

    fn request() -> Request {
        Request::new("http://localhost/a")
    }

    #[test]
    fn a_body_arrives_whole_and_the_answer_is_closed() {
        let finished = Arc::new(AtomicBool::new(false));
        let pieces = vec![b"ab".to_vec(), b"c".to_vec()];
        let server = Server { pieces, waits: None, finished: finished.clone() };
        let mut kept = Kept::default();
        AppTransport(Arc::new(server)).get(&request(), &mut kept, &CancelToken::new()).unwrap();
        assert_eq!((kept.head.status, kept.head.header("a"), &kept.body[..]), (200, Some("b"), &b"abc"[..]));
        let begun = Instant::now();
        while !finished.load(Ordering::SeqCst) {
            assert!(begun.elapsed().as_secs() < 10, "not closed");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_cancel_does_not_wait_for_a_client_that_waits() {
        let finished = Arc::new(AtomicBool::new(false));
        let waits = Some(Duration::from_secs(5));
        let server = Server { pieces: vec![b"ab".to_vec()], waits, finished: finished.clone() };
        let cancel = CancelToken::new();
        let mut kept = Kept { cancel: Some(cancel.clone()), ..Kept::default() };
        let begun = Instant::now();
        AppTransport(Arc::new(server)).get(&request(), &mut kept, &cancel).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        assert!(!finished.load(Ordering::SeqCst), "the client is still waiting");
    }
}
