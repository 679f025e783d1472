//! Attention of encoders: rows of several texts one after the other, each seeing its own text before and after it.
//!
//! As in `many`, vectors run across sixteen queries. Texts are short (512 tokens at most in BERT), so a head's scores are all held at once and
//! the softmax needs no second thought.

use std::ops::Range;

use rayon::prelude::*;

use crate::Result;
use crate::tensor::cpu::check;
use crate::tensor::cpu::elementwise::exp;
use crate::tensor::cpu::isa::{Isa, Kernel};
use crate::tensor::cpu::lanes::Lanes;
use crate::tensor::cpu::wide::LANES;
use crate::tensor::spec::BidirectionalSpec;

/// `softmax(scale · q · kᵀ) · v` where row `r` sees rows `bounds[2r] .. bounds[2r + 1]`.
///
/// # Shapes
/// `q`, `k`, `v`, `out`: `[m, heads * head_dim]`; `bounds`: `[m, 2]`.
///
/// # Errors
/// `Internal` if sizes disagree or a row sees nothing or what isn't there.
pub(crate) fn bidirectional_attention(
    isa: Isa,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    bounds: &[i32],
    spec: BidirectionalSpec,
    out: &mut [f32],
) -> Result<()> {
    let width = spec.heads * spec.head_dim;
    let rows = bounds.len() / 2;
    let whole = [q.len(), k.len(), v.len(), out.len()].iter().all(|length| *length == rows * width);
    check(width > 0 && bounds.len().is_multiple_of(2) && whole, || {
        format!("{} queries and {} keys were given for {rows} rows of {spec:?}", q.len(), k.len())
    })?;
    let (pairs, _) = bounds.as_chunks::<2>();
    let seen = |[from, to]: &[i32; 2]| *from >= 0 && from < to && *to as usize <= rows;
    check(pairs.iter().all(seen), || format!("a row sees nothing, or more than {rows} rows"))?;

    let (mut tasks, mut rest, mut start) = (Vec::new(), out, 0);
    for text in pairs.chunk_by(|a, b| a == b) {
        let keys = text[0][0] as usize..text[0][1] as usize;
        for block in text.chunks(LANES) {
            let (out, after) = rest.split_at_mut(block.len() * width);
            tasks.push(Attend { q, k, v, spec, queries: start..start + block.len(), keys: keys.clone(), out });
            (rest, start) = (after, start + block.len());
        }
    }
    // what a single text of a few words needs is done before another thread has woken
    if tasks.len() > 1 {
        tasks.into_par_iter().for_each(|task| isa.run(task));
    } else {
        tasks.into_iter().for_each(|task| isa.run(task));
    }
    Ok(())
}

/// At most sixteen queries of one text, all heads.
struct Attend<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    spec: BidirectionalSpec,
    queries: Range<usize>,
    keys: Range<usize>,
    /// `[queries, heads * head_dim]`
    out: &'a mut [f32],
}

impl Kernel for Attend<'_> {
    type Output = ();

    fn scalar(self) {
        let BidirectionalSpec { heads, head_dim, scale } = self.spec;
        let of = |matrix: &'_ [f32], row: usize, head: usize, d: usize| matrix[(row * heads + head) * head_dim + d];
        for (row, out) in self.queries.clone().zip(self.out.chunks_exact_mut(heads * head_dim)) {
            for (head, out) in out.chunks_exact_mut(head_dim).enumerate() {
                let score = |key: usize| {
                    scale * (0..head_dim).map(|d| of(self.q, row, head, d) * of(self.k, key, head, d)).sum::<f32>()
                };
                let scores: Vec<f32> = self.keys.clone().map(score).collect();
                let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let weights: Vec<f32> = scores.iter().map(|score| (score - greatest).exp()).collect();
                let sum: f32 = weights.iter().sum();
                for (d, out) in out.iter_mut().enumerate() {
                    let value: f32 = self.keys.clone().zip(&weights).map(|(key, w)| w * of(self.v, key, head, d)).sum();
                    *out = value / sum;
                }
            }
        }
    }

    #[inline(always)]
    fn vector<L: Lanes>(self, lanes: L) {
        // the widths of published encoders
        match self.spec.head_dim {
            32 => self.sixteen::<L, 32>(lanes),
            64 => self.sixteen::<L, 64>(lanes),
            _ => self.scalar(),
        }
    }
}

impl Attend<'_> {
    #[inline(always)]
    fn sixteen<L: Lanes, const D: usize>(self, lanes: L) {
        let (heads, rows) = (self.spec.heads, self.queries.len());
        let mut queries = [[0.0; LANES]; D];
        let mut scores = vec![[0.0; LANES]; self.keys.len()];
        for head in 0..heads {
            for lane in 0..rows {
                let query = row::<D>(self.q, (self.queries.start + lane) * heads + head);
                for d in 0..D {
                    queries[d][lane] = query[d] * self.spec.scale;
                }
            }
            let mut greatest = lanes.each(f32::MIN);
            let mut at = 0;
            while at < scores.len() {
                // as many keys at once as there are registers for
                at += match scores.len() - at {
                    8.. if L::TOKENS >= 8 => self.score::<L, D, 8>(lanes, &queries, head, at, &mut scores),
                    4.. => self.score::<L, D, 4>(lanes, &queries, head, at, &mut scores),
                    _ => self.score::<L, D, 1>(lanes, &queries, head, at, &mut scores),
                };
            }
            for scores in &scores {
                greatest = lanes.greater(greatest, lanes.sixteen(scores));
            }
            let mut least = [0.0; LANES];
            lanes.put(greatest, &mut least);
            let mut sums = lanes.each(0.0);
            for scores in &mut scores {
                for lane in 0..LANES {
                    scores[lane] = exp(scores[lane] - least[lane]);
                }
                sums = lanes.plus(sums, lanes.sixteen(scores));
            }
            let mut total = [0.0; LANES];
            lanes.put(sums, &mut total);
            let mut d = 0;
            while d < D {
                let mut values = [[0.0; LANES]; 8];
                self.weigh::<L, D>(lanes, &scores, head, d, &mut values);
                for lane in 0..rows {
                    let start = (lane * heads + head) * D + d;
                    for u in 0..8 {
                        self.out[start + u] = values[u][lane] / total[lane];
                    }
                }
                d += 8;
            }
        }
    }

    /// Scores of keys `at .. at + U`; gives `U`.
    #[inline(always)]
    fn score<L: Lanes, const D: usize, const U: usize>(
        &self,
        lanes: L,
        queries: &[[f32; LANES]; D],
        head: usize,
        at: usize,
        scores: &mut [[f32; LANES]],
    ) -> usize {
        let mut keys = [&[0.0; D]; U];
        for u in 0..U {
            keys[u] = row::<D>(self.k, (self.keys.start + at + u) * self.spec.heads + head);
        }
        let mut sums = [lanes.each(0.0); U];
        for d in 0..D {
            let query = lanes.sixteen(&queries[d]);
            for u in 0..U {
                sums[u] = lanes.fused(lanes.each(keys[u][d]), query, sums[u]);
            }
        }
        for u in 0..U {
            lanes.put(sums[u], &mut scores[at + u]);
        }
        U
    }

    /// `weights · values` for elements `d .. d + 8` of a head.
    #[inline(always)]
    fn weigh<L: Lanes, const D: usize>(
        &self,
        lanes: L,
        weights: &[[f32; LANES]],
        head: usize,
        d: usize,
        out: &mut [[f32; LANES]; 8],
    ) {
        let mut sums = [lanes.each(0.0); 8];
        for (key, weights) in weights.iter().enumerate() {
            let values = row::<D>(self.v, (self.keys.start + key) * self.spec.heads + head);
            let Some(values) = values.get(d..).and_then(|values| values.first_chunk::<8>()) else { break };
            let weights = lanes.sixteen(weights);
            for u in 0..8 {
                sums[u] = lanes.fused(lanes.each(values[u]), weights, sums[u]);
            }
        }
        for u in 0..8 {
            lanes.put(sums[u], &mut out[u]);
        }
    }
}

/// Row `index` of a matrix whose rows are `D` wide; the caller's sizes rule out that there is none.
#[inline(always)]
fn row<const D: usize>(matrix: &[f32], index: usize) -> &[f32; D] {
    match matrix[index * D..].first_chunk() {
        Some(row) => row,
        None => &[0.0; D],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize, seed: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * seed).sin()).collect()
    }

    #[test]
    fn every_instruction_set_agrees_with_the_plain_form() {
        for (heads, head_dim) in [(3, 32), (2, 64), (2, 20)] {
            let width = heads * head_dim;
            let spec = BidirectionalSpec { heads, head_dim, scale: 0.3 };
            let lengths = [1, 2, 15, 16, 17, 40];
            let rows = lengths.iter().sum::<usize>();
            let mut bounds = Vec::new();
            for length in lengths {
                let start = bounds.len() as i32 / 2;
                (0..length).for_each(|_| bounds.extend([start, start + length as i32]));
            }
            let [q, k, v] = [0.37, 0.51, 0.73].map(|seed| noise(rows * width, seed));
            let run = |isa: Isa| {
                let mut out = vec![f32::NAN; rows * width];
                bidirectional_attention(isa, &q, &k, &v, &bounds, spec, &mut out).unwrap();
                out
            };
            let expected = run(Isa::available()[0]);
            // a text of one token is its own value
            assert_eq!(expected[..width], v[..width]);
            for isa in Isa::available() {
                for (found, expected) in run(*isa).iter().zip(&expected) {
                    assert!((found - expected).abs() < 1e-5, "{isa} {spec:?}: {found} for {expected}");
                }
            }
        }
    }

    #[test]
    fn large_scores_stay_numbers() {
        let spec = BidirectionalSpec { heads: 1, head_dim: 32, scale: 1.0 };
        let q = vec![1e4; 64];
        for isa in Isa::available() {
            let mut out = vec![0.0; 64];
            bidirectional_attention(*isa, &q, &q, &noise(64, 0.3), &[0, 2, 0, 2], spec, &mut out).unwrap();
            assert!(out.iter().all(|x| x.is_finite()), "{isa}");
        }
    }

    #[test]
    fn refuses_what_disagrees() {
        let spec = BidirectionalSpec { heads: 1, head_dim: 4, scale: 1.0 };
        let run = |rows: usize, bounds: &[i32]| {
            let x = vec![0.0; 4 * rows];
            bidirectional_attention(Isa::best(), &x, &x, &x, bounds, spec, &mut vec![0.0; 4 * rows])
        };
        assert!(run(2, &[0, 2, 0, 2]).is_ok() && run(0, &[]).is_ok());
        for bounds in [&[0, 2][..], &[0, 2, 0], &[0, 3, 0, 3], &[1, 1, 0, 2], &[-1, 2, 0, 2]] {
            assert!(run(2, bounds).is_err(), "{bounds:?}");
        }
    }
}
