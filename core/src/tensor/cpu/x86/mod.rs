//! x86-64: AVX2 with FMA and F16C, and the same with the dot product of AVX-512 VNNI. Meanings as the traits say.

mod avx2;
mod avx512;
mod floats;

use super::isa::Kernel;

/// Proof that the processor has AVX2, FMA and F16C, and with `VNNI` AVX-512 F, BW, VL and VNNI.
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

/// Runs `kernel` in code compiled for AVX2 and AVX-512 VNNI.
///
/// # Safety
/// The processor has AVX2, FMA, F16C and AVX-512 F, BW, VL and VNNI.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
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
use proven;
