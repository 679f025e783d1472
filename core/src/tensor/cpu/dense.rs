//! Products with weights stored as f32, f16 or bf16: inputs stay f32, sums are f32.
//!
//! One row against one token (four sums in flight hide the latency of a multiply-add), or two rows against four tokens, which
//! share each load.

use bytemuck::cast;

use super::dots::PREFETCH_BYTES;
use super::isa::Kernel;
use super::lanes::{Lanes, array_at};
use crate::format::BlockFormat;
use crate::tensor::block::element;

/// `x · Wᵀ` for whole rows of a matrix.
pub(super) struct Dense<'a> {
    pub(super) format: BlockFormat,
    /// Rows of `cols` elements.
    pub(super) weight: &'a [u8],
    pub(super) cols: usize,
    /// `[m, cols]`
    pub(super) x: &'a [f32],
    /// `[m, rows]`
    pub(super) out: &'a mut [f32],
}

impl Kernel for Dense<'_> {
    type Output = ();

    fn scalar(self) {
        let width = self.format.block_bytes();
        let rows = self.weight.len() / (self.cols * width);
        for (x, out) in self.x.chunks_exact(self.cols).zip(self.out.chunks_exact_mut(rows)) {
            for (row, out) in self.weight.chunks_exact(self.cols * width).zip(out) {
                *out = row.chunks_exact(width).zip(x).map(|(bytes, x)| element(self.format, bytes) * x).sum();
            }
        }
    }

    #[inline(always)]
    fn vector<L: Lanes>(self, lanes: L) {
        match self.format {
            BlockFormat::F16 => self.rows::<L, F16>(lanes),
            BlockFormat::BF16 => self.rows::<L, Bf16>(lanes),
            _ => self.rows::<L, F32>(lanes),
        }
    }
}

/// A plain format in lanes.
trait Element {
    /// Bytes an element.
    const WIDTH: usize;
    /// The eight elements of `row` from element `i` on.
    fn load<L: Lanes>(lanes: L, row: &[u8], i: usize) -> L::Floats;
}

struct F32;
impl Element for F32 {
    const WIDTH: usize = 4;

    #[inline(always)]
    fn load<L: Lanes>(lanes: L, row: &[u8], i: usize) -> L::Floats {
        lanes.floats(&cast(*array_at::<u8, 32>(row, 4 * i)))
    }
}

struct F16;
impl Element for F16 {
    const WIDTH: usize = 2;

    #[inline(always)]
    fn load<L: Lanes>(lanes: L, row: &[u8], i: usize) -> L::Floats {
        lanes.f16s(&cast(*array_at::<u8, 16>(row, 2 * i)))
    }
}

struct Bf16;
impl Element for Bf16 {
    const WIDTH: usize = 2;

    #[inline(always)]
    fn load<L: Lanes>(lanes: L, row: &[u8], i: usize) -> L::Floats {
        lanes.bf16s(&cast(*array_at::<u8, 16>(row, 2 * i)))
    }
}

impl Dense<'_> {
    #[inline(always)]
    fn rows<L: Lanes, E: Element>(self, lanes: L) {
        let row_bytes = self.cols * E::WIDTH;
        let (rows, tokens) = (self.weight.len() / row_bytes, self.x.len() / self.cols);
        let row = |i: usize| &self.weight[i * row_bytes..(i + 1) * row_bytes];
        // Tokens outside: the inputs of four stay in the first-level cache while rows stream by.
        for token in (0..tokens / 4 * 4).step_by(4) {
            for i in (0..rows).step_by(2) {
                // A last row without a neighbour stands in for it.
                let sums = self.dot::<L, E, 2, 4, 1>(lanes, [row(i), row((i + 1).min(rows - 1))], token);
                for (r, sums) in sums.into_iter().enumerate().take(rows - i) {
                    for (t, sum) in sums.into_iter().enumerate() {
                        self.out[(token + t) * rows + i + r] = sum;
                    }
                }
            }
        }
        for token in tokens / 4 * 4..tokens {
            for i in 0..rows {
                [[self.out[token * rows + i]]] = self.dot::<L, E, 1, 1, 4>(lanes, [row(i)], token);
            }
        }
    }

    /// The products of `R` rows with `T` tokens, `U` vectors a step.
    #[inline(always)]
    fn dot<L: Lanes, E: Element, const R: usize, const T: usize, const U: usize>(
        &self,
        lanes: L,
        rows: [&[u8]; R],
        first: usize,
    ) -> [[f32; T]; R] {
        let cols = self.cols;
        let mut x = [self.x; T];
        for t in 0..T {
            x[t] = &self.x[(first + t) * cols..(first + t + 1) * cols];
        }
        let mut sums = [[[lanes.splat(0.0); U]; T]; R];
        let whole = cols / (8 * U) * (8 * U);
        for i in (0..whole).step_by(8 * U) {
            if T == 1 {
                // One token is bound by memory; 32 elements are one cache line of two-byte elements, two of f32.
                lanes.prefetch(&rows[0][i * E::WIDTH..], PREFETCH_BYTES);
                lanes.prefetch(&rows[0][(i + 4 * U) * E::WIDTH..], PREFETCH_BYTES);
            }
            for u in 0..U {
                for r in 0..R {
                    let weight = E::load(lanes, rows[r], i + 8 * u);
                    for t in 0..T {
                        let x = lanes.floats(array_at(x[t], i + 8 * u));
                        sums[r][t][u] = lanes.mul_add(weight, x, sums[r][t][u]);
                    }
                }
            }
        }
        let mut products = [[0.0; T]; R];
        for r in 0..R {
            for t in 0..T {
                for i in (whole..cols / 8 * 8).step_by(8) {
                    let (weight, x) = (E::load(lanes, rows[r], i), lanes.floats(array_at(x[t], i)));
                    sums[r][t][0] = lanes.mul_add(weight, x, sums[r][t][0]);
                }
                for u in 1..U {
                    sums[r][t][0] = lanes.add(sums[r][t][0], sums[r][t][u]);
                }
                products[r][t] = lanes.sum(sums[r][t][0]);
                for i in cols / 8 * 8..cols {
                    products[r][t] += element(self.format, &rows[r][i * E::WIDTH..(i + 1) * E::WIDTH]) * x[t][i];
                }
            }
        }
        products
    }
}
