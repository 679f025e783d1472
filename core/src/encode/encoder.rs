//! From texts to vectors, whatever makes them.
//!
//! Texts are cut into batches. A batch is one step of an encoder, or one for each text where a chat model stands in; after a step a cancel is seen and
//! other callers get their turn.

use std::path::Path;
use std::sync::Arc;

use super::embedder::Embedder;
use super::options::EncoderOptions;
use super::pooling::normalize;
use super::sentence::SentenceEncoder;
use super::states::StateEncoder;
use crate::format::ModelFile;
use crate::generate::Engine;
use crate::model::bert::ARCHITECTURE;
use crate::runtime::{CancelToken, MemoryPressure, Pause};
use crate::tensor::DeviceReport;
use crate::text::Tokenizer;
use crate::{Error, Result};

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
    embedder: Arc<dyn Embedder>,
}

impl Encoder {
    /// Opens the encoder at `path`: a .gguf file, or a folder with config.json, model.safetensors and tokenizer.json.
    ///
    /// # Errors
    /// `Io` and `ModelFile` for a file that can't be used, `Unsupported` for a family or variant that is not implemented,
    /// `Device` where a GPU was asked for and there is none.
    pub fn open(path: impl AsRef<Path>, options: EncoderOptions) -> Result<Self> {
        let path = path.as_ref();
        let file = ModelFile::open(path)?;
        check_architecture(&file)?;
        Ok(Self { embedder: Arc::new(SentenceEncoder::open(&file, path, &options)?) })
    }

    /// An encoder made of a chat model's hidden states, for languages and texts that no encoder was trained for. It takes longer for a text than an
    /// encoder does, and what is trained on it is less often right.
    ///
    /// It shares the engine's weights, threads and turns.
    ///
    /// # Errors
    /// `Unsupported` for a model without a tokenizer.
    pub fn from_engine(engine: &Engine) -> Result<Self> {
        Ok(Self { embedder: Arc::new(StateEncoder::new(engine)?) })
    }

    /// Whether models of this family are encoders that can be opened, by the name that their files give it (`bert`).
    pub fn implements(architecture: &str) -> bool {
        architecture == ARCHITECTURE
    }

    /// The model family, in the words of the model file.
    pub fn architecture(&self) -> &str {
        self.embedder.architecture()
    }

    /// Elements of an embedding.
    pub fn dimensions(&self) -> usize {
        self.embedder.dimensions()
    }

    /// Tokens of a text that are read, those that are put around it included; the rest is cut off. A folder of sentence-transformers says how
    /// many the model was tuned on.
    pub fn max_tokens(&self) -> usize {
        self.embedder.max_tokens()
    }

    /// What the encoder runs on, and why.
    pub fn device(&self) -> &DeviceReport {
        self.embedder.device()
    }

    /// CPU threads in use.
    pub fn threads(&self) -> usize {
        self.embedder.pool().current_num_threads()
    }

    /// The encoder's tokenizer.
    ///
    /// # Errors
    /// `Unsupported` for a model without one.
    pub fn tokenizer(&self) -> Result<&Tokenizer> {
        self.embedder.tokenizer()
    }

    /// Does work on the encoder's threads.
    pub(crate) fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.embedder.pool().install(work)
    }

    /// Gives the weights' memory back under [`MemoryPressure::Critical`]; the next call reads them again. Work that is running goes on.
    pub fn trim(&self, pressure: MemoryPressure) {
        self.embedder.trim(pressure);
    }

    /// Lets no batch run until the returned value is dropped, as [`Engine::pause`].
    ///
    /// # Errors
    /// `Cancelled` where `cancel` came first.
    pub fn pause(&self, cancel: &CancelToken) -> Result<Pause> {
        self.embedder.pause(cancel)
    }

    /// The embeddings of texts, each of length 1 and [`dimensions`](Self::dimensions) elements: the scalar product of two is the cosine of the
    /// angle between them. `progress` gets the number of texts that are done.
    ///
    /// Of a long text the first [`max_tokens`](Self::max_tokens) are read, as in sentence-transformers. An empty text has an embedding too.
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
            let ids: Vec<Vec<u32>> = some.iter().map(|text| self.embedder.ids(text.as_ref())).collect::<Result<_>>()?;
            for batch in batches(&ids) {
                for mut embedding in self.embedder.embed(batch, cancel)? {
                    normalize(&mut embedding);
                    embeddings.push(embedding);
                    progress(embeddings.len());
                }
            }
        }
        tracing::debug!(texts = texts.len(), "embedded");
        Ok(embeddings)
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (architecture, device) = (self.architecture(), self.device());
        f.debug_struct("Encoder").field("architecture", &architecture).field("device", device).finish_non_exhaustive()
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
}
