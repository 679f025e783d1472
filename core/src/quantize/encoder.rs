//! An encoder's folder as a GGUF file: names, numbers and vocabulary as llama.cpp's converter writes them (`convert_hf_to_gguf.py`, `BertModel`).

use super::Source;
use crate::encode::Encoder;
use crate::format::{Array, Metadata, ModelFile, TensorInfo, Value};
use crate::model::EncoderConfig;
use crate::model::bert::{ARCHITECTURE, CHECKPOINT, CHECKPOINT_PREFIX, GGUF};
use crate::text::Tokenizer;
use crate::{Error, Result};

/// What a folder's GGUF file holds.
///
/// # Errors
/// `Unsupported` for a family that isn't converted here, or a tokenizer that GGUF can't describe.
pub(super) fn source(file: &ModelFile) -> Result<Source> {
    let architecture = file.architecture()?;
    if !Encoder::implements(architecture) {
        let what = format!("quantising a folder of safetensors of the family `{architecture}`");
        return Err(Error::unsupported(what, "convert it to GGUF first, with llama.cpp's script"));
    }
    let config = EncoderConfig::from_file(file).map_err(|error| error.in_file(file.path()))?;
    let tokenizer = Tokenizer::from_file(file)?
        .ok_or_else(|| Error::unsupported("this encoder has no tokenizer", "put tokenizer.json beside the weights"))?;
    tokenizer.check_vocabulary(config.vocab_size).map_err(|error| error.in_file(file.path()))?;
    let mut metadata = numbers(&config);
    for (key, value) in vocabulary(&tokenizer, config.vocab_size)? {
        metadata.insert(key, value);
    }
    Ok(Source { metadata, tensors: tensors(file, &config) })
}

fn numbers(config: &EncoderConfig) -> Metadata {
    let number = |value: usize| Value::from(u32::try_from(value).unwrap_or(u32::MAX));
    let key = |name: &str| format!("{ARCHITECTURE}.{name}");
    let entries = [
        ("block_count", number(config.num_hidden_layers)),
        // positions past what is read are left out
        ("context_length", number(config.max_tokens)),
        ("embedding_length", number(config.hidden_size)),
        ("feed_forward_length", number(config.intermediate_size)),
        ("attention.head_count", number(config.num_attention_heads)),
        ("attention.layer_norm_epsilon", config.layer_norm_eps.into()),
        ("attention.causal", false.into()),
        ("pooling_type", config.pooling.gguf_number().into()),
    ];
    let mut metadata = Metadata::from_entries([("general.architecture", ARCHITECTURE.into())]);
    for (name, value) in entries {
        metadata.insert(key(name).as_str(), value);
    }
    metadata.insert("tokenizer.ggml.token_type_count", number(config.type_vocab_size));
    metadata
}

/// The tensors that a text's embedding needs, under GGUF's names.
fn tensors(file: &ModelFile, config: &EncoderConfig) -> Vec<TensorInfo> {
    let renamed = file.tensors().iter().filter_map(|info| {
        let name = gguf_name(info.name.strip_prefix(CHECKPOINT_PREFIX).unwrap_or(&info.name))?;
        let mut info = TensorInfo { name, ..info.clone() };
        if info.name == GGUF.position_embeddings
            && let [rows, _] = info.shape[..]
            && rows > config.max_tokens
        {
            info.bytes = info.bytes / rows * config.max_tokens;
            info.shape[0] = config.max_tokens;
        }
        Some(info)
    });
    renamed.collect()
}

/// GGUF's name for a tensor of a checkpoint; `None` for those of a task's head and the pooler, which were trained for something else.
fn gguf_name(name: &str) -> Option<String> {
    let (from, to) = (&CHECKPOINT, &GGUF);
    let tables = [
        (from.token_embeddings, to.token_embeddings),
        (from.position_embeddings, to.position_embeddings),
        (from.token_types, to.token_types),
    ];
    if let Some((_, to)) = tables.iter().find(|(from, _)| *from == name) {
        return Some((*to).to_owned());
    }
    let (part, kind) = name.rsplit_once('.')?;
    if part == from.embedding_norm {
        return Some(format!("{}.{kind}", to.embedding_norm));
    }
    let (index, part) = part.strip_prefix(from.layer)?.split_once('.')?;
    let parts = [
        (from.query, to.query),
        (from.key, to.key),
        (from.value, to.value),
        (from.attention_output, to.attention_output),
        (from.attention_norm, to.attention_norm),
        (from.up, to.up),
        (from.down, to.down),
        (from.output_norm, to.output_norm),
    ];
    let (_, to_part) = parts.iter().find(|(from, _)| *from == part)?;
    Some(format!("{}{index}.{to_part}.{kind}", to.layer))
}

/// The keys and values that tell a tokenizer's vocabulary in GGUF, with tokens that nobody uses up to `rows`.
///
/// # Errors
/// `Unsupported` for a tokenizer that isn't WordPiece in lower case.
fn vocabulary(tokenizer: &Tokenizer, rows: usize) -> Result<Vec<(&'static str, Value)>> {
    let (tokens, types) = tokenizer.wordpieces(rows)?;
    let special = |id: Option<u32>| Value::from(id.unwrap_or_default());
    let mut keys = vec![
        ("tokenizer.ggml.model", "bert".into()),
        ("tokenizer.ggml.pre", "default".into()),
        ("tokenizer.ggml.tokens", Array::of_strings(&tokens).into()),
        ("tokenizer.ggml.token_type", Array::of_i32s(&types).into()),
        ("tokenizer.ggml.bos_token_id", special(tokenizer.bos())),
        ("tokenizer.ggml.eos_token_id", special(tokenizer.eos())),
        ("tokenizer.ggml.cls_token_id", special(tokenizer.bos())),
        ("tokenizer.ggml.seperator_token_id", special(tokenizer.eos())),
    ];
    let named = [
        ("tokenizer.ggml.unknown_token_id", "[UNK]"),
        ("tokenizer.ggml.padding_token_id", "[PAD]"),
        ("tokenizer.ggml.mask_token_id", "[MASK]"),
    ];
    keys.extend(named.iter().filter_map(|(key, text)| Some((*key, tokenizer.token_id(text)?.into()))));
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tensor_of_a_checkpoint_has_its_name_in_gguf() {
        for (from, to) in [
            ("embeddings.word_embeddings.weight", Some("token_embd.weight")),
            ("embeddings.LayerNorm.bias", Some("token_embd_norm.bias")),
            ("encoder.layer.11.attention.self.query.weight", Some("blk.11.attn_q.weight")),
            ("encoder.layer.0.attention.output.LayerNorm.weight", Some("blk.0.attn_output_norm.weight")),
            ("encoder.layer.0.output.dense.bias", Some("blk.0.ffn_down.bias")),
            ("pooler.dense.weight", None),
            ("classifier.weight", None),
        ] {
            assert_eq!(gguf_name(from).as_deref(), to, "{from}");
        }
    }
}
