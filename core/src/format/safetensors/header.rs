//! The header of one safetensors file.
//!
//! The one idea: the limits (tensors, dimensions) hold while the JSON is read, not after, so that a hostile header can't make its
//! reader allocate much more than its own length.

use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::format::shown::{json_error, shown};
use crate::format::tensor_info::{MAX_DIMS, MAX_TENSORS, byte_len, check_placement};
use crate::format::{BlockFormat, TensorInfo};
use crate::{Error, Location, Result};

/// Longest header. The reference reader allows 100 MB; the most tensors that are read here need a tenth of this each.
pub(super) const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Counters that older versions of `transformers` stored beside the weights, as 64-bit integers. Positions are counted here, too.
const COUNTERS: &str = "position_ids";

/// The header's key for free text, which is not a tensor.
const METADATA_KEY: &str = "__metadata__";

/// Reads and checks the header. `file` is the whole file; the tensors are in the order of their data, `shard` is 0.
///
/// # Errors
/// `ModelFile` where the file breaks the format; `Unsupported` where a tensor is neither F32, F16 nor BF16.
pub fn parse(file: &Bytes) -> Result<Vec<TensorInfo>> {
    let header_error = |what: String| Error::model_file(what, Location::part("header").at(0));
    let Some((len, rest)) = file.split_first_chunk::<8>() else {
        return Err(header_error(format!("the header's length needs 8 bytes, the file has {}", file.len())));
    };
    let len = u64::from_le_bytes(*len);
    if len > MAX_HEADER_BYTES {
        return Err(header_error(format!(
            "the header's length is {len}, at most {MAX_HEADER_BYTES} are allowed: is it a safetensors file?"
        )));
    }
    let Some((header, data)) = usize::try_from(len).ok().and_then(|len| rest.split_at_checked(len)) else {
        return Err(header_error(format!(
            "the header needs {len} bytes, the file has {} left: download it again",
            rest.len()
        )));
    };
    let entries: Entries = serde_json::from_slice(header).map_err(|e| header_error(json_error(&e)))?;
    let data_start = file.len() - data.len();
    let mut tensors = Vec::with_capacity(entries.0.len());
    for (name, entry) in entries.0 {
        tensors.push(entry.tensor(name, data_start)?);
    }
    tensors.sort_by_key(|tensor| tensor.offset);
    check_placement(&tensors, file.len())?;
    check_no_holes(&tensors, data_start as u64, file.len() as u64)?;
    tensors.retain(|tensor| !is_counter(&tensor.name));
    Ok(tensors)
}

fn is_counter(name: &str) -> bool {
    name.rsplit('.').next() == Some(COUNTERS)
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    #[serde(deserialize_with = "shape")]
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

impl Entry {
    fn tensor(mut self, name: String, data_start: usize) -> Result<TensorInfo> {
        let format = match self.dtype.as_str() {
            "F32" => BlockFormat::F32,
            "F16" => BlockFormat::F16,
            "BF16" => BlockFormat::BF16,
            // for the check of its place, twice as many elements of half the size; it is left out then
            "I64" if is_counter(&name) => {
                self.shape.iter_mut().take(1).for_each(|dim| *dim = dim.saturating_mul(2));
                BlockFormat::F32
            }
            other => {
                return Err(Error::unsupported(
                    format!("tensor {} is stored as {}", shown(&name), shown(other)),
                    "choose a checkpoint with the types F32, F16, BF16",
                ));
            }
        };
        let bytes = byte_len(&name, format, &self.shape)?;
        let [begin, end] = self.data_offsets;
        let offset = begin.checked_add(data_start as u64);
        match offset.filter(|_| end.checked_sub(begin) == Some(bytes as u64)) {
            Some(offset) => Ok(TensorInfo { name, format, shape: self.shape, offset, bytes, shard: 0 }),
            None => Err(Error::model_file(
                format!("shape {:?} needs {bytes} bytes, data_offsets are {begin} to {end}", self.shape),
                Location::part(shown(&name)),
            )),
        }
    }
}

/// A shape, refused while it is read where it has too many dimensions: a hostile header may list millions.
fn shape<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<usize>, D::Error> {
    struct Shape;
    impl<'de> Visitor<'de> for Shape {
        type Value = Vec<usize>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MAX_DIMS} dimensions")
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut dims = Vec::with_capacity(MAX_DIMS);
            while let Some(dim) = seq.next_element()? {
                if dims.len() == MAX_DIMS {
                    return Err(serde::de::Error::custom(format!("expected at most {MAX_DIMS} dimensions")));
                }
                dims.push(dim);
            }
            Ok(dims)
        }
    }
    deserializer.deserialize_seq(Shape)
}

/// The header's tensors in the order of the file. Names that come twice are found later, with the other checks of names.
struct Entries(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Header;
        impl<'de> Visitor<'de> for Header {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == METADATA_KEY {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    if entries.len() == MAX_TENSORS {
                        return Err(serde::de::Error::custom(format!("expected at most {MAX_TENSORS} tensors")));
                    }
                    let entry = map.next_value_seed(Named(&name))?;
                    entries.push((name, entry));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Header)
    }
}

/// Reads an entry and names its tensor in the error.
struct Named<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = Entry;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Entry, D::Error> {
        Entry::deserialize(deserializer).map_err(|e| serde::de::Error::custom(format!("tensor {}: {e}", shown(self.0))))
    }
}

fn check_no_holes(sorted: &[TensorInfo], data_start: u64, file_bytes: u64) -> Result<()> {
    let mut end = data_start;
    for tensor in sorted {
        if tensor.offset != end {
            return Err(Error::model_file(
                format!("expected the data at byte {end}, where the last tensor ended"),
                Location::part(shown(&tensor.name)).at(tensor.offset),
            ));
        }
        end = tensor.end();
    }
    if end != file_bytes {
        return Err(Error::model_file(
            format!("{} bytes after the last tensor belong to none: download the file again", file_bytes - end),
            Location::offset(end),
        ));
    }
    Ok(())
}
