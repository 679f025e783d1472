//! A sentence encoder, BERT: weights on a device, its tokenizer, and the threads that run it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::embedder::Embedder;
use super::options::EncoderOptions;
use super::placement::{Placed, place};
use super::pooling::mean_into;
use crate::format::{BlockFormat, ModelFile};
use crate::model::bert::Bert;
use crate::model::{EncoderConfig, Pooling};
use crate::runtime::{CancelToken, Held, MemoryPressure, Pause, Turns, guarded, thread_pool};
use crate::tensor::{ComputeDevice, DeviceReport, to_host};
use crate::text::{SpecialTokens, Tokenizer};
use crate::{Error, Location, Result};

pub(super) struct SentenceEncoder {
    /// Where the weights come from, for when they were given up.
    path: PathBuf,
    config: EncoderConfig,
    dense_as: Option<BlockFormat>,
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

impl SentenceEncoder {
    /// Opens what lies at `path`.
    ///
    /// # Errors
    /// As [`Encoder::open`](super::Encoder::open).
    pub(super) fn open(file: &ModelFile, path: &Path, options: &EncoderOptions) -> Result<Self> {
        let started = Instant::now();
        let config = EncoderConfig::from_file(file).map_err(|error| error.in_file(path))?;
        let tokenizer = Tokenizer::from_file(file)?.ok_or_else(|| {
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
            || pool.install(|| place(file, &config, options)),
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
        Ok(Self {
            path: path.to_owned(),
            config,
            dense_as: options.dense_as,
            model: Mutex::new(Held::new(model)),
            tokenizer,
            start,
            end,
            device,
            report,
            pool,
            turns: Arc::default(),
        })
    }

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
            Bert::load(&file, self.config.clone(), self.dense_as, &self.device).map(Arc::new)
        })
    }

    /// A text's embedding from the states of its tokens, `[tokens, hidden_size]`.
    fn pooled(&self, states: &[f32]) -> Vec<f32> {
        let mut embedding = vec![0.0; self.dimensions()];
        match self.config.pooling {
            Pooling::Mean => mean_into(states, &mut embedding),
            Pooling::Cls => embedding.copy_from_slice(&states[..self.dimensions()]),
        }
        embedding
    }

    /// The states of a batch's tokens, `[tokens of all texts, hidden_size]`.
    fn step(&self, batch: &[Vec<u32>], cancel: &CancelToken) -> Result<Vec<f32>> {
        let _turn = self.turns.take(cancel)?;
        cancel.check()?;
        let work = || {
            let states = to_host(self.weights()?.forward(batch)?, &self.device)?;
            self.device.finite(states, "the encoder gave numbers that are none: its weights are damaged")
        };
        guarded(|| self.device.name(), || self.pool.install(|| self.device.run(work)))
    }
}

impl Embedder for SentenceEncoder {
    fn architecture(&self) -> &str {
        &self.config.architecture
    }

    fn dimensions(&self) -> usize {
        self.config.hidden_size
    }

    fn max_tokens(&self) -> usize {
        self.config.max_tokens
    }

    fn tokenizer(&self) -> Result<&Tokenizer> {
        Ok(&self.tokenizer)
    }

    fn device(&self) -> &DeviceReport {
        &self.report
    }

    fn pool(&self) -> &rayon::ThreadPool {
        &self.pool
    }

    fn trim(&self, pressure: MemoryPressure) {
        if pressure == MemoryPressure::Critical {
            self.model().give_up();
        }
        tracing::debug!(?pressure, "trimmed");
    }

    fn pause(&self, cancel: &CancelToken) -> Result<Pause> {
        self.turns.pause(cancel)
    }

    fn ids(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = self.tokenizer.encode(text, SpecialTokens::AsText)?;
        ids.truncate(self.config.max_tokens - 2);
        ids.insert(0, self.start);
        ids.push(self.end);
        Ok(ids)
    }

    fn embed(&self, texts: &[Vec<u32>], cancel: &CancelToken) -> Result<Vec<Vec<f32>>> {
        let states = self.step(texts, cancel)?;
        let mut rest = &states[..];
        let pooled = |text: &Vec<u32>| {
            let (of_text, after) = rest.split_at(text.len() * self.dimensions());
            rest = after;
            self.pooled(of_text)
        };
        Ok(texts.iter().map(pooled).collect())
    }
}
