//! The vector primitives that kernels are written over.
//!
//! The one idea: a format needs a handful of byte operations and one dot product of small integers, so eight formats times
//! the instruction sets is eight short functions (`formats`) plus one short file each (`x86`, `neon`). A value of a type that
//! implements [`Lanes`] is proof that the processor has its instructions: only `Isa` makes one, which is what lets the
//! methods be safe.
//!
//! Vectors are as wide as a group of 32 quants: 32 bytes, 8 integers of 32 bits, 8 floats. Where registers are narrower
//! (NEON), one is a pair of them.

/// Four neighbouring elements of eight rows, row by row: what one dot instruction of a panel takes.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub(crate) struct Quads(pub(crate) [u8; 32]);

/// Bytes that a decoding kernel asks for ahead of its reads. A panel of memory latency (about 100 ns) at the speed of one
/// core (10 to 30 GB/s) is 1 to 3 KB.
pub(super) const PREFETCH_BYTES: usize = 2048;

/// How the integers of a format lie in a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quants {
    /// No quant is greater in magnitude.
    pub(crate) bound: i32,
    /// Two's complement; otherwise they are `0 ..= bound`.
    pub(crate) signed: bool,
}

/// Vector operations of one instruction set.
pub(crate) trait Lanes: Copy + Send + Sync {
    /// 32 integers of 8 bits.
    type Bytes: Copy;
    /// 8 integers of 32 bits.
    type Ints: Copy;
    /// 8 floats.
    type Floats: Copy;

    /// 32 bytes as they are.
    fn bytes(self, from: &[u8; 32]) -> Self::Bytes;
    /// The low nibbles of 16 bytes, then the high ones.
    fn nibbles(self, from: &[u8; 16]) -> Self::Bytes;
    /// 16 in byte `i` if bit `i` is set, else 0.
    fn sixteens(self, bits: u32) -> Self::Bytes;
    /// `(x >> n) & mask` in each byte, for a `mask` below `256 >> n`.
    fn shift_right(self, x: Self::Bytes, n: u32, mask: u8) -> Self::Bytes;
    /// `x << 4` in each byte, for bytes below 16.
    fn shift_left_4(self, x: Self::Bytes) -> Self::Bytes;
    /// Bitwise or.
    fn or(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    /// `x - 32` in each byte.
    fn minus_32(self, x: Self::Bytes) -> Self::Bytes;
    /// Eight rows of 32 bytes as eight [`Quads`]: number `q` holds bytes `4q .. 4q + 4` of each row.
    fn transpose(self, rows: [Self::Bytes; 8]) -> [Quads; 8];

    /// Products of 32 quants and 32 activations (`-127 ..= 127`), summed by fours: integer `i` holds elements `4i .. 4i + 4`.
    fn dot(self, quants: Self::Bytes, kind: Quants, x: Self::Bytes) -> Self::Ints;
    /// For each of `T` tokens the products of eight rows: integer `r` sums row `r` over all `quads`, of which `x` holds the
    /// activations, four a time.
    fn dot_quads<const T: usize>(self, quads: &[Quads], kind: Quants, x: [&[[i8; 4]]; T]) -> [Self::Ints; T];

    /// The same number in each lane.
    fn splat(self, x: f32) -> Self::Floats;
    /// `low` in the first four lanes, `high` in the others.
    fn halves(self, low: f32, high: f32) -> Self::Floats;
    /// Eight floats from memory.
    fn floats(self, from: &[f32; 8]) -> Self::Floats;
    /// Eight f16, widened.
    fn f16s(self, from: &[u16; 8]) -> Self::Floats;
    /// Eight bf16, widened.
    fn bf16s(self, from: &[u16; 8]) -> Self::Floats;
    /// Eight floats to memory.
    fn store(self, x: Self::Floats, to: &mut [f32; 8]);
    /// Integers to floats, exactly below 2^24.
    fn to_floats(self, x: Self::Ints) -> Self::Floats;
    /// `a * b`
    fn mul(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a + b`
    fn add(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a * b + c` rounded once.
    fn mul_add(self, a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    /// The greater of each two lanes.
    fn max(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// The sum of the lanes.
    fn sum(self, x: Self::Floats) -> f32;
    /// The sum of the lanes of each of eight vectors.
    fn sums(self, x: [Self::Floats; 8]) -> [f32; 8];

    /// One f16.
    fn f16(self, bits: u16) -> f32;
    /// Two neighbouring f16, little-endian.
    fn f16_pair(self, bits: [u8; 4]) -> [f32; 2];
    /// Asks for the cache line [`PREFETCH_BYTES`] after `from`, which may lie past the end of anything.
    fn prefetch(self, from: &[u8]);
}

/// The `N` bytes of `bytes` at `start`; zeros if there are not as many, which the callers' sizes rule out.
#[inline(always)]
pub(crate) fn array_at<T, const N: usize>(slice: &[T], start: usize) -> &[T; N]
where
    [T; N]: Zeros,
{
    slice[start..].first_chunk().unwrap_or(Zeros::ZEROS)
}

/// What [`array_at`] falls back on.
pub(crate) trait Zeros: 'static {
    /// All zero.
    const ZEROS: &'static Self;
}

macro_rules! zeros {
    ($($zero:expr => $type:ty),*) => {$(
        impl<const N: usize> Zeros for [$type; N] {
            const ZEROS: &'static Self = &[$zero; N];
        }
    )*};
}
zeros!(0 => u8, 0 => u16, 0.0 => f32);
