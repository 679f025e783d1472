//! [`Lanes`] for x86-64: AVX2 with FMA and F16C, and the same with the dot product of AVX-512 VNNI.
//!
//! `maddubs` multiplies unsigned by signed bytes and adds pairs into 16 bits, saturating. Quants of a signed format go in by
//! magnitude and lend their sign to the activation. Sums of pairs stay in 16 bits as long as the format's bound allows and
//! are then widened. VNNI's `dpbusd` adds fours straight into 32 bits. Meanings as the trait says.

use std::arch::x86_64::*;

use super::isa::Kernel;
use super::lanes::{Lanes, PREFETCH_BYTES, Quads, Quants};

/// Proof that the processor has AVX2, FMA and F16C, and with `VNNI` AVX-512 VL and VNNI.
#[derive(Clone, Copy)]
pub(super) struct X86<const VNNI: bool>(());

/// Runs `kernel` in code compiled for AVX2.
///
/// # Safety
/// The processor has AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.vector(X86::<false>(()))
}

/// Runs `kernel` in code compiled for AVX2 and VNNI.
///
/// # Safety
/// The processor has AVX2, FMA, F16C, AVX-512 VL and AVX-512 VNNI.
#[target_feature(enable = "avx2,fma,f16c,avx512vl,avx512vnni")]
pub(super) unsafe fn run_vnni<K: Kernel>(kernel: K) -> K::Output {
    kernel.vector(X86::<true>(()))
}

/// Intrinsics of the features that an `X86` proves, on registers and on arrays of the intrinsic's size.
macro_rules! proven {
    ($($body:tt)*) => {{
        // SAFETY: `self` exists only inside `run_avx2` and `run_vnni`, whose callers promise the features; each pointer comes
        // from a reference to an array as large as the access, and no intrinsic here asks for alignment.
        unsafe { $($body)* }
    }};
}

impl<const VNNI: bool> X86<VNNI> {
    /// `(magnitude of quants, activations with the quants' sign)`
    #[inline(always)]
    fn unsigned(self, quants: __m256i, kind: Quants, x: __m256i) -> (__m256i, __m256i) {
        if kind.signed { proven!((_mm256_abs_epi8(quants), _mm256_sign_epi8(x, quants))) } else { (quants, x) }
    }
}

impl<const VNNI: bool> Lanes for X86<VNNI> {
    type Bytes = __m256i;
    type Ints = __m256i;
    type Floats = __m256;

    #[inline(always)]
    fn bytes(self, from: &[u8; 32]) -> __m256i {
        proven!(_mm256_loadu_si256(from.as_ptr().cast()))
    }

    #[inline(always)]
    fn nibbles(self, from: &[u8; 16]) -> __m256i {
        proven! {
            let packed = _mm_loadu_si128(from.as_ptr().cast());
            _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(packed, 4), packed), _mm256_set1_epi8(15))
        }
    }

    #[inline(always)]
    fn sixteens(self, bits: u32) -> __m256i {
        proven! {
            // Byte i takes the byte that holds bit i, then keeps that bit.
            let owner = _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202, 0x0101010101010101, 0);
            let bit = _mm256_set1_epi64x(0x8040201008040201_u64 as i64);
            let spread = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(bits as i32), owner), bit);
            _mm256_and_si256(_mm256_cmpeq_epi8(spread, bit), _mm256_set1_epi8(16))
        }
    }

    #[inline(always)]
    fn shift_right(self, x: __m256i, n: u32, mask: u8) -> __m256i {
        // There is no shift of bytes; the mask takes what a shift of 16 bits brings in from the neighbour.
        proven!(_mm256_and_si256(_mm256_srl_epi16(x, _mm_cvtsi32_si128(n as i32)), _mm256_set1_epi8(mask as i8)))
    }

    #[inline(always)]
    fn shift_left_4(self, x: __m256i) -> __m256i {
        proven!(_mm256_slli_epi16(x, 4))
    }

    #[inline(always)]
    fn or(self, a: __m256i, b: __m256i) -> __m256i {
        proven!(_mm256_or_si256(a, b))
    }

    #[inline(always)]
    fn minus_32(self, x: __m256i) -> __m256i {
        proven!(_mm256_sub_epi8(x, _mm256_set1_epi8(32)))
    }

    #[inline(always)]
    fn transpose(self, r: [__m256i; 8]) -> [Quads; 8] {
        let mut quads = [Quads([0; 32]); 8];
        proven! {
            // 8 x 8 integers of 32 bits: pairs of rows, pairs of pairs, then halves of registers.
            let (mut pairs, mut fours) = (r, r);
            for i in [0, 2, 4, 6] {
                pairs[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
                pairs[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
            }
            for i in [0, 1, 4, 5] {
                fours[i] = _mm256_unpacklo_epi64(pairs[i], pairs[i + 2]);
                fours[i + 2] = _mm256_unpackhi_epi64(pairs[i], pairs[i + 2]);
            }
            // Rows 0 to 3 hold columns 0, 2, 1, 3 by now.
            for (column, i) in [0, 2, 1, 3].into_iter().enumerate() {
                let low = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x20);
                let high = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x31);
                _mm256_storeu_si256(quads[column].0.as_mut_ptr().cast(), low);
                _mm256_storeu_si256(quads[column + 4].0.as_mut_ptr().cast(), high);
            }
        }
        quads
    }

    #[inline(always)]
    fn dot(self, quants: __m256i, kind: Quants, x: __m256i) -> __m256i {
        let (quants, x) = self.unsigned(quants, kind, x);
        proven! {
            if VNNI {
                _mm256_dpbusd_epi32(_mm256_setzero_si256(), quants, x)
            } else {
                _mm256_madd_epi16(_mm256_maddubs_epi16(quants, x), _mm256_set1_epi16(1))
            }
        }
    }

    #[inline(always)]
    fn dot_quads<const T: usize>(self, quads: &[Quads], kind: Quants, x: [&[[i8; 4]]; T]) -> [__m256i; T] {
        let zero = proven!(_mm256_setzero_si256());
        let mut sums = [zero; T];
        // Sums of pairs that fit into 16 bits.
        let run = if VNNI { quads.len() } else { (i16::MAX as i32 / (2 * 127 * kind.bound)) as usize };
        let mut start = 0;
        while start < quads.len() {
            let end = (start + run).min(quads.len());
            let mut pairs = [zero; T];
            for q in start..end {
                let quants = self.bytes(&quads[q].0);
                for t in 0..T {
                    let x = proven!(_mm256_set1_epi32(i32::from_le_bytes(x[t][q].map(|x| x as u8))));
                    let (quants, x) = self.unsigned(quants, kind, x);
                    if VNNI {
                        sums[t] = proven!(_mm256_dpbusd_epi32(sums[t], quants, x));
                    } else {
                        pairs[t] = proven!(_mm256_add_epi16(pairs[t], _mm256_maddubs_epi16(quants, x)));
                    }
                }
            }
            if !VNNI {
                for t in 0..T {
                    sums[t] = proven!(_mm256_add_epi32(sums[t], _mm256_madd_epi16(pairs[t], _mm256_set1_epi16(1))));
                }
            }
            start = end;
        }
        sums
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        proven!(_mm256_set1_ps(x))
    }

    #[inline(always)]
    fn halves(self, low: f32, high: f32) -> __m256 {
        proven!(_mm256_set_m128(_mm_set1_ps(high), _mm_set1_ps(low)))
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
    fn to_floats(self, x: __m256i) -> __m256 {
        proven!(_mm256_cvtepi32_ps(x))
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

    #[inline(always)]
    fn f16(self, bits: u16) -> f32 {
        proven!(_mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits)))))
    }

    #[inline(always)]
    fn f16_pair(self, bits: [u8; 4]) -> [f32; 2] {
        proven! {
            let pair = _mm_cvtph_ps(_mm_cvtsi32_si128(i32::from_le_bytes(bits)));
            [_mm_cvtss_f32(pair), _mm_cvtss_f32(_mm_movehdup_ps(pair))]
        }
    }

    #[inline(always)]
    fn prefetch(self, from: &[u8]) {
        // A prefetch is a hint: it neither reads nor faults, whatever the address.
        proven!(_mm_prefetch(from.as_ptr().wrapping_add(PREFETCH_BYTES).cast(), _MM_HINT_T0))
    }
}
