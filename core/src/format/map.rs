//! A file as bytes, mapped instead of read.
//!
//! The system pages weights in when they are first touched and can drop them under memory pressure without writing them
//! anywhere, so a model costs address space rather than memory. `Bytes` counts who still uses the map: slices of it can be handed
//! out freely, and the file is unmapped when the last one goes.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use memmap2::Mmap;

use crate::{Error, Location, Result};

/// The file's bytes, read-only.
///
/// # Errors
/// `InvalidInput` where `path` is a folder, a pipe or a device; `ModelFile` where the file is empty; `Io` where the system
/// refuses.
pub fn map(path: &Path) -> Result<Bytes> {
    Ok(MappedFile::open(path)?.bytes)
}

/// A mapped file whose pages can be given back one by one.
#[derive(Debug)]
pub(super) struct MappedFile {
    /// All of it.
    pub(super) bytes: Bytes,
    /// When it was last written to, where the system tells.
    pub(super) modified: Option<SystemTime>,
    map: Arc<Mmap>,
}

/// The map as an owner of [`Bytes`].
struct Owner(Arc<Mmap>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl MappedFile {
    /// As [`map`].
    pub(super) fn open(path: &Path) -> Result<Self> {
        // Asked before opening: opening a pipe would wait for a writer that may never come.
        let kind = std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?;
        if !kind.is_file() {
            let found = if kind.is_dir() { "a folder" } else { "a pipe or device" };
            return Err(Error::invalid("path", format!("expected a file, {} is {found}", path.display())));
        }
        if kind.len() == 0 {
            return Err(Error::model_file("the file is empty: download it again", Location::default()).in_file(path));
        }
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        // SAFETY: the map is private to this process and read-only. Nothing here writes to model files in place: the store
        // downloads under another name and renames, which leaves an existing map on the old content. A foreign program that
        // shortens the file while it is mapped ends this process with a bus error; no reader of mapped files can prevent that.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| Error::io("map", path, e))?;
        let map = Arc::new(map);
        Ok(Self { bytes: Bytes::from_owner(Owner(map.clone())), modified: kind.modified().ok(), map })
    }

    /// Lets the system have the memory of these bytes; who reads them again gets them from the file. A hint: nothing changes but memory.
    pub(super) fn give_back(&self, range: Range<usize>) {
        #[cfg(unix)]
        if range.end <= self.map.len() && !range.is_empty() {
            // SAFETY: the pages of a read-only map of a file are read from the file again
            let given = unsafe {
                self.map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len())
            };
            if let Err(error) = given {
                tracing::debug!(%error, "mapped pages were not given back");
            }
        }
        #[cfg(not(unix))]
        let _ = (range, &self.map);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_bytes_after_the_file_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"abc").unwrap();
        let bytes = map(&path).unwrap();
        drop(folder);
        assert_eq!(&bytes.slice(1..)[..], b"bc");
    }

    #[test]
    fn what_was_given_back_can_be_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let content: Vec<u8> = (0..100_000u32).map(|i| i as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let file = MappedFile::open(&path).unwrap();
        let slice = file.bytes.slice(10_000..90_000);
        file.give_back(5_000..80_000);
        file.give_back(0..100_001);
        file.give_back(7..7);
        assert_eq!(&slice[..], &content[10_000..90_000]);
    }

    #[test]
    fn refuses_what_is_not_a_file_with_content() {
        let folder = tempfile::tempdir().unwrap();
        assert!(map(folder.path()).unwrap_err().to_string().contains("is a folder (path)"));
        let empty = folder.path().join("empty");
        std::fs::write(&empty, b"").unwrap();
        assert!(map(&empty).unwrap_err().to_string().starts_with("the file is empty: download it again ("));
        let absent = map(&folder.path().join("absent")).unwrap_err().to_string();
        assert!(absent.starts_with("can't read: "), "{absent}");
    }

    #[cfg(unix)]
    #[test]
    fn refuses_a_device_without_reading_it() {
        let error = map(Path::new("/dev/zero")).unwrap_err().to_string();
        assert_eq!(error, "expected a file, /dev/zero is a pipe or device (path)");
    }
}
