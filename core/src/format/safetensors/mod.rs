//! safetensors, the model file of Hugging Face: reading.
//!
//! Source: the format's description and reference reader (`safetensors/src/tensor.rs` of huggingface/safetensors):
//!
//! ```text
//! file   = bytes:u64 header data                    little-endian; `bytes` is the header's length
//! header = {"__metadata__": {...}, name: {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, ...}
//! ```
//! Offsets count from the start of `data`; tensors cover it without holes or overlaps. Data is not aligned: a tensor may begin at
//! any byte. A folder may split its tensors over several files ("shards"), which `model.safetensors.index.json` assigns.
//!
//! The header is read here and not by the `safetensors` crate: its errors name neither the tensor nor the place nor a way out, it
//! allows a header of 100 MB to be turned into lists, and it would save about as many lines as adapting its types would cost.

mod header;
mod index;

#[cfg(test)]
mod hostile;

pub use header::parse;
pub(super) use index::parse_index;
