//! BERT (Devlin et al. 2019) as an encoder of whole texts: MiniLM, BGE and others of its shape.
//!
//! Post-norm encoder with learned positions: `x = norm(x + o(attention(q, k, v)))`, `x = norm(x + down(gelu(up)))`, every product with a
//! bias. Reference: transformers' `modeling_bert.py`. Texts of any lengths are run one after the other in one matrix, each seeing
//! itself only, so nothing is spent on padding.

mod config;
mod sentences;

pub use config::{EncoderConfig, Pooling};

use burn::tensor::{DType, Int, Tensor, TensorData};

use crate::format::{BlockFormat, ModelFile};
use crate::tensor::{self, BidirectionalSpec, ComputeDevice, StepInputs, Weight, WeightLoader, linear_qkv};
use crate::{Error, Result};

/// The family's name in model files.
pub(crate) const ARCHITECTURE: &str = "bert";

/// An encoder: token ids in, hidden states out.
pub(crate) struct Bert {
    config: EncoderConfig,
    device: ComputeDevice,
    token_embeddings: Weight,
    position_embeddings: Weight,
    /// Of a single text: `[1, hidden_size]`.
    token_type: Tensor<2>,
    embedding_norm: Norm,
    layers: Vec<Layer>,
}

struct Layer {
    query: Projection,
    key: Projection,
    value: Projection,
    attention_output: Projection,
    attention_norm: Norm,
    up: Weight,
    up_bias: Tensor<1>,
    down: Projection,
    output_norm: Norm,
}

struct Norm {
    weight: Tensor<1>,
    bias: Tensor<1>,
}

struct Projection {
    weight: Weight,
    /// `[1, outputs]`
    bias: Tensor<2>,
}

/// A tensor's name in GGUF files and in published checkpoints; those of matrices and norms go on with `.weight` and `.bias`.
pub(crate) struct Names {
    pub(crate) token_embeddings: &'static str,
    pub(crate) position_embeddings: &'static str,
    pub(crate) token_types: &'static str,
    pub(crate) embedding_norm: &'static str,
    /// Before a layer's number.
    pub(crate) layer: &'static str,
    pub(crate) query: &'static str,
    pub(crate) key: &'static str,
    pub(crate) value: &'static str,
    pub(crate) attention_output: &'static str,
    pub(crate) attention_norm: &'static str,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
    pub(crate) output_norm: &'static str,
}

pub(crate) const GGUF: Names = Names {
    token_embeddings: "token_embd.weight",
    position_embeddings: "position_embd.weight",
    token_types: "token_types.weight",
    embedding_norm: "token_embd_norm",
    layer: "blk.",
    query: "attn_q",
    key: "attn_k",
    value: "attn_v",
    attention_output: "attn_output",
    attention_norm: "attn_output_norm",
    up: "ffn_up",
    down: "ffn_down",
    output_norm: "layer_output_norm",
};

pub(crate) const CHECKPOINT: Names = Names {
    token_embeddings: "embeddings.word_embeddings.weight",
    position_embeddings: "embeddings.position_embeddings.weight",
    token_types: "embeddings.token_type_embeddings.weight",
    embedding_norm: "embeddings.LayerNorm",
    layer: "encoder.layer.",
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    output_norm: "output.LayerNorm",
};

/// What stands before every name in a checkpoint of a model that was trained with a task's head on it.
pub(crate) const CHECKPOINT_PREFIX: &str = "bert.";

impl Bert {
    /// Loads the weights of `file` on `device`.
    ///
    /// # Errors
    /// `ModelFile` where tensors are missing or have other shapes.
    pub(crate) fn load(
        file: &ModelFile,
        config: EncoderConfig,
        dense_as: Option<BlockFormat>,
        device: &ComputeDevice,
    ) -> Result<Self> {
        let names = if file.metadata().is_some() { &GGUF } else { &CHECKPOINT };
        let prefixed = file.tensor(&format!("{CHECKPOINT_PREFIX}{}", names.token_embeddings)).is_some();
        let prefix = if prefixed { CHECKPOINT_PREFIX } else { "" };
        let loader = WeightLoader::quantising(file, device, dense_as)?;
        let EncoderConfig { hidden_size: hidden, intermediate_size: intermediate, .. } = config;
        let table = |name: &str, rows| loader.matrix(&format!("{prefix}{name}"), [rows, hidden]);
        let matrix = |name: &str, shape| loader.matrix(&format!("{prefix}{name}.weight"), shape);
        let bias = |name: &str, width| loader.vector(&format!("{prefix}{name}.bias"), width);
        let norm = |name: &str| {
            let weight = loader.vector(&format!("{prefix}{name}.weight"), hidden)?;
            Ok(Norm { weight, bias: bias(name, hidden)? })
        };
        let projection = |name: &str, shape: [usize; 2]| {
            let values = loader.values(&format!("{prefix}{name}.bias"), shape[0])?;
            let bias = Tensor::from_data(TensorData::new(values, [1, shape[0]]), (device.burn(), DType::F32));
            Ok(Projection { weight: matrix(name, shape)?, bias })
        };
        // the largest first, as the loader wants it
        let token_embeddings = table(names.token_embeddings, config.vocab_size)?;
        let layer = |index: usize| {
            let part = |name: &str| format!("{}{index}.{name}", names.layer);
            let square = |name: &str| projection(&part(name), [hidden, hidden]);
            Ok(Layer {
                query: square(names.query)?,
                key: square(names.key)?,
                value: square(names.value)?,
                attention_output: square(names.attention_output)?,
                attention_norm: norm(&part(names.attention_norm))?,
                up: matrix(&part(names.up), [intermediate, hidden])?,
                up_bias: bias(&part(names.up), intermediate)?,
                down: projection(&part(names.down), [hidden, intermediate])?,
                output_norm: norm(&part(names.output_norm))?,
            })
        };
        let token_types = table(names.token_types, config.type_vocab_size)?;
        Ok(Self {
            token_embeddings,
            position_embeddings: table(names.position_embeddings, config.max_position_embeddings)?,
            token_type: token_types.embed(&StepInputs::new(&[0], 0, &[], device), 1.0, device)?,
            embedding_norm: norm(names.embedding_norm)?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
            device: device.clone(),
            config,
        })
    }

    /// The hidden states of `texts` after the last layer, one text after the other.
    ///
    /// # Shapes
    /// `texts`: 1 to `max_position_embeddings` ids each; gives `[tokens of all texts, hidden_size]`.
    ///
    /// # Errors
    /// `InvalidInput` for an id past the vocabulary.
    pub(crate) fn forward(&self, texts: &[Vec<u32>]) -> Result<Tensor<2>> {
        let limit = self.config.max_position_embeddings;
        if let Some(text) = texts.iter().find(|text| text.is_empty() || text.len() > limit) {
            return Err(Error::Internal { what: format!("a text of {} tokens for an encoder of {limit}", text.len()) });
        }
        let (ids, bounds) = (texts.concat(), self.bounds(texts));
        let positions: Vec<u32> = texts.iter().flat_map(|text| 0..text.len() as u32).collect();
        let rows =
            |ids: &[u32], table: &Weight| table.embed(&StepInputs::new(ids, 0, &[], &self.device), 1.0, &self.device);
        let x = tensor::add(rows(&ids, &self.token_embeddings)?, rows(&positions, &self.position_embeddings)?);
        let x = self.norm(tensor::add(x, self.token_type.clone()), &self.embedding_norm);
        Ok(self.layers.iter().fold(x, |x, layer| self.layer(layer, x, &bounds)))
    }

    fn layer(&self, layer: &Layer, x: Tensor<2>, bounds: &Tensor<2, Int>) -> Tensor<2> {
        let head_dim = self.config.head_dim();
        let spec = BidirectionalSpec {
            heads: self.config.num_attention_heads,
            head_dim,
            scale: 1.0 / (head_dim as f32).sqrt(),
        };
        let (q, k, v) = linear_qkv(x.clone(), &layer.query.weight, &layer.key.weight, &layer.value.weight);
        let biased = |x: Tensor<2>, projection: &Projection| tensor::add(x, projection.bias.clone());
        let (q, k, v) = (biased(q, &layer.query), biased(k, &layer.key), biased(v, &layer.value));
        let mixed = tensor::bidirectional_attention(q, k, v, bounds, spec);
        let output = &layer.attention_output;
        let x = self.norm(biased(output.weight.linear_residual(mixed, x), output), &layer.attention_norm);
        let h = tensor::biased_gelu(layer.up.linear(x.clone()), &layer.up_bias);
        self.norm(biased(layer.down.weight.linear_residual(h, x), &layer.down), &layer.output_norm)
    }

    fn norm(&self, x: Tensor<2>, norm: &Norm) -> Tensor<2> {
        tensor::layer_norm(x, &norm.weight, &norm.bias, self.config.layer_norm_eps)
    }

    /// The rows that each row sees: those of its text.
    fn bounds(&self, texts: &[Vec<u32>]) -> Tensor<2, Int> {
        let mut bounds: Vec<i32> = Vec::new();
        for text in texts {
            let start = bounds.len() as i32 / 2;
            (0..text.len()).for_each(|_| bounds.extend([start, start + text.len() as i32]));
        }
        let rows = bounds.len() / 2;
        Tensor::from_data(TensorData::new(bounds, [rows, 2]), (self.device.burn(), DType::I32))
    }
}
