//! An opened model: weights on a device, its tokenizer and template, and the threads that run it.
//!
//! One engine serves many sessions. Steps of different sessions take turns in the order they asked; a step is one token or one
//! chunk of a prompt, so that nobody waits longer than that to be cancelled.

use std::path::{Path, PathBuf};
#[cfg(feature = "gpu")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use burn::tensor::DType;

use super::constraint::ConstraintVocabulary;
use super::placement::{Placed, Replays, cache_dtype, place};
use super::session::{Session, SessionOptions};
use super::snapshot::{Snapshot, SnapshotFolder};
use crate::format::ModelFile;
use crate::model::{self, CachePrecision, Decoder, KvCache, ModelConfig};
use crate::runtime::{CancelToken, Held, MemoryPressure, Pause, Turns, guarded, thread_pool};
use crate::tensor::{ComputeDevice, DeviceKind, DevicePreference, DeviceReport, rows, to_host};
use crate::text::{ChatTemplate, Tokenizer};
use crate::{Error, Location, Result};

/// How a model is opened.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EngineOptions {
    /// Which processor to use.
    pub device: DevicePreference,
    /// CPU threads; `None`: one for each core the process may use.
    pub threads: Option<usize>,
    /// How keys and values are stored.
    pub cache_precision: CachePrecision,
    /// A folder of the app's own, where the engine keeps what takes time to make: the state after prompts that are the same in every conversation
    /// ([`Session::feed_prefix`]). At most 128 MiB; the system may empty it at any time. `None`: nothing is kept.
    pub cache_folder: Option<PathBuf>,
}

impl EngineOptions {
    /// Which processor to use.
    pub fn device(mut self, device: DevicePreference) -> Self {
        self.device = device;
        self
    }

    /// CPU threads, 1 to 1024.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// How keys and values are stored.
    pub fn cache_precision(mut self, precision: CachePrecision) -> Self {
        self.cache_precision = precision;
        self
    }

    /// Where the engine keeps what takes time to make.
    pub fn cache_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache_folder = Some(folder.into());
        self
    }
}

/// An opened model; clones share it.
///
/// ```no_run
/// use minnow::{CancelToken, Engine, EngineOptions, GenerateOptions, SessionOptions, SpecialTokens};
///
/// let engine = Engine::open("model.gguf", EngineOptions::default())?;
/// let prompt = engine.tokenizer()?.encode("The capital of France is", SpecialTokens::AsText)?;
/// let mut session = engine.session(SessionOptions::default())?;
/// let cancel = CancelToken::new();
/// session.feed(&prompt, &cancel)?;
/// let answer = session.generate(&GenerateOptions::default(), &cancel, |chunk| print!("{chunk}"))?;
/// println!("\n{} tokens", answer.ids.len());
/// # Ok::<(), minnow::Error>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    /// Where the weights come from, for when they were given up.
    path: PathBuf,
    config: ModelConfig,
    /// Of the file that was opened.
    fingerprint: u128,
    decoder: Mutex<Held<dyn Decoder>>,
    tokenizer: Option<Tokenizer>,
    template: Option<ChatTemplate>,
    constraints: Mutex<Option<Arc<ConstraintVocabulary>>>,
    device: ComputeDevice,
    report: DeviceReport,
    cache_dtype: DType,
    snapshots: Mutex<Option<Arc<SnapshotFolder>>>,
    pool: rayon::ThreadPool,
    turns: Arc<Turns>,
    /// Whether steps of one token may be recorded and replayed, once that is known.
    #[cfg_attr(not(feature = "gpu"), expect(dead_code, reason = "the CPU's steps are not recorded"))]
    replays: Replays,
    /// One couldn't be recorded after all: memory may have run out.
    #[cfg(feature = "gpu")]
    recording_failed: AtomicBool,
}

impl Engine {
    /// Opens the model at `path`: a .gguf file, or a folder with config.json and model.safetensors.
    ///
    /// Blocks while weights are mapped, and on the GPU while they are copied and kernels are compiled.
    ///
    /// # Errors
    /// `Io` and `ModelFile` for a file that can't be used, `Unsupported` for a family or format that is not implemented,
    /// `Device` where a GPU was asked for and there is none.
    pub fn open(path: impl AsRef<Path>, options: EngineOptions) -> Result<Self> {
        let path = path.as_ref();
        let started = Instant::now();
        let file = ModelFile::open(path)?;
        let config = ModelConfig::from_file(&file).map_err(|error| error.in_file(path))?;
        let pool = thread_pool(options.threads)?;
        let text = || -> Result<_> {
            let template = match file.metadata() {
                Some(metadata) => ChatTemplate::from_gguf(metadata).map_err(|error| error.in_file(path))?,
                None => ChatTemplate::from_folder(path)?,
            };
            Ok((Tokenizer::from_file(&file)?, template))
        };
        // at the same time, since a vocabulary keeps one thread busy
        let (placed, text) = guarded(
            || "the device that the weights went to".to_owned(),
            || {
                let placed = || place(&file, &config, options.device, options.cache_precision);
                let (placed, text) = pool.install(|| rayon::join(placed, text));
                Ok((placed?, text?))
            },
        )?;
        let Placed { decoder, device, reason, replays } = placed;
        let (tokenizer, template) = text;
        if let Some(tokenizer) = &tokenizer {
            tokenizer.check_vocabulary(config.vocab_size).map_err(|error| error.in_file(path))?;
        }
        let cache_dtype = cache_dtype(&file, &device, options.cache_precision)?;
        let fingerprint = file.fingerprint();
        let snapshots = options.cache_folder.map(|folder| {
            // all that keys and values depend on but the ids; kernels change with the version
            let version = env!("CARGO_PKG_VERSION");
            let model = format!("{version} {fingerprint} {config:?} {cache_dtype:?} {}", device.name());
            Arc::new(SnapshotFolder::new(folder, model.as_bytes()))
        });
        let report = DeviceReport { kind: device.kind(), name: device.name(), reason };
        tracing::info!(
            architecture = config.architecture,
            device = report.name,
            reason = report.reason,
            threads = pool.current_num_threads(),
            load_ms = started.elapsed().as_millis() as u64,
            "model opened"
        );
        Ok(Self {
            shared: Arc::new(Shared {
                path: path.to_owned(),
                config,
                fingerprint,
                decoder: Mutex::new(Held::new(decoder)),
                tokenizer,
                template,
                constraints: Mutex::default(),
                device,
                report,
                cache_dtype,
                snapshots: Mutex::new(snapshots),
                pool,
                turns: Arc::default(),
                replays,
                #[cfg(feature = "gpu")]
                recording_failed: AtomicBool::new(false),
            }),
        })
    }

    /// Whether models of this family can be opened, by the name that their files give it (`llama`): worth asking before a download.
    pub fn implements(architecture: &str) -> bool {
        model::is_implemented(architecture)
    }

    /// The model's dimensions and constants.
    pub fn config(&self) -> &ModelConfig {
        &self.shared.config
    }

    /// What the model runs on, and why.
    pub fn device(&self) -> &DeviceReport {
        &self.shared.report
    }

    /// CPU threads in use.
    pub fn threads(&self) -> usize {
        self.shared.pool.current_num_threads()
    }

    /// The model's tokenizer.
    ///
    /// # Errors
    /// `Unsupported` for a safetensors folder without tokenizer.json: such a model can be run on ids only.
    pub fn tokenizer(&self) -> Result<&Tokenizer> {
        self.shared.tokenizer.as_ref().ok_or_else(|| {
            Error::unsupported(
                "this model has no tokenizer",
                "put tokenizer.json beside model.safetensors, or pass token ids",
            )
        })
    }

    /// The model's chat template.
    ///
    /// # Errors
    /// `Unsupported` for a model that was not trained for chat.
    pub fn template(&self) -> Result<&ChatTemplate> {
        self.shared
            .template
            .as_ref()
            .ok_or_else(|| Error::unsupported("this model has no chat template", "use a chat model, or a plain prompt"))
    }

    /// Gives memory back; what the next call needs is made or read again then. Work that is running goes on with what it holds.
    /// The caches of conversations are given back by [`Session::release`] and [`Chat::release`](crate::Chat::release); those that have answered
    /// on a GPU hold the weights until then.
    pub fn trim(&self, pressure: MemoryPressure) {
        *lock(&self.shared.constraints) = None;
        if pressure == MemoryPressure::Critical {
            lock(&self.shared.decoder).give_up();
        }
        tracing::debug!(?pressure, "trimmed");
    }

    /// Lets no step run until the returned value is dropped: the device rests, and what was running goes on where it was. For systems
    /// that end an app whose GPU works out of sight.
    ///
    /// Blocks while a step is running, a token or a chunk of a prompt. The thread that holds the pause must not use the engine: it would
    /// wait for itself.
    ///
    /// # Errors
    /// `Cancelled` where `cancel` came first.
    pub fn pause(&self, cancel: &CancelToken) -> Result<Pause> {
        self.shared.turns.pause(cancel)
    }

    /// A new, empty conversation with this model.
    ///
    /// # Errors
    /// `InvalidInput` for a context longer than the model's, `Memory` where its cache doesn't fit.
    pub fn session(&self, options: SessionOptions) -> Result<Session> {
        Session::new(self.clone(), options)
    }

    /// The vocabulary's bytes as constraints need them; made at the first call.
    pub(crate) fn constraint_vocabulary(&self) -> Result<Arc<ConstraintVocabulary>> {
        let mut held = lock(&self.shared.constraints);
        if let Some(known) = &*held {
            return Ok(known.clone());
        }
        let tokenizer = self.tokenizer()?;
        let rows = self.config().vocab_size as u32;
        let tokens = (0..rows).map(|id| tokenizer.token_bytes(id).unwrap_or_default()).collect();
        let made = Arc::new(ConstraintVocabulary::new(tokens, |id| tokenizer.is_special(id), tokenizer.stop_ids())?);
        Ok(held.insert(made).clone())
    }

    /// An empty cache; see [`KvCache::new`].
    ///
    /// # Errors
    /// `Cancelled` where `cancel` came first; as [`KvCache::new`].
    pub(super) fn cache(&self, capacity: usize, max_rows: usize, cancel: &CancelToken) -> Result<KvCache> {
        let Shared { config, device, cache_dtype, .. } = &*self.shared;
        self.between_steps(cancel, || Ok(KvCache::new(config, device, capacity, max_rows, *cache_dtype)))
    }

    /// The snapshot of a prompt, where there is one.
    pub(super) fn snapshot(&self, ids: &[u32]) -> Option<Snapshot> {
        let folder = lock(&self.shared.snapshots).clone()?;
        let found = folder.find(ids)?;
        (found.logits.len() == self.config().vocab_size).then_some(found)
    }

    /// A cache that holds a snapshot of `length` tokens, where they fit; see [`KvCache::with_contents`].
    ///
    /// # Errors
    /// `Cancelled` where `cancel` came first; as [`KvCache::with_contents`].
    pub(super) fn restored(
        &self,
        snapshot: &Snapshot,
        length: usize,
        capacity: usize,
        max_rows: usize,
        cancel: &CancelToken,
    ) -> Result<Option<KvCache>> {
        let Shared { config, device, cache_dtype, .. } = &*self.shared;
        let contents = &snapshot.contents;
        self.between_steps(cancel, || {
            KvCache::with_contents(config, device, capacity, max_rows, *cache_dtype, length, contents)
        })
    }

    /// Keeps a snapshot of `cache`, which holds `ids`, where the app gave a folder for that.
    ///
    /// # Errors
    /// `Cancelled` where `cancel` came first; as [`KvCache::contents`].
    pub(super) fn keep(&self, ids: &[u32], logits: &[f32], cache: &KvCache, cancel: &CancelToken) -> Result<()> {
        let Some(folder) = lock(&self.shared.snapshots).clone() else { return Ok(()) };
        if let Some(contents) = self.between_steps(cancel, || cache.contents(&self.shared.device))? {
            folder.keep(ids, logits, &contents);
        }
        Ok(())
    }

    /// Does what launches work but is no step. On a GPU that takes a turn: what is launched while another session's step is being recorded would
    /// be part of that recording.
    fn between_steps<T>(&self, cancel: &CancelToken, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let shared = &*self.shared;
        let _turn = match shared.device.kind() {
            DeviceKind::Cpu => None,
            DeviceKind::Gpu => Some(shared.turns.take(cancel)?),
        };
        guarded(|| shared.device.name(), || shared.device.run(work))
    }

    /// Whether a step can be lost because it couldn't be recorded: not any more once one was.
    pub(super) fn may_lose_a_recording(&self) -> bool {
        #[cfg(feature = "gpu")]
        return !self.shared.recording_failed.load(Ordering::Relaxed);
        #[cfg(not(feature = "gpu"))]
        return false;
    }

    /// Bytes of such a cache.
    pub(super) fn cache_bytes(&self, capacity: usize, max_rows: usize) -> u64 {
        KvCache::bytes(self.config(), capacity, max_rows, self.shared.cache_dtype)
    }

    /// The hidden states of a text's tokens after the first `layers` layers.
    ///
    /// # Shapes
    /// 1 to the model's context of `ids`; gives `[ids, hidden_size]`.
    ///
    /// # Errors
    /// `InvalidInput` for an id past the vocabulary; `Device` where the device failed; `Cancelled`.
    pub(crate) fn states(&self, ids: &[u32], layers: usize, cancel: &CancelToken) -> Result<Vec<f32>> {
        let Shared { config, device, cache_dtype, turns, pool, .. } = &*self.shared;
        let _turn = turns.take(cancel)?;
        cancel.check()?;
        let work = || {
            let decoder = self.shared.decoder()?;
            let mut cache = KvCache::new(config, device, ids.len(), ids.len(), *cache_dtype);
            let states = decoder.states(&decoder.inputs(ids, &cache), &mut cache, layers)?;
            device
                .finite(to_host(states, device)?, "the model gave states that are no numbers: its weights are damaged")
        };
        guarded(|| device.name(), || pool.install(|| device.run(work)))
    }

    /// The engine's threads.
    pub(crate) fn pool(&self) -> &rayon::ThreadPool {
        &self.shared.pool
    }

    /// Runs `ids` after what `cache` holds and gives the logits of the last row, or of each row to `each`.
    ///
    /// # Errors
    /// `Device` where the device failed; the cache is unusable then.
    pub(super) fn step(
        &self,
        ids: &[u32],
        cache: &mut KvCache,
        cancel: &CancelToken,
        mut each: Option<&mut EachRow<'_>>,
    ) -> Result<Vec<f32>> {
        let shared = &*self.shared;
        let vocab_size = shared.config.vocab_size;
        let _turn = shared.turns.take(cancel)?;
        let work = || {
            let decoder = shared.decoder()?;
            let checked = |logits| {
                shared.device.finite(logits, "the model gave logits that are no numbers: its weights are damaged")
            };
            #[cfg(feature = "gpu")]
            if let ([id], None) = (ids, &each)
                && let Some(logits) = shared.recorded_step(*id, &decoder, cache)?
            {
                return checked(logits);
            }
            let hidden = decoder.forward(&decoder.inputs(ids, cache), cache)?;
            let read = |range: std::ops::Range<usize>| {
                checked(to_host(decoder.logits(rows(hidden.clone(), range)), &shared.device)?)
            };
            let Some(each) = each.as_mut() else { return read(ids.len() - 1..ids.len()) };
            // a few rows at a time: all of a chunk's logits may be hundreds of megabytes
            let mut last = Vec::new();
            for start in (0..ids.len()).step_by(LOGIT_ROWS) {
                let range = start..ids.len().min(start + LOGIT_ROWS);
                last = read(range.clone())?;
                for (row, logits) in range.zip(last.chunks_exact(vocab_size)) {
                    each(row, logits);
                }
            }
            Ok(last.split_off(last.len().saturating_sub(vocab_size)))
        };
        guarded(|| shared.device.name(), || shared.pool.install(|| shared.device.run(work)))
    }
}

impl Shared {
    /// A step of one token by replaying a recorded one, or one that is being recorded; `None` where the usual way is the way to go.
    #[cfg(feature = "gpu")]
    fn recorded_step(&self, id: u32, decoder: &Arc<dyn Decoder>, cache: &mut KvCache) -> Result<Option<Vec<f32>>> {
        let refused = self.replays.get() == Some(&false) || self.recording_failed.load(Ordering::Relaxed);
        if refused || matches!(self.device, ComputeDevice::Cpu(_)) {
            return Ok(None);
        }
        if let Some(logits) = cache.replay(id, decoder, &self.device)? {
            return Ok(Some(logits));
        }
        let trusted = || super::trial::replays_agree(decoder, &self.config, &self.device, self.cache_dtype);
        if !cache.wants_recording() || !*self.replays.get_or_init(trusted) {
            return Ok(None);
        }
        let recorded = cache.record(id, decoder, &self.device);
        if let Err(error) = &recorded {
            tracing::warn!(%error, "a step couldn't be recorded, this model goes on without");
            self.recording_failed.store(true, Ordering::Relaxed);
        }
        recorded.map(Some)
    }

    /// The weights, read again where a trim gave them up.
    fn decoder(&self) -> Result<Arc<dyn Decoder>> {
        lock(&self.decoder).get(|| {
            let file = ModelFile::open(&self.path)?;
            if ModelConfig::from_file(&file).map_err(|error| error.in_file(&self.path))? != self.config {
                let what = "this is another model than the one that was opened here";
                return Err(Error::model_file(what, Location::default()).in_file(&self.path));
            }
            let decoder = model::load(&file, self.config.clone(), &self.device)?;
            if file.fingerprint() != self.fingerprint {
                // the file was written anew, perhaps with other weights: what was kept of the first is not for these
                *lock(&self.snapshots) = None;
            }
            tracing::info!(architecture = self.config.architecture, "model read again");
            Ok(decoder)
        })
    }
}

/// Locks; a panic elsewhere has left nothing half done behind these.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("config", self.config()).field("device", self.device()).finish_non_exhaustive()
    }
}

/// What takes the logits of each row of a step, with the row's index.
pub(super) type EachRow<'a> = dyn FnMut(usize, &[f32]) + Send + 'a;

/// Rows whose logits are read back at once.
const LOGIT_ROWS: usize = 32;
