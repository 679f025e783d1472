//! Where a tensor lies in a file, and the checks that both file formats share.
//!
//! Shapes are row-major: the outermost dimension first, as PyTorch and safetensors write them. GGUF writes the same dimensions in
//! the opposite order (`ne[0]` is the contiguous one); its parser turns them round, so that nobody above has to know.

use std::collections::HashSet;

use super::BlockFormat;
use super::shown::shown;
use crate::{Error, Location, Result};

/// Most tensors that a file may list. Published models under 10 B parameters have fewer than 2,000; the limit keeps the list of a
/// hostile file to some megabytes.
pub(crate) const MAX_TENSORS: usize = 65_536;

/// Most dimensions of a tensor: ggml's `GGML_MAX_DIMS`. No weight of a language model has more.
pub(crate) const MAX_DIMS: usize = 4;

/// A tensor's name, type, shape and place. The parsers only hand out those that lie wholly inside their file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// The name in the file.
    pub name: String,
    /// How its elements are stored.
    pub format: BlockFormat,
    /// Elements along each dimension, outermost first; the last one is contiguous.
    pub shape: Vec<usize>,
    /// Bytes from the start of its file.
    pub offset: u64,
    /// Bytes of its data.
    pub bytes: usize,
    /// Which file of a sharded model holds it; 0 where there is one file.
    pub shard: usize,
}

impl TensorInfo {
    /// Elements of a row: the last dimension, 1 for a scalar.
    pub fn cols(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// Rows: the product of all dimensions but the last, 1 for a vector.
    pub fn rows(&self) -> usize {
        self.shape.iter().rev().skip(1).product() // can't overflow: `byte_len` multiplied all of them
    }

    /// The end of its data, in bytes from the start of its file.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes as u64)
    }
}

/// Bytes of a tensor's data.
///
/// # Errors
/// `ModelFile` at the tensor where it has too many dimensions or an empty one, where its rows are not whole blocks, or where
/// the size overflows.
pub(crate) fn byte_len(name: &str, format: BlockFormat, shape: &[usize]) -> Result<usize> {
    let error = |what: String| Err(Error::model_file(what, Location::part(shown(name))));
    if shape.len() > MAX_DIMS {
        return error(format!("expected at most {MAX_DIMS} dimensions, found {}", shape.len()));
    }
    if shape.contains(&0) {
        return error(format!("expected no empty dimension, found shape {shape:?}"));
    }
    let cols = shape.last().copied().unwrap_or(1);
    if !cols.is_multiple_of(format.block_len()) {
        return error(format!(
            "rows of {cols} elements are not whole blocks: {format} has {} elements a block",
            format.block_len()
        ));
    }
    let rows = shape.iter().rev().skip(1).try_fold(1usize, |product, &dim| product.checked_mul(dim));
    match rows.zip(format.row_bytes(cols)).and_then(|(rows, row)| rows.checked_mul(row)) {
        Some(bytes) => Ok(bytes),
        None => error(format!("the size of shape {shape:?} overflows")),
    }
}

/// Checks that no two tensors of one file share a name or a byte, and that each ends inside the file.
///
/// # Errors
/// `ModelFile` at the first tensor that breaks this.
pub(crate) fn check_placement(tensors: &[TensorInfo], file_bytes: usize) -> Result<()> {
    let mut names = HashSet::with_capacity(tensors.len());
    for tensor in tensors {
        let at = || Location::part(shown(&tensor.name)).at(tensor.offset);
        if !names.insert(tensor.name.as_str()) {
            return Err(Error::model_file("two tensors have this name", at()));
        }
        let left = (file_bytes as u64).saturating_sub(tensor.offset);
        if tensor.bytes as u64 > left {
            return Err(Error::model_file(
                format!(
                    "tensor {} needs {} bytes at offset {}, the file has {left} left: download it again",
                    shown(&tensor.name),
                    tensor.bytes,
                    tensor.offset
                ),
                at(),
            ));
        }
    }
    let mut sorted: Vec<_> = tensors.iter().collect();
    sorted.sort_by_key(|tensor| tensor.offset);
    for pair in sorted.windows(2) {
        if pair[0].end() > pair[1].offset {
            return Err(Error::model_file(
                format!("the data overlaps tensor {}, which ends at byte {}", shown(&pair[0].name), pair[0].end()),
                Location::part(shown(&pair[1].name)).at(pair[1].offset),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str, shape: &[usize], offset: u64, bytes: usize) -> TensorInfo {
        TensorInfo { name: name.into(), format: BlockFormat::F32, shape: shape.into(), offset, bytes, shard: 0 }
    }

    #[test]
    fn rows_and_cols_of_vectors_matrices_and_scalars() {
        assert_eq!((info("a", &[3, 5], 0, 60).rows(), info("a", &[3, 5], 0, 60).cols()), (3, 5));
        assert_eq!((info("a", &[5], 0, 20).rows(), info("a", &[5], 0, 20).cols()), (1, 5));
        assert_eq!((info("a", &[], 0, 4).rows(), info("a", &[], 0, 4).cols()), (1, 1));
    }

    #[test]
    fn a_size_is_rows_of_whole_blocks() {
        assert_eq!(byte_len("a", BlockFormat::Q4_0, &[3, 64]).unwrap(), 3 * 36);
        assert_eq!(byte_len("a", BlockFormat::F16, &[]).unwrap(), 2);
        assert_eq!(
            byte_len("w", BlockFormat::Q4_0, &[64, 33]).unwrap_err().to_string(),
            "rows of 33 elements are not whole blocks: Q4_0 has 32 elements a block (w)"
        );
    }

    #[test]
    fn bad_shapes_are_named() {
        let message = |shape: &[usize]| byte_len("w", BlockFormat::F32, shape).unwrap_err().to_string();
        assert_eq!(message(&[1, 1, 1, 1, 1]), "expected at most 4 dimensions, found 5 (w)");
        assert_eq!(message(&[4, 0]), "expected no empty dimension, found shape [4, 0] (w)");
        assert!(message(&[usize::MAX, 2]).starts_with("the size of shape ["));
        assert!(message(&[usize::MAX / 2, 2, 2]).contains("overflows"));
    }

    #[test]
    fn placement_finds_twins_overlaps_and_what_is_cut_off() {
        let message = |tensors: &[TensorInfo]| check_placement(tensors, 100).unwrap_err().to_string();
        assert!(check_placement(&[info("b", &[10], 60, 40), info("a", &[10], 20, 40)], 100).is_ok());
        assert_eq!(
            message(&[info("a", &[10], 0, 40), info("a", &[10], 40, 40)]),
            "two tensors have this name (a, byte 40)"
        );
        assert_eq!(
            message(&[info("a", &[10], 64, 40)]),
            "tensor a needs 40 bytes at offset 64, the file has 36 left: download it again (a, byte 64)"
        );
        assert!(message(&[info("a", &[10], u64::MAX, 40)]).contains("the file has 0 left"));
        assert_eq!(
            message(&[info("b", &[10], 39, 40), info("a", &[10], 0, 40)]),
            "the data overlaps tensor a, which ends at byte 40 (b, byte 39)"
        );
    }
}
