//! An opened encoder: weights on a device, its tokenizer, and the threads that run it.
//!
//! Texts are cut into batches; a batch is one step, after which a cancel is seen and other callers get their turn.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::placement::{Placed, place};
use crate::format::ModelFile;
use crate::model::bert::{ARCHITECTURE, Bert};
use crate::model::{EncoderConfig, Pooling};
use crate::runtime::{CancelToken, Held, MemoryPressure, Turns, guarded, thread_pool};
use crate::tensor::{ComputeDevice, DevicePreference, DeviceReport, to_host};
use crate::text::{SpecialTokens, Tokenizer};
use crate::{Error, Location, Result};

/// How an encoder is opened.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EncoderOptions {
    /// Which processor to use.
    pub device: DevicePreference,
    /// CPU threads; `None`: one for each core the process may use.
    pub threads: Option<usize>,
}

impl EncoderOptions {
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
}

/// Tokens of texts that run at once: enough to keep every core busy, few enough that a cancel is quick.
const BATCH_TOKENS: usize = 1024;

/// An opened encoder, which turns texts into vectors that lie close where meanings do; clones share it.
///
/// ```no_run
/// use minnow::{CancelToken, Encoder, EncoderOptions};
///
/// let encoder = Encoder::open("all-minilm-l6-v2", EncoderOptions::default())?;
/// let texts = ["My card was stolen", "Somebody took my bank card"];
/// let vectors = encoder.embed(&texts, &CancelToken::new(), |_| ())?;
/// let likeness: f32 = vectors[0].iter().zip(&vectors[1]).map(|(a, b)| a * b).sum();
/// println!("{likeness:.2}");
/// # Ok::<(), minnow::Error>(())
/// ```
#[derive(Clone)]
pub struct Encoder {
    shared: Arc<Shared>,
}

struct Shared {
    /// Where the weights come from, for when they were given up.
    path: PathBuf,
    config: EncoderConfig,
    model: Mutex<Held<Bert>>,
    tokenizer: Tokenizer,
    /// The tokens around a text, `[CLS]` and `[SEP]`.
    start: u32,
    end: u32,
    device: ComputeDevice,
    report: DeviceReport,
    pool: rayon::ThreadPool,
    turns: Arc<Turns>,
}

impl Encoder {
    /// Opens the encoder at `path`: a .gguf file, or a folder with config.json, model.safetensors and tokenizer.json.
    ///
    /// # Errors
    /// `Io` and `ModelFile` for a file that can't be used, `Unsupported` for a family or variant that is not implemented,
    /// `Device` where a GPU was asked for and there is none.
    pub fn open(path: impl AsRef<Path>, options: EncoderOptions) -> Result<Self> {
        let path = path.as_ref();
        let started = Instant::now();
        let file = ModelFile::open(path)?;
        check_architecture(&file)?;
        let config = EncoderConfig::from_file(&file).map_err(|error| error.in_file(path))?;
        let tokenizer = Tokenizer::from_file(&file)?.ok_or_else(|| {
            Error::unsupported("this encoder has no tokenizer", "put tokenizer.json beside the weights")
        })?;
        tokenizer.check_vocabulary(config.vocab_size).map_err(|error| error.in_file(path))?;
        let (Some(start), Some(end)) = (tokenizer.bos(), tokenizer.eos()) else {
            let what = "the tokenizer doesn't say which tokens start and end a text";
            return Err(Error::model_file(what, Location::part("tokenizer_config.json")).in_file(path));
        };
        let pool = thread_pool(options.threads)?;
        let placed = guarded(
            || "the device that the weights went to".to_owned(),
            || pool.install(|| place(&file, &config, options.device)),
        )?;
        let Placed { model, device, reason } = placed;
        let report = DeviceReport { kind: device.kind(), name: device.name(), reason };
        tracing::info!(
            architecture = config.architecture,
            device = report.name,
            reason = report.reason,
            threads = pool.current_num_threads(),
            load_ms = started.elapsed().as_millis() as u64,
            "encoder opened"
        );
        let shared = Shared {
            path: path.to_owned(),
            config,
            model: Mutex::new(Held::new(model)),
            tokenizer,
            start,
            end,
            device,
            report,
            pool,
            turns: Arc::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Whether models of this family are encoders that can be opened, by the name that their files give it (`bert`).
    pub fn implements(architecture: &str) -> bool {
        architecture == ARCHITECTURE
    }

    /// The encoder's dimensions and constants.
    pub fn config(&self) -> &EncoderConfig {
        &self.shared.config
    }

    /// Elements of an embedding.
    pub fn dimensions(&self) -> usize {
        self.shared.config.hidden_size
    }

    /// What the encoder runs on, and why.
    pub fn device(&self) -> &DeviceReport {
        &self.shared.report
    }

    /// CPU threads in use.
    pub fn threads(&self) -> usize {
        self.shared.pool.current_num_threads()
    }

    /// The encoder's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.shared.tokenizer
    }

    /// Does work on the encoder's threads.
    pub(crate) fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.shared.pool.install(work)
    }

    /// Gives the weights' memory back under [`MemoryPressure::Critical`]; the next call reads them again. Work that is running goes on.
    pub fn trim(&self, pressure: MemoryPressure) {
        if pressure == MemoryPressure::Critical {
            self.shared.model().give_up();
        }
    }

    /// The embeddings of texts, each of length 1 and [`dimensions`](Self::dimensions) elements: the scalar product of two is the cosine of the
    /// angle between them. `progress` gets the number of texts that are done.
    ///
    /// Of a long text the first [`max_tokens`](EncoderConfig::max_tokens) are read, as in sentence-transformers. An empty text has an embedding too.
    ///
    /// # Errors
    /// `InvalidInput` for a text of more than 16 MiB; `Device` where the device failed; `Cancelled`.
    pub fn embed<S: AsRef<str>>(
        &self,
        texts: &[S],
        cancel: &CancelToken,
        mut progress: impl FnMut(usize),
    ) -> Result<Vec<Vec<f32>>> {
        let mut embeddings = Vec::with_capacity(texts.len());
        // tokens are made as they are needed: those of a hundred thousand texts would be gigabytes
        for some in texts.chunks(BATCH_TOKENS / 2) {
            let ids: Vec<Vec<u32>> = some.iter().map(|text| self.ids(text.as_ref())).collect::<Result<_>>()?;
            for batch in batches(&ids) {
                let states = self.step(batch, cancel)?;
                let mut rest = &states[..];
                for text in batch {
                    let (of_text, after) = rest.split_at(text.len() * self.dimensions());
                    embeddings.push(self.pooled(of_text));
                    rest = after;
                    progress(embeddings.len());
                }
            }
        }
        tracing::debug!(texts = texts.len(), "embedded");
        Ok(embeddings)
    }

    /// The ids of a text with what is put around it, cut where the model stops reading.
    ///
    /// # Errors
    /// `InvalidInput` for a text of more than 16 MiB.
    fn ids(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = self.tokenizer().encode(text, SpecialTokens::AsText)?;
        ids.truncate(self.config().max_tokens - 2);
        ids.insert(0, self.shared.start);
        ids.push(self.shared.end);
        Ok(ids)
    }

    /// A text's embedding from the states of its tokens, `[tokens, hidden_size]`.
    fn pooled(&self, states: &[f32]) -> Vec<f32> {
        let mut embedding = vec![0.0; self.dimensions()];
        match self.config().pooling {
            Pooling::Mean => mean_into(states, &mut embedding),
            Pooling::Cls => embedding.copy_from_slice(&states[..self.dimensions()]),
        }
        normalize(&mut embedding);
        embedding
    }

    /// The states of a batch's tokens, `[tokens of all texts, hidden_size]`.
    fn step(&self, batch: &[Vec<u32>], cancel: &CancelToken) -> Result<Vec<f32>> {
        let shared = &*self.shared;
        let _turn = shared.turns.take(cancel)?;
        cancel.check()?;
        let work = || {
            let states = to_host(shared.weights()?.forward(batch)?, &shared.device)?;
            if states.iter().all(|value| value.is_finite()) {
                return Ok(states);
            }
            Err(shared.device.error("the encoder gave numbers that are none: its weights are damaged"))
        };
        guarded(|| shared.device.name(), || shared.pool.install(|| shared.device.run(work)))
    }
}

impl Shared {
    fn model(&self) -> MutexGuard<'_, Held<Bert>> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The weights, read again where a trim gave them up.
    fn weights(&self) -> Result<Arc<Bert>> {
        self.model().get(|| {
            let file = ModelFile::open(&self.path)?;
            if EncoderConfig::from_file(&file).map_err(|error| error.in_file(&self.path))? != self.config {
                let what = "this is another encoder than the one that was opened here";
                return Err(Error::model_file(what, Location::default()).in_file(&self.path));
            }
            Bert::load(&file, self.config.clone(), &self.device).map(Arc::new)
        })
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("config", self.config()).field("device", self.device()).finish_non_exhaustive()
    }
}

fn check_architecture(file: &ModelFile) -> Result<()> {
    let architecture = file.architecture()?;
    if Encoder::implements(architecture) {
        return Ok(());
    }
    let what = format!("architecture `{architecture}` is no encoder that is implemented");
    Err(Error::unsupported(what, "use one of the family bert, such as all-minilm-l6-v2"))
}

/// Neighbouring texts of [`BATCH_TOKENS`] together, or one that is longer.
fn batches(texts: &[Vec<u32>]) -> impl Iterator<Item = &[Vec<u32>]> {
    let mut rest = texts;
    std::iter::from_fn(move || {
        let mut tokens = 0;
        let fits = rest.iter().take_while(|text| {
            tokens += text.len();
            tokens <= BATCH_TOKENS
        });
        let count = fits.count().max(1).min(rest.len());
        let (batch, after) = rest.split_at(count);
        rest = after;
        (!batch.is_empty()).then_some(batch)
    })
}

/// The mean of the rows of `states`, `[tokens, out.len()]`.
fn mean_into(states: &[f32], out: &mut [f32]) {
    let rows = states.chunks_exact(out.len());
    let scale = 1.0 / rows.len().max(1) as f32;
    for row in rows {
        out.iter_mut().zip(row).for_each(|(out, x)| *out += x);
    }
    out.iter_mut().for_each(|out| *out *= scale);
}

/// Gives a vector length 1; zeros stay.
fn normalize(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_every_text_once_and_stay_small() {
        let texts: Vec<Vec<u32>> = [1000, 24, 1, 1500, 3, 1021, 1].map(|length| vec![0; length]).into();
        let lengths: Vec<Vec<usize>> = batches(&texts).map(|batch| batch.iter().map(Vec::len).collect()).collect();
        assert_eq!(lengths, [vec![1000, 24], vec![1], vec![1500], vec![3, 1021], vec![1]]);
        assert_eq!(batches(&[]).count(), 0);
    }

    #[test]
    fn vectors_are_pooled_and_get_length_one() {
        let mut mean = vec![0.0; 2];
        mean_into(&[1.0, 2.0, 5.0, 6.0], &mut mean);
        assert_eq!(mean, [3.0, 4.0]);
        normalize(&mut mean);
        assert_eq!(mean, [0.6, 0.8]);
        let mut zeros = [0.0; 3];
        normalize(&mut zeros);
        assert_eq!(zeros, [0.0; 3]);
    }
}
