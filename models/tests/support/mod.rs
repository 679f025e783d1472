//! A small HTTP server and client on the loopback interface, and a store between them.
//!
//! The server answers each connection with whatever the test's function writes, so that it can misbehave in ways that no
//! real server library allows. The client is the least that fulfils `Transport`.

use minnow_models::{
    CancelToken, Catalogue, FetchOptions, HttpFetch, ModelsError, Request, ResponseHead, ResponseSink, Store, Transport,
};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What the client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Where the client wants to go on; 0 without a Range header.
    pub offset: usize,
    /// The If-Range header.
    pub if_range: Option<String>,
}

/// A server that lives as long as this value.
pub struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves one connection after the other; `answer` gets the request's number from 0, the request and the connection.
    pub fn start(mut answer: impl FnMut(usize, &Asked, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (log, stopped) = (asked.clone(), stop.clone());
        let thread = thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.unwrap();
                let request = read_request(&stream);
                log.lock().unwrap().push(request.clone());
                answer(number, &request, &mut stream);
            }
        });
        Self { address, asked, stop, thread: Some(thread) }
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The address of its file.
    pub fn url(&self) -> String {
        format!("http://{}/m.gguf", self.address)
    }

    /// A store whose only model `m` is one file `m.gguf` on this server, and its folder.
    pub fn store(&self, content: &[u8]) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = self.store_in(folder.path().to_owned(), content);
        (folder, store)
    }

    /// The same in a folder of the caller's.
    pub fn store_in(&self, folder: PathBuf, content: &[u8]) -> Store {
        let source = format!("[[model.file.source]]\nurl = \"{}\"\n", self.url());
        let http = HttpFetch::new(PlainHttp).first_pause(Duration::from_millis(1));
        Store::new(folder, catalogue("m.gguf", content, &source, false), vec![Box::new(http)])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !thread::panicking() {
                ended.unwrap();
            }
        }
    }
}

/// A catalogue of one model `m` with one file.
pub fn catalogue(file: &str, content: &[u8], sources: &str, accept: bool) -> Catalogue {
    let digest = Sha256::digest(content).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    let text = format!(
        "[[model]]\nname = \"m\"\narchitecture = \"llama\"\nquantisation = \"Q4_0\"\n\
         licence = {{ name = \"Test Terms\", url = \"https://example.org/terms\", accept = {accept} }}\n\
         [[model.file]]\nname = \"{file}\"\nbytes = {}\nsha256 = \"{digest}\"\n{sources}",
        content.len()
    );
    Catalogue::parse(&text).unwrap()
}

/// Bytes without a pattern, the same every time.
pub fn content(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Fetches `m` without accepting terms, watching or cancelling.
pub fn fetch(store: &Store) -> Result<PathBuf, ModelsError> {
    store.fetch("m", FetchOptions::default(), &mut |_| {}, &CancelToken::new())
}

/// Writes an answer with these extra header lines (each with its line end). Ignores a client that has gone away.
pub fn send(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n");
    let _: std::io::Result<()> = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// What a good server sends for `asked`.
pub fn send_rest(stream: &mut TcpStream, asked: &Asked, content: &[u8], tag: &str) {
    let length = content.len();
    let rest = &content[asked.offset..];
    if asked.offset == 0 || asked.if_range.as_deref().is_some_and(|wanted| wanted != tag) {
        return send(stream, "200 OK", &format!("ETag: {tag}\r\nContent-Length: {length}\r\n"), content);
    }
    let range = format!("Content-Range: bytes {}-{}/{length}\r\n", asked.offset, length - 1);
    send(stream, "206 Partial Content", &format!("{range}ETag: {tag}\r\nContent-Length: {}\r\n", rest.len()), rest);
}

fn read_request(stream: &TcpStream) -> Asked {
    let mut asked = Asked { offset: 0, if_range: None };
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        match line.split_once(": ") {
            Some(("Range", range)) => {
                asked.offset = range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap();
            }
            Some(("If-Range", tag)) => asked.if_range = Some(tag.to_owned()),
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    asked
}

/// HTTP without TLS, redirects or chunks.
pub struct PlainHttp;

impl Transport for PlainHttp {
    fn get(&self, request: &Request, response: &mut dyn ResponseSink, _cancel: &CancelToken) -> Result<(), String> {
        talk(request, response).map_err(|error| error.to_string())
    }
}

fn talk(request: &Request, response: &mut dyn ResponseSink) -> std::io::Result<()> {
    let rest = request.url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let headers: String = request.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    stream.write_all(format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n").as_bytes())?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let Some(status) = line.split(' ').nth(1) else {
        return Err(std::io::Error::other("the server said nothing"));
    };
    let mut head = ResponseHead { status: status.parse().unwrap(), headers: Vec::new() };
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => head.headers.push((name.to_owned(), value.to_owned())),
            None => break,
        }
    }
    if response.head(&head).is_break() {
        return Ok(());
    }
    let mut chunk = [0; 1000];
    loop {
        let count = stream.read(&mut chunk)?;
        if count == 0 || response.body(&chunk[..count]).is_break() {
            return Ok(());
        }
    }
}
