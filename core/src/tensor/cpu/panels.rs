//! Products of many tokens with quantised weights: eight rows are unpacked once and meet all tokens, four at a time.
//!
//! An unpacked panel holds the quants of eight rows as [`Quads`], so that one dot instruction takes four elements of each row
//! against four broadcast elements of a token and lanes are rows: nothing is summed across lanes. Four tokens share each
//! load of a panel and fill the registers. After the packing of GotoBLAS (Goto & van de Geijn 2008) in 8-bit integers.

use super::activations::Activations;
use super::formats::Format;
use super::isa::Kernel;
use super::lanes::{Lanes, Quads};
use super::rows::Rows;

/// Rows a panel.
pub(super) const PANEL: usize = 8;

/// Tokens that meet a panel together.
const TOKENS: usize = 4;

/// As [`Rows`], for more than a few tokens.
pub(super) struct Panels<'a, F>(pub(super) Rows<'a, F>);

/// Eight rows, unpacked.
struct Panel {
    /// Eight a group.
    quads: Vec<Quads>,
    /// For each row, a group; two a group where the format has scales for halves.
    scales: Vec<[f32; PANEL]>,
    /// For each row, a group.
    offsets: Vec<[f32; PANEL]>,
}

impl<F: Format> Kernel for Panels<'_, F> {
    type Output = ();

    fn scalar(self) {
        self.0.scalar();
    }

    #[inline(always)]
    fn vector<L: Lanes>(self, lanes: L) {
        let Rows { weight, row_bytes, x, out, .. } = self.0;
        let rows = weight.len() / row_bytes;
        let tokens = out.len() / rows;
        let mut panel = Panel { quads: Vec::new(), scales: Vec::new(), offsets: Vec::new() };
        for (i, weight) in weight.chunks(PANEL * row_bytes).enumerate() {
            panel.unpack::<F, L>(lanes, weight, row_bytes);
            let mut put = |token: usize, sums: [f32; PANEL]| {
                let start = token * rows + i * PANEL;
                let end = (start + PANEL).min((token + 1) * rows);
                out[start..end].copy_from_slice(&sums[..end - start]);
            };
            for token in (0..tokens / TOKENS * TOKENS).step_by(TOKENS) {
                let sums = panel.multiply::<F, L, TOKENS>(lanes, x, token);
                sums.into_iter().enumerate().for_each(|(t, sums)| put(token + t, sums));
            }
            for token in tokens / TOKENS * TOKENS..tokens {
                let [sums] = panel.multiply::<F, L, 1>(lanes, x, token);
                put(token, sums);
            }
        }
    }
}

impl Panel {
    /// Takes up to eight rows; rows that are missing stand in as copies of the first, and nobody reads their sums.
    #[inline(always)]
    fn unpack<F: Format, L: Lanes>(&mut self, lanes: L, weight: &[u8], row_bytes: usize) {
        self.quads.clear();
        self.scales.clear();
        self.offsets.clear();
        let rows: [&[u8]; PANEL] = std::array::from_fn(|r| {
            let start = r * row_bytes;
            if start < weight.len() { &weight[start..start + row_bytes] } else { &weight[..row_bytes] }
        });
        for start in (0..row_bytes).step_by(F::BLOCK_BYTES) {
            for row in rows {
                lanes.prefetch(&row[start..]);
            }
            for g in 0..F::GROUPS {
                let mut quants = [F::quants(lanes, &rows[0][start..start + F::BLOCK_BYTES], g); PANEL];
                let (mut scales, mut offsets) = ([[0.0; PANEL]; 2], [0.0; PANEL]);
                for r in 0..PANEL {
                    let block = &rows[r][start..start + F::BLOCK_BYTES];
                    quants[r] = F::quants(lanes, block, g);
                    let own = F::scales(lanes, block, g);
                    (scales[0][r], scales[1][r], offsets[r]) = (own.scales[0], own.scales[1], own.offset);
                }
                self.quads.extend_from_slice(&lanes.transpose(quants));
                self.scales.extend_from_slice(&scales[..if F::HALVES { 2 } else { 1 }]);
                if !F::QUANTS.signed {
                    self.offsets.push(offsets);
                }
            }
        }
    }

    /// The products of the eight rows with tokens `first .. first + T`.
    #[inline(always)]
    fn multiply<F: Format, L: Lanes, const T: usize>(
        &self,
        lanes: L,
        x: &Activations,
        first: usize,
    ) -> [[f32; PANEL]; T] {
        let x: [_; T] = std::array::from_fn(|t| x.row(first + t));
        let (groups, _) = self.quads.as_chunks::<8>();
        let halves = if F::HALVES { 2 } else { 1 };
        // Equal lengths, said so that the loop below needs no checks.
        let n = groups.len();
        let (scales, quants) = (&self.scales[..n * halves], x.map(|x| &x.quants[..n]));
        let (x_scales, x_sums) = (x.map(|x| &x.scales[..n]), x.map(|x| &x.sums[..n]));
        let mut totals = [lanes.splat(0.0); T];
        for g in 0..n {
            for half in 0..halves {
                let part = 8 / halves * half..8 / halves * (half + 1);
                let fours: [&[[i8; 4]]; T] = std::array::from_fn(|t| &quants[t][g][part.clone()]);
                let sums = lanes.dot_quads(&groups[g][part], F::QUANTS, fours);
                let scales = lanes.floats(&scales[g * halves + half]);
                for t in 0..T {
                    let scale = lanes.mul(scales, lanes.splat(x_scales[t][g]));
                    totals[t] = lanes.mul_add(lanes.to_floats(sums[t]), scale, totals[t]);
                }
            }
            if !F::QUANTS.signed {
                let offsets = lanes.floats(&self.offsets[g]);
                for t in 0..T {
                    totals[t] = lanes.mul_add(offsets, lanes.splat(x_sums[t][g]), totals[t]);
                }
            }
        }
        let mut sums = [[0.0; PANEL]; T];
        for t in 0..T {
            lanes.store(totals[t], &mut sums[t]);
        }
        sums
    }
}
