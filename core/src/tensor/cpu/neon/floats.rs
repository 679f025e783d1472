//! [`Lanes`] for 64-bit ARM, in pairs of registers of 128 bits.

use std::arch::aarch64::*;

use super::{Neon, proven};
use crate::tensor::cpu::lanes::Lanes;

impl<const DOT: bool> Lanes for Neon<DOT> {
    type Floats = [float32x4_t; 2];

    #[inline(always)]
    fn splat(self, x: f32) -> Self::Floats {
        proven!([vdupq_n_f32(x); 2])
    }

    #[inline(always)]
    fn floats(self, from: &[f32; 8]) -> Self::Floats {
        proven!([vld1q_f32(from.as_ptr()), vld1q_f32(from.as_ptr().add(4))])
    }

    #[inline(always)]
    fn f16s(self, from: &[u16; 8]) -> Self::Floats {
        self.widen(proven!(vld1q_u16(from.as_ptr())))
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
}
