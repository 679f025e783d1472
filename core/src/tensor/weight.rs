//! Weights on a device: matrices that stay in the file's block format, and small vectors in `f32`.
//!
//! On the CPU a quantised matrix is packed once in the order in which kernels read it (`tensor/cpu/packed.rs`), and the file's pages are
//! given back; others are the file's own bytes, memory-mapped and never copied. On the GPU blocks are regrouped into words
//! (`tensor/gpu/layout.rs`) and cut by rows where one buffer would be larger than a binding may be.

use burn::backend::Dispatch;
use burn::tensor::{AllocationProperty, Bytes, DType, Int, Tensor, TensorData};

use super::cpu;
use super::device::ComputeDevice;
use super::functions::{add, gated, joined};
use super::inputs::StepInputs;
use super::ops::SlmOps;
use super::spec::{Activation, WeightSpec};
use crate::format::BlockFormat;
use crate::{Error, Location, Result};

/// A matrix `[rows, cols]` in its file's block format.
#[derive(Debug, Clone)]
pub(crate) struct Weight {
    chunks: Vec<Chunk>,
    rows: usize,
}

/// Rows of a matrix that fit into one buffer.
#[derive(Debug, Clone)]
struct Chunk {
    words: Tensor<2, Int>,
    spec: WeightSpec,
}

impl Weight {
    /// Puts `data`, blocks of `format` row by row, on the device. `name` is for errors; on the CPU `memory` gives the zeros that a quantised
    /// matrix is packed into.
    pub(crate) fn from_bytes(
        name: &str,
        format: BlockFormat,
        shape: [usize; 2],
        data: bytes::Bytes,
        device: &ComputeDevice,
        memory: impl FnMut(usize) -> Result<Bytes>,
    ) -> Result<Self> {
        Self::in_chunks(device.rows_per_buffer(format, shape[1]), name, format, shape, data, device, memory)
    }

    /// As [`Weight::from_bytes`], cut after every `rows_per_chunk` rows.
    pub(crate) fn in_chunks(
        rows_per_chunk: usize,
        name: &str,
        format: BlockFormat,
        [rows, cols]: [usize; 2],
        data: bytes::Bytes,
        device: &ComputeDevice,
        mut memory: impl FnMut(usize) -> Result<Bytes>,
    ) -> Result<Self> {
        let fault = |what: String| Error::model_file(what, Location::part(name));
        let row_bytes = format
            .row_bytes(cols)
            .ok_or_else(|| fault(format!("rows of {cols} elements are no whole number of {format} blocks")))?;
        if rows.checked_mul(row_bytes) != Some(data.len()) {
            return Err(fault(format!("{} bytes for {rows} rows of {row_bytes}", data.len())));
        }
        let rows_per_chunk = rows_per_chunk.clamp(1, rows.max(1));
        let mut chunks = Vec::with_capacity(rows.div_ceil(rows_per_chunk));
        for start in (0..rows).step_by(rows_per_chunk) {
            let spec = WeightSpec { format, rows: rows_per_chunk.min(rows - start), cols };
            let bytes = data.slice(start * row_bytes..(start + spec.rows) * row_bytes);
            let words = match device {
                ComputeDevice::Cpu(device) => {
                    let data = if format.is_quantised() {
                        let mut panels = memory(cpu::packed_bytes(spec).unwrap_or(0))?;
                        cpu::pack(spec, &bytes, &mut panels)?;
                        let length = panels.len();
                        TensorData::from_bytes(panels, [1, length], DType::U8)
                    } else {
                        let shared = Bytes::from_shared(bytes, AllocationProperty::File);
                        TensorData::from_bytes(shared, [spec.rows, row_bytes], DType::U8)
                    };
                    Tensor::from_data(data, (device, DType::U8))
                }
                #[cfg(feature = "gpu")]
                ComputeDevice::Gpu(gpu) => {
                    let words = super::gpu::pack(format, &bytes, spec.rows, cols).map_err(|error| match error {
                        Error::ModelFile { what, .. } => fault(what),
                        other => other,
                    })?;
                    let shape = [spec.rows, words.len() / spec.rows.max(1)];
                    Tensor::from_data(TensorData::new(words, shape), (&gpu.burn, DType::U32))
                }
            };
            chunks.push(Chunk { words, spec });
        }
        Ok(Self { chunks, rows })
    }

    /// `x · Wᵀ`: `[m, cols]` gives `[m, rows]`.
    pub(crate) fn linear(&self, x: Tensor<2>) -> Tensor<2> {
        let parts = self.chunks.iter().map(|chunk| {
            let words = chunk.words.clone().into_dispatch();
            Tensor::from_dispatch(Dispatch::linear(x.clone().into_dispatch(), words, chunk.spec))
        });
        joined(parts.collect(), 1)
    }

    /// `residual + x · Wᵀ`.
    pub(crate) fn linear_residual(&self, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        match self.chunks.as_slice() {
            [only] => Tensor::from_dispatch(Dispatch::linear_residual(
                x.into_dispatch(),
                only.words.clone().into_dispatch(),
                residual.into_dispatch(),
                only.spec,
            )),
            _ => add(residual, self.linear(x)),
        }
    }

    /// The rows `ids`, times `scale`: `[m, cols]`.
    ///
    /// # Errors
    /// `InvalidInput` for an id past the last row.
    pub(crate) fn embed(&self, inputs: &StepInputs, scale: f32, device: &ComputeDevice) -> Result<Tensor<2>> {
        let ids = &inputs.ids;
        if let Some(id) = ids.iter().find(|id| **id as usize >= self.rows) {
            return Err(Error::invalid("ids", format!("token id {id} is past the vocabulary of {}", self.rows)));
        }
        if let [chunk] = self.chunks.as_slice() {
            let (ids, words) = (inputs.ids_on_device.clone().into_dispatch(), chunk.words.clone().into_dispatch());
            return Ok(Tensor::from_dispatch(Dispatch::embed(ids, words, chunk.spec, scale)));
        }
        let rows_per_chunk = self.chunks.first().map_or(1, |chunk| chunk.spec.rows.max(1));
        let chunk_of = |id: &u32| *id as usize / rows_per_chunk;
        let parts = ids.chunk_by(|a, b| chunk_of(a) == chunk_of(b)).filter_map(|run| {
            let index = chunk_of(run.first()?);
            let chunk = self.chunks.get(index)?;
            let local: Vec<i32> = run.iter().map(|id| (*id as usize - index * rows_per_chunk) as i32).collect();
            let shape = [local.len()];
            let ids = Tensor::<1, Int>::from_data(TensorData::new(local, shape), (device.burn(), DType::I32));
            let words = chunk.words.clone().into_dispatch();
            Some(Tensor::from_dispatch(Dispatch::embed(ids.into_dispatch(), words, chunk.spec, scale)))
        });
        Ok(joined(parts.collect(), 0))
    }
}

/// Several projections of the same rows in one step: `(x · qᵀ, x · kᵀ, x · vᵀ)`.
pub(crate) fn linear_qkv(x: Tensor<2>, q: &Weight, k: &Weight, v: &Weight) -> (Tensor<2>, Tensor<2>, Tensor<2>) {
    match (q.chunks.as_slice(), k.chunks.as_slice(), v.chunks.as_slice()) {
        ([q], [k], [v]) => {
            let words = |chunk: &Chunk| chunk.words.clone().into_dispatch();
            let specs = [q.spec, k.spec, v.spec];
            let (q, k, v) = Dispatch::linear_qkv(x.into_dispatch(), words(q), words(k), words(v), specs);
            (Tensor::from_dispatch(q), Tensor::from_dispatch(k), Tensor::from_dispatch(v))
        }
        _ => (q.linear(x.clone()), k.linear(x.clone()), v.linear(x)),
    }
}

/// `activation(x · gateᵀ) * (x · upᵀ)`.
pub(crate) fn gate_up(x: Tensor<2>, gate: &Weight, up: &Weight, activation: Activation) -> Tensor<2> {
    match (gate.chunks.as_slice(), up.chunks.as_slice()) {
        ([gate], [up]) => Tensor::from_dispatch(Dispatch::gate_up(
            x.into_dispatch(),
            gate.words.clone().into_dispatch(),
            up.words.clone().into_dispatch(),
            [gate.spec, up.spec],
            activation,
        )),
        _ => gated(gate.linear(x.clone()), up.linear(x), activation),
    }
}
