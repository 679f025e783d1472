//! A file as bytes, mapped instead of read.
//!
//! The system pages weights in when they are first touched and can drop them under memory pressure without writing them
//! anywhere, so a model costs address space rather than memory. `Bytes` counts who still uses the map: slices of it can be handed
//! out freely, and the file is unmapped when the last one goes.

use std::fs::File;
use std::path::Path;

use bytes::Bytes;
use memmap2::Mmap;

use crate::{Error, Location, Result};

/// The file's bytes, read-only.
///
/// # Errors
/// `InvalidInput` where `path` is a folder, a pipe or a device; `ModelFile` where the file is empty; `Io` where the system
/// refuses.
pub fn map(path: &Path) -> Result<Bytes> {
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
    Ok(Bytes::from_owner(map))
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
