//! The formats with one scale for 32 elements: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0.
//!
//! ```text
//! Q4_0   f16 d             16 bytes of nibbles      (q - 8)  * d
//! Q4_1   f16 d, f16 m      16 bytes of nibbles      q        * d + m
//! Q5_0   f16 d, u32 high   16 bytes of nibbles      (q - 16) * d      q = nibble + 16 * bit i of high
//! Q5_1   f16 d, f16 m, u32 high, 16 bytes           q        * d + m
//! Q8_0   f16 d             32 signed bytes          q        * d
//! ```
//!
//! Element `i < 16` is the low nibble of byte `i`, element `16 + i` the high one.
//!
//! The quantisers give ggml's bytes, so they keep its rounding: `trunc(x / d + 8.5)`, in f32, with `1 / d` taken before `d`
//! is rounded to f16.

use half::f16;

use super::{GROUP_LEN, Group, NO_OFFSET};

/// Element `i` of the packed nibbles.
fn nibble(bytes: &[u8], i: usize) -> u8 {
    if i < 16 { bytes[i] & 15 } else { bytes[i - 16] >> 4 }
}

/// Bit `i` of a block's four bytes of high bits, worth 16.
fn high_bit(bytes: &[u8], i: usize) -> u8 {
    (bytes[i / 8] >> (i % 8) & 1) << 4
}

/// The f16 at byte `at`.
pub(super) fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// A group with one scale.
fn group(scale: f32, offset: f32, quant: impl Fn(usize) -> i8) -> Group {
    Group { quants: std::array::from_fn(quant), scales: [scale; 2], offset }
}

pub(super) fn q4_0(block: &[u8], _: usize) -> Group {
    group(half_at(block, 0), NO_OFFSET, |i| nibble(&block[2..], i) as i8 - 8)
}

pub(super) fn q4_1(block: &[u8], _: usize) -> Group {
    group(half_at(block, 0), half_at(block, 2), |i| nibble(&block[4..], i) as i8)
}

pub(super) fn q5_0(block: &[u8], _: usize) -> Group {
    group(half_at(block, 0), NO_OFFSET, |i| (nibble(&block[6..], i) | high_bit(&block[2..6], i)) as i8 - 16)
}

pub(super) fn q5_1(block: &[u8], _: usize) -> Group {
    group(half_at(block, 0), half_at(block, 2), |i| (nibble(&block[8..], i) | high_bit(&block[4..8], i)) as i8)
}

pub(super) fn q8_0(block: &[u8], _: usize) -> Group {
    group(half_at(block, 0), NO_OFFSET, |i| block[2 + i] as i8)
}

/// `1 / d`, or 0 where every element is 0.
fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
}

/// The element of largest magnitude, with its sign; the first of equals.
fn extreme(x: &[f32; GROUP_LEN]) -> f32 {
    x.iter().fold(0.0, |best: f32, x| if x.abs() > best.abs() { *x } else { best })
}

fn put_half(block: &mut [u8], at: usize, value: f32) {
    block[at..at + 2].copy_from_slice(&f16::from_f32(value).to_le_bytes());
}

/// Writes the low four bits of `quants` as nibbles.
fn put_nibbles(bytes: &mut [u8], quants: &[u8; GROUP_LEN]) {
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = quants[i] & 15 | quants[i + 16] << 4;
    }
}

/// Writes the fifth bit of `quants`.
fn put_high_bits(bytes: &mut [u8], quants: &[u8; GROUP_LEN]) {
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = (0..8).fold(0, |byte, bit| byte | (quants[8 * i + bit] >> 4 & 1) << bit);
    }
}

/// `levels / 2` steps on each side of zero, the extreme element at the end of the negative side: `(d, quants)`.
fn symmetric(x: &[f32; GROUP_LEN], levels: u8) -> (f32, [u8; GROUP_LEN]) {
    let half = f32::from(levels / 2);
    let d = extreme(x) / -half;
    let inverse = inverse(d);
    (d, x.map(|x| ((x * inverse + half + 0.5) as u8).min(levels - 1)))
}

/// `levels` steps from the least element to the greatest: `(d, least, quants)`.
fn affine(x: &[f32; GROUP_LEN], levels: u8) -> (f32, f32, [u8; GROUP_LEN]) {
    let least = x.iter().copied().fold(f32::MAX, f32::min);
    let greatest = x.iter().copied().fold(f32::MIN, f32::max);
    let d = (greatest - least) / f32::from(levels - 1);
    let inverse = inverse(d);
    (d, least, x.map(|x| (((x - least) * inverse + 0.5) as u8).min(levels - 1)))
}

pub(super) fn quantize_q4_0(x: &[f32; GROUP_LEN], block: &mut [u8]) {
    let (d, quants) = symmetric(x, 16);
    put_half(block, 0, d);
    put_nibbles(&mut block[2..], &quants);
}

pub(super) fn quantize_q4_1(x: &[f32; GROUP_LEN], block: &mut [u8]) {
    let (d, least, quants) = affine(x, 16);
    put_half(block, 0, d);
    put_half(block, 2, least);
    put_nibbles(&mut block[4..], &quants);
}

pub(super) fn quantize_q5_0(x: &[f32; GROUP_LEN], block: &mut [u8]) {
    let (d, quants) = symmetric(x, 32);
    put_half(block, 0, d);
    put_high_bits(&mut block[2..6], &quants);
    put_nibbles(&mut block[6..], &quants);
}

pub(super) fn quantize_q5_1(x: &[f32; GROUP_LEN], block: &mut [u8]) {
    let (d, least, quants) = affine(x, 32);
    put_half(block, 0, d);
    put_half(block, 2, least);
    put_high_bits(&mut block[4..8], &quants);
    put_nibbles(&mut block[8..], &quants);
}

pub(super) fn quantize_q8_0(x: &[f32; GROUP_LEN], block: &mut [u8]) {
    let d = extreme(x).abs() / 127.0;
    let inverse = inverse(d);
    put_half(block, 0, d);
    for (byte, x) in block[2..].iter_mut().zip(x) {
        *byte = (x * inverse).round() as i8 as u8;
    }
}
