//! Products of few tokens with quantised weights: one pass over the bytes as they lie in the file.
//!
//! With one token a product is bound by memory, so what matters is that reads are sequential and asked for ahead. Rows are
//! taken one after the other; each group of 32 costs an unpacking, a dot product and two multiply-adds.

use std::marker::PhantomData;

use super::activations::Activations;
use super::formats::Format;
use super::isa::Kernel;
use super::lanes::Lanes;
use crate::format::BlockFormat;
use crate::tensor::block::{GROUP_LEN, groups};

/// `x · Wᵀ` for whole rows of a matrix.
pub(super) struct Rows<'a, F> {
    pub(super) format: BlockFormat,
    /// Rows of `row_bytes` each.
    pub(super) weight: &'a [u8],
    pub(super) row_bytes: usize,
    pub(super) x: &'a Activations,
    /// `[m, rows]`
    pub(super) out: &'a mut [f32],
    pub(super) lanes_format: PhantomData<F>,
}

impl<F: Format> Kernel for Rows<'_, F> {
    type Output = ();

    fn scalar(self) {
        let rows = self.weight.len() / self.row_bytes;
        for (token, out) in self.out.chunks_exact_mut(rows).enumerate() {
            for (row, out) in self.weight.chunks_exact(self.row_bytes).zip(out) {
                *out = scalar_product(self.format, row, self.x, token);
            }
        }
    }

    #[inline(always)]
    fn vector<L: Lanes>(self, lanes: L) {
        let rows = self.weight.len() / self.row_bytes;
        for (i, row) in self.weight.chunks_exact(self.row_bytes).enumerate() {
            for token in 0..self.out.len() / rows {
                self.out[token * rows + i] = product::<F, L>(lanes, row, self.x, token);
            }
        }
    }
}

/// One element of the product: `Σ scale_x * (scales[0] * Σ q x + scales[1] * Σ q x) + offset * sum_x` over groups.
fn scalar_product(format: BlockFormat, row: &[u8], x: &Activations, token: usize) -> f32 {
    let x = x.row(token);
    let mut total = 0.0;
    for (i, group) in groups(format, row).enumerate() {
        let mut halves = [0; 2];
        for (j, x) in x.quants[i].as_flattened().iter().enumerate() {
            halves[j / (GROUP_LEN / 2)] += i32::from(group.quants[j]) * i32::from(*x);
        }
        let scaled = group.scales[0] * halves[0] as f32 + group.scales[1] * halves[1] as f32;
        total += x.scales[i] * scaled + group.offset * x.sums[i];
    }
    total
}

/// As [`scalar_product`], a group at a time.
#[inline(always)]
fn product<F: Format, L: Lanes>(lanes: L, row: &[u8], x: &Activations, token: usize) -> f32 {
    let x = x.row(token);
    let mut total = lanes.splat(0.0);
    let mut offsets = 0.0;
    let groups = x.quants.chunks_exact(F::GROUPS).zip(x.scales.chunks_exact(F::GROUPS));
    for ((block, (quants, x_scales)), sums) in
        row.chunks_exact(F::BLOCK_BYTES).zip(groups).zip(x.sums.chunks_exact(F::GROUPS))
    {
        lanes.prefetch(block);
        if F::BLOCK_BYTES > 64 {
            lanes.prefetch(&block[64..]);
        }
        if F::BLOCK_BYTES > 128 {
            lanes.prefetch(&block[128..]);
        }
        for g in 0..F::GROUPS {
            let dot = lanes.dot(F::quants(lanes, block, g), F::QUANTS, lanes.bytes(bytemuck::cast_ref(&quants[g])));
            let own = F::scales(lanes, block, g);
            let scale = own.scales.map(|scale| scale * x_scales[g]);
            let scale = if F::HALVES { lanes.halves(scale[0], scale[1]) } else { lanes.splat(scale[0]) };
            total = lanes.mul_add(lanes.to_floats(dot), scale, total);
            if !F::QUANTS.signed {
                offsets += own.offset * sums[g];
            }
        }
    }
    lanes.sum(total) + offsets
}
