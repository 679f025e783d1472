//! A file on its way: `NAME.part` until its length and SHA-256 agree with the catalogue, then renamed in one step.
//!
//! A reader of the store therefore never sees half a file under its real name, whenever the process dies. The part is
//! hashed as it is written, and hashed again from the disk when a later call goes on with it. Beside it, `NAME.part.tag`
//! keeps the address and the validator (RFC 9110, section 8.8.3) that the bytes came with, so that going on can ask the
//! server for the rest of the same file only.

use crate::{FileEntry, ModelsError, Result};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes read or written at a time.
pub(crate) const CHUNK: usize = 64 * 1024;

/// What is added to a file's name while it is fetched, and to that of what tells its source.
const PART: &str = ".part";
const TAG: &str = ".part.tag";

/// A file that is being fetched.
#[derive(Debug)]
pub struct PartFile {
    target: PathBuf,
    path: PathBuf,
    tag_path: PathBuf,
    file: File,
    hasher: Sha256,
    length: u64,
    expected_bytes: u64,
    expected_sha256: String,
}

impl PartFile {
    /// Opens the part of `target`, with what an earlier call left in it.
    pub(crate) fn open(target: &Path, entry: &FileEntry) -> Result<Self> {
        let path = with_suffix(target, PART);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(ModelsError::io("create", folder))?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(ModelsError::io("open", &path))?;
        let mut hasher = Sha256::new();
        let mut length = 0;
        let mut chunk = vec![0; CHUNK];
        loop {
            match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => {
                    hasher.update(&chunk[..count]);
                    length += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(ModelsError::io("read", &path)(error)),
            }
        }
        let mut part = Self {
            target: target.to_owned(),
            tag_path: with_suffix(target, TAG),
            path,
            file,
            hasher,
            length,
            expected_bytes: entry.bytes,
            expected_sha256: entry.sha256.clone(),
        };
        if part.length > part.expected_bytes {
            part.restart()?;
        }
        Ok(part)
    }

    /// Bytes that are there.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing is there yet.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes that the whole file has.
    pub fn expected_bytes(&self) -> u64 {
        self.expected_bytes
    }

    /// Throws away what is there.
    ///
    /// # Errors
    /// [`ModelsError::Io`].
    pub fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(ModelsError::io("write", &self.path))?;
        self.file.seek(SeekFrom::Start(0)).map_err(ModelsError::io("write", &self.path))?;
        self.hasher = Sha256::new();
        self.length = 0;
        remove(&self.tag_path)
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`ModelsError::Damaged`] as soon as there are more than the file may have; [`ModelsError::Io`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() as u64 > self.expected_bytes - self.length {
            let what = format!("more than the {} bytes of the catalogue came in", self.expected_bytes);
            self.remove_all()?;
            return Err(ModelsError::Damaged { what, path: self.target.clone() });
        }
        self.file.write_all(bytes).map_err(ModelsError::io("write", &self.path))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// The validator that the bytes came with, if they came from this address.
    pub(crate) fn tag(&self, url: &str) -> Option<String> {
        let text = fs::read_to_string(&self.tag_path).ok()?;
        let (address, tag) = text.split_once('\n')?;
        (address == url && self.length > 0).then(|| tag.to_owned())
    }

    /// Remembers which version of `url` the following bytes are from; without a validator, forgets it.
    pub(crate) fn set_tag(&self, url: &str, tag: Option<&str>) -> Result<()> {
        match tag {
            Some(tag) => {
                fs::write(&self.tag_path, format!("{url}\n{tag}")).map_err(ModelsError::io("write", &self.tag_path))
            }
            None => remove(&self.tag_path),
        }
    }

    /// Gives the file its name, now that it is whole.
    ///
    /// # Errors
    /// [`ModelsError::Damaged`] if length or checksum are wrong; the part is then gone. [`ModelsError::Io`].
    pub(crate) fn finish(self) -> Result<()> {
        let found = hex(&self.hasher.clone().finalize());
        if self.length != self.expected_bytes || found != self.expected_sha256 {
            let what = mismatch(self.length, &found, self.expected_bytes, &self.expected_sha256);
            self.remove_all()?;
            return Err(ModelsError::Damaged { what, path: self.target });
        }
        self.file.sync_all().map_err(ModelsError::io("write", &self.path))?;
        fs::rename(&self.path, &self.target).map_err(ModelsError::io("rename", &self.path))?;
        remove(&self.tag_path)
    }

    fn remove_all(&self) -> Result<()> {
        remove(&self.path)?;
        remove(&self.tag_path)
    }
}

/// Checks a stored file against its entry, reporting bytes read.
///
/// # Errors
/// [`ModelsError::Damaged`] if length or checksum are wrong; [`ModelsError::Io`]; whatever `report` returns.
pub(crate) fn verify(path: &Path, entry: &FileEntry, report: &mut dyn FnMut(u64) -> Result<()>) -> Result<()> {
    let mut file = File::open(path).map_err(ModelsError::io("open", path))?;
    let mut hasher = Sha256::new();
    let mut length = 0;
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(ModelsError::io("read", path)(error)),
        };
        hasher.update(&chunk[..count]);
        length += count as u64;
        report(length)?;
    }
    let found = hex(&hasher.finalize());
    if length == entry.bytes && found == entry.sha256 {
        return Ok(());
    }
    Err(ModelsError::Damaged { what: mismatch(length, &found, entry.bytes, &entry.sha256), path: path.to_owned() })
}

/// Removes a file that may be missing.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(ModelsError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

fn mismatch(length: u64, found: &str, expected_bytes: u64, expected_sha256: &str) -> String {
    if length != expected_bytes {
        return format!("it has {length} bytes where the catalogue says {expected_bytes}");
    }
    format!("its sha256 is {found} where the catalogue says {expected_sha256}")
}

/// What broken-off fetches of `target` leave behind.
pub(crate) fn leftovers(target: &Path) -> [PathBuf; 2] {
    [PART, TAG].map(|suffix| with_suffix(target, suffix))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(content: &[u8]) -> FileEntry {
        FileEntry {
            name: "a.gguf".to_owned(),
            bytes: content.len() as u64,
            sha256: hex(&Sha256::digest(content)),
            sources: Vec::new(),
        }
    }

    #[test]
    fn a_file_takes_its_name_only_when_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("deep/a.gguf");
        let mut part = PartFile::open(&target, &entry(b"abcdef")).unwrap();
        part.write(b"abc").unwrap();
        assert!(!target.exists());
        drop(part);

        let mut part = PartFile::open(&target, &entry(b"abcdef")).unwrap();
        assert_eq!(part.len(), 3, "a second call goes on where the first stopped");
        part.write(b"def").unwrap();
        part.finish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"abcdef");
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1, "no part is left behind");
    }

    #[test]
    fn a_wrong_checksum_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.gguf");
        let mut part = PartFile::open(&target, &entry(b"abcdef")).unwrap();
        part.write(b"abcdeX").unwrap();
        let message = part.finish().unwrap_err().to_string();
        assert!(message.starts_with("its sha256 is "), "{message}");
        assert!(message.contains("fetch it again"), "{message}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_byte_too_many_is_refused_before_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = PartFile::open(&folder.path().join("a"), &entry(b"abc")).unwrap();
        let message = part.write(b"abcd").unwrap_err().to_string();
        assert!(message.starts_with("more than the 3 bytes of the catalogue came in"), "{message}");
    }

    #[test]
    fn a_part_longer_than_the_file_starts_over() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        fs::write(folder.path().join("a.part"), b"far too long").unwrap();
        assert!(PartFile::open(&target, &entry(b"abc")).unwrap().is_empty());
    }

    #[test]
    fn a_tag_belongs_to_its_address_and_to_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = PartFile::open(&folder.path().join("a"), &entry(b"abc")).unwrap();
        part.set_tag("https://one", Some("\"v1\"")).unwrap();
        assert_eq!(part.tag("https://one"), None, "nothing to go on with yet");
        part.write(b"a").unwrap();
        assert_eq!(part.tag("https://one").as_deref(), Some("\"v1\""));
        assert_eq!(part.tag("https://two"), None);
        part.restart().unwrap();
        part.write(b"a").unwrap();
        assert_eq!(part.tag("https://one"), None);
    }

    #[test]
    fn verify_tells_length_from_checksum() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let check = |content: &[u8]| {
            fs::write(&path, content).unwrap();
            verify(&path, &entry(b"abc"), &mut |_| Ok(()))
        };
        assert!(check(b"abc").is_ok());
        assert!(check(b"ab").unwrap_err().to_string().starts_with("it has 2 bytes where the catalogue says 3"));
        assert!(check(b"abd").unwrap_err().to_string().starts_with("its sha256 is "));
    }
}
