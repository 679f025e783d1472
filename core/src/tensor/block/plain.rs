//! The formats without blocks: f32, f16 (IEEE 754 binary16) and bf16 (the upper half of an f32).

use half::{bf16, f16};

use crate::format::BlockFormat;

/// One element from its bytes, of which there are as many as the format says.
#[inline(always)]
pub(crate) fn element(format: BlockFormat, bytes: &[u8]) -> f32 {
    match format {
        BlockFormat::F16 => f16::from_le_bytes([bytes[0], bytes[1]]).to_f32(),
        BlockFormat::BF16 => bf16::from_le_bytes([bytes[0], bytes[1]]).to_f32(),
        _ => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
    }
}

/// One element to its bytes, rounded to the nearest, ties to even.
pub(super) fn put_element(format: BlockFormat, x: f32, bytes: &mut [u8]) {
    match format {
        BlockFormat::F16 => bytes.copy_from_slice(&f16::from_f32(x).to_le_bytes()),
        BlockFormat::BF16 => bytes.copy_from_slice(&bf16::from_f32(x).to_le_bytes()),
        _ => bytes.copy_from_slice(&x.to_le_bytes()),
    }
}
