//! What host functions need to launch kernels: outputs, grids, and what the device can do.

use burn::tensor::{DType, Shape};
use burn_cubecl::CubeDevice;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::client::Client;
use cubecl::ir::features::Plane;
use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::CubeCount;

/// Most cubes along one axis of a grid: WebGPU's limit is 65,535.
const MAX_CUBES: usize = 32_768;

/// A grid of at least `cubes` cubes. Kernels read their number as `CUBE_POS` and write nothing past the last.
pub(super) fn grid(cubes: usize) -> CubeCount {
    let x = cubes.clamp(1, MAX_CUBES);
    CubeCount::Static(x as u32, cubes.div_ceil(x) as u32, 1)
}

/// An output `[rows, cols]` beside `like`, not yet written.
pub(super) fn empty(like: &CubeTensor, shape: [usize; 2]) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), Shape::new(shape), DType::F32)
}

/// Whether kernels may sum within a plane (subgroup, warp) on this device. Where not, shared memory serves.
pub(super) fn has_planes(client: &Client) -> bool {
    client.properties().features.plane.contains(Plane::Ops)
}

/// Whether kernels may use `f16`.
pub(super) fn has_f16(device: &CubeDevice) -> bool {
    device.client().properties().supports_type(ElemType::Float(FloatKind::F16))
}
