//! A whole GGUF file: the header's first fields, then its sections.

use bytes::Bytes;

use super::reader::Reader;
use super::{tensors, values};
use crate::format::{Metadata, TensorInfo};
use crate::{Error, Location, Result};

/// The first four bytes of every GGUF file.
pub const MAGIC: [u8; 4] = *b"GGUF";

/// The version that is written; versions 2 and 3 are read.
pub const VERSION: u32 = 3;

/// The key that sets the alignment of tensor data.
const ALIGNMENT_KEY: &str = "general.alignment";

/// The alignment of a file that has no such key: the specification's default.
const DEFAULT_ALIGNMENT: usize = 32;

/// The specification asks for a multiple of 8, the reference reader for a power of two.
const MIN_ALIGNMENT: usize = 8;

/// The largest memory page in use. More would serve nobody, and a file could make a copy of it grow without bounds.
const MAX_ALIGNMENT: usize = 65_536;

/// What a GGUF file says, apart from the tensors' data.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Gguf {
    /// The format's version: 2 or 3.
    pub version: u32,
    /// The key-values.
    pub metadata: Metadata,
    /// The tensors in the order of the file, each wholly inside it.
    pub tensors: Vec<TensorInfo>,
    /// The alignment of the tensors' data, in bytes.
    pub alignment: usize,
}

/// Reads everything but the tensors' data, and checks all of it. `file` is the whole file; strings and arrays of the result are
/// slices of it.
///
/// # Errors
/// `ModelFile` with the place where the file breaks the format; `Unsupported` where it is well formed but of a version, byte
/// order or tensor type that is not read.
pub fn parse(file: Bytes) -> Result<Gguf> {
    let mut reader = Reader::new(file);
    let version = version(&mut reader)?;
    let tensor_count = reader.u64("the tensor count")?;
    let key_count = reader.u64("the key count")?;
    let metadata = values::read_metadata(&mut reader, key_count)?;
    let alignment = alignment(&metadata)?;
    let tensors = tensors::read_tensors(&mut reader, tensor_count, alignment)?;
    Ok(Gguf { version, metadata, tensors, alignment })
}

fn version(reader: &mut Reader) -> Result<u32> {
    let magic = reader.take(MAGIC.len(), "the magic")?;
    if magic[..] != MAGIC {
        return Err(Error::model_file(
            format!(
                "not a GGUF file: expected it to start with \"GGUF\", found \"{}\"; is it a web page or a Git LFS pointer?",
                magic.escape_ascii()
            ),
            Location::offset(0),
        ));
    }
    match reader.u32("the version")? {
        version @ (2 | VERSION) => Ok(version),
        1 => Err(Error::unsupported("GGUF version 1", "convert the model again: versions 2 and 3 are read")),
        version if (1..=VERSION).contains(&version.swap_bytes()) => {
            Err(Error::unsupported("a big-endian GGUF file", "convert the model again as little-endian"))
        }
        version => Err(Error::unsupported(format!("GGUF version {version}"), "versions 2 and 3 are read")),
    }
}

pub(super) fn alignment(metadata: &Metadata) -> Result<usize> {
    let alignment = metadata.usize(ALIGNMENT_KEY)?.unwrap_or(DEFAULT_ALIGNMENT);
    if !alignment.is_power_of_two() || !(MIN_ALIGNMENT..=MAX_ALIGNMENT).contains(&alignment) {
        return Err(Error::model_file(
            format!("expected a power of two from {MIN_ALIGNMENT} to {MAX_ALIGNMENT}, found {alignment}"),
            Location::part(ALIGNMENT_KEY),
        ));
    }
    Ok(alignment)
}
