//! Attention: every form against the formula in f64 over keys and values laid out plainly.

use half::f16;
use proptest::prelude::*;

use super::{noise, with_threads};
use crate::tensor::cpu::attention::CacheElement;
use crate::tensor::cpu::{Isa, attention};
use crate::tensor::spec::AttentionSpec;

fn spec(heads: usize, kv_heads: usize, head_dim: usize, position: usize, window: Option<usize>) -> AttentionSpec {
    AttentionSpec { heads, kv_heads, head_dim, scale: 1.0 / (head_dim as f32).sqrt(), window, position }
}

/// Keys or values of positions `0 .. n`: `[n, kv_heads, head_dim]`.
fn history(spec: AttentionSpec, n: usize, seed: u64) -> Vec<f32> {
    noise(n * spec.kv_heads * spec.head_dim, seed)
}

/// The ring cache after all of `history` was appended.
fn ring<E: CacheElement + From<f16>>(spec: AttentionSpec, history: &[f32], capacity: usize) -> Vec<E> {
    let (kv_heads, head_dim) = (spec.kv_heads, spec.head_dim);
    let mut cache = vec![E::from(f16::NAN); kv_heads * capacity * head_dim];
    for (i, row) in history.chunks_exact(head_dim).enumerate() {
        let (position, kv_head) = (i / kv_heads, i % kv_heads);
        let slot = (kv_head * capacity + position % capacity) * head_dim;
        E::narrow(row, &mut cache[slot..slot + head_dim]);
    }
    cache
}

/// The formula.
fn exact(q: &[f32], keys: &[f32], values: &[f32], spec: AttentionSpec) -> Vec<f64> {
    let AttentionSpec { heads, kv_heads, head_dim, .. } = spec;
    let row = |x: &[f32], position: usize, head: usize, heads: usize| -> Vec<f64> {
        x[(position * heads + head) * head_dim..][..head_dim].iter().map(|x| f64::from(*x)).collect()
    };
    let mut out = Vec::new();
    for token in 0..q.len() / (heads * head_dim) {
        for head in 0..heads {
            let (query, kv_head) = (row(q, token, head, heads), head / (heads / kv_heads));
            let now = spec.position + token;
            let visible = (0..=now).filter(|key| spec.window.is_none_or(|window| now - key < window));
            let scores: Vec<(usize, f64)> = visible
                .map(|p| (p, row(keys, p, kv_head, kv_heads)))
                .map(|(p, key)| (p, f64::from(spec.scale) * query.iter().zip(key).map(|(q, k)| q * k).sum::<f64>()))
                .collect();
            let greatest = scores.iter().fold(f64::NEG_INFINITY, |g, (_, s)| g.max(*s));
            let total: f64 = scores.iter().map(|(_, s)| (s - greatest).exp()).sum();
            let mut sum = vec![0.0; head_dim];
            for (position, score) in scores {
                let weight = (score - greatest).exp() / total;
                let value = row(values, position, kv_head, kv_heads);
                sum.iter_mut().zip(value).for_each(|(sum, value)| *sum += weight * value);
            }
            out.extend(sum);
        }
    }
    out
}

/// Runs on every instruction set, with one thread (by rows) and four (by keys where rows are few).
fn agrees<E: CacheElement + From<f16>>(spec: AttentionSpec, tokens: usize, capacity: usize, tolerance: f64) {
    let (keys, values) = (history(spec, spec.position + tokens, 1), history(spec, spec.position + tokens, 2));
    let q: Vec<f32> = noise(tokens * spec.heads * spec.head_dim, 3).iter().map(|x| 4.0 * x).collect();
    let expected = exact(&q, &keys, &values, spec);
    let (keys, values) = (ring::<E>(spec, &keys, capacity), ring::<E>(spec, &values, capacity));
    for isa in Isa::available() {
        for threads in [1, 4] {
            let mut out = vec![f32::NAN; q.len()];
            with_threads(threads, || attention(*isa, &q, &keys, &values, spec, &mut out)).unwrap();
            for (i, (out, expected)) in out.iter().zip(&expected).enumerate() {
                let error = (f64::from(*out) - expected).abs();
                assert!(
                    error < tolerance,
                    "{isa} {threads} threads, {spec:?} {tokens} tokens at {i}: {out} {expected}"
                );
            }
        }
    }
}

#[test]
fn agrees_with_the_formula() {
    for (heads, kv_heads) in [(1, 1), (4, 1), (3, 3), (9, 3), (10, 2)] {
        for head_dim in [8, 24, 64] {
            for (tokens, position) in [(1, 0), (1, 300), (2, 5), (33, 0), (70, 61)] {
                agrees::<f32>(spec(heads, kv_heads, head_dim, position, None), tokens, position + tokens, 2e-6);
            }
        }
    }
}

#[test]
fn head_widths_need_not_fill_vectors() {
    for head_dim in [1, 6, 20, 80, 256] {
        agrees::<f32>(spec(4, 2, head_dim, 30, None), 5, 40, 2e-6);
    }
}

#[test]
fn a_window_hides_old_keys_and_the_ring_may_wrap() {
    for tokens in [1, 2, 9, 40] {
        for window in [1, 2, 7, 64, 100] {
            for position in [0, 3, 131, 640] {
                agrees::<f32>(spec(4, 2, 16, position, Some(window)), tokens, window + tokens - 1, 2e-6);
                agrees::<f32>(spec(4, 2, 16, position, Some(window)), tokens, window + tokens + 5, 2e-6);
            }
        }
    }
}

#[test]
fn an_f16_cache_costs_its_rounding_only() {
    for (tokens, position) in [(1, 200), (17, 10)] {
        let spec = spec(6, 2, 64, position, None);
        agrees::<f16>(spec, tokens, 256, 3e-3);
        let [keys, values] = [4, 5].map(|seed| ring::<f16>(spec, &history(spec, position + tokens, seed), 256));
        let [wide_keys, wide_values] =
            [&keys, &values].map(|cache| cache.iter().map(|x| x.to_f32()).collect::<Vec<f32>>());
        let q = noise(tokens * 6 * 64, 6);
        for isa in Isa::available() {
            let (mut narrow, mut wide) = (vec![0.0; q.len()], vec![1.0; q.len()]);
            attention(*isa, &q, &keys, &values, spec, &mut narrow).unwrap();
            attention(*isa, &q, &wide_keys, &wide_values, spec, &mut wide).unwrap();
            assert_eq!(narrow, wide, "{isa}");
        }
    }
}

#[test]
fn grouped_heads_are_repeated_heads() {
    let grouped = spec(6, 2, 16, 12, None);
    let repeated = AttentionSpec { kv_heads: 6, ..grouped };
    let (keys, values) = (history(grouped, 20, 1), history(grouped, 20, 2));
    let repeat = |x: &[f32]| x.chunks_exact(16).flat_map(|head| head.repeat(3)).collect::<Vec<f32>>();
    let q = noise(8 * 6 * 16, 3);
    for isa in Isa::available() {
        let (mut a, mut b) = (vec![0.0; q.len()], vec![1.0; q.len()]);
        let cache = |x: &[f32], spec| ring::<f32>(spec, x, 20);
        attention(*isa, &q, &cache(&keys, grouped), &cache(&values, grouped), grouped, &mut a).unwrap();
        let (keys, values) = (repeat(&keys), repeat(&values));
        attention(*isa, &q, &cache(&keys, repeated), &cache(&values, repeated), repeated, &mut b).unwrap();
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() < 1e-6, "{isa}: {a} {b}");
        }
    }
}

#[test]
fn extreme_scores_do_not_overflow() {
    // Scores of ±1e8: all weight on the keys that match.
    let spec = AttentionSpec { scale: 1.0, ..spec(2, 1, 8, 99, None) };
    let keys: Vec<f32> = (0..800).map(|i| if i / 8 == 40 { 1e4 } else { -1e4 }).collect();
    let values: Vec<f32> = (0..800).map(|i| (i / 8) as f32).collect();
    for isa in Isa::available() {
        for threads in [1, 4] {
            let mut out = [f32::NAN; 16];
            with_threads(threads, || attention(*isa, &[1250.0; 16], &keys, &values, spec, &mut out)).unwrap();
            assert_eq!(out, [40.0; 16], "{isa}");
        }
    }
}

#[test]
fn nans_and_infinities_stay_in_their_row() {
    for isa in Isa::available() {
        for bad in [f32::NAN, f32::INFINITY] {
            let spec = spec(2, 1, 16, 0, None);
            let mut q = noise(70 * 32, 1);
            q[5 * 32 + 3] = bad;
            let cache = noise(70 * 16, 2);
            let mut out = vec![0.0; q.len()];
            attention(*isa, &q, &cache, &cache, spec, &mut out).unwrap();
            assert!(out[5 * 32..5 * 32 + 16].iter().all(|x| x.is_nan()), "{isa} {bad}");
            assert!(out[..5 * 32].iter().chain(&out[6 * 32..]).all(|x| x.is_finite()), "{isa} {bad}");
        }
    }
}

#[test]
fn refuses_what_the_cache_does_not_hold() {
    let run = |tokens: usize, cache: usize, spec: AttentionSpec| {
        let q = vec![0.0; tokens * spec.heads * spec.head_dim];
        let cache = vec![0.0f32; cache * spec.kv_heads * spec.head_dim];
        attention(Isa::best(), &q, &cache, &cache, spec, &mut vec![0.0; q.len()])
    };
    assert!(run(1, 8, spec(4, 2, 8, 7, None)).is_ok());
    assert!(run(1, 8, spec(4, 2, 8, 8, None)).is_err(), "a key was overwritten");
    assert!(run(1, 8, spec(4, 2, 8, 800, Some(8))).is_ok());
    assert!(run(2, 8, spec(4, 2, 8, 800, Some(8))).is_err(), "the second row overwrote what the first sees");
    assert!(run(0, 8, spec(4, 2, 8, 8, None)).is_ok());
    assert!(run(1, 8, spec(3, 2, 8, 0, None)).is_err(), "no whole groups");
    assert!(run(1, 8, spec(4, 2, 8, usize::MAX, None)).is_err());
    assert!(run(1, 8, spec(4, 2, 8, 3, Some(0))).is_err(), "an empty window");
    assert!(run(1, 0, spec(4, 2, 8, 3, Some(1))).is_err(), "an empty cache");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_shape_agrees_with_the_formula(
        group in 1usize..6, kv_heads in 1usize..4, head_dim in 1usize..20, tokens in 1usize..50, position in 0usize..200,
        window in prop::option::of(1usize..80), spare in 0usize..9,
    ) {
        let spec = spec(group * kv_heads, kv_heads, 4 * head_dim, position, window);
        let capacity = window.map_or(position + tokens, |window| window + tokens - 1) + spare;
        agrees::<f32>(spec, tokens, capacity, 3e-6);
    }
}
