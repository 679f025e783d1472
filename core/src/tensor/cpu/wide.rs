//! Sixteen floats: one, two or four registers.
//!
//! As wide as the widest registers (AVX-512), for kernels that have enough to do at once. Narrower ones are written over `lanes`.

/// Floats in a vector.
pub(crate) const LANES: usize = 16;

/// Float operations of one instruction set, on sixteen at once.
pub(crate) trait Wide: Copy + Send + Sync {
    /// Sixteen floats.
    type Sixteen: Copy;

    /// Sixteen floats from memory.
    fn sixteen(self, from: &[f32; LANES]) -> Self::Sixteen;
    /// Sixteen f16, widened.
    fn halves(self, from: &[u8; 32]) -> Self::Sixteen;
    /// Sixteen unsigned bytes as floats.
    fn unsigned(self, from: &[u8; 16]) -> Self::Sixteen;
    /// Sixteen signed bytes as floats.
    fn signed(self, from: &[u8; 16]) -> Self::Sixteen;
    /// The same number in each lane.
    fn each(self, x: f32) -> Self::Sixteen;
    /// `a * b`
    fn product(self, a: Self::Sixteen, b: Self::Sixteen) -> Self::Sixteen;
    /// `a * b + c` rounded once.
    fn fused(self, a: Self::Sixteen, b: Self::Sixteen, c: Self::Sixteen) -> Self::Sixteen;
    /// Sixteen floats to memory.
    fn put(self, x: Self::Sixteen, to: &mut [f32; LANES]);
    /// `a + b`
    fn plus(self, a: Self::Sixteen, b: Self::Sixteen) -> Self::Sixteen;
    /// The greater of each two lanes.
    fn greater(self, a: Self::Sixteen, b: Self::Sixteen) -> Self::Sixteen;
}
