//! [`Lanes`] for x86-64, in registers of 256 bits.

use std::arch::x86_64::*;

use super::{X86, proven};
use crate::tensor::cpu::dots::Dots;
use crate::tensor::cpu::lanes::Lanes;

impl<const VNNI: bool> Lanes for X86<VNNI>
where
    Self: Dots,
{
    type Floats = __m256;

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        proven!(_mm256_set1_ps(x))
    }

    #[inline(always)]
    fn floats(self, from: &[f32; 8]) -> __m256 {
        proven!(_mm256_loadu_ps(from.as_ptr()))
    }

    #[inline(always)]
    fn f16s(self, from: &[u16; 8]) -> __m256 {
        proven!(_mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().cast())))
    }

    #[inline(always)]
    fn bf16s(self, from: &[u16; 8]) -> __m256 {
        proven! {
            let halves = _mm_loadu_si128(from.as_ptr().cast());
            _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16))
        }
    }

    #[inline(always)]
    fn store(self, x: __m256, to: &mut [f32; 8]) {
        proven!(_mm256_storeu_ps(to.as_mut_ptr(), x))
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        proven!(_mm256_mul_ps(a, b))
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        proven!(_mm256_add_ps(a, b))
    }

    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        proven!(_mm256_max_ps(a, b))
    }

    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        proven!(_mm256_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn sum(self, x: __m256) -> f32 {
        proven! {
            let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)))
        }
    }

    #[inline(always)]
    fn sums(self, x: [__m256; 8]) -> [f32; 8] {
        let mut sums = [0.0; 8];
        proven! {
            let first = _mm256_hadd_ps(_mm256_hadd_ps(x[0], x[1]), _mm256_hadd_ps(x[2], x[3]));
            let last = _mm256_hadd_ps(_mm256_hadd_ps(x[4], x[5]), _mm256_hadd_ps(x[6], x[7]));
            let low = _mm256_permute2f128_ps(first, last, 0x20);
            let high = _mm256_permute2f128_ps(first, last, 0x31);
            _mm256_storeu_ps(sums.as_mut_ptr(), _mm256_add_ps(low, high));
        }
        sums
    }
}
