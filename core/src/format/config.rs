//! `config.json` of a Hugging Face checkpoint: the architecture in numbers.
//!
//! Source: the configuration classes of `transformers` for the families that are read (llama, mistral, phi, phi3, qwen2,
//! gemma3_text, hymba, bert); fields carry the names of the keys. A key that is absent or null is `None`: what a family
//! needs and which default it documents is known there, not here. Keys that no family uses are passed over.

use serde::Deserialize;

use super::shown::json_error;
use crate::{Error, Location, Result};

/// Longest config.json. Published ones have a few kilobytes.
const MAX_CONFIG_BYTES: usize = 1 << 20;

/// The part of config.json that the model families use.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[non_exhaustive]
#[allow(missing_docs)] // the keys are documented by transformers; what is special is said
pub struct HfConfig {
    pub model_type: Option<String>,
    pub architectures: Option<Vec<String>>,

    pub vocab_size: Option<usize>,
    pub hidden_size: Option<usize>,
    pub intermediate_size: Option<usize>,
    pub num_hidden_layers: Option<usize>,
    pub num_attention_heads: Option<usize>,
    /// Absent where each query head has its own keys and values.
    pub num_key_value_heads: Option<usize>,
    /// Absent where it is `hidden_size / num_attention_heads`.
    pub head_dim: Option<usize>,
    pub max_position_embeddings: Option<usize>,
    /// phi3 longrope: positions that the model was first trained on.
    pub original_max_position_embeddings: Option<usize>,

    /// `gelu_new`, `silu` …
    pub hidden_act: Option<String>,
    /// gemma's word for `hidden_act`; early gemma files hold both, and this one is right.
    pub hidden_activation: Option<String>,
    pub rms_norm_eps: Option<f32>,
    pub layer_norm_eps: Option<f32>,
    /// bert: `absolute`.
    pub position_embedding_type: Option<String>,
    /// bert: kinds of text in a pair.
    pub type_vocab_size: Option<usize>,
    pub tie_word_embeddings: Option<bool>,
    pub attention_bias: Option<bool>,
    pub mlp_bias: Option<bool>,
    pub qk_layernorm: Option<bool>,
    pub query_pre_attn_scalar: Option<f32>,
    pub attn_logit_softcapping: Option<f32>,
    pub final_logit_softcapping: Option<f32>,

    rope_theta: Option<f32>,
    rope_local_base_freq: Option<f32>,
    rope_scaling: Option<RopeScaling>,
    rope_parameters: Option<RopeParameters>,
    /// The part of a head that is rotated.
    pub partial_rotary_factor: Option<f32>,

    pub sliding_window: Option<usize>,
    /// qwen2: whether `sliding_window` is in force.
    pub use_sliding_window: Option<bool>,
    pub max_window_layers: Option<usize>,
    /// gemma3: every so many layers one is global.
    pub sliding_window_pattern: Option<usize>,
    /// `sliding_attention` or `full_attention` for each layer.
    pub layer_types: Option<Vec<String>>,

    pub bos_token_id: Option<u32>,
    /// One id or several.
    pub eos_token_id: Option<TokenIds>,

    #[serde(flatten)]
    pub hymba: HymbaConfig,
}

/// Keys of hymba alone; all `None` for the other families.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[allow(missing_docs)]
pub struct HymbaConfig {
    /// `ntk` for a base that grows with the context.
    pub rope_type: Option<String>,
    pub orig_max_position_embeddings: Option<usize>,
    /// Layers whose attention is global.
    pub global_attn_idx: Option<Vec<usize>>,
    /// Groups of layers that share the keys and values of their first.
    pub kv_reuse_group: Option<Vec<Vec<usize>>>,
    pub num_memory_tokens: Option<usize>,
    pub v_head_dim: Option<usize>,
    pub mamba_d_state: Option<usize>,
    pub mamba_d_conv: Option<usize>,
    pub mamba_expand: Option<usize>,
    pub mamba_dt_rank: Option<usize>,
}

/// How positions are stretched beyond the length that the model was first trained on.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[allow(missing_docs)]
pub struct RopeScaling {
    rope_type: Option<String>,
    /// The older word for `rope_type`; some files hold both.
    #[serde(rename = "type")]
    older_type: Option<String>,
    rope_theta: Option<f32>,
    partial_rotary_factor: Option<f32>,
    pub factor: Option<f32>,
    pub low_freq_factor: Option<f32>,
    pub high_freq_factor: Option<f32>,
    pub original_max_position_embeddings: Option<usize>,
    pub attention_factor: Option<f32>,
    pub short_factor: Option<Vec<f32>>,
    pub long_factor: Option<Vec<f32>>,
}

impl RopeScaling {
    /// `default`, `linear`, `llama3`, `longrope` …
    pub fn rope_type(&self) -> Option<&str> {
        self.rope_type.as_deref().or(self.older_type.as_deref())
    }
}

/// What transformers 5 writes instead of `rope_theta`, `rope_scaling` and `partial_rotary_factor`: one set, or one for each kind
/// of layer (gemma3).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum RopeParameters {
    ByLayerType { full_attention: Box<RopeScaling>, sliding_attention: Box<RopeScaling> },
    Same(Box<RopeScaling>),
}

impl RopeParameters {
    fn full(&self) -> &RopeScaling {
        match self {
            Self::ByLayerType { full_attention: rope, .. } | Self::Same(rope) => rope,
        }
    }
}

/// One token id or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
#[allow(missing_docs)]
pub enum TokenIds {
    One(u32),
    Many(Vec<u32>),
}

impl TokenIds {
    /// The ids.
    pub fn as_slice(&self) -> &[u32] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Many(ids) => ids,
        }
    }
}

impl HfConfig {
    /// Reads config.json.
    ///
    /// # Errors
    /// `ModelFile` where the text is too long, is not JSON, or has a key of another type than the family documents.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let error = |what: String| Error::model_file(what, Location::default());
        if json.len() > MAX_CONFIG_BYTES {
            return Err(error(format!("expected at most {MAX_CONFIG_BYTES} bytes of JSON, found {}", json.len())));
        }
        let mut config: Self = serde_json::from_slice(json).map_err(|e| error(json_error(&e)))?;
        let newer = config.full_rope().and_then(|rope| rope.partial_rotary_factor);
        config.partial_rotary_factor = newer.or(config.partial_rotary_factor);
        Ok(config)
    }

    /// The base of the rotary frequencies; of global layers where local ones have their own.
    pub fn rope_theta(&self) -> Option<f32> {
        self.full_rope().and_then(|rope| rope.rope_theta).or(self.rope_theta)
    }

    /// gemma3: the base of local layers.
    pub fn rope_local_theta(&self) -> Option<f32> {
        match &self.rope_parameters {
            Some(RopeParameters::ByLayerType { sliding_attention, .. }) => sliding_attention.rope_theta,
            _ => self.rope_local_base_freq,
        }
    }

    /// How positions are stretched; on global layers where local ones have their own.
    pub fn rope_scaling(&self) -> Option<&RopeScaling> {
        self.full_rope().or(self.rope_scaling.as_ref())
    }

    fn full_rope(&self) -> Option<&RopeScaling> {
        self.rope_parameters.as_ref().map(RopeParameters::full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> HfConfig {
        HfConfig::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn absent_and_null_keys_are_none_and_unknown_ones_are_passed_over() {
        let config = parse(r#"{"hidden_size":64,"rope_scaling":null,"sliding_window":null,"quantum_drive":{"a":[1]}}"#);
        assert_eq!(config, HfConfig { hidden_size: Some(64), ..HfConfig::default() });
    }

    #[test]
    fn one_token_id_or_several() {
        assert_eq!(parse(r#"{"eos_token_id":2}"#).eos_token_id.unwrap().as_slice(), [2]);
        assert_eq!(parse(r#"{"eos_token_id":[2,5]}"#).eos_token_id.unwrap().as_slice(), [2, 5]);
    }

    #[test]
    fn rope_is_read_in_the_older_spelling() {
        let config = parse(
            r#"{"rope_theta":500000,"rope_local_base_freq":1e4,"partial_rotary_factor":0.5,
                "rope_scaling":{"type":"longrope","short_factor":[1.0],"long_factor":[2]}}"#,
        );
        assert_eq!((config.rope_theta(), config.rope_local_theta()), (Some(5e5), Some(1e4)));
        assert_eq!(config.partial_rotary_factor, Some(0.5));
        let scaling = config.rope_scaling().unwrap();
        assert_eq!((scaling.rope_type(), scaling.long_factor.as_deref()), (Some("longrope"), Some(&[2.0][..])));
        let both = parse(r#"{"rope_scaling":{"type":"su","rope_type":"longrope"}}"#);
        assert_eq!(both.rope_scaling().unwrap().rope_type(), Some("longrope"));
    }

    #[test]
    fn rope_is_read_in_the_spelling_of_transformers_5() {
        let same =
            parse(r#"{"rope_parameters":{"rope_type":"default","rope_theta":1e6,"partial_rotary_factor":0.25}}"#);
        assert_eq!((same.rope_theta(), same.partial_rotary_factor), (Some(1e6), Some(0.25)));
        assert_eq!(same.rope_scaling().unwrap().rope_type(), Some("default"));
        let split = parse(
            r#"{"rope_parameters":{"full_attention":{"rope_type":"linear","factor":8,"rope_theta":1e6},
                "sliding_attention":{"rope_theta":1e4}}}"#,
        );
        assert_eq!((split.rope_theta(), split.rope_local_theta()), (Some(1e6), Some(1e4)));
        assert_eq!(split.rope_scaling().unwrap().factor, Some(8.0));
    }

    #[test]
    fn gemma_and_hymba_keys_are_read() {
        let config = parse(
            r#"{"hidden_act":"gelu","hidden_activation":"gelu_pytorch_tanh","global_attn_idx":[0,5],"rope_type":"ntk"}"#,
        );
        assert_eq!(config.hidden_activation.as_deref(), Some("gelu_pytorch_tanh"));
        assert_eq!(config.hymba.global_attn_idx, Some(vec![0, 5]));
        assert_eq!(config.hymba.rope_type.as_deref(), Some("ntk"));
    }

    #[test]
    fn errors_say_what_was_expected_and_where() {
        let message = |json: &str| HfConfig::parse(json.as_bytes()).unwrap_err().to_string();
        assert_eq!(message("nonsense"), "unexpected JSON: expected ident at line 1 column 2 (model file)");
        assert_eq!(
            message(r#"{"vocab_size":-1}"#),
            "unexpected JSON: invalid value: integer `-1`, expected usize at line 1 column 16 (model file)"
        );
        let long = " ".repeat(MAX_CONFIG_BYTES + 1);
        assert_eq!(message(&long), "expected at most 1048576 bytes of JSON, found 1048577 (model file)");
        assert!(message(&format!(r#"{{"x":{}"#, "[".repeat(100_000))).contains("recursion limit exceeded"));
    }
}
