//! Attention of encoders in one launch: a cube takes one head of one row and walks along the rows that it sees, a tile of one key a unit at a time,
//! with the softmax made as keys come by (Milakov & Gimelshein 2018).
//!
//! Encoders are small and texts short, so nothing is shared between rows but the device's cache.

use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::empty;
use crate::tensor::spec::BidirectionalSpec;

/// Units a cube and keys a tile: the width of common heads.
const UNITS: usize = 64;

/// Rows along one axis of a grid: WebGPU's limit is 65,535.
const MAX_ROWS: usize = 32_768;

/// Below every score.
const LOWEST: f32 = -3.0e38;

#[cube(launch_unchecked)]
fn bidirectional_kernel(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    bounds: &[u32],
    out: &mut [f32],
    rows: u32,
    scale: f32,
    #[comptime] heads: usize,
    #[comptime] head_dim: usize,
    #[comptime] units: usize,
) {
    let owned = comptime!(head_dim.div_ceil(units));
    let unit = UNIT_POS as usize;
    let head = CUBE_POS_X as usize;
    let here = CUBE_POS_Y as usize + CUBE_POS_Z as usize * MAX_ROWS;
    let row = min(here, rows as usize - 1);
    let start = (row * heads + head) * head_dim;
    let from = bounds[2 * row] as usize;
    let to = min(bounds[2 * row + 1], rows) as usize;

    let mut query = Shared::<[f32]>::new_slice(head_dim);
    let mut scores = Shared::<[f32]>::new_slice(units);
    let mut at = unit;
    while at < head_dim {
        query[at] = q[start + at] * scale;
        at += units;
    }
    sync_cube();

    let mut result = Array::<f32>::new(owned);
    let mut total = 0.0f32;
    let mut highest = LOWEST.runtime();
    let mut tile = from;
    while tile < to {
        let mut score = LOWEST.runtime();
        if tile + unit < to {
            let key = ((tile + unit) * heads + head) * head_dim;
            score = 0.0f32;
            for d in 0..head_dim {
                score += query[d] * k[key + d];
            }
        }
        scores[unit] = score;
        sync_cube();
        let keys = min(to - tile, units);
        let mut greatest = highest;
        for key in 0..keys {
            greatest = max(greatest, scores[key]);
        }
        let rescale = f32::exp(highest - greatest);
        highest = greatest;
        total *= rescale;
        #[unroll]
        for element in 0..owned {
            result[element] *= rescale;
        }
        for key in 0..keys {
            let weight = f32::exp(scores[key] - greatest);
            total += weight;
            let value = ((tile + key) * heads + head) * head_dim;
            #[unroll]
            for element in 0..owned {
                let d = unit + comptime!(element * units);
                if d < head_dim {
                    result[element] += weight * v[value + d];
                }
            }
        }
        // the scores are written anew once all have read them
        sync_cube();
        tile += units;
    }
    if here < rows as usize {
        #[unroll]
        for element in 0..owned {
            let d = unit + comptime!(element * units);
            if d < head_dim {
                out[start + d] = result[element] / total;
            }
        }
    }
}

/// `softmax(scale · q · kᵀ) · v` where row `r` sees rows `bounds[r, 0] .. bounds[r, 1]`: matrices `[m, heads * head_dim]`, `bounds` `[m, 2]`.
pub(super) fn bidirectional_attention(
    q: CubeTensor,
    k: CubeTensor,
    v: CubeTensor,
    bounds: CubeTensor,
    spec: BidirectionalSpec,
) -> CubeTensor {
    let [q, k, v, bounds] = [q, k, v, bounds].map(into_contiguous);
    let [rows, width] = [q.meta.shape()[0], q.meta.shape()[1]];
    let out = empty(&q, [rows, width]);
    if rows == 0 || width == 0 {
        return out;
    }
    let y = rows.min(MAX_ROWS);
    // SAFETY: matrices are `[rows, heads * head_dim]`; rows and the ends of what they see are clamped to `rows` where read and compared where
    // written.
    unsafe {
        bidirectional_kernel::launch_unchecked(
            &out.client,
            CubeCount::Static(spec.heads as u32, y as u32, rows.div_ceil(y) as u32),
            CubeDim::new_1d(UNITS as u32),
            q.into_buffer_arg(),
            k.into_buffer_arg(),
            v.into_buffer_arg(),
            bounds.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            rows as u32,
            spec.scale,
            spec.heads,
            spec.head_dim,
            UNITS,
        );
    }
    out
}
