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
pub(crate) type Fours = [[i8; 4]; 8];

/// Tokens whose groups lie beside each other.
pub(super) const BLOCK: usize = 8;

/// Rows `[m, cols]` rounded to 8 bits, `cols / 32` groups each.
///
/// Eight tokens lie side by side, group by group, as kernels read them: `[m / 8, groups, 8]`, and the tokens that remain
/// `[groups, m % 8]`.
pub(super) struct Activations {
    /// Groups a row.
    groups: usize,
    /// The integers, `-127 ..= 127`.
    quants: Vec<Fours>,
    /// A factor a group.
    scales: Vec<f32>,
    /// `scale * Σ q` a group.
    sums: Vec<f32>,
    /// `-8 Σ q` of the first and the last 16 elements of a group.
    eighths: Vec<[i32; 2]>,
}

/// Up to eight tokens: `[groups, width]` of each.
#[derive(Clone, Copy)]
pub(super) struct ActivationBlock<'a> {
    /// Tokens.
    pub(super) width: usize,
    pub(super) quants: &'a [Fours],
    pub(super) scales: &'a [f32],
    pub(super) sums: &'a [f32],
    pub(super) eighths: &'a [[i32; 2]],
}

impl Activations {
    /// Rounds `x` `[m, cols]`; `cols` is a multiple of 32.
    pub(super) fn new(isa: Isa, x: &[f32], cols: usize) -> Self {
        let groups = cols / GROUP_LEN;
        let count = x.len() / GROUP_LEN;
        let (mut quants, mut eighths) = (vec![[[0; 4]; 8]; count], vec![[0; 2]; count]);
        let (mut scales, mut sums) = (vec![0.0; count], vec![0.0; count]);
        let block = BLOCK * groups;
        let round = |((x, quants), ((scales, sums), eighths))| {
            isa.run(Round { x, groups, quants, scales, sums, eighths });
        };
        if count <= block {
            round(((x, &mut quants[..]), ((&mut scales[..], &mut sums[..]), &mut eighths[..])));
        } else {
            let outputs =
                scales.par_chunks_mut(block).zip(sums.par_chunks_mut(block)).zip(eighths.par_chunks_mut(block));
            x.par_chunks(BLOCK * cols).zip(quants.par_chunks_mut(block)).zip(outputs).for_each(round);
        }
        Self { groups, quants, scales, sums, eighths }
    }

    /// Tokens `8 i .. 8 i + 8`, or those that remain.
    #[inline(always)]
    pub(super) fn block(&self, i: usize) -> ActivationBlock<'_> {
        let range = i * BLOCK * self.groups..((i + 1) * BLOCK * self.groups).min(self.scales.len());
        ActivationBlock {
            width: range.len() / self.groups.max(1),
            quants: &self.quants[range.clone()],
            scales: &self.scales[range.clone()],
            sums: &self.sums[range.clone()],
            eighths: &self.eighths[range],
        }
    }

    /// Blocks of tokens.
    pub(super) fn blocks(&self) -> usize {
        self.scales.len().div_ceil(BLOCK * self.groups.max(1))
    }
}

/// Rounds the rows of one block.
struct Round<'a> {
    x: &'a [f32],
    groups: usize,
    quants: &'a mut [Fours],
    scales: &'a mut [f32],
    sums: &'a mut [f32],
    eighths: &'a mut [[i32; 2]],
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
        let (groups, _) = self.x.as_chunks::<GROUP_LEN>();
        let width = groups.len() / self.groups.max(1);
        for (i, x) in groups.iter().enumerate() {
            let at = i % self.groups * width + i / self.groups;
            // The order of non-negative floats is that of their bits, and a NaN's are the greatest: it is not lost.
            let mut greatest = 0;
            for x in x {
                greatest = x.abs().to_bits().max(greatest);
            }
            let greatest = f32::from_bits(greatest);
            let inverse = if greatest > 0.0 { 127.0 / greatest } else { 0.0 };
            // 1.5 * 2^23: the sum's last bits are the nearest integer.
            let mut quants = [0; GROUP_LEN];
            for (q, x) in quants.iter_mut().zip(x) {
                *q = (x * inverse + 12_582_912.0).to_bits() as i8;
            }
            let mut totals = [0; 2];
            for i in 0..GROUP_LEN / 2 {
                totals[0] += i32::from(quants[i]);
                totals[1] += i32::from(quants[GROUP_LEN / 2 + i]);
            }
            let scale = greatest / 127.0;
            self.quants[at] = bytemuck::cast(quants);
            self.scales[at] = scale;
            self.sums[at] = scale * (totals[0] + totals[1]) as f32;
            self.eighths[at] = totals.map(|total| -8 * total);
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
            let row = rounded.block(0);
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
            assert_eq!(Activations::new(*isa, &x, 32).block(0).sums, [0.0]);
            x[3] = f32::from_bits(1);
            assert_eq!(Activations::new(*isa, &x, 32).block(0).quants, [[[0; 4]; 8]], "too small to divide by");
            x[5] = f32::NAN;
            assert!(Activations::new(*isa, &x, 32).block(0).scales[0].is_nan());
            x[5] = f32::NEG_INFINITY;
            assert_eq!(Activations::new(*isa, &x, 32).block(0).scales, [f32::INFINITY]);
        }
    }
}
