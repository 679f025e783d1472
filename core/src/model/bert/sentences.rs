//! What a folder of sentence-transformers says about whole texts: how many tokens are read and how their states are pooled.
//!
//! Source: the files that sentence-transformers writes (`sentence_bert_config.json`, `1_Pooling/config.json`). Both may be missing.

use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;

use super::config::{Pooling, unsupported};
use crate::format::map;
use crate::{Error, Location, Result};

/// What the files say.
pub(super) struct Sentences {
    pub(super) max_tokens: Option<usize>,
    pub(super) pooling: Pooling,
}

#[derive(Deserialize, Default)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PoolingConfig {
    pooling_mode_cls_token: bool,
    pooling_mode_mean_tokens: bool,
    pooling_mode_max_tokens: bool,
    pooling_mode_mean_sqrt_len_tokens: bool,
}

/// Reads them.
///
/// # Errors
/// `Io` and `ModelFile` where a file is there and can't be read; `Unsupported` for another pooling.
pub(super) fn read(folder: &Path) -> Result<Sentences> {
    let sentences: SentenceConfig = json(&folder.join("sentence_bert_config.json"))?.unwrap_or_default();
    let pooling = match json::<PoolingConfig>(&folder.join("1_Pooling/config.json"))? {
        None => Pooling::Mean,
        Some(modes) if modes.pooling_mode_max_tokens || modes.pooling_mode_mean_sqrt_len_tokens => {
            return Err(unsupported("pooling by the greatest values or by the root of the length".into()));
        }
        Some(modes) => match (modes.pooling_mode_mean_tokens, modes.pooling_mode_cls_token) {
            (true, false) => Pooling::Mean,
            (false, true) => Pooling::Cls,
            _ => return Err(unsupported("several poolings side by side, or none".into())),
        },
    };
    Ok(Sentences { max_tokens: sentences.max_seq_length, pooling })
}

/// A JSON file; `None` where it isn't there.
fn json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>> {
    let bytes = match map(path) {
        Ok(bytes) => bytes,
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // a document of many megabytes is no configuration, but reading it does no harm either: the types hold a few flags
    let refused = |source: serde_json::Error| Error::model_file(source.to_string(), Location::default()).in_file(path);
    serde_json::from_slice(&bytes).map(Some).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(pooling: &str, sentences: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("1_Pooling")).unwrap();
        std::fs::write(folder.path().join("1_Pooling/config.json"), pooling).unwrap();
        std::fs::write(folder.path().join("sentence_bert_config.json"), sentences).unwrap();
        folder
    }

    #[test]
    fn tells_length_and_pooling_where_the_files_do() {
        let empty = tempfile::tempdir().unwrap();
        let sentences = read(empty.path()).unwrap();
        assert_eq!((sentences.max_tokens, sentences.pooling), (None, Pooling::Mean));
        let cls = folder(
            r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#,
            r#"{"max_seq_length": 256}"#,
        );
        let sentences = read(cls.path()).unwrap();
        assert_eq!((sentences.max_tokens, sentences.pooling), (Some(256), Pooling::Cls));
    }

    #[test]
    fn refuses_what_would_give_other_numbers() {
        for pooling in [
            r#"{"pooling_mode_max_tokens": true}"#,
            "{}",
            r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}"#,
        ] {
            assert!(matches!(read(folder(pooling, "{}").path()), Err(Error::Unsupported { .. })), "{pooling}");
        }
        assert!(matches!(read(folder("[", "{}").path()), Err(Error::ModelFile { .. })));
    }
}
