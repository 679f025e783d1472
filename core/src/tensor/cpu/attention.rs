//! Causal attention with grouped heads over a ring cache: `softmax(scale · q · keysᵀ) · values`.
//!
//! The softmax is computed as keys stream by (Milakov & Gimelshein 2018; FlashAttention, Dao et al. 2022): a query keeps its
//! greatest score so far, the sum of exponentials and the weighted sum of values, all rescaled when a greater score comes. Such
//! a state over some keys ([`Partial`]) can be merged with one over others, so work can be cut both ways:
//!
//! - by rows, where there are enough of them (prefill): a task has a few rows and all heads, and writes its rows;
//! - by keys, where there aren't (decode): a task has one key head and a range of positions; states are merged at the end.
//!
//! Queries that read the same key head are taken up to four at a time, so that each load of a key or value serves all four.

use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use super::check;
use super::elementwise::exp;
use super::isa::{Isa, Kernel};
use super::lanes::{Lanes, array_at};
use crate::Result;
use crate::tensor::spec::AttentionSpec;
use std::ops::Range;

/// Keys whose scores are held at once: with their keys and values of 64 f16 each, half of a first-level cache.
const TILE: usize = 64;

/// Queries of a task that is cut by rows: they reuse a tile of keys and values.
const TASK_QUERIES: usize = 32;

/// Keys of a task that is cut by positions, at least: about 5 µs.
const TASK_KEYS: usize = 128;

/// What caches hold.
pub(crate) trait CacheElement: Copy + Send + Sync {
    /// As f32.
    fn to_f32(self) -> f32;
    /// Eight as f32.
    fn widen<L: Lanes>(lanes: L, from: &[Self]) -> L::Floats;
    /// Rounds to the nearest; slices of equal length.
    fn narrow(from: &[f32], to: &mut [Self]);
}

impl CacheElement for f32 {
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn widen<L: Lanes>(lanes: L, from: &[Self]) -> L::Floats {
        lanes.floats(array_at(from, 0))
    }

    fn narrow(from: &[f32], to: &mut [Self]) {
        to.copy_from_slice(from);
    }
}

impl CacheElement for f16 {
    fn to_f32(self) -> f32 {
        self.to_f32()
    }

    #[inline(always)]
    fn widen<L: Lanes>(lanes: L, from: &[Self]) -> L::Floats {
        lanes.f16s(array_at(from.reinterpret_cast(), 0))
    }

    fn narrow(from: &[f32], to: &mut [Self]) {
        to.convert_from_f32_slice(from);
    }
}

/// Attention of `q` to the cache, which holds the keys and values of these rows already.
///
/// # Shapes
/// `q`, `out`: `[m, heads * head_dim]`; `keys`, `values`: `[kv_heads, capacity, head_dim]`.
///
/// # Errors
/// `Internal` if sizes disagree or the cache no longer holds a visible key.
pub(crate) fn attention<E: CacheElement>(
    isa: Isa,
    q: &[f32],
    keys: &[E],
    values: &[E],
    spec: AttentionSpec,
    out: &mut [f32],
) -> Result<()> {
    let AttentionSpec { heads, kv_heads, head_dim, window, position, .. } = spec;
    check(head_dim > 0 && kv_heads > 0 && heads > 0 && heads.is_multiple_of(kv_heads), || {
        format!("{spec:?} has no whole groups")
    })?;
    let (q_row, cache_row) = (heads * head_dim, kv_heads * head_dim);
    check(q.len().is_multiple_of(q_row) && q.len() == out.len(), || {
        format!("{} queries and {} outputs were given for {spec:?}", q.len(), out.len())
    })?;
    let (tokens, capacity) = (q.len() / q_row, keys.len() / cache_row);
    if tokens == 0 {
        return Ok(());
    }
    let end = position.saturating_add(tokens);
    let held = end <= capacity || window.is_some_and(|window| window.saturating_add(tokens - 1) <= capacity);
    check(keys.len() == values.len() && keys.len().is_multiple_of(cache_row) && window != Some(0) && held, || {
        format!("caches of {} and {} elements don't hold {tokens} rows of {spec:?}", keys.len(), values.len())
    })?;

    let attend = |kv_head: usize, rows: Range<usize>, positions: Range<usize>| {
        let cache = kv_head * capacity * head_dim..(kv_head + 1) * capacity * head_dim;
        let attend = Attend { q, keys: &keys[cache.clone()], values: &values[cache], spec, kv_head, rows, positions };
        // Vectors are eight wide; heads of published models are multiples of 16.
        if head_dim.is_multiple_of(8) { isa.run(attend) } else { attend.scalar() }
    };
    let threads = rayon::current_num_threads();
    let group = heads / kv_heads;
    let task_rows = (TASK_QUERIES / group).max(1);
    if tokens.div_ceil(task_rows) >= threads {
        let rows = |(task, out): (usize, &mut [f32])| {
            let rows = task * task_rows..task * task_rows + out.len() / q_row;
            let positions = spec.visible(rows.start).start..spec.visible(rows.end - 1).end;
            for kv_head in 0..kv_heads {
                attend(kv_head, rows.clone(), positions.clone()).write(spec, kv_head, out);
            }
        };
        if threads == 1 {
            out.chunks_mut(task_rows * q_row).enumerate().for_each(rows);
        } else {
            out.par_chunks_mut(task_rows * q_row).enumerate().with_max_len(1).for_each(rows);
        }
    } else {
        let first = spec.visible(0).start;
        let pieces = ((end - first) / TASK_KEYS).clamp(1, (2 * threads).div_ceil(kv_heads));
        let piece = (end - first).div_ceil(pieces);
        let partials: Vec<Partial> = (0..kv_heads * pieces)
            .into_par_iter()
            .with_max_len(1)
            .map(|task| {
                let start = first + task % pieces * piece;
                attend(task / pieces, 0..tokens, start.min(end)..(start + piece).min(end))
            })
            .collect();
        for (kv_head, partials) in partials.chunks(pieces).enumerate() {
            let whole = partials[1..].iter().fold(partials[0].clone(), |whole, part| whole.merge(part, head_dim));
            whole.write(spec, kv_head, out);
        }
    }
    Ok(())
}

impl AttentionSpec {
    /// Positions that row `row` sees.
    fn visible(&self, row: usize) -> Range<usize> {
        let end = self.position + row + 1;
        end.saturating_sub(self.window.unwrap_or(usize::MAX))..end
    }

    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }
}

/// The softmax of some queries over some keys, before it is divided.
#[derive(Debug, Clone)]
struct Partial {
    /// Greatest score of each query; negative infinity if it saw no key.
    greatest: Vec<f32>,
    /// `Σ e^(score - greatest)`
    sums: Vec<f32>,
    /// `Σ e^(score - greatest) · value`: `[queries, head_dim]`
    values: Vec<f32>,
}

impl Partial {
    fn new(queries: usize, head_dim: usize) -> Self {
        Self {
            greatest: vec![f32::NEG_INFINITY; queries],
            sums: vec![0.0; queries],
            values: vec![0.0; queries * head_dim],
        }
    }

    /// The softmax over the keys of both.
    fn merge(mut self, other: &Self, head_dim: usize) -> Self {
        for i in 0..self.sums.len() {
            let greatest = self.greatest[i].max(other.greatest[i]);
            // A side that saw no key weighs nothing; the difference of two infinities would be NaN.
            let weight = |own: f32| if own == f32::NEG_INFINITY { 0.0 } else { (own - greatest).exp() };
            let (a, b) = (weight(self.greatest[i]), weight(other.greatest[i]));
            self.greatest[i] = greatest;
            self.sums[i] = a * self.sums[i] + b * other.sums[i];
            let range = i * head_dim..(i + 1) * head_dim;
            for (x, y) in self.values[range.clone()].iter_mut().zip(&other.values[range]) {
                *x = a * *x + b * y;
            }
        }
        self
    }

    /// Divides, and writes the queries' heads into their rows of `out` `[m, heads * head_dim]`.
    fn write(&self, spec: AttentionSpec, kv_head: usize, out: &mut [f32]) {
        let group = spec.group();
        for (i, values) in self.values.chunks_exact(spec.head_dim).enumerate() {
            let inverse = 1.0 / self.sums[i];
            let start = (i / group * spec.heads + kv_head * group + i % group) * spec.head_dim;
            for (out, value) in out[start..start + spec.head_dim].iter_mut().zip(values) {
                *out = value * inverse;
            }
        }
    }
}

/// The queries of some rows that read one key head, over a range of positions. Query `i` is head `i % group` of row
/// `rows.start + i / group`.
struct Attend<'a, E> {
    q: &'a [f32],
    /// This head's cache, `[capacity, head_dim]`.
    keys: &'a [E],
    values: &'a [E],
    spec: AttentionSpec,
    kv_head: usize,
    rows: Range<usize>,
    positions: Range<usize>,
}

impl<E: CacheElement> Kernel for Attend<'_, E> {
    type Output = Partial;

    fn scalar(self) -> Partial {
        let head_dim = self.spec.head_dim;
        let mut partial = Partial::new(self.rows.len() * self.spec.group(), head_dim);
        for (i, out) in partial.values.chunks_exact_mut(head_dim).enumerate() {
            let visible = self.visible(i);
            let score = |position: usize| {
                let key = at(self.keys, position, head_dim);
                self.spec.scale * self.query(i).iter().zip(key).map(|(q, k)| q * k.to_f32()).sum::<f32>()
            };
            let scores: Vec<f32> = visible.clone().map(score).collect();
            let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for (position, score) in visible.zip(scores) {
                let weight = (score - greatest).exp();
                partial.sums[i] += weight;
                for (out, value) in out.iter_mut().zip(at(self.values, position, head_dim)) {
                    *out += weight * value.to_f32();
                }
            }
            partial.greatest[i] = greatest;
        }
        partial
    }

    #[inline(always)]
    fn vector<L: Lanes>(self, lanes: L) -> Partial {
        let (head_dim, capacity) = (self.spec.head_dim, self.keys.len() / self.spec.head_dim);
        let queries = self.rows.len() * self.spec.group();
        let mut partial = Partial::new(queries, head_dim);
        let mut start = self.positions.start;
        while start < self.positions.end {
            // A tile lies in one piece: it ends where the ring does.
            let slot = start % capacity;
            let end = (start + TILE).min(self.positions.end).min(start + capacity - slot);
            let cache = slot * head_dim..(slot + end - start) * head_dim;
            let tile = Tile { start, end, keys: &self.keys[cache.clone()], values: &self.values[cache] };
            for first in (0..queries).step_by(4) {
                match queries - first {
                    1 => self.tile::<L, 1, 8>(lanes, &tile, first, &mut partial),
                    2 => self.tile::<L, 2, 4>(lanes, &tile, first, &mut partial),
                    3 => self.tile::<L, 3, 2>(lanes, &tile, first, &mut partial),
                    _ => self.tile::<L, 4, 2>(lanes, &tile, first, &mut partial),
                }
            }
            start = end;
        }
        partial
    }
}

/// The row of `position` in a head's ring.
fn at<E>(cache: &[E], position: usize, head_dim: usize) -> &[E] {
    let slot = position % (cache.len() / head_dim);
    &cache[slot * head_dim..(slot + 1) * head_dim]
}

/// Keys and values of positions `start .. end`.
struct Tile<'a, E> {
    start: usize,
    end: usize,
    keys: &'a [E],
    values: &'a [E],
}

impl<E: CacheElement> Attend<'_, E> {
    #[inline(always)]
    fn query(&self, i: usize) -> &[f32] {
        let (group, head_dim) = (self.spec.group(), self.spec.head_dim);
        let head = self.kv_head * group + i % group;
        let start = ((self.rows.start + i / group) * self.spec.heads + head) * head_dim;
        &self.q[start..start + head_dim]
    }

    /// Positions that query `i` sees here.
    #[inline(always)]
    fn visible(&self, i: usize) -> Range<usize> {
        let visible = self.spec.visible(self.rows.start + i / self.spec.group());
        let start = visible.start.max(self.positions.start);
        start..visible.end.min(self.positions.end).max(start)
    }

    /// Adds the keys of `tile` to `T` queries; `U` keys, then `U` vectors of values, are in flight at once (`T * U <= 8`).
    #[inline(always)]
    fn tile<L: Lanes, const T: usize, const U: usize>(
        &self,
        lanes: L,
        tile: &Tile<'_, E>,
        first: usize,
        partial: &mut Partial,
    ) {
        let head_dim = self.spec.head_dim;
        let mut weights = self.scores::<L, T, U>(lanes, tile, first);
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
            weigh::<E, L, T, U>(lanes, tile, &weights, rescale, d, out);
        }
        for d in (whole..head_dim).step_by(8) {
            weigh::<E, L, T, 1>(lanes, tile, &weights, rescale, d, out);
        }
    }

    /// Scaled scores of `T` queries with the tile's keys, `U` keys at once.
    #[inline(always)]
    fn scores<L: Lanes, const T: usize, const U: usize>(
        &self,
        lanes: L,
        tile: &Tile<'_, E>,
        first: usize,
    ) -> [[f32; TILE]; T] {
        let head_dim = self.spec.head_dim;
        let queries: [_; T] = std::array::from_fn(|t| self.query(first + t));
        let mut scores = [[0.0; TILE]; T];
        let n = tile.end - tile.start;
        for first_key in (0..n).step_by(U) {
            // Past the end the last key stands in; its scores are overwritten or never read.
            let keys: [_; U] = std::array::from_fn(|u| &tile.keys[(first_key + u).min(n - 1) * head_dim..][..head_dim]);
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
fn weigh<E: CacheElement, L: Lanes, const T: usize, const U: usize>(
    lanes: L,
    tile: &Tile<'_, E>,
    weights: &[[f32; TILE]; T],
    rescale: [f32; T],
    d: usize,
    out: &mut [f32],
) {
    let head_dim = out.len() / T;
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
