//! What the operations of [`ops`](super::ops) are told beside their tensors: plain values that every backend reads.

use crate::format::BlockFormat;

/// What the bytes of a weight matrix mean.
///
/// The tensor that goes with it is the backend's own: on the CPU bytes in the layout of `tensor/cpu/packed.rs`, `u8` `[1, bytes]`, or those of
/// the file where the format isn't quantised, `[rows, row_bytes]`; on the GPU words in the layout of `tensor/gpu/layout.rs`, `u32`
/// `[rows, row_words]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightSpec {
    /// How elements are stored.
    pub format: BlockFormat,
    /// Outputs.
    pub rows: usize,
    /// Inputs; a whole number of blocks.
    pub cols: usize,
}

/// Which elements of a head turn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RopePairing {
    /// `(2i, 2i + 1)`: GGUF files of the `llama` architecture, whose q and k rows are permuted for it.
    Interleaved,
    /// `(i, i + rotary_dim / 2)`: published checkpoints, and GGUF files of most other architectures.
    Half,
}

/// Rotary positions (RoFormer, Su et al. 2021) and the place in the cache that keys and values go to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RopeSpec {
    /// Which elements turn together.
    pub pairing: RopePairing,
    /// Width of a head.
    pub head_dim: usize,
    /// Leading elements of a head that turn; the rest pass unchanged. Even, at most `head_dim`.
    pub rotary_dim: usize,
    /// Factor on cosine and sine (1 but for LongRoPE).
    pub magnitude: f32,
    /// Position of the first row, counted from the session's start.
    pub position: usize,
}

/// Causal attention over a cache.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionSpec {
    /// Query heads; a multiple of `kv_heads`. Query head `h` reads key head `h / (heads / kv_heads)`.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Factor on the scores, usually `1 / sqrt(head_dim)`.
    pub scale: f32,
    /// A key is visible if `0 <= q - k < window`; `None`: every earlier key.
    pub window: Option<usize>,
    /// Position of the first query row, counted from the session's start.
    pub position: usize,
}

/// Attention of encoders: each row sees a range of rows, those before and after it alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BidirectionalSpec {
    /// Heads, of queries, keys and values alike.
    pub heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Factor on the scores, usually `1 / sqrt(head_dim)`.
    pub scale: f32,
}

/// What the gate of an MLP goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `x * sigmoid(x)`
    Silu,
    /// GELU in its tanh form: `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`
    #[cfg_attr(not(test), expect(dead_code, reason = "Gemma and Phi-2 are to come"))]
    GeluTanh,
}
