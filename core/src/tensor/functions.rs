//! The operations as functions over Burn tensors: what models call.
//!
//! Stock arithmetic goes to the backend directly and not through `Tensor`'s methods. Those serve Burn's quantised tensors too, which nothing
//! here is, and would link every kernel that such tensors need: 0.7 MB of a phone's library.

use burn::backend::Dispatch;
use burn::backend::ops::{ActivationOps, FloatTensorOps};
use burn::tensor::{Bytes, DType, Int, Slice, Tensor, TensorData};
use std::ops::Range;

use super::cpu;
use super::device::ComputeDevice;
use super::inputs::StepInputs;
use super::ops::SlmOps;
use super::pages;
use super::spec::{Activation, AttentionSpec, BidirectionalSpec, RopeSpec, WeightSpec};
use crate::Result;
use crate::format::BlockFormat;

/// RMSNorm of each row: `x` `[m, d]`, `weight` `[d]`.
pub(crate) fn rms_norm(x: Tensor<2>, weight: &Tensor<1>, epsilon: f32) -> Tensor<2> {
    let weight = weight.clone().into_dispatch();
    Tensor::from_dispatch(Dispatch::rms_norm(x.into_dispatch(), weight, epsilon))
}

/// Turns queries and keys by their positions and puts keys and values into their caches in place; gives `(q, keys, values)`.
///
/// # Shapes
/// `q` `[m, heads * head_dim]`, `k` and `v` `[m, kv_heads * head_dim]`, caches `[kv_heads, capacity, head_dim]`
pub(crate) fn rope_append(
    q: Tensor<2>,
    k: Tensor<2>,
    v: Tensor<2>,
    inputs: &StepInputs,
    keys: Tensor<3>,
    values: Tensor<3>,
    spec: RopeSpec,
) -> (Tensor<2>, Tensor<3>, Tensor<3>) {
    let (q, keys, values) = Dispatch::rope_append(
        q.into_dispatch(),
        k.into_dispatch(),
        v.into_dispatch(),
        inputs.place.clone().into_dispatch(),
        keys.into_dispatch(),
        values.into_dispatch(),
        spec,
    );
    (Tensor::from_dispatch(q), Tensor::from_dispatch(keys), Tensor::from_dispatch(values))
}

/// Causal attention of `q` `[m, heads * head_dim]` over the caches; gives the same shape.
pub(crate) fn attention(
    q: Tensor<2>,
    keys: &Tensor<3>,
    values: &Tensor<3>,
    inputs: &StepInputs,
    spec: AttentionSpec,
) -> Tensor<2> {
    let (keys, values) = (keys.clone().into_dispatch(), values.clone().into_dispatch());
    let place = inputs.place.clone().into_dispatch();
    Tensor::from_dispatch(Dispatch::attention(q.into_dispatch(), &keys, &values, place, spec))
}

/// LayerNorm of each row: `x` `[m, d]`, `weight` and `bias` `[d]`.
pub(crate) fn layer_norm(x: Tensor<2>, weight: &Tensor<1>, bias: &Tensor<1>, epsilon: f32) -> Tensor<2> {
    let (weight, bias) = (weight.clone().into_dispatch(), bias.clone().into_dispatch());
    Tensor::from_dispatch(<Dispatch as SlmOps>::layer_norm(x.into_dispatch(), weight, bias, epsilon))
}

/// `gelu(x + bias)`: `x` `[m, d]`, `bias` `[d]`.
pub(crate) fn biased_gelu(x: Tensor<2>, bias: &Tensor<1>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::biased_gelu(x.into_dispatch(), bias.clone().into_dispatch()))
}

/// Attention in which row `r` sees rows `bounds[r, 0] .. bounds[r, 1]`.
///
/// # Shapes
/// `q`, `k`, `v` `[m, heads * head_dim]`, `bounds` `[m, 2]`
pub(crate) fn bidirectional_attention(
    q: Tensor<2>,
    k: Tensor<2>,
    v: Tensor<2>,
    bounds: &Tensor<2, Int>,
    spec: BidirectionalSpec,
) -> Tensor<2> {
    let (q, k, v) = (q.into_dispatch(), k.into_dispatch(), v.into_dispatch());
    Tensor::from_dispatch(Dispatch::bidirectional_attention(q, k, v, bounds.clone().into_dispatch(), spec))
}

/// `a + b`: `b` of the shape of `a`, or `[1, d]` for each of its rows.
pub(crate) fn add(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::float_add(a.into_dispatch(), b.into_dispatch()))
}

/// `activation(a) * b`, of one shape.
pub(crate) fn gated(a: Tensor<2>, b: Tensor<2>, activation: Activation) -> Tensor<2> {
    let a = a.into_dispatch();
    let gate = match activation {
        Activation::Silu => a.clone(),
        // x/2 · (1 + tanh(z)) is x · sigmoid(2z)
        Activation::GeluTanh => {
            let cube = Dispatch::float_mul(Dispatch::float_mul(a.clone(), a.clone()), a.clone());
            let inner = Dispatch::float_add(a.clone(), Dispatch::float_mul_scalar(cube, 0.044_715.into()));
            Dispatch::float_mul_scalar(inner, (2.0 * (2.0 / std::f64::consts::PI).sqrt()).into())
        }
    };
    let activated = Dispatch::float_mul(a, Dispatch::sigmoid(gate));
    Tensor::from_dispatch(Dispatch::float_mul(activated, b.into_dispatch()))
}

/// The parts one after the other along `axis`; a single one as it is.
pub(crate) fn joined(mut parts: Vec<Tensor<2>>, axis: usize) -> Tensor<2> {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    Tensor::from_dispatch(Dispatch::float_cat(parts.into_iter().map(Tensor::into_dispatch).collect(), axis))
}

/// Some rows of `x`.
pub(crate) fn rows(x: Tensor<2>, range: Range<usize>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::float_slice(x.into_dispatch(), &[Slice::from(range), Slice::full()]))
}

/// Zeros, of `F16` or `F32`. On the CPU they take memory page by page, as they are written over.
pub(crate) fn zeros<const D: usize>(shape: [usize; D], device: &ComputeDevice, dtype: DType) -> Tensor<D> {
    match device {
        ComputeDevice::Cpu(cpu) => {
            // an error unwinds to the engine, as those of the operations do
            let bytes = pages::zeroed(shape.iter().product::<usize>() * dtype.size());
            let bytes = bytes.unwrap_or_else(|error| std::panic::panic_any(error));
            Tensor::from_data(TensorData::from_bytes(bytes, shape, dtype), (cpu, dtype))
        }
        #[cfg(feature = "gpu")]
        ComputeDevice::Gpu(gpu) => Tensor::zeros(shape, (&gpu.burn, dtype)),
    }
}

/// `data`, `[heads, rows, dim]` with one to `slots` rows, and zeros after the rows of each head: `[heads, slots, dim]`. On the CPU those take
/// memory as they are written over.
///
/// # Errors
/// `Memory` where there is no room.
pub(crate) fn padded(
    data: &[u8],
    [heads, slots, dim]: [usize; 3],
    device: &ComputeDevice,
    dtype: DType,
) -> Result<Tensor<3>> {
    let head_bytes = slots * dim * dtype.size();
    let mut bytes = pages::zeroed(heads * head_bytes)?;
    for (place, rows) in bytes.chunks_exact_mut(head_bytes).zip(data.chunks_exact(data.len() / heads)) {
        place[..rows.len()].copy_from_slice(rows);
    }
    Ok(Tensor::from_data(TensorData::from_bytes(bytes, [heads, slots, dim], dtype), (device.burn(), dtype)))
}

/// The first `length` rows of each head, `[heads, length, dim]`, as they are stored.
///
/// # Errors
/// As [`to_host`].
pub(crate) fn stored_rows(tensor: Tensor<3>, length: usize, device: &ComputeDevice) -> Result<Bytes> {
    let slices = [Slice::full(), Slice::from(0..length), Slice::full()];
    let rows: Tensor<3> = Tensor::from_dispatch(Dispatch::float_slice(tensor.into_dispatch(), &slices));
    Ok(rows.try_into_data().map_err(|error| device.error(error))?.into_bytes())
}

/// `a · bᵀ` on the CPU, in the threads of the pool that it is called in: `a` `[m, cols]`, `b` `[n, cols]` gives `[m, n]`.
///
/// # Errors
/// `Internal` where sizes disagree.
pub(crate) fn host_product(a: &[f32], b: &[f32], cols: usize) -> Result<Vec<f32>> {
    let spec = WeightSpec { format: BlockFormat::F32, rows: b.len() / cols.max(1), cols };
    let mut out = vec![0.0; a.len() / cols.max(1) * spec.rows];
    cpu::linear(cpu::Isa::best(), a, bytemuck::cast_slice(b), spec, &mut out)?;
    Ok(out)
}

/// Reads a tensor back. Whatever the device failed at since the last reading surfaces here.
///
/// # Errors
/// `Device` where a launch, a kernel's compilation or an allocation failed.
pub(crate) fn to_host<const D: usize>(tensor: Tensor<D>, device: &ComputeDevice) -> Result<Vec<f32>> {
    let data = tensor.try_into_data().map_err(|error| device.error(error))?;
    data.try_into_vec().map_err(|error| device.error(format!("{error:?}")))
}
