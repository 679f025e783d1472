//! Inputs of a product rounded to 8 bits, in groups of 32: what quantised weights are multiplied with.
//!
//! As ggml's Q8_1: `x ≈ scale * q`, `scale = max |x| / 127`, rounded to the nearest. The sum of a group is that of the rounded
//! values, not of the inputs, so that a weight's scale and offset parts see the same vector and rounding errors of one
//! cancel against the other. Costs about 0.4 % relative error a product.
//!
//! One definition serves all instruction sets: it vectorises by itself, and its results are the same on each.

use rayon::prelude::*;

use super::isa::{Isa, Kernel};
use super::lanes::Lanes;
use crate::tensor::block::GROUP_LEN;

/// 32 integers as the eight fours that a dot instruction takes.
pub(super) type Fours = [[i8; 4]; 8];

/// Rows `[m, cols]` rounded to 8 bits, `cols / 32` groups each.
pub(super) struct Activations {
    /// Groups a row.
    groups: usize,
    /// The integers, `-127 ..= 127`.
    quants: Vec<Fours>,
    /// A factor a group.
    scales: Vec<f32>,
    /// `scale * Σ q` a group.
    sums: Vec<f32>,
}

/// One row.
#[derive(Clone, Copy)]
pub(super) struct ActivationRow<'a> {
    pub(super) quants: &'a [Fours],
    pub(super) scales: &'a [f32],
    pub(super) sums: &'a [f32],
}

impl Activations {
    /// Rounds `x` `[m, cols]`; `cols` is a multiple of 32.
    pub(super) fn new(isa: Isa, x: &[f32], cols: usize) -> Self {
        let (groups, _) = x.as_chunks::<GROUP_LEN>();
        let mut quants = vec![[[0; 4]; 8]; groups.len()];
        let mut scales = vec![0.0; groups.len()];
        let mut sums = vec![0.0; groups.len()];
        // A few microseconds of work each, about what it costs to hand them to another thread.
        const PIECE: usize = 512;
        let round = |((x, quants), (scales, sums))| isa.run(Round { x, quants, scales, sums });
        if groups.len() <= PIECE {
            round(((groups, &mut quants), (&mut scales, &mut sums)));
        } else {
            let outputs = scales.par_chunks_mut(PIECE).zip(sums.par_chunks_mut(PIECE));
            groups.par_chunks(PIECE).zip(quants.par_chunks_mut(PIECE)).zip(outputs).for_each(round);
        }
        Self { groups: cols / GROUP_LEN, quants, scales, sums }
    }

    /// Row `i`.
    #[inline(always)]
    pub(super) fn row(&self, i: usize) -> ActivationRow<'_> {
        let range = i * self.groups..(i + 1) * self.groups;
        ActivationRow {
            quants: &self.quants[range.clone()],
            scales: &self.scales[range.clone()],
            sums: &self.sums[range],
        }
    }
}

struct Round<'a> {
    x: &'a [[f32; GROUP_LEN]],
    quants: &'a mut [Fours],
    scales: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Kernel for Round<'_> {
    type Output = ();

    fn scalar(self) {
        self.round();
    }

    #[inline(always)]
    fn vector<L: Lanes>(self, _: L) {
        self.round();
    }
}

impl Round<'_> {
    #[inline(always)]
    fn round(self) {
        let outputs = self.quants.iter_mut().zip(self.scales).zip(self.sums);
        for (x, ((quants, scale), sum)) in self.x.iter().zip(outputs) {
            // The order of non-negative floats is that of their bits, and a NaN's are the greatest: it is not lost.
            let mut greatest = 0;
            for x in x {
                greatest = x.abs().to_bits().max(greatest);
            }
            let greatest = f32::from_bits(greatest);
            *scale = greatest / 127.0;
            let inverse = if greatest > 0.0 { 127.0 / greatest } else { 0.0 };
            // 1.5 * 2^23: the sum's last bits are the nearest integer.
            let mut total = 0;
            for (q, x) in quants.as_flattened_mut().iter_mut().zip(x) {
                *q = (x * inverse + 12_582_912.0).to_bits() as i8;
                total += i32::from(*q);
            }
            *sum = *scale * total as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_half_a_step() {
        let x: Vec<f32> = (0..64).map(|i| ((i * 37 % 64) as f32 - 31.5) * 0.3).collect();
        for isa in Isa::available() {
            let rounded = Activations::new(*isa, &x, 64);
            let row = rounded.row(0);
            for (i, x) in x.iter().enumerate() {
                let q = row.quants[i / 32].as_flattened()[i % 32];
                assert!((x - row.scales[i / 32] * f32::from(q)).abs() <= row.scales[i / 32] * 0.5001, "{isa} {i}");
            }
        }
    }

    #[test]
    fn is_the_same_on_every_instruction_set() {
        let x: Vec<f32> = (0..40_000).map(|i| (i as f32 * 0.37).sin() * (i % 97) as f32).collect();
        let scalar = Activations::new(Isa::available()[0], &x, 320);
        for isa in Isa::available() {
            let other = Activations::new(*isa, &x, 320);
            assert_eq!((&scalar.quants, &scalar.scales, &scalar.sums), (&other.quants, &other.scales, &other.sums));
        }
    }

    #[test]
    fn keeps_zeros_zero_and_nans_nan() {
        for isa in Isa::available() {
            let mut x = [0.0; 32];
            assert_eq!(Activations::new(*isa, &x, 32).row(0).sums, [0.0]);
            x[3] = f32::from_bits(1);
            assert_eq!(Activations::new(*isa, &x, 32).row(0).quants, [[[0; 4]; 8]], "too small to divide by");
            x[5] = f32::NAN;
            assert!(Activations::new(*isa, &x, 32).row(0).scales[0].is_nan());
            x[5] = f32::NEG_INFINITY;
            assert_eq!(Activations::new(*isa, &x, 32).row(0).scales, [f32::INFINITY]);
        }
    }
}
