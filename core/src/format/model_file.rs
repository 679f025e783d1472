//! One model on disk, whatever its format: the face of this folder.
//!
//! Opening maps and checks everything but the weights' values; afterwards tensors are looked up by name and handed out as slices
//! of the map. Names and shapes stay those of the file: that GGUF and safetensors call the same matrix differently is the model
//! family's business.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use super::map::{MappedFile, map};
use super::shown::shown;
use super::{HfConfig, Metadata, TensorInfo, gguf, safetensors};
use crate::{Error, Location, Result};

/// How many files a split GGUF model has, as llama.cpp's `gguf-split` writes it.
const SPLIT_COUNT_KEY: &str = "split.count";

/// Bytes at the head of a file that tell models apart: names and numbers.
const FINGERPRINT_BYTES: usize = 16 << 10;

const CONFIG_FILE: &str = "config.json";
const WEIGHTS_FILE: &str = "model.safetensors";
const INDEX_FILE: &str = "model.safetensors.index.json";

/// The two kinds of model files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A .gguf file.
    Gguf,
    /// A folder with config.json and model.safetensors, in one file or in shards.
    Safetensors,
}

/// An open model. Cloning what it hands out is cheap, and keeps the files mapped.
#[derive(Debug)]
pub struct ModelFile {
    path: PathBuf,
    header: Header,
    tensors: Vec<TensorInfo>,
    index: HashMap<String, usize>,
    /// The mapped files: one, or one for each shard.
    files: Vec<MappedFile>,
}

#[derive(Debug)]
enum Header {
    Gguf(Metadata),
    Safetensors(Box<HfConfig>),
}

impl ModelFile {
    /// Opens a .gguf file, or a folder with config.json and model.safetensors (or its shards and their index).
    ///
    /// # Errors
    /// `ModelFile` with path and place where a file is damaged; `Unsupported` where it is well formed but not read here; `Io` and
    /// `InvalidInput` where there is no file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if path.is_dir() { Self::open_folder(path) } else { Self::open_gguf(path) }
    }

    fn open_gguf(path: &Path) -> Result<Self> {
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            return Err(Error::unsupported(
                "a safetensors file alone",
                "give the folder that also holds its config.json",
            ));
        }
        let file = MappedFile::open(path)?;
        let parsed = gguf::parse(file.bytes.clone()).map_err(|e| e.in_file(path))?;
        let splits = parsed.metadata.usize(SPLIT_COUNT_KEY).map_err(|e| e.in_file(path))?.unwrap_or(1);
        if splits > 1 {
            return Err(Error::unsupported(
                format!("a GGUF model that is split into {splits} files"),
                "join them with llama.cpp's gguf-split --merge",
            ));
        }
        Ok(Self::new(path, Header::Gguf(parsed.metadata), parsed.tensors, vec![file]))
    }

    fn open_folder(folder: &Path) -> Result<Self> {
        let config_path = folder.join(CONFIG_FILE);
        let config = HfConfig::parse(&map(&config_path)?).map_err(|e| e.in_file(&config_path))?;
        let index_path = folder.join(INDEX_FILE);
        let weights_path = folder.join(WEIGHTS_FILE);
        let (tensors, files) = if index_path.is_file() && !weights_path.is_file() {
            open_shards(folder, &index_path)?
        } else {
            let file = MappedFile::open(&weights_path)?;
            (safetensors::parse(&file.bytes).map_err(|e| e.in_file(&weights_path))?, vec![file])
        };
        Ok(Self::new(folder, Header::Safetensors(Box::new(config)), tensors, files))
    }

    fn new(path: &Path, header: Header, tensors: Vec<TensorInfo>, files: Vec<MappedFile>) -> Self {
        let index = tensors.iter().enumerate().map(|(place, tensor)| (tensor.name.clone(), place)).collect();
        Self { path: path.to_owned(), header, tensors, index, files }
    }

    /// The path that was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which kind of file it is.
    pub fn kind(&self) -> FileKind {
        match self.header {
            Header::Gguf(_) => FileKind::Gguf,
            Header::Safetensors(_) => FileKind::Safetensors,
        }
    }

    /// The key-values of a GGUF file.
    pub fn metadata(&self) -> Option<&Metadata> {
        match &self.header {
            Header::Gguf(metadata) => Some(metadata),
            Header::Safetensors(_) => None,
        }
    }

    /// The config.json beside safetensors.
    pub fn config(&self) -> Option<&HfConfig> {
        match &self.header {
            Header::Gguf(_) => None,
            Header::Safetensors(config) => Some(config),
        }
    }

    /// The family as the file names it: `llama`, `bert`; empty for a config.json that doesn't say.
    ///
    /// # Errors
    /// `ModelFile` for GGUF metadata without one.
    pub fn architecture(&self) -> Result<&str> {
        match &self.header {
            Header::Gguf(metadata) => {
                metadata.require_str("general.architecture").map_err(|error| error.in_file(&self.path))
            }
            Header::Safetensors(config) => Ok(config.model_type.as_deref().unwrap_or_default()),
        }
    }

    /// All tensors, in the order of the file.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.index.get(name).map(|&place| &self.tensors[place])
    }

    /// The tensor of this name, which has to be there and have this shape.
    ///
    /// # Shapes
    /// `expected`: outermost dimension first
    ///
    /// # Errors
    /// `ModelFile` at the tensor where it is missing or has another shape.
    pub fn require(&self, name: &str, expected: &[usize]) -> Result<&TensorInfo> {
        let error = |what: String| Error::model_file(what, Location::part(shown(name))).in_file(&self.path);
        match self.tensor(name) {
            Some(tensor) if tensor.shape == expected => Ok(tensor),
            Some(tensor) => Err(error(format!("expected a tensor of shape {expected:?}, found {:?}", tensor.shape))),
            None => Err(error(format!("a required tensor is missing, expected shape {expected:?}"))),
        }
    }

    /// The bytes of one of this model's tensors: a slice of the map, nothing is copied. GGUF aligns them as the file says,
    /// safetensors not at all. For a tensor that is not of this model, the bytes at its place, or none where that is outside.
    pub fn data(&self, tensor: &TensorInfo) -> Bytes {
        self.place(tensor).map_or_else(Bytes::new, |(file, range)| file.bytes.slice(range))
    }

    /// Lets the system have the memory that this tensor's bytes were mapped to, now that they were copied elsewhere. Reading them again
    /// reads the file.
    pub(crate) fn give_back(&self, tensor: &TensorInfo) {
        if let Some((file, range)) = self.place(tensor) {
            file.give_back(range);
        }
    }

    /// Tells this model from others, and from itself after a change: by the lengths of its files, the times they were written and their first
    /// [`FINGERPRINT_BYTES`]. All bytes would take as long as loading them.
    pub(crate) fn fingerprint(&self) -> u128 {
        let mut hash = Xxh3::new();
        for file in &self.files {
            let since = file.modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            hash.update(&file.bytes.len().to_le_bytes());
            hash.update(&since.map_or(0, |since| since.as_nanos()).to_le_bytes());
            hash.update(&file.bytes[..file.bytes.len().min(FINGERPRINT_BYTES)]);
        }
        hash.digest128()
    }

    fn place(&self, tensor: &TensorInfo) -> Option<(&MappedFile, Range<usize>)> {
        let start = usize::try_from(tensor.offset).ok()?;
        let range = start..start.checked_add(tensor.bytes)?;
        self.files.get(tensor.shard).filter(|file| range.end <= file.bytes.len()).map(|file| (file, range))
    }
}

fn open_shards(folder: &Path, index_path: &Path) -> Result<(Vec<TensorInfo>, Vec<MappedFile>)> {
    let index = safetensors::parse_index(&map(index_path)?).map_err(|e| e.in_file(index_path))?;
    let (mut tensors, mut files) = (Vec::with_capacity(index.shard_of.len()), Vec::with_capacity(index.files.len()));
    for (shard, name) in index.files.iter().enumerate() {
        let path = folder.join(name);
        let file = MappedFile::open(&path)?;
        for mut tensor in safetensors::parse(&file.bytes).map_err(|e| e.in_file(&path))? {
            if index.shard_of.get(&tensor.name) != Some(&shard) {
                let at = Location::part(shown(&tensor.name)).at(tensor.offset);
                return Err(Error::model_file("the index does not assign this tensor to this file", at).in_file(&path));
            }
            tensor.shard = shard;
            tensors.push(tensor);
        }
        files.push(file);
    }
    if tensors.len() < index.shard_of.len() {
        // Each tensor found is one of the index and none is found twice, so one of the index is missing.
        let found: std::collections::HashSet<_> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        let missing = index.shard_of.keys().find(|name| !found.contains(name.as_str()));
        let name = missing.map(|name| shown(name)).unwrap_or_default();
        return Err(
            Error::model_file(format!("tensor {name} is in no file"), Location::part("weight_map")).in_file(index_path)
        );
    }
    Ok((tensors, files))
}

#[cfg(test)]
mod tests;
