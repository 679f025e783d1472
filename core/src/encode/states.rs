//! A chat model's hidden states as embeddings: for languages and texts that no encoder was trained for.
//!
//! The mean over a text's tokens of the states after the first quarter of the layers, where the meaning of words is and the next token is not yet.
//! Measured with SmolLM2-135M on banking77 (ten examples a label, a linear head over the standardised mean): 67.8 % for the token embeddings
//! alone, 72.8 % after 8 of 30 layers, 62 to 66 % after 16 and more, 53.5 % for the last token after all of them.

use super::embedder::Embedder;
use super::pooling::mean_into;
use crate::Result;
use crate::generate::Engine;
use crate::runtime::{CancelToken, MemoryPressure, Pause};
use crate::tensor::DeviceReport;
use crate::text::{SpecialTokens, Tokenizer};

/// Tokens of a text that are read: what a text is about shows in its beginning.
const MAX_TOKENS: usize = 256;

pub(super) struct StateEncoder {
    engine: Engine,
    /// Layers that are run.
    layers: usize,
}

impl StateEncoder {
    /// An encoder of `engine`'s states.
    ///
    /// # Errors
    /// `Unsupported` for a model without a tokenizer.
    pub(super) fn new(engine: &Engine) -> Result<Self> {
        engine.tokenizer()?;
        let layers = (engine.config().num_hidden_layers * 8).div_ceil(30);
        Ok(Self { engine: engine.clone(), layers })
    }
}

impl Embedder for StateEncoder {
    fn architecture(&self) -> &str {
        &self.engine.config().architecture
    }

    fn dimensions(&self) -> usize {
        self.engine.config().hidden_size
    }

    fn max_tokens(&self) -> usize {
        self.engine.config().context_length.min(MAX_TOKENS)
    }

    fn tokenizer(&self) -> Result<&Tokenizer> {
        self.engine.tokenizer()
    }

    fn device(&self) -> &DeviceReport {
        self.engine.device()
    }

    fn pool(&self) -> &rayon::ThreadPool {
        self.engine.pool()
    }

    fn trim(&self, pressure: MemoryPressure) {
        self.engine.trim(pressure);
    }

    fn pause(&self, cancel: &CancelToken) -> Result<Pause> {
        self.engine.pause(cancel)
    }

    fn ids(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = self.engine.tokenizer()?.encode(text, SpecialTokens::AsText)?;
        ids.truncate(self.max_tokens());
        Ok(ids)
    }

    fn embed(&self, texts: &[Vec<u32>], cancel: &CancelToken) -> Result<Vec<Vec<f32>>> {
        let one = |ids: &Vec<u32>| {
            let mut embedding = vec![0.0; self.dimensions()];
            // an empty text is about nothing
            if !ids.is_empty() {
                mean_into(&self.engine.states(ids, self.layers, cancel)?, &mut embedding);
            }
            Ok(embedding)
        };
        texts.iter().map(one).collect()
    }
}
