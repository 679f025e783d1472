//! RMSNorm (Zhang & Sennrich 2019): `x / sqrt(mean(x²) + epsilon) * weight`, and LayerNorm (Ba et al. 2016), which takes the mean off first and
//! adds a bias.

use rayon::prelude::*;

use super::check;
use super::isa::{Isa, Kernel};
use super::lanes::Lanes;
use crate::Result;

/// Elements that a thread should at least have: about 5 µs.
const PIECE: usize = 16 * 1024;

/// # Shapes
/// `x`, `out`: `[m, d]`; `weight`: `[d]`.
///
/// # Errors
/// `Internal` if sizes disagree.
pub(crate) fn rms_norm(isa: Isa, x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) -> Result<()> {
    let d = weight.len();
    check(d > 0 && x.len().is_multiple_of(d) && x.len() == out.len(), || {
        format!("rms_norm was given {} inputs, {d} weights and {} outputs", x.len(), out.len())
    })?;
    let rows = (PIECE / d).max(1) * d;
    if x.len() <= rows {
        isa.run(RmsNorm { x, weight, epsilon, out });
    } else {
        let pieces = x.par_chunks(rows).zip(out.par_chunks_mut(rows));
        pieces.for_each(|(x, out)| isa.run(RmsNorm { x, weight, epsilon, out }));
    }
    Ok(())
}

struct RmsNorm<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    out: &'a mut [f32],
}

impl Kernel for RmsNorm<'_> {
    type Output = ();

    fn scalar(self) {
        for (x, out) in self.x.chunks_exact(self.weight.len()).zip(self.out.chunks_exact_mut(self.weight.len())) {
            scale(x, x.iter().map(|x| x * x).sum(), self.weight, self.epsilon, out);
        }
    }

    #[inline(always)]
    fn vector<L: Lanes>(self, lanes: L) {
        let d = self.weight.len();
        for (x, out) in self.x.chunks_exact(d).zip(self.out.chunks_exact_mut(d)) {
            let (vectors, rest) = x.as_chunks();
            let mut squares = lanes.splat(0.0);
            for x in vectors {
                let x = lanes.floats(x);
                squares = lanes.mul_add(x, x, squares);
            }
            scale(x, lanes.sum(squares) + rest.iter().map(|x| x * x).sum::<f32>(), self.weight, self.epsilon, out);
        }
    }
}

#[inline(always)]
fn scale(x: &[f32], squares: f32, weight: &[f32], epsilon: f32, out: &mut [f32]) {
    let scale = 1.0 / (squares / x.len() as f32 + epsilon).sqrt();
    for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
        *out = x * scale * weight;
    }
}

/// # Shapes
/// `x`, `out`: `[m, d]`; `weight`, `bias`: `[d]`.
///
/// # Errors
/// `Internal` if sizes disagree.
pub(crate) fn layer_norm(
    isa: Isa,
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    epsilon: f32,
    out: &mut [f32],
) -> Result<()> {
    let d = weight.len();
    check(d > 0 && bias.len() == d && x.len().is_multiple_of(d) && x.len() == out.len(), || {
        format!("layer_norm was given {} inputs, {d} weights, {} biases and {} outputs", x.len(), bias.len(), out.len())
    })?;
    let rows = (PIECE / d).max(1) * d;
    if x.len() <= rows {
        isa.run(LayerNorm { x, weight, bias, epsilon, out });
    } else {
        let pieces = x.par_chunks(rows).zip(out.par_chunks_mut(rows));
        pieces.for_each(|(x, out)| isa.run(LayerNorm { x, weight, bias, epsilon, out }));
    }
    Ok(())
}

struct LayerNorm<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    epsilon: f32,
    out: &'a mut [f32],
}

impl Kernel for LayerNorm<'_> {
    type Output = ();

    fn scalar(self) {
        for (x, out) in self.x.chunks_exact(self.weight.len()).zip(self.out.chunks_exact_mut(self.weight.len())) {
            let mean = x.iter().sum::<f32>() / x.len() as f32;
            let squares = x.iter().map(|x| (x - mean) * (x - mean)).sum();
            standardize(x, mean, squares, self.weight, self.bias, self.epsilon, out);
        }
    }

    #[inline(always)]
    fn vector<L: Lanes>(self, lanes: L) {
        let d = self.weight.len();
        for (x, out) in self.x.chunks_exact(d).zip(self.out.chunks_exact_mut(d)) {
            let (vectors, rest) = x.as_chunks();
            let mut sum = lanes.splat(0.0);
            for x in vectors {
                sum = lanes.add(sum, lanes.floats(x));
            }
            let mean = (lanes.sum(sum) + rest.iter().sum::<f32>()) / d as f32;
            let (mut squares, less) = (lanes.splat(0.0), lanes.splat(-mean));
            for x in vectors {
                let x = lanes.add(lanes.floats(x), less);
                squares = lanes.mul_add(x, x, squares);
            }
            let mut total = lanes.sum(squares);
            for x in rest {
                total += (x - mean) * (x - mean);
            }
            standardize(x, mean, total, self.weight, self.bias, self.epsilon, out);
        }
    }
}

#[inline(always)]
fn standardize(x: &[f32], mean: f32, squares: f32, weight: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32]) {
    let scale = 1.0 / (squares / x.len() as f32 + epsilon).sqrt();
    for (((out, x), weight), bias) in out.iter_mut().zip(x).zip(weight).zip(bias) {
        *out = (x - mean) * scale * weight + bias;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_formula_at_every_width() {
        for d in [1, 7, 8, 9, 64, 576, 577] {
            for m in [0, 1, 3, 40] {
                let x: Vec<f32> = (0..m * d).map(|i| (i as f32 * 0.7).sin() * 3.0).collect();
                let weight: Vec<f32> = (0..d).map(|i| 0.5 + i as f32 / d as f32).collect();
                for isa in Isa::available() {
                    let mut out = vec![f32::NAN; m * d];
                    rms_norm(*isa, &x, &weight, 1e-5, &mut out).unwrap();
                    for (row, out) in x.chunks_exact(d).zip(out.chunks_exact(d)) {
                        let mean = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / d as f64;
                        for i in 0..d {
                            let expected = f64::from(row[i]) / (mean + 1e-5).sqrt() * f64::from(weight[i]);
                            assert!((f64::from(out[i]) - expected).abs() < 1e-5, "{isa} d {d} m {m}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn layer_norm_agrees_with_the_formula_at_every_width() {
        for d in [1, 7, 8, 9, 64, 384, 385] {
            for m in [0, 1, 3, 50] {
                // a mean far from zero, where a variance by squares alone would lose its digits
                let x: Vec<f32> = (0..m * d).map(|i| 50.0 + (i as f32 * 0.7).sin()).collect();
                let weight: Vec<f32> = (0..d).map(|i| 0.5 + i as f32 / d as f32).collect();
                let bias: Vec<f32> = (0..d).map(|i| i as f32 * 0.01).collect();
                for isa in Isa::available() {
                    let mut out = vec![f32::NAN; m * d];
                    layer_norm(*isa, &x, &weight, &bias, 1e-5, &mut out).unwrap();
                    for (row, out) in x.chunks_exact(d).zip(out.chunks_exact(d)) {
                        let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / d as f64;
                        let variance = row.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / d as f64;
                        for i in 0..d {
                            let standard = (f64::from(row[i]) - mean) / (variance + 1e-5).sqrt();
                            let expected = standard * f64::from(weight[i]) + f64::from(bias[i]);
                            assert!((f64::from(out[i]) - expected).abs() < 1e-4, "{isa} d {d} m {m}");
                        }
                    }
                }
            }
        }
        assert!(layer_norm(Isa::best(), &[0.0; 4], &[1.0; 4], &[0.0; 3], 0.0, &mut [0.0; 4]).is_err());
    }

    #[test]
    fn epsilon_keeps_zeros_finite() {
        for isa in Isa::available() {
            let mut out = [f32::NAN; 16];
            rms_norm(*isa, &[0.0; 16], &[1.0; 16], 1e-6, &mut out).unwrap();
            assert_eq!(out, [0.0; 16]);
        }
    }

    #[test]
    fn refuses_sizes_that_disagree() {
        assert!(rms_norm(Isa::best(), &[0.0; 9], &[1.0; 4], 0.0, &mut [0.0; 9]).is_err());
        assert!(rms_norm(Isa::best(), &[], &[], 0.0, &mut []).is_err());
    }
}
