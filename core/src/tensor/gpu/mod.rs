//! The operations of [`SlmOps`] as CubeCL kernels, for GPUs through Vulkan and Metal.
//!
//! Each file holds one subject: private kernels on top, then host functions that size the grid and launch. They keep to
//! what WebGPU promises everywhere (16 KiB of shared memory, 256 units a cube, eight buffers a kernel, no `f16`), and
//! use planes and `f16` caches where the device has them.
//!
//! Launches a layer in decode: norm, qkv, rope and append, attention, output with residual, norm, gate and up, down
//! with residual: eight.

mod angle;
mod attention;
mod bidirectional;
mod decode;
mod embed;
mod gelu;
mod launch;
mod layer_norm;
mod layout;
mod linear;
mod matmul;
mod matvec;
mod recording;
mod reduce;
mod rms_norm;
mod rope;
#[cfg(test)]
mod testing;

use burn::backend::DispatchDevice;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::Device;
use burn_cubecl::CubeBackend;

pub(crate) use layout::{pack, row_words};
pub(crate) use recording::Recording;

use super::ops::SlmOps;
use super::spec::{Activation, AttentionSpec, BidirectionalSpec, RopeSpec, WeightSpec};

/// Whether caches on this device may hold `f16`; else they hold `f32`.
pub(crate) fn supports_f16_cache(device: &Device) -> bool {
    matches!(device.as_dispatch(), DispatchDevice::Cube(device) if launch::has_f16(device))
}

impl SlmOps for CubeBackend {
    fn embed(ids: IntTensor<Self>, table: IntTensor<Self>, spec: WeightSpec, scale: f32) -> FloatTensor<Self> {
        embed::embed(ids, table, spec, scale)
    }

    fn linear(x: FloatTensor<Self>, weight: IntTensor<Self>, spec: WeightSpec) -> FloatTensor<Self> {
        linear::linear(x, weight, spec)
    }

    fn linear_residual(
        x: FloatTensor<Self>,
        weight: IntTensor<Self>,
        residual: FloatTensor<Self>,
        spec: WeightSpec,
    ) -> FloatTensor<Self> {
        linear::linear_residual(x, weight, residual, spec)
    }

    fn linear_qkv(
        x: FloatTensor<Self>,
        q: IntTensor<Self>,
        k: IntTensor<Self>,
        v: IntTensor<Self>,
        specs: [WeightSpec; 3],
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        linear::linear_qkv(x, [q, k, v], specs).into()
    }

    fn gate_up(
        x: FloatTensor<Self>,
        gate: IntTensor<Self>,
        up: IntTensor<Self>,
        specs: [WeightSpec; 2],
        activation: Activation,
    ) -> FloatTensor<Self> {
        linear::gate_up(x, [gate, up], specs, activation)
    }

    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, epsilon: f32) -> FloatTensor<Self> {
        rms_norm::rms_norm(x, weight, epsilon)
    }

    fn rope_append(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        place: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        spec: RopeSpec,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        rope::rope_append(q, k, v, place, keys, values, spec)
    }

    fn attention(
        q: FloatTensor<Self>,
        keys: &FloatTensor<Self>,
        values: &FloatTensor<Self>,
        place: FloatTensor<Self>,
        spec: AttentionSpec,
    ) -> FloatTensor<Self> {
        attention::attention(q, keys.clone(), values.clone(), place, spec)
    }

    fn layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        layer_norm::layer_norm(x, weight, bias, epsilon)
    }

    fn biased_gelu(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        gelu::biased_gelu(x, bias)
    }

    fn bidirectional_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        bounds: IntTensor<Self>,
        spec: BidirectionalSpec,
    ) -> FloatTensor<Self> {
        bidirectional::bidirectional_attention(q, k, v, bounds, spec)
    }
}
