//! The tensor section of a GGUF file.

use super::reader::Reader;
use super::tensor_types::{name_of_unread, unsupported};
use crate::Result;
use crate::format::shown::shown;
use crate::format::tensor_info::{MAX_DIMS, MAX_TENSORS, byte_len, check_placement};
use crate::format::{BlockFormat, TensorInfo};

/// Longest tensor name: 64 bytes by the specification.
pub(super) const MAX_NAME_BYTES: usize = 64;

/// A tensor has at least a name's length, one dimension with its count, a type and an offset.
const MIN_TENSOR_BYTES: usize = 8 + 4 + 8 + 4 + 8;

pub(super) fn read_tensors(reader: &mut Reader, count: u64, alignment: usize) -> Result<Vec<TensorInfo>> {
    reader.enter("tensor list");
    if count > MAX_TENSORS as u64 {
        return Err(reader.error(format!("the file announces {count} tensors, at most {MAX_TENSORS} are allowed")));
    }
    let count = reader.count(count, MIN_TENSOR_BYTES, "tensors")?;
    let mut tensors = Vec::with_capacity(count);
    for place in 1..=count {
        reader.enter(format!("tensor {place} of {count}"));
        tensors.push(read_tensor(reader, alignment)?);
    }
    // Offsets count from the start of the data; only now is it known where that is.
    let data_start = (reader.at() as u64).next_multiple_of(alignment as u64);
    for tensor in &mut tensors {
        reader.enter(tensor.name.as_str());
        tensor.offset = tensor
            .offset
            .checked_add(data_start)
            .ok_or_else(|| reader.error(format!("offset {} overflows: download the file again", tensor.offset)))?;
    }
    check_placement(&tensors, reader.file_bytes())?;
    Ok(tensors)
}

/// One tensor, its offset still counted from the start of the data.
fn read_tensor(reader: &mut Reader, alignment: usize) -> Result<TensorInfo> {
    let name = reader.text(MAX_NAME_BYTES, "a tensor name")?.as_str().to_owned();
    reader.enter(name.as_str());
    let dims = reader.u32("the number of dimensions")?;
    if dims == 0 || dims as usize > MAX_DIMS {
        return Err(reader.error(format!("expected 1 to {MAX_DIMS} dimensions, found {dims}")));
    }
    let mut shape = Vec::with_capacity(MAX_DIMS);
    for _ in 0..dims {
        let dim = reader.u64("a dimension")?;
        shape.push(usize::try_from(dim).map_err(|_| reader.error(format!("dimension {dim} overflows")))?);
    }
    shape.reverse(); // GGUF lists the contiguous dimension first
    let number = reader.u32("the tensor type")?;
    let format = match (BlockFormat::from_gguf(number), name_of_unread(number)) {
        (Some(format), _) => format,
        (None, Some(type_name)) => return Err(unsupported(&shown(&name), type_name)),
        (None, None) => return Err(reader.error(format!("unknown tensor type {number}"))),
    };
    let offset = reader.u64("the offset")?;
    if !offset.is_multiple_of(alignment as u64) {
        return Err(reader.error(format!("offset {offset} is not a multiple of the alignment, {alignment}")));
    }
    let bytes = byte_len(&name, format, &shape)?;
    Ok(TensorInfo { name, format, shape, offset, bytes, shard: 0 })
}
