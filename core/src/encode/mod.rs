//! From texts to vectors, for classification and retrieval: by an encoder, or by the hidden states of a chat model where none fits.
//!
//! ```text
//! encoder ── what the rest uses: batches, lengths of one
//!   ├─ sentence ── BERT's tokens, pooled; placement ── on which device
//!   ├─ states ── a chat model's
//!   └─ embedder ── what both are; options, pooling
//! ```

mod embedder;
mod encoder;
mod options;
mod placement;
mod pooling;
mod sentence;
mod states;

pub use encoder::Encoder;
pub use options::EncoderOptions;
