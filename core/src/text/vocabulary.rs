//! The tokens of a model: text, type and the bytes each id stands for.
//!
//! Source: the GGUF specification (`tokenizer.ggml.tokens`, `tokenizer.ggml.token_type`) and the GPT-2 and SentencePiece ways
//! of spelling bytes. The one idea: all token texts lie end to end in one string, and the index from text to id holds only ids
//! into it. A vocabulary of 262,144 tokens then costs about 6 MB and two hundred thousand fewer allocations than a map of
//! strings. Which token sequence a text becomes is not decided here.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::wordpiece::spelt_as_in_gguf;
use crate::{Error, Location, Result};

/// Where the token texts are.
pub(super) const TOKENS: &str = "tokenizer.ggml.tokens";
/// Where the token types are.
pub(super) const TOKEN_TYPES: &str = "tokenizer.ggml.token_type";

/// The space of SentencePiece vocabularies: `▁`, U+2581.
pub(super) const SPACE_MARK: &str = "\u{2581}";

/// What goes on a word in WordPiece vocabularies.
pub(super) const CONTINUES: &str = "##";

/// What a token is for, in the order of GGUF's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenType {
    /// 0: nobody said.
    Undefined,
    /// 1: a piece of text.
    Normal,
    /// 2: stands for what can't be spelt.
    Unknown,
    /// 3: steers the model, such as `<|im_end|>`; never made from a user's text.
    Control,
    /// 4: text that is always one token, such as a run of newlines.
    UserDefined,
    /// 5: a place kept free.
    Unused,
    /// 6: one byte, spelt `<0x41>`.
    Byte,
}

impl TokenType {
    fn from_gguf(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::Undefined,
            1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => return None,
        })
    }
}

/// How the text of a normal token spells bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// One character a byte, by GPT-2's table.
    ByteLevel,
    /// UTF-8 with `▁` for the space.
    SentencePiece,
    /// UTF-8; what goes on a word starts with `##`, all else starts one.
    WordPiece,
}

/// Token texts, types and the way back from text to id.
#[derive(Debug)]
pub(super) struct Vocabulary {
    spelling: Spelling,
    text: String,
    /// Where each token's text ends in `text`.
    ends: Vec<u32>,
    types: Vec<TokenType>,
    index: HashTable<u32>,
    hasher: RandomState,
    longest: usize,
}

impl Vocabulary {
    /// Tokens in the order of their ids; an empty text can't be found but keeps its id. Without `types` all are normal.
    ///
    /// # Errors
    /// `ModelFile` at the key where there is no token, a text occurs twice, the counts differ or a type is not one of GGUF's.
    pub(super) fn new(spelling: Spelling, tokens: &[&str], types: Option<&[i32]>) -> Result<Self> {
        let bad_tokens = |what: String| Error::model_file(what, Location::part(TOKENS));
        let bytes = tokens.iter().map(|token| token.len()).sum();
        if tokens.is_empty() || u32::try_from(bytes).is_err() || u32::try_from(tokens.len()).is_err() {
            return Err(bad_tokens(format!(
                "expected between one token and 4 GiB of them, found {} tokens of {bytes} bytes",
                tokens.len()
            )));
        }
        let types = match types {
            None => vec![TokenType::Normal; tokens.len()],
            Some(types) => read_types(types, tokens.len())?,
        };
        let mut vocabulary = Self {
            spelling,
            text: String::with_capacity(bytes),
            ends: Vec::with_capacity(tokens.len()),
            types,
            index: HashTable::with_capacity(tokens.len()),
            hasher: RandomState::new(),
            longest: tokens.iter().map(|token| token.len()).max().unwrap_or_default(),
        };
        for (id, token) in (0u32..).zip(tokens) {
            vocabulary.text.push_str(token);
            vocabulary.ends.push(vocabulary.text.len() as u32); // the total is checked above
            if token.is_empty() {
                continue;
            }
            if let Some(first) = vocabulary.find(token) {
                return Err(bad_tokens(format!("expected every token once, token {id} repeats token {first}")));
            }
            let Self { index, hasher, text, ends, .. } = &mut vocabulary;
            index.insert_unique(hasher.hash_one(*token), id, |&other| hasher.hash_one(slice(text, ends, other)));
        }
        Ok(vocabulary)
    }

    /// How many tokens.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of the longest token text.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// The text of a token as the file spells it; empty for an id that is out of range.
    pub(super) fn text(&self, id: u32) -> &str {
        slice(&self.text, &self.ends, id)
    }

    /// The id of a token text.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.index.find(self.hasher.hash_one(text), |&id| self.text(id) == text).copied()
    }

    /// The id of the token that stands for `byte` in SentencePiece vocabularies: `<0x41>`.
    pub(super) fn find_byte(&self, byte: u8) -> Option<u32> {
        self.find(&format!("<0x{byte:02X}>"))
    }

    /// What a token is for.
    pub(super) fn token_type(&self, id: u32) -> TokenType {
        self.types.get(id as usize).copied().unwrap_or(TokenType::Undefined)
    }

    /// The first `rows` tokens as GGUF spells and types those of WordPiece.
    pub(super) fn wordpieces(&self, rows: usize) -> (Vec<String>, Vec<i32>) {
        let token = |id: u32| match self.text(id) {
            // a text that occurs once, as each must
            "" => (format!("[unused row {id}]"), TokenType::Unused as i32),
            text => (spelt_as_in_gguf(text), self.token_type(id) as i32),
        };
        (0..rows as u32).map(token).unzip()
    }

    /// Makes a token a control token, whatever the file said.
    pub(super) fn mark_control(&mut self, id: u32) {
        if let Some(kind) = self.types.get_mut(id as usize) {
            *kind = TokenType::Control;
        }
    }

    /// Whether a token must not come from a user's text: control tokens and the unknown token.
    pub(super) fn is_special(&self, id: u32) -> bool {
        matches!(self.token_type(id), TokenType::Control | TokenType::Unknown)
    }

    /// Appends the bytes that `id` stands for. Special and user-defined tokens give their text, unused ones nothing, as in
    /// llama.cpp. Gives whether the id is in range.
    pub(super) fn append_bytes(&self, id: u32, out: &mut Vec<u8>) -> bool {
        let text = self.text(id);
        match (self.token_type(id), self.spelling) {
            (TokenType::Unknown | TokenType::Control | TokenType::UserDefined, _) => out.extend(text.bytes()),
            (TokenType::Undefined | TokenType::Unused, _) => {}
            (TokenType::Byte, _) => out.extend(byte_of_name(text)),
            (TokenType::Normal, Spelling::ByteLevel) => {
                for character in text.chars() {
                    match byte_of(character) {
                        Some(byte) => out.push(byte),
                        None => out.extend(character.encode_utf8(&mut [0; 4]).bytes()),
                    }
                }
            }
            (TokenType::Normal, Spelling::WordPiece) => match text.strip_prefix(CONTINUES) {
                Some(rest) => out.extend(rest.bytes()),
                None => out.extend(b" ".iter().copied().chain(text.bytes())),
            },
            (TokenType::Normal, Spelling::SentencePiece) => {
                for (place, part) in text.split(SPACE_MARK).enumerate() {
                    if place > 0 {
                        out.push(b' ');
                    }
                    out.extend(part.bytes());
                }
            }
        }
        (id as usize) < self.len()
    }
}

fn slice<'a>(text: &'a str, ends: &[u32], id: u32) -> &'a str {
    let end = |place: usize| ends.get(place).map(|&end| end as usize);
    let start = (id as usize).checked_sub(1).map_or(Some(0), end);
    start.zip(end(id as usize)).and_then(|(start, end)| text.get(start..end)).unwrap_or_default()
}

fn read_types(numbers: &[i32], tokens: usize) -> Result<Vec<TokenType>> {
    let bad = |what: String| Error::model_file(what, Location::part(TOKEN_TYPES));
    if numbers.len() != tokens {
        return Err(bad(format!("expected a type for each of {tokens} tokens, found {}", numbers.len())));
    }
    let read = |(id, &number): (usize, &i32)| {
        TokenType::from_gguf(number)
            .ok_or_else(|| bad(format!("expected token types from 0 to 6, token {id} has type {number}")))
    };
    numbers.iter().enumerate().map(read).collect()
}

/// The byte in `<0x41>`.
fn byte_of_name(name: &str) -> Option<u8> {
    u8::from_str_radix(name.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}

/// GPT-2's table: bytes that print in Latin-1 stand for themselves, the other 68 for the characters from U+0100 on, in order.
pub(super) const BYTE_CHARS: [char; 256] = {
    let mut table = ['\0'; 256];
    let mut byte = 0;
    let mut shifted = 0x100;
    while byte < 256 {
        let code = if prints(byte) { byte } else { shifted };
        if !prints(byte) {
            shifted += 1;
        }
        if let Some(character) = char::from_u32(code) {
            table[byte as usize] = character;
        }
        byte += 1;
    }
    table
};

/// The bytes behind the characters from U+0100 on.
const SHIFTED_BYTES: [u8; 68] = {
    let mut table = [0; 68];
    let mut byte = 0;
    let mut place = 0;
    while byte < 256 {
        if !prints(byte) {
            table[place] = byte as u8;
            place += 1;
        }
        byte += 1;
    }
    table
};

const fn prints(byte: u32) -> bool {
    matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// The byte that a character of a byte-level token stands for.
fn byte_of(character: char) -> Option<u8> {
    match character as u32 {
        code @ 0..=0xFF => prints(code).then_some(code as u8),
        code => SHIFTED_BYTES.get(code as usize - 0x100).copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(spelling: Spelling, token: &str, kind: i32) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(Vocabulary::new(spelling, &[token], Some(&[kind])).unwrap().append_bytes(0, &mut out));
        out
    }

    #[test]
    fn the_byte_table_is_its_own_inverse() {
        for (byte, &character) in (0u8..=255).zip(&BYTE_CHARS) {
            assert_eq!(byte_of(character), Some(byte));
        }
        assert_eq!(BYTE_CHARS[b' ' as usize], 'Ġ');
        assert_eq!(byte_of('\u{144}'), None);
        assert_eq!(byte_of(' '), None);
    }

    #[test]
    fn every_token_is_found_under_its_own_id() {
        let vocabulary = Vocabulary::new(Spelling::ByteLevel, &["a", "", "ab", "", "é"], None).unwrap();
        assert_eq!(vocabulary.find("a"), Some(0));
        assert_eq!(vocabulary.find("ab"), Some(2));
        assert_eq!(vocabulary.find("é"), Some(4));
        assert_eq!(vocabulary.find(""), None);
        assert_eq!(vocabulary.find("b"), None);
        assert_eq!(vocabulary.text(2), "ab");
        assert_eq!(vocabulary.text(3), "");
        assert_eq!(vocabulary.text(5), "");
        assert_eq!(vocabulary.longest(), 2);
    }

    #[test]
    fn bytes_follow_the_type_and_the_spelling() {
        assert_eq!(bytes_of(Spelling::ByteLevel, "ĠÃ©", 1), " é".as_bytes());
        assert_eq!(bytes_of(Spelling::ByteLevel, "ĠÃ©", 3), "ĠÃ©".as_bytes());
        assert_eq!(bytes_of(Spelling::ByteLevel, "a中", 1), "a中".as_bytes());
        assert_eq!(bytes_of(Spelling::SentencePiece, "▁a▁", 1), b" a ");
        assert_eq!(bytes_of(Spelling::SentencePiece, "▁a", 4), "▁a".as_bytes());
        assert_eq!(bytes_of(Spelling::SentencePiece, "<0xFF>", 6), [0xFF]);
        assert_eq!(bytes_of(Spelling::WordPiece, "card", 1), b" card");
        assert_eq!(bytes_of(Spelling::WordPiece, "##s", 1), b"s");
        assert_eq!(bytes_of(Spelling::WordPiece, "[SEP]", 3), b"[SEP]");
        assert_eq!(bytes_of(Spelling::SentencePiece, "odd", 6), b"");
        assert_eq!(bytes_of(Spelling::SentencePiece, "free", 5), b"");
        let mut out = Vec::new();
        let vocabulary = Vocabulary::new(Spelling::ByteLevel, &["a"], None).unwrap();
        assert!(!vocabulary.append_bytes(1, &mut out));
        assert!(out.is_empty());
    }

    #[test]
    fn a_vocabulary_that_contradicts_itself_is_refused() {
        let message = |tokens: &[&str], types: Option<&[i32]>| {
            Vocabulary::new(Spelling::ByteLevel, tokens, types).unwrap_err().to_string()
        };
        assert_eq!(
            message(&[], None),
            "expected between one token and 4 GiB of them, found 0 tokens of 0 bytes (tokenizer.ggml.tokens)"
        );
        assert_eq!(
            message(&["a", "b", "a"], None),
            "expected every token once, token 2 repeats token 0 (tokenizer.ggml.tokens)"
        );
        assert_eq!(
            message(&["a", "b"], Some(&[1])),
            "expected a type for each of 2 tokens, found 1 (tokenizer.ggml.token_type)"
        );
        assert_eq!(
            message(&["a"], Some(&[7])),
            "expected token types from 0 to 6, token 0 has type 7 (tokenizer.ggml.token_type)"
        );
    }
}
