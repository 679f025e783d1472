//! Prefix snapshots: what a model knows after a prompt that an app fixed, kept in a folder, so that the next conversation that begins with it
//! begins at once.
//!
//! A file holds the prompt's ids, the logits after them, and the keys and values. Its name is a hash of all that these depend on: the
//! model, the way it computes, the ids. A second hash finds damage. The folder is a cache: whatever is wrong with it costs time and
//! nothing else, and the system may empty it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::format;

/// Changes with anything in these files that isn't written in them.
const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"minnowps";
const EXTENSION: &str = "prompt";
/// Most bytes of all snapshots of a folder: the ones used longest ago go first.
const MAX_BYTES: u64 = 128 << 20;

/// A folder with snapshots of one model's prompts, among others.
#[derive(Debug)]
pub(super) struct SnapshotFolder {
    path: PathBuf,
    /// The model and the way it computes.
    model: u128,
}

/// What a model knows after a prompt.
pub(super) struct Snapshot {
    /// After the last token.
    pub(super) logits: Vec<f32>,
    /// As [`KvCache::contents`](crate::model::KvCache::contents) gives them.
    pub(super) contents: Bytes,
}

/// The first bytes of a file.
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    version: u32,
    tokens: u32,
    logits: u32,
    padding: u32,
    /// Of both counts and all that follows.
    checksum: u64,
}

impl SnapshotFolder {
    /// `model`: what keys and values depend on besides the ids.
    pub(super) fn new(path: PathBuf, model: &[u8]) -> Self {
        Self { path, model: xxh3_128(model) }
    }

    /// The snapshot of a prompt, if there is one.
    pub(super) fn find(&self, ids: &[u32]) -> Option<Snapshot> {
        let path = self.file(ids);
        if !path.is_file() {
            return None;
        }
        let found = format::map(&path).ok().and_then(|bytes| Snapshot::parse(bytes, ids));
        match &found {
            // marks it as used
            Some(_) => {
                let marked = File::options().append(true).open(&path);
                let marked = marked.and_then(|file| file.set_modified(SystemTime::now()));
                report(&path, "mark", marked);
            }
            None => report(&path, "use", Err(io::ErrorKind::InvalidData.into())),
        }
        found
    }

    /// Keeps what a model knows after a prompt.
    pub(super) fn keep(&self, ids: &[u32], logits: &[f32], contents: &[u8]) {
        let path = self.file(ids);
        let bytes = size_of::<Header>() + size_of_val(ids) + size_of_val(logits) + contents.len();
        if bytes as u64 > MAX_BYTES / 2 {
            tracing::debug!(bytes, "a prompt is too long to be kept");
            return;
        }
        let kept = fs::create_dir_all(&self.path)
            .and_then(|()| write(&path, ids, logits, contents))
            .and_then(|()| self.tidy());
        report(&path, "keep", kept);
    }

    fn file(&self, ids: &[u32]) -> PathBuf {
        let mut hash = Xxh3::new();
        hash.update(&VERSION.to_le_bytes());
        hash.update(&self.model.to_le_bytes());
        hash.update(bytemuck::cast_slice(ids));
        self.path.join(format!("{:032x}.{EXTENSION}", hash.digest128()))
    }

    /// Removes what was used longest ago, down to [`MAX_BYTES`].
    fn tidy(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if Path::new(&entry.file_name()).extension().is_some_and(|extension| extension == EXTENSION) {
                let about = entry.metadata()?;
                files.push((about.modified()?, about.len(), entry.path()));
            }
        }
        files.sort_by_key(|(used, ..)| std::cmp::Reverse(*used));
        let mut total = 0;
        for (_, bytes, path) in files {
            total += bytes;
            if total > MAX_BYTES {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

impl Snapshot {
    /// `None` for anything but a whole snapshot of these ids.
    fn parse(bytes: Bytes, ids: &[u32]) -> Option<Self> {
        let (header, rest) = bytes.split_at_checked(size_of::<Header>())?;
        let header: Header = bytemuck::pod_read_unaligned(header);
        let known = header.magic == MAGIC && header.version == VERSION && header.tokens as usize == ids.len();
        if !known || checksum(header.tokens, header.logits, &[rest]) != header.checksum {
            return None;
        }
        let rest = rest.strip_prefix(bytemuck::cast_slice::<u32, u8>(ids))?;
        let (logits, contents) = rest.split_at_checked(header.logits as usize * size_of::<f32>())?;
        let contents = bytes.slice_ref(contents);
        Some(Self { logits: bytemuck::pod_collect_to_vec(logits), contents })
    }
}

fn checksum(tokens: u32, logits: u32, parts: &[&[u8]]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(bytemuck::bytes_of(&[tokens, logits]));
    parts.iter().for_each(|part| hash.update(part));
    hash.digest()
}

/// Writes a snapshot under another name first: nobody finds half of it.
fn write(path: &Path, ids: &[u32], logits: &[f32], contents: &[u8]) -> io::Result<()> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let parts: [&[u8]; 3] = [bytemuck::cast_slice(ids), bytemuck::cast_slice(logits), contents];
    let [tokens, logits] = [ids.len() as u32, logits.len() as u32];
    let checksum = checksum(tokens, logits, &parts);
    let header = Header { magic: MAGIC, version: VERSION, tokens, logits, padding: 0, checksum };
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    // keeps its extension, so that one left behind by a crash is counted and removed with the others
    let partial = path.with_file_name(format!("partial-{}-{number}.{EXTENSION}", std::process::id()));
    let written = File::create(&partial).and_then(|mut file| {
        file.write_all(bytemuck::bytes_of(&header))?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        drop(file);
        fs::rename(&partial, path)
    });
    if written.is_err() {
        // what was written of it is in nobody's way, but takes room
        let _ = fs::remove_file(&partial);
    }
    written
}

/// A cache that doesn't work costs time: that is for the log, and no error.
fn report(path: &Path, action: &str, result: io::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, path = %path.display(), "couldn't {action} a prompt's snapshot");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [u32; 3] = [1, 2, 3];

    fn kept() -> (tempfile::TempDir, SnapshotFolder, PathBuf) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = SnapshotFolder::new(temporary.path().join("new/folder"), b"a model");
        folder.keep(&IDS, &[0.5, -1.0], &[7; 100]);
        let path = folder.file(&IDS);
        (temporary, folder, path)
    }

    #[test]
    fn what_was_kept_is_found_again() {
        let (_temporary, folder, path) = kept();
        let found = folder.find(&IDS).unwrap();
        assert_eq!((found.logits.as_slice(), &found.contents[..]), ([0.5, -1.0].as_slice(), [7; 100].as_slice()));
        assert!(folder.find(&IDS[..2]).is_none());
        assert!(SnapshotFolder::new(folder.path.clone(), b"another model").find(&IDS).is_none());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left there");
    }

    #[test]
    fn a_damaged_file_is_not_used() {
        let (_temporary, folder, path) = kept();
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            fs::write(&path, &damaged).unwrap();
            // nothing depends on the padding
            assert_eq!(folder.find(&IDS).is_some(), (20..24).contains(&place), "byte {place}");
        }
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(folder.find(&IDS).is_none(), "{length} bytes");
        }
        folder.keep(&IDS, &[0.5, -1.0], &[7; 100]);
        assert!(folder.find(&IDS).is_some(), "written anew");
    }

    #[test]
    fn those_used_longest_ago_make_room() {
        let (_temporary, folder, path) = kept();
        for number in 0..4 {
            File::options()
                .write(true)
                .create(true)
                .truncate(false)
                .open(path.with_file_name(format!("{number}.{EXTENSION}")))
                .and_then(|file| {
                    file.set_len(MAX_BYTES / 4)?;
                    file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number))
                })
                .unwrap();
        }
        fs::write(path.with_file_name("of.others"), b"stays").unwrap();
        folder.keep(&[4], &[], &[1]);
        let mut left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.retain(|name| name.len() < 20);
        left.sort();
        assert_eq!(left, ["1.prompt", "2.prompt", "3.prompt", "of.others"]);
        assert!(folder.find(&IDS).is_some() && folder.find(&[4]).is_some());
    }

    #[test]
    fn a_folder_that_can_not_be_is_no_error() {
        let (_temporary, _, path) = kept();
        let folder = SnapshotFolder::new(path.join("below a file"), b"a model");
        folder.keep(&IDS, &[], &[1]);
        assert!(folder.find(&IDS).is_none());
    }
}
