//! From texts to vectors, for classification and retrieval: by an encoder, or by the hidden states of a chat model where none fits.

mod encoder;
mod placement;
mod pooling;
mod sentence;
mod states;

pub use encoder::{Encoder, EncoderOptions};
