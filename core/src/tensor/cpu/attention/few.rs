//! Attention of few queries: vectors run along a head's elements.
//!
//! Up to four queries at a time share each load of a key or value; with one token, the queries of one key head.

use super::partial::Partial;
use super::{Attend, CacheElement, TILE, Tile};
use crate::tensor::cpu::dots::PREFETCH_BYTES;
use crate::tensor::cpu::elementwise::exp;
use crate::tensor::cpu::lanes::{Lanes, array_at};

impl<E: CacheElement> Attend<'_, E> {
    /// The softmax of all its queries over all its keys. `D`: the width of a head, where the compiler may know it; else 0.
    #[inline(always)]
    pub(super) fn few<L: Lanes, const D: usize>(&self, lanes: L) -> Partial {
        let head_dim = self.width::<D>();
        let queries = self.queries();
        let mut partial = Partial::new(queries, head_dim);
        let mut start = self.positions.start;
        while start < self.positions.end {
            let tile = self.tile(start);
            for first in (0..queries).step_by(4) {
                match queries - first {
                    1 => self.add::<L, D, 1, 8>(lanes, &tile, first, &mut partial),
                    2 => self.add::<L, D, 2, 4>(lanes, &tile, first, &mut partial),
                    3 => self.add::<L, D, 3, 2>(lanes, &tile, first, &mut partial),
                    _ => self.add::<L, D, 4, 2>(lanes, &tile, first, &mut partial),
                }
            }
            start = tile.end;
        }
        partial
    }

    /// Adds the keys of `tile` to `T` queries; `U` keys, then `U` vectors of values, are in flight at once (`T * U <= 8`).
    #[inline(always)]
    fn add<L: Lanes, const D: usize, const T: usize, const U: usize>(
        &self,
        lanes: L,
        tile: &Tile<'_, E>,
        first: usize,
        partial: &mut Partial,
    ) {
        let head_dim = self.width::<D>();
        let mut weights = self.scores::<L, D, T, U>(lanes, tile, first);
        let mut rescale = [1.0; T];
        for t in 0..T {
            let visible = self.visible(first + t);
            let from = visible.start.clamp(tile.start, tile.end) - tile.start;
            let to = visible.end.clamp(tile.start, tile.end) - tile.start;
            if from >= to {
                weights[t].fill(0.0);
                continue;
            }
            weights[t][..from].fill(f32::NEG_INFINITY);
            weights[t][to..].fill(f32::NEG_INFINITY);
            let greatest = &mut partial.greatest[first + t];
            let before = std::mem::replace(greatest, greatest_of(lanes, &weights[t]).max(*greatest));
            rescale[t] = exp(before - *greatest);
            for x in &mut weights[t] {
                *x = exp(*x - *greatest);
            }
            let sum = sum_of(lanes, &weights[t]);
            partial.sums[first + t] = partial.sums[first + t] * rescale[t] + sum;
        }
        let out = &mut partial.values[first * head_dim..(first + T) * head_dim];
        let whole = head_dim / (8 * U) * (8 * U);
        for d in (0..whole).step_by(8 * U) {
            weigh::<E, L, D, T, U>(lanes, tile, &weights, rescale, d, out);
        }
        for d in (whole..head_dim).step_by(8) {
            weigh::<E, L, D, T, 1>(lanes, tile, &weights, rescale, d, out);
        }
    }

    /// Scaled scores of `T` queries with the tile's keys, `U` keys at once.
    #[inline(always)]
    fn scores<L: Lanes, const D: usize, const T: usize, const U: usize>(
        &self,
        lanes: L,
        tile: &Tile<'_, E>,
        first: usize,
    ) -> [[f32; TILE]; T] {
        let head_dim = self.width::<D>();
        // Filled by loops: `from_fn` may stay a call, behind which lengths are not known and each read is checked.
        let mut queries = [self.q; T];
        for t in 0..T {
            queries[t] = &self.query(first + t)[..head_dim];
        }
        let mut scores = [[0.0; TILE]; T];
        let n = tile.end - tile.start;
        for first_key in (0..n).step_by(U) {
            // Past the end the last key stands in; its scores are overwritten or never read.
            let mut keys = [tile.keys; U];
            for u in 0..U {
                keys[u] = &tile.keys[(first_key + u).min(n - 1) * head_dim..][..head_dim];
            }
            if first == 0 {
                // Nothing of a cache is near: later keys, and these keys' values, are asked for while keys are worked on.
                for u in 0..U {
                    let row = (first_key + u).min(n - 1) * head_dim;
                    for line in 0..(head_dim * size_of::<E>()).div_ceil(64) {
                        lanes.prefetch(&tile.keys[row..], PREFETCH_BYTES + 64 * line);
                        lanes.prefetch(&tile.values[row..], 64 * line);
                    }
                }
            }
            let mut sums = [lanes.splat(0.0); 8];
            for d in (0..head_dim).step_by(8) {
                for u in 0..U {
                    let key = E::widen(lanes, &keys[u][d..]);
                    for t in 0..T {
                        sums[u * T + t] = lanes.mul_add(lanes.floats(array_at(queries[t], d)), key, sums[u * T + t]);
                    }
                }
            }
            let sums = lanes.sums(sums);
            for u in 0..U.min(n - first_key) {
                for t in 0..T {
                    scores[t][first_key + u] = sums[u * T + t] * self.spec.scale;
                }
            }
        }
        scores
    }

    #[inline(always)]
    fn width<const D: usize>(&self) -> usize {
        if D == 0 { self.spec.head_dim } else { D }
    }
}

#[inline(always)]
fn greatest_of<L: Lanes>(lanes: L, x: &[f32; TILE]) -> f32 {
    let mut greatest = lanes.splat(f32::NEG_INFINITY);
    for x in x.as_chunks().0 {
        greatest = lanes.max(greatest, lanes.floats(x));
    }
    let mut each = [0.0; 8];
    lanes.store(greatest, &mut each);
    each.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

#[inline(always)]
fn sum_of<L: Lanes>(lanes: L, x: &[f32; TILE]) -> f32 {
    let mut sum = lanes.splat(0.0);
    for x in x.as_chunks().0 {
        sum = lanes.add(sum, lanes.floats(x));
    }
    lanes.sum(sum)
}

/// `out = out * rescale + weights · values` for `T` queries and `U` vectors of a head from element `d` on.
#[inline(always)]
fn weigh<E: CacheElement, L: Lanes, const D: usize, const T: usize, const U: usize>(
    lanes: L,
    tile: &Tile<'_, E>,
    weights: &[[f32; TILE]; T],
    rescale: [f32; T],
    d: usize,
    out: &mut [f32],
) {
    let head_dim = if D == 0 { out.len() / T } else { D };
    let out = &mut out[..T * head_dim];
    let mut sums = [[lanes.splat(0.0); U]; T];
    for t in 0..T {
        for u in 0..U {
            sums[t][u] = lanes.mul(lanes.floats(array_at(out, t * head_dim + d + 8 * u)), lanes.splat(rescale[t]));
        }
    }
    for (key, values) in tile.values.chunks_exact(head_dim).enumerate().take(TILE) {
        for u in 0..U {
            let value = E::widen(lanes, &values[d + 8 * u..]);
            for t in 0..T {
                sums[t][u] = lanes.mul_add(lanes.splat(weights[t][key]), value, sums[t][u]);
            }
        }
    }
    for t in 0..T {
        for u in 0..U {
            if let Some(out) = out[t * head_dim + d + 8 * u..].first_chunk_mut() {
                lanes.store(sums[t][u], out);
            }
        }
    }
}
