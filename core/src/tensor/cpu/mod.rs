//! The operations of `SlmOps` as plain functions over slices, for the instruction set that the processor has.
//!
//! ```text
//! isa               which instruction sets there are, and the one place where a kernel is handed to one
//! lanes, wide, dots the few vector primitives that kernels are written over: eight floats, sixteen floats, dot products of small
//!                   integers; x86 and neon implement them
//! packed            how quantised matrices lie in memory
//! formats           how quants and scales are read out of it
//! activations       inputs rounded to 8 bits
//! linear            products with weights: checks, threads; over panels (quantised) and dense (f32, f16, bf16)
//! attention, rope, norm, embed, elementwise
//! ```
//!
//! Each kernel states its scalar meaning beside its vector form (`Kernel::scalar`), is compiled with it on every machine and is
//! tested against it for every instruction set at hand. Kernels are safe code: `unsafe` are only `isa`, `x86`, `neon`
//! and `output`, through which tasks of `linear` and `attention` write to one matrix. Sizes are checked once, at each public function, which gives `Internal` if they disagree.
//!
//! Work is split over the rayon pool that the caller runs in, so the caller decides how many threads there are.

#![allow(clippy::needless_range_loop)]
// an index runs over several arrays of lanes at once
// Other processors (32-bit ARM) run every kernel's scalar form, and nothing of what vectors are made of.
#![cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code, unused_mut))]

mod activations;
mod attention;
mod dense;
mod dots;
mod elementwise;
mod embed;
mod formats;
mod isa;
mod lanes;
mod linear;
#[cfg(target_arch = "aarch64")]
mod neon;
mod norm;
mod output;
mod packed;
mod panels;
mod rope;
#[cfg(test)]
mod tests;
mod wide;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use attention::{attention, bidirectional_attention};
pub(crate) use elementwise::biased_gelu;
pub(crate) use embed::embed;
pub(crate) use isa::Isa;
pub(crate) use linear::{gate_up, linear, linear_qkv, linear_residual};
pub(crate) use norm::{layer_norm, rms_norm};
pub(crate) use packed::{pack, packed_bytes};
pub(crate) use rope::rope_append;

/// An `Internal` error that says what was expected, unless it holds.
fn check(holds: bool, expected: impl FnOnce() -> String) -> crate::Result<()> {
    if holds { Ok(()) } else { Err(crate::Error::Internal { what: expected() }) }
}
