//! GGUF, the model file of ggml and llama.cpp: reading and writing.
//!
//! Source: the GGUF specification (`ggml/docs/gguf.md`) and the reference reader (`ggml/src/gguf.cpp`). Little-endian throughout:
//!
//! ```text
//! file    = "GGUF" version:u32 tensor_count:u64 key_count:u64 entry* tensor* padding data
//! entry   = key:string type:u32 value
//! string  = bytes:u64 UTF-8
//! array   = element_type:u32 count:u64 value*
//! tensor  = name:string dims:u32 ne:u64* type:u32 offset:u64
//! ```
//! `data` starts at the next multiple of the alignment (`general.alignment`, 32 where absent); a tensor's `offset` counts from
//! there and is a multiple of the alignment too. Versions 2 and 3 differ only in that 3 may be big-endian, which is refused here.
//!
//! The one idea: the file is hostile until it is proved otherwise. Every count is checked against the bytes that are left before
//! anything is allocated, each limit is a named constant, and what comes out of [`parse`] needs no further checks. What the keys
//! and tensors mean is not known here.

mod file;
mod reader;
mod tensor_types;
mod tensors;
mod values;
mod writer;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod properties;

pub use file::{Gguf, MAGIC, VERSION, parse};
pub use writer::{TensorSpec, Writer};
