//! Rotary positions (RoFormer, Su et al. 2021), and keys and values into a ring cache.
//!
//! A pair `(x, y)` of a head turns by `angle = position * inverse_frequency`: `(x cos - y sin, x sin + y cos)`. Which elements
//! pair up is the checkpoint's choice (`RopePairing`). Angles are products in f32, as published models were trained with.

use rayon::prelude::*;

use super::attention::CacheElement;
use super::check;
use crate::Result;
use crate::tensor::spec::{RopePairing, RopeSpec};

/// Rows from which threads are worth their cost.
const PARALLEL_ROWS: usize = 16;

/// Turns `q` in place, and puts turned `k` and `v` into the caches at slots `(position + row) % capacity`.
///
/// # Shapes
/// `q`: `[m, heads * head_dim]`; `k`, `v`: `[m, kv_heads * head_dim]`; `inverse_frequencies`: `[rotary_dim / 2]`; `keys`,
/// `values`: `[kv_heads, capacity, head_dim]`.
///
/// # Errors
/// `Internal` if sizes disagree or `m` is greater than `capacity`.
#[allow(clippy::too_many_arguments)] // they are the operation's tensors
pub(crate) fn rope_append<E: CacheElement>(
    q: &mut [f32],
    k: &[f32],
    v: &[f32],
    inverse_frequencies: &[f32],
    keys: &mut [E],
    values: &mut [E],
    tokens: usize,
    spec: RopeSpec,
) -> Result<()> {
    if tokens == 0 {
        return Ok(());
    }
    let head_dim = spec.head_dim;
    check(head_dim > 0 && spec.rotary_dim <= head_dim && spec.rotary_dim == 2 * inverse_frequencies.len(), || {
        format!("{} frequencies were given for {spec:?}", inverse_frequencies.len())
    })?;
    let whole_heads = |x: &[f32]| x.len().is_multiple_of(tokens * head_dim);
    check(whole_heads(q) && whole_heads(k) && k.len() == v.len() && !k.is_empty(), || {
        format!(
            "q, k, v of {}, {}, {} elements are not {tokens} rows of heads of {head_dim}",
            q.len(),
            k.len(),
            v.len()
        )
    })?;
    let kv_heads = k.len() / tokens / head_dim;
    check(keys.len() == values.len() && keys.len().is_multiple_of(kv_heads * head_dim), || {
        format!("caches of {} and {} elements don't hold {kv_heads} heads", keys.len(), values.len())
    })?;
    let capacity = keys.len() / (kv_heads * head_dim);
    check(tokens <= capacity, || format!("{tokens} tokens don't fit into a cache of {capacity}"))?;

    let turn = Turn::new(inverse_frequencies, tokens, spec);
    let q_row = q.len() / tokens;
    if q_row > 0 {
        let rows = q.par_chunks_exact_mut(q_row).enumerate().with_min_len(PARALLEL_ROWS);
        rows.for_each(|(row, q)| q.chunks_exact_mut(head_dim).for_each(|head| turn.apply(row, head)));
    }
    let cached = keys.par_chunks_exact_mut(capacity * head_dim).zip(values.par_chunks_exact_mut(capacity * head_dim));
    let min_heads = if tokens < PARALLEL_ROWS { kv_heads } else { 1 };
    cached.enumerate().with_min_len(min_heads).for_each(|(kv_head, (keys, values))| {
        let mut turned = vec![0.0; head_dim];
        for row in 0..tokens {
            let from = (row * kv_heads + kv_head) * head_dim;
            let to = (spec.position + row) % capacity * head_dim;
            turned.copy_from_slice(&k[from..from + head_dim]);
            turn.apply(row, &mut turned);
            E::narrow(&turned, &mut keys[to..to + head_dim]);
            E::narrow(&v[from..from + head_dim], &mut values[to..to + head_dim]);
        }
    });
    Ok(())
}

/// Cosines and sines of every row.
struct Turn {
    /// `[m, rotary_dim / 2]` of `(cos, sin)`, times the magnitude.
    table: Vec<(f32, f32)>,
    spec: RopeSpec,
}

impl Turn {
    fn new(inverse_frequencies: &[f32], tokens: usize, spec: RopeSpec) -> Self {
        let mut table = vec![(0.0, 0.0); tokens * inverse_frequencies.len()];
        if !table.is_empty() {
            let rows = table.par_chunks_exact_mut(inverse_frequencies.len()).enumerate().with_min_len(PARALLEL_ROWS);
            rows.for_each(|(row, table)| {
                let position = (spec.position + row) as f32;
                for (entry, frequency) in table.iter_mut().zip(inverse_frequencies) {
                    let (sin, cos) = (position * frequency).sin_cos();
                    *entry = (cos * spec.magnitude, sin * spec.magnitude);
                }
            });
        }
        Self { table, spec }
    }

    /// Turns one head of row `row`.
    fn apply(&self, row: usize, head: &mut [f32]) {
        let half = self.spec.rotary_dim / 2;
        let table = &self.table[row * half..(row + 1) * half];
        let turned = |x: f32, y: f32, (cos, sin): (f32, f32)| (x * cos - y * sin, x * sin + y * cos);
        match self.spec.pairing {
            RopePairing::Interleaved => {
                for (pair, entry) in head.chunks_exact_mut(2).zip(table) {
                    (pair[0], pair[1]) = turned(pair[0], pair[1], *entry);
                }
            }
            RopePairing::Half => {
                let (first, rest) = head.split_at_mut(half);
                for ((x, y), entry) in first.iter_mut().zip(rest).zip(table) {
                    (*x, *y) = turned(*x, *y, *entry);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    fn spec(pairing: RopePairing) -> RopeSpec {
        RopeSpec { pairing, head_dim: 6, rotary_dim: 4, magnitude: 1.0, position: 0 }
    }

    const HEAD: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    const QUARTER: [f32; 2] = [std::f32::consts::FRAC_PI_2, 0.0];

    fn turned(pairing: RopePairing, position: usize, magnitude: f32) -> Vec<f32> {
        let (mut q, mut keys, mut values) = (HEAD, [0.0; 12], [0.0; 12]);
        let spec = RopeSpec { position, magnitude, ..spec(pairing) };
        rope_append(&mut q, &HEAD, &HEAD, &QUARTER, &mut keys, &mut values, 1, spec).unwrap();
        let slot = position % 2 * 6;
        assert_eq!(keys[slot..slot + 6], q, "keys turn as queries do");
        assert_eq!(values[slot..slot + 6], HEAD, "values don't turn");
        assert_eq!(keys[6 - slot..12 - slot], [0.0; 6], "the other slot is untouched");
        q.iter().map(|x| x.round()).collect()
    }

    #[test]
    fn interleaved_turns_neighbours() {
        assert_eq!(turned(RopePairing::Interleaved, 1, 1.0), [-2.0, 1.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn half_turns_across_the_rotary_part() {
        assert_eq!(turned(RopePairing::Half, 1, 1.0), [-3.0, 2.0, 1.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn position_zero_changes_nothing_and_the_ring_wraps() {
        assert_eq!(turned(RopePairing::Half, 0, 1.0), HEAD);
        assert_eq!(turned(RopePairing::Half, 4, 1.0), HEAD, "four quarter turns, slot 0");
        assert_eq!(turned(RopePairing::Half, 5, 1.0), [-3.0, 2.0, 1.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn magnitude_scales_the_rotary_part_only() {
        assert_eq!(turned(RopePairing::Half, 0, 2.0), [2.0, 4.0, 6.0, 8.0, 5.0, 6.0]);
    }

    #[test]
    fn many_rows_equal_one_row_at_a_time() {
        let (tokens, heads, kv_heads, capacity) = (37, 4, 2, 40);
        let row = |i: usize, heads: usize| (0..heads * 6).map(move |j| ((i * 31 + j * 7) % 13) as f32 - 6.0);
        let rows = |heads| (0..tokens).flat_map(|i| row(i, heads)).collect::<Vec<_>>();
        let (mut q, k) = (rows(heads), rows(kv_heads));
        let mut caches = [vec![f16::ZERO; kv_heads * capacity * 6], vec![f16::ZERO; kv_heads * capacity * 6]];
        let mut single = caches.clone();
        let spec = RopeSpec { position: 11, ..spec(RopePairing::Half) };
        let [keys, values] = &mut caches;
        rope_append(&mut q, &k, &k, &[0.3, 0.1], keys, values, tokens, spec).unwrap();
        for i in 0..tokens {
            let mut q_row: Vec<f32> = row(i, heads).collect();
            let k_row: Vec<f32> = row(i, kv_heads).collect();
            let [keys, values] = &mut single;
            let spec = RopeSpec { position: 11 + i, ..spec };
            rope_append(&mut q_row, &k_row, &k_row, &[0.3, 0.1], keys, values, 1, spec).unwrap();
            assert_eq!(q[i * heads * 6..][..heads * 6], q_row);
        }
        assert_eq!(caches, single);
    }

    #[test]
    fn refuses_sizes_that_disagree() {
        let run = |k: usize, cache: usize, frequencies: usize, tokens| {
            let (k, f) = (vec![0.0; k], vec![0.0; frequencies]);
            let (mut keys, mut values) = (vec![0.0f32; cache], vec![0.0f32; cache]);
            rope_append(&mut [0.0; 12], &k, &k, &f, &mut keys, &mut values, tokens, spec(RopePairing::Half))
        };
        assert!(run(6, 12, 2, 1).is_ok());
        assert!(run(6, 12, 3, 1).is_err(), "frequencies");
        assert!(run(7, 12, 2, 1).is_err(), "heads");
        assert!(run(6, 13, 2, 1).is_err(), "cache");
        assert!(run(12, 6, 2, 2).is_err(), "capacity");
    }
}
