//! Quantised weights and the operations over them, on Burn's CPU and GPU backends.
//!
//! `ops` says what each operation means; `cpu` and `gpu` do it; `loader`, `weight` and `functions` are what models call.

mod block;
#[cfg(test)]
mod conformance;
mod cpu;
mod device;
mod flex;
mod functions;
#[cfg(feature = "gpu")]
mod gpu;
mod inputs;
pub mod kernels;
mod loader;
mod ops;
mod pages;
#[cfg(test)]
mod reference;
mod spec;
mod weight;

pub use block::quantize_row;
pub(crate) use block::{convert_rows, dequantize_row};
pub(crate) use device::ComputeDevice;
pub use device::{DeviceKind, DevicePreference, DeviceReport};
pub(crate) use functions::{
    add, attention, biased_gelu, bidirectional_attention, host_product, layer_norm, padded, rms_norm, rope_append,
    rows, stored_rows, to_host, zeros,
};
#[cfg(feature = "gpu")]
pub(crate) use gpu::Recording;
pub(crate) use inputs::StepInputs;
pub(crate) use loader::WeightLoader;
pub use spec::RopePairing;
pub(crate) use spec::{Activation, AttentionSpec, BidirectionalSpec, RopeSpec};
pub(crate) use weight::{Weight, gate_up, linear_qkv};
