//! Llama (Touvron et al. 2023) and what shares its shape: SmolLM2, Llama 3, Mistral.
//!
//! Pre-norm decoder: `x += o(attention(rope(q), rope(k), v))`, `x += down(silu(gate) * up)`, with grouped heads and RMSNorm.
//! Reference: transformers' `modeling_llama.py` and `modeling_mistral.py`. Tied and untied output matrices; a sliding window where
//! the file has one.

use std::sync::Arc;

use burn::tensor::Tensor;

use super::rope::inverse_frequencies;
use super::{Decoder, KvCache, ModelConfig};
use crate::format::ModelFile;
use crate::tensor::{
    self, Activation, AttentionSpec, ComputeDevice, RopeSpec, StepInputs, Weight, WeightLoader, gate_up, linear_qkv,
};
use crate::{Error, Location, Result};

struct Llama {
    config: ModelConfig,
    device: ComputeDevice,
    embed_tokens: Weight,
    layers: Vec<Layer>,
    norm: Tensor<1>,
    /// `None`: the embedding serves.
    lm_head: Option<Weight>,
    /// `[rotary_dim / 2]`
    inverse_frequencies: Vec<f32>,
}

struct Layer {
    input_norm: Tensor<1>,
    q: Weight,
    k: Weight,
    v: Weight,
    o: Weight,
    post_attention_norm: Tensor<1>,
    gate: Weight,
    up: Weight,
    down: Weight,
}

/// A tensor's name in GGUF files and in published checkpoints.
struct Names {
    embed_tokens: &'static str,
    norm: &'static str,
    lm_head: &'static str,
    layer: fn(usize) -> String,
    input_norm: &'static str,
    q: &'static str,
    k: &'static str,
    v: &'static str,
    o: &'static str,
    post_attention_norm: &'static str,
    gate: &'static str,
    up: &'static str,
    down: &'static str,
}

const GGUF: Names = Names {
    embed_tokens: "token_embd.weight",
    norm: "output_norm.weight",
    lm_head: "output.weight",
    layer: |index| format!("blk.{index}"),
    input_norm: "attn_norm.weight",
    q: "attn_q.weight",
    k: "attn_k.weight",
    v: "attn_v.weight",
    o: "attn_output.weight",
    post_attention_norm: "ffn_norm.weight",
    gate: "ffn_gate.weight",
    up: "ffn_up.weight",
    down: "ffn_down.weight",
};

const CHECKPOINT: Names = Names {
    embed_tokens: "model.embed_tokens.weight",
    norm: "model.norm.weight",
    lm_head: "lm_head.weight",
    layer: |index| format!("model.layers.{index}"),
    input_norm: "input_layernorm.weight",
    q: "self_attn.q_proj.weight",
    k: "self_attn.k_proj.weight",
    v: "self_attn.v_proj.weight",
    o: "self_attn.o_proj.weight",
    post_attention_norm: "post_attention_layernorm.weight",
    gate: "mlp.gate_proj.weight",
    up: "mlp.up_proj.weight",
    down: "mlp.down_proj.weight",
};

/// Divisors of the rotary frequencies that converters write for Llama 3's scaling.
const ROPE_FREQS: &str = "rope_freqs.weight";

/// Loads the weights of `file` on `device`.
pub(super) fn load(file: &ModelFile, config: ModelConfig, device: &ComputeDevice) -> Result<Arc<dyn Decoder>> {
    let names = if file.metadata().is_some() { &GGUF } else { &CHECKPOINT };
    refuse_variants(file, &(names.layer)(config.num_hidden_layers))?;
    let (hidden, query, key_value) = (config.hidden_size, config.query_size(), config.key_value_size());
    let intermediate = config.intermediate_size;
    let loader = WeightLoader::new(file, device)?;
    let layer = |index: usize| {
        let prefix = (names.layer)(index);
        let matrix = |name: &str, shape| loader.matrix(&format!("{prefix}.{name}"), shape);
        let vector = |name: &str| loader.vector(&format!("{prefix}.{name}"), hidden);
        Ok(Layer {
            input_norm: vector(names.input_norm)?,
            q: matrix(names.q, [query, hidden])?,
            k: matrix(names.k, [key_value, hidden])?,
            v: matrix(names.v, [key_value, hidden])?,
            o: matrix(names.o, [hidden, query])?,
            post_attention_norm: vector(names.post_attention_norm)?,
            gate: matrix(names.gate, [intermediate, hidden])?,
            up: matrix(names.up, [intermediate, hidden])?,
            down: matrix(names.down, [hidden, intermediate])?,
        })
    };
    let tied = config.tie_word_embeddings.unwrap_or_else(|| file.tensor(names.lm_head).is_none());
    let divisors = match file.tensor(ROPE_FREQS) {
        Some(_) => Some(loader.values(ROPE_FREQS, config.rotary_dim / 2)?),
        None => None,
    };
    let frequencies =
        inverse_frequencies(config.rope_theta, config.rotary_dim, config.rope_scaling, divisors.as_deref())?;
    Ok(Arc::new(Llama {
        // the largest first, as the loader wants it
        embed_tokens: loader.matrix(names.embed_tokens, [config.vocab_size, hidden])?,
        lm_head: if tied { None } else { Some(loader.matrix(names.lm_head, [config.vocab_size, hidden])?) },
        layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
        norm: loader.vector(names.norm, hidden)?,
        inverse_frequencies: frequencies,
        device: device.clone(),
        config,
    }))
}

/// Refuses what would load and compute wrong numbers: biases, another activation than SiLU, more layers than the configuration
/// says.
fn refuse_variants(file: &ModelFile, past_the_last_layer: &str) -> Result<()> {
    let is_past = |name: &str| name.strip_prefix(past_the_last_layer).is_some_and(|rest| rest.starts_with('.'));
    if let Some(extra) = file.tensors().iter().find(|tensor| is_past(&tensor.name)) {
        let what = "a layer past the number of layers that the file says it has";
        return Err(Error::model_file(what, Location::part(&extra.name)).in_file(file.path()));
    }
    let hint = "Llama-family models without biases and with SiLU can be used";
    if let Some(bias) = file.tensors().iter().find(|tensor| tensor.name.ends_with(".bias")) {
        return Err(Error::unsupported(format!("tensor {} is a bias", bias.name), hint));
    }
    match file.config().and_then(|config| config.hidden_act.as_deref()) {
        None | Some("silu") => Ok(()),
        Some(other) => Err(Error::unsupported(format!("activation `{other}`"), hint)),
    }
}

impl Llama {
    fn rope(&self, position: usize) -> RopeSpec {
        RopeSpec {
            pairing: self.config.rope_pairing,
            head_dim: self.config.head_dim,
            rotary_dim: self.config.rotary_dim,
            magnitude: 1.0,
            position,
        }
    }

    fn attention(&self, position: usize) -> AttentionSpec {
        AttentionSpec {
            heads: self.config.num_attention_heads,
            kv_heads: self.config.num_key_value_heads,
            head_dim: self.config.head_dim,
            scale: 1.0 / (self.config.head_dim as f32).sqrt(),
            window: self.config.sliding_window,
            position,
        }
    }
}

impl Decoder for Llama {
    fn inputs(&self, ids: &[u32], cache: &KvCache) -> StepInputs {
        StepInputs::new(ids, cache.length(), &self.inverse_frequencies, &self.device)
    }

    fn forward(&self, inputs: &StepInputs, cache: &mut KvCache) -> Result<Tensor<2>> {
        let x = self.states(inputs, cache, self.layers.len())?;
        Ok(tensor::rms_norm(x, &self.norm, self.config.rms_norm_eps))
    }

    fn states(&self, inputs: &StepInputs, cache: &mut KvCache, layers: usize) -> Result<Tensor<2>> {
        let (rows, position) = (inputs.len(), inputs.position());
        if rows == 0 || rows > cache.max_rows() || position + rows > cache.capacity() || position != cache.length() {
            return Err(Error::Internal { what: format!("{rows} rows for a step at position {position}") });
        }
        let (rope, attention) = (self.rope(position), self.attention(position));
        let epsilon = self.config.rms_norm_eps;
        let mut x = self.embed_tokens.embed(inputs, 1.0, &self.device)?;
        for (layer, slots) in self.layers.iter().zip(cache.layers()).take(layers) {
            let h = tensor::rms_norm(x.clone(), &layer.input_norm, epsilon);
            let (q, k, v) = linear_qkv(h, &layer.q, &layer.k, &layer.v);
            let mixed = slots.update(|keys, values| {
                let (q, keys, values) = tensor::rope_append(q, k, v, inputs, keys, values, rope);
                (tensor::attention(q, &keys, &values, inputs, attention), keys, values)
            })?;
            x = layer.o.linear_residual(mixed, x);
            let h = tensor::rms_norm(x.clone(), &layer.post_attention_norm, epsilon);
            let h = gate_up(h, &layer.gate, &layer.up, Activation::Silu);
            x = layer.down.linear_residual(h, x);
        }
        cache.advance(rows);
        Ok(x)
    }

    fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        self.lm_head.as_ref().unwrap_or(&self.embed_tokens).linear(hidden)
    }
}
