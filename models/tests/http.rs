//! Downloads from servers that misbehave: whatever they do, the store ends with the right file or with none.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use minnow_models::{CancelToken, FetchOptions, ModelState, ModelsError, Stage};
use std::fs;
use std::sync::mpsc::channel;
use std::thread;
use support::{Asked, Server, catalogue, content, fetch, send, send_rest};

const TAG: &str = "\"v1\"";

fn names_in(folder: &tempfile::TempDir) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_download_is_verified_and_named() {
    let file = content(100_000);
    let served = file.clone();
    let server = Server::start(move |_, asked, stream| send_rest(stream, asked, &served, TAG));
    let (folder, store) = server.store(&file);
    let model = store.catalogue().get("m").unwrap().clone();
    assert_eq!(store.state(&model), ModelState::Downloadable);
    assert!(matches!(store.path("m"), Err(ModelsError::NotStored { .. })));

    let mut reports = Vec::new();
    let mut watch = |progress: minnow_models::Progress<'_>| reports.push((progress.stage, progress.done));
    let path = store.fetch("m", FetchOptions::default(), &mut watch, &CancelToken::new()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), file);
    assert_eq!(store.path("m").unwrap(), path);
    assert_eq!(store.state(&model), ModelState::Available);
    assert_eq!(reports.last(), Some(&(Stage::Downloading, 100_000)));
    assert!(reports.is_sorted_by_key(|(_, done)| *done), "progress never runs backwards");

    assert_eq!(fetch(&store).unwrap(), path, "a stored file isn't fetched again");
    assert_eq!(server.asked().len(), 1);
    assert_eq!(names_in(&folder), ["m.gguf"]);
}

#[test]
fn a_cut_connection_goes_on_where_it_stopped() {
    let file = content(100_000);
    let served = file.clone();
    let server = Server::start(move |number, asked, stream| match number {
        0 => send(stream, "200 OK", &format!("ETag: {TAG}\r\nContent-Length: 100000\r\n"), &served[..40_000]),
        _ => send_rest(stream, asked, &served, TAG),
    });
    let (_folder, store) = server.store(&file);
    assert_eq!(fs::read(fetch(&store).unwrap()).unwrap(), file);
    let resumed = Asked { offset: 40_000, if_range: Some(TAG.to_owned()) };
    assert_eq!(server.asked(), [Asked { offset: 0, if_range: None }, resumed]);
}

#[test]
fn a_server_that_ignores_range_does_not_get_its_bytes_appended() {
    let file = content(50_000);
    let served = file.clone();
    let server = Server::start(move |number, _, stream| {
        let body = if number == 0 { &served[..20_000] } else { &served[..] };
        send(stream, "200 OK", "Content-Length: 50000\r\n", body);
    });
    let (_folder, store) = server.store(&file);
    assert_eq!(fs::read(fetch(&store).unwrap()).unwrap(), file);
    assert_eq!(server.asked()[1].offset, 20_000, "the rest was asked for, the whole file came");
}

#[test]
fn a_file_that_changed_on_the_server_starts_over() {
    let (old, file) = (vec![7; 50_000], content(50_000));
    let served = file.clone();
    let server = Server::start(move |number, asked, stream| match number {
        0 => send(stream, "200 OK", "ETag: \"old\"\r\nContent-Length: 50000\r\n", &old[..20_000]),
        _ => send_rest(stream, asked, &served, TAG),
    });
    let (_folder, store) = server.store(&file);
    assert_eq!(fs::read(fetch(&store).unwrap()).unwrap(), file);
    assert_eq!(server.asked()[1].if_range.as_deref(), Some("\"old\""));
}

#[test]
fn a_changed_file_in_spite_of_if_range_starts_over() {
    let (old, file) = (vec![7; 50_000], content(50_000));
    let served = file.clone();
    let server = Server::start(move |number, asked, stream| match number {
        0 => send(stream, "200 OK", "ETag: \"old\"\r\nContent-Length: 50000\r\n", &old[..20_000]),
        _ => send_rest(stream, &Asked { if_range: None, ..asked.clone() }, &served, TAG),
    });
    let (_folder, store) = server.store(&file);
    assert_eq!(fs::read(fetch(&store).unwrap()).unwrap(), file);
    let offsets: Vec<_> = server.asked().iter().map(|asked| asked.offset).collect();
    assert_eq!(offsets, [0, 20_000, 0]);
}

#[test]
fn without_validators_the_checksum_finds_a_changed_file() {
    let (old, file) = (vec![7; 50_000], content(50_000));
    let served = file.clone();
    let server = Server::start(move |_, asked, stream| {
        let range = format!("Content-Range: bytes {}-49999/50000\r\n", asked.offset);
        match asked.offset {
            0 => send(stream, "200 OK", "Content-Length: 50000\r\n", &served),
            offset => send(stream, "206 Partial Content", &range, &served[offset..]),
        }
    });
    let (folder, store) = server.store(&file);
    fs::write(folder.path().join("m.gguf.part"), &old[..20_000]).unwrap();
    assert_eq!(fs::read(fetch(&store).unwrap()).unwrap(), file);
    assert_eq!(server.asked().len(), 2, "once with the old part, once from the start");
}

#[test]
fn a_wrong_range_is_not_believed() {
    let file = content(50_000);
    let served = file.clone();
    let server = Server::start(move |number, asked, stream| match number {
        0 => send(stream, "200 OK", "Content-Length: 50000\r\n", &served[..20_000]),
        1 => send(stream, "206 Partial Content", "Content-Range: bytes 10-49999/50000\r\n", &served[10..]),
        2 => send(stream, "206 Partial Content", "", &served),
        _ => send_rest(stream, asked, &served, TAG),
    });
    let (_folder, store) = server.store(&file);
    assert_eq!(fs::read(fetch(&store).unwrap()).unwrap(), file);
}

#[test]
fn a_full_part_of_a_refused_range_starts_over() {
    let file = content(50_000);
    let served = file.clone();
    let server = Server::start(move |_, asked, stream| match asked.offset {
        0 => send_rest(stream, asked, &served, TAG),
        _ => send(stream, "416 Range Not Satisfiable", "Content-Range: bytes */50000\r\n", b""),
    });
    let (folder, store) = server.store(&file);
    fs::write(folder.path().join("m.gguf.part"), &file[..100]).unwrap();
    assert_eq!(fs::read(fetch(&store).unwrap()).unwrap(), file);
}

#[test]
fn a_wrong_checksum_leaves_nothing_and_says_so() {
    let file = content(50_000);
    let server = Server::start(|_, _, stream| send(stream, "200 OK", "Content-Length: 50000\r\n", &[7; 50_000]));
    let (folder, store) = server.store(&file);
    let message = fetch(&store).unwrap_err().to_string();
    assert!(message.starts_with("m.gguf can't be fetched: its sha256 is "), "{message}");
    assert_eq!(names_in(&folder), Vec::<String>::new());
    assert_eq!(server.asked().len(), 1, "a fresh download that is wrong isn't repeated");
}

#[test]
fn another_length_is_refused_before_the_body() {
    let file = content(50_000);
    let server = Server::start(|_, _, stream| send(stream, "200 OK", "Content-Length: 60000\r\n", &[7; 60_000]));
    let (_folder, store) = server.store(&file);
    let message = fetch(&store).unwrap_err().to_string();
    assert!(
        message.contains("the server has 60000 bytes where the catalogue says 50000 (http://127.0.0.1"),
        "{message}"
    );
}

#[test]
fn a_server_that_sends_without_end_is_cut_off() {
    let file = content(50_000);
    let server = Server::start(|_, _, stream| send(stream, "200 OK", "", &vec![7; 5_000_000]));
    let (folder, store) = server.store(&file);
    let message = fetch(&store).unwrap_err().to_string();
    assert!(message.contains("more than the 50000 bytes of the catalogue came in"), "{message}");
    assert_eq!(names_in(&folder), Vec::<String>::new());
}

#[test]
fn temporary_failures_are_tried_again_and_final_ones_are_not() {
    let file = content(5_000);
    let served = file.clone();
    let server = Server::start(move |number, asked, stream| match number {
        0 => send(stream, "503 Service Unavailable", "", b"busy"),
        1 => drop(stream.shutdown(std::net::Shutdown::Both)),
        _ => send_rest(stream, asked, &served, TAG),
    });
    let (_folder, store) = server.store(&file);
    assert_eq!(fs::read(fetch(&store).unwrap()).unwrap(), file);

    let server = Server::start(|_, _, stream| send(stream, "404 Not Found", "", b"no such file"));
    let (_folder, store) = server.store(&file);
    let message = fetch(&store).unwrap_err().to_string();
    assert!(message.contains("the server answered 404"), "{message}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_server_that_never_delivers_is_given_up_but_its_bytes_are_kept() {
    let file = content(50_000);
    let served = file.clone();
    let server = Server::start(move |number, _, stream| match number {
        0 => send(stream, "200 OK", &format!("ETag: {TAG}\r\n"), &served[..10_000]),
        _ => send(stream, "500 Internal Server Error", "", b""),
    });
    let (folder, store) = server.store(&file);
    let message = fetch(&store).unwrap_err().to_string();
    assert!(message.contains("the server answered 500"), "{message}");
    assert_eq!(server.asked().len(), 4, "one that brought bytes, three that did not");
    assert_eq!(fs::metadata(folder.path().join("m.gguf.part")).unwrap().len(), 10_000);
}

#[test]
fn the_next_source_is_tried() {
    let file = content(5_000);
    let served = file.clone();
    let bad = Server::start(|_, _, stream| send(stream, "404 Not Found", "", b""));
    let good = Server::start(move |_, asked, stream| send_rest(stream, asked, &served, TAG));
    let sources = [&bad, &good].map(|server| format!("[[model.file.source]]\nurl = \"{}\"\n", server.url()));
    let folder = tempfile::tempdir().unwrap();
    let http = minnow_models::HttpFetch::new(support::PlainHttp);
    let catalogue = catalogue("m.gguf", &file, &sources.concat(), false);
    let store = minnow_models::Store::new(folder.path(), catalogue, vec![Box::new(http)]);
    assert_eq!(fs::read(fetch(&store).unwrap()).unwrap(), file);
    assert_eq!((bad.asked().len(), good.asked().len()), (1, 1));
}

#[test]
fn a_cancelled_download_keeps_its_part_and_goes_on_later() {
    let file = content(50_000);
    let served = file.clone();
    let server = Server::start(move |_, asked, stream| send_rest(stream, asked, &served, TAG));
    let (_folder, store) = server.store(&file);
    let cancel = CancelToken::new();
    let mut stop = |progress: minnow_models::Progress<'_>| {
        if progress.done >= 20_000 {
            cancel.cancel();
        }
    };
    let error = store.fetch("m", FetchOptions::default(), &mut stop, &cancel).unwrap_err();
    assert!(matches!(error, ModelsError::Cancelled), "{error}");
    assert_eq!(fs::read(fetch(&store).unwrap()).unwrap(), file);
    let later = server.asked().pop().unwrap();
    assert!((20_000..50_000).contains(&later.offset), "{later:?}");
    assert_eq!(later.if_range.as_deref(), Some(TAG));
}

#[test]
fn two_fetches_share_one_download() {
    let file = content(50_000);
    let served = file.clone();
    let (started, wait_for_start) = channel();
    let (go_on, wait_for_go) = channel::<()>();
    let server = Server::start(move |_, asked, stream| {
        started.send(()).unwrap();
        wait_for_go.recv().unwrap();
        send_rest(stream, asked, &served, TAG);
    });
    let (folder, first) = server.store(&file);
    let second = server.store_in(folder.path().to_owned(), &file);
    thread::scope(|scope| {
        let winner = scope.spawn(|| fetch(&first));
        wait_for_start.recv().unwrap();
        assert_eq!(second.state(second.catalogue().get("m").unwrap()), ModelState::Downloading);
        let (waiting, wait_for_waiting) = channel();
        let loser = scope.spawn(|| {
            let mut watch = move |progress: minnow_models::Progress<'_>| {
                if progress.stage == Stage::Waiting {
                    waiting.send(()).unwrap_or_default();
                }
            };
            second.fetch("m", FetchOptions::default(), &mut watch, &CancelToken::new())
        });
        wait_for_waiting.recv().unwrap();
        go_on.send(()).unwrap();
        assert_eq!(winner.join().unwrap().unwrap(), loser.join().unwrap().unwrap());
    });
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_damaged_file_is_found_and_replaced() {
    let file = content(50_000);
    let served = file.clone();
    let server = Server::start(move |_, asked, stream| send_rest(stream, asked, &served, TAG));
    let (_folder, store) = server.store(&file);
    let path = fetch(&store).unwrap();
    let verify = || store.verify("m", &mut |_| {}, &CancelToken::new());
    assert!(verify().is_ok());

    let mut damaged = file.clone();
    damaged[25_000] ^= 1;
    fs::write(&path, damaged).unwrap();
    let message = verify().unwrap_err().to_string();
    assert!(message.starts_with("its sha256 is ") && message.contains("fetch it again ("), "{message}");
    assert_eq!(fs::read(fetch(&store).unwrap()).unwrap(), file);

    fs::write(&path, b"short").unwrap();
    let message = verify().unwrap_err().to_string();
    assert!(message.starts_with("it has 5 bytes where the catalogue says 50000, fetch it again ("), "{message}");
    fs::remove_file(&path).unwrap();
    assert!(matches!(verify(), Err(ModelsError::NotStored { .. })));
}

#[test]
fn a_removed_model_leaves_nothing_and_comes_again() {
    let file = content(50_000);
    let served = file.clone();
    let server = Server::start(move |_, asked, stream| send_rest(stream, asked, &served, TAG));
    let (folder, store) = server.store(&file);
    let remove = || store.remove("m", &CancelToken::new());
    remove().unwrap();
    let path = fetch(&store).unwrap();
    let left = path.with_extension(format!("{}.part", path.extension().unwrap_or_default().to_string_lossy()));
    fs::write(&left, b"from a broken-off fetch").unwrap();
    remove().unwrap();
    remove().unwrap();
    assert!(matches!(store.path("m"), Err(ModelsError::NotStored { .. })));
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| !name.ends_with(".lock")).count(), 0);
    assert_eq!(fs::read(fetch(&store).unwrap()).unwrap(), file);
    assert!(matches!(store.remove("other", &CancelToken::new()), Err(ModelsError::UnknownModel { .. })));
}

#[test]
fn terms_must_be_accepted_before_anything_is_fetched() {
    let file = content(5_000);
    let served = file.clone();
    let server = Server::start(move |_, asked, stream| send_rest(stream, asked, &served, TAG));
    let source = format!("[[model.file.source]]\nurl = \"{}\"\n", server.url());
    let folder = tempfile::tempdir().unwrap();
    let http = minnow_models::HttpFetch::new(support::PlainHttp);
    let catalogue = catalogue("m.gguf", &file, &source, true);
    let store = minnow_models::Store::new(folder.path(), catalogue, vec![Box::new(http)]);
    let message = fetch(&store).unwrap_err().to_string();
    assert_eq!(message, "m comes under the Test Terms: read and accept them first (https://example.org/terms)");
    assert!(server.asked().is_empty());

    let accepted = FetchOptions::default().accept_licence(true);
    store.fetch("m", accepted, &mut |_| {}, &CancelToken::new()).unwrap();
    assert!(fetch(&store).is_ok(), "what is stored was accepted before");
}

#[test]
fn a_model_larger_than_the_disk_is_refused_at_once() {
    let server = Server::start(|_, _, _| {});
    let huge = format!(
        "[[model]]\nname = \"m\"\narchitecture = \"llama\"\nquantisation = \"Q4_0\"\n\
         licence = {{ name = \"Apache-2.0\", url = \"https://example.org\" }}\n\
         [[model.file]]\nname = \"m.gguf\"\nbytes = {}\nsha256 = \"{}\"\n[[model.file.source]]\nurl = \"{}\"\n",
        1_u64 << 50,
        "0".repeat(64),
        server.url()
    );
    let folder = tempfile::tempdir().unwrap();
    let http = minnow_models::HttpFetch::new(support::PlainHttp);
    let catalogue = minnow_models::Catalogue::parse(&huge).unwrap();
    let store = minnow_models::Store::new(folder.path(), catalogue, vec![Box::new(http)]);
    let message = fetch(&store).unwrap_err().to_string();
    assert!(message.starts_with("1125899906842624 bytes are needed, "), "{message}");
    assert!(server.asked().is_empty());
}

#[test]
fn a_model_without_a_usable_source_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let source = "[[model.file.source]]\nurl = \"http://127.0.0.1/m.gguf\"\n";
    let store = minnow_models::Store::new(folder.path(), catalogue("m.gguf", b"abc", source, false), Vec::new());
    assert_eq!(store.state(&store.catalogue().models()[0]), ModelState::Unavailable);
    let message = fetch(&store).unwrap_err().to_string();
    assert_eq!(message, "m.gguf can't be fetched: none of its sources can be used on this machine");
}
