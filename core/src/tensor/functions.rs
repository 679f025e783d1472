//! The operations as functions over Burn tensors: what models call.

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use super::device::ComputeDevice;
use super::ops::SlmOps;
use super::spec::{AttentionSpec, RopeSpec};
use crate::Result;

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
    inverse_frequencies: &Tensor<1>,
    keys: Tensor<3>,
    values: Tensor<3>,
    spec: RopeSpec,
) -> (Tensor<2>, Tensor<3>, Tensor<3>) {
    let (q, keys, values) = Dispatch::rope_append(
        q.into_dispatch(),
        k.into_dispatch(),
        v.into_dispatch(),
        inverse_frequencies.clone().into_dispatch(),
        keys.into_dispatch(),
        values.into_dispatch(),
        spec,
    );
    (Tensor::from_dispatch(q), Tensor::from_dispatch(keys), Tensor::from_dispatch(values))
}

/// Causal attention of `q` `[m, heads * head_dim]` over the caches; gives the same shape.
pub(crate) fn attention(q: Tensor<2>, keys: &Tensor<3>, values: &Tensor<3>, spec: AttentionSpec) -> Tensor<2> {
    let (keys, values) = (keys.clone().into_dispatch(), values.clone().into_dispatch());
    Tensor::from_dispatch(Dispatch::attention(q.into_dispatch(), &keys, &values, spec))
}

/// Reads a tensor back. Whatever the device failed at since the last reading surfaces here.
///
/// # Errors
/// `Device` where a launch, a kernel's compilation or an allocation failed.
pub(crate) fn to_host<const D: usize>(tensor: Tensor<D>, device: &ComputeDevice) -> Result<Vec<f32>> {
    let data = tensor.try_into_data().map_err(|error| device.error(error))?;
    data.try_into_vec().map_err(|error| device.error(format!("{error:?}")))
}
