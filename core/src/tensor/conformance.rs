//! One suite that holds every backend to the reference in stock operations.
//!
//! Quantised weights are compared with their own dequantised values. The CPU path rounds activations to 8 bits, which costs
//! up to 1 % of the output's own size; wrong bits, scales or positions cost tens of percent.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use proptest::prelude::*;

use super::device::ComputeDevice;
use super::inputs::StepInputs;
use super::pages::zeroed;
use super::spec::{Activation, AttentionSpec, BidirectionalSpec, RopePairing, RopeSpec};
use super::weight::{Weight, gate_up, linear_qkv};
use super::{
    attention, biased_gelu, bidirectional_attention, block, layer_norm, reference, rms_norm, rope_append, to_host,
};
use crate::format::BlockFormat;

fn devices() -> Vec<ComputeDevice> {
    let mut all = vec![ComputeDevice::cpu()];
    match ComputeDevice::gpu(true) {
        Ok(gpu) => all.push(gpu),
        Err(error) => println!("skipped the GPU path: {error}"),
    }
    all
}

/// Numbers between -1 and 1 that differ by `seed`.
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn tensor<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (device, DType::F32))
}

/// Random blocks of a format, and what they mean: bytes, dequantised.
fn weight(format: BlockFormat, rows: usize, cols: usize, seed: u32) -> (bytes::Bytes, Vec<f32>) {
    let mut bytes = vec![0; rows * format.row_bytes(cols).unwrap()];
    let values = noise(rows * cols, seed);
    match block::quantize_row(format, &values, &mut bytes) {
        Ok(()) => (),
        // K-quants have no quantiser: random bits with scales that are small numbers
        Err(_) => {
            let words = noise(bytes.len(), seed);
            for (byte, word) in bytes.iter_mut().zip(words) {
                *byte = ((word + 1.0) * 127.9) as u8;
            }
            let scale = half::f16::from_f32(0.003).to_le_bytes();
            for block in bytes.chunks_exact_mut(format.block_bytes()) {
                let at = if format == BlockFormat::Q6_K { block.len() - 2 } else { 0 };
                block[at..at + 2].copy_from_slice(&scale);
                if format != BlockFormat::Q6_K {
                    block[2..4].copy_from_slice(&scale);
                }
            }
        }
    }
    let mut meant = vec![0.0; rows * cols];
    block::dequantize_row(format, &bytes, &mut meant).unwrap();
    (bytes.into(), meant)
}

fn assert_close(found: Tensor<2>, expected: Tensor<2>, device: &ComputeDevice, tolerance: f32, name: &str) {
    assert_eq!(found.dims(), expected.dims(), "{name}");
    let found = to_host(found, device).unwrap();
    let expected: Vec<f32> = expected.into_data().try_into_vec().unwrap();
    let scale = (expected.iter().map(|x| x * x).sum::<f32>() / expected.len().max(1) as f32).sqrt().max(1e-3);
    for (index, (a, b)) in found.iter().zip(&expected).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{name} on {}: {a} for {b} at {index}", device.name());
    }
}

/// Share of the output's root mean square that an element may be off by.
fn tolerance(format: BlockFormat, device: &ComputeDevice) -> f32 {
    match device {
        ComputeDevice::Cpu(_) if format.is_quantised() => 0.05,
        _ => 2e-3,
    }
}

#[test]
fn products_agree_in_every_format() {
    let host = Device::flex();
    for device in devices() {
        for format in BlockFormat::all() {
            let cols = if format.block_len() > 32 { 512 } else { 96 };
            for (m, rows) in [(1, 1), (1, 37), (5, 64), (33, 19)] {
                let name = format!("{format} {m}x{cols} by {rows}");
                let (bytes, meant) = weight(format, rows, cols, 7);
                let weight = Weight::from_bytes("w", format, [rows, cols], bytes, &device, zeroed).unwrap();
                let (x, residual) = (noise(m * cols, 3), noise(m * rows, 5));
                let expected = reference::linear(tensor(&x, [m, cols], &host), tensor(&meant, [rows, cols], &host));
                let on = |values: &[f32], width| tensor(values, [m, width], device.burn());
                let limit = tolerance(format, &device);
                assert_close(weight.linear(on(&x, cols)), expected.clone(), &device, limit, &name);
                let with_residual = expected + tensor(&residual, [m, rows], &host);
                let found = weight.linear_residual(on(&x, cols), on(&residual, rows));
                assert_close(found, with_residual, &device, limit, &format!("{name} + residual"));
            }
        }
    }
}

#[test]
fn fused_products_agree_where_formats_differ() {
    let host = Device::flex();
    let (m, cols) = (3, 64);
    for device in devices() {
        let make = |format, rows, seed| {
            let (bytes, meant) = weight(format, rows, cols, seed);
            let meant: Tensor<2> = tensor(&meant, [rows, cols], &host);
            (Weight::from_bytes("w", format, [rows, cols], bytes, &device, zeroed).unwrap(), meant)
        };
        let x = noise(m * cols, 9);
        let (here, there) = (tensor(&x, [m, cols], &host), tensor(&x, [m, cols], device.burn()));
        let (q, q_meant) = make(BlockFormat::Q4_1, 48, 1);
        let (k, k_meant) = make(BlockFormat::Q5_0, 16, 2);
        let (v, v_meant) = make(BlockFormat::Q8_0, 16, 3);
        let found = linear_qkv(there.clone(), &q, &k, &v);
        for (found, meant) in [(found.0, q_meant), (found.1, k_meant), (found.2, v_meant)] {
            assert_close(found, reference::linear(here.clone(), meant), &device, 0.05, "qkv");
        }
        for activation in [Activation::Silu, Activation::GeluTanh] {
            let (gate, gate_meant) = make(BlockFormat::Q4_0, 40, 4);
            let (up, up_meant) = make(BlockFormat::Q5_1, 40, 5);
            let found = gate_up(there.clone(), &gate, &up, activation);
            let expected = reference::gate_up(here.clone(), gate_meant, up_meant, activation);
            assert_close(found, expected, &device, 0.08, "gate and up");
        }
    }
}

#[test]
fn a_matrix_in_chunks_means_the_same() {
    let (m, rows, cols, format) = (3, 40, 64, BlockFormat::Q8_0);
    for device in devices() {
        let make = |rows_per_chunk, seed| {
            let (bytes, _) = weight(format, rows, cols, seed);
            Weight::in_chunks(rows_per_chunk, "w", format, [rows, cols], bytes, &device, zeroed).unwrap()
        };
        let x = tensor(&noise(m * cols, 9), [m, cols], device.burn());
        let residual = tensor(&noise(m * rows, 5), [m, rows], device.burn());
        let same = |found: Tensor<2>, whole: Tensor<2>, name: &str| {
            let whole = tensor(&to_host(whole, &device).unwrap(), found.dims(), &Device::flex());
            assert_close(found, whole, &device, 1e-5, name);
        };
        let ([gate, up], [cut_gate, cut_up]) = ([make(rows, 1), make(rows, 2)], [make(16, 1), make(24, 2)]);
        same(cut_gate.linear(x.clone()), gate.linear(x.clone()), "linear");
        same(
            cut_gate.linear_residual(x.clone(), residual.clone()),
            gate.linear_residual(x.clone(), residual.clone()),
            "residual",
        );
        let (cut, whole) = (linear_qkv(x.clone(), &cut_gate, &up, &cut_up), linear_qkv(x.clone(), &gate, &up, &up));
        same(cut.0, whole.0, "q");
        same(cut.1, whole.1, "k");
        same(cut.2, whole.2, "v");
        for activation in [Activation::Silu, Activation::GeluTanh] {
            let found = gate_up(x.clone(), &cut_gate, &cut_up, activation);
            same(found, gate_up(x.clone(), &gate, &up, activation), "gate and up");
        }
        let ids = StepInputs::new(&[0, 15, 16, 39, 17, 2], 0, &[], &device);
        let (found, whole) = (cut_gate.embed(&ids, 2.0, &device).unwrap(), gate.embed(&ids, 2.0, &device).unwrap());
        same(found, whole, "embed");
    }
}

#[test]
fn embedding_takes_rows() {
    let host = Device::flex();
    for device in devices() {
        for format in [BlockFormat::F32, BlockFormat::F16, BlockFormat::Q8_0, BlockFormat::Q4_K] {
            let (rows, cols) = (11, 256);
            let (bytes, meant) = weight(format, rows, cols, 7);
            let table = Weight::from_bytes("w", format, [rows, cols], bytes, &device, zeroed).unwrap();
            let ids = [10u32, 0, 3, 3];
            let index = Tensor::<1, Int>::from_data(TensorData::new(ids.map(|id| id as i32).to_vec(), [4]), &host);
            let expected = reference::embed(index, tensor(&meant, [rows, cols], &host), 2.5);
            let found = table.embed(&StepInputs::new(&ids, 0, &[], &device), 2.5, &device).unwrap();
            assert_close(found, expected, &device, 2e-3, &format!("embed {format}"));
            assert!(table.embed(&StepInputs::new(&[11], 0, &[], &device), 1.0, &device).is_err());
        }
    }
}

#[test]
fn norms_agree() {
    let host = Device::flex();
    for device in devices() {
        for (m, width) in [(1, 1), (1, 576), (7, 65)] {
            let (x, weight) = (noise(m * width, 1), noise(width, 2));
            let expected = reference::rms_norm(tensor(&x, [m, width], &host), tensor(&weight, [width], &host), 1e-5);
            let found = rms_norm(tensor(&x, [m, width], device.burn()), &tensor(&weight, [width], device.burn()), 1e-5);
            assert_close(found, expected, &device, 1e-4, "rms norm");
        }
    }
}

#[test]
fn what_encoders_need_agrees() {
    let host = Device::flex();
    for device in devices() {
        for (m, width) in [(1, 1), (3, 384), (50, 65), (2, 1536)] {
            let (x, weight, bias) = (noise(m * width, 1), noise(width, 2), noise(width, 3));
            let on = |device: &Device| {
                let x: Tensor<2> = tensor(&x, [m, width], device) + 3.0;
                let [weight, bias]: [Tensor<1>; 2] = [&weight, &bias].map(|values| tensor(values, [width], device));
                (x, weight, bias)
            };
            let ((here, weight, bias), (there, on_weight, on_bias)) = (on(&host), on(device.burn()));
            let expected = reference::layer_norm(here.clone(), weight, bias.clone(), 1e-5);
            assert_close(layer_norm(there.clone(), &on_weight, &on_bias, 1e-5), expected, &device, 1e-4, "layer norm");
            let expected = reference::biased_gelu(here - 3.0, bias);
            assert_close(biased_gelu(there - 3.0, &on_bias), expected, &device, 1e-5, "gelu");
        }
        for (heads, head_dim, lengths) in [(12, 32, &[7, 1, 70, 16][..]), (2, 64, &[130]), (3, 20, &[1, 2, 3])] {
            let (rows, width) = (lengths.iter().sum::<usize>(), heads * head_dim);
            let spec = BidirectionalSpec { heads, head_dim, scale: 2.0 };
            let values = [1, 2, 3].map(|seed| noise(rows * width, seed));
            let [q, k, v] = values.each_ref().map(|values| tensor::<2>(values, [rows, width], device.burn()));
            let mut bounds: Vec<i32> = Vec::new();
            for length in lengths {
                let start = bounds.len() as i32 / 2;
                (0..*length).for_each(|_| bounds.extend([start, start + *length as i32]));
            }
            let bounds = TensorData::new(bounds, [rows, 2]);
            let bounds = Tensor::<2, Int>::from_data(bounds, (device.burn(), DType::I32));
            let found = bidirectional_attention(q, k, v, &bounds, spec);
            let here = values.map(|values| tensor::<2>(&values, [rows, width], &host));
            let expected = reference::bidirectional_attention(here, lengths, spec);
            assert_close(found, expected, &device, 1e-4, &format!("{spec:?} {lengths:?}"));
        }
    }
}

/// One attention layer over several calls: rope, append, attend, against the same with all keys at hand.
#[derive(Debug, Clone)]
struct Layer {
    kv_heads: usize,
    group: usize,
    head_dim: usize,
    rotary_dim: usize,
    pairing: RopePairing,
    window: Option<usize>,
    /// Rows of each call.
    calls: Vec<usize>,
    dtype: DType,
}

fn run_layer(layer: &Layer, device: &ComputeDevice) {
    let host = Device::flex();
    let (heads, total) = (layer.kv_heads * layer.group, layer.calls.iter().sum::<usize>());
    let longest = layer.calls.iter().copied().max().unwrap_or(1);
    let capacity = layer.window.map_or(total, |window| total.min(window + longest - 1));
    let frequencies: Vec<f32> = (0..layer.rotary_dim / 2).map(|i| 0.7f32.powi(i as i32)).collect();
    let cache = || Tensor::<3>::zeros([layer.kv_heads, capacity, layer.head_dim], (device.burn(), layer.dtype));
    let (mut keys, mut values) = (cache(), cache());
    let (q_width, kv_width) = (heads * layer.head_dim, layer.kv_heads * layer.head_dim);
    let (all_q, all_k, all_v) = (noise(total * q_width, 1), noise(total * kv_width, 2), noise(total * kv_width, 3));
    let mut position = 0;
    for m in &layer.calls {
        let rope = RopeSpec {
            pairing: layer.pairing,
            head_dim: layer.head_dim,
            rotary_dim: layer.rotary_dim,
            magnitude: 1.25,
            position,
        };
        let spec = AttentionSpec {
            heads,
            kv_heads: layer.kv_heads,
            head_dim: layer.head_dim,
            scale: 0.9,
            window: layer.window,
            position,
        };
        let inputs = StepInputs::new(&[], position, &frequencies, device);
        let rows = |all: &[f32], width: usize, device: &Device| {
            tensor(&all[position * width..(position + m) * width], [*m, width], device)
        };
        let (q, k, v) = (&all_q, &all_k, &all_v);
        let (turned, new_keys, new_values) = rope_append(
            rows(q, q_width, device.burn()),
            rows(k, kv_width, device.burn()),
            rows(v, kv_width, device.burn()),
            &inputs,
            keys,
            values,
            rope,
        );
        (keys, values) = (new_keys, new_values);
        let found = attention(turned, &keys, &values, &inputs, spec);
        let seen = position + m;
        let all = |all: &[f32], width: usize| tensor(&all[..seen * width], [seen, width], &host);
        let from_start = RopeSpec { position: 0, ..rope };
        let expected = reference::attention(
            reference::rotate(rows(q, q_width, &host), &frequencies, rope),
            reference::rotate(all(k, kv_width), &frequencies, from_start),
            all(v, kv_width),
            spec,
        );
        let limit = if layer.dtype == DType::F16 { 1e-2 } else { 1e-3 };
        assert_close(found, expected, device, limit, &format!("{layer:?} at {position}"));
        position = seen;
    }
}

#[test]
fn attention_layers_agree() {
    let base = Layer {
        kv_heads: 2,
        group: 3,
        head_dim: 32,
        rotary_dim: 32,
        pairing: RopePairing::Half,
        window: None,
        calls: vec![5, 1, 1, 9],
        dtype: DType::F32,
    };
    let layers = [
        base.clone(),
        Layer { pairing: RopePairing::Interleaved, dtype: DType::F16, ..base.clone() },
        Layer { rotary_dim: 12, ..base.clone() },
        Layer { window: Some(4), calls: vec![7, 1, 1, 1, 6, 1], ..base.clone() },
        Layer { kv_heads: 1, group: 1, head_dim: 80, rotary_dim: 40, calls: vec![1; 4], ..base },
    ];
    for device in devices() {
        for layer in &layers {
            if layer.dtype == DType::F32 || device.supports_f16_cache() {
                run_layer(layer, &device);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn attention_layers_of_any_shape_agree_on_the_cpu(
        kv_heads in 1usize..4,
        group in 1usize..4,
        half_dim in 1usize..20,
        rotary in 1usize..20,
        interleaved: bool,
        window in proptest::option::of(1usize..12),
        calls in proptest::collection::vec(1usize..20, 1..5),
        f16: bool,
    ) {
        run_layer(
            &Layer {
                kv_heads,
                group,
                head_dim: 2 * half_dim,
                rotary_dim: 2 * rotary.min(half_dim),
                pairing: if interleaved { RopePairing::Interleaved } else { RopePairing::Half },
                window,
                calls,
                dtype: if f16 { DType::F16 } else { DType::F32 },
            },
            &ComputeDevice::cpu(),
        );
    }
}
