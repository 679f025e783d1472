//! Products with weight matrices: what is fused into one launch, and which kernel takes it.
//!
//! Up to [`matvec::MAX_TOKENS`] tokens every operation here is one launch. Above, q, k and v are three launches and
//! gate and up are two: there each has work enough to fill the device.

use burn::backend::ops::FloatTensorOps;
use burn::tensor::{FloatDType, Shape, Slice};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{empty, has_planes};
use super::layout::{CHUNK, Packing, row_chunks};
use super::{matmul, matvec};
use crate::tensor::spec::{Activation, WeightSpec};

/// A weight as kernels take it.
pub(super) struct Matrix {
    /// Words, `[rows, layout::row_words]`.
    pub(super) words: CubeTensor,
    /// How to read them.
    pub(super) packing: Packing,
    /// Outputs.
    pub(super) rows: usize,
    /// Chunks of eight inputs.
    pub(super) chunks: usize,
}

impl Matrix {
    pub(super) fn new(words: CubeTensor, spec: WeightSpec) -> Self {
        Self {
            words: into_contiguous(words),
            packing: Packing::of(spec.format),
            rows: spec.rows,
            chunks: row_chunks(spec.cols),
        }
    }
}

/// What becomes of a product before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Epilogue {
    /// Nothing.
    Store,
    /// `other` is added.
    Add,
    /// It gates `other`.
    Gate(Activation),
}

/// What is written at `at` for a product of `sum`.
#[cube]
pub(super) fn finished(sum: f32, other: &[f32], at: usize, #[comptime] epilogue: Epilogue) -> f32 {
    match epilogue {
        Epilogue::Store => sum,
        Epilogue::Add => other[at] + sum,
        Epilogue::Gate(activation) => activated(sum, activation) * other[at],
    }
}

/// `activation(x)`.
#[cube]
pub(super) fn activated(x: f32, #[comptime] activation: Activation) -> f32 {
    let exponent = match activation {
        Activation::Silu => -x,
        // 0.5 (1 + tanh(y)) is 1 / (1 + exp(-2y)); the factor is -2 sqrt(2 / pi).
        Activation::GeluTanh => (x + x * x * x * 0.044_715f32) * -1.595_769_f32,
    };
    // Capped, because what a GPU makes of an infinite quotient is its own affair.
    x / (f32::exp(min(exponent, 80.0f32)) + 1.0f32)
}

/// `x · Wᵀ`, with what the epilogue makes of it and `other`, `[m, rows]`.
fn product(x: CubeTensor, weight: Matrix, other: Option<CubeTensor>, epilogue: Epilogue, planes: bool) -> CubeTensor {
    let tokens = x.meta.shape()[0];
    let out = empty(&x, [tokens, weight.rows]);
    let other = other.map_or_else(|| x.clone(), into_contiguous);
    if tokens > matvec::MAX_TOKENS {
        matmul::linear(x, weight, other, &out, tokens, epilogue);
    } else if tokens > 0 {
        matvec::linear(x, weight, other, &out, tokens, epilogue, planes);
    }
    out
}

/// `x · Wᵀ`.
pub(super) fn linear(x: CubeTensor, weight: CubeTensor, spec: WeightSpec) -> CubeTensor {
    let planes = has_planes(&x.client);
    product(whole_chunks(x), Matrix::new(weight, spec), None, Epilogue::Store, planes)
}

/// `residual + x · Wᵀ`.
pub(super) fn linear_residual(x: CubeTensor, weight: CubeTensor, residual: CubeTensor, spec: WeightSpec) -> CubeTensor {
    let planes = has_planes(&x.client);
    product(whole_chunks(x), Matrix::new(weight, spec), Some(residual), Epilogue::Add, planes)
}

/// `x · qᵀ`, `x · kᵀ` and `x · vᵀ`.
pub(super) fn linear_qkv(x: CubeTensor, weights: [CubeTensor; 3], specs: [WeightSpec; 3]) -> [CubeTensor; 3] {
    let planes = has_planes(&x.client);
    let x = whole_chunks(x);
    let tokens = x.meta.shape()[0];
    let [q, k, v] = weights;
    let weights = [Matrix::new(q, specs[0]), Matrix::new(k, specs[1]), Matrix::new(v, specs[2])];
    if tokens > matvec::MAX_TOKENS {
        return weights.map(|weight| product(x.clone(), weight, None, Epilogue::Store, planes));
    }
    let outs = weights.each_ref().map(|weight| empty(&x, [tokens, weight.rows]));
    if tokens > 0 {
        matvec::qkv(x, weights, &outs, tokens, planes);
    }
    outs
}

/// `activation(x · gateᵀ) * (x · upᵀ)`.
pub(super) fn gate_up(
    x: CubeTensor,
    weights: [CubeTensor; 2],
    specs: [WeightSpec; 2],
    activation: Activation,
) -> CubeTensor {
    let planes = has_planes(&x.client);
    let x = whole_chunks(x);
    let tokens = x.meta.shape()[0];
    let [gate, up] = weights;
    let (gate, up) = (Matrix::new(gate, specs[0]), Matrix::new(up, specs[1]));
    if tokens > matvec::MAX_TOKENS {
        let up = product(x.clone(), up, None, Epilogue::Store, planes);
        return product(x, gate, Some(up), Epilogue::Gate(activation), planes);
    }
    let out = empty(&x, [tokens, gate.rows]);
    if tokens > 0 {
        matvec::gate_up(x, gate, up, &out, tokens, activation, planes);
    }
    out
}

/// `x`, contiguous and with zeros up to whole chunks. No model's width needs them.
fn whole_chunks(x: CubeTensor) -> CubeTensor {
    let x = into_contiguous(x);
    let [rows, cols] = [x.meta.shape()[0], x.meta.shape()[1]];
    let width = row_chunks(cols) * CHUNK;
    if width == cols {
        return x;
    }
    let padded = CubeBackend::float_zeros(Shape::new([rows, width]), &x.device, FloatDType::F32);
    CubeBackend::float_slice_assign(padded, &[Slice::from(0..rows), Slice::from(0..cols)], x)
}

#[cfg(test)]
mod tests {
    use burn::backend::Dispatch;
    use burn::tensor::Tensor;

    use super::super::testing::{Weight, assert_close, cube_tensor, device, numbers, read, read_cube, tensor};
    use super::*;
    use crate::format::BlockFormat;
    use crate::tensor::device::ComputeDevice;
    use crate::tensor::ops::SlmOps;

    /// Sums of a few hundred products, in another order than the host's.
    const TOLERANCE: f32 = 1e-5;

    fn check_linear(weight: &Weight, tokens: usize, device: &ComputeDevice) {
        let WeightSpec { format, rows, cols } = weight.spec;
        let x = numbers(tokens * cols);
        let on_device = tensor(x.clone(), [tokens, cols], device).into_dispatch();
        let out = Dispatch::linear(on_device, weight.upload(device).into_dispatch(), weight.spec);
        let out = Tensor::<2>::from_dispatch(out);
        assert_eq!(out.dims(), [tokens, rows]);
        assert_close(&read(out), &weight.product(&x), TOLERANCE, &format!("{format} {tokens} x {rows} x {cols}"));
    }

    fn silu(x: f32) -> f32 {
        (f64::from(x) / (1.0 + (-f64::from(x)).exp())) as f32
    }

    fn gelu(x: f32) -> f32 {
        let x = f64::from(x);
        (0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh())) as f32
    }

    #[test]
    fn every_format_multiplies_as_its_elements_do() {
        let Some(device) = device() else { return };
        for format in BlockFormat::all() {
            let weight = Weight::random(format, 70, 2 * 256);
            for tokens in [1, 3, 33] {
                check_linear(&weight, tokens, &device);
            }
        }
    }

    #[test]
    fn one_row_of_one_block_multiplies() {
        let Some(device) = device() else { return };
        for format in BlockFormat::all() {
            let weight = Weight::random(format, 1, format.block_len());
            for tokens in [1, 4, 5] {
                check_linear(&weight, tokens, &device);
            }
        }
    }

    #[test]
    fn partial_tiles_multiply() {
        let Some(device) = device() else { return };
        // Odd counts of blocks; rows and tokens around the tiles' 64 and 32 and the cubes' 4.
        for (rows, cols) in [(3, 32), (4, 96), (63, 64), (64, 160), (65, 64), (129, 32)] {
            let weight = Weight::random(BlockFormat::Q5_0, rows, cols);
            for tokens in [2, 4, 5, 31, 32, 65] {
                check_linear(&weight, tokens, &device);
            }
        }
    }

    #[test]
    fn unquantised_widths_need_no_multiple() {
        let Some(device) = device() else { return };
        for format in [BlockFormat::F32, BlockFormat::F16, BlockFormat::BF16] {
            for cols in [1, 7, 40, 65] {
                let weight = Weight::random(format, 5, cols);
                for tokens in [1, 6] {
                    check_linear(&weight, tokens, &device);
                }
            }
        }
    }

    #[test]
    fn more_rows_than_a_grid_is_wide_multiply() {
        let Some(device) = device() else { return };
        // 65,537 cubes of four rows.
        let weight = Weight::random(BlockFormat::Q4_0, 262_148, 32);
        check_linear(&weight, 1, &device);
        let weight = Weight::random(BlockFormat::Q4_0, 65_540, 32);
        check_linear(&weight, 6, &device);
    }

    #[test]
    fn no_tokens_give_no_rows() {
        let Some(device) = device() else { return };
        check_linear(&Weight::random(BlockFormat::Q4_0, 5, 32), 0, &device);
    }

    #[test]
    fn half_precision_is_widened_exactly() {
        let Some(device) = device() else { return };
        // Every finite f16, those below 2^-14 included, read out by multiplying with ones.
        let bits: Vec<u16> = (0..=u16::MAX).filter(|bits| bits & 0x7c00 != 0x7c00).collect();
        let bytes: Vec<u8> = bits.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let spec = WeightSpec { format: BlockFormat::F16, rows: bits.len(), cols: 1 };
        let values = bits.iter().map(|bits| half::f16::from_bits(*bits).to_f32()).collect();
        let weight = Weight { spec, bytes, values };
        let x = tensor(vec![1.0], [1, 1], &device).into_dispatch();
        let out = Dispatch::linear(x, weight.upload(&device).into_dispatch(), spec);
        assert_eq!(read(Tensor::<2>::from_dispatch(out)), weight.values);
    }

    #[test]
    fn planes_and_shared_memory_sum_alike() {
        let Some(device) = device() else { return };
        let weight = Weight::random(BlockFormat::Q4_K, 37, 768);
        for tokens in [1, 3] {
            let x = numbers(tokens * 768);
            for planes in [false, true] {
                let matrix = Matrix::new(weight.upload_cube(&device), weight.spec);
                let x = cube_tensor(x.clone(), [tokens, 768], &device);
                let out = product(x, matrix, None, Epilogue::Store, planes);
                let what = format!("planes {planes}, {tokens} tokens");
                assert_close(&read_cube(out), &weight.product(&numbers(tokens * 768)), TOLERANCE, &what);
            }
        }
    }

    #[test]
    fn the_residual_is_added() {
        let Some(device) = device() else { return };
        let weight = Weight::random(BlockFormat::Q8_0, 70, 96);
        for tokens in [1, 33] {
            let (x, residual) = (numbers(tokens * 96), numbers(tokens * 70));
            let out = Dispatch::linear_residual(
                tensor(x.clone(), [tokens, 96], &device).into_dispatch(),
                weight.upload(&device).into_dispatch(),
                tensor(residual.clone(), [tokens, 70], &device).into_dispatch(),
                weight.spec,
            );
            let expected: Vec<f32> = weight.product(&x).iter().zip(residual).map(|(a, b)| a + b).collect();
            assert_close(&read(Tensor::<2>::from_dispatch(out)), &expected, TOLERANCE, &format!("{tokens} tokens"));
        }
    }

    #[test]
    fn q_k_and_v_may_differ_in_format_and_rows() {
        let Some(device) = device() else { return };
        let weights = [(BlockFormat::Q4_K, 70), (BlockFormat::Q6_K, 13), (BlockFormat::F16, 14)]
            .map(|(format, rows)| Weight::random(format, rows, 256));
        for tokens in [1, 4, 33] {
            let x = numbers(tokens * 256);
            let [q, k, v] = weights.each_ref().map(|weight| weight.upload(&device).into_dispatch());
            let specs = weights.each_ref().map(|weight| weight.spec);
            let on_device = tensor(x.clone(), [tokens, 256], &device).into_dispatch();
            let outs: [_; 3] = Dispatch::linear_qkv(on_device, q, k, v, specs).into();
            for (out, weight) in outs.into_iter().zip(&weights) {
                let what = format!("{} {tokens} tokens", weight.spec.format);
                assert_close(&read(Tensor::<2>::from_dispatch(out)), &weight.product(&x), TOLERANCE, &what);
            }
        }
    }

    #[test]
    fn the_gate_may_differ_in_format_and_be_far_from_zero() {
        let Some(device) = device() else { return };
        let gate = Weight::random(BlockFormat::Q5_K, 70, 256);
        let up = Weight::random(BlockFormat::Q4_0, 70, 256);
        for (activation, reference) in [(Activation::Silu, silu as fn(f32) -> f32), (Activation::GeluTanh, gelu)] {
            for (tokens, size) in [(1, 1.0), (3, 1e4), (33, 1.0), (33, 1e4)] {
                let x: Vec<f32> = numbers(tokens * 256).iter().map(|x| x * size).collect();
                let out = Dispatch::gate_up(
                    tensor(x.clone(), [tokens, 256], &device).into_dispatch(),
                    gate.upload(&device).into_dispatch(),
                    up.upload(&device).into_dispatch(),
                    [gate.spec, up.spec],
                    activation,
                );
                let gated = gate.product(&x).into_iter().map(reference);
                let expected: Vec<f32> = gated.zip(up.product(&x)).map(|(gate, up)| gate * up).collect();
                let what = format!("{activation:?} {tokens} tokens");
                assert_close(&read(Tensor::<2>::from_dispatch(out)), &expected, 1e-4, &what);
            }
        }
    }
}
