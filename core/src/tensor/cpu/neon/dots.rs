//! [`Dots`] in fours of registers of 128 bits. Bytes of unsigned formats are at most 63, so all quants multiply as signed.

use std::arch::aarch64::*;
use std::arch::asm;
use std::ops::Range;

use super::{Neon, proven};
use crate::tensor::cpu::activations::Fours;
use crate::tensor::cpu::dots::{Dots, QuadSource};
use crate::tensor::cpu::wide::{LANES, Wide};

/// `sums + quants · four` in one instruction, where `four` is a lane of `x`.
macro_rules! sdot {
    ($sums:ident, $quants:ident, $x:ident, $lane:literal) => {
        asm!(
            ".arch_extension dotprod",
            concat!("sdot {sums:v}.4s, {quants:v}.16b, {x:v}.4b[", $lane, "]"),
            sums = inout(vreg) $sums, quants = in(vreg) $quants, x = in(vreg) $x,
            options(pure, nomem, nostack, preserves_flags)
        )
    };
}

impl<const DOT: bool> Neon<DOT> {
    /// `sums + quants · x[LANE]`, by fours.
    #[inline(always)]
    fn dot_16<const LANE: i32>(self, mut sums: int32x4_t, quants: uint8x16_t, x: int8x16_t) -> int32x4_t {
        proven! {
            if DOT {
                match LANE {
                    0 => sdot!(sums, quants, x, "0"),
                    1 => sdot!(sums, quants, x, "1"),
                    2 => sdot!(sums, quants, x, "2"),
                    _ => sdot!(sums, quants, x, "3"),
                }
                sums
            } else {
                let four = vdupq_laneq_s32::<LANE>(vreinterpretq_s32_s8(x));
                let (quants, x) = (vreinterpretq_s8_u8(quants), vreinterpretq_s8_s32(four));
                let low = vpaddlq_s16(vmull_s8(vget_low_s8(quants), vget_low_s8(x)));
                let high = vpaddlq_s16(vmull_high_s8(quants, x));
                vaddq_s32(sums, vpaddq_s32(low, high))
            }
        }
    }

    /// Eight f16, widened.
    #[inline(always)]
    pub(super) fn widen(self, halves: uint16x8_t) -> [float32x4_t; 2] {
        let (low, high): (float32x4_t, float32x4_t);
        proven! {
            asm!(
                "fcvtl {low:v}.4s, {halves:v}.4h",
                "fcvtl2 {high:v}.4s, {halves:v}.8h",
                low = out(vreg) low, high = lateout(vreg) high, halves = in(vreg) halves,
                options(pure, nomem, nostack, preserves_flags)
            )
        }
        [low, high]
    }
}

impl<const DOT: bool> Wide for Neon<DOT> {
    type Sixteen = [float32x4_t; 4];

    #[inline(always)]
    fn sixteen(self, from: &[f32; LANES]) -> Self::Sixteen {
        let from = from.as_ptr();
        proven!([vld1q_f32(from), vld1q_f32(from.add(4)), vld1q_f32(from.add(8)), vld1q_f32(from.add(12))])
    }

    #[inline(always)]
    fn halves(self, from: &[u8; 32]) -> Self::Sixteen {
        let [a, b] = self.widen(proven!(vreinterpretq_u16_u8(vld1q_u8(from.as_ptr()))));
        let [c, d] = self.widen(proven!(vreinterpretq_u16_u8(vld1q_u8(from.as_ptr().add(16)))));
        [a, b, c, d]
    }

    #[inline(always)]
    fn unsigned(self, from: &[u8; 16]) -> Self::Sixteen {
        proven! {
            let bytes = vld1q_u8(from.as_ptr());
            let (low, high) = (vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes));
            [
                vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))),
                vcvtq_f32_u32(vmovl_high_u16(low)),
                vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))),
                vcvtq_f32_u32(vmovl_high_u16(high)),
            ]
        }
    }

    #[inline(always)]
    fn signed(self, from: &[u8; 16]) -> Self::Sixteen {
        proven! {
            let bytes = vreinterpretq_s8_u8(vld1q_u8(from.as_ptr()));
            let (low, high) = (vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes));
            [
                vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))),
                vcvtq_f32_s32(vmovl_high_s16(low)),
                vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))),
                vcvtq_f32_s32(vmovl_high_s16(high)),
            ]
        }
    }

    #[inline(always)]
    fn each(self, x: f32) -> Self::Sixteen {
        proven!([vdupq_n_f32(x); 4])
    }

    #[inline(always)]
    fn product(self, mut a: Self::Sixteen, b: Self::Sixteen) -> Self::Sixteen {
        for i in 0..4 {
            a[i] = proven!(vmulq_f32(a[i], b[i]));
        }
        a
    }

    #[inline(always)]
    fn fused(self, a: Self::Sixteen, b: Self::Sixteen, mut c: Self::Sixteen) -> Self::Sixteen {
        for i in 0..4 {
            c[i] = proven!(vfmaq_f32(c[i], a[i], b[i]));
        }
        c
    }

    #[inline(always)]
    fn put(self, x: Self::Sixteen, to: &mut [f32; LANES]) {
        for i in 0..4 {
            proven!(vst1q_f32(to.as_mut_ptr().add(4 * i), x[i]));
        }
    }

    #[inline(always)]
    fn plus(self, mut a: Self::Sixteen, b: Self::Sixteen) -> Self::Sixteen {
        for i in 0..4 {
            a[i] = proven!(vaddq_f32(a[i], b[i]));
        }
        a
    }

    #[inline(always)]
    fn greater(self, mut a: Self::Sixteen, b: Self::Sixteen) -> Self::Sixteen {
        for i in 0..4 {
            a[i] = proven!(vmaxq_f32(a[i], b[i]));
        }
        a
    }
}

impl<const DOT: bool> Dots for Neon<DOT> {
    type Quads = [uint8x16_t; 4];
    type Sums = [int32x4_t; 4];
    const TOKENS: usize = 4;

    #[inline(always)]
    fn load(self, from: &[u8; 64]) -> Self::Quads {
        let from = from.as_ptr();
        proven!([vld1q_u8(from), vld1q_u8(from.add(16)), vld1q_u8(from.add(32)), vld1q_u8(from.add(48))])
    }

    #[inline(always)]
    fn shift(self, mut x: Self::Quads, n: i32, mask: u8) -> Self::Quads {
        for i in 0..4 {
            x[i] = proven!(vandq_u8(vshlq_u8(x[i], vdupq_n_s8(-n as i8)), vdupq_n_u8(mask)));
        }
        x
    }

    #[inline(always)]
    fn or(self, mut a: Self::Quads, b: Self::Quads) -> Self::Quads {
        for i in 0..4 {
            a[i] = proven!(vorrq_u8(a[i], b[i]));
        }
        a
    }

    #[inline(always)]
    fn dot<S: QuadSource, const T: usize>(
        self,
        group: &[u8],
        quads: Range<usize>,
        x: &[Fours; T],
        eighths: [i32; T],
    ) -> [Self::Sums; T] {
        let mut sums = [proven!([vdupq_n_s32(0); 4]); T];
        if S::QUANTS.bias != 0 {
            for t in 0..T {
                sums[t] = proven!([vdupq_n_s32(eighths[t].wrapping_mul(S::QUANTS.bias / 8)); 4]);
            }
        }
        // Written out, since a loop that isn't unrolled looks lanes up and shifts by a variable.
        macro_rules! add {
            ($half:literal: $($lane:literal)*) => {
                if quads.contains(&(4 * $half)) {
                    // four quads take the four lanes of a register of activations
                    let mut own = [proven!(vdupq_n_s8(0)); T];
                    for t in 0..T {
                        own[t] = proven!(vld1q_s8(x[t].as_flattened().as_ptr().add(16 * $half)));
                    }
                    $(
                        let quants = S::quads(self, group, 4 * $half + $lane);
                        for t in 0..T {
                            for i in 0..4 {
                                sums[t][i] = self.dot_16::<$lane>(sums[t][i], quants[i], own[t]);
                            }
                        }
                    )*
                }
            };
        }
        add!(0: 0 1 2 3);
        add!(1: 0 1 2 3);
        sums
    }

    #[inline(always)]
    fn converted(self, x: Self::Sums) -> Self::Sixteen {
        proven!([vcvtq_f32_s32(x[0]), vcvtq_f32_s32(x[1]), vcvtq_f32_s32(x[2]), vcvtq_f32_s32(x[3])])
    }

    #[inline(always)]
    fn prefetch<T>(self, from: &[T], ahead: usize) {
        let ahead = from.as_ptr().wrapping_byte_add(ahead);
        // A prefetch is a hint: it neither reads nor faults, whatever the address.
        proven!(asm!("prfm pldl1keep, [{ahead}]", ahead = in(reg) ahead, options(nostack, preserves_flags, readonly)));
    }
}
