//! Tokenizers that the `tokenizers` crate runs: its pipeline of normalizer, word splitter and model.
//!
//! The crate keeps the vocabulary in memory four times (a copy each for recognising special tokens and for not doing so), so this is
//! for `tokenizer.json` on a desktop (`folder.rs`) and for the small vocabularies of encoders (`wordpiece.rs`).

use tokenizers::{ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, Tokenizer as Crate};

use super::tokenizer::SpecialTokens;
use crate::{Error, Location, Result};

/// A text's way to ids.
#[derive(Debug)]
pub(super) struct Pipeline {
    recognising: Crate,
    as_text: Crate,
    space_prefix: bool,
}

impl Pipeline {
    /// `space_prefix`: whether texts start with a space that is not theirs.
    ///
    /// # Errors
    /// `ModelFile` for a pipeline that the crate refuses.
    pub(super) fn new(mut recognising: Crate, space_prefix: bool) -> Result<Self> {
        // a file may cut texts, or fill them up, at the length that it was made for
        recognising
            .with_padding(None)
            .with_truncation(None)
            .map_err(|source| Error::model_file(source.to_string(), Location::part("truncation")))?;
        let mut as_text = recognising.clone();
        as_text.set_encode_special_tokens(true);
        Ok(Self { recognising, as_text, space_prefix })
    }

    /// The ids of a text, without what the file adds around it.
    pub(super) fn encode(&self, text: &str, special: SpecialTokens) -> Result<Vec<u32>> {
        let pipeline = match special {
            SpecialTokens::Recognise => &self.recognising,
            SpecialTokens::AsText => &self.as_text,
        };
        // The crate's own message may quote the text.
        let encoding = pipeline.encode_fast(text, false).map_err(|_| {
            Error::model_file("the tokenizer can't spell the text it was given", Location::part("tokenizer.json"))
        })?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Whether it cuts words as uncased BERT does, which is all that GGUF can say.
    pub(super) fn is_lower_case_bert(&self) -> bool {
        let normalizes = match self.recognising.get_normalizer() {
            Some(NormalizerWrapper::BertNormalizer(found)) => {
                found.clean_text && found.handle_chinese_chars && found.lowercase && found.strip_accents != Some(false)
            }
            _ => false,
        };
        let splits = matches!(self.recognising.get_pre_tokenizer(), Some(PreTokenizerWrapper::BertPreTokenizer(_)));
        normalizes && splits && matches!(self.recognising.get_model(), ModelWrapper::WordPiece(_))
    }

    /// Whether texts start with a space that is not theirs.
    pub(super) fn space_prefix(&self) -> bool {
        self.space_prefix
    }
}
