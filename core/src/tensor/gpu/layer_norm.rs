//! LayerNorm (Ba et al. 2016) in one launch: a cube a row.

use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{empty, grid, has_planes};
use super::reduce::cube_sums;

#[cube(launch_unchecked)]
fn layer_norm_kernel(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    out: &mut [f32],
    rows: u32,
    width: u32,
    epsilon: f32,
    #[comptime] units: usize,
    #[comptime] planes: bool,
) {
    let width = width as usize;
    let start = min(CUBE_POS, rows as usize - 1) * width;
    let mut shared = Shared::<[f32]>::new_slice(2usize);
    let mut sums = Array::<f32>::new(1usize);
    let mut at = UNIT_POS as usize;
    while at < width {
        sums[0] += x[start + at];
        at += units;
    }
    let sum = cube_sums(&sums, 1usize, units, planes);
    if UNIT_POS == 0 {
        shared[0] = sum / width as f32;
    }
    sync_cube();
    let mean = shared[0];
    sums[0] = 0.0;
    at = UNIT_POS as usize;
    while at < width {
        let x = x[start + at] - mean;
        sums[0] += x * x;
        at += units;
    }
    let squares = cube_sums(&sums, 1usize, units, planes);
    if UNIT_POS == 0 {
        shared[1] = 1.0 / f32::sqrt(squares / width as f32 + epsilon);
    }
    sync_cube();
    if CUBE_POS < rows as usize {
        let factor = shared[1];
        at = UNIT_POS as usize;
        while at < width {
            out[start + at] = (x[start + at] - mean) * factor * weight[at] + bias[at];
            at += units;
        }
    }
}

/// `(x - mean) / sqrt(variance + epsilon) * weight + bias` over the last axis: `x` `[m, d]`, `weight` and `bias` `[d]`.
pub(super) fn layer_norm(x: CubeTensor, weight: CubeTensor, bias: CubeTensor, epsilon: f32) -> CubeTensor {
    let [x, weight, bias] = [x, weight, bias].map(into_contiguous);
    let [rows, width] = [x.meta.shape()[0], x.meta.shape()[1]];
    let out = empty(&x, [rows, width]);
    if rows == 0 || width == 0 {
        return out;
    }
    let planes = has_planes(&x.client);
    let units: usize = if width <= 256 { 32 } else { 128 };
    // SAFETY: `x` and `out` are `[rows, width]`, `weight` and `bias` `[width]`; rows are clamped where read and compared where
    // written.
    unsafe {
        layer_norm_kernel::launch_unchecked(
            &out.client,
            grid(rows),
            CubeDim::new_1d(units as u32),
            x.into_buffer_arg(),
            weight.into_buffer_arg(),
            bias.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            rows as u32,
            width as u32,
            epsilon,
            units,
            planes,
        );
    }
    out
}
