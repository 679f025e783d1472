//! The key-value section of a GGUF file.

use super::reader::Reader;
use crate::Result;
use crate::format::Metadata;
use crate::format::value::{Array, Value, ValueType, scalar};

/// Most key-values that a file may hold. Published models have fewer than 100; the limit keeps the index of a hostile file to a
/// few megabytes.
pub(super) const MAX_KEYS: u64 = 65_536;

/// Longest key: 2^16 - 1 bytes by the specification.
pub(super) const MAX_KEY_BYTES: usize = 65_535;

/// Deepest nesting of arrays. The specification allows any, the reference reader none; the limit bounds the recursion here.
pub(super) const MAX_ARRAY_DEPTH: usize = 4;

/// An entry has at least a key's length, a type and one byte of value.
const MIN_ENTRY_BYTES: usize = 8 + 4 + 1;

/// A string has at least its length.
const MIN_STRING_BYTES: usize = 8;

/// An array has at least its element type and its count.
const MIN_ARRAY_BYTES: usize = 4 + 8;

pub(super) fn read_metadata(reader: &mut Reader, count: u64) -> Result<Metadata> {
    if count > MAX_KEYS {
        return Err(reader.error(format!("the file announces {count} metadata keys, at most {MAX_KEYS} are allowed")));
    }
    let count = reader.count(count, MIN_ENTRY_BYTES, "metadata keys")?;
    let mut metadata = Metadata::default();
    for place in 1..=count {
        reader.enter(format!("metadata key {place} of {count}"));
        let key = reader.text(MAX_KEY_BYTES, "a key")?;
        if key.as_str().is_empty() {
            return Err(reader.error("a key is empty"));
        }
        reader.enter(key.as_str());
        let value_type = read_type(reader)?;
        let value = read_value(reader, value_type)?;
        if !metadata.insert(key, value) {
            return Err(reader.error("two metadata entries have this key"));
        }
    }
    Ok(metadata)
}

fn read_type(reader: &mut Reader) -> Result<ValueType> {
    let number = reader.u32("a value type")?;
    ValueType::from_gguf(number).ok_or_else(|| reader.error(format!("unknown value type {number}, expected 0 to 12")))
}

fn read_value(reader: &mut Reader, value_type: ValueType) -> Result<Value> {
    match value_type.width() {
        Some(width) => {
            let bytes = reader.take(width, value_type.name())?;
            // Only a flag can be of the right length and still be wrong.
            scalar(value_type, &bytes).ok_or_else(|| not_a_flag(reader))
        }
        // The bytes that are left are the only limit of a string: chat templates are long.
        None if value_type == ValueType::String => reader.text(usize::MAX, "a string").map(Value::String),
        None => {
            let element = read_type(reader)?;
            let count = reader.u64("an array's length")?;
            let start = reader.at();
            let len = skip_elements(reader, element, count, 1)?;
            Ok(Array::over(element, len, reader.since(start)).into())
        }
    }
}

/// Steps over the elements of an array, checking each, and gives their number.
fn skip_elements(reader: &mut Reader, element: ValueType, count: u64, depth: usize) -> Result<usize> {
    if let Some(width) = element.width() {
        let len = reader.count(count, width, "array elements")?;
        let data = reader.advance((len * width) as u64, "an array")?;
        if element == ValueType::Bool && data.iter().any(|&byte| byte > 1) {
            return Err(not_a_flag(reader));
        }
        Ok(len)
    } else if element == ValueType::String {
        let len = reader.count(count, MIN_STRING_BYTES, "strings")?;
        for _ in 0..len {
            reader.skip_text("a string")?;
        }
        Ok(len)
    } else {
        if depth == MAX_ARRAY_DEPTH {
            return Err(reader.error(format!("arrays are nested more than {MAX_ARRAY_DEPTH} deep")));
        }
        let len = reader.count(count, MIN_ARRAY_BYTES, "arrays")?;
        for _ in 0..len {
            let inner = read_type(reader)?;
            let count = reader.u64("an array's length")?;
            skip_elements(reader, inner, count, depth + 1)?;
        }
        Ok(len)
    }
}

fn not_a_flag(reader: &Reader) -> crate::Error {
    reader.error("expected 0 or 1 for a bool, found another number")
}
