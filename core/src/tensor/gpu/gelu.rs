//! GELU in its exact form (Hendrycks & Gimpel 2016), with the bias before it: a unit an element.

use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{empty, grid};

const UNITS: usize = 64;

/// The error function as on the CPU (`tensor/cpu/elementwise.rs`), since WGSL has none.
#[cube(launch_unchecked)]
fn biased_gelu_kernel(x: &[f32], bias: &[f32], out: &mut [f32], elements: u32, width: u32) {
    if ABSOLUTE_POS < elements as usize {
        let x = x[ABSOLUTE_POS] + bias[ABSOLUTE_POS % width as usize];
        let z = f32::abs(x) * 0.707_106_77;
        let t = 1.0 / (1.0 + 0.327_591_1 * z);
        let p = (((1.061_405_4 * t - 1.453_152) * t + 1.421_413_8) * t - 0.284_496_74) * t + 0.254_829_6;
        let complement = p * t * f32::exp(-z * z);
        let factor = select(x < 0.0, complement, 2.0 - complement);
        out[ABSOLUTE_POS] = 0.5 * x * factor;
    }
}

/// `gelu(x + bias)`: `x` `[m, d]`, `bias` `[d]`.
pub(super) fn biased_gelu(x: CubeTensor, bias: CubeTensor) -> CubeTensor {
    let [x, bias] = [x, bias].map(into_contiguous);
    let [rows, width] = [x.meta.shape()[0], x.meta.shape()[1]];
    let out = empty(&x, [rows, width]);
    if rows == 0 || width == 0 {
        return out;
    }
    // SAFETY: `x` and `out` have `rows * width` elements, which positions are compared with, and `bias` has `width`.
    unsafe {
        biased_gelu_kernel::launch_unchecked(
            &out.client,
            grid((rows * width).div_ceil(UNITS)),
            CubeDim::new_1d(UNITS as u32),
            x.into_buffer_arg(),
            bias.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            (rows * width) as u32,
            width as u32,
        );
    }
    out
}
