//! How quants and scales are read out of a packed panel in lanes; `packed` says where they lie.
//!
//! Unlike in `tensor/block`, quants that a format stores with a bias stay as stored: `Σ (q - bias) x` is `Σ q x - bias Σ x`, in integers, and
//! unsigned bytes are what x86 multiplies.

use super::dots::{Dots, PANEL, QuadSource, Quants};
use super::lanes::array_at;
use super::packed::HALVES;

/// Scales of the first and the last 16 elements of a group in sixteen rows.
pub(super) struct Scales<T> {
    /// Equal but where the format has [`Format::IN_HALVES`].
    pub(super) scales: [T; 2],
    /// Added to each element; there is one where the format has [`Format::AFFINE`].
    pub(super) offset: T,
}

/// A quantised format in lanes.
pub(super) trait Format: QuadSource + Send + Sync {
    /// Vectors of 64 bytes a group.
    const VECTORS: usize;
    /// Bytes of scales a block.
    const SCALE_BYTES: usize;
    /// Groups of 32 a block.
    const GROUPS: usize;
    /// Whether elements have an offset that is not a multiple of their scale.
    const AFFINE: bool = false;
    /// Whether the two halves of a group have scales of their own.
    const IN_HALVES: bool = false;

    /// The quants of group `g` of a block: of a length that the compiler knows, so that it checks no read from them.
    fn group(quants: &[u8], g: usize) -> &[u8];
    /// The scales of a block, likewise.
    fn block(scales: &[u8]) -> &[u8];
    /// The floats of group `g` of a block.
    fn scales<D: Dots>(lanes: D, block: &[u8], g: usize) -> Scales<D::Sixteen>;
}

const fn unsigned(bound: i32, bias: i32) -> Quants {
    Quants { bound, signed: false, bias }
}

/// Vector `i` of a group.
#[inline(always)]
fn vector<D: Dots>(lanes: D, group: &[u8], i: usize) -> D::Quads {
    lanes.load(array_at(group, 4 * PANEL * i))
}

#[inline(always)]
fn nibbles<D: Dots>(lanes: D, group: &[u8], q: usize) -> D::Quads {
    lanes.shift(vector(lanes, group, q % 4), if q < 4 { 0 } else { 4 }, 15)
}

#[inline(always)]
fn five_bits<D: Dots>(lanes: D, group: &[u8], q: usize) -> D::Quads {
    let high = lanes.shift(vector(lanes, group, 4), q as i32 - 4, 16);
    lanes.or(nibbles(lanes, group, q), high)
}

#[inline(always)]
fn six_bits<D: Dots>(lanes: D, group: &[u8], q: usize) -> D::Quads {
    let high = lanes.shift(vector(lanes, group, 4 + q / 4), 2 * (q as i32 % 4) - 4, 48);
    lanes.or(nibbles(lanes, group, q), high)
}

#[inline(always)]
fn scale<D: Dots>(lanes: D, block: &[u8], _: usize) -> Scales<D::Sixteen> {
    let scale = lanes.halves(array_at(block, 0));
    Scales { scales: [scale; 2], offset: scale }
}

#[inline(always)]
fn scale_and_offset<D: Dots>(lanes: D, block: &[u8], _: usize) -> Scales<D::Sixteen> {
    Scales { scales: [lanes.halves(array_at(block, 0)); 2], offset: lanes.halves(array_at(block, HALVES)) }
}

#[inline(always)]
fn k_scales<D: Dots>(lanes: D, block: &[u8], g: usize) -> Scales<D::Sixteen> {
    let at = 2 * HALVES + 2 * PANEL * g;
    let scale = lanes.product(lanes.halves(array_at(block, 0)), lanes.unsigned(array_at(block, at)));
    let min = lanes.product(lanes.halves(array_at(block, HALVES)), lanes.unsigned(array_at(block, at + PANEL)));
    Scales { scales: [scale; 2], offset: lanes.product(min, lanes.each(-1.0)) }
}

#[inline(always)]
fn q6_k_scales<D: Dots>(lanes: D, block: &[u8], g: usize) -> Scales<D::Sixteen> {
    let d = lanes.halves(array_at(block, 0));
    let first = lanes.product(d, lanes.signed(array_at(block, HALVES + 2 * PANEL * g)));
    let last = lanes.product(d, lanes.signed(array_at(block, HALVES + 2 * PANEL * g + PANEL)));
    Scales { scales: [first, last], offset: d }
}

/// `name: quants, quads, vectors, scale bytes, groups, affine, in halves, scales`
macro_rules! formats {
    ($($name:ident: $quants:expr, $quads:path, $vectors:expr, $scale_bytes:expr, $groups:expr, $affine:expr, $halves:expr, $scales:expr;)*) => {$(
        pub(super) struct $name;

        impl QuadSource for $name {
            const QUANTS: Quants = $quants;

            #[inline(always)]
            fn quads<D: Dots>(lanes: D, group: &[u8], q: usize) -> D::Quads {
                $quads(lanes, group, q)
            }
        }

        impl Format for $name {
            const VECTORS: usize = $vectors;
            const SCALE_BYTES: usize = $scale_bytes;
            const GROUPS: usize = $groups;
            const AFFINE: bool = $affine;
            const IN_HALVES: bool = $halves;

            #[inline(always)]
            fn group(quants: &[u8], g: usize) -> &[u8] {
                array_at::<u8, { 4 * PANEL * $vectors }>(quants, g * 4 * PANEL * $vectors)
            }

            #[inline(always)]
            fn block(scales: &[u8]) -> &[u8] {
                array_at::<u8, { $scale_bytes }>(scales, 0)
            }

            #[inline(always)]
            fn scales<D: Dots>(lanes: D, block: &[u8], g: usize) -> Scales<D::Sixteen> {
                $scales(lanes, block, g)
            }
        }
    )*};
}

formats! {
    Q4_0: unsigned(15, 8), nibbles, 4, HALVES, 1, false, false, scale;
    Q4_1: unsigned(15, 0), nibbles, 4, 2 * HALVES, 1, true, false, scale_and_offset;
    Q5_0: unsigned(31, 16), five_bits, 5, HALVES, 1, false, false, scale;
    Q5_1: unsigned(31, 0), five_bits, 5, 2 * HALVES, 1, true, false, scale_and_offset;
    Q8_0: Quants { bound: 128, signed: true, bias: 0 }, vector, 8, HALVES, 1, false, false, scale;
    Q4K: unsigned(15, 0), nibbles, 4, 2 * HALVES + 16 * PANEL, 8, true, false, k_scales;
    Q5K: unsigned(31, 0), five_bits, 5, 2 * HALVES + 16 * PANEL, 8, true, false, k_scales;
    Q6K: unsigned(63, 32), six_bits, 6, HALVES + 16 * PANEL, 8, false, true, q6_k_scales;
}

#[cfg(test)]
mod tests {
    use super::super::packed::Layout;
    use super::*;
    use crate::format::BlockFormat;
    use crate::tensor::block::GROUP_LEN;

    #[test]
    fn sizes_are_those_of_the_layout() {
        fn check<F: Format>(format: BlockFormat) {
            let layout = Layout::new(format, format.block_len()).unwrap();
            assert_eq!(F::VECTORS * 4 * PANEL, layout.group_bytes, "{format}");
            assert_eq!((F::SCALE_BYTES, F::GROUPS * GROUP_LEN), (layout.scale_bytes, format.block_len()), "{format}");
            assert!(
                F::QUANTS.bound * 2 * 127 <= i32::from(i16::MAX),
                "{format}: a pair of products must fit into 16 bits"
            );
            assert!(F::QUANTS.bias % 8 == 0, "{format}");
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
