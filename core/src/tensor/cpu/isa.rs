//! Which instruction sets this processor has, and the one place where a kernel is handed to one.
//!
//! A kernel is a value with a scalar and a vector body ([`Kernel`]). [`Isa::run`] enters a function compiled with the
//! instruction set's features and inlines the body there, so that one library serves every phone (after the `pulp` crate's
//! `WithSimd`). Everything between `run` and an instruction is therefore `#[inline(always)]`, and lanes are used in plain loops: a
//! closure (`map`, `fold`, `from_fn`) may stay a function of its own, compiled without the features, at a tenth of the speed.

use std::fmt;
use std::sync::OnceLock;

use super::lanes::Lanes;

/// An instruction set that this processor has; there is no other way to get one than to ask which there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Isa(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Scalar,
    /// AVX2 with FMA and F16C (2013).
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// The same and AVX-512 with the 8-bit dot product, VNNI (2019).
    #[cfg(target_arch = "x86_64")]
    Vnni,
    /// What every 64-bit ARM has.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// The same and the 8-bit dot product (ARMv8.2, 2017).
    #[cfg(target_arch = "aarch64")]
    NeonDot,
}

/// Work that can be done by any instruction set.
pub(super) trait Kernel {
    /// What comes of it.
    type Output;
    /// Whether it takes dot products of integers. What doesn't isn't compiled once more for instructions that do nothing else: on a phone that
    /// is a fifth of a megabyte for attention alone.
    #[cfg_attr(not(target_arch = "aarch64"), expect(dead_code, reason = "x86 compiles every kernel for each set"))]
    const DOTS: bool = false;

    /// The meaning, as plainly as it can be said.
    fn scalar(self) -> Self::Output;

    /// The same over vectors; implemented `#[inline(always)]`.
    fn vector<L: Lanes>(self, lanes: L) -> Self::Output;
}

impl Isa {
    /// What this processor has, `scalar` first, the best last.
    pub(crate) fn available() -> &'static [Self] {
        static AVAILABLE: OnceLock<Vec<Isa>> = OnceLock::new();
        AVAILABLE.get_or_init(|| {
            let mut available = vec![Self(Kind::Scalar)];
            #[cfg(target_arch = "x86_64")]
            {
                use std::arch::is_x86_feature_detected as has;
                if has!("avx2") && has!("fma") && has!("f16c") {
                    available.push(Self(Kind::Avx2));
                    let wide = has!("avx512f") && has!("avx512bw") && has!("avx512vl");
                    if wide && has!("avx512vnni") {
                        available.push(Self(Kind::Vnni));
                    }
                }
            }
            #[cfg(target_arch = "aarch64")]
            {
                available.push(Self(Kind::Neon));
                if std::arch::is_aarch64_feature_detected!("dotprod") {
                    available.push(Self(Kind::NeonDot));
                }
            }
            available
        })
    }

    /// The fastest that this processor has.
    pub(crate) fn best() -> Self {
        Self::available().last().copied().unwrap_or(Self(Kind::Scalar))
    }

    /// Does the work with this instruction set.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Kind::Scalar => kernel.scalar(),
            // SAFETY: `available` makes these values, and only after it has found the instructions.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { super::x86::run_avx2(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Vnni => unsafe { super::x86::run_vnni(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { super::neon::run_neon(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::NeonDot if K::DOTS => unsafe { super::neon::run_dot(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::NeonDot => unsafe { super::neon::run_neon(kernel) },
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Vnni => "avx512-vnni",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
            #[cfg(target_arch = "aarch64")]
            Kind::NeonDot => "neon-dotprod",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalar_comes_first_and_the_best_last() {
        assert_eq!(Isa::available().first().map(Isa::to_string).as_deref(), Some("scalar"));
        assert_eq!(Isa::available().last(), Some(&Isa::best()));
    }
}
