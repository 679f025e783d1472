//! `model.safetensors.index.json`: which file of a sharded model holds which tensor.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::header::MAX_HEADER_BYTES;
use crate::format::shown::{json_error, shown};
use crate::{Error, Location, Result};

/// Most shards of a model. Published models under 10 B parameters have fewer than 10.
const MAX_SHARDS: usize = 256;

/// Which file holds each tensor, by `model.safetensors.index.json`: file names in order, and for each tensor a place in them.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::format) struct Index {
    pub(in crate::format) files: Vec<String>,
    pub(in crate::format) shard_of: BTreeMap<String, usize>,
}

/// Reads the index of a sharded model.
pub(in crate::format) fn parse_index(json: &[u8]) -> Result<Index> {
    #[derive(Deserialize)]
    struct Raw {
        weight_map: BTreeMap<String, String>,
    }
    let error = |what: String| Error::model_file(what, Location::part("weight_map"));
    if json.len() as u64 > MAX_HEADER_BYTES {
        return Err(error(format!("the index has {} bytes, at most {MAX_HEADER_BYTES} are allowed", json.len())));
    }
    let raw: Raw = serde_json::from_slice(json).map_err(|e| error(json_error(&e)))?;
    let mut files: Vec<_> = raw.weight_map.values().cloned().collect();
    files.sort();
    files.dedup();
    if files.is_empty() || files.len() > MAX_SHARDS {
        return Err(error(format!("expected 1 to {MAX_SHARDS} files, found {}", files.len())));
    }
    // A name that leads out of the folder could make any file of the device a part of the model.
    if let Some(bad) = files.iter().find(|name| !is_plain_file_name(name)) {
        return Err(error(format!("expected file names ending in .safetensors, found {}", shown(bad))));
    }
    let place = |file: &String| files.binary_search(file).unwrap_or_default(); // each is there: `files` was made of them
    let shard_of = raw.weight_map.iter().map(|(tensor, file)| (tensor.clone(), place(file))).collect();
    Ok(Index { files, shard_of })
}

fn is_plain_file_name(name: &str) -> bool {
    name.ends_with(".safetensors") && !name.contains(['/', '\\', ':', '\0'])
}
