//! [`Dots`] in registers of 512 bits: VNNI's `dpbusd` multiplies unsigned by signed bytes and adds fours into 32 bits.

use std::arch::x86_64::*;
use std::ops::Range;

use super::{X86, proven};
use crate::tensor::cpu::activations::Fours;
use crate::tensor::cpu::dots::{Dots, QuadSource};
use crate::tensor::cpu::wide::{LANES, Wide};

impl Wide for X86<true> {
    type Sixteen = __m512;

    #[inline(always)]
    fn sixteen(self, from: &[f32; LANES]) -> __m512 {
        proven!(_mm512_loadu_ps(from.as_ptr()))
    }

    #[inline(always)]
    fn halves(self, from: &[u8; 32]) -> __m512 {
        proven!(_mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().cast())))
    }

    #[inline(always)]
    fn unsigned(self, from: &[u8; 16]) -> __m512 {
        proven!(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(from.as_ptr().cast()))))
    }

    #[inline(always)]
    fn signed(self, from: &[u8; 16]) -> __m512 {
        proven!(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.as_ptr().cast()))))
    }

    #[inline(always)]
    fn each(self, x: f32) -> __m512 {
        proven!(_mm512_set1_ps(x))
    }

    #[inline(always)]
    fn product(self, a: __m512, b: __m512) -> __m512 {
        proven!(_mm512_mul_ps(a, b))
    }

    #[inline(always)]
    fn fused(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        proven!(_mm512_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn put(self, x: __m512, to: &mut [f32; LANES]) {
        proven!(_mm512_storeu_ps(to.as_mut_ptr(), x))
    }

    #[inline(always)]
    fn plus(self, a: __m512, b: __m512) -> __m512 {
        proven!(_mm512_add_ps(a, b))
    }

    #[inline(always)]
    fn greater(self, a: __m512, b: __m512) -> __m512 {
        proven!(_mm512_max_ps(a, b))
    }
}

impl Dots for X86<true> {
    type Quads = __m512i;
    type Sums = __m512i;
    const TOKENS: usize = 8;

    #[inline(always)]
    fn load(self, from: &[u8; 64]) -> __m512i {
        proven!(_mm512_loadu_si512(from.as_ptr().cast()))
    }

    #[inline(always)]
    fn shift(self, x: __m512i, n: i32, mask: u8) -> __m512i {
        // There is no shift of bytes; the mask takes what a shift of 16 bits brings in from the neighbour.
        proven! {
            let count = _mm_cvtsi32_si128(n.abs());
            let shifted = match n {
                0 => x,
                1.. => _mm512_srl_epi16(x, count),
                _ => _mm512_sll_epi16(x, count),
            };
            _mm512_and_si512(shifted, _mm512_set1_epi8(mask as i8))
        }
    }

    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        proven!(_mm512_or_si512(a, b))
    }

    #[inline(always)]
    fn dot<S: QuadSource, const T: usize>(
        self,
        group: &[u8],
        quads: Range<usize>,
        x: &[Fours; T],
        eighths: [i32; T],
    ) -> [__m512i; T] {
        // Signed quants are made unsigned by 128 more, which the start takes away again, as it does a format's own bias.
        let bias = if S::QUANTS.signed { 128 } else { S::QUANTS.bias };
        let mut sums = [proven!(_mm512_setzero_si512()); T];
        if bias != 0 {
            for t in 0..T {
                sums[t] = proven!(_mm512_set1_epi32(eighths[t].wrapping_mul(bias / 8)));
            }
        }
        for q in quads {
            let mut quants = S::quads(self, group, q);
            if S::QUANTS.signed {
                quants = proven!(_mm512_xor_si512(quants, _mm512_set1_epi8(-128)));
            }
            for t in 0..T {
                let x = i32::from_le_bytes(x[t][q].map(|x| x as u8));
                sums[t] = proven!(_mm512_dpbusd_epi32(sums[t], quants, _mm512_set1_epi32(x)));
            }
        }
        sums
    }

    #[inline(always)]
    fn converted(self, x: __m512i) -> __m512 {
        proven!(_mm512_cvtepi32_ps(x))
    }

    #[inline(always)]
    fn prefetch<T>(self, from: &[T], ahead: usize) {
        // A prefetch is a hint: it neither reads nor faults, whatever the address.
        proven!(_mm_prefetch(from.as_ptr().wrapping_byte_add(ahead).cast(), _MM_HINT_T0))
    }
}
