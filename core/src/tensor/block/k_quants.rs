//! The K-quants: super-blocks of 256 elements in which the scales are quantised too: Q4_K, Q5_K, Q6_K.
//!
//! ```text
//! Q4_K   f16 d, f16 dmin, 12 bytes of scales, 128 bytes of nibbles
//! Q5_K   f16 d, f16 dmin, 12 bytes of scales, 32 bytes of high bits, 128 bytes of nibbles
//!        eight groups of 32: q * (d * scale[g]) - dmin * min[g]
//! Q6_K   128 bytes of low nibbles, 64 bytes of high pairs of bits, 16 signed scales, f16 d
//!        sixteen groups of 16: (q - 32) * (d * scale[g])
//! ```
//!
//! Groups `2j` and `2j + 1` of Q4_K and Q5_K are the low and high nibbles of bytes `32j .. 32j + 32`; bit `g` of high byte `i`
//! belongs to element `i` of group `g`. The halves of Q6_K, 128 elements each, hold four runs of 32: runs 0 and 1 are the low
//! nibbles of the half's 64 bytes, runs 2 and 3 the high ones; run `r` takes bits `2r` and `2r + 1` of the half's 32 high bytes.

use super::legacy::half_at;
use super::{GROUP_LEN, Group, NO_OFFSET};

/// Scale and min of group `g` from the 12 bytes that pack sixteen 6-bit numbers: the first four groups have theirs in the
/// low six bits of bytes `g` and `g + 4`, the others a nibble each in byte `g + 4` and two bits on top of the first eight bytes.
#[inline(always)]
pub(crate) fn scale_and_min(packed: &[u8; 12], g: usize) -> (u8, u8) {
    if g < 4 {
        (packed[g] & 63, packed[g + 4] & 63)
    } else {
        (packed[g + 4] & 15 | packed[g - 4] >> 6 << 4, packed[g + 4] >> 4 | packed[g] >> 6 << 4)
    }
}

/// What Q4_K and Q5_K share: everything but the fifth bit.
fn affine(block: &[u8], g: usize, nibbles: &[u8], high: impl Fn(usize) -> u8) -> Group {
    let (scale, min) = scale_and_min(&std::array::from_fn(|i| block[4 + i]), g);
    let nibbles = &nibbles[g / 2 * GROUP_LEN..];
    Group {
        quants: std::array::from_fn(|i| (nibbles[i] >> (4 * (g % 2)) & 15 | high(i) << 4) as i8),
        scales: [half_at(block, 0) * f32::from(scale); 2],
        offset: -(half_at(block, 2) * f32::from(min)),
    }
}

pub(super) fn q4_k(block: &[u8], g: usize) -> Group {
    affine(block, g, &block[16..], |_| 0)
}

pub(super) fn q5_k(block: &[u8], g: usize) -> Group {
    affine(block, g, &block[48..], |i| block[16 + i] >> g & 1)
}

pub(super) fn q6_k(block: &[u8], g: usize) -> Group {
    let (half, run) = (g / 4, g % 4);
    let (low, high) = (&block[64 * half + 32 * (run % 2)..], &block[128 + 32 * half..]);
    let scale = |i: usize| half_at(block, 208) * f32::from(block[192 + 2 * g + i] as i8);
    Group {
        quants: std::array::from_fn(|i| (low[i] >> (4 * (run / 2)) & 15 | (high[i] >> (2 * run) & 3) << 4) as i8 - 32),
        scales: [scale(0), scale(1)],
        offset: NO_OFFSET,
    }
}
