//! How quants and scales are read out of a block in lanes; `tensor/block` says what the bits mean.
//!
//! Unlike there, quants that a format stores with a bias stay as stored (Q4_0, Q5_0): `d * (q - 8)` is `d * q` plus an offset
//! of `-8 d`, and unsigned bytes are what x86 multiplies. Q6_K and Q8_0 are signed and have no offset.

use super::lanes::{Lanes, Quants, array_at};
use crate::tensor::block::scale_and_min;

/// Scales of the first and the last 16 elements of a group, and its offset.
#[derive(Clone, Copy)]
pub(super) struct Scales {
    /// Equal but where the format has [`Format::HALVES`].
    pub(super) scales: [f32; 2],
    /// 0 where quants are signed.
    pub(super) offset: f32,
}

/// A quantised format in lanes. Blocks are slices of exactly `BLOCK_BYTES`.
pub(super) trait Format: Send + Sync {
    /// Bytes a block.
    const BLOCK_BYTES: usize;
    /// Groups of 32 a block.
    const GROUPS: usize;
    /// Range and sign; a format has an offset if and only if it is unsigned.
    const QUANTS: Quants;
    /// Whether the two halves of a group have scales of their own.
    const HALVES: bool;

    /// The integers of group `g`.
    fn quants<L: Lanes>(lanes: L, block: &[u8], g: usize) -> L::Bytes;
    /// The floats of group `g`.
    fn scales<L: Lanes>(lanes: L, block: &[u8], g: usize) -> Scales;
}

const fn unsigned(bound: i32) -> Quants {
    Quants { bound, signed: false }
}

#[inline(always)]
fn half_at<L: Lanes>(lanes: L, block: &[u8], at: usize) -> f32 {
    lanes.f16(u16::from_le_bytes(*array_at(block, at)))
}

/// Nibbles at `low`, fifth bits at `high`.
#[inline(always)]
fn five_bits<L: Lanes>(lanes: L, block: &[u8], low: usize, high: usize) -> L::Bytes {
    let high = lanes.sixteens(u32::from_le_bytes(*array_at(block, high)));
    lanes.or(lanes.nibbles(array_at(block, low)), high)
}

/// `d` at byte 0, and the bias that was added to quants.
#[inline(always)]
fn biased<L: Lanes>(lanes: L, block: &[u8], bias: f32) -> Scales {
    let d = half_at(lanes, block, 0);
    Scales { scales: [d; 2], offset: -bias * d }
}

/// `d` at byte 0, `m` at byte 2.
#[inline(always)]
fn affine<L: Lanes>(lanes: L, block: &[u8]) -> Scales {
    let [scale, offset] = lanes.f16_pair(*array_at(block, 0));
    Scales { scales: [scale; 2], offset }
}

/// Q4_K and Q5_K: `d`, `dmin` and the 6-bit scales.
#[inline(always)]
fn k_affine<L: Lanes>(lanes: L, block: &[u8], g: usize) -> Scales {
    let [d, dmin] = lanes.f16_pair(*array_at(block, 0));
    let (scale, min) = scale_and_min(array_at(block, 4), g);
    Scales { scales: [d * f32::from(scale); 2], offset: -(dmin * f32::from(min)) }
}

pub(super) struct Q4_0;
impl Format for Q4_0 {
    const BLOCK_BYTES: usize = 18;
    const GROUPS: usize = 1;
    const QUANTS: Quants = unsigned(15);
    const HALVES: bool = false;

    #[inline(always)]
    fn quants<L: Lanes>(lanes: L, block: &[u8], _: usize) -> L::Bytes {
        lanes.nibbles(array_at(block, 2))
    }

    #[inline(always)]
    fn scales<L: Lanes>(lanes: L, block: &[u8], _: usize) -> Scales {
        biased(lanes, block, 8.0)
    }
}

pub(super) struct Q4_1;
impl Format for Q4_1 {
    const BLOCK_BYTES: usize = 20;
    const GROUPS: usize = 1;
    const QUANTS: Quants = unsigned(15);
    const HALVES: bool = false;

    #[inline(always)]
    fn quants<L: Lanes>(lanes: L, block: &[u8], _: usize) -> L::Bytes {
        lanes.nibbles(array_at(block, 4))
    }

    #[inline(always)]
    fn scales<L: Lanes>(lanes: L, block: &[u8], _: usize) -> Scales {
        affine(lanes, block)
    }
}

pub(super) struct Q5_0;
impl Format for Q5_0 {
    const BLOCK_BYTES: usize = 22;
    const GROUPS: usize = 1;
    const QUANTS: Quants = unsigned(31);
    const HALVES: bool = false;

    #[inline(always)]
    fn quants<L: Lanes>(lanes: L, block: &[u8], _: usize) -> L::Bytes {
        five_bits(lanes, block, 6, 2)
    }

    #[inline(always)]
    fn scales<L: Lanes>(lanes: L, block: &[u8], _: usize) -> Scales {
        biased(lanes, block, 16.0)
    }
}

pub(super) struct Q5_1;
impl Format for Q5_1 {
    const BLOCK_BYTES: usize = 24;
    const GROUPS: usize = 1;
    const QUANTS: Quants = unsigned(31);
    const HALVES: bool = false;

    #[inline(always)]
    fn quants<L: Lanes>(lanes: L, block: &[u8], _: usize) -> L::Bytes {
        five_bits(lanes, block, 8, 4)
    }

    #[inline(always)]
    fn scales<L: Lanes>(lanes: L, block: &[u8], _: usize) -> Scales {
        affine(lanes, block)
    }
}

pub(super) struct Q8_0;
impl Format for Q8_0 {
    const BLOCK_BYTES: usize = 34;
    const GROUPS: usize = 1;
    const QUANTS: Quants = Quants { bound: 128, signed: true };
    const HALVES: bool = false;

    #[inline(always)]
    fn quants<L: Lanes>(lanes: L, block: &[u8], _: usize) -> L::Bytes {
        lanes.bytes(array_at(block, 2))
    }

    #[inline(always)]
    fn scales<L: Lanes>(lanes: L, block: &[u8], _: usize) -> Scales {
        Scales { scales: [half_at(lanes, block, 0); 2], offset: 0.0 }
    }
}

pub(super) struct Q4K;
impl Format for Q4K {
    const BLOCK_BYTES: usize = 144;
    const GROUPS: usize = 8;
    const QUANTS: Quants = unsigned(15);
    const HALVES: bool = false;

    #[inline(always)]
    fn quants<L: Lanes>(lanes: L, block: &[u8], g: usize) -> L::Bytes {
        lanes.shift_right(lanes.bytes(array_at(block, 16 + 32 * (g / 2))), 4 * (g as u32 % 2), 15)
    }

    #[inline(always)]
    fn scales<L: Lanes>(lanes: L, block: &[u8], g: usize) -> Scales {
        k_affine(lanes, block, g)
    }
}

pub(super) struct Q5K;
impl Format for Q5K {
    const BLOCK_BYTES: usize = 176;
    const GROUPS: usize = 8;
    const QUANTS: Quants = unsigned(31);
    const HALVES: bool = false;

    #[inline(always)]
    fn quants<L: Lanes>(lanes: L, block: &[u8], g: usize) -> L::Bytes {
        let low = lanes.shift_right(lanes.bytes(array_at(block, 48 + 32 * (g / 2))), 4 * (g as u32 % 2), 15);
        let high = lanes.shift_right(lanes.bytes(array_at(block, 16)), g as u32, 1);
        lanes.or(low, lanes.shift_left_4(high))
    }

    #[inline(always)]
    fn scales<L: Lanes>(lanes: L, block: &[u8], g: usize) -> Scales {
        k_affine(lanes, block, g)
    }
}

pub(super) struct Q6K;
impl Format for Q6K {
    const BLOCK_BYTES: usize = 210;
    const GROUPS: usize = 8;
    const QUANTS: Quants = Quants { bound: 32, signed: true };
    const HALVES: bool = true;

    #[inline(always)]
    fn quants<L: Lanes>(lanes: L, block: &[u8], g: usize) -> L::Bytes {
        let (half, run) = (g / 4, g % 4);
        let low = lanes.bytes(array_at(block, 64 * half + 32 * (run % 2)));
        let low = lanes.shift_right(low, 4 * (run as u32 / 2), 15);
        let high = lanes.shift_right(lanes.bytes(array_at(block, 128 + 32 * half)), 2 * run as u32, 3);
        lanes.minus_32(lanes.or(low, lanes.shift_left_4(high)))
    }

    #[inline(always)]
    fn scales<L: Lanes>(lanes: L, block: &[u8], g: usize) -> Scales {
        let d = half_at(lanes, block, 208);
        Scales { scales: [0, 1].map(|i| d * f32::from(block[192 + 2 * g + i] as i8)), offset: 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::BlockFormat;

    #[test]
    fn blocks_are_as_large_as_the_format_says() {
        fn check<F: Format>(format: BlockFormat) {
            assert_eq!((F::BLOCK_BYTES, F::GROUPS * 32), (format.block_bytes(), format.block_len()), "{format}");
            assert!(
                F::QUANTS.bound * 2 * 127 <= i32::from(i16::MAX),
                "{format}: a pair of products must fit into 16 bits"
            );
        }
        check::<Q4_0>(BlockFormat::Q4_0);
        check::<Q4_1>(BlockFormat::Q4_1);
        check::<Q5_0>(BlockFormat::Q5_0);
        check::<Q5_1>(BlockFormat::Q5_1);
        check::<Q8_0>(BlockFormat::Q8_0);
        check::<Q4K>(BlockFormat::Q4_K);
        check::<Q5K>(BlockFormat::Q5_K);
        check::<Q6K>(BlockFormat::Q6_K);
    }
}
