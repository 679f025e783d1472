//! Causal attention with grouped heads over a ring cache: `softmax(scale · q · keysᵀ) · values`.
//!
//! The softmax is computed as keys stream by (Milakov & Gimelshein 2018; FlashAttention, Dao et al. 2022): a query keeps its
//! greatest score so far, the sum of exponentials and the weighted sum of values, all rescaled when a greater score comes. Such
//! a state over some keys ([`Partial`]) can be merged with one over others, so work can be cut both ways:
//!
//! - by rows, where there are enough of them (prefill): a task has a few rows and all heads, and writes its rows;
//! - by keys, where there aren't (decode): a task has one key head and a range of positions; states are merged at the end.
//!
//! Few queries (a token's, that read one key head) and many are two kernels, `few` and `many`, over the same tiles of keys.

mod bidirectional;
mod few;
mod many;
mod partial;

use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;
use std::ops::Range;

pub(crate) use self::bidirectional::bidirectional_attention;
use self::partial::Partial;
use super::check;
use super::isa::{Isa, Kernel};
use super::lanes::{Lanes, array_at};
use super::output::Output;
use crate::Result;
use crate::tensor::spec::AttentionSpec;

/// Keys whose scores are held at once: with their keys and values of 64 f16 each, half of a first-level cache.
const TILE: usize = 64;

/// Queries of a task that is cut by rows: they reuse a tile of keys and values, which took a tenth of a vector's work to widen.
const TASK_QUERIES: usize = 96;

/// Queries from which lanes are queries: three quarters of a vector.
const MANY_QUERIES: usize = 12;

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
    let task_rows = (TASK_QUERIES / spec.group()).max(1);
    let row_tasks = tokens.div_ceil(task_rows);
    if row_tasks * kv_heads >= threads && row_tasks > 1 || threads == 1 {
        let out = Output::new(out, q_row);
        let task = |task: usize| {
            let kv_head = task % kv_heads;
            // the last rows see the most keys: they come first, so that no thread ends long after the others
            let start = (row_tasks - 1 - task / kv_heads) * task_rows;
            let rows = start..(start + task_rows).min(tokens);
            let positions = spec.visible(rows.start).start..spec.visible(rows.end - 1).end;
            let partial = attend(kv_head, rows.clone(), positions);
            let width = spec.group() * head_dim;
            for (i, row) in rows.enumerate() {
                // SAFETY: a task has rows and a key head of its own.
                let out = unsafe { out.row_part(row, kv_head * width, width) };
                partial.write(i * spec.group(), head_dim, out);
            }
        };
        let tasks = row_tasks * kv_heads;
        if threads == 1 {
            (0..tasks).for_each(task);
        } else {
            (0..tasks).into_par_iter().with_max_len(1).for_each(task);
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
            let width = spec.group() * head_dim;
            for (token, out) in out.chunks_exact_mut(q_row).enumerate() {
                whole.write(token * spec.group(), head_dim, &mut out[kv_head * width..(kv_head + 1) * width]);
            }
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
        let many = self.queries() >= MANY_QUERIES;
        match self.spec.head_dim {
            ..=64 if many => self.many::<L, 64>(lanes),
            65..=128 if many => self.many::<L, 128>(lanes),
            129..=256 if many => self.many::<L, 256>(lanes),
            64 => self.few::<L, 64>(lanes),
            128 => self.few::<L, 128>(lanes),
            _ => self.few::<L, 0>(lanes),
        }
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
    fn queries(&self) -> usize {
        self.rows.len() * self.spec.group()
    }

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

    /// The keys and values from position `start` on.
    #[inline(always)]
    fn tile(&self, start: usize) -> Tile<'_, E> {
        let (head_dim, capacity) = (self.spec.head_dim, self.keys.len() / self.spec.head_dim);
        // A tile lies in one piece: it ends where the ring does.
        let slot = start % capacity;
        let end = (start + TILE).min(self.positions.end).min(start + capacity - slot);
        let cache = slot * head_dim..(slot + end - start) * head_dim;
        Tile { start, end, keys: &self.keys[cache.clone()], values: &self.values[cache] }
    }
}
