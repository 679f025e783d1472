//! The tokenizer of a model, from the model file's own vocabulary.
//!
//! Source: the GGUF specification (`tokenizer.ggml.*`); ids equal llama.cpp's for the same file. Encoding has two steps: special
//! tokens are cut out of the text, then each stretch between them is spelt by the model (byte-level BPE or SentencePiece). The
//! one idea a caller needs: whether a text may *contain* special tokens is a question of trust. [`SpecialTokens::Recognise`] is
//! for prompts that the program wrote, [`SpecialTokens::AsText`] for everything else: it never gives a control token.

use std::ops::Range;
use std::path::Path;

use super::byte_level::{ByteLevel, MERGES};
use super::pipeline::Pipeline;
use super::pretokenize::{PRE, PreTokenizer};
use super::roles::stop_ids;
use super::sentencepiece::{SCORES, SentencePiece};
use super::special::{Part, Specials};
use super::vocabulary::{Spelling, TOKEN_TYPES, TOKENS, Vocabulary};
use crate::format::{Metadata, ModelFile};
use crate::{Error, Location, Result};

/// The key of the tokenizer's kind.
const MODEL: &str = "tokenizer.ggml.model";

/// Longer texts are refused: no context holds a hundredth of it, and encoding needs about 70 bytes of memory for each byte.
const MAX_TEXT_BYTES: usize = 16 << 20;

/// What the texts of special tokens mean inside a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialTokens {
    /// They are those tokens: for prompts written by a program.
    Recognise,
    /// They are text: for what users wrote. The result holds no control token.
    AsText,
}

/// Turns text into the token ids of one model, and back.
#[derive(Debug)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
    specials: Specials,
    model: Model,
    bos: Option<u32>,
    eos: Option<u32>,
    add_bos: bool,
    stop_ids: Vec<u32>,
}

#[derive(Debug)]
enum Model {
    ByteLevel(Box<ByteLevel>),
    SentencePiece(Box<SentencePiece>),
    Pipeline(Box<Pipeline>),
}

/// The parts of a tokenizer that the `tokenizers` crate runs.
pub(super) struct Piped {
    pub vocabulary: Vocabulary,
    pub pipeline: Pipeline,
    pub bos: Option<u32>,
    pub eos: Vec<u32>,
    pub add_bos: bool,
}

impl Tokenizer {
    /// The tokenizer of the model at `path`, whatever its architecture: a .gguf file, or a folder with tokenizer.json.
    ///
    /// # Errors
    /// `Io` and `ModelFile` for a file that can't be used, `Unsupported` for one without a tokenizer or with one of another
    /// kind
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_file(&ModelFile::open(path.as_ref())?)?.ok_or_else(|| {
            Error::unsupported(
                "this model has no tokenizer",
                "put tokenizer.json beside model.safetensors, or pass token ids",
            )
        })
    }

    /// The tokenizer of an opened model file; `None` for a folder without one.
    pub(crate) fn from_file(file: &ModelFile) -> Result<Option<Self>> {
        match file.metadata() {
            Some(metadata) => Self::from_gguf(metadata).map(Some).map_err(|error| error.in_file(file.path())),
            None => Self::from_folder(file.path()),
        }
    }

    /// The tokenizer that a GGUF file describes.
    ///
    /// # Errors
    /// `Unsupported` for a kind of tokenizer or pre-tokenizer that is not known; `ModelFile` at the key where the description is
    /// incomplete or contradicts itself.
    pub fn from_gguf(metadata: &Metadata) -> Result<Self> {
        let spelling = match metadata.require_str(MODEL)? {
            "gpt2" => Spelling::ByteLevel,
            "llama" => Spelling::SentencePiece,
            "bert" => return super::wordpiece::load(metadata).and_then(Self::assemble),
            other => {
                let what = format!("the tokenizer {} is not supported", quote(other));
                return Err(Error::unsupported(what, format!("use a model whose {MODEL} is gpt2, llama or bert")));
            }
        };
        let tokens = require(metadata.strings(TOKENS)?, TOKENS)?;
        let mut vocabulary = Vocabulary::new(spelling, &tokens, metadata.i32s(TOKEN_TYPES)?.as_deref())?;

        let size = vocabulary.len();
        let keyed = |key: &str| token_id(metadata, key, size);
        // Files from before the keys existed mean SentencePiece's own numbers.
        let usual = |id: u32| (spelling == Spelling::SentencePiece && (id as usize) < size).then_some(id);
        let bos = keyed("tokenizer.ggml.bos_token_id")?.or(usual(1));
        let eos = keyed("tokenizer.ggml.eos_token_id")?.or(usual(2));
        let unknown = keyed("tokenizer.ggml.unknown_token_id")?.or(usual(0));
        let stop_ids = stop_ids(&mut vocabulary, eos.as_slice(), keyed)?;

        let (model, adds_bos) = match spelling {
            Spelling::ByteLevel => {
                let merges = require(metadata.strings(MERGES)?, MERGES)?;
                let words = PreTokenizer::named(metadata.str(PRE)?.unwrap_or("default"))?;
                let model = ByteLevel::new(&vocabulary, words, &merges)?;
                let adds_bos = model.adds_bos();
                (Model::ByteLevel(Box::new(model)), adds_bos)
            }
            Spelling::SentencePiece | Spelling::WordPiece => {
                let scores = require(metadata.f32s(SCORES)?, SCORES)?;
                let space_prefix = metadata.bool("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
                let model = SentencePiece::new(&vocabulary, &scores, unknown, space_prefix)?;
                (Model::SentencePiece(Box::new(model)), true)
            }
        };
        let add_bos = metadata.bool("tokenizer.ggml.add_bos_token")?.unwrap_or(adds_bos) && bos.is_some();

        // Phi-3's special tokens swallow the white space after them; its files don't say so, only the name does.
        let name = metadata.str("general.name")?.unwrap_or_default().to_lowercase();
        let is_phi3 = name.contains("phi-3") || name.contains("phi3");
        let strips_right = |id| is_phi3 && !["<unk>", "<s>", "<|endoftext|>"].contains(&vocabulary.text(id));
        let specials = Specials::new(&vocabulary, strips_right)?;
        Ok(Self { vocabulary, specials, model, bos, eos, add_bos, stop_ids })
    }

    /// The tokenizer of a folder with `tokenizer.json`, as published beside safetensors; `None` without that file. Special ids
    /// come from `tokenizer_config.json`, `generation_config.json` and `config.json` where these are there.
    ///
    /// # Errors
    /// `Io` where a file can't be read, `ModelFile` where one can't be understood.
    pub fn from_folder(folder: &std::path::Path) -> Result<Option<Self>> {
        super::folder::load(folder)?.map(Self::assemble).transpose()
    }

    fn assemble(parts: Piped) -> Result<Self> {
        let Piped { mut vocabulary, pipeline, bos, eos, add_bos } = parts;
        let stop_ids = stop_ids(&mut vocabulary, &eos, |_| Ok(None))?;
        let specials = Specials::new(&vocabulary, |_| false)?;
        let (model, eos) = (Model::Pipeline(Box::new(pipeline)), eos.first().copied());
        Ok(Self { vocabulary, specials, model, bos, eos, add_bos, stop_ids })
    }

    /// The first `rows` tokens as GGUF spells and types those of WordPiece, with tokens that nobody uses where there are fewer.
    ///
    /// # Errors
    /// `Unsupported` for a tokenizer that isn't WordPiece in lower case.
    pub(crate) fn wordpieces(&self, rows: usize) -> Result<(Vec<String>, Vec<i32>)> {
        match &self.model {
            Model::Pipeline(pipeline) if pipeline.is_lower_case_bert() => Ok(self.vocabulary.wordpieces(rows)),
            _ => Err(Error::unsupported("a tokenizer that isn't BERT's in lower case", "use an uncased model")),
        }
    }

    /// The ids of `text`. BOS is not added.
    ///
    /// # Errors
    /// `InvalidInput` for a text of more than 16 MiB.
    pub fn encode(&self, text: &str, special: SpecialTokens) -> Result<Vec<u32>> {
        check_length(text)?;
        match (&self.model, special) {
            (Model::Pipeline(pipeline), _) => pipeline.encode(text, special),
            (_, SpecialTokens::Recognise) => self.encode_where(text, |_, _| true),
            (_, SpecialTokens::AsText) => self.encode_where(text, |id, _| !self.vocabulary.is_special(id)),
        }
    }

    /// The ids of a prompt in which the ranges `literal` (ascending, apart, none empty) came from users: no special token starts, ends or
    /// lies in them. Elsewhere special tokens are recognised, and words may go over the seams as in [`encode`](Self::encode).
    pub(super) fn encode_prompt(&self, text: &str, literal: &[Range<usize>]) -> Result<Vec<u32>> {
        check_length(text)?;
        let outside = |found: &Range<usize>| {
            let after = literal.partition_point(|range| range.end <= found.start);
            literal.get(after).is_none_or(|range| range.start >= found.end)
        };
        let counts = |id: u32, found: Range<usize>| !self.vocabulary.is_special(id) || outside(&found);
        match &self.model {
            // What users wrote is harmless here, so the file's own pipeline decides.
            Model::Pipeline(pipeline) if self.encode_where_is_plain(text, counts) => {
                pipeline.encode(text, SpecialTokens::Recognise)
            }
            _ => self.encode_where(text, counts),
        }
    }

    /// Whether `counts` holds for every special token in `text`.
    fn encode_where_is_plain(&self, text: &str, counts: impl Fn(u32, Range<usize>) -> bool) -> bool {
        let all = self.specials.split(&self.vocabulary, text, |_, _| true);
        all == self.specials.split(&self.vocabulary, text, counts)
    }

    fn encode_where(&self, text: &str, counts: impl Fn(u32, Range<usize>) -> bool) -> Result<Vec<u32>> {
        let mut out = Vec::with_capacity(text.len() / 3);
        let mut starts = true;
        for part in self.specials.split(&self.vocabulary, text, counts) {
            match part {
                Part::Token(id) => out.push(id),
                Part::Text(ref range) => {
                    let text = text.get(range.clone()).unwrap_or_default();
                    match &self.model {
                        Model::ByteLevel(model) => model.encode(&self.vocabulary, text, &mut out),
                        Model::SentencePiece(model) => model.encode(&self.vocabulary, text, starts, &mut out),
                        Model::Pipeline(pipeline) => out.extend(pipeline.encode(text, SpecialTokens::AsText)?),
                    }
                }
            }
            starts = matches!(part, Part::Token(_));
        }
        Ok(out)
    }

    /// The bytes that `ids` stand for, special tokens as their text. Ids out of range stand for nothing. Where the model puts a
    /// space before every text, that space is taken off again.
    pub fn decode_bytes(&self, ids: &[u32]) -> Vec<u8> {
        let mut out = Vec::with_capacity(ids.len() * 4);
        for &id in ids {
            self.vocabulary.append_bytes(id, &mut out);
        }
        let prefixed = match &self.model {
            Model::ByteLevel(_) => false,
            Model::SentencePiece(model) => model.space_prefix,
            Model::Pipeline(pipeline) => pipeline.space_prefix(),
        };
        if prefixed && out.first() == Some(&b' ') {
            out.remove(0);
        }
        out
    }

    /// [`decode_bytes`](Self::decode_bytes) as text; bytes that are not UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        String::from_utf8_lossy(&self.decode_bytes(ids)).into_owned()
    }

    /// The bytes that one id stands for, often not whole characters; a special token's text. `None` out of range.
    pub fn token_bytes(&self, id: u32) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        self.vocabulary.append_bytes(id, &mut out).then_some(out)
    }

    /// The text of one token, for display; bytes that are not UTF-8 become U+FFFD. `None` out of range.
    pub fn piece(&self, id: u32) -> Option<String> {
        Some(String::from_utf8_lossy(&self.token_bytes(id)?).into_owned())
    }

    /// Whether `id` steers the model instead of standing for text.
    pub fn is_special(&self, id: u32) -> bool {
        self.vocabulary.is_special(id)
    }

    /// The id of the token with exactly this text, as the model file spells it.
    pub fn token_id(&self, text: &str) -> Option<u32> {
        self.vocabulary.find(text)
    }

    /// How many tokens there are.
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary.len()
    }

    /// Whether a prompt has to start with [`bos`](Self::bos).
    pub fn add_bos(&self) -> bool {
        self.add_bos
    }

    /// The token that starts a text.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// The token that ends a text.
    pub fn eos(&self) -> Option<u32> {
        self.eos
    }

    /// The tokens that end an answer, ascending: end of text, end of turn and their like.
    pub fn stop_ids(&self) -> &[u32] {
        &self.stop_ids
    }

    /// Checks that the model's embedding, a matrix with `rows` rows, is of the same vocabulary. A folder's embedding may have
    /// rows to spare.
    ///
    /// # Errors
    /// `ModelFile` where it is not.
    pub fn check_vocabulary(&self, rows: usize) -> Result<()> {
        let tokens = self.vocabulary.len();
        let may_have_spare = matches!(self.model, Model::Pipeline(_));
        if rows == tokens || (may_have_spare && rows > tokens) {
            return Ok(());
        }
        Err(Error::model_file(
            format!("expected an embedding row for each of {tokens} tokens, found {rows} rows"),
            Location::part(TOKENS),
        ))
    }
}

fn check_length(text: &str) -> Result<()> {
    if text.len() > MAX_TEXT_BYTES {
        let what = format!("expected a text of at most {MAX_TEXT_BYTES} bytes, found {}", text.len());
        return Err(Error::invalid("text", what));
    }
    Ok(())
}

pub(super) fn require<T>(value: Option<T>, key: &str) -> Result<T> {
    value.ok_or_else(|| {
        Error::model_file(
            "the tokenizer is incomplete, a key is missing (convert the model again)",
            Location::part(key),
        )
    })
}

pub(super) fn token_id(metadata: &Metadata, key: &str, tokens: usize) -> Result<Option<u32>> {
    match metadata.usize(key)? {
        Some(id) if id >= tokens => Err(Error::model_file(
            format!("expected the id of one of {tokens} tokens, found {id}"),
            Location::part(key),
        )),
        id => Ok(id.and_then(|id| u32::try_from(id).ok())),
    }
}

/// A name from a file, short and printable.
pub(super) fn quote(name: &str) -> String {
    let short: String = name.chars().take(40).collect();
    format!("`{}`", short.escape_debug())
}
