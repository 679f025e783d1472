//! Products with weight matrices: sizes, strategy and threads.
//!
//! A call rounds its inputs once, cuts the rows of all its matrices into tasks and runs those in one parallel region, since
//! entering a region costs about as much as multiplying a small matrix. A task computes its rows for all tokens into a tile
//! that stays in the cache, then finishes it there (adds the residual, or gates).
//!
//! Quantised matrices are `packed` and go to `panels`, the others lie as in their file and go to `dense`.

use std::marker::PhantomData;
use std::ops::Range;

use rayon::prelude::*;

use super::activations::Activations;
use super::check;
use super::dense::Dense;
use super::dots::PANEL;
use super::elementwise::Gate;
use super::formats::{Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
use super::isa::Isa;
use super::output::Output;
use super::packed::{Layout, packed_bytes};
use super::panels::Panels;
use crate::Result;
use crate::format::BlockFormat;
use crate::tensor::spec::{Activation, WeightSpec};

/// Weight bytes times tokens of a task, at least: about 3 µs of work, twice what handing it over costs.
const TASK_WORK: usize = 48 * 1024;

/// Outputs of a task's tile, at most: with its inputs it stays in a 512 KB second-level cache.
const TILE: usize = 32 * 1024;

/// Tasks a thread, so that slow cores hold nobody up.
const TASKS_PER_THREAD: usize = 4;

/// A weight matrix and its bytes, of the size that its spec says.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    bytes: &'a [u8],
    spec: WeightSpec,
    /// Of a quantised matrix.
    layout: Option<Layout>,
}

/// Inputs in the forms that the matrices of a call need.
struct Inputs<'a> {
    floats: &'a [f32],
    rounded: Option<Activations>,
    tokens: usize,
}

/// What is done to a product before it is the result.
enum Finish<'a> {
    Nothing,
    /// Plus a matrix of the same shape.
    Add(&'a [f32]),
    /// `activation(product) * (x · upᵀ)`.
    Gate(Matrix<'a>, Activation),
}

/// One matrix of a call and where its product goes.
struct Product<'a> {
    matrix: Matrix<'a>,
    finish: Finish<'a>,
    out: Output<'a>,
}

/// `x · Wᵀ`.
///
/// # Shapes
/// `x`: `[m, cols]`; `weight`: what [`pack`](super::pack) gives, or `[rows, cols]` of a format that isn't quantised; `out`: `[m, rows]`.
///
/// # Errors
/// `Internal` if sizes disagree; so for the other functions here.
pub(crate) fn linear(isa: Isa, x: &[f32], weight: &[u8], spec: WeightSpec, out: &mut [f32]) -> Result<()> {
    let inputs = Inputs::new(isa, x, &[spec])?;
    run(isa, &inputs, &[Product::new(&inputs, weight, spec, Finish::Nothing, out)?]);
    Ok(())
}

/// `residual + x · Wᵀ`.
///
/// # Shapes
/// As [`linear`]; `residual`: `[m, rows]`.
pub(crate) fn linear_residual(
    isa: Isa,
    x: &[f32],
    weight: &[u8],
    residual: &[f32],
    spec: WeightSpec,
    out: &mut [f32],
) -> Result<()> {
    check(residual.len() == out.len(), || {
        format!("a residual of {} elements was given for {} outputs", residual.len(), out.len())
    })?;
    let inputs = Inputs::new(isa, x, &[spec])?;
    run(isa, &inputs, &[Product::new(&inputs, weight, spec, Finish::Add(residual), out)?]);
    Ok(())
}

/// Three products with the same inputs, in one parallel region.
///
/// # Shapes
/// As [`linear`], in the order q, k, v.
pub(crate) fn linear_qkv(
    isa: Isa,
    x: &[f32],
    weights: [&[u8]; 3],
    specs: [WeightSpec; 3],
    [q, k, v]: [&mut [f32]; 3],
) -> Result<()> {
    let inputs = Inputs::new(isa, x, &specs)?;
    run(
        isa,
        &inputs,
        &[
            Product::new(&inputs, weights[0], specs[0], Finish::Nothing, q)?,
            Product::new(&inputs, weights[1], specs[1], Finish::Nothing, k)?,
            Product::new(&inputs, weights[2], specs[2], Finish::Nothing, v)?,
        ],
    );
    Ok(())
}

/// `activation(x · gateᵀ) * (x · upᵀ)`.
///
/// # Shapes
/// As [`linear`]; both matrices have the same rows and columns.
pub(crate) fn gate_up(
    isa: Isa,
    x: &[f32],
    [gate, up]: [&[u8]; 2],
    specs: [WeightSpec; 2],
    activation: Activation,
    out: &mut [f32],
) -> Result<()> {
    let shapes = specs.map(|spec| (spec.rows, spec.cols));
    check(shapes[0] == shapes[1], || format!("gate {:?} and up {:?} differ in shape", shapes[0], shapes[1]))?;
    let inputs = Inputs::new(isa, x, &specs)?;
    let finish = Finish::Gate(Matrix::new(up, specs[1])?, activation);
    run(isa, &inputs, &[Product::new(&inputs, gate, specs[0], finish, out)?]);
    Ok(())
}

impl<'a> Inputs<'a> {
    fn new(isa: Isa, floats: &'a [f32], specs: &[WeightSpec]) -> Result<Self> {
        let cols = specs[0].cols;
        check(cols > 0 && floats.len().is_multiple_of(cols) && specs.iter().all(|spec| spec.cols == cols), || {
            format!("{} inputs are not whole rows for {specs:?}", floats.len())
        })?;
        let quantised = specs.iter().find(|spec| spec.format.is_quantised());
        check(quantised.is_none_or(|spec| cols.is_multiple_of(spec.format.block_len())), || {
            format!("{cols} columns are not whole blocks of {specs:?}")
        })?;
        let rounded = quantised.map(|_| Activations::new(isa, floats, cols));
        Ok(Self { floats, rounded, tokens: floats.len() / cols })
    }
}

impl<'a> Matrix<'a> {
    fn new(bytes: &'a [u8], spec: WeightSpec) -> Result<Self> {
        check(packed_bytes(spec) == Some(bytes.len()), || format!("{} bytes were given for {spec:?}", bytes.len()))?;
        Ok(Self { bytes, spec, layout: Layout::new(spec.format, spec.cols) })
    }

    /// Bytes of a row, but for what fills up the last panel.
    fn row_bytes(&self) -> usize {
        self.bytes.len() / self.spec.rows.max(1)
    }

    /// The product of rows `rows` with all tokens, into `tile` `[m, rows]`. `rows` starts a panel.
    fn multiply(&self, isa: Isa, inputs: &Inputs<'_>, rows: Range<usize>, tile: &mut [f32]) {
        let (Some(layout), Some(x)) = (self.layout, &inputs.rounded) else {
            let row_bytes = self.row_bytes();
            let weight = &self.bytes[rows.start * row_bytes..rows.end * row_bytes];
            let (format, cols) = (self.spec.format, self.spec.cols);
            return isa.run(Dense { format, weight, cols, x: inputs.floats, out: tile });
        };
        let panel_bytes = layout.panel_bytes();
        let panels = &self.bytes[rows.start / PANEL * panel_bytes..rows.end.div_ceil(PANEL) * panel_bytes];
        let rows = rows.len();
        macro_rules! run {
            ($format:ty) => {
                isa.run(Panels { layout, panels, x, out: tile, rows, format: PhantomData::<$format> })
            };
        }
        match self.spec.format {
            BlockFormat::Q4_0 => run!(Q4_0),
            BlockFormat::Q4_1 => run!(Q4_1),
            BlockFormat::Q5_0 => run!(Q5_0),
            BlockFormat::Q5_1 => run!(Q5_1),
            BlockFormat::Q8_0 => run!(Q8_0),
            BlockFormat::Q4_K => run!(Q4K),
            BlockFormat::Q5_K => run!(Q5K),
            BlockFormat::Q6_K => run!(Q6K),
            BlockFormat::F32 | BlockFormat::F16 | BlockFormat::BF16 => {} // have no layout: taken above
        }
    }
}

impl<'a> Product<'a> {
    fn new(
        inputs: &Inputs<'_>,
        weight: &'a [u8],
        spec: WeightSpec,
        finish: Finish<'a>,
        out: &'a mut [f32],
    ) -> Result<Self> {
        let matrix = Matrix::new(weight, spec)?;
        check(inputs.tokens.checked_mul(spec.rows) == Some(out.len()), || {
            format!("{} outputs were given for {} tokens and {spec:?}", out.len(), inputs.tokens)
        })?;
        Ok(Self { matrix, finish, out: Output::new(out, spec.rows) })
    }

    /// Computes outputs `rows` of all tokens.
    fn compute(&self, isa: Isa, inputs: &Inputs<'_>, rows: Range<usize>) {
        let (first, count) = (rows.start, rows.len());
        let mut tile = vec![0.0; inputs.tokens * count];
        self.matrix.multiply(isa, inputs, rows.clone(), &mut tile);
        match &self.finish {
            Finish::Nothing => {}
            Finish::Add(residual) => {
                let parts = residual.chunks_exact(self.matrix.spec.rows).map(|row| &row[rows.clone()]);
                for (tile, part) in tile.chunks_exact_mut(count).zip(parts) {
                    tile.iter_mut().zip(part).for_each(|(out, residual)| *out += residual);
                }
            }
            Finish::Gate(up, activation) => {
                let mut gate = std::mem::replace(&mut tile, vec![0.0; inputs.tokens * count]);
                up.multiply(isa, inputs, rows, &mut tile);
                isa.run(Gate { activation: *activation, gate: &mut gate, up: &mut tile });
            }
        }
        for (token, tile) in tile.chunks_exact(count).enumerate() {
            // SAFETY: `run` hands each row of a product to one task only.
            unsafe { self.out.row_part(token, first, count) }.copy_from_slice(tile);
        }
    }
}

/// Computes all products, in parallel where there is enough to do.
fn run(isa: Isa, inputs: &Inputs<'_>, products: &[Product<'_>]) {
    let threads = rayon::current_num_threads();
    let all_rows: usize = products.iter().map(|product| product.matrix.spec.rows).sum();
    let mut tasks = Vec::new();
    for product in products {
        let rows = product.matrix.spec.rows;
        let row_work = product.matrix.row_bytes() * inputs.tokens;
        let least = TASK_WORK / row_work.max(1);
        let most = TILE / inputs.tokens.max(1);
        let fair = if threads == 1 { all_rows } else { all_rows / (threads * TASKS_PER_THREAD) };
        let step = fair.max(least).min(most).next_multiple_of(PANEL).max(PANEL);
        tasks.extend((0..rows).step_by(step).map(|start| (product, start..(start + step).min(rows))));
    }
    if inputs.tokens == 0 {
        return;
    }
    if threads == 1 || tasks.len() == 1 {
        tasks.into_iter().for_each(|(product, rows)| product.compute(isa, inputs, rows));
    } else {
        tasks.into_par_iter().with_max_len(1).for_each(|(product, rows)| product.compute(isa, inputs, rows));
    }
}
