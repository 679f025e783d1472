//! What the model may say next: masks that keep an answer within a JSON Schema or a list of choices.
//!
//! A [`Constraint`] walks along with one answer. Before each token it gives the mask of tokens that can still lead to a
//! valid answer, afterwards it takes the token that was chosen; masks need no device and no lock, so that another thread
//! computes one while the device works. JSON goes through `llguidance` (a lexer of regular-expression derivatives under an
//! Earley parser, both walked over the vocabulary's trie); `schema` prepares it, so that what comes out is valid and what
//! can't be kept is refused before the first token. Choices need no grammar: the tokens are prefixes of what is left of
//! them.
//!
//! JSON comes out compact, without any white space between tokens: small models repeat white space where they may.
//! Tokens that spell the same bytes are all allowed; the engine never retokenizes what the model said.

use std::sync::Arc;

use llguidance::api::{ParserLimits, StopReason, TopLevelGrammar};
use llguidance::{JsonCompileOptions, Matcher, ParserFactory};
use serde_json::Value;
use toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};

use super::mask::TokenMask;
use super::schema;
use crate::{Error, Result};

/// Longer tokens are never allowed: the trie can't hold them (the longest in use are runs of 1024 spaces).
const MAX_TOKEN_BYTES: usize = 512;
/// The trie counts nodes in 22 bits; vocabularies in use have a quarter of a million tokens and some two million bytes.
const MAX_VOCABULARY_BYTES: usize = 4_000_000;
/// Stack of the thread that compiles a schema. The compiler recurses over schemas and over an object's properties: without
/// optimisation, 4,000 properties overflowed 2 MiB and fitted into 4 MiB; `schema` lets an eighth of that through. An
/// app's own threads may have 512 KiB. Only touched pages cost memory.
const COMPILE_STACK: usize = 8 << 20;
/// Bytes of all choices together.
const MAX_CHOICE_BYTES: usize = 1 << 20;
/// The trie packs ids into 24 bits, the largest of which means none.
const MAX_TOKENS: usize = (1 << 24) - 1;

/// The engine's limits, tighter than its defaults where those allow for servers. By its own figures (14,000 fuel and 20,000
/// items a millisecond, 1-2 kB a lexer state) a mask stays below 20 ms on a desktop and a constraint below 40 MB; a schema
/// that needs more ends with an error.
fn limits() -> ParserLimits {
    ParserLimits {
        initial_lexer_fuel: 500_000,
        step_lexer_fuel: 200_000,
        step_max_items: 50_000,
        max_items_in_row: 2_000,
        max_lexer_states: 20_000,
        max_grammar_size: 200_000,
        precompute_large_lexemes: false,
        // Their errors would hold the answer's text.
        verbose_errors: false,
    }
}

/// A vocabulary, laid out for constraints. Built once an engine, then shared: 0.3 s for 49,152 tokens on one busy desktop
/// core, two thirds of it for the engine's tables of common strings, so build it off the first answer's path.
#[derive(Clone)]
pub struct ConstraintVocabulary {
    factory: Arc<ParserFactory>,
    env: TokEnv,
    stop: Arc<[u32]>,
}

impl std::fmt::Debug for ConstraintVocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConstraintVocabulary").field("size", &self.size()).field("stop", &self.stop).finish()
    }
}

impl ConstraintVocabulary {
    /// Lays out the vocabulary.
    ///
    /// `tokens`: the bytes of each id, empty where an id is unused; `special`: ids that are no text (they are never
    /// allowed within an answer); `stop`: ids that end an answer, allowed where the answer is complete.
    /// # Errors
    /// `InvalidInput` for a vocabulary that is empty or too large or has no stop token in it; `Unsupported` if it can't
    /// spell ASCII text byte by byte, since an answer could then get stuck
    pub fn new(mut tokens: Vec<Vec<u8>>, special: impl Fn(u32) -> bool, stop: &[u32]) -> Result<Self> {
        let bytes: usize = tokens.iter().map(Vec::len).sum();
        let size = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
        if tokens.is_empty() || tokens.len() > MAX_TOKENS || bytes > MAX_VOCABULARY_BYTES {
            let what = format!(
                "a vocabulary has 1 to {MAX_TOKENS} tokens and at most {MAX_VOCABULARY_BYTES} bytes, got {} and {bytes}",
                tokens.len()
            );
            return Err(Error::invalid("tokens", what));
        }
        let stop: Arc<[u32]> = stop.iter().copied().filter(|&id| id < size).collect();
        let Some(&tok_eos) = stop.first() else {
            return Err(Error::invalid("stop", "no stop token is in the vocabulary"));
        };
        for (id, token) in (0..).zip(&mut tokens) {
            // The trie marks special tokens by a first byte 0xFF, which is no text either.
            if special(id) || stop.contains(&id) || token.len() > MAX_TOKEN_BYTES || token.first() == Some(&0xff) {
                token.clear();
            }
        }
        let mut spelled = [false; 256];
        tokens.iter().filter(|token| token.len() == 1).for_each(|token| spelled[usize::from(token[0])] = true);
        if let Some(byte) = (0x20..0x7f).find(|&byte| !spelled[byte]) {
            let what = format!("a vocabulary without a token for the byte {byte:#04x}");
            return Err(Error::unsupported(what, "ask for free text"));
        }
        let trie = TokTrie::from(&TokRxInfo::new(size, tok_eos), &tokens).with_eos_tokens(&stop);
        let env: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let mut factory = ParserFactory::new_simple(&env).map_err(|_| broken("the vocabulary's slices"))?;
        factory.quiet();
        *factory.limits_mut() = limits();
        Ok(Self { factory: Arc::new(factory), env, stop })
    }

    /// Number of ids, used or not.
    pub fn size(&self) -> usize {
        self.env.tok_trie().vocab_size()
    }

    fn stop_mask(&self) -> TokenMask {
        TokenMask::only(self.size(), self.stop.iter().copied())
    }
}

/// Keeps one answer within bounds.
#[derive(Clone)]
pub struct Constraint {
    vocabulary: ConstraintVocabulary,
    kind: Kind,
    /// For the next token; computed when asked for.
    mask: Option<TokenMask>,
    /// The answer is complete and nothing may follow.
    finished: bool,
}

#[derive(Clone)]
enum Kind {
    Grammar(Box<Matcher>),
    Choices(Vec<Choice>),
}

/// A choice that what was said so far begins.
#[derive(Clone)]
struct Choice {
    text: Arc<[u8]>,
    /// Whether the vocabulary can spell the text from a position on.
    spells: Arc<[bool]>,
    said: usize,
}

impl std::fmt::Debug for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Constraint").field("finished", &self.finished).finish_non_exhaustive()
    }
}

impl Constraint {
    /// JSON that is valid by `schema` (draft 2020-12), compact, with an object's properties in the schema's order.
    /// # Errors
    /// `Unsupported` names what can't be kept: a keyword, a schema no value satisfies, or one that is too large;
    /// `InvalidInput` says what is not JSON Schema
    pub fn json_schema(schema: &Value, vocabulary: &ConstraintVocabulary) -> Result<Self> {
        let mut schema = schema::prepare(schema)?;
        let options = JsonCompileOptions {
            whitespace_flexible: false,
            // No \uXXXX: it spells a property's name in a second way, behind which `additionalProperties` would apply.
            json_allowed_escapes: Some("nrbtf\\\"".into()),
            ..JsonCompileOptions::default()
        };
        options.apply_to(&mut schema);
        let compile = || vocabulary.factory.create_parser(TopLevelGrammar::from_json_schema(schema));
        let parser = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("minnow-schema".into()).stack_size(COMPILE_STACK);
            let thread = thread.spawn_scoped(scope, compile);
            let thread = thread.map_err(|_| Error::Memory { needed: COMPILE_STACK as u64, available: 0 })?;
            thread.join().map_err(|_| broken("the schema compiler"))
        })?;
        let parser = parser.map_err(|error| refused(&error.to_string()))?;
        let mut constraint = Self::new(vocabulary, Kind::Grammar(Box::new(Matcher::new(Ok(parser)))));
        // A schema that allows nothing at all is told now, not in the middle of an answer.
        constraint.mask()?;
        Ok(constraint)
    }

    /// Exactly one of `choices`, as it is written.
    /// # Errors
    /// `InvalidInput` if there are none, one is empty, or they are longer than 1 MiB together; `Unsupported` if the
    /// vocabulary can't spell one
    pub fn choices(choices: &[impl AsRef<str>], vocabulary: &ConstraintVocabulary) -> Result<Self> {
        let bytes: usize = choices.iter().map(|choice| choice.as_ref().len()).sum();
        if bytes > MAX_CHOICE_BYTES || choices.iter().any(|choice| choice.as_ref().is_empty()) || choices.is_empty() {
            let what = format!(
                "expected one choice or more, none empty, at most {MAX_CHOICE_BYTES} bytes together, got {} with {bytes}",
                choices.len()
            );
            return Err(Error::invalid("choices", what));
        }
        let trie = vocabulary.env.tok_trie();
        let choice = |(index, text): (usize, &str)| {
            let text = text.as_bytes();
            let mut spells = vec![false; text.len() + 1];
            spells[text.len()] = true;
            for from in (0..text.len()).rev() {
                spells[from] = trie.all_prefixes(&text[from..]).iter().any(|&id| spells[from + trie.token_len(id)]);
            }
            match spells[0] {
                true => Ok(Choice { text: text.into(), spells: spells.into(), said: 0 }),
                false => {
                    let what = format!("choice {index} has characters that the vocabulary can't spell");
                    Err(Error::unsupported(what, "reword it"))
                }
            }
        };
        let choices = choices.iter().map(AsRef::as_ref).enumerate().map(choice).collect::<Result<_>>()?;
        Ok(Self::new(vocabulary, Kind::Choices(choices)))
    }

    fn new(vocabulary: &ConstraintVocabulary, kind: Kind) -> Self {
        Self { vocabulary: vocabulary.clone(), kind, mask: None, finished: false }
    }

    /// The tokens that may come next: never empty, and the stop tokens where the answer is complete. Computed once a
    /// step, so a thread may ask ahead while the device computes logits.
    /// # Errors
    /// `Unsupported` if this step would take more work than allowed
    pub fn mask(&mut self) -> Result<&TokenMask> {
        let mask = match self.mask.take() {
            Some(mask) => mask,
            None => self.compute_mask()?,
        };
        Ok(self.mask.insert(mask))
    }

    fn compute_mask(&mut self) -> Result<TokenMask> {
        if self.finished {
            return Ok(self.vocabulary.stop_mask());
        }
        match &mut self.kind {
            Kind::Grammar(matcher) => match matcher.compute_mask() {
                Ok(bits) => Ok(TokenMask::from_bits(bits)),
                Err(_) => Err(stopped(matcher.stop_reason())),
            },
            Kind::Choices(choices) => {
                let trie = self.vocabulary.env.tok_trie();
                let mut ids = Vec::new();
                for choice in choices {
                    let prefixes = trie.all_prefixes(&choice.text[choice.said..]);
                    ids.extend(prefixes.into_iter().filter(|&id| choice.spells[choice.said + trie.token_len(id)]));
                    if choice.said == choice.text.len() {
                        ids.extend_from_slice(&self.vocabulary.stop);
                    }
                }
                Ok(TokenMask::only(self.vocabulary.size(), ids))
            }
        }
    }

    /// Takes the token that was chosen.
    /// # Errors
    /// `InvalidInput` if the mask doesn't allow the token; the constraint is then as it was before
    pub fn commit(&mut self, token: u32) -> Result<()> {
        if !self.mask()?.allows(token) {
            return Err(Error::invalid("token", format!("token {token} is not allowed here (choose within the mask)")));
        }
        self.mask = None;
        if self.vocabulary.stop.contains(&token) {
            self.finished = true;
            return Ok(());
        }
        match &mut self.kind {
            Kind::Grammar(matcher) => {
                matcher.consume_token(token).map_err(|_| stopped(matcher.stop_reason()))?;
                self.finished = matcher.is_stopped();
            }
            Kind::Choices(choices) => {
                let bytes = self.vocabulary.env.tok_trie().token(token);
                choices.retain(|choice| choice.text[choice.said..].starts_with(bytes));
                choices.iter_mut().for_each(|choice| choice.said += bytes.len());
                self.finished = choices.iter().all(|choice| choice.said == choice.text.len());
            }
        }
        Ok(())
    }

    /// Whether what was said so far is a whole answer; more may still follow (`1` may become `12`).
    /// # Errors
    /// `Internal` if the grammar engine is in an error state
    #[cfg(test)]
    pub fn is_accepting(&mut self) -> Result<bool> {
        match &mut self.kind {
            _ if self.finished => Ok(true),
            Kind::Grammar(matcher) => matcher.is_accepting().map_err(|_| stopped(matcher.stop_reason())),
            Kind::Choices(choices) => Ok(choices.iter().any(|choice| choice.said == choice.text.len())),
        }
    }

    /// Whether the answer is whole and nothing may follow: stop now, without asking the model for a stop token.
    pub fn is_finished(&self) -> bool {
        self.finished
    }
}

/// Why the engine refused a prepared schema. Its own words may hold the schema's texts, so they are not passed on.
fn refused(message: &str) -> Error {
    let (what, hint) = if message.contains("oneOf") {
        ("json schema keyword `oneOf` whose options may overlap", "use `anyOf`, or give each option a required `const`")
    } else if message.contains("Unsatisfiable") || message.contains("Empty range") {
        ("json schema that no value satisfies", "loosen it")
    } else if message.contains("circular") || message.contains("stack level") {
        ("json schema keyword `$ref` that leads back to itself beside other keywords", "move those into the target")
    } else if message.contains("patternProperty") {
        ("json schema keyword `patternProperties` whose patterns may overlap", "make them distinct")
    } else if message.contains("maxProperties") {
        ("json schema keywords `minProperties` and `maxProperties` with optional properties", "use `required`")
    } else if message.contains("too large") || message.contains("too big") || message.contains("limit") {
        ("json schema this large", "split it")
    } else if message.contains("regex") || message.contains("Regex") {
        ("json schema keyword `pattern` with this expression", "use a simpler expression")
    } else {
        ("json schema of this form", "simplify it")
    };
    Error::unsupported(what, hint)
}

/// Why the engine stopped before the answer was whole.
fn stopped(reason: StopReason) -> Error {
    match reason {
        StopReason::LexerTooComplex | StopReason::ParserTooComplex => {
            Error::unsupported("json schema that takes too much work at this point of the answer", "simplify it")
        }
        StopReason::NoExtensionBias => {
            Error::unsupported("json schema that no text of this vocabulary satisfies", "loosen it")
        }
        reason => Error::Internal { what: format!("the grammar engine stopped: {reason}") },
    }
}

fn broken(what: &str) -> Error {
    Error::Internal { what: format!("{what} failed") }
}
