//! An opened encoder, as an app holds it.

use std::path::PathBuf;
use std::sync::Arc;

use minnow::format::BlockFormat;
use minnow::{CancelToken, Classifier, Encoder, EncoderOptions, TrainOptions};

use crate::classifier::{LabelledText, NativeClassifier};
use crate::error::{MinnowError, Result};
use crate::jobs;
use crate::listener::{ProgressListener, Relay, report, report_count};
use crate::log;
use crate::opened::{Close, Opened};
use crate::rest::Rest;
use crate::types::{DeviceChoice, MemoryPressure};

/// An opened encoder and what is made with it.
#[derive(uniffi::Object)]
pub struct NativeEncoder {
    opened: Arc<Opened<Encoder>>,
    rest: Arc<Rest>,
    facts: EncoderFacts,
}

/// How an encoder is opened.
#[derive(Debug, Clone, uniffi::Record)]
pub struct EncoderOpenOptions {
    /// Which processor to use.
    pub device: DeviceChoice,
    /// CPU threads; none: one for each core.
    pub threads: Option<u32>,
    /// Whether weights of more bits become 8 when they are read.
    pub in_8_bits: bool,
}

impl From<EncoderOpenOptions> for EncoderOptions {
    fn from(options: EncoderOpenOptions) -> Self {
        let mut made = Self::default().device(options.device.into());
        made.threads = options.threads.map(|threads| threads as usize);
        made.dense_as = options.in_8_bits.then_some(BlockFormat::Q8_0);
        made
    }
}

/// What was opened, and on what it runs.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct EncoderFacts {
    /// The model family, in the words of the model file.
    pub architecture: String,
    /// Numbers of an embedding.
    pub dimensions: u32,
    /// Tokens of a text that are read.
    pub max_tokens: u32,
    /// Whether it runs on a GPU.
    pub on_gpu: bool,
    /// The processor as its driver names it.
    pub device: String,
    /// Why that processor was chosen.
    pub device_reason: String,
    /// CPU threads in use.
    pub threads: u32,
}

/// Opens the encoder at `path`: a .gguf file, or a folder with config.json, model.safetensors and tokenizer.json.
///
/// # Errors
/// As the core's `Encoder::open`.
#[uniffi::export]
pub async fn open_encoder(path: String, options: EncoderOpenOptions) -> Result<Arc<NativeEncoder>> {
    log::install();
    let encoder = jobs::detached(move |cancel| {
        let encoder = Encoder::open(PathBuf::from(path), options.into())?;
        // reading weights can't be interrupted; whoever gave up gets nothing and holds nothing
        cancel.check()?;
        Ok(encoder)
    });
    Ok(Arc::new(NativeEncoder::new(encoder.await?)))
}

fn facts(encoder: &Encoder) -> EncoderFacts {
    let device = encoder.device();
    EncoderFacts {
        architecture: encoder.architecture().to_owned(),
        dimensions: encoder.dimensions() as u32,
        max_tokens: encoder.max_tokens() as u32,
        on_gpu: device.is_gpu(),
        device: device.name.clone(),
        device_reason: device.reason.clone(),
        threads: encoder.threads() as u32,
    }
}

#[uniffi::export]
impl NativeEncoder {
    /// What was opened, and on what it runs.
    pub fn facts(&self) -> EncoderFacts {
        self.facts.clone()
    }

    /// The embeddings of texts, one after the other, as 32-bit numbers of little-endian bytes: as lists they would be an object each.
    pub async fn embed(&self, texts: Vec<String>, progress: Option<Arc<dyn ProgressListener>>) -> Result<Vec<u8>> {
        let encoder = self.opened.get()?;
        let work = move |cancel: &CancelToken| {
            let mut relay = Relay::new(cancel);
            let told = report_count(progress.as_ref(), &mut relay, texts.len());
            let embeddings = encoder.embed(&texts, cancel, told);
            let bytes = |embeddings: Vec<Vec<f32>>| embeddings.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
            relay.result(embeddings.map(bytes).map_err(MinnowError::from))
        };
        self.opened.jobs.run(work).await
    }

    /// Trains a classifier on examples.
    pub async fn train_classifier(
        &self,
        examples: Vec<LabelledText>,
        seed: u64,
        progress: Option<Arc<dyn ProgressListener>>,
    ) -> Result<Arc<NativeClassifier>> {
        let encoder = self.opened.get()?;
        let work = move |cancel: &CancelToken| {
            let examples: Vec<_> = examples.into_iter().map(minnow::LabelledText::from).collect();
            let mut relay = Relay::new(cancel);
            let told = report(progress.as_ref(), &mut relay);
            let options = TrainOptions::default().seed(seed);
            let trained = Classifier::train(&encoder, &examples, &options, cancel, told);
            relay.result(trained.map_err(MinnowError::from))
        };
        self.hand_out(work).await
    }

    /// A classifier that knows its labels by their names alone.
    pub async fn classifier_from_labels(&self, labels: Vec<String>) -> Result<Arc<NativeClassifier>> {
        let encoder = self.opened.get()?;
        self.hand_out(move |cancel| Ok(Classifier::from_labels(&encoder, &labels, cancel)?)).await
    }

    /// Reads a classifier's head.
    pub async fn load_classifier(&self, path: String) -> Result<Arc<NativeClassifier>> {
        let encoder = self.opened.get()?;
        self.hand_out(move |cancel| Ok(Classifier::load(&encoder, PathBuf::from(path), cancel)?)).await
    }

    /// Gives memory back; the next call reads again what it needs.
    pub async fn trim(&self, pressure: MemoryPressure) -> Result<()> {
        let encoder = self.opened.get();
        jobs::detached(move |_| {
            // closed: there is nothing to give back
            if let Ok(encoder) = encoder {
                encoder.trim(pressure.into());
            }
            Ok(())
        })
        .await
    }

    /// Lets the encoder rest until `resume`: calls wait before their next batch. Returns when none is running.
    pub async fn pause(&self) -> Result<()> {
        let encoder = self.opened.get()?;
        self.rest.begin(self.opened.jobs.clone(), move |cancel| encoder.pause(cancel)).await
    }

    /// Ends a pause. Returns at once; without one it does nothing.
    pub fn resume(&self) {
        self.rest.end();
    }

    /// Cancels what runs and gives the encoder up, its classifiers and their annotators with it. Returns at once; calls that were running
    /// end with `Closed`.
    pub fn shut_down(&self) {
        self.opened.close();
        self.rest.end();
    }
}

impl NativeEncoder {
    /// What is open.
    pub(crate) fn new(encoder: Encoder) -> Self {
        let facts = facts(&encoder);
        Self { opened: Opened::new(encoder), rest: Arc::default(), facts }
    }

    /// What closes it.
    pub(crate) fn opened(&self) -> &Arc<Opened<Encoder>> {
        &self.opened
    }

    /// Makes a classifier that is closed with this encoder.
    async fn hand_out(
        &self,
        make: impl FnOnce(&CancelToken) -> Result<Classifier> + Send + 'static,
    ) -> Result<Arc<NativeClassifier>> {
        let classifier = Opened::new(Arc::new(self.opened.jobs.run(make).await?));
        self.opened.adopt(&classifier);
        Ok(Arc::new(NativeClassifier::new(classifier)))
    }
}
