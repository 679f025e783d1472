//! Model families, each a small file made of shared operations: decoders, which write (with rope and cache), and encoders, which read whole texts.
//!
//! A new decoder is one file here and one row in [`FAMILIES`].

pub(crate) mod bert;
mod cache;
mod config;
mod llama;
mod rope;

pub use bert::{EncoderConfig, Pooling};
pub use cache::CachePrecision;
pub(crate) use cache::KvCache;
pub use config::ModelConfig;
pub use rope::RopeScaling;

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::format::ModelFile;
use crate::tensor::{ComputeDevice, StepInputs};
use crate::{Error, Result};

/// A decoder: token ids in, hidden states and logits out.
pub(crate) trait Decoder: Send + Sync {
    /// `ids` as inputs of a step at the positions after those in the cache.
    fn inputs(&self, ids: &[u32], cache: &KvCache) -> StepInputs;

    /// Runs `inputs` at the positions after those in the cache and adds them to it.
    ///
    /// # Shapes
    /// `inputs`: 1 to `cache.max_rows()` tokens; gives the hidden states after the final norm, `[tokens, hidden_size]`.
    /// # Errors
    /// `InvalidInput` for an id past the vocabulary.
    fn forward(&self, inputs: &StepInputs, cache: &mut KvCache) -> Result<Tensor<2>>;

    /// As [`forward`](Self::forward), through the first `layers` layers only and without the final norm.
    fn states(&self, inputs: &StepInputs, cache: &mut KvCache, layers: usize) -> Result<Tensor<2>>;

    /// Logits of hidden states: `[m, hidden_size]` gives `[m, vocab_size]`.
    fn logits(&self, hidden: Tensor<2>) -> Tensor<2>;
}

type Load = fn(&ModelFile, ModelConfig, &ComputeDevice) -> Result<Arc<dyn Decoder>>;

/// Architecture as the file names it, and the family that runs it.
const FAMILIES: [(&str, Load); 2] = [("llama", llama::load), ("mistral", llama::load)];

/// Whether a family of decoders is implemented, by the name that model files give it.
pub(crate) fn is_implemented(architecture: &str) -> bool {
    FAMILIES.iter().any(|(name, _)| *name == architecture)
}

/// Loads the weights of `file` on `device`.
///
/// # Errors
/// `Unsupported` for a family that is not implemented, `ModelFile` where tensors are missing or have other shapes.
pub(crate) fn load(file: &ModelFile, config: ModelConfig, device: &ComputeDevice) -> Result<Arc<dyn Decoder>> {
    let known = FAMILIES.iter().find(|(name, _)| *name == config.architecture);
    let Some((_, load)) = known else {
        let names: Vec<&str> = FAMILIES.iter().map(|(name, _)| *name).collect();
        return Err(Error::unsupported(
            format!("architecture `{}` is not implemented", config.architecture),
            format!("these are: {}", names.join(", ")),
        ));
    };
    load(file, config, device)
}
