//! From texts to vectors: an opened encoder, for classification and retrieval.

mod encoder;
mod placement;

pub use encoder::{Encoder, EncoderOptions};
