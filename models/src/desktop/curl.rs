//! Addresses through the `curl` command.
//!
//! Chosen over an HTTP crate because curl is on every desktop system, uses the machine's own certificates and proxies, and
//! keeps a TLS stack (and its C code) out of the whole workspace. Headers and body come on curl's stdout in one stream
//! (`--include`), once per redirect; the head that counts is the last.

use super::process::Running;
use crate::cancel::POLL;
use crate::part::CHUNK;
use crate::{CancelToken, Request, ResponseHead, ResponseSink, Transport};
use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;

/// The most that all heads of one answer may have together.
const MAX_HEAD_BYTES: u64 = 256 * 1024;
/// Pieces of the body that may wait for the disk.
const QUEUE: usize = 4;

/// The curl of this machine. HTTPS only, redirects included.
#[derive(Debug, Clone)]
pub struct Curl {
    protocols: &'static str,
}

impl Default for Curl {
    fn default() -> Self {
        Self { protocols: "=https" }
    }
}

impl Transport for Curl {
    fn get(&self, request: &Request, response: &mut dyn ResponseSink, cancel: &CancelToken) -> Result<(), String> {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--include", "--suppress-connect-headers", "--globoff"]);
        command.args(["--location", "--max-redirs", "5", "--proto", self.protocols]);
        command.args(["--connect-timeout", "20", "--speed-limit", "1", "--speed-time", "60"]);
        for (name, value) in &request.headers {
            command.arg("--header").arg(format!("{name}: {value}"));
        }
        command.arg("--url").arg(&request.url).stdout(Stdio::piped());
        let mut curl = Running::start(&mut command).map_err(|error| format!("curl can't be run: {error}"))?;
        let Some(stdout) = curl.child.stdout.take() else {
            return Err("curl can't be read".to_owned());
        };
        let (sender, events) = sync_channel(QUEUE);
        // A thread of its own, since a read can't be interrupted: it ends when curl does, which `Running` sees to.
        thread::spawn(move || read_answer(stdout, &sender));
        if !hand_over(&events, response, cancel)? {
            return Ok(());
        }
        match curl.child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(curl.last_words()),
            Err(error) => Err(format!("curl can't be run: {error}")),
        }
    }
}

enum Event {
    Head(ResponseHead),
    Body(Vec<u8>),
    Broken(String),
}

/// Passes events on until the stream ends (true) or nobody wants more (false).
fn hand_over(events: &Receiver<Event>, response: &mut dyn ResponseSink, cancel: &CancelToken) -> Result<bool, String> {
    loop {
        let flow = match events.recv_timeout(POLL) {
            Ok(Event::Head(head)) => response.head(&head),
            Ok(Event::Body(bytes)) => response.body(&bytes),
            Ok(Event::Broken(what)) => return Err(what),
            Err(RecvTimeoutError::Timeout) => {
                if cancel.is_cancelled() {
                    return Ok(false);
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(true),
        };
        if flow.is_break() || cancel.is_cancelled() {
            return Ok(false);
        }
    }
}

/// Reads curl's stdout to its end, or until the receiver is gone.
fn read_answer(stdout: ChildStdout, sender: &SyncSender<Event>) {
    let mut stream = BufReader::with_capacity(CHUNK, stdout);
    let mut event = match read_heads(&mut stream) {
        Ok(None) => return,
        Ok(Some(head)) => Event::Head(head),
        Err(what) => Event::Broken(what),
    };
    while sender.send(event).is_ok() {
        let mut chunk = vec![0; CHUNK];
        event = match stream.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => {
                chunk.truncate(count);
                Event::Body(chunk)
            }
            Err(error) => Event::Broken(error.to_string()),
        };
    }
}

/// Reads heads up to the one that the body belongs to: not informational (1xx), and not a redirect that curl follows.
/// `None` if curl wrote nothing.
fn read_heads(stream: &mut impl BufRead) -> Result<Option<ResponseHead>, String> {
    let mut left = MAX_HEAD_BYTES;
    let mut last = None;
    loop {
        let head = read_head(stream, &mut left)?;
        let Some(head) = head else { return Ok(last) };
        let follows = (300..400).contains(&head.status) && head.header("location").is_some();
        if !follows && head.status >= 200 {
            return Ok(Some(head));
        }
        last = Some(head);
    }
}

/// Reads one status line and its headers, up to the empty line. `None` at the end of the stream.
fn read_head(stream: &mut impl BufRead, left: &mut u64) -> Result<Option<ResponseHead>, String> {
    let mut line = |stream: &mut dyn BufRead| -> Result<String, String> {
        let mut bytes = Vec::new();
        let count = stream.take(*left).read_until(b'\n', &mut bytes).map_err(|error| error.to_string())?;
        *left -= count as u64;
        if *left == 0 {
            return Err(format!("the answer's headers have more than {MAX_HEAD_BYTES} bytes"));
        }
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    };
    let status_line = line(stream)?;
    if status_line.is_empty() {
        return Ok(None);
    }
    let status = status_line.strip_prefix("HTTP/").and_then(|rest| rest.split_whitespace().nth(1));
    let Some(status) = status.and_then(|digits| digits.parse().ok()) else {
        return Err("the answer doesn't begin with an HTTP status".to_owned());
    };
    let mut headers = Vec::new();
    loop {
        let line = line(stream)?;
        match line.split_once(':') {
            Some((name, value)) => headers.push((name.trim().to_owned(), value.trim().to_owned())),
            None if line.is_empty() => return Ok(Some(ResponseHead { status, headers })),
            None => return Err("the answer holds a header without a colon".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::ops::ControlFlow;
    use std::thread::JoinHandle;
    use std::time::{Duration, Instant};

    /// What came over the sink.
    #[derive(Default)]
    struct Seen {
        heads: Vec<ResponseHead>,
        body: Vec<u8>,
    }

    impl ResponseSink for Seen {
        fn head(&mut self, head: &ResponseHead) -> ControlFlow<()> {
            self.heads.push(head.clone());
            ControlFlow::Continue(())
        }

        fn body(&mut self, bytes: &[u8]) -> ControlFlow<()> {
            self.body.extend_from_slice(bytes);
            ControlFlow::Continue(())
        }
    }

    /// Answers one connection per entry of `answers`, then keeps the last one open for `linger`; returns the requests.
    fn serve(answers: &'static [&'static str], linger: Duration) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file", listener.local_addr().unwrap());
        let thread = thread::spawn(move || {
            let mut requests = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                requests.push(read_request(&stream));
                stream.write_all(answer.as_bytes()).unwrap();
                thread::sleep(linger);
            }
            requests
        });
        (url, thread)
    }

    fn read_request(stream: &TcpStream) -> String {
        let lines = BufReader::new(stream).lines().map(Result::unwrap);
        lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// Gets `url` with a Range header, or `None` where there is no curl.
    fn get(url: &str, cancel: &CancelToken) -> Option<(Result<(), String>, Seen)> {
        if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
            println!("skipped: there is no curl");
            return None;
        }
        let mut seen = Seen::default();
        let headers = vec![("Range".to_owned(), "bytes=3-".to_owned())];
        let request = Request { url: url.to_owned(), headers };
        let outcome = Curl { protocols: "=http" }.get(&request, &mut seen, cancel);
        Some((outcome, seen))
    }

    #[test]
    fn redirects_are_followed_and_only_the_last_head_counts() {
        let answers = &[
            "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngone",
            "HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\nETag: \"v1\"\r\nConnection: close\r\n\r\ndef",
        ];
        let (url, server) = serve(answers, Duration::ZERO);
        let Some((outcome, seen)) = get(&url, &CancelToken::new()) else { return };
        outcome.unwrap();
        assert_eq!(seen.body, b"def");
        assert_eq!(seen.heads.len(), 1);
        assert_eq!((seen.heads[0].status, seen.heads[0].header("etag")), (206, Some("\"v1\"")));
        let requests = server.join().unwrap();
        assert!(requests[1].starts_with("GET /other ") && requests[1].contains("Range: bytes=3-"), "{requests:?}");
    }

    #[test]
    fn a_body_that_ends_early_is_an_error_after_its_bytes() {
        let (url, _server) = serve(&["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"], Duration::ZERO);
        let Some((outcome, seen)) = get(&url, &CancelToken::new()) else { return };
        assert!(outcome.unwrap_err().starts_with("curl: (18)"), "curl's code for a partial file");
        assert_eq!(seen.body, b"abc");
    }

    #[test]
    fn other_protocols_are_refused() {
        let Some((outcome, seen)) = get("file:///etc/hostname", &CancelToken::new()) else { return };
        assert!(outcome.is_err() && seen.heads.is_empty());
    }

    #[test]
    fn a_cancel_does_not_wait_for_the_server() {
        let (url, _server) = serve(&["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"], Duration::from_secs(5));
        let cancel = CancelToken::new();
        let begun = Instant::now();
        let watcher = thread::spawn({
            let cancel = cancel.clone();
            move || {
                thread::sleep(Duration::from_millis(100));
                cancel.cancel();
            }
        });
        let Some((outcome, _)) = get(&url, &cancel) else { return };
        watcher.join().unwrap();
        assert!(outcome.is_ok() && begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    }

    #[test]
    fn heads_without_end_are_refused() {
        let mut endless = BufReader::new(std::io::repeat(b'a').take(1 << 30));
        let message = read_heads(&mut endless).unwrap_err();
        assert_eq!(message, "the answer's headers have more than 262144 bytes");
        assert_eq!(read_heads(&mut &b""[..]).unwrap(), None);
        assert!(read_heads(&mut &b"SSH-2.0\r\n\r\n"[..]).is_err());
        let continued = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/2 200\r\nETag: x\r\n\r\nbody";
        assert_eq!(read_heads(&mut &continued[..]).unwrap().unwrap().status, 200);
    }
}
