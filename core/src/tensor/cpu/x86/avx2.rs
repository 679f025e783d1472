//! [`Dots`] in pairs of registers of 256 bits.
//!
//! `maddubs` multiplies unsigned by signed bytes and adds pairs into 16 bits, saturating. Quants of a signed format go in by
//! magnitude and lend their sign to the activation. Sums of pairs stay in 16 bits as long as the format's bound allows and are then
//! widened.

use std::arch::x86_64::*;
use std::ops::Range;

use super::{X86, proven};
use crate::tensor::cpu::activations::Fours;
use crate::tensor::cpu::dots::{Dots, QUADS, QuadSource};
use crate::tensor::cpu::wide::{LANES, Wide};

impl Wide for X86<false> {
    type Sixteen = [__m256; 2];

    #[inline(always)]
    fn sixteen(self, from: &[f32; LANES]) -> Self::Sixteen {
        proven!([_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))])
    }

    #[inline(always)]
    fn halves(self, from: &[u8; 32]) -> Self::Sixteen {
        proven! {
            let from = from.as_ptr().cast::<__m128i>();
            [_mm256_cvtph_ps(_mm_loadu_si128(from)), _mm256_cvtph_ps(_mm_loadu_si128(from.add(1)))]
        }
    }

    #[inline(always)]
    fn unsigned(self, from: &[u8; 16]) -> Self::Sixteen {
        proven! {
            let bytes = _mm_loadu_si128(from.as_ptr().cast());
            let (low, high) = (_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128::<8>(bytes)));
            [_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high)]
        }
    }

    #[inline(always)]
    fn signed(self, from: &[u8; 16]) -> Self::Sixteen {
        proven! {
            let bytes = _mm_loadu_si128(from.as_ptr().cast());
            let (low, high) = (_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_srli_si128::<8>(bytes)));
            [_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high)]
        }
    }

    #[inline(always)]
    fn each(self, x: f32) -> Self::Sixteen {
        proven!([_mm256_set1_ps(x); 2])
    }

    #[inline(always)]
    fn product(self, a: Self::Sixteen, b: Self::Sixteen) -> Self::Sixteen {
        proven!([_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])])
    }

    #[inline(always)]
    fn fused(self, a: Self::Sixteen, b: Self::Sixteen, c: Self::Sixteen) -> Self::Sixteen {
        proven!([_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])])
    }

    #[inline(always)]
    fn put(self, x: Self::Sixteen, to: &mut [f32; LANES]) {
        proven! {
            _mm256_storeu_ps(to.as_mut_ptr(), x[0]);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), x[1]);
        }
    }

    #[inline(always)]
    fn plus(self, a: Self::Sixteen, b: Self::Sixteen) -> Self::Sixteen {
        proven!([_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])])
    }

    #[inline(always)]
    fn greater(self, a: Self::Sixteen, b: Self::Sixteen) -> Self::Sixteen {
        proven!([_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])])
    }
}

impl X86<false> {
    /// Adds quad `q` of a group times each token's, in pairs of products.
    #[inline(always)]
    fn add_pairs<S: QuadSource, const T: usize>(
        self,
        group: &[u8],
        q: usize,
        x: &[Fours; T],
        pairs: &mut [[__m256i; 2]; T],
    ) {
        let quants = S::quads(self, group, q);
        let magnitudes =
            if S::QUANTS.signed { proven!([_mm256_abs_epi8(quants[0]), _mm256_abs_epi8(quants[1])]) } else { quants };
        for t in 0..T {
            let x = proven!(_mm256_set1_epi32(i32::from_le_bytes(x[t][q].map(|x| x as u8))));
            for i in 0..2 {
                let x = if S::QUANTS.signed { proven!(_mm256_sign_epi8(x, quants[i])) } else { x };
                let products = proven!(_mm256_maddubs_epi16(magnitudes[i], x));
                pairs[t][i] = proven!(_mm256_add_epi16(pairs[t][i], products));
            }
        }
    }

    /// Adds the two pairs of each row.
    #[inline(always)]
    fn add_widened<const T: usize>(self, sums: &mut [[__m256i; 2]; T], pairs: &[[__m256i; 2]; T]) {
        for t in 0..T {
            for i in 0..2 {
                let fours = proven!(_mm256_madd_epi16(pairs[t][i], _mm256_set1_epi16(1)));
                sums[t][i] = proven!(_mm256_add_epi32(sums[t][i], fours));
            }
        }
    }
}

impl Dots for X86<false> {
    type Quads = [__m256i; 2];
    type Sums = [__m256i; 2];
    const TOKENS: usize = 4;

    #[inline(always)]
    fn load(self, from: &[u8; 64]) -> Self::Quads {
        proven! {
            let from = from.as_ptr().cast::<__m256i>();
            [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))]
        }
    }

    #[inline(always)]
    fn shift(self, mut x: Self::Quads, n: i32, mask: u8) -> Self::Quads {
        // There is no shift of bytes; the mask takes what a shift of 16 bits brings in from the neighbour.
        for i in 0..2 {
            x[i] = proven! {
                let count = _mm_cvtsi32_si128(n.abs());
                let shifted = match n {
                    0 => x[i],
                    1.. => _mm256_srl_epi16(x[i], count),
                    _ => _mm256_sll_epi16(x[i], count),
                };
                _mm256_and_si256(shifted, _mm256_set1_epi8(mask as i8))
            };
        }
        x
    }

    #[inline(always)]
    fn or(self, a: Self::Quads, b: Self::Quads) -> Self::Quads {
        proven!([_mm256_or_si256(a[0], b[0]), _mm256_or_si256(a[1], b[1])])
    }

    #[inline(always)]
    fn dot<S: QuadSource, const T: usize>(
        self,
        group: &[u8],
        quads: Range<usize>,
        x: &[Fours; T],
        eighths: [i32; T],
    ) -> [Self::Sums; T] {
        let zero = proven!(_mm256_setzero_si256());
        let mut sums = [[zero; 2]; T];
        if S::QUANTS.bias != 0 {
            for t in 0..T {
                sums[t] = [proven!(_mm256_set1_epi32(eighths[t].wrapping_mul(S::QUANTS.bias / 8))); 2];
            }
        }
        // Written out, since a loop that isn't unrolled shifts by a variable. The two quads in the nibbles of one vector follow each other: it is
        // loaded once, and no register keeps it meanwhile.
        macro_rules! add {
            ($($($q:expr),+;)+) => {{$({
                let mut pairs = [[zero; 2]; T];
                $(self.add_pairs::<S, T>(group, $q, x, &mut pairs);)+
                self.add_widened(&mut sums, &pairs);
            })+}};
        }
        let first = quads.start;
        // as many pairs of products as fit into 16 bits
        match (quads.len(), i32::from(i16::MAX) / (2 * 127 * S::QUANTS.bound)) {
            (QUADS, 8..) => add!(0, 4, 1, 5, 2, 6, 3, 7;),
            (QUADS, 4..) => add!(0, 4, 1, 5; 2, 6, 3, 7;),
            (QUADS, 2..) => add!(0, 4; 1, 5; 2, 6; 3, 7;),
            (QUADS, _) => add!(0; 1; 2; 3; 4; 5; 6; 7;),
            (_, 4..) => add!(first, first + 1, first + 2, first + 3;),
            (_, 2..) => add!(first, first + 1; first + 2, first + 3;),
            _ => add!(first; first + 1; first + 2; first + 3;),
        }
        sums
    }

    #[inline(always)]
    fn converted(self, x: Self::Sums) -> Self::Sixteen {
        proven!([_mm256_cvtepi32_ps(x[0]), _mm256_cvtepi32_ps(x[1])])
    }

    #[inline(always)]
    fn prefetch<T>(self, from: &[T], ahead: usize) {
        // A prefetch is a hint: it neither reads nor faults, whatever the address.
        proven!(_mm_prefetch(from.as_ptr().wrapping_byte_add(ahead).cast(), _MM_HINT_T0))
    }
}
