//! RMSNorm (Zhang & Sennrich 2019) in one launch: a cube a row.

use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{empty, grid, has_planes};
use super::reduce::cube_sums;

#[cube(launch_unchecked)]
fn rms_norm_kernel(
    x: &[f32],
    weight: &[f32],
    out: &mut [f32],
    rows: u32,
    width: u32,
    epsilon: f32,
    #[comptime] units: usize,
    #[comptime] planes: bool,
) {
    let width = width as usize;
    let start = min(CUBE_POS, rows as usize - 1) * width;
    let mut squares = Array::<f32>::new(1usize);
    let mut at = UNIT_POS as usize;
    while at < width {
        squares[0] += x[start + at] * x[start + at];
        at += units;
    }
    let sum = cube_sums(&squares, 1usize, units, planes);
    let mut shared = Shared::<[f32]>::new_slice(1usize);
    if UNIT_POS == 0 {
        shared[0] = 1.0 / f32::sqrt(sum / width as f32 + epsilon);
    }
    sync_cube();
    if CUBE_POS < rows as usize {
        let factor = shared[0];
        let mut at = UNIT_POS as usize;
        while at < width {
            out[start + at] = x[start + at] * factor * weight[at];
            at += units;
        }
    }
}

/// `x / sqrt(mean(x²) + epsilon) * weight` over the last axis: `x` `[m, d]`, `weight` `[d]`.
pub(super) fn rms_norm(x: CubeTensor, weight: CubeTensor, epsilon: f32) -> CubeTensor {
    let planes = has_planes(&x.client);
    launch(x, weight, epsilon, planes)
}

fn launch(x: CubeTensor, weight: CubeTensor, epsilon: f32, planes: bool) -> CubeTensor {
    let x = into_contiguous(x);
    let weight = into_contiguous(weight);
    let [rows, width] = [x.meta.shape()[0], x.meta.shape()[1]];
    let out = empty(&x, [rows, width]);
    if rows == 0 || width == 0 {
        return out;
    }
    // Heads are narrow and many, hidden states wide and few.
    let units: usize = if width <= 256 { 32 } else { 256 };
    // SAFETY: `x` and `out` are `[rows, width]` and `weight` is `[width]`; rows are clamped where read and compared
    // where written.
    unsafe {
        rms_norm_kernel::launch_unchecked(
            &out.client,
            grid(rows),
            CubeDim::new_1d(units as u32),
            x.into_buffer_arg(),
            weight.into_buffer_arg(),
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

#[cfg(test)]
mod tests {
    use burn::backend::Dispatch;
    use burn::tensor::Tensor;

    use super::super::testing::{assert_close, cube_tensor, device, numbers, read, read_cube, tensor};
    use super::*;
    use crate::tensor::ops::SlmOps;

    fn expected(x: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
        let row = |x: &[f32]| {
            let squares: f64 = x.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
            let factor = 1.0 / (squares / x.len() as f64 + f64::from(epsilon)).sqrt();
            x.iter().zip(weight).map(|(x, w)| (f64::from(*x) * factor) as f32 * w).collect::<Vec<_>>()
        };
        x.chunks_exact(weight.len()).flat_map(row).collect()
    }

    #[test]
    fn rows_of_any_width_are_normalised() {
        let Some(device) = device() else { return };
        for (rows, width) in [(1, 1), (5, 7), (3, 64), (2, 256), (2, 257), (1, 2048), (33_000, 3)] {
            let (x, weight) = (numbers(rows * width), numbers(width));
            let on_device = tensor(x.clone(), [rows, width], &device).into_dispatch();
            let out = Dispatch::rms_norm(on_device, tensor(weight.clone(), [width], &device).into_dispatch(), 1e-5);
            let what = format!("{rows} x {width}");
            assert_close(&read(Tensor::<2>::from_dispatch(out)), &expected(&x, &weight, 1e-5), 2e-6, &what);
        }
    }

    #[test]
    fn planes_and_shared_memory_sum_alike() {
        let Some(device) = device() else { return };
        for width in [100, 700] {
            let (x, weight) = (numbers(3 * width), numbers(width));
            for planes in [false, true] {
                let on_device = cube_tensor(x.clone(), [3, width], &device);
                let out = launch(on_device, cube_tensor(weight.clone(), [1, width], &device), 1e-6, planes);
                assert_close(&read_cube(out), &expected(&x, &weight, 1e-6), 2e-6, &format!("planes {planes}"));
            }
        }
    }

    #[test]
    fn a_row_of_zeros_stays_zero() {
        let Some(device) = device() else { return };
        let x = tensor(vec![0.0; 64], [1, 64], &device).into_dispatch();
        let out = Dispatch::rms_norm(x, tensor(vec![1.0; 64], [64], &device).into_dispatch(), 1e-6);
        assert_eq!(read(Tensor::<2>::from_dispatch(out)), [0.0; 64]);
    }
}
