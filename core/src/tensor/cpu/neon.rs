//! [`Lanes`] for 64-bit ARM: NEON, and the same with the 8-bit dot product of ARMv8.2.
//!
//! A vector is a pair of 128-bit registers. Bytes of unsigned formats are at most 63, so all quants multiply as signed. Three
//! instructions whose intrinsics are not stable yet (`sdot`, conversions from f16) and the prefetch are written as assembly.
//! Meanings as the trait says.

use std::arch::aarch64::*;
use std::arch::asm;

use super::isa::Kernel;
use super::lanes::{Lanes, PREFETCH_BYTES, Quads, Quants};

/// Proof that the processor has NEON, and with `DOT` the dot product.
#[derive(Clone, Copy)]
pub(super) struct Neon<const DOT: bool>(());

/// Runs `kernel` with NEON.
///
/// # Safety
/// The processor has NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn run_neon<K: Kernel>(kernel: K) -> K::Output {
    kernel.vector(Neon::<false>(()))
}

/// Runs `kernel` with NEON and the dot product.
///
/// # Safety
/// The processor has both.
#[target_feature(enable = "neon,dotprod")]
pub(super) unsafe fn run_dot<K: Kernel>(kernel: K) -> K::Output {
    kernel.vector(Neon::<true>(()))
}

/// Instructions that a `Neon` proves, on registers and on arrays of the instruction's size.
macro_rules! proven {
    ($($body:tt)*) => {{
        // SAFETY: `self` exists only inside `run_neon` and `run_dot`, whose callers promise the features; each pointer comes
        // from a reference to an array as large as the access.
        unsafe { $($body)* }
    }};
}

impl<const DOT: bool> Neon<DOT> {
    /// `sums + quants · x` by fours.
    #[inline(always)]
    fn dot_16(self, mut sums: int32x4_t, quants: uint8x16_t, x: uint8x16_t) -> int32x4_t {
        proven! {
            if DOT {
                asm!(
                    ".arch_extension dotprod",
                    "sdot {sums:v}.4s, {quants:v}.16b, {x:v}.16b",
                    sums = inout(vreg) sums, quants = in(vreg) quants, x = in(vreg) x,
                    options(pure, nomem, nostack, preserves_flags)
                );
                sums
            } else {
                let (quants, x) = (vreinterpretq_s8_u8(quants), vreinterpretq_s8_u8(x));
                let low = vpaddlq_s16(vmull_s8(vget_low_s8(quants), vget_low_s8(x)));
                let high = vpaddlq_s16(vmull_high_s8(quants, x));
                vaddq_s32(sums, vpaddq_s32(low, high))
            }
        }
    }
}

impl<const DOT: bool> Lanes for Neon<DOT> {
    type Bytes = [uint8x16_t; 2];
    type Ints = [int32x4_t; 2];
    type Floats = [float32x4_t; 2];

    #[inline(always)]
    fn bytes(self, from: &[u8; 32]) -> Self::Bytes {
        proven!([vld1q_u8(from.as_ptr()), vld1q_u8(from.as_ptr().add(16))])
    }

    #[inline(always)]
    fn nibbles(self, from: &[u8; 16]) -> Self::Bytes {
        proven! {
            let packed = vld1q_u8(from.as_ptr());
            [vandq_u8(packed, vdupq_n_u8(15)), vshrq_n_u8::<4>(packed)]
        }
    }

    #[inline(always)]
    fn sixteens(self, bits: u32) -> Self::Bytes {
        proven! {
            // Byte i takes the byte that holds bit i, then keeps that bit.
            let bytes = vreinterpretq_u8_u32(vdupq_n_u32(bits));
            let owner = vcombine_u8(vdup_n_u8(0), vdup_n_u8(1));
            let bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040_2010_0804_0201));
            let spread = |owner| vandq_u8(vtstq_u8(vqtbl1q_u8(bytes, owner), bit), vdupq_n_u8(16));
            [spread(owner), spread(vaddq_u8(owner, vdupq_n_u8(2)))]
        }
    }

    #[inline(always)]
    fn shift_right(self, x: Self::Bytes, n: u32, mask: u8) -> Self::Bytes {
        proven! {
            let (n, mask) = (vdupq_n_s8(-(n as i8)), vdupq_n_u8(mask));
            [vandq_u8(vshlq_u8(x[0], n), mask), vandq_u8(vshlq_u8(x[1], n), mask)]
        }
    }

    #[inline(always)]
    fn shift_left_4(self, x: Self::Bytes) -> Self::Bytes {
        proven!([vshlq_n_u8::<4>(x[0]), vshlq_n_u8::<4>(x[1])])
    }

    #[inline(always)]
    fn or(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        proven!([vorrq_u8(a[0], b[0]), vorrq_u8(a[1], b[1])])
    }

    #[inline(always)]
    fn minus_32(self, x: Self::Bytes) -> Self::Bytes {
        proven!([vsubq_u8(x[0], vdupq_n_u8(32)), vsubq_u8(x[1], vdupq_n_u8(32))])
    }

    #[inline(always)]
    fn transpose(self, rows: [Self::Bytes; 8]) -> [Quads; 8] {
        let mut quads = [Quads([0; 32]); 8];
        for (half, part) in [(0, 0), (0, 4), (1, 0), (1, 4)] {
            proven! {
                // 4 x 4 integers of 32 bits: pairs of rows, then pairs of pairs.
                let row = |i: usize| vreinterpretq_u32_u8(rows[part + i][half]);
                let even = [vtrn1q_u32(row(0), row(1)), vtrn1q_u32(row(2), row(3))].map(|x| vreinterpretq_u64_u32(x));
                let odd = [vtrn2q_u32(row(0), row(1)), vtrn2q_u32(row(2), row(3))].map(|x| vreinterpretq_u64_u32(x));
                let columns = [
                    vtrn1q_u64(even[0], even[1]),
                    vtrn1q_u64(odd[0], odd[1]),
                    vtrn2q_u64(even[0], even[1]),
                    vtrn2q_u64(odd[0], odd[1]),
                ];
                for (column, four) in columns.into_iter().enumerate() {
                    let to = &mut quads[4 * half + column].0[4 * part..4 * part + 16];
                    vst1q_u8(to.as_mut_ptr(), vreinterpretq_u8_u64(four));
                }
            }
        }
        quads
    }

    #[inline(always)]
    fn dot(self, quants: Self::Bytes, _: Quants, x: Self::Bytes) -> Self::Ints {
        let zero = proven!(vdupq_n_s32(0));
        [self.dot_16(zero, quants[0], x[0]), self.dot_16(zero, quants[1], x[1])]
    }

    #[inline(always)]
    fn dot_quads<const T: usize>(self, quads: &[Quads], _: Quants, x: [&[[i8; 4]]; T]) -> [Self::Ints; T] {
        let mut sums = [proven!([vdupq_n_s32(0); 2]); T];
        for (q, quads) in quads.iter().enumerate() {
            let quants = self.bytes(&quads.0);
            for t in 0..T {
                let x = proven!(vreinterpretq_u8_s32(vdupq_n_s32(i32::from_le_bytes(x[t][q].map(|x| x as u8)))));
                sums[t] = [self.dot_16(sums[t][0], quants[0], x), self.dot_16(sums[t][1], quants[1], x)];
            }
        }
        sums
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::Floats {
        proven!([vdupq_n_f32(x); 2])
    }

    #[inline(always)]
    fn halves(self, low: f32, high: f32) -> Self::Floats {
        proven!([vdupq_n_f32(low), vdupq_n_f32(high)])
    }

    #[inline(always)]
    fn floats(self, from: &[f32; 8]) -> Self::Floats {
        proven!([vld1q_f32(from.as_ptr()), vld1q_f32(from.as_ptr().add(4))])
    }

    #[inline(always)]
    fn f16s(self, from: &[u16; 8]) -> Self::Floats {
        proven! {
            let halves = vld1q_u16(from.as_ptr());
            let (low, high): (float32x4_t, float32x4_t);
            asm!(
                "fcvtl {low:v}.4s, {halves:v}.4h",
                "fcvtl2 {high:v}.4s, {halves:v}.8h",
                low = out(vreg) low, high = lateout(vreg) high, halves = in(vreg) halves,
                options(pure, nomem, nostack, preserves_flags)
            );
            [low, high]
        }
    }

    #[inline(always)]
    fn bf16s(self, from: &[u16; 8]) -> Self::Floats {
        proven! {
            let halves = vld1q_u16(from.as_ptr());
            let (low, high) = (vshll_n_u16::<16>(vget_low_u16(halves)), vshll_high_n_u16::<16>(halves));
            [vreinterpretq_f32_u32(low), vreinterpretq_f32_u32(high)]
        }
    }

    #[inline(always)]
    fn store(self, x: Self::Floats, to: &mut [f32; 8]) {
        proven! {
            vst1q_f32(to.as_mut_ptr(), x[0]);
            vst1q_f32(to.as_mut_ptr().add(4), x[1]);
        }
    }

    #[inline(always)]
    fn to_floats(self, x: Self::Ints) -> Self::Floats {
        proven!([vcvtq_f32_s32(x[0]), vcvtq_f32_s32(x[1])])
    }

    #[inline(always)]
    fn mul(self, a: Self::Floats, b: Self::Floats) -> Self::Floats {
        proven!([vmulq_f32(a[0], b[0]), vmulq_f32(a[1], b[1])])
    }

    #[inline(always)]
    fn add(self, a: Self::Floats, b: Self::Floats) -> Self::Floats {
        proven!([vaddq_f32(a[0], b[0]), vaddq_f32(a[1], b[1])])
    }

    #[inline(always)]
    fn max(self, a: Self::Floats, b: Self::Floats) -> Self::Floats {
        proven!([vmaxq_f32(a[0], b[0]), vmaxq_f32(a[1], b[1])])
    }

    #[inline(always)]
    fn mul_add(self, a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats {
        proven!([vfmaq_f32(c[0], a[0], b[0]), vfmaq_f32(c[1], a[1], b[1])])
    }

    #[inline(always)]
    fn sum(self, x: Self::Floats) -> f32 {
        proven!(vaddvq_f32(vaddq_f32(x[0], x[1])))
    }

    #[inline(always)]
    fn sums(self, x: [Self::Floats; 8]) -> [f32; 8] {
        let mut sums = [0.0; 8];
        for first in [0, 4] {
            proven! {
                let fours = |i: usize| vaddq_f32(x[first + i][0], x[first + i][1]);
                let sum = vpaddq_f32(vpaddq_f32(fours(0), fours(1)), vpaddq_f32(fours(2), fours(3)));
                vst1q_f32(sums[first..first + 4].as_mut_ptr(), sum);
            }
        }
        sums
    }

    #[inline(always)]
    fn f16(self, bits: u16) -> f32 {
        let float: f32;
        proven!(asm!(
            "fmov {wide:s}, {bits:w}",
            "fcvt {wide:s}, {wide:h}",
            wide = out(vreg) float, bits = in(reg) u32::from(bits),
            options(pure, nomem, nostack, preserves_flags)
        ));
        float
    }

    #[inline(always)]
    fn f16_pair(self, bits: [u8; 4]) -> [f32; 2] {
        let [a, b, c, d] = bits;
        [self.f16(u16::from_le_bytes([a, b])), self.f16(u16::from_le_bytes([c, d]))]
    }

    #[inline(always)]
    fn prefetch(self, from: &[u8]) {
        let ahead = from.as_ptr().wrapping_add(PREFETCH_BYTES);
        // A prefetch is a hint: it neither reads nor faults, whatever the address.
        proven!(asm!("prfm pldl1keep, [{ahead}]", ahead = in(reg) ahead, options(nostack, preserves_flags, readonly)));
    }
}
