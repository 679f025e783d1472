//! How weights lie on the GPU: GGUF's blocks regrouped into `u32` words, without loss.
//!
//! What the blocks mean is told in `tensor/block`. WGSL reads nothing smaller than a word, and neighbouring lanes are
//! fast when they read neighbouring words; a file's blocks of 18, 34 or 210 bytes serve neither. So a row is stored in
//! planes, one after the other:
//!
//! 1. **Low nibbles**, four words a block of 32 elements, in GGUF's own order: byte `k` of word `i` holds element
//!    `4i + k` in its low nibble and element `16 + 4i + k` in its high one. These eight elements are a *chunk*, what
//!    one lane takes at a time.
//! 2. **High bits**, `extra` (0, 1, 2 or 4) an element: eight elements of a chunk stand side by side, in chunk order.
//! 3. **Scales**: see [`Scales`].
//!
//! The value of an element with code `q` is `scale * (q - zero) + min`. K-quants keep their two levels of scales,
//! because multiplying them out to one `f16` a block would cost size (5.0 instead of 4.6 bits an element) and precision
//! (5e-4). Unquantised rows are their elements in order, padded with zeros to whole chunks. Sizes in bits an element:
//! Q4_0 4.5, Q4_1 5, Q5_0 5.5, Q5_1 6, Q8_0 8.5, Q4_K 4.625, Q5_K 5.625, Q6_K 6.625.
//!
//! `decode.rs` is the reader of this layout.

use rayon::prelude::*;

use crate::format::BlockFormat;
use crate::tensor::block::{self, GROUP_LEN};
use crate::{Error, Location, Result};

/// Elements that a lane decodes at a time.
pub(super) const CHUNK: usize = 8;

/// What a kernel must know of a format at compile time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Packing {
    /// One word an element.
    F32,
    /// Two elements a word, the first in the low half.
    F16,
    /// As `F16`, with `f32`'s upper halves.
    BF16,
    /// Codes of `4 + extra` bits in blocks of 32.
    Blocks {
        /// Bits of a code past its low nibble.
        extra: u32,
        /// The code that stands for zero.
        zero: u32,
        /// What codes are multiplied by.
        scales: Scales,
    },
}

/// The third plane of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Scales {
    /// Half a word a block: `f16` scale.
    One,
    /// A word a block: `f16` scale, then `f16` min.
    WithMin,
    /// Half a word a block: `u8` scale and `u8` min; then a word for eight blocks: `f16` factor of the scales and `f16`
    /// factor of the mins, which are subtracted.
    NestedWithMin,
    /// Half a word a block: `i8` scale of its first 16 elements and `i8` scale of the others; then a word for eight
    /// blocks: their `f16` factor.
    NestedHalves,
}

impl Packing {
    /// The packing of a format.
    pub(super) fn of(format: BlockFormat) -> Self {
        let blocks = |extra, zero, scales| Self::Blocks { extra, zero, scales };
        match format {
            BlockFormat::F32 => Self::F32,
            BlockFormat::F16 => Self::F16,
            BlockFormat::BF16 => Self::BF16,
            BlockFormat::Q4_0 => blocks(0, 8, Scales::One),
            BlockFormat::Q4_1 => blocks(0, 0, Scales::WithMin),
            BlockFormat::Q5_0 => blocks(1, 16, Scales::One),
            BlockFormat::Q5_1 => blocks(1, 0, Scales::WithMin),
            BlockFormat::Q8_0 => blocks(4, 128, Scales::One),
            BlockFormat::Q4_K => blocks(0, 0, Scales::NestedWithMin),
            BlockFormat::Q5_K => blocks(1, 0, Scales::NestedWithMin),
            BlockFormat::Q6_K => blocks(2, 32, Scales::NestedHalves),
        }
    }

    /// Words of a row of `chunks` chunks. Kernels call it at run time through `decode::row_words`.
    fn row_words(self, chunks: usize) -> usize {
        match self {
            Self::F32 => 8 * chunks,
            Self::F16 | Self::BF16 => 4 * chunks,
            Self::Blocks { extra, scales, .. } => {
                let blocks = chunks / 4;
                let scales = match scales {
                    Scales::One => blocks.div_ceil(2),
                    Scales::WithMin => blocks,
                    Scales::NestedWithMin | Scales::NestedHalves => blocks / 2 + blocks / 8,
                };
                (4 + extra as usize) * blocks + scales
            }
        }
    }
}

/// Chunks of a row of `cols` elements.
pub(super) fn row_chunks(cols: usize) -> usize {
    cols.div_ceil(CHUNK)
}

/// Words of a row of `cols` elements, a whole number of the format's blocks.
pub(crate) fn row_words(format: BlockFormat, cols: usize) -> usize {
    Packing::of(format).row_words(row_chunks(cols))
}

/// Regroups `bytes`, a matrix `[rows, cols]` in GGUF's blocks, into words `[rows, row_words(format, cols)]`.
///
/// # Errors
/// `ModelFile` where `bytes` is not that many blocks, or an `f16` in it is infinite or not a number: kernels decode
/// finite ones only.
pub(crate) fn pack(format: BlockFormat, bytes: &[u8], rows: usize, cols: usize) -> Result<Vec<u32>> {
    let row_bytes = format.row_bytes(cols).filter(|row| rows.checked_mul(*row) == Some(bytes.len()));
    let Some(row_bytes) = row_bytes else {
        let what = format!("{} bytes are no {format} matrix of {rows} rows and {cols} columns", bytes.len());
        return Err(Error::model_file(what, Location::default()));
    };
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let row_words = row_words(format, cols);
    // At most eight words an element of `bytes`, which are in memory already.
    let mut words = vec![0; rows * row_words];
    let packed = words.par_chunks_mut(row_words).zip(bytes.par_chunks(row_bytes)).enumerate();
    packed.try_for_each(|(row, (words, bytes))| {
        pack_row(format, bytes, words).map_err(|NotFinite| {
            let what = format!("row {row} of a {format} matrix holds a half-precision number that is not finite");
            Error::model_file(what, Location::default())
        })
    })?;
    Ok(words)
}

/// An `f16` that is infinite or not a number.
struct NotFinite;

fn pack_row(format: BlockFormat, bytes: &[u8], words: &mut [u32]) -> Result<(), NotFinite> {
    match Packing::of(format) {
        Packing::F32 => {
            for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
                *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
        }
        Packing::F16 => {
            for (word, bytes) in words.iter_mut().zip(bytes.chunks(4)) {
                *word = finite(bytes)? | if bytes.len() > 2 { finite(&bytes[2..])? << 16 } else { 0 };
            }
        }
        Packing::BF16 => {
            for (word, bytes) in words.iter_mut().zip(bytes.chunks(4)) {
                *word = half(bytes) | if bytes.len() > 2 { half(&bytes[2..]) << 16 } else { 0 };
            }
        }
        Packing::Blocks { extra, zero, scales } => {
            let blocks = bytes.len() / format.block_bytes() * format.block_len() / GROUP_LEN;
            let (codes, scale_plane) = words.split_at_mut((4 + extra as usize) * blocks);
            let (low, high) = codes.split_at_mut(4 * blocks);
            for (at, group) in block::groups(format, bytes).enumerate() {
                // Quants count from zero, codes from the format's lowest; neither leaves eight bits.
                let codes = group.quants.map(|quant| (i32::from(quant) + zero as i32) as u32);
                put_codes(codes, extra, 4 * at, low, high);
            }
            let per_block = format.block_len() / GROUP_LEN;
            for (index, block) in bytes.chunks_exact(format.block_bytes()).enumerate() {
                for part in 0..per_block {
                    put_scales(scales, block, part, index * per_block + part, blocks, scale_plane)?;
                }
            }
        }
    }
    Ok(())
}

/// Writes the 32 codes of a block as the four chunks from `first_chunk` on.
fn put_codes(codes: [u32; GROUP_LEN], extra: u32, first_chunk: usize, low: &mut [u32], high: &mut [u32]) {
    for i in 0..4 {
        let chunk = first_chunk + i;
        for k in 0..4 {
            for (half, code) in [codes[4 * i + k], codes[16 + 4 * i + k]].into_iter().enumerate() {
                low[chunk] |= (code & 15) << (8 * k + 4 * half);
                if extra > 0 {
                    let bit = (chunk * CHUNK + 4 * half + k) * extra as usize;
                    high[bit / 32] |= (code >> 4) << (bit % 32);
                }
            }
        }
    }
}

/// Writes the scales of part `part` of the file's block, which is block `at` of a row of `blocks`. Where they lie in
/// it: `tensor/block`.
fn put_scales(
    scales: Scales,
    block: &[u8],
    part: usize,
    at: usize,
    blocks: usize,
    plane: &mut [u32],
) -> Result<(), NotFinite> {
    let half_word = |value: u32| value << (16 * (at % 2));
    match scales {
        Scales::One => plane[at / 2] |= half_word(finite(block)?),
        Scales::WithMin => plane[at] = finite(block)? | finite(&block[2..])? << 16,
        Scales::NestedWithMin => {
            let (scale, min) = block::scale_and_min(&std::array::from_fn(|i| block[4 + i]), part);
            plane[at / 2] |= half_word(u32::from(scale) | u32::from(min) << 8);
            plane[blocks / 2 + at / 8] = finite(block)? | finite(&block[2..])? << 16;
        }
        Scales::NestedHalves => {
            plane[at / 2] |= half_word(half(&block[192 + 2 * part..]));
            plane[blocks / 2 + at / 8] = finite(&block[208..])?;
        }
    }
    Ok(())
}

fn half(bytes: &[u8]) -> u32 {
    u32::from(u16::from_le_bytes([bytes[0], bytes[1]]))
}

fn finite(bytes: &[u8]) -> Result<u32, NotFinite> {
    let bits = half(bytes);
    if bits & 0x7c00 == 0x7c00 { Err(NotFinite) } else { Ok(bits) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Element `col` of a packed row of `cols`, as the module's head tells it.
    fn element(row: &[u32], packing: Packing, cols: usize, col: usize) -> f32 {
        let f16 = |bits: u32| half::f16::from_bits(bits as u16).to_f32();
        let half_word = |plane: usize, at: usize| row[plane + at / 2] >> (16 * (at % 2)) & 0xffff;
        match packing {
            Packing::F32 => f32::from_bits(row[col]),
            Packing::F16 => f16(half_word(0, col)),
            Packing::BF16 => f32::from_bits(half_word(0, col) << 16),
            Packing::Blocks { extra, zero, scales } => {
                let (blocks, block, within) = (cols / 32, col / 32, col % 32);
                let (half, i, k) = (within / 16, within % 16 / 4, within % 4);
                let low = row[4 * block + i] >> (8 * k + 4 * half) & 15;
                let bit = ((4 * block + i) * 8 + 4 * half + k) * extra as usize;
                let high = if extra == 0 { 0 } else { row[4 * blocks + bit / 32] >> (bit % 32) & ((1 << extra) - 1) };
                let code = (low | high << 4) as f32 - zero as f32;
                let plane = (4 + extra as usize) * blocks;
                let nested = |at: usize| row[plane + blocks / 2 + at];
                match scales {
                    Scales::One => code * f16(half_word(plane, block)),
                    Scales::WithMin => code * f16(row[plane + block]) + f16(row[plane + block] >> 16),
                    Scales::NestedWithMin => {
                        let [scale, min, ..] = half_word(plane, block).to_le_bytes().map(f32::from);
                        let factors = nested(block / 8);
                        code * (f16(factors) * scale) - f16(factors >> 16) * min
                    }
                    Scales::NestedHalves => {
                        let scale = half_word(plane, block).to_le_bytes()[half] as i8;
                        code * (f16(nested(block / 8)) * f32::from(scale))
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn packing_loses_nothing(
            number in 0..11usize,
            rows in 1..4usize,
            blocks in 1..6usize,
            bytes in prop::collection::vec(any::<u8>(), 3 * 5 * 210),
        ) {
            let Some(format) = BlockFormat::all().nth(number) else { unreachable!() };
            let cols = blocks * format.block_len();
            let row_bytes = blocks * format.block_bytes();
            let bytes = &bytes[..rows * row_bytes];
            // Else one of its scales is not finite.
            if let Ok(words) = pack(format, bytes, rows, cols) {
                let row_words = row_words(format, cols);
                for (bytes, words) in bytes.chunks_exact(row_bytes).zip(words.chunks_exact(row_words)) {
                    let mut values = vec![0.0; cols];
                    block::dequantize_row(format, bytes, &mut values).unwrap();
                    for (col, value) in values.into_iter().enumerate() {
                        let packed = element(words, Packing::of(format), cols, col);
                        let same = packed == value || packed.is_nan() && value.is_nan();
                        prop_assert!(same, "{format}, element {col}: {packed} instead of {value}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_takes_the_stated_bits_an_element() {
        let bits = |format| row_words(format, 4096) as f64 * 32.0 / 4096.0;
        assert_eq!(bits(BlockFormat::Q4_0), 4.5);
        assert_eq!(bits(BlockFormat::Q4_1), 5.0);
        assert_eq!(bits(BlockFormat::Q5_0), 5.5);
        assert_eq!(bits(BlockFormat::Q5_1), 6.0);
        assert_eq!(bits(BlockFormat::Q8_0), 8.5);
        assert_eq!(bits(BlockFormat::Q4_K), 4.625);
        assert_eq!(bits(BlockFormat::Q5_K), 5.625);
        assert_eq!(bits(BlockFormat::Q6_K), 6.625);
        assert_eq!(bits(BlockFormat::F16), 16.0);
        assert_eq!(bits(BlockFormat::F32), 32.0);
    }

    #[test]
    fn low_nibbles_keep_the_order_of_the_file() {
        let mut block = vec![0x00, 0x3c]; // scale 1.0
        block.extend(0..16u8);
        let words = pack(BlockFormat::Q4_0, &block, 1, 32).unwrap();
        assert_eq!(words, [0x0302_0100, 0x0706_0504, 0x0b0a_0908, 0x0f0e_0d0c, 0x3c00]);
    }

    #[test]
    fn an_odd_block_count_leaves_half_a_word_of_scales() {
        let block = [&[0x00, 0x3c][..], &[0; 16]].concat();
        let words = pack(BlockFormat::Q4_0, &block.repeat(3), 1, 96).unwrap();
        assert_eq!(words[12..], [0x3c00_3c00, 0x3c00]);
    }

    #[test]
    fn unquantised_rows_are_padded_with_zeros_to_whole_chunks() {
        let words = pack(BlockFormat::F16, &[1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0], 2, 3).unwrap();
        assert_eq!(words, [0x0002_0001, 3, 0, 0, 0x0005_0004, 6, 0, 0]);
    }

    #[test]
    fn rejects_bytes_that_are_no_such_matrix() {
        for (bytes, rows, cols) in [(17, 1, 32), (18, 2, 32), (18, 1, 33), (18, usize::MAX, 32)] {
            let error = pack(BlockFormat::Q4_0, &vec![0; bytes], rows, cols).unwrap_err();
            assert!(error.to_string().contains("are no Q4_0 matrix"), "{error}");
        }
        assert_eq!(pack(BlockFormat::Q4_0, &[], 0, 32).unwrap(), [0u32; 0]);
    }

    #[test]
    fn rejects_scales_that_are_not_finite() {
        for format in BlockFormat::all().filter(|format| *format != BlockFormat::F32 && *format != BlockFormat::BF16) {
            let cols = format.block_len();
            let mut bytes = vec![0; 2 * format.block_bytes()];
            let scale = if format == BlockFormat::Q6_K { 2 * format.block_bytes() - 2 } else { format.block_bytes() };
            bytes[scale..scale + 2].copy_from_slice(&[0x00, 0x7c]);
            let error = pack(format, &bytes, 2, cols).unwrap_err();
            assert!(error.to_string().contains("row 1 of a"), "{format}: {error}");
        }
    }
}
