//! Products: vector against scalar, scalar against dequantised weights, both against ggml.

use proptest::prelude::*;

use super::{noise, packed, weights, with_threads};
use crate::format::BlockFormat;
use crate::tensor::block::dequantize_row;
use crate::tensor::cpu::{Isa, gate_up, linear, linear_qkv, linear_residual};
use crate::tensor::spec::{Activation, WeightSpec};

fn product(isa: Isa, x: &[f32], weight: &[u8], spec: WeightSpec) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / spec.cols * spec.rows];
    linear(isa, x, &packed(weight, spec), spec, &mut out).unwrap();
    out
}

/// `(x · Wᵀ, Σ |x w|)` in f64 from dequantised weights.
fn exact(x: &[f32], weight: &[u8], spec: WeightSpec) -> Vec<(f64, f64)> {
    let mut floats = vec![0.0; spec.rows * spec.cols];
    dequantize_row(spec.format, weight, &mut floats).unwrap();
    let dot = |x: &[f32], row: &[f32]| {
        let products = x.iter().zip(row).map(|(x, w)| f64::from(*x) * f64::from(*w));
        products.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p.abs()))
    };
    x.chunks_exact(spec.cols).flat_map(|x| floats.chunks_exact(spec.cols).map(move |row| dot(x, row))).collect()
}

/// Scalar and vector results differ by the order of sums only: 1e-6 of the sum of magnitudes for each.
fn agrees_with_scalar(format: BlockFormat, tokens: usize, rows: usize, cols: usize) {
    let spec = WeightSpec { format, rows, cols };
    let weight = weights(format, rows, cols, (rows + 31 * cols) as u64);
    let x = noise(tokens * cols, tokens as u64);
    let scalar = product(Isa::available()[0], &x, &weight, spec);
    let sizes = exact(&x, &weight, spec);
    for isa in Isa::available() {
        let vector = product(*isa, &x, &weight, spec);
        for (i, ((vector, scalar), (_, size))) in vector.iter().zip(&scalar).zip(&sizes).enumerate() {
            let error = f64::from((vector - scalar).abs());
            // An offset part as large as the product can cancel it: the rounding is that of the parts.
            assert!(error <= 5e-6 * size + 1e-6, "{isa} {format} [{tokens}, {rows}, {cols}] at {i}: {vector} {scalar}");
        }
    }
}

#[test]
fn every_format_agrees_with_scalar_on_every_instruction_set() {
    for format in BlockFormat::all() {
        for blocks in [1, 2, 3] {
            for rows in [0, 1, 15, 16, 17, 33] {
                for tokens in [0, 1, 3, 4, 5, 8, 15] {
                    agrees_with_scalar(format, tokens, rows, blocks * format.block_len());
                }
            }
        }
    }
}

#[test]
fn dense_widths_need_not_fill_vectors() {
    for format in BlockFormat::all().filter(|format| !format.is_quantised()) {
        for cols in [7, 8, 9, 31, 32, 33, 71] {
            for tokens in [1, 2, 4, 7] {
                agrees_with_scalar(format, tokens, 5, cols);
            }
        }
    }
}

#[test]
fn dense_products_are_those_of_f32_arithmetic() {
    for format in BlockFormat::all().filter(|format| !format.is_quantised()) {
        let spec = WeightSpec { format, rows: 9, cols: 577 };
        let (weight, x) = (weights(format, 9, 577, 1), noise(5 * 577, 2));
        for isa in Isa::available() {
            for (found, (expected, size)) in product(*isa, &x, &weight, spec).iter().zip(exact(&x, &weight, spec)) {
                assert!((f64::from(*found) - expected).abs() <= 1e-6 * size, "{isa} {format}: {found} {expected}");
            }
        }
    }
}

/// Rounding activations to 8 bits costs `|x|max / 127 / sqrt(12)` a term; for these inputs 0.4 % of their root mean square.
const BUDGET: f64 = 0.004;

#[test]
fn quantised_products_stay_within_the_budget_of_rounded_activations() {
    for format in BlockFormat::all().filter(|format| format.is_quantised()) {
        let (tokens, rows, cols) = (6, 40, 768);
        let spec = WeightSpec { format, rows, cols };
        let (weight, x) = (weights(format, rows, cols, 3), noise(tokens * cols, 4));
        let mut floats = vec![0.0; rows * cols];
        dequantize_row(format, &weight, &mut floats).unwrap();
        let norm = |x: &[f32]| x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        for isa in Isa::available() {
            let found = product(*isa, &x, &weight, spec);
            let mut squares = 0.0;
            for (i, (found, (expected, _))) in found.iter().zip(exact(&x, &weight, spec)).enumerate() {
                let (token, row) = (i / rows, i % rows);
                let size =
                    norm(&x[token * cols..][..cols]) * norm(&floats[row * cols..][..cols]) / (cols as f64).sqrt();
                squares += ((f64::from(*found) - expected) / size).powi(2);
            }
            let relative = (squares / found.len() as f64).sqrt();
            assert!(relative < 1.25 * BUDGET, "{isa} {format}: {relative}");
            assert!(relative > 0.25 * BUDGET, "{isa} {format}: {relative} is better than 8 bits can be");
        }
    }
}

#[test]
fn reference_blocks_give_the_reference_product() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/quant");
    let read = |file: &str| std::fs::read(format!("{folder}/{file}")).unwrap();
    let floats = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|x| f32::from_le_bytes(*x)).collect::<Vec<_>>();
    let json: serde_json::Value = serde_json::from_slice(&read("quant.json")).unwrap();
    let x = floats(&read("x_512.f32"));
    for format in BlockFormat::all().filter(|format| format.is_quantised()) {
        let matrix = read(&format!("{format}.f32"));
        let norm = floats(&matrix).iter().chain(&x).map(|x| x * x).sum::<f32>().sqrt();
        for isa in Isa::available() {
            let spec = |format| WeightSpec { format, rows: 2, cols: 512 };
            let plain = product(*isa, &x, &matrix, spec(BlockFormat::F32));
            let quantised = product(*isa, &x, &read(&format!("{format}.blocks")), spec(format));
            for row in 0..2 {
                let expected = json["types"][format.name()]["matvec_f64"][row].as_f64().unwrap() as f32;
                assert!((plain[row] - expected).abs() < 1e-5, "{isa} {format}: {} {expected}", plain[row]);
                let tolerance = 4.0 * BUDGET as f32 * norm;
                assert!((quantised[row] - expected).abs() < tolerance, "{isa} {format}: {} {expected}", quantised[row]);
            }
        }
    }
}

#[test]
fn more_rows_than_a_grid_dimension() {
    agrees_with_scalar(BlockFormat::Q4_0, 1, 70_000, 32);
    agrees_with_scalar(BlockFormat::Q8_0, 5, 66_001, 32);
}

#[test]
fn fused_forms_are_their_parts() {
    let formats = [BlockFormat::Q4_1, BlockFormat::Q8_0, BlockFormat::F16];
    for isa in Isa::available() {
        for tokens in [1, 6] {
            let cols = 96;
            let x = noise(tokens * cols, 5);
            let specs = [(formats[0], 40), (formats[1], 16), (formats[2], 9)].map(|(format, rows)| WeightSpec {
                format,
                rows,
                cols,
            });
            let files = specs.map(|spec| weights(spec.format, spec.rows, cols, 6));
            let parts: [_; 3] = std::array::from_fn(|i| product(*isa, &x, &files[i], specs[i]));
            let matrices: [_; 3] = std::array::from_fn(|i| packed(&files[i], specs[i]));

            let mut outs = specs.map(|spec| vec![f32::NAN; tokens * spec.rows]);
            let [q, k, v] = &mut outs;
            linear_qkv(*isa, &x, matrices.each_ref().map(Vec::as_slice), specs, [q, k, v]).unwrap();
            assert_eq!(outs, parts, "{isa}");

            let residual = noise(tokens * specs[0].rows, 7);
            let mut out = vec![f32::NAN; residual.len()];
            linear_residual(*isa, &x, &matrices[0], &residual, specs[0], &mut out).unwrap();
            let sum: Vec<f32> = parts[0].iter().zip(&residual).map(|(a, b)| a + b).collect();
            assert_eq!(out, sum, "{isa}");

            let up_spec = WeightSpec { format: BlockFormat::Q5_0, ..specs[0] };
            let up = weights(up_spec.format, up_spec.rows, cols, 8);
            for activation in [Activation::Silu, Activation::GeluTanh] {
                let function = |x: f64| match activation {
                    Activation::Silu => x / (1.0 + (-x).exp()),
                    Activation::GeluTanh => 0.5 * x * (1.0 + (0.797_884_560_8 * (x + 0.044_715 * x.powi(3))).tanh()),
                };
                gate_up(*isa, &x, [&matrices[0], &packed(&up, up_spec)], [specs[0], up_spec], activation, &mut out)
                    .unwrap();
                for ((out, gate), up) in out.iter().zip(&parts[0]).zip(product(*isa, &x, &up, up_spec)) {
                    let expected = function(f64::from(*gate)) * f64::from(up);
                    assert!(
                        (f64::from(*out) - expected).abs() < 1e-5 * (1.0 + expected.abs()),
                        "{isa}: {out} {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let spec = WeightSpec { format: BlockFormat::Q4_K, rows: 1001, cols: 512 };
    let weight = weights(spec.format, spec.rows, spec.cols, 9);
    for tokens in [1, 70] {
        let x = noise(tokens * spec.cols, 10);
        let [one, two, five] =
            [1, 2, 5].map(|threads| with_threads(threads, || product(Isa::best(), &x, &weight, spec)));
        assert_eq!(one, two);
        assert_eq!(one, five);
    }
}

#[test]
fn nans_and_infinities_come_through() {
    for format in BlockFormat::all() {
        let cols = 2 * format.block_len().max(8);
        let spec = WeightSpec { format, rows: 9, cols };
        let weight = weights(format, 9, cols, 11);
        for isa in Isa::available() {
            for bad in [f32::NAN, f32::INFINITY] {
                let mut x = noise(5 * cols, 12);
                x[cols + 3] = bad;
                let out = product(*isa, &x, &weight, spec);
                assert!(out[..9].iter().chain(&out[18..]).all(|x| x.is_finite()), "{isa} {format}: other tokens");
                assert!(out[9..18].iter().all(|x| !x.is_finite()), "{isa} {format}: {bad} was lost");
            }
        }
    }
}

#[test]
fn any_bytes_are_weights() {
    // A hostile file's bits may mean NaN scales, but nothing panics.
    for format in BlockFormat::all() {
        let spec = WeightSpec { format, rows: 9, cols: format.block_len() };
        for fill in [0x00, 0x7c, 0x80, 0xff] {
            let weight = vec![fill; format.block_bytes() * 9];
            for isa in Isa::available() {
                for tokens in [1, 5] {
                    product(*isa, &noise(tokens * spec.cols, 13), &weight, spec);
                }
            }
        }
    }
}

#[test]
fn refuses_sizes_that_disagree() {
    let spec = WeightSpec { format: BlockFormat::Q8_0, rows: 2, cols: 32 };
    let run = |x: usize, weight: usize, out: usize, spec| {
        linear(Isa::best(), &vec![0.0; x], &vec![0; weight], spec, &mut vec![0.0; out])
            .map_err(|error| error.to_string())
    };
    assert_eq!(run(32, 576, 2, spec), Ok(()));
    assert!(run(33, 576, 2, spec).unwrap_err().contains("33 inputs are not whole rows"));
    assert!(run(32, 575, 2, spec).unwrap_err().contains("575 bytes were given for"));
    assert!(run(32, 576, 3, spec).unwrap_err().contains("3 outputs were given for 1 tokens"));
    assert!(run(0, 0, 0, WeightSpec { cols: 0, ..spec }).is_err());
    assert!(run(31, 576, 2, WeightSpec { cols: 31, ..spec }).is_err());
    assert!(run(32, 576, 2, WeightSpec { rows: usize::MAX, ..spec }).is_err());
    let residual = linear_residual(Isa::best(), &[0.0; 32], &[0; 576], &[0.0; 3], spec, &mut [0.0; 2]);
    assert!(residual.is_err());
    let wider = WeightSpec { rows: 3, ..spec };
    let gate = gate_up(Isa::best(), &[0.0; 32], [&[0; 576], &[0; 576]], [spec, wider], Activation::Silu, &mut [0.0; 2]);
    assert!(gate.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_shape_agrees_with_scalar(index in 0usize..11, tokens in 0usize..20, rows in 1usize..40, blocks in 1usize..5) {
        let format = BlockFormat::all().nth(index).unwrap();
        agrees_with_scalar(format, tokens, rows, blocks * format.block_len());
    }
}
