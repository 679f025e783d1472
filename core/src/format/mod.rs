//! What a model file says: GGUF, safetensors and config.json, memory-mapped and bounds-checked.
//!
//! ```text
//! ModelFile ─ gguf (Metadata, Value) ┐
//!           └ safetensors, config    ┴ TensorInfo, BlockFormat, map
//! ```
//! Most callers want [`ModelFile`]. The parsers are public for the fuzz targets, for `minnow quantize` and for tools that inspect
//! files.

mod block;
mod config;
pub mod gguf;
mod map;
mod metadata;
mod model_file;
mod replace;
pub mod safetensors;
mod shown;
mod tensor_info;
mod value;

pub use block::BlockFormat;
pub use config::{HfConfig, HymbaConfig, RopeScaling, TokenIds};
pub use map::map;
pub use metadata::Metadata;
pub use model_file::{FileKind, ModelFile};
pub(crate) use replace::replace;
pub use tensor_info::TensorInfo;
pub use value::{Array, Text, Value, ValueType};
