//! The tokenizer of BERT and its like (WordPiece, Wu et al. 2016), from GGUF.
//!
//! Source: the GGUF specification and llama.cpp's converter, which spells tokens with `▁` before what starts a word and nothing before
//! what goes on one; the vocabulary here has BERT's own spelling again, `##` before what goes on. Words are found and cut by the `tokenizers` crate
//! as by `transformers`: lower case, no accents, each Chinese character a word. Cased vocabularies have no mark in GGUF and are not told apart.

use serde_json::{Map, Value, json};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{AddedToken, Tokenizer as Crate};

use super::pipeline::Pipeline;
use super::tokenizer::{Piped, require, token_id};
use super::vocabulary::{CONTINUES, SPACE_MARK, Spelling, TOKEN_TYPES, TOKENS, Vocabulary};
use crate::format::Metadata;
use crate::{Error, Location, Result};

/// Longer words are unknown: BERT's own number.
const MAX_WORD_CHARS: usize = 100;

/// The keys of the tokens around a text; the second is spelt so in every file.
const CLS: &str = "tokenizer.ggml.cls_token_id";
const SEP: &str = "tokenizer.ggml.seperator_token_id";
const UNKNOWN: &str = "tokenizer.ggml.unknown_token_id";

/// Reads the tokenizer of a GGUF file whose `tokenizer.ggml.model` is `bert`.
pub(super) fn load(metadata: &Metadata) -> Result<Piped> {
    let tokens: Vec<String> = require(metadata.strings(TOKENS)?, TOKENS)?.into_iter().map(spelt_as_in_bert).collect();
    let texts: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let types = metadata.i32s(TOKEN_TYPES)?;
    let mut vocabulary = Vocabulary::new(Spelling::WordPiece, &texts, types.as_deref())?;
    let named = |key: &str, bert: &str| -> Result<Option<u32>> {
        Ok(token_id(metadata, key, texts.len())?.or_else(|| vocabulary.find(bert)))
    };
    let missing = |key: &str| Error::model_file("the tokenizer lacks a token that texts need", Location::part(key));
    let unknown = named(UNKNOWN, "[UNK]")?.ok_or_else(|| missing(UNKNOWN))?;
    let cls = named(CLS, "[CLS]")?.ok_or_else(|| missing(CLS))?;
    let sep = named(SEP, "[SEP]")?.ok_or_else(|| missing(SEP))?;
    for id in [unknown, cls, sep] {
        vocabulary.mark_control(id);
    }

    // the builder asks for a map of a crate that is not otherwise used here
    let ids: Map<String, Value> = tokens.iter().cloned().zip((0u32..).map(Value::from)).collect();
    let model = json!({
        "unk_token": vocabulary.text(unknown), "continuing_subword_prefix": CONTINUES,
        "max_input_chars_per_word": MAX_WORD_CHARS, "vocab": ids,
    });
    let refused = |source: serde_json::Error| Error::model_file(source.to_string(), Location::part(TOKENS));
    let model: WordPiece = serde_json::from_value(model).map_err(refused)?;
    let mut pipeline = Crate::new(model);
    pipeline.with_normalizer(Some(BertNormalizer::default())).with_pre_tokenizer(Some(BertPreTokenizer));
    let special = (0..texts.len() as u32).filter(|id| vocabulary.is_special(*id));
    let special: Vec<AddedToken> = special.map(|id| AddedToken::from(vocabulary.text(id), true)).collect();
    pipeline.add_special_tokens(&special);
    Ok(Piped { pipeline: Pipeline::new(pipeline, true)?, vocabulary, bos: Some(cls), eos: vec![sep], add_bos: true })
}

/// A token of GGUF as BERT spells it.
fn spelt_as_in_bert(token: &str) -> String {
    match token.strip_prefix(SPACE_MARK) {
        Some(start) => start.to_owned(),
        None if is_bracketed(token) => token.to_owned(),
        None => format!("{CONTINUES}{token}"),
    }
}

/// A token of BERT as GGUF spells it.
pub(super) fn spelt_as_in_gguf(token: &str) -> String {
    match token.strip_prefix(CONTINUES) {
        Some(rest) => rest.to_owned(),
        None if is_bracketed(token) => token.to_owned(),
        None => format!("{SPACE_MARK}{token}"),
    }
}

/// `[CLS]`, `[unused7]`: neither starts nor goes on a word.
fn is_bracketed(token: &str) -> bool {
    token.starts_with('[') && token.ends_with(']')
}

#[cfg(test)]
mod tests {
    use super::super::{SpecialTokens, Tokenizer};
    use super::*;
    use crate::format::Array;

    fn metadata(tokens: &[&str]) -> Metadata {
        let tokens: Vec<String> = tokens.iter().map(|token| spelt_as_in_gguf(token)).collect();
        Metadata::from_entries([("tokenizer.ggml.model", "bert".into()), (TOKENS, Array::of_strings(&tokens).into())])
    }

    #[test]
    fn words_are_cut_as_bert_cuts_them() {
        let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "card", "##s", "un", "##paid", "!", "中", "é", "e"];
        let tokenizer = Tokenizer::from_gguf(&metadata(&tokens)).unwrap();
        assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.add_bos()), (Some(2), Some(3), true));
        let ids = |text: &str| tokenizer.encode(text, SpecialTokens::AsText).unwrap();
        assert_eq!(ids("Cards UNPAID!"), [4, 5, 6, 7, 8]);
        assert_eq!(ids("中中 É"), [9, 9, 11]);
        assert_eq!(ids("xyz"), [1]);
        assert_eq!(ids(""), [0u32; 0]);
        assert_eq!(ids(&"card".repeat(26)), [1], "a word of more than 100 characters");
        assert_eq!(tokenizer.encode("[SEP]card", SpecialTokens::Recognise).unwrap(), [3, 4]);
        assert!(!ids("[SEP]card").contains(&3));
        assert_eq!(tokenizer.decode(&[4, 5, 6, 7]), "cards unpaid");
    }

    #[test]
    fn a_vocabulary_without_its_tokens_is_refused() {
        let error = Tokenizer::from_gguf(&metadata(&["[UNK]", "[CLS]", "a"])).unwrap_err().to_string();
        assert_eq!(error, "the tokenizer lacks a token that texts need (tokenizer.ggml.seperator_token_id)");
        let error = Tokenizer::from_gguf(&metadata(&["[CLS]", "[SEP]"])).unwrap_err().to_string();
        assert!(error.ends_with("(tokenizer.ggml.unknown_token_id)"), "{error}");
    }

    #[test]
    fn spellings_are_each_other_s_inverse() {
        for token in ["card", "##s", "[CLS]", "[", "##]", "▁", "!"] {
            assert_eq!(spelt_as_in_bert(&spelt_as_in_gguf(token)), token);
        }
    }
}
