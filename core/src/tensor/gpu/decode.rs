//! Kernel side of `layout.rs`: eight elements of a weight row as `f32`.
//!
//! Works on words alone, so that it needs no `f16` from the device: half-precision numbers are widened by their bits.

use cubecl::prelude::*;

use super::layout::{Packing, Scales};

/// Four elements.
pub(super) type Four = Vector<f32, Const<4>>;

/// The eight elements of a chunk; `first_vector` and `second_vector` say which of their row.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Chunk {
    /// Elements `4 * first_vector ..`.
    pub(super) first: Four,
    /// Elements `4 * second_vector ..`.
    pub(super) second: Four,
}

/// Words of a row, as `Packing::row_words` has it on the host.
#[cube]
pub(super) fn row_words(chunks: usize, #[comptime] packing: Packing) -> usize {
    match packing {
        Packing::F32 => 8 * chunks,
        Packing::F16 | Packing::BF16 => 4 * chunks,
        Packing::Blocks { extra, scales, .. } => {
            let blocks = chunks / 4;
            let codes = (4 + extra as usize) * blocks;
            match scales {
                Scales::One => codes + blocks.div_ceil(2),
                Scales::WithMin => codes + blocks,
                Scales::NestedWithMin | Scales::NestedHalves => codes + blocks / 2 + blocks / 8,
            }
        }
    }
}

/// The place of a chunk's first four elements in its row, in vectors of four.
#[cube]
pub(super) fn first_vector(chunk: usize, #[comptime] packing: Packing) -> usize {
    match packing {
        Packing::F32 | Packing::F16 | Packing::BF16 => 2 * chunk,
        Packing::Blocks { .. } => chunk / 4 * 8 + chunk % 4,
    }
}

/// The place of a chunk's other four elements in its row, in vectors of four.
#[cube]
pub(super) fn second_vector(chunk: usize, #[comptime] packing: Packing) -> usize {
    match packing {
        Packing::F32 | Packing::F16 | Packing::BF16 => 2 * chunk + 1,
        Packing::Blocks { .. } => chunk / 4 * 8 + chunk % 4 + 4,
    }
}

/// The elements of chunk `chunk` of the row of `chunks` chunks that starts at word `start`.
#[cube]
pub(super) fn read_chunk(
    weight: &[u32],
    start: usize,
    chunk: usize,
    chunks: usize,
    #[comptime] packing: Packing,
) -> Chunk {
    match packing {
        Packing::F32 => {
            let at = start + 8 * chunk;
            let mut first = Four::zeroed();
            let mut second = Four::zeroed();
            #[unroll]
            for k in 0..4usize {
                first.insert(k, f32::reinterpret(weight[at + k]));
                second.insert(k, f32::reinterpret(weight[at + 4 + k]));
            }
            Chunk { first, second }
        }
        Packing::F16 | Packing::BF16 => {
            let at = start + 4 * chunk;
            let mut first = Four::zeroed();
            let mut second = Four::zeroed();
            #[unroll]
            for k in 0..2usize {
                let words = (weight[at + k], weight[at + 2 + k]);
                first.insert(2 * k, widen(words.0 & 0xffff, packing));
                first.insert(2 * k + 1, widen(words.0 >> 16, packing));
                second.insert(2 * k, widen(words.1 & 0xffff, packing));
                second.insert(2 * k + 1, widen(words.1 >> 16, packing));
            }
            Chunk { first, second }
        }
        Packing::Blocks { extra, zero, scales } => {
            let blocks = chunks / 4;
            let high = start + 4 * blocks;
            let plane = high + comptime!(extra as usize) * blocks;
            let codes = read_codes(weight, start + chunk, high, chunk, extra, zero);
            scaled(codes, weight, plane, chunk / 4, blocks, scales)
        }
    }
}

/// The codes of a chunk, less the one that stands for zero.
#[cube]
fn read_codes(
    weight: &[u32],
    low: usize,
    high: usize,
    chunk: usize,
    #[comptime] extra: u32,
    #[comptime] zero: u32,
) -> Chunk {
    let nibbles = weight[low];
    let mut first = Four::zeroed();
    let mut second = Four::zeroed();
    if comptime!(extra == 0) {
        #[unroll]
        for k in 0..4u32 {
            let at = comptime!(k as usize);
            first.insert(at, f32::cast_from((nibbles >> (8 * k)) & 15));
            second.insert(at, f32::cast_from((nibbles >> (8 * k + 4)) & 15));
        }
    } else {
        // Eight elements' high bits fill a byte, a half or a whole word: they never straddle two.
        let chunks_a_word = comptime!(4 / extra as usize);
        let shift = (chunk % chunks_a_word) as u32 * comptime!(8 * extra);
        let bits = weight[high + chunk / chunks_a_word] >> shift;
        let mask = comptime!((1u32 << extra) - 1);
        #[unroll]
        for k in 0..4u32 {
            let at = comptime!(k as usize);
            let low = ((nibbles >> (8 * k)) & 15, (nibbles >> (8 * k + 4)) & 15);
            let high = ((bits >> (k * extra)) & mask, (bits >> ((k + 4) * extra)) & mask);
            first.insert(at, f32::cast_from(low.0 | (high.0 << 4)));
            second.insert(at, f32::cast_from(low.1 | (high.1 << 4)));
        }
    }
    let zero = Four::new(comptime!(zero as f32).runtime());
    Chunk { first: first - zero, second: second - zero }
}

/// The values of codes of block `block`, whose scales are in `plane`.
#[cube]
fn scaled(
    codes: Chunk,
    weight: &[u32],
    plane: usize,
    block: usize,
    blocks: usize,
    #[comptime] scales: Scales,
) -> Chunk {
    match scales {
        Scales::One => {
            let scale = Four::new(widen(half_of(weight, plane, block), Packing::F16));
            Chunk { first: codes.first * scale, second: codes.second * scale }
        }
        Scales::WithMin => {
            let word = weight[plane + block];
            let scale = Four::new(widen(word & 0xffff, Packing::F16));
            let min = Four::new(widen(word >> 16, Packing::F16));
            Chunk { first: codes.first * scale + min, second: codes.second * scale + min }
        }
        Scales::NestedWithMin => {
            let pair = half_of(weight, plane, block);
            let factors = weight[plane + blocks / 2 + block / 8];
            let scale = Four::new(widen(factors & 0xffff, Packing::F16) * f32::cast_from(pair & 255));
            let min = Four::new(widen(factors >> 16, Packing::F16) * f32::cast_from(pair >> 8));
            Chunk { first: codes.first * scale - min, second: codes.second * scale - min }
        }
        Scales::NestedHalves => {
            let pair = half_of(weight, plane, block);
            let factor = widen(weight[plane + blocks / 2 + block / 8] & 0xffff, Packing::F16);
            let first = Four::new(factor * signed_byte(pair & 255));
            let second = Four::new(factor * signed_byte(pair >> 8));
            Chunk { first: codes.first * first, second: codes.second * second }
        }
    }
}

/// Half-word `index` of the plane.
#[cube]
fn half_of(weight: &[u32], plane: usize, index: usize) -> u32 {
    (weight[plane + index / 2] >> ((index % 2) as u32 * 16)) & 0xffff
}

/// The value of a byte in two's complement.
#[cube]
fn signed_byte(byte: u32) -> f32 {
    f32::cast_from(byte ^ 128) - 128.0
}

/// The value of a finite half-precision number, `F16` or `BF16`, in the low half of a word.
#[cube]
fn widen(bits: u32, #[comptime] packing: Packing) -> f32 {
    match packing {
        Packing::BF16 => f32::reinterpret(bits << 16),
        _ => {
            let sign = (bits & 0x8000) << 16;
            // Rebiases the exponent by 127 - 15.
            let normal = f32::reinterpret((((bits & 0x7fff) << 13) + 0x3800_0000) | sign);
            // Below 2^-14 there is no exponent: a whole number of 2^-24. GPUs may flush such numbers to zero in `f32`
            // bits, so they are computed.
            let tiny = f32::cast_from(bits & 0x3ff) * 5.960_464_5e-8;
            let tiny = f32::reinterpret(u32::reinterpret(tiny) | sign);
            select(bits & 0x7c00 == 0, tiny, normal)
        }
    }
}
