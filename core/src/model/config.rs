//! The numbers that define a decoder, read from GGUF metadata or config.json into one struct.
//!
//! Names are those of config.json as the published checkpoints use them. A value that a file leaves out gets its documented
//! default here and nowhere else; a value that makes no sense is an error at load, not a panic in a reshape.

use crate::format::{HfConfig, Metadata, ModelFile};
use crate::model::rope::RopeScaling;
use crate::tensor::RopePairing;
use crate::{Error, Location, Result};

/// Layers, heads and head widths beyond these are taken for damage, not for a model (Llama 3.1 405B has 126 layers and 128
/// heads of 128).
const MAX_LAYERS: usize = 1024;
const MAX_HEADS: usize = 1024;
const MAX_HEAD_DIM: usize = 1024;
/// Positions; the longest published contexts are around 10 million tokens.
const MAX_CONTEXT: usize = 1 << 24;

/// A decoder's dimensions and constants.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// The family's name as the file says it: `llama`, `mistral` …
    pub architecture: String,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the MLP.
    pub intermediate_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Query heads a layer.
    pub num_attention_heads: usize,
    /// Key and value heads a layer; query heads are shared out over them in order.
    pub num_key_value_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Positions that the model was trained for.
    pub context_length: usize,
    /// The epsilon of RMSNorm.
    pub rms_norm_eps: f32,
    /// Base of the rotary frequencies.
    pub rope_theta: f32,
    /// How the frequencies are changed for long contexts.
    pub rope_scaling: RopeScaling,
    /// Which elements of a head turn together.
    pub rope_pairing: RopePairing,
    /// Leading elements of a head that turn.
    pub rotary_dim: usize,
    /// A key is visible if it is fewer than this many positions back; `None`: all of them.
    pub sliding_window: Option<usize>,
    /// Whether the output matrix is the embedding; `None`: whether the file has an output matrix tells.
    pub tie_word_embeddings: Option<bool>,
}

impl ModelConfig {
    /// Reads and checks the configuration of `file`.
    ///
    /// # Errors
    /// `ModelFile` where a required value is missing or out of range; `Unsupported` for a family or a scaling that is not
    /// implemented.
    pub fn from_file(file: &ModelFile) -> Result<Self> {
        let config = match (file.metadata(), file.config()) {
            (Some(metadata), _) => Self::from_gguf(metadata, file),
            (None, Some(config)) => Self::from_hf(config),
            (None, None) => Err(Error::Internal { what: "a model file without metadata or config".into() }),
        }?;
        config.check()?;
        Ok(config)
    }

    fn from_gguf(metadata: &Metadata, file: &ModelFile) -> Result<Self> {
        let architecture = metadata.require_str("general.architecture")?.to_owned();
        let key = |name: &str| format!("{architecture}.{name}");
        let hidden_size = metadata.require_usize(&key("embedding_length"))?;
        let num_attention_heads = metadata.require_usize(&key("attention.head_count"))?;
        let head_dim = match metadata.usize(&key("attention.key_length"))? {
            Some(width) => width,
            None => quotient(hidden_size, num_attention_heads, &key("attention.head_count"))?,
        };
        let embedding = file.tensor("token_embd.weight").ok_or_else(|| {
            Error::model_file("tensor token_embd.weight is missing", Location::part("token_embd.weight"))
        })?;
        Ok(Self {
            hidden_size,
            intermediate_size: metadata.require_usize(&key("feed_forward_length"))?,
            num_hidden_layers: metadata.require_usize(&key("block_count"))?,
            num_attention_heads,
            num_key_value_heads: metadata.usize(&key("attention.head_count_kv"))?.unwrap_or(num_attention_heads),
            head_dim,
            vocab_size: embedding.shape.first().copied().unwrap_or(0),
            context_length: metadata.require_usize(&key("context_length"))?,
            rms_norm_eps: metadata.require_f32(&key("attention.layer_norm_rms_epsilon"))?,
            rope_theta: metadata.f32(&key("rope.freq_base"))?.unwrap_or(10_000.0),
            rope_scaling: RopeScaling::from_gguf(metadata, &architecture)?,
            // Of the families here, converters permute the q and k rows of this one.
            rope_pairing: if architecture == "llama" { RopePairing::Interleaved } else { RopePairing::Half },
            rotary_dim: metadata.usize(&key("rope.dimension_count"))?.unwrap_or(head_dim),
            sliding_window: metadata.usize(&key("attention.sliding_window"))?.filter(|window| *window > 0),
            tie_word_embeddings: None,
            architecture,
        })
    }

    fn from_hf(config: &HfConfig) -> Result<Self> {
        let missing = |name: &str| Error::model_file(format!("{name} is missing"), Location::part(name));
        let architecture = config.model_type.clone().ok_or_else(|| missing("model_type"))?;
        let hidden_size = config.hidden_size.ok_or_else(|| missing("hidden_size"))?;
        let num_attention_heads = config.num_attention_heads.ok_or_else(|| missing("num_attention_heads"))?;
        let head_dim = match config.head_dim {
            Some(width) => width,
            None => quotient(hidden_size, num_attention_heads, "num_attention_heads")?,
        };
        let rotary = config.partial_rotary_factor.unwrap_or(1.0) * head_dim as f32;
        Ok(Self {
            hidden_size,
            intermediate_size: config.intermediate_size.ok_or_else(|| missing("intermediate_size"))?,
            num_hidden_layers: config.num_hidden_layers.ok_or_else(|| missing("num_hidden_layers"))?,
            num_attention_heads,
            num_key_value_heads: config.num_key_value_heads.unwrap_or(num_attention_heads),
            head_dim,
            vocab_size: config.vocab_size.ok_or_else(|| missing("vocab_size"))?,
            context_length: config.max_position_embeddings.ok_or_else(|| missing("max_position_embeddings"))?,
            // transformers' default for these families
            rms_norm_eps: config.rms_norm_eps.unwrap_or(1e-6),
            rope_theta: config.rope_theta().unwrap_or(10_000.0),
            rope_scaling: RopeScaling::from_hf(config)?,
            rope_pairing: RopePairing::Half,
            rotary_dim: rotary as usize,
            sliding_window: config.sliding_window.filter(|window| *window > 0),
            // transformers' own default for the families here
            tie_word_embeddings: Some(config.tie_word_embeddings.unwrap_or(false)),
            architecture,
        })
    }

    /// Query columns: `num_attention_heads * head_dim`.
    pub fn query_size(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    /// Key columns, and value columns: `num_key_value_heads * head_dim`.
    pub fn key_value_size(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    fn check(&self) -> Result<()> {
        let within = |name: &str, value: usize, limit: usize| {
            if (1..=limit).contains(&value) {
                return Ok(());
            }
            Err(Error::model_file(format!("{name} is {value}, expected 1 to {limit}"), Location::part(name)))
        };
        within("hidden_size", self.hidden_size, 1 << 20)?;
        within("intermediate_size", self.intermediate_size, 1 << 22)?;
        within("num_hidden_layers", self.num_hidden_layers, MAX_LAYERS)?;
        within("num_attention_heads", self.num_attention_heads, MAX_HEADS)?;
        within("num_key_value_heads", self.num_key_value_heads, self.num_attention_heads)?;
        within("head_dim", self.head_dim, MAX_HEAD_DIM)?;
        within("vocab_size", self.vocab_size, u32::MAX as usize)?;
        within("context_length", self.context_length, MAX_CONTEXT)?;
        within("rotary_dim", self.rotary_dim, self.head_dim)?;
        let fault = |what: String, name: &str| Err(Error::model_file(what, Location::part(name)));
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            let what = format!(
                "{} query heads can't be shared out over {} key heads",
                self.num_attention_heads, self.num_key_value_heads
            );
            return fault(what, "num_key_value_heads");
        }
        if !self.rotary_dim.is_multiple_of(2) {
            return fault(format!("rotary_dim is {}, expected an even number", self.rotary_dim), "rotary_dim");
        }
        if !(self.rms_norm_eps.is_finite() && self.rms_norm_eps > 0.0) {
            return fault(format!("rms_norm_eps is {}, expected more than 0", self.rms_norm_eps), "rms_norm_eps");
        }
        if !(self.rope_theta.is_finite() && self.rope_theta >= 1.0) {
            return fault(format!("rope_theta is {}, expected 1 or more", self.rope_theta), "rope_theta");
        }
        Ok(())
    }
}

fn quotient(width: usize, heads: usize, name: &str) -> Result<usize> {
    if heads == 0 || !width.is_multiple_of(heads) {
        let what = format!("a width of {width} can't be shared out over {heads} heads");
        return Err(Error::model_file(what, Location::part(name)));
    }
    Ok(width / heads)
}
