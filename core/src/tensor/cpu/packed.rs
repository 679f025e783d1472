//! How a quantised matrix lies in memory on the CPU: sixteen rows side by side, in the order in which the kernel reads them.
//!
//! A panel is sixteen rows, first their quants, then their scales; the last panel of a matrix is filled up with rows of zeros.
//! Quants come group by group (32 columns); a group is made of vectors of 64 bytes, four bytes a row, row by row:
//!
//! ```text
//! 4 bits   4 vectors: vector j holds elements 4j .. 4j + 4 in the low nibbles and 16 + 4j .. in the high ones
//! 5 bits   the same, then a vector of fifth bits: bit q of byte b belongs to element 4q + b
//! 6 bits   the same as 4 bits, then two vectors of high pairs: bits 2i, 2i + 1 of byte b of vector k to element 16k + 4i + b
//! 8 bits   8 vectors: vector q holds elements 4q .. 4q + 4
//! ```
//!
//! Scales come block by block, sixteen of a kind together:
//!
//! ```text
//! Q4_0, Q5_0, Q8_0   f16 d
//! Q4_1, Q5_1         f16 d, f16 m
//! Q4_K, Q5_K         f16 d, f16 dmin, then u8 scale, u8 min for each group
//! Q6_K               f16 d, then i8 scale for the first and the last 16 elements of each group
//! ```
//!
//! A matrix takes as many bytes as in its file (Q4_K 3 % more, since 6-bit scales become bytes), and is read from first to last byte
//! where rows of the file would be read sixteen at a time from sixteen places.

use rayon::prelude::*;

use super::check;
use super::dots::PANEL;
use crate::Result;
use crate::format::BlockFormat;
use crate::tensor::block::{GROUP_LEN, Group, scale_and_min};
use crate::tensor::spec::WeightSpec;

/// Bytes of a vector of quants.
const VECTOR: usize = 4 * PANEL;

/// Bytes of sixteen f16.
pub(super) const HALVES: usize = 2 * PANEL;

/// Bytes of a weight matrix on the CPU: packed where it is quantised, else as in its file. `None` where the spec allows no such matrix.
pub(crate) fn packed_bytes(spec: WeightSpec) -> Option<usize> {
    if spec.format.is_quantised() {
        Layout::new(spec.format, spec.cols)?.bytes(spec.rows)
    } else {
        spec.format.row_bytes(spec.cols)?.checked_mul(spec.rows)
    }
}

/// Packs rows of a quantised matrix, on the caller's threads.
///
/// # Shapes
/// `rows`: blocks of `spec`'s format, row by row; `panels`: [`packed_bytes`] zeros.
///
/// # Errors
/// `Internal` if sizes disagree.
pub(crate) fn pack(spec: WeightSpec, rows: &[u8], panels: &mut [u8]) -> Result<()> {
    let layout = Layout::new(spec.format, spec.cols);
    let expected = spec.format.row_bytes(spec.cols).and_then(|row_bytes| row_bytes.checked_mul(spec.rows));
    let fits = expected == Some(rows.len()) && packed_bytes(spec) == Some(panels.len());
    check(fits && layout.is_some(), || {
        format!("{} bytes were to be packed to {} for {spec:?}", rows.len(), panels.len())
    })?;
    if let Some(layout) = layout {
        layout.pack(rows, panels);
    }
    Ok(())
}

/// Sizes of a packed format.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    format: BlockFormat,
    /// Bytes of quants a group.
    pub(super) group_bytes: usize,
    /// Bytes of scales a block.
    pub(super) scale_bytes: usize,
    /// Blocks a row.
    blocks: usize,
}

impl Layout {
    /// The layout of rows of `cols` elements; `None` for formats that are not quantised and widths that are no whole blocks.
    pub(super) fn new(format: BlockFormat, cols: usize) -> Option<Self> {
        let (vectors, scale_bytes) = match format {
            BlockFormat::Q4_0 => (4, HALVES),
            BlockFormat::Q4_1 => (4, 2 * HALVES),
            BlockFormat::Q5_0 => (5, HALVES),
            BlockFormat::Q5_1 => (5, 2 * HALVES),
            BlockFormat::Q8_0 => (8, HALVES),
            BlockFormat::Q4_K => (4, 2 * HALVES + 16 * PANEL),
            BlockFormat::Q5_K => (5, 2 * HALVES + 16 * PANEL),
            BlockFormat::Q6_K => (6, HALVES + 16 * PANEL),
            BlockFormat::F32 | BlockFormat::F16 | BlockFormat::BF16 => return None,
        };
        let whole = cols.is_multiple_of(format.block_len());
        whole.then(|| Self { format, group_bytes: vectors * VECTOR, scale_bytes, blocks: cols / format.block_len() })
    }

    fn groups_per_block(&self) -> usize {
        self.format.block_len() / GROUP_LEN
    }

    /// Bytes of quants a panel; its scales follow.
    pub(super) fn quant_bytes(&self) -> usize {
        self.blocks * self.groups_per_block() * self.group_bytes
    }

    /// Bytes a panel: a whole number of cache lines, so that every vector of quants lies in one.
    pub(super) fn panel_bytes(&self) -> usize {
        (self.quant_bytes() + self.blocks * self.scale_bytes).next_multiple_of(VECTOR)
    }

    /// Bytes of a matrix of `rows` rows; `None` where that is more than there can be.
    pub(super) fn bytes(&self, rows: usize) -> Option<usize> {
        rows.div_ceil(PANEL).checked_mul(self.panel_bytes())
    }

    /// The groups of row `row` of a panel, in order: the same that `tensor/block` reads out of the file's blocks.
    pub(super) fn groups<'a>(&'a self, panel: &'a [u8], row: usize) -> impl Iterator<Item = Group> + 'a {
        let (quants, scales) = panel.split_at(self.quant_bytes());
        let per_block = self.groups_per_block();
        (0..self.blocks * per_block).map(move |index| {
            let group = &quants[index * self.group_bytes..][..self.group_bytes];
            let block = &scales[index / per_block * self.scale_bytes..][..self.scale_bytes];
            let (scales, offset) = self.scales(block, row, index % per_block);
            Group { quants: std::array::from_fn(|i| self.quant(group, row, i)), scales, offset }
        })
    }

    /// Writes the elements of row `row` of a matrix to `out`, as `tensor/block` does with the file's.
    pub(super) fn dequantize_row(&self, matrix: &[u8], row: usize, out: &mut [f32]) {
        let panel = &matrix[row / PANEL * self.panel_bytes()..][..self.panel_bytes()];
        for (group, out) in self.groups(panel, row % PANEL).zip(out.chunks_exact_mut(GROUP_LEN)) {
            group.dequantize(out);
        }
    }

    fn quant(&self, group: &[u8], row: usize, i: usize) -> i8 {
        let (q, b) = (i / 4, i % 4);
        let byte = |vector: usize| group[vector * VECTOR + 4 * row + b];
        let nibble = || byte(q % 4) >> (4 * (q / 4)) & 15;
        match self.format {
            BlockFormat::Q4_0 => nibble() as i8 - 8,
            BlockFormat::Q4_1 | BlockFormat::Q4_K => nibble() as i8,
            BlockFormat::Q5_0 => (nibble() | (byte(4) >> q & 1) << 4) as i8 - 16,
            BlockFormat::Q5_1 | BlockFormat::Q5_K => (nibble() | (byte(4) >> q & 1) << 4) as i8,
            BlockFormat::Q6_K => (nibble() | (byte(4 + q / 4) >> (2 * (q % 4)) & 3) << 4) as i8 - 32,
            _ => byte(q) as i8,
        }
    }

    fn scales(&self, block: &[u8], row: usize, g: usize) -> ([f32; 2], f32) {
        // the offset of a format without one, as in `tensor/block`
        const NONE: f32 = -0.0;
        let half = |at: usize| half::f16::from_le_bytes([block[at + 2 * row], block[at + 2 * row + 1]]).to_f32();
        let d = half(0);
        match self.format {
            BlockFormat::Q4_1 | BlockFormat::Q5_1 => ([d; 2], half(HALVES)),
            BlockFormat::Q4_K | BlockFormat::Q5_K => {
                let at = 2 * HALVES + 2 * PANEL * g + row;
                let (scale, min) = (block[at], block[at + PANEL]);
                ([d * f32::from(scale); 2], -(half(HALVES) * f32::from(min)))
            }
            BlockFormat::Q6_K => {
                let scale = |i: usize| d * f32::from(block[HALVES + PANEL * (2 * g + i) + row] as i8);
                ([scale(0), scale(1)], NONE)
            }
            _ => ([d; 2], NONE),
        }
    }

    /// Packs whole rows of the file into `panels`, which hold zeros.
    ///
    /// `rows` are the file's blocks, row by row; `panels` are as many as hold them.
    pub(super) fn pack(&self, rows: &[u8], panels: &mut [u8]) {
        let row_bytes = self.blocks * self.format.block_bytes();
        if row_bytes == 0 {
            return;
        }
        let pairs = panels.par_chunks_exact_mut(self.panel_bytes()).zip(rows.par_chunks(PANEL * row_bytes));
        pairs.for_each(|(panel, rows)| match self.format {
            BlockFormat::Q4_0 => self.pack_panel(rows, panel, |blocks: &Blocks<'_, 18>, quants, scales| {
                put_halves(blocks, 0, scales);
                put(blocks, quants, |block| nibbles(block, 2));
            }),
            BlockFormat::Q4_1 => self.pack_panel(rows, panel, |blocks: &Blocks<'_, 20>, quants, scales| {
                put_halves(blocks, 0, scales);
                put_halves(blocks, 2, &mut scales[HALVES..]);
                put(blocks, quants, |block| nibbles(block, 4));
            }),
            BlockFormat::Q5_0 => self.pack_panel(rows, panel, |blocks: &Blocks<'_, 22>, quants, scales| {
                put_halves(blocks, 0, scales);
                put(blocks, quants, |block| with_fifths(nibbles(block, 6), fifth_bits(word(block, 2, 0))));
            }),
            BlockFormat::Q5_1 => self.pack_panel(rows, panel, |blocks: &Blocks<'_, 24>, quants, scales| {
                put_halves(blocks, 0, scales);
                put_halves(blocks, 2, &mut scales[HALVES..]);
                put(blocks, quants, |block| with_fifths(nibbles(block, 8), fifth_bits(word(block, 4, 0))));
            }),
            BlockFormat::Q8_0 => self.pack_panel(rows, panel, |blocks: &Blocks<'_, 34>, quants, scales| {
                put_halves(blocks, 0, scales);
                put(blocks, quants, |block| std::array::from_fn::<u32, 8, _>(|q| word(block, 2, q)));
            }),
            BlockFormat::Q4_K => self.pack_panel(rows, panel, |blocks: &Blocks<'_, 144>, quants, scales| {
                put_k_scales(blocks, scales);
                for (g, quants) in quants.chunks_exact_mut(self.group_bytes).enumerate() {
                    put(blocks, quants, |block| pairs_of_nibbles(block, 16 + 32 * (g / 2), g % 2));
                }
            }),
            BlockFormat::Q5_K => self.pack_panel(rows, panel, |blocks: &Blocks<'_, 176>, quants, scales| {
                put_k_scales(blocks, scales);
                for (g, quants) in quants.chunks_exact_mut(self.group_bytes).enumerate() {
                    put(blocks, quants, |block| {
                        let bits = (0..8).map(|q| (word(block, 16, q) >> g & 0x0101_0101) << q);
                        let fifths = bits.fold(0, |bits, bit| bits | bit);
                        with_fifths(pairs_of_nibbles(block, 48 + 32 * (g / 2), g % 2), fifths)
                    });
                }
            }),
            BlockFormat::Q6_K => self.pack_panel(rows, panel, |blocks: &Blocks<'_, 210>, quants, scales| {
                put_halves(blocks, 208, scales);
                for (i, scales) in scales[HALVES..].chunks_exact_mut(PANEL).enumerate() {
                    scales.iter_mut().zip(blocks).for_each(|(scale, block)| *scale = block[192 + i]);
                }
                for (g, quants) in quants.chunks_exact_mut(self.group_bytes).enumerate() {
                    put(blocks, quants, |block| sixes(block, g / 4, g % 4));
                }
            }),
            BlockFormat::F32 | BlockFormat::F16 | BlockFormat::BF16 => {} // have no layout
        });
    }

    /// Packs up to sixteen rows; `pack` takes a block of each, and the places of its quants and its scales.
    #[inline(always)]
    fn pack_panel<const BYTES: usize>(
        &self,
        rows: &[u8],
        panel: &mut [u8],
        pack: impl Fn(&Blocks<'_, BYTES>, &mut [u8], &mut [u8]),
    ) {
        // rows that are missing are zeros
        let mut blocks = [&[0; BYTES]; PANEL];
        let (quants, scales) = panel.split_at_mut(self.quant_bytes());
        let places = quants.chunks_exact_mut(self.groups_per_block() * self.group_bytes);
        for (index, (quants, scales)) in places.zip(scales.chunks_exact_mut(self.scale_bytes)).enumerate() {
            for (row, block) in rows.chunks_exact(self.blocks * BYTES).zip(&mut blocks) {
                *block = row[index * BYTES..].first_chunk().unwrap_or(&[0; BYTES]);
            }
            pack(&blocks, quants, scales);
        }
    }
}

/// A block of each of sixteen rows.
type Blocks<'a, const BYTES: usize> = [&'a [u8; BYTES]; PANEL];

/// Puts words of each row side by side: word `v` of row `r` becomes word `r` of vector `v`.
#[inline(always)]
fn put<const BYTES: usize, const V: usize>(
    blocks: &Blocks<'_, BYTES>,
    out: &mut [u8],
    words: impl Fn(&[u8; BYTES]) -> [u32; V],
) {
    let mut vectors = [[0; PANEL]; V];
    for r in 0..PANEL {
        let words = words(blocks[r]);
        for v in 0..V {
            vectors[v][r] = words[v].to_le();
        }
    }
    out.copy_from_slice(bytemuck::cast_slice(vectors.as_flattened()));
}

/// The two bytes at `at` of each block.
#[inline(always)]
fn put_halves<const BYTES: usize>(blocks: &Blocks<'_, BYTES>, at: usize, out: &mut [u8]) {
    for (out, block) in out.chunks_exact_mut(2).zip(blocks) {
        out.copy_from_slice(&block[at..at + 2]);
    }
}

/// `d`, `dmin` and the 6-bit scales and mins of Q4_K and Q5_K.
#[inline(always)]
fn put_k_scales<const BYTES: usize>(blocks: &Blocks<'_, BYTES>, out: &mut [u8]) {
    put_halves(blocks, 0, out);
    put_halves(blocks, 2, &mut out[HALVES..]);
    for (g, out) in out[2 * HALVES..].chunks_exact_mut(2 * PANEL).enumerate() {
        for (r, block) in blocks.iter().enumerate() {
            let packed = block[4..].first_chunk().unwrap_or(&[0; 12]);
            (out[r], out[r + PANEL]) = scale_and_min(packed, g);
        }
    }
}

/// Word `i` of those that start at byte `at`.
#[inline(always)]
fn word<const BYTES: usize>(block: &[u8; BYTES], at: usize, i: usize) -> u32 {
    u32::from_le_bytes(block[at + 4 * i..].first_chunk().copied().unwrap_or_default())
}

/// Sixteen bytes whose nibbles are elements `i` and `16 + i`, as they are.
#[inline(always)]
fn nibbles<const BYTES: usize>(block: &[u8; BYTES], at: usize) -> [u32; 4] {
    std::array::from_fn(|j| word(block, at, j))
}

/// 32 bytes whose low (`high` = 0) or high nibbles are the elements.
#[inline(always)]
fn pairs_of_nibbles<const BYTES: usize>(block: &[u8; BYTES], at: usize, high: usize) -> [u32; 4] {
    let nibbles = |j: usize| word(block, at, j) >> (4 * high) & 0x0f0f_0f0f;
    std::array::from_fn(|j| nibbles(j) | nibbles(j + 4) << 4)
}

#[inline(always)]
fn with_fifths([a, b, c, d]: [u32; 4], fifths: u32) -> [u32; 5] {
    [a, b, c, d, fifths]
}

/// Run `run` of half `half` of a Q6_K block.
#[inline(always)]
fn sixes(block: &[u8; 210], half: usize, run: usize) -> [u32; 6] {
    let [a, b, c, d] = pairs_of_nibbles(block, 64 * half + 32 * (run % 2), run / 2);
    let pair = |k: usize, i: usize| (word(block, 128 + 32 * half, 4 * k + i) >> (2 * run) & 0x0303_0303) << (2 * i);
    let pairs = |k: usize| pair(k, 0) | pair(k, 1) | pair(k, 2) | pair(k, 3);
    [a, b, c, d, pairs(0), pairs(1)]
}

/// Bit `4q + b` to bit `q` of byte `b`.
#[inline(always)]
fn fifth_bits(bits: u32) -> u32 {
    (0..8).fold(0, |spread, q| {
        let four = bits >> (4 * q) & 15;
        // bit b to bit 8b
        spread | (four.wrapping_mul(0x0020_4081) & 0x0101_0101) << q
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::weights;
    use super::*;
    use crate::tensor::block;

    #[test]
    fn a_packed_row_means_what_it_means_in_the_file() {
        for format in BlockFormat::all().filter(|format| format.is_quantised()) {
            for (rows, blocks) in [(1, 1), (16, 2), (37, 3)] {
                let cols = blocks * format.block_len();
                let file = weights(format, rows, cols, 17);
                let layout = Layout::new(format, cols).unwrap();
                let mut packed = vec![0; layout.bytes(rows).unwrap()];
                layout.pack(&file, &mut packed);
                for (row, bytes) in file.chunks_exact(format.row_bytes(cols).unwrap()).enumerate() {
                    let panel = &packed[row / PANEL * layout.panel_bytes()..][..layout.panel_bytes()];
                    let found: Vec<Group> = layout.groups(panel, row % PANEL).collect();
                    assert_eq!(found, block::groups(format, bytes).collect::<Vec<_>>(), "{format}, row {row}");
                }
                if rows % PANEL != 0 {
                    let last = &packed[packed.len() - layout.panel_bytes()..];
                    assert!(layout.groups(last, PANEL - 1).all(|group| group.scales == [0.0; 2]), "{format}");
                }
            }
        }
    }

    #[test]
    fn takes_hardly_more_bytes_than_the_file() {
        for format in BlockFormat::all().filter(|format| format.is_quantised()) {
            let (rows, cols) = (1536, 2048);
            let packed = Layout::new(format, cols).unwrap().bytes(rows).unwrap();
            let file = format.row_bytes(cols).unwrap() * rows;
            assert!(packed >= file && packed * 100 <= file * 103, "{format}: {packed} for {file}");
        }
        assert!(Layout::new(BlockFormat::F16, 64).is_none());
        assert!(Layout::new(BlockFormat::Q4_0, 33).is_none());
    }
}
