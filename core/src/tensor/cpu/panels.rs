//! Products with quantised weights: panels of sixteen rows meet tokens, as many at a time as registers hold the sums of.
//!
//! Few tokens are bound by memory, which a panel is made to be read from in one go; many are bound by arithmetic, for which they share
//! each load of a panel while it stays in the first-level cache. One kernel serves both.

use std::marker::PhantomData;

use super::activations::{ActivationBlock, Activations, BLOCK};
use super::dots::{PANEL, PREFETCH_BYTES, QUADS};
use super::formats::Format;
use super::isa::Kernel;
use super::lanes::Lanes;
use super::packed::Layout;
use crate::tensor::block::GROUP_LEN;

/// Activation bytes that meet all panels of a task before the next do: half of a 512 KB second-level cache.
const RESIDENT: usize = 256 * 1024;

/// `x · Wᵀ` for whole panels of a matrix.
pub(super) struct Panels<'a, F> {
    pub(super) layout: Layout,
    pub(super) panels: &'a [u8],
    pub(super) x: &'a Activations,
    /// `[m, rows]`; the last panel may have fewer rows than it has room for.
    pub(super) out: &'a mut [f32],
    pub(super) rows: usize,
    pub(super) format: PhantomData<F>,
}

impl<F: Format> Kernel for Panels<'_, F> {
    type Output = ();
    const DOTS: bool = true;

    fn scalar(self) {
        let (panel_bytes, rows) = (self.layout.panel_bytes(), self.rows);
        for (token, out) in self.out.chunks_exact_mut(rows).enumerate() {
            let x = self.x.block(token / BLOCK);
            for (row, out) in out.iter_mut().enumerate() {
                let panel = &self.panels[row / PANEL * panel_bytes..][..panel_bytes];
                *out = scalar_product(&self.layout, panel, row % PANEL, x, token % BLOCK);
            }
        }
    }

    #[inline(always)]
    fn vector<L: Lanes>(self, lanes: L) {
        let Self { layout, panels, x, out, rows, .. } = self;
        let block_bytes = x.block(0).quants.len() * GROUP_LEN;
        let resident = (RESIDENT / block_bytes.max(1)).max(1);
        for first in (0..x.blocks()).step_by(resident) {
            for (i, panel) in panels.chunks_exact(layout.panel_bytes()).enumerate() {
                let (quants, scales) = panel.split_at(layout.quant_bytes());
                let panel = Panel::<F> { quants, scales, format: PhantomData };
                let columns = i * PANEL..((i + 1) * PANEL).min(rows);
                for block in first..(first + resident).min(x.blocks()) {
                    let x = x.block(block);
                    let mut token = 0;
                    while token < x.width {
                        let out =
                            Out { tokens: &mut out[(block * BLOCK + token) * rows..], rows, columns: columns.clone() };
                        token += match x.width - token {
                            8.. if L::TOKENS >= 8 => panel.multiply::<L, 8>(lanes, x, token, out),
                            4.. => panel.multiply::<L, 4>(lanes, x, token, out),
                            2.. => panel.multiply::<L, 2>(lanes, x, token, out),
                            _ => panel.multiply::<L, 1>(lanes, x, token, out),
                        };
                    }
                }
            }
        }
    }
}

/// One element of the product: `Σ scale_x * (scales[0] * Σ q x + scales[1] * Σ q x) + offset * sum_x` over groups.
fn scalar_product(layout: &Layout, panel: &[u8], row: usize, x: ActivationBlock<'_>, token: usize) -> f32 {
    let mut total = 0.0;
    for (i, group) in layout.groups(panel, row).enumerate() {
        let at = i * x.width + token;
        let mut halves = [0; 2];
        for (j, x) in x.quants[at].as_flattened().iter().enumerate() {
            halves[j / (GROUP_LEN / 2)] += i32::from(group.quants[j]) * i32::from(*x);
        }
        let scaled = group.scales[0] * halves[0] as f32 + group.scales[1] * halves[1] as f32;
        total += x.scales[at] * scaled + group.offset * x.sums[at];
    }
    total
}

/// Where the products of a panel with some tokens go.
struct Out<'a> {
    /// From the first token on, `rows` each.
    tokens: &'a mut [f32],
    rows: usize,
    columns: std::ops::Range<usize>,
}

/// Sixteen rows.
struct Panel<'a, F> {
    quants: &'a [u8],
    scales: &'a [u8],
    format: PhantomData<F>,
}

impl<F: Format> Panel<'_, F> {
    /// The products with tokens `first .. first + T` of `x`; gives `T`.
    #[inline(always)]
    fn multiply<L: Lanes, const T: usize>(
        &self,
        lanes: L,
        x: ActivationBlock<'_>,
        first: usize,
        out: Out<'_>,
    ) -> usize {
        let group_bytes = 4 * PANEL * F::VECTORS;
        let mut totals = [lanes.each(0.0); T];
        let mut at = first;
        let blocks = self.quants.chunks_exact(F::GROUPS * group_bytes).zip(self.scales.chunks_exact(F::SCALE_BYTES));
        // Scales as far ahead as quants; past the panel's end come those of the next, behind its quants.
        let scales_ahead = (PREFETCH_BYTES / (F::GROUPS * group_bytes)).max(1) * F::SCALE_BYTES;
        let mut scales_left = self.scales.len();
        for (quants, scales) in blocks {
            let scales = F::block(scales);
            if T == 1 {
                let jump = if scales_left > scales_ahead { 0 } else { self.quants.len() };
                for line in 0..F::SCALE_BYTES.div_ceil(64) {
                    lanes.prefetch(scales, scales_ahead + jump + 64 * line);
                }
                scales_left -= F::SCALE_BYTES;
            }
            for g in 0..F::GROUPS {
                let group = F::group(quants, g);
                if T == 1 {
                    for line in 0..F::VECTORS {
                        lanes.prefetch(&group[64 * line..], PREFETCH_BYTES);
                    }
                }
                // The sizes are checked by `linear`; what is missing would be nothing to add.
                let Some(quants) = x.quants.get(at..).and_then(|x| x.first_chunk::<T>()) else { break };
                let Some(x_scales) = x.scales.get(at..).and_then(|x| x.first_chunk::<T>()) else { break };
                let Some(eighths) = x.eighths.get(at..).and_then(|x| x.first_chunk::<T>()) else { break };
                let own = F::scales(lanes, scales, g);
                // Halves are written out, as the loops of `dot` are.
                macro_rules! add {
                    ($quads:expr, $scale:expr, |$eighths:ident| $start:expr) => {
                        let mut starts = [0; T];
                        for t in 0..T {
                            let $eighths = eighths[t];
                            starts[t] = $start;
                        }
                        let sums = lanes.dot::<F, T>(group, $quads, quants, starts);
                        for t in 0..T {
                            let scale = lanes.product($scale, lanes.each(x_scales[t]));
                            totals[t] = lanes.fused(lanes.converted(sums[t]), scale, totals[t]);
                        }
                    };
                }
                if F::IN_HALVES {
                    add!(0..QUADS / 2, own.scales[0], |eighths| eighths[0]);
                    add!(QUADS / 2..QUADS, own.scales[1], |eighths| eighths[1]);
                } else {
                    add!(0..QUADS, own.scales[0], |eighths| eighths[0].wrapping_add(eighths[1]));
                }
                if F::AFFINE {
                    let Some(x_sums) = x.sums.get(at..).and_then(|x| x.first_chunk::<T>()) else { break };
                    for t in 0..T {
                        totals[t] = lanes.fused(own.offset, lanes.each(x_sums[t]), totals[t]);
                    }
                }
                at += x.width;
            }
        }
        for t in 0..T {
            let mut sums = [0.0; PANEL];
            lanes.put(totals[t], &mut sums);
            let columns = t * out.rows + out.columns.start..t * out.rows + out.columns.end;
            let count = columns.len();
            out.tokens[columns].copy_from_slice(&sums[..count]);
        }
        T
    }
}
