//! What holds for any bytes: one function a parser. The fuzz targets call them with new inputs, `tests/replay.rs` with saved ones.

use bytes::Bytes;
use minnow::format::{TensorInfo, Value, gguf, safetensors};

/// GGUF: refused, or every tensor lies inside the file and every value can be read.
pub fn check_gguf(data: &[u8]) {
    let file = Bytes::copy_from_slice(data);
    let Ok(parsed) = gguf::parse(file.clone()) else { return };
    check_tensors(&parsed.tensors, file.len());
    for (key, value) in parsed.metadata.iter() {
        assert!(parsed.metadata.get(key).is_some_and(|found| std::ptr::eq(found, value)), "{key}");
        if let Value::Array(array) = value {
            let read = array.strings().map(Iterator::count).or_else(|| array.scalars().map(Iterator::count));
            assert_eq!(read.unwrap_or(array.len()), array.len(), "{key}");
        }
    }
}

/// safetensors: refused, or every tensor lies inside the file.
pub fn check_safetensors(data: &[u8]) {
    let file = Bytes::copy_from_slice(data);
    if let Ok(tensors) = safetensors::parse(&file) {
        check_tensors(&tensors, file.len());
    }
}

fn check_tensors(tensors: &[TensorInfo], file_bytes: usize) {
    for tensor in tensors {
        assert!(tensor.end() <= file_bytes as u64, "{}", tensor.name);
        let row = tensor.format.row_bytes(tensor.cols());
        assert_eq!(row.and_then(|row| row.checked_mul(tensor.rows())), Some(tensor.bytes), "{}", tensor.name);
    }
}
