//! The models on this machine: where they are, what state they are in, and how they get there.
//!
//! A model of one file is `ROOT/FILE`, a model of several is the folder `ROOT/MODEL/`. `ROOT/.MODEL.lock` is held while
//! one call fetches, so that two apps, or two tests, share one download; `ROOT/.MODEL.fetch/` is that call's scratch
//! folder. States move like this:
//!
//! ```text
//! Unavailable            no source of a missing file can be used here
//! Downloadable ──fetch──▶ Downloading ──checksum agrees──▶ Available
//!      ▲                      │ cancelled, broken off: the part stays for the next fetch
//!      └──────────────────────┘
//! ```

use crate::cancel::POLL;
use crate::part::{self, PartFile};
use crate::{CancelToken, Catalogue, FileEntry, ModelEntry, ModelsError, OnProgress, Progress, Result, Source, Stage};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// One way to get the bytes of a source.
pub trait Fetch: Send + Sync {
    /// Whether this is the way for `source`.
    fn handles(&self, source: &Source) -> bool;

    /// Completes `part`. What is already in it may be kept only if the source goes on exactly there; length and checksum
    /// are checked afterwards by the store.
    ///
    /// # Errors
    /// [`ModelsError::Source`] if this source can't deliver; then the next one is tried. Any other error ends the call.
    fn fetch(&self, source: &Source, part: &mut PartFile, job: &mut Job<'_>) -> Result<()>;
}

/// What a running fetch may use.
pub struct Job<'a> {
    file: &'a str,
    scratch: &'a Path,
    cancel: &'a CancelToken,
    progress: &'a mut OnProgress<'a>,
}

impl<'a> Job<'a> {
    /// The call's cancel token.
    pub fn cancel(&self) -> &'a CancelToken {
        self.cancel
    }

    /// A folder for intermediate files, the same for all files of a model; gone when the call ends. It may not exist yet.
    pub fn scratch(&self) -> &'a Path {
        self.scratch
    }

    /// Tells the caller how far this file is.
    pub fn report(&mut self, stage: Stage, done: u64, total: u64) {
        (self.progress)(Progress { stage, file: self.file, done, total });
    }
}

/// What a caller grants to a fetch.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct FetchOptions {
    /// Somebody has read and accepted the model's terms. Without it a model that asks for that isn't fetched.
    pub accept_licence: bool,
}

impl FetchOptions {
    /// Sets [`accept_licence`](Self::accept_licence).
    pub fn accept_licence(mut self, accepted: bool) -> Self {
        self.accept_licence = accepted;
        self
    }
}

/// Whether a model can be used now, in ML Kit's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelState {
    /// It isn't here and can't be fetched on this machine.
    Unavailable,
    /// It isn't here, not completely, or in the wrong length; it can be fetched.
    Downloadable,
    /// It is being fetched, by this process or another.
    Downloading,
    /// It is here. Its checksum agreed when it was stored; [`Store::verify`] looks again.
    Available,
}

impl ModelState {
    /// The state as one lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Downloadable => "downloadable",
            Self::Downloading => "downloading",
            Self::Available => "available",
        }
    }
}

/// A folder of models, described by a catalogue.
pub struct Store {
    root: PathBuf,
    catalogue: Catalogue,
    fetchers: Vec<Box<dyn Fetch>>,
}

impl Store {
    /// The store in `root`, which may not exist yet. Of the fetchers, the first that handles a source serves it.
    pub fn new(root: impl Into<PathBuf>, catalogue: Catalogue, fetchers: Vec<Box<dyn Fetch>>) -> Self {
        Self { root: root.into(), catalogue, fetchers }
    }

    /// What there could be.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Every model and its state, in the catalogue's order.
    pub fn list(&self) -> impl Iterator<Item = (&ModelEntry, ModelState)> {
        self.catalogue.models().iter().map(|model| (model, self.state(model)))
    }

    /// What can be done with a model now. Looks at names and lengths only, so it costs no more than a few system calls.
    pub fn state(&self, model: &ModelEntry) -> ModelState {
        let missing = |file: &&FileEntry| !self.has(model, file);
        if model.files.iter().find(missing).is_none() {
            ModelState::Available
        } else if self.is_locked(model) {
            ModelState::Downloading
        } else if model.files.iter().filter(missing).all(|file| self.ways(file).next().is_some()) {
            ModelState::Downloadable
        } else {
            ModelState::Unavailable
        }
    }

    /// Where a stored model is: the file, or the folder of a model that has several.
    ///
    /// # Errors
    /// [`ModelsError::UnknownModel`]; [`ModelsError::NotStored`] if a file is missing or has the wrong length.
    pub fn path(&self, name: &str) -> Result<PathBuf> {
        let model = self.catalogue.get(name)?;
        let path = self.model_path(model);
        if model.files.iter().all(|file| self.has(model, file)) {
            return Ok(path);
        }
        Err(ModelsError::NotStored { name: name.to_owned(), path })
    }

    /// Checks the checksums of a stored model. Changes nothing.
    ///
    /// # Errors
    /// [`ModelsError::UnknownModel`], [`ModelsError::NotStored`], [`ModelsError::Damaged`], [`ModelsError::Cancelled`],
    /// [`ModelsError::Io`].
    pub fn verify(&self, name: &str, progress: &mut OnProgress<'_>, cancel: &CancelToken) -> Result<()> {
        let model = self.catalogue.get(name)?;
        if let Some(file) = model.files.iter().find(|file| !self.file_path(model, file).is_file()) {
            return Err(ModelsError::NotStored { name: name.to_owned(), path: self.file_path(model, file) });
        }
        model.files.iter().try_for_each(|file| self.verify_file(model, file, progress, cancel))
    }

    /// Makes a model available and returns its path. Files that are stored and intact stay; damaged ones are replaced. A
    /// second call for the same model waits for the first and uses its result.
    ///
    /// Blocks for as long as the download takes: call it off the main thread.
    ///
    /// # Errors
    /// [`ModelsError::UnknownModel`], [`ModelsError::LicenceNotAccepted`], [`ModelsError::Space`],
    /// [`ModelsError::AllSources`], [`ModelsError::Cancelled`], [`ModelsError::Io`].
    pub fn fetch(
        &self,
        name: &str,
        options: FetchOptions,
        progress: &mut OnProgress<'_>,
        cancel: &CancelToken,
    ) -> Result<PathBuf> {
        let model = self.catalogue.get(name)?;
        fs::create_dir_all(&self.root).map_err(ModelsError::io("create", &self.root))?;
        let _lock = self.lock(model, progress, cancel)?;
        let mut missing = Vec::new();
        for file in &model.files {
            let intact = self.has(model, file)
                && match self.verify_file(model, file, progress, cancel) {
                    Err(ModelsError::Damaged { .. }) => false,
                    other => other.map(|()| true)?,
                };
            if !intact {
                missing.push(file);
            }
        }
        if missing.is_empty() {
            return Ok(self.model_path(model));
        }
        if model.licence.accept && !options.accept_licence {
            return Err(ModelsError::LicenceNotAccepted {
                name: model.name.clone(),
                licence: model.licence.name.clone(),
                url: model.licence.url.clone(),
            });
        }
        let scratch = Scratch::new(self.scratch_path(model))?;
        ensure_space(&self.root, missing.iter().map(|file| file.bytes).fold(0, u64::saturating_add))?;
        for file in missing {
            self.fetch_file(model, file, &mut Job { file: &file.name, scratch: &scratch.0, cancel, progress })?;
        }
        Ok(self.model_path(model))
    }

    /// Deletes what is here of a model, and what broken-off fetches have left. What isn't here is none the less removed. Waits for a fetch
    /// that is running. A model that is open stays usable on systems that keep a file for as long as it is mapped (all but Windows),
    /// until its weights are given up and have to be read again.
    ///
    /// # Errors
    /// [`ModelsError::UnknownModel`], [`ModelsError::Cancelled`] while it waits, [`ModelsError::Io`].
    pub fn remove(&self, name: &str, cancel: &CancelToken) -> Result<()> {
        let model = self.catalogue.get(name)?;
        if !self.root.is_dir() {
            return Ok(());
        }
        let _lock = self.lock(model, &mut |_| (), cancel)?;
        for file in &model.files {
            let target = self.file_path(model, file);
            for path in part::leftovers(&target).iter().chain([&target]) {
                gone(fs::remove_file(path), path)?;
            }
        }
        if model.files.len() > 1 {
            let folder = self.model_path(model);
            match fs::remove_dir(&folder) {
                // the user's own files stay
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
                other => gone(other, &folder)?,
            }
        }
        drop(Scratch::new(self.scratch_path(model))?);
        // The lock's file stays: whoever waits for it must not end up with another one than the next caller.
        Ok(())
    }

    /// Gets one file from the first source that delivers it intact.
    fn fetch_file(&self, model: &ModelEntry, file: &FileEntry, job: &mut Job<'_>) -> Result<()> {
        let target = self.file_path(model, file);
        let mut failures = Vec::new();
        for (source, fetcher) in self.ways(file) {
            loop {
                let mut part = PartFile::open(&target, file)?;
                let resumed = !part.is_empty();
                match fetcher.fetch(source, &mut part, job).and_then(|()| part.finish()) {
                    Ok(()) => return Ok(()),
                    // What an earlier call had left may have been from another version: without it, once more.
                    Err(ModelsError::Damaged { .. }) if resumed => {}
                    Err(error) if error.is_about_the_source() => {
                        tracing::debug!(file = file.name, %error, "a source didn't deliver");
                        failures.push(error);
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Err(ModelsError::AllSources { file: file.name.clone(), failures })
    }

    /// The sources of a file that can be used here, each with its fetcher.
    fn ways<'a>(&'a self, file: &'a FileEntry) -> impl Iterator<Item = (&'a Source, &'a dyn Fetch)> {
        file.sources.iter().filter_map(|source| {
            let fetcher = self.fetchers.iter().find(|fetcher| fetcher.handles(source))?;
            Some((source, fetcher.as_ref()))
        })
    }

    fn verify_file(
        &self,
        model: &ModelEntry,
        file: &FileEntry,
        progress: &mut OnProgress<'_>,
        cancel: &CancelToken,
    ) -> Result<()> {
        part::verify(&self.file_path(model, file), file, &mut |done| {
            progress(Progress { stage: Stage::Verifying, file: &file.name, done, total: file.bytes });
            cancel.check()
        })
    }

    fn has(&self, model: &ModelEntry, file: &FileEntry) -> bool {
        fs::metadata(self.file_path(model, file)).is_ok_and(|found| found.is_file() && found.len() == file.bytes)
    }

    fn model_path(&self, model: &ModelEntry) -> PathBuf {
        match &model.files[..] {
            [only] => self.file_path(model, only),
            _ => self.root.join(&model.name),
        }
    }

    fn file_path(&self, model: &ModelEntry, file: &FileEntry) -> PathBuf {
        match model.files.len() {
            1 => self.root.join(&file.name),
            _ => self.root.join(&model.name).join(&file.name),
        }
    }

    fn lock_path(&self, model: &ModelEntry) -> PathBuf {
        self.root.join(format!(".{}.lock", model.name))
    }

    fn scratch_path(&self, model: &ModelEntry) -> PathBuf {
        self.root.join(format!(".{}.fetch", model.name))
    }

    fn is_locked(&self, model: &ModelEntry) -> bool {
        let Ok(file) = File::open(self.lock_path(model)) else { return false };
        matches!(fs4::FileExt::try_lock_shared(&file), Err(fs4::TryLockError::WouldBlock))
    }

    /// Waits until nobody else fetches this model. The lock ends with the file handle, even if the process is killed.
    fn lock(&self, model: &ModelEntry, progress: &mut OnProgress<'_>, cancel: &CancelToken) -> Result<File> {
        let path = self.lock_path(model);
        let file = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(ModelsError::io("open", &path))?;
        loop {
            match fs4::FileExt::try_lock(&file) {
                Ok(()) => return Ok(file),
                Err(fs4::TryLockError::WouldBlock) => {
                    progress(Progress { stage: Stage::Waiting, file: &model.name, done: 0, total: 0 });
                    cancel.pause(POLL)?;
                }
                Err(fs4::TryLockError::Error(error)) => return Err(ModelsError::io("lock", &path)(error)),
            }
        }
    }
}

/// What was there is deleted, or was not there.
fn gone(deleted: std::io::Result<()>, path: &Path) -> Result<()> {
    match deleted {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(ModelsError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Fails before anything is written if the disk is too full for it.
pub(crate) fn ensure_space(folder: &Path, needed: u64) -> Result<()> {
    let available = fs4::available_space(folder).map_err(ModelsError::io("measure", folder))?;
    if needed > available {
        return Err(ModelsError::Space { needed, available, path: folder.to_owned() });
    }
    Ok(())
}

/// A folder that goes away with the call, or at the beginning of the next one if the process was killed.
struct Scratch(PathBuf);

impl Scratch {
    fn new(path: PathBuf) -> Result<Self> {
        gone(fs::remove_dir_all(&path), &path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed now is removed by the next fetch.
        let _: std::io::Result<()> = fs::remove_dir_all(&self.0);
    }
}
