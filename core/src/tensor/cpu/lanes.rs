//! The vector primitives that kernels are written over: floats here, small integers in `dots`.
//!
//! A value of a type that implements [`Lanes`] is proof that the processor has its instructions: only `Isa` makes one, which is what lets
//! the methods be safe. Vectors are eight floats; where registers are narrower (NEON), one is a pair of them.

use super::dots::Dots;

/// Vector operations of one instruction set.
pub(crate) trait Lanes: Dots {
    /// 8 floats.
    type Floats: Copy;

    /// The same number in each lane.
    fn splat(self, x: f32) -> Self::Floats;
    /// Eight floats from memory.
    fn floats(self, from: &[f32; 8]) -> Self::Floats;
    /// Eight f16, widened.
    fn f16s(self, from: &[u16; 8]) -> Self::Floats;
    /// Eight bf16, widened.
    fn bf16s(self, from: &[u16; 8]) -> Self::Floats;
    /// Eight floats to memory.
    fn store(self, x: Self::Floats, to: &mut [f32; 8]);
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
