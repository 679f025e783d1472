//! Functions of one element: the exponential, the activations of an MLP and their gate.
//!
//! Written for one element without branches, so that the loops over them vectorise by themselves in each instruction set.

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

use rayon::prelude::*;

use super::check;
use super::isa::{Isa, Kernel};
use super::lanes::Lanes;
use crate::Result;
use crate::tensor::spec::Activation;

/// Elements that a thread should at least have: about 10 µs.
const PIECE: usize = 8 * 1024;

/// `e^x` to about 2 units in the last place; 0 below -87.3, where it would be subnormal, `inf` above 88.7.
///
/// `x = n ln 2 + r` with `|r| <= ln 2 / 2` and ln 2 in two parts (Cody & Waite 1980); `e^r` by the minimax polynomial of
/// Cephes' `expf`.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // 1.5 * 2^23: adding it leaves the nearest integer in the last bits.
    const ROUND: f32 = 12_582_912.0;
    // 355 / 512: a product with a small integer is exact.
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let clamped = x.clamp(-88.0, 89.0);
    let shifted = clamped * LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (clamped - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut p = 1.987_569_1e-4;
    for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        p = p * r + c;
    }
    let p = p * r * r + r + 1.0;
    // 2^n by its bits, in two steps so that n = 128 doesn't overflow.
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let half = n >> 1;
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) as u32) << 23);
    let result = p * power(half) * power(n.wrapping_sub(half));
    if x < -87.336_54 { 0.0 } else { result }
}

#[inline(always)]
fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// With `tanh(y) = 1 - 2 / (1 + e^2y)`, GELU's tanh form is `x - x / (1 + e^2y)`.
#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;
    let y = SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x);
    x - x / (1.0 + exp(2.0 * y))
}

/// GELU in its exact form. With `t = 1 / (1 + p z)`, `erf(z) = 1 - polynomial(t) · e^(-z²)` to 1.5e-7 (Abramowitz & Stegun 7.1.26; Hastings
/// 1955).
#[inline(always)]
fn gelu(x: f32) -> f32 {
    let z = x.abs() * FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let mut p = 1.061_405_4;
    for c in [-1.453_152, 1.421_413_8, -0.284_496_74, 0.254_829_6] {
        p = p * t + c;
    }
    let complement = p * t * exp(-z * z);
    0.5 * x * if x < 0.0 { complement } else { 2.0 - complement }
}

/// `x = gelu(x + bias)`: `x` `[m, d]`, `bias` `[d]`.
///
/// # Errors
/// `Internal` if sizes disagree.
pub(crate) fn biased_gelu(isa: Isa, x: &mut [f32], bias: &[f32]) -> Result<()> {
    let d = bias.len();
    check(d > 0 && x.len().is_multiple_of(d), || format!("gelu was given {} inputs and {d} biases", x.len()))?;
    let rows = (PIECE / d).max(1) * d;
    if x.len() <= rows {
        isa.run(BiasedGelu { x, bias });
    } else {
        x.par_chunks_mut(rows).for_each(|x| isa.run(BiasedGelu { x, bias }));
    }
    Ok(())
}

struct BiasedGelu<'a> {
    x: &'a mut [f32],
    bias: &'a [f32],
}

impl Kernel for BiasedGelu<'_> {
    type Output = ();

    fn scalar(self) {
        self.apply();
    }

    #[inline(always)]
    fn vector<L: Lanes>(self, _: L) {
        self.apply();
    }
}

impl BiasedGelu<'_> {
    #[inline(always)]
    fn apply(self) {
        for row in self.x.chunks_exact_mut(self.bias.len()) {
            for (x, bias) in row.iter_mut().zip(self.bias) {
                *x = gelu(*x + bias);
            }
        }
    }
}

/// `up *= activation(gate)`.
pub(super) struct Gate<'a> {
    pub(super) activation: Activation,
    pub(super) gate: &'a mut [f32],
    pub(super) up: &'a mut [f32],
}

impl Kernel for Gate<'_> {
    type Output = ();

    fn scalar(self) {
        self.apply();
    }

    #[inline(always)]
    fn vector<L: Lanes>(self, _: L) {
        self.apply();
    }
}

impl Gate<'_> {
    #[inline(always)]
    fn apply(self) {
        let pairs = self.up.iter_mut().zip(self.gate.iter());
        match self.activation {
            Activation::Silu => pairs.for_each(|(up, gate)| *up *= silu(*gate)),
            Activation::GeluTanh => pairs.for_each(|(up, gate)| *up *= gelu_tanh(*gate)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_a_few_units_in_the_last_place() {
        for i in -870_000..=880_000 {
            let x = i as f32 * 1e-4;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 4e-7, "{x}: {} {exact}", exp(x));
        }
    }

    #[test]
    fn the_exponential_has_ends() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-88.0), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(100.0), f32::INFINITY);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn gelu_is_exact_on_every_instruction_set() {
        let x: Vec<f32> = (-8000..=8000).map(|i| i as f32 * 0.001).collect();
        let bias = vec![0.25; x.len()];
        for isa in Isa::available() {
            let mut found = x.clone();
            biased_gelu(*isa, &mut found, &bias).unwrap();
            for (x, found) in x.iter().map(|x| f64::from(x + 0.25)).zip(found) {
                let expected = 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2));
                assert!((f64::from(found) - expected).abs() < 4e-7 * (1.0 + x.abs()), "{isa} {x}: {found} {expected}");
            }
            let mut ends = [f32::NEG_INFINITY, f32::INFINITY, -1e30, 1e30];
            biased_gelu(*isa, &mut ends, &[0.0; 4]).unwrap();
            assert_eq!(ends[1..], [f32::INFINITY, 0.0, 1e30]);
        }
        assert!(biased_gelu(Isa::best(), &mut [0.0; 3], &[0.0; 2]).is_err());
    }

    #[test]
    fn activations_follow_their_formulas_on_every_instruction_set() {
        let x: Vec<f32> = (-4000..=4000).map(|i| i as f32 * 0.01).collect();
        for isa in Isa::available() {
            for activation in [Activation::Silu, Activation::GeluTanh] {
                let (mut gate, mut up) = (x.clone(), vec![2.0; x.len()]);
                isa.run(Gate { activation, gate: &mut gate, up: &mut up });
                for (x, found) in x.iter().map(|x| f64::from(*x)).zip(up) {
                    let expected = match activation {
                        Activation::Silu => 2.0 * x / (1.0 + (-x).exp()),
                        Activation::GeluTanh => x * (1.0 + (0.797_884_560_8 * (x + 0.044_715 * x.powi(3))).tanh()),
                    };
                    assert!((f64::from(found) - expected).abs() < 1e-6 * (1.0 + x.abs()), "{isa} {activation:?} {x}");
                }
            }
        }
    }
}
