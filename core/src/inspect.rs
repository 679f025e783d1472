//! What a model file holds, without loading it: for `minnow inspect` and for apps that choose among files.

use std::path::Path;

use serde::Serialize;

use crate::Result;
use crate::format::ModelFile;

/// What a model file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ModelInfo {
    /// The family as the file names it: `llama`, `gemma3` …
    pub architecture: String,
    /// Every tensor, in the file's order.
    pub tensors: Vec<TensorSummary>,
    /// Elements of all tensors together.
    pub parameters: u64,
    /// Positions that the model was trained for, where the file says so.
    pub context: Option<usize>,
}

/// One tensor of a model file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TensorSummary {
    /// Its name in the file.
    pub name: String,
    /// The block format: `Q4_1`, `F32` …
    #[serde(rename = "type")]
    pub format: String,
    /// Elements along each axis, outermost first.
    pub shape: Vec<usize>,
}

/// Reads what the model at `path` holds: a .gguf file, or a folder with config.json and model.safetensors.
///
/// # Errors
/// `Io` and `ModelFile` for a file that can't be read.
pub fn inspect(path: impl AsRef<Path>) -> Result<ModelInfo> {
    let path = path.as_ref();
    let file = ModelFile::open(path)?;
    let architecture = file.architecture()?.to_owned();
    let context = match file.metadata() {
        Some(metadata) => metadata.usize(&format!("{architecture}.context_length"))?,
        None => file.config().and_then(|config| config.max_position_embeddings),
    };
    let tensors: Vec<_> = file
        .tensors()
        .iter()
        .map(|tensor| TensorSummary {
            name: tensor.name.clone(),
            format: tensor.format.to_string(),
            shape: tensor.shape.clone(),
        })
        .collect();
    let elements = |tensor: &TensorSummary| tensor.shape.iter().map(|length| *length as u64).product::<u64>();
    Ok(ModelInfo { parameters: tensors.iter().map(elements).sum(), architecture, tensors, context })
}
