//! Functions of one element: the exponential, the activations of an MLP and their gate.
//!
//! Written for one element without branches, so that the loops over them vectorise by themselves in each instruction set.

use std::f32::consts::LOG2_E;

use super::isa::Kernel;
use super::lanes::Lanes;
use crate::tensor::spec::Activation;

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
    use crate::tensor::cpu::Isa;

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
