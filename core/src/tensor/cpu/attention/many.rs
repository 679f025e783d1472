//! Attention of many queries: vectors run across queries, sixteen at a time.
//!
//! Queries are turned on their side once, a tile of keys and values is widened to f32 once for all of them; from there on every step is a
//! multiply-add of a vector of queries with one broadcast number, and nothing is summed or compared across lanes.

use super::partial::Partial;
use super::{Attend, CacheElement, TILE, Tile};
use crate::tensor::cpu::elementwise::exp;
use crate::tensor::cpu::lanes::Lanes;
use crate::tensor::cpu::wide::LANES;

/// One number for each of sixteen queries.
type Sixteen = [f32; LANES];

/// Sixteen queries and their softmax so far.
struct Block {
    /// `scale * q`: `[head_dim]`
    queries: Vec<Sixteen>,
    /// `Σ e^(score - greatest) · value`: `[head_dim]`
    values: Vec<Sixteen>,
    /// `Σ e^(score - greatest)`
    sums: Sixteen,
    /// Greatest score so far; the least float, and not infinity, before there is one: differences stay numbers.
    greatest: Sixteen,
    /// Positions that each sees; none for a lane without a query.
    visible: [(usize, usize); LANES],
}

impl<E: CacheElement> Attend<'_, E> {
    /// The softmax of all its queries over all its keys. `D` is at least a head's width.
    #[inline(always)]
    pub(super) fn many<L: Lanes, const D: usize>(&self, lanes: L) -> Partial {
        let head_dim = self.spec.head_dim.min(D);
        let mut blocks: Vec<Block> = (0..self.queries()).step_by(LANES).map(|first| self.block(first)).collect();
        let (mut keys, mut values) = (vec![[0.0; D]; TILE], vec![[0.0; D]; TILE]);
        let mut scores = [[0.0; LANES]; TILE];
        let mut start = self.positions.start;
        while start < self.positions.end {
            let tile = self.tile(start);
            start = tile.end;
            widen::<E, L, D>(lanes, tile.keys, head_dim, &mut keys);
            widen::<E, L, D>(lanes, tile.values, head_dim, &mut values);
            for block in &mut blocks {
                let seen = block.visible.iter().any(|(from, to)| *from < tile.end && *to > tile.start);
                if !seen {
                    continue;
                }
                let n = tile.end - tile.start;
                // as many numbers at once as there are registers for
                if L::TOKENS >= 8 {
                    block.score::<L, D, 16>(lanes, &keys, n, &mut scores);
                } else {
                    block.score::<L, D, 4>(lanes, &keys, n, &mut scores);
                }
                block.mask(&tile, &mut scores);
                block.weigh::<L, D>(lanes, &values, head_dim, &mut scores[..n]);
            }
        }
        let mut partial = Partial::new(self.queries(), head_dim);
        for (i, out) in partial.values.chunks_exact_mut(head_dim).enumerate() {
            let (block, lane) = (&blocks[i / LANES], i % LANES);
            partial.sums[i] = block.sums[lane];
            partial.greatest[i] = block.greatest[lane];
            out.iter_mut().zip(&block.values).for_each(|(out, value)| *out = value[lane]);
        }
        partial
    }

    /// Queries `first .. first + 16`, or those that there are.
    fn block(&self, first: usize) -> Block {
        let head_dim = self.spec.head_dim;
        let mut block = Block {
            queries: vec![[0.0; LANES]; head_dim],
            values: vec![[0.0; LANES]; head_dim],
            sums: [0.0; LANES],
            greatest: [f32::MIN; LANES],
            visible: [(usize::MAX, 0); LANES],
        };
        for (lane, i) in (first..self.queries().min(first + LANES)).enumerate() {
            let visible = self.visible(i);
            block.visible[lane] = (visible.start, visible.end);
            for (turned, q) in block.queries.iter_mut().zip(self.query(i)) {
                turned[lane] = q * self.spec.scale;
            }
        }
        block
    }
}

/// Rows of `head_dim` elements as f32, `D` apart.
#[inline(always)]
fn widen<E: CacheElement, L: Lanes, const D: usize>(lanes: L, rows: &[E], head_dim: usize, out: &mut [[f32; D]]) {
    for (row, out) in rows.chunks_exact(head_dim).zip(out) {
        for (d, out) in out.as_chunks_mut::<8>().0.iter_mut().enumerate().take(head_dim / 8) {
            lanes.store(E::widen(lanes, &row[8 * d..]), out);
        }
    }
}

impl Block {
    /// Scores of the first `n` keys, `U` at once.
    #[inline(always)]
    fn score<L: Lanes, const D: usize, const U: usize>(
        &self,
        lanes: L,
        keys: &[[f32; D]],
        n: usize,
        scores: &mut [Sixteen; TILE],
    ) {
        let chunks = keys.as_chunks::<U>().0.iter().zip(scores.as_chunks_mut::<U>().0);
        // past the end are keys of the tile before: nobody reads their scores
        for (keys, scores) in chunks.take(n.div_ceil(U)) {
            let mut sums = [lanes.each(0.0); U];
            for (d, query) in self.queries.iter().enumerate().take(D) {
                let query = lanes.sixteen(query);
                for u in 0..U {
                    sums[u] = lanes.fused(lanes.each(keys[u][d]), query, sums[u]);
                }
            }
            for u in 0..U {
                lanes.put(sums[u], &mut scores[u]);
            }
        }
    }

    /// Hides from each query what it doesn't see.
    #[inline(always)]
    fn mask<E>(&self, tile: &Tile<'_, E>, scores: &mut [Sixteen; TILE]) {
        if self.visible.iter().all(|(from, to)| *from <= tile.start && *to >= tile.end) {
            return;
        }
        for (position, scores) in (tile.start..tile.end).zip(scores) {
            for lane in 0..LANES {
                let (from, to) = self.visible[lane];
                scores[lane] = if from <= position && position < to { scores[lane] } else { f32::NEG_INFINITY };
            }
        }
    }

    /// Adds the values of the keys that `scores` are of.
    #[inline(always)]
    fn weigh<L: Lanes, const D: usize>(
        &mut self,
        lanes: L,
        values: &[[f32; D]],
        head_dim: usize,
        scores: &mut [Sixteen],
    ) {
        let mut greatest = lanes.sixteen(&self.greatest);
        for scores in scores.iter() {
            greatest = lanes.greater(greatest, lanes.sixteen(scores));
        }
        let before = self.greatest;
        lanes.put(greatest, &mut self.greatest);
        let mut rescale = [0.0; LANES];
        for lane in 0..LANES {
            rescale[lane] = exp(before[lane] - self.greatest[lane]);
        }
        let mut sums = lanes.product(lanes.sixteen(&self.sums), lanes.sixteen(&rescale));
        for scores in scores.iter_mut() {
            for lane in 0..LANES {
                scores[lane] = exp(scores[lane] - self.greatest[lane]);
            }
            sums = lanes.plus(sums, lanes.sixteen(scores));
        }
        lanes.put(sums, &mut self.sums);
        let mut d = 0;
        while d < head_dim {
            d += match head_dim - d {
                16.. if L::TOKENS >= 8 => self.add::<L, D, 16>(lanes, values, scores, &rescale, d),
                _ if head_dim - d >= 8 && L::TOKENS >= 8 => self.add::<L, D, 8>(lanes, values, scores, &rescale, d),
                _ => self.add::<L, D, 4>(lanes, values, scores, &rescale, d),
            };
        }
    }

    /// `values = values * rescale + weights · values` for elements `d .. d + U`; gives `U`.
    #[inline(always)]
    fn add<L: Lanes, const D: usize, const U: usize>(
        &mut self,
        lanes: L,
        values: &[[f32; D]],
        weights: &[Sixteen],
        rescale: &Sixteen,
        d: usize,
    ) -> usize {
        let Some(out) = self.values.get_mut(d..).and_then(|values| values.first_chunk_mut::<U>()) else { return U };
        let mut sums = [lanes.each(0.0); U];
        for u in 0..U {
            sums[u] = lanes.product(lanes.sixteen(&out[u]), lanes.sixteen(rescale));
        }
        for (weights, values) in weights.iter().zip(values) {
            let Some(values) = values.get(d..).and_then(|values| values.first_chunk::<U>()) else { break };
            let weights = lanes.sixteen(weights);
            for u in 0..U {
                sums[u] = lanes.fused(lanes.each(values[u]), weights, sums[u]);
            }
        }
        for u in 0..U {
            lanes.put(sums[u], &mut out[u]);
        }
        U
    }
}
