//! The numbers that define an encoder, read from GGUF metadata or config.json into one struct.

use crate::format::{HfConfig, Metadata, ModelFile};
use crate::{Error, Location, Result};

/// Sizes beyond these are taken for damage, not for a model (BERT large has 24 layers of 1024 with 16 heads).
const MAX_LAYERS: usize = 256;
const MAX_HEADS: usize = 256;
const MAX_WIDTH: usize = 1 << 16;
const MAX_POSITIONS: usize = 1 << 20;

/// How the states of a text's tokens become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// That of the first token, `[CLS]`.
    Cls,
}

impl Pooling {
    /// llama.cpp's number (`enum llama_pooling_type`).
    pub(crate) fn gguf_number(self) -> u32 {
        match self {
            Self::Mean => 1,
            Self::Cls => 2,
        }
    }
}

/// An encoder's dimensions and constants.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderConfig {
    /// The family's name as the file says it: `bert`.
    pub architecture: String,
    /// Width of the hidden states, and of an embedding.
    pub hidden_size: usize,
    /// Width inside the MLP.
    pub intermediate_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Heads a layer.
    pub num_attention_heads: usize,
    /// Rows of the token embedding.
    pub vocab_size: usize,
    /// Rows of the position embedding.
    pub max_position_embeddings: usize,
    /// Rows of the embedding of token types; the first is for a single text.
    pub type_vocab_size: usize,
    /// The epsilon of LayerNorm.
    pub layer_norm_eps: f32,
    /// Tokens of a text that are read, those that are put around it included; the rest is cut off. A folder of sentence-transformers says
    /// how many the model was tuned on.
    pub max_tokens: usize,
    /// How a text's states become one vector.
    pub pooling: Pooling,
}

impl EncoderConfig {
    /// Reads and checks the configuration of `file`.
    ///
    /// # Errors
    /// `ModelFile` where a required value is missing or out of range; `Unsupported` for a variant that is not implemented.
    pub(crate) fn from_file(file: &ModelFile) -> Result<Self> {
        let config = match (file.metadata(), file.config()) {
            (Some(metadata), _) => Self::from_gguf(metadata, file),
            (None, Some(config)) => Self::from_folder(config, file),
            (None, None) => Err(Error::Internal { what: "a model file without metadata or config".into() }),
        }?;
        config.check()?;
        Ok(config)
    }

    fn from_gguf(metadata: &Metadata, file: &ModelFile) -> Result<Self> {
        let architecture = metadata.require_str("general.architecture")?.to_owned();
        let key = |name: &str| format!("{architecture}.{name}");
        let rows = |name: &str| {
            let tensor = file.tensor(name).and_then(|tensor| tensor.shape.first().copied());
            tensor.ok_or_else(|| Error::model_file(format!("tensor {name} is missing"), Location::part(name)))
        };
        let pooling = match metadata.usize(&key("pooling_type"))? {
            // files that don't say so are of models to be tuned; a mean is what most are tuned with
            None | Some(0 | 1) => Pooling::Mean,
            Some(2) => Pooling::Cls,
            Some(other) => return Err(unsupported(format!("pooling of type {other}"))),
        };
        let max_position_embeddings = metadata.require_usize(&key("context_length"))?;
        Ok(Self {
            hidden_size: metadata.require_usize(&key("embedding_length"))?,
            intermediate_size: metadata.require_usize(&key("feed_forward_length"))?,
            num_hidden_layers: metadata.require_usize(&key("block_count"))?,
            num_attention_heads: metadata.require_usize(&key("attention.head_count"))?,
            vocab_size: rows("token_embd.weight")?,
            type_vocab_size: rows("token_types.weight")?,
            max_position_embeddings,
            layer_norm_eps: metadata.require_f32(&key("attention.layer_norm_epsilon"))?,
            max_tokens: max_position_embeddings,
            pooling,
            architecture,
        })
    }

    fn from_folder(config: &HfConfig, file: &ModelFile) -> Result<Self> {
        let missing = |name: &str| Error::model_file(format!("{name} is missing"), Location::part(name));
        match config.hidden_act.as_deref() {
            None | Some("gelu") => (),
            Some(other) => return Err(unsupported(format!("activation `{other}`"))),
        }
        match config.position_embedding_type.as_deref() {
            None | Some("absolute") => (),
            Some(other) => return Err(unsupported(format!("positions of type `{other}`"))),
        }
        let max_position_embeddings =
            config.max_position_embeddings.ok_or_else(|| missing("max_position_embeddings"))?;
        let sentences = super::sentences::read(file.path())?;
        Ok(Self {
            architecture: config.model_type.clone().ok_or_else(|| missing("model_type"))?,
            hidden_size: config.hidden_size.ok_or_else(|| missing("hidden_size"))?,
            intermediate_size: config.intermediate_size.ok_or_else(|| missing("intermediate_size"))?,
            num_hidden_layers: config.num_hidden_layers.ok_or_else(|| missing("num_hidden_layers"))?,
            num_attention_heads: config.num_attention_heads.ok_or_else(|| missing("num_attention_heads"))?,
            vocab_size: config.vocab_size.ok_or_else(|| missing("vocab_size"))?,
            max_position_embeddings,
            // transformers' defaults for this family
            type_vocab_size: config.type_vocab_size.unwrap_or(2),
            layer_norm_eps: config.layer_norm_eps.unwrap_or(1e-12),
            max_tokens: sentences.max_tokens.map_or(max_position_embeddings, |n| n.min(max_position_embeddings)),
            pooling: sentences.pooling,
        })
    }

    /// Width of a head.
    pub fn head_dim(&self) -> usize {
        self.hidden_size / self.num_attention_heads.max(1)
    }

    fn check(&self) -> Result<()> {
        let within = |name: &str, value: usize, least: usize, most: usize| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(Error::model_file(format!("{name} is {value}, expected {least} to {most}"), Location::part(name)))
        };
        within("hidden_size", self.hidden_size, 1, MAX_WIDTH)?;
        within("intermediate_size", self.intermediate_size, 1, MAX_WIDTH)?;
        within("num_hidden_layers", self.num_hidden_layers, 1, MAX_LAYERS)?;
        within("num_attention_heads", self.num_attention_heads, 1, MAX_HEADS)?;
        within("vocab_size", self.vocab_size, 1, u32::MAX as usize)?;
        within("type_vocab_size", self.type_vocab_size, 1, MAX_WIDTH)?;
        within("max_position_embeddings", self.max_position_embeddings, 3, MAX_POSITIONS)?;
        // at least one token between those that are put around a text
        within("max_seq_length", self.max_tokens, 3, MAX_POSITIONS)?;
        let (width, heads) = (self.hidden_size, self.num_attention_heads);
        if !width.is_multiple_of(heads) {
            let what = format!("a width of {width} can't be shared out over {heads} heads");
            return Err(Error::model_file(what, Location::part("num_attention_heads")));
        }
        if !(self.layer_norm_eps.is_finite() && self.layer_norm_eps >= 0.0) {
            let what = format!("layer_norm_eps is {}, expected 0 or more", self.layer_norm_eps);
            return Err(Error::model_file(what, Location::part("layer_norm_eps")));
        }
        Ok(())
    }
}

pub(super) fn unsupported(what: String) -> Error {
    Error::unsupported(
        what,
        "encoders like BERT with absolute positions, exact GELU and a pooled mean or class token can be used",
    )
}
