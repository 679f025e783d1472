//! 64-bit ARM: NEON, and the same with the 8-bit dot product of ARMv8.2. Meanings as the traits say.
//!
//! Instructions whose intrinsics are not stable yet (`sdot`, conversions from f16) and the prefetch are written as assembly.

mod dots;
mod floats;

use super::isa::Kernel;

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
use proven;
