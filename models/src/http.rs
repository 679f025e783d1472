//! Fetching over HTTP with resume, whatever the HTTP client is.
//!
//! Source: RFC 9110 (HTTP semantics), sections 13.1.5 (If-Range), 14.2 (Range), 14.4 (Content-Range). The app's client
//! only sends a GET and hands over what comes; which bytes may be appended is decided here, because that is where
//! downloaders go wrong:
//! - asked to go on at byte n, a server may answer 200 with the whole file: the part starts over, nothing is appended;
//! - a 206 is believed only if its Content-Range starts at n, ends in the catalogue's length, and the validator is the
//!   one that the part came with;
//! - a length other than the catalogue's is refused before the body, and one byte too many ends the call;
//! - a connection that ends early is tried again from where it stopped, a few times, with growing pauses;
//! - a server that gives no strong validator may have changed the file in between: the checksum finds that, and the
//!   store then fetches once more from the start.
//!
//! It doesn't talk to the network itself, and leaves compression alone: a client must not ask for or undo an encoding.

use crate::store::{Fetch, Job};
use crate::{CancelToken, ModelsError, PartFile, Result, Source, Stage};
use std::ops::ControlFlow;
use std::time::Duration;

/// Attempts in a row that may bring nothing before the source is given up.
const BARREN_ATTEMPTS: u32 = 3;
/// Attempts altogether, for a server that cuts off after every few bytes. What came in is kept for the next call.
const ATTEMPTS: u32 = 20;
/// The pause before the second attempt; it doubles from one barren attempt to the next.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// An HTTP client, as an app brings it.
pub trait Transport: Send + Sync {
    /// Sends one GET and hands the answer to `response`: `head` once, for the last answer after redirects, then `body`
    /// for every piece as it comes. Returns when the body has ended, or as soon as either call says `Break`. Gives up by
    /// itself when nothing comes for about a minute, and soon after `cancel` is used.
    ///
    /// # Errors
    /// What broke, in a few words, if there was no answer or its body ended early. The call may then be repeated.
    fn get(&self, request: &Request, response: &mut dyn ResponseSink, cancel: &CancelToken) -> Result<(), String>;
}

/// Receives one answer.
pub trait ResponseSink {
    /// The status and headers. `Break`: the body isn't wanted.
    fn head(&mut self, head: &ResponseHead) -> ControlFlow<()>;
    /// The next bytes of the body. `Break`: enough.
    fn body(&mut self, bytes: &[u8]) -> ControlFlow<()>;
}

/// What to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The address.
    pub url: String,
    /// Headers to send, as (name, value).
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// A request without headers.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), headers: Vec::new() }
    }
}

/// The beginning of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// The headers, as (name, value); names in any case.
    pub headers: Vec<(String, String)>,
}

impl ResponseHead {
    /// The value of a header, without the spaces around it.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The ETag, if it may be used in If-Range: weak ones may not.
    fn strong_tag(&self) -> Option<&str> {
        self.header("etag").filter(|tag| tag.len() > 1 && tag.starts_with('"') && !tag.contains(['\r', '\n']))
    }
}

/// Serves [`Source::Url`] over a [`Transport`].
#[derive(Debug)]
pub struct HttpFetch<T> {
    transport: T,
    first_pause: Duration,
}

impl<T: Transport> HttpFetch<T> {
    /// A fetcher over this client.
    pub fn new(transport: T) -> Self {
        Self { transport, first_pause: FIRST_PAUSE }
    }

    /// The same with another pause before the second attempt, which doubles from there.
    pub fn first_pause(mut self, pause: Duration) -> Self {
        self.first_pause = pause;
        self
    }
}

impl<T: Transport> Fetch for HttpFetch<T> {
    fn handles(&self, source: &Source) -> bool {
        matches!(source, Source::Url(_))
    }

    fn fetch(&self, source: &Source, part: &mut PartFile, job: &mut Job<'_>) -> Result<()> {
        let Source::Url(url) = source else {
            return Err(ModelsError::source("not an address", "http"));
        };
        let mut barren = 0;
        let mut reason = String::new();
        for _ in 0..ATTEMPTS {
            if part.len() == part.expected_bytes() {
                return Ok(());
            }
            if barren > 0 {
                job.cancel().pause(self.first_pause.saturating_mul(1 << (barren - 1)))?;
            }
            let before = part.len();
            reason = match self.attempt(url, part, job)? {
                None => return Ok(()),
                Some(reason) => reason,
            };
            tracing::debug!(url, reason, at = part.len(), "a download broke off");
            barren = if part.len() > before { 0 } else { barren + 1 };
            if barren == BARREN_ATTEMPTS {
                break;
            }
        }
        Err(ModelsError::source(reason, url))
    }
}

impl<T: Transport> HttpFetch<T> {
    /// One request. `None`: the part is complete; a text: why it isn't, if another attempt may help.
    fn attempt(&self, url: &str, part: &mut PartFile, job: &mut Job<'_>) -> Result<Option<String>> {
        job.cancel().check()?;
        let request = request(url, part);
        let cancel = job.cancel().clone();
        let mut receiver = Receiver { url, part, job, answered: false, outcome: Ok(None) };
        let sent = self.transport.get(&request, &mut receiver, &cancel);
        let (answered, outcome) = (receiver.answered, receiver.outcome);
        cancel.check()?;
        if let Some(reason) = outcome? {
            return Ok(Some(reason));
        }
        if part.len() == part.expected_bytes() && answered {
            return Ok(None);
        }
        let missing = format!("the connection ended after {} of {} bytes", part.len(), part.expected_bytes());
        Ok(Some(match sent {
            Err(what) if answered => format!("{missing}: {what}"),
            Err(what) => what,
            Ok(()) => missing,
        }))
    }
}

fn request(url: &str, part: &PartFile) -> Request {
    let mut headers = vec![("Accept-Encoding".to_owned(), "identity".to_owned())];
    if !part.is_empty() {
        headers.push(("Range".to_owned(), format!("bytes={}-", part.len())));
        if let Some(tag) = part.tag(url) {
            headers.push(("If-Range".to_owned(), tag));
        }
    }
    Request { headers, ..Request::new(url) }
}

/// Takes one answer into the part.
struct Receiver<'a, 'j> {
    url: &'a str,
    part: &'a mut PartFile,
    job: &'a mut Job<'j>,
    answered: bool,
    /// As in [`HttpFetch::attempt`], while it runs.
    outcome: Result<Option<String>>,
}

impl ResponseSink for Receiver<'_, '_> {
    fn head(&mut self, head: &ResponseHead) -> ControlFlow<()> {
        self.answered = true;
        self.outcome = self.admit(head);
        if matches!(self.outcome, Ok(None)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn body(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        if !self.answered || !matches!(self.outcome, Ok(None)) {
            return ControlFlow::Break(());
        }
        if let Err(error) = self.job.cancel().check().and_then(|()| self.part.write(bytes)) {
            self.outcome = Err(error);
            return ControlFlow::Break(());
        }
        self.job.report(Stage::Downloading, self.part.len(), self.part.expected_bytes());
        ControlFlow::Continue(())
    }
}

impl Receiver<'_, '_> {
    /// Decides whether the body that follows `head` goes into the part, and where.
    fn admit(&mut self, head: &ResponseHead) -> Result<Option<String>> {
        let expected = self.part.expected_bytes();
        match head.status {
            200 => {
                if let Some(length) = head.header("content-length").and_then(|length| length.parse::<u64>().ok()) {
                    self.refuse_other_length(length)?;
                }
                self.part.restart()?;
                self.part.set_tag(self.url, head.strong_tag())?;
                Ok(None)
            }
            206 => {
                let range = head.header("content-range").and_then(content_range);
                let Some((start, end, total)) = range else {
                    self.part.restart()?;
                    return Ok(Some("the server sent a part of the file without saying which".to_owned()));
                };
                if let Some(total) = total {
                    self.refuse_other_length(total)?;
                }
                let tag = self.part.tag(self.url);
                let changed = matches!((&tag, head.strong_tag()), (Some(had), Some(has)) if had != has);
                if start != self.part.len() || end >= expected || changed {
                    let what =
                        format!("the server sent bytes {start} to {end} instead of what follows {}", self.part.len());
                    self.part.restart()?;
                    return Ok(Some(if changed { "the file changed on the server".to_owned() } else { what }));
                }
                if self.part.is_empty() {
                    self.part.set_tag(self.url, head.strong_tag())?;
                }
                Ok(None)
            }
            416 => {
                self.part.restart()?;
                Ok(Some("the server has nothing after the bytes that are here".to_owned()))
            }
            status @ (408 | 429 | 500..=599) => Ok(Some(format!("the server answered {status}"))),
            status => Err(ModelsError::source(format!("the server answered {status}"), self.url)),
        }
    }

    fn refuse_other_length(&self, length: u64) -> Result<()> {
        if length == self.part.expected_bytes() {
            return Ok(());
        }
        let what = format!("the server has {length} bytes where the catalogue says {}", self.part.expected_bytes());
        Err(ModelsError::source(what, self.url))
    }
}

/// Reads `bytes FIRST-LAST/LENGTH`, where the length may be `*`.
fn content_range(value: &str) -> Option<(u64, u64, Option<u64>)> {
    let (unit, rest) = value.split_once(' ')?;
    let (range, length) = rest.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let length = match length.trim() {
        "*" => None,
        digits => Some(digits.parse().ok()?),
    };
    (unit.eq_ignore_ascii_case("bytes") && first <= last).then_some((first, last, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn content_ranges_are_read_as_the_rfc_writes_them() {
        assert_eq!(content_range("bytes 42-1233/1234"), Some((42, 1233, Some(1234))));
        assert_eq!(content_range("Bytes 0-0/*"), Some((0, 0, None)));
        for wrong in ["", "bytes", "bytes */1234", "items 0-1/2", "bytes 5-4/9", "bytes 0-/9", "bytes -1-2/9"] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_strong_tags_are_sent_back() {
        let head = |tag: &str| ResponseHead { status: 200, headers: vec![("ETag".to_owned(), tag.to_owned())] };
        assert_eq!(head(" \"v1\" ").strong_tag(), Some("\"v1\""));
        assert_eq!(head("W/\"v1\"").strong_tag(), None);
        assert_eq!(head("\"a\"\r\nRange: bytes=0-\"").strong_tag(), None);
        assert_eq!(ResponseHead::default().strong_tag(), None);
    }

    proptest! {
        #[test]
        fn content_range_round_trips(first: u64, extra in 0u64..1 << 40, total: Option<u64>) {
            let last = first.saturating_add(extra);
            let length = total.map_or("*".to_owned(), |total| total.to_string());
            prop_assert_eq!(content_range(&format!("bytes {first}-{last}/{length}")), Some((first, last, total)));
        }

        #[test]
        fn any_header_is_read_or_refused(value in "\\PC{0,40}") {
            let _: Option<_> = content_range(&value);
        }
    }
}
