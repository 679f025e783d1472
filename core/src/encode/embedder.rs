//! What an encoder is made of: something that turns ids into vectors.

use crate::Result;
use crate::runtime::{CancelToken, MemoryPressure, Pause};
use crate::tensor::DeviceReport;
use crate::text::Tokenizer;

/// What makes vectors of texts.
pub(super) trait Embedder: Send + Sync {
    /// The model family.
    fn architecture(&self) -> &str;
    /// Elements of an embedding.
    fn dimensions(&self) -> usize;
    /// Tokens of a text that are read.
    fn max_tokens(&self) -> usize;
    fn tokenizer(&self) -> Result<&Tokenizer>;
    fn device(&self) -> &DeviceReport;
    fn pool(&self) -> &rayon::ThreadPool;
    fn trim(&self, pressure: MemoryPressure);
    fn pause(&self, cancel: &CancelToken) -> Result<Pause>;

    /// The ids of a text with what is put around it, cut where the model stops reading.
    ///
    /// # Errors
    /// `InvalidInput` for a text of more than 16 MiB.
    fn ids(&self, text: &str) -> Result<Vec<u32>>;

    /// The vectors of some texts, of any length.
    fn embed(&self, texts: &[Vec<u32>], cancel: &CancelToken) -> Result<Vec<Vec<f32>>>;
}
