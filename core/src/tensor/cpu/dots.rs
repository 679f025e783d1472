//! Dot products of small integers for sixteen rows at once: what products with quantised weights are written over.
//!
//! The one idea: four neighbouring elements of sixteen rows lie beside each other ([`Dots::Quads`]), so that one dot instruction
//! takes them against four broadcast elements of a token, lanes are rows, and nothing is summed across lanes. After the packing of GotoBLAS
//! (Goto & van de Geijn 2008) in 8-bit integers. `x86` and `neon` implement it in one, two or four registers.

use super::activations::Fours;
use super::wide::Wide;

/// Rows a panel, and lanes of everything here.
pub(crate) const PANEL: usize = super::wide::LANES;

/// Quads a group of 32 elements.
pub(crate) const QUADS: usize = 8;

/// Bytes that a decoding kernel asks for ahead of its reads. Memory's latency (about 100 ns) at the speed of one core (10 to 30 GB/s)
/// is 1 to 3 KB; 4 KB measured 5 to 10 % faster than 2 on a server's core, whose latency is longer.
pub(super) const PREFETCH_BYTES: usize = 4096;

/// How the integers of a format lie in a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quants {
    /// No quant is greater in magnitude.
    pub(crate) bound: i32,
    /// Two's complement; otherwise they are `0 ..= bound`.
    pub(crate) signed: bool,
    /// What was added to make them unsigned: a weight is `scale * (q - bias)`. 0 or a power of two from 8 on.
    pub(crate) bias: i32,
}

/// Where the quads of a group come from.
pub(crate) trait QuadSource {
    /// How its integers lie in a byte.
    const QUANTS: Quants;

    /// Elements `4q .. 4q + 4` of sixteen rows, out of a packed group.
    fn quads<D: Dots>(lanes: D, group: &[u8], q: usize) -> D::Quads;
}

/// Vector operations of one instruction set, over sixteen rows.
pub(crate) trait Dots: Wide {
    /// 64 bytes: four neighbouring elements of sixteen rows, row by row.
    type Quads: Copy;
    /// Sixteen integers of 32 bits.
    type Sums: Copy;
    /// Tokens that meet a panel together: as many as registers hold the sums of.
    const TOKENS: usize;

    /// 64 bytes from memory.
    fn load(self, from: &[u8; 64]) -> Self::Quads;
    /// `(x >> n) & mask` in each byte, `(x << -n) & mask` where `n` is negative; the mask must clear what comes in from a neighbour.
    fn shift(self, x: Self::Quads, n: i32, mask: u8) -> Self::Quads;
    /// Bitwise or.
    fn or(self, a: Self::Quads, b: Self::Quads) -> Self::Quads;

    /// For each of `T` tokens, `Σ (q - bias) x` over quads `from .. to` of `group` in each row. `eighths` is `-8 Σ x` over the same elements.
    fn dot<S: QuadSource, const T: usize>(
        self,
        group: &[u8],
        quads: std::ops::Range<usize>,
        x: &[Fours; T],
        eighths: [i32; T],
    ) -> [Self::Sums; T];

    /// Integers to floats, exactly below 2^24.
    fn converted(self, x: Self::Sums) -> Self::Sixteen;
    /// Asks for the cache line `ahead` bytes after `from`, which may lie past the end of anything.
    fn prefetch<T>(self, from: &[T], ahead: usize);
}
