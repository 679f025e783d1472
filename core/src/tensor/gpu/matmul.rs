//! Prefill: many rows of `x` against a weight matrix, which is decoded on its way into shared memory.
//!
//! A cube makes a tile of [`TILE_ROWS`] outputs for [`TILE_TOKENS`] tokens. For each 32 elements of depth it decodes
//! its piece of the weights once for all its tokens; then each unit adds up 4 x 4 outputs, reading every number four
//! times from shared memory instead of sixteen times from global. 13.5 KiB of shared memory: WebGPU promises 16.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::decode::{Four, first_vector, read_chunk, row_words, second_vector};
use super::launch::grid;
use super::layout::Packing;
use super::linear::{Epilogue, Matrix, finished};

/// Weight rows a tile.
const TILE_ROWS: usize = 64;
/// Tokens a tile.
const TILE_TOKENS: usize = 32;
/// Chunks of depth a step: 32 elements, eight vectors of four.
const STEP_CHUNKS: usize = 4;
/// Vectors between two rows of a tile in shared memory: one more than a step holds, so that units that read eight
/// neighbouring rows at once meet all banks.
const STRIDE: usize = 2 * STEP_CHUNKS + 1;
/// Rows, and tokens, that a unit sums up.
const SIDE: usize = 4;
/// Units along the rows of a tile.
const ROW_UNITS: usize = TILE_ROWS / SIDE;
/// Units a cube.
const UNITS: usize = ROW_UNITS * TILE_TOKENS / SIDE;

#[cube(launch_unchecked)]
fn matmul_kernel(
    x: &[Four],
    weight: &[u32],
    other: &[f32],
    out: &mut [f32],
    tokens: u32,
    rows: u32,
    chunks: u32,
    #[comptime] packing: Packing,
    #[comptime] epilogue: Epilogue,
) {
    let tokens = tokens as usize;
    let rows = rows as usize;
    let chunks = chunks as usize;
    let words = row_words(chunks, packing);
    let unit = UNIT_POS as usize;
    // Tiles of the same tokens lie side by side.
    let row_tiles = rows.div_ceil(TILE_ROWS);
    let first_row = CUBE_POS % row_tiles * TILE_ROWS;
    let first_token = CUBE_POS / row_tiles * TILE_TOKENS;

    let mut weights = Shared::<[Four]>::new_slice(TILE_ROWS * STRIDE);
    let mut inputs = Shared::<[Four]>::new_slice(TILE_TOKENS * STRIDE);
    let mut sums = Array::<f32>::new(SIDE * SIDE);

    let mut step = 0usize;
    while step < chunks {
        #[unroll]
        for i in 0..comptime!(TILE_ROWS * STEP_CHUNKS / UNITS) {
            let piece = unit + i * UNITS;
            let tile_row = piece / STEP_CHUNKS;
            let chunk = piece % STEP_CHUNKS;
            // A step may reach past the end of rows that are no multiple of 32 long: zeros on both sides there.
            let at = tile_row * STRIDE;
            if step + chunk < chunks {
                let start = min(first_row + tile_row, rows - 1) * words;
                let values = read_chunk(weight, start, step + chunk, chunks, packing);
                weights[at + first_vector(chunk, packing)] = values.first;
                weights[at + second_vector(chunk, packing)] = values.second;
            } else {
                weights[at + first_vector(chunk, packing)] = Four::zeroed();
                weights[at + second_vector(chunk, packing)] = Four::zeroed();
            }
        }
        #[unroll]
        for i in 0..comptime!(TILE_TOKENS * 2 * STEP_CHUNKS / UNITS) {
            let piece = unit + i * UNITS;
            let token = min(first_token + piece / (2 * STEP_CHUNKS), tokens - 1);
            let vector = piece % (2 * STEP_CHUNKS);
            let at = piece / (2 * STEP_CHUNKS) * STRIDE + vector;
            if 2 * step + vector < 2 * chunks {
                inputs[at] = x[token * 2 * chunks + 2 * step + vector];
            } else {
                inputs[at] = Four::zeroed();
            }
        }
        sync_cube();
        for vector in 0..2 * STEP_CHUNKS {
            let mut row_values = Array::<Four>::new(SIDE);
            #[unroll]
            for row in 0..SIDE {
                row_values[row] = weights[(unit % ROW_UNITS + row * ROW_UNITS) * STRIDE + vector];
            }
            #[unroll]
            for token in 0..SIDE {
                let input = inputs[(unit / ROW_UNITS * SIDE + token) * STRIDE + vector];
                #[unroll]
                for row in 0..SIDE {
                    sums[comptime!(token * SIDE + row)] += row_values[row].dot(input);
                }
            }
        }
        sync_cube();
        step += STEP_CHUNKS;
    }

    #[unroll]
    for token in 0..SIDE {
        #[unroll]
        for row in 0..SIDE {
            let out_row = first_row + unit % ROW_UNITS + row * ROW_UNITS;
            let out_token = first_token + unit / ROW_UNITS * SIDE + token;
            if out_row < rows && out_token < tokens {
                let at = out_token * rows + out_row;
                let sum = sums[comptime!(token * SIDE + row)];
                out[at] = finished(sum, other, at, epilogue);
            }
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
) {
    let tiles = weight.rows.div_ceil(TILE_ROWS) * tokens.div_ceil(TILE_TOKENS);
    // SAFETY: `linear.rs` made `x` whole chunks wide, `out` `[tokens, rows]` and `other` no smaller where it is read;
    // the weight is `rows` rows of `layout::row_words`. Rows and tokens that are read are clamped, those written
    // compared; cubes past the last tile have tokens past the last.
    unsafe {
        matmul_kernel::launch_unchecked(
            &out.client,
            grid(tiles),
            CubeDim::new_1d(UNITS as u32),
            x.into_buffer_arg(),
            weight.words.into_buffer_arg(),
            other.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            tokens as u32,
            weight.rows as u32,
            weight.chunks as u32,
            weight.packing,
            epilogue,
        );
    }
}
