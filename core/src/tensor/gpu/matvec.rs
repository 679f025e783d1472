//! Decode: a few rows of `x` against a weight matrix, as fast as memory gives the weights.
//!
//! A cube takes [`ROWS`] rows of the matrix. Its units walk along them side by side, a chunk of eight elements at a
//! time, so that neighbours read neighbouring words and one load of `x` serves all rows; at the end the units' sums are
//! added up. Weights are read once for all tokens.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::decode::{Four, first_vector, read_chunk, row_words, second_vector};
use super::launch::grid;
use super::layout::Packing;
use super::linear::{Epilogue, Matrix, activated, finished};
use super::reduce::cube_sums;
use crate::tensor::spec::Activation;

/// Most tokens that the kernels take at a time; more go to `matmul.rs`.
pub(super) const MAX_TOKENS: usize = 4;

/// Units a cube: one wave on the widest mobile GPUs, two on the others.
const UNITS: usize = 64;

/// Weight rows a cube. With [`MAX_TOKENS`] it makes 16 sums a unit, which still live in registers.
const ROWS: usize = 4;

/// Adds to `sums[row * tokens + token]` this unit's part of the products of `ROWS` rows from `first_row` on.
#[cube]
fn accumulate(
    sums: &mut Array<f32>,
    x: &[Four],
    weight: &[u32],
    first_row: usize,
    rows: usize,
    chunks: usize,
    #[comptime] packing: Packing,
    #[comptime] tokens: usize,
) {
    let words = row_words(chunks, packing);
    let mut chunk = UNIT_POS as usize;
    while chunk < chunks {
        let mut x_first = Array::<Four>::new(tokens);
        let mut x_second = Array::<Four>::new(tokens);
        #[unroll]
        for token in 0..tokens {
            let x_row = token * 2 * chunks;
            x_first[token] = x[x_row + first_vector(chunk, packing)];
            x_second[token] = x[x_row + second_vector(chunk, packing)];
        }
        #[unroll]
        for row in 0..ROWS {
            // Past the end the last row is read again and its sum dropped.
            let start = min(first_row + row, rows - 1) * words;
            let values = read_chunk(weight, start, chunk, chunks, packing);
            #[unroll]
            for token in 0..tokens {
                let sum = values.first.dot(x_first[token]) + values.second.dot(x_second[token]);
                sums[comptime!(row * tokens + token)] += sum;
            }
        }
        chunk += UNITS;
    }
}

#[cube(launch_unchecked)]
fn linear_kernel(
    x: &[Four],
    weight: &[u32],
    other: &[f32],
    out: &mut [f32],
    rows: u32,
    chunks: u32,
    #[comptime] packing: Packing,
    #[comptime] tokens: usize,
    #[comptime] epilogue: Epilogue,
    #[comptime] planes: bool,
) {
    let rows = rows as usize;
    let first_row = CUBE_POS * ROWS;
    let mut sums = Array::<f32>::new(comptime!(ROWS * tokens));
    accumulate(&mut sums, x, weight, first_row, rows, chunks as usize, packing, tokens);
    let sum = cube_sums(&sums, comptime!(ROWS * tokens), UNITS, planes);
    let row = first_row + UNIT_POS as usize / tokens;
    if (UNIT_POS as usize) < comptime!(ROWS * tokens) && row < rows {
        let at = UNIT_POS as usize % tokens * rows + row;
        out[at] = finished(sum, other, at, epilogue);
    }
}

#[cube(launch_unchecked)]
fn gate_up_kernel(
    x: &[Four],
    gate: &[u32],
    up: &[u32],
    out: &mut [f32],
    rows: u32,
    chunks: u32,
    #[comptime] packings: [Packing; 2],
    #[comptime] tokens: usize,
    #[comptime] activation: Activation,
    #[comptime] planes: bool,
) {
    let rows = rows as usize;
    let first_row = CUBE_POS * ROWS;
    let mut gate_sums = Array::<f32>::new(comptime!(ROWS * tokens));
    let mut up_sums = Array::<f32>::new(comptime!(ROWS * tokens));
    accumulate(&mut gate_sums, x, gate, first_row, rows, chunks as usize, comptime!(packings[0]), tokens);
    accumulate(&mut up_sums, x, up, first_row, rows, chunks as usize, comptime!(packings[1]), tokens);
    let gate_sum = cube_sums(&gate_sums, comptime!(ROWS * tokens), UNITS, planes);
    let up_sum = cube_sums(&up_sums, comptime!(ROWS * tokens), UNITS, planes);
    let row = first_row + UNIT_POS as usize / tokens;
    if (UNIT_POS as usize) < comptime!(ROWS * tokens) && row < rows {
        out[UNIT_POS as usize % tokens * rows + row] = activated(gate_sum, activation) * up_sum;
    }
}

#[cube(launch_unchecked)]
fn qkv_kernel(
    x: &[Four],
    q: &[u32],
    k: &[u32],
    v: &[u32],
    q_out: &mut [f32],
    k_out: &mut [f32],
    v_out: &mut [f32],
    q_rows: u32,
    k_rows: u32,
    v_rows: u32,
    chunks: u32,
    #[comptime] packings: [Packing; 3],
    #[comptime] tokens: usize,
    #[comptime] planes: bool,
) {
    let chunks = chunks as usize;
    let mut sums = Array::<f32>::new(comptime!(ROWS * tokens));
    // Cubes of q come first, then those of k, then those of v.
    let q_cubes = (q_rows as usize).div_ceil(ROWS);
    let k_cubes = (k_rows as usize).div_ceil(ROWS);
    let is_q = CUBE_POS < q_cubes;
    let is_k = !is_q && CUBE_POS < q_cubes + k_cubes;
    let mut first_row = CUBE_POS * ROWS;
    let mut rows = q_rows as usize;
    if is_q {
        accumulate(&mut sums, x, q, first_row, rows, chunks, comptime!(packings[0]), tokens);
    } else if is_k {
        first_row = (CUBE_POS - q_cubes) * ROWS;
        rows = k_rows as usize;
        accumulate(&mut sums, x, k, first_row, rows, chunks, comptime!(packings[1]), tokens);
    } else {
        first_row = (CUBE_POS - q_cubes - k_cubes) * ROWS;
        rows = v_rows as usize;
        accumulate(&mut sums, x, v, first_row, rows, chunks, comptime!(packings[2]), tokens);
    }
    let sum = cube_sums(&sums, comptime!(ROWS * tokens), UNITS, planes);
    let row = first_row + UNIT_POS as usize / tokens;
    if (UNIT_POS as usize) < comptime!(ROWS * tokens) && row < rows {
        let at = UNIT_POS as usize % tokens * rows + row;
        if is_q {
            q_out[at] = sum;
        } else if is_k {
            k_out[at] = sum;
        } else {
            v_out[at] = sum;
        }
    }
}

/// One launch: `x` `[tokens, chunks * 8]` against `weight`, into `out` `[tokens, rows]`.
pub(super) fn linear(
    x: CubeTensor,
    weight: Matrix,
    other: CubeTensor,
    out: &CubeTensor,
    tokens: usize,
    epilogue: Epilogue,
    planes: bool,
) {
    // SAFETY: `linear.rs` made `x` whole chunks wide, `out` `[tokens, rows]` and `other` no smaller where it is read;
    // the weight is `rows` rows of `layout::row_words`. Kernel indices stay within: rows are clamped, chunks and units
    // compared.
    unsafe {
        linear_kernel::launch_unchecked(
            &out.client,
            grid(weight.rows.div_ceil(ROWS)),
            CubeDim::new_1d(UNITS as u32),
            x.into_buffer_arg(),
            weight.words.into_buffer_arg(),
            other.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            weight.rows as u32,
            weight.chunks as u32,
            weight.packing,
            tokens,
            epilogue,
            planes,
        );
    }
}

/// One launch: `activation(x · gateᵀ) * (x · upᵀ)`, into `out` `[tokens, rows]`.
pub(super) fn gate_up(
    x: CubeTensor,
    gate: Matrix,
    up: Matrix,
    out: &CubeTensor,
    tokens: usize,
    activation: Activation,
    planes: bool,
) {
    // SAFETY: as `linear`, for two matrices of the same rows and columns.
    unsafe {
        gate_up_kernel::launch_unchecked(
            &out.client,
            grid(gate.rows.div_ceil(ROWS)),
            CubeDim::new_1d(UNITS as u32),
            x.into_buffer_arg(),
            gate.words.into_buffer_arg(),
            up.words.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            gate.rows as u32,
            gate.chunks as u32,
            [gate.packing, up.packing],
            tokens,
            activation,
            planes,
        );
    }
}

/// One launch: three products of the same `x`, each into its own `[tokens, rows]`.
pub(super) fn qkv(x: CubeTensor, weights: [Matrix; 3], outs: &[CubeTensor; 3], tokens: usize, planes: bool) {
    let cubes = weights.iter().map(|weight| weight.rows.div_ceil(ROWS)).sum();
    let rows = weights.each_ref().map(|weight| weight.rows as u32);
    let packings = weights.each_ref().map(|weight| weight.packing);
    let chunks = weights[0].chunks as u32;
    let [q, k, v] = weights.map(|weight| weight.words);
    let [q_out, k_out, v_out] = outs;
    // SAFETY: as `linear`, for three matrices of the same columns; cubes past the last row of v write nothing.
    unsafe {
        qkv_kernel::launch_unchecked(
            &q_out.client,
            grid(cubes),
            CubeDim::new_1d(UNITS as u32),
            x.into_buffer_arg(),
            q.into_buffer_arg(),
            k.into_buffer_arg(),
            v.into_buffer_arg(),
            q_out.clone().into_buffer_arg(),
            k_out.clone().into_buffer_arg(),
            v_out.clone().into_buffer_arg(),
            rows[0],
            rows[1],
            rows[2],
            chunks,
            packings,
            tokens,
            planes,
        );
    }
}
