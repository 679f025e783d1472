//! `SlmOps`: the few operations that decide speed, as an extension of Burn's backends.
//!
//! Models are written once over Burn tensors and those of `functions.rs` and `weight.rs`. Burn's dispatch picks the backend of the tensors
//! at run time: Flex (CPU, `tensor/cpu`) or CubeCL (GPU, `tensor/gpu`). Each operation's meaning is told here; a reference in
//! stock Burn operations stands beside each in `tensor/reference.rs` and one suite holds every backend to it.
//!
//! Sizes are checked where weights are loaded and sessions are opened, so nothing here returns an error: a device's own
//! failure surfaces when a result is read back.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};

use super::spec::{Activation, AttentionSpec, BidirectionalSpec, RopeSpec, WeightSpec};

/// The operations. `x` tensors are contiguous `f32`; caches are `f32` or `f16` `[kv_heads, capacity, head_dim]`, a position's
/// slot is `position % capacity`, and `capacity` is at least the window plus the rows of one call, less one.
#[backend_extension(Cube: cfg(feature = "gpu"), Flex)]
pub trait SlmOps: Backend {
    /// Rows `ids` of the table, times `scale`. `ids` `[m]`, `table` as `spec` says; gives `[m, cols]`. An id past the table's
    /// end is the caller's to refuse.
    fn embed(ids: IntTensor<Self>, table: IntTensor<Self>, spec: WeightSpec, scale: f32) -> FloatTensor<Self>;

    /// `x · Wᵀ`: `[m, cols]` gives `[m, rows]`.
    fn linear(x: FloatTensor<Self>, weight: IntTensor<Self>, spec: WeightSpec) -> FloatTensor<Self>;

    /// `residual + x · Wᵀ`: `x` `[m, cols]`, `residual` `[m, rows]`.
    fn linear_residual(
        x: FloatTensor<Self>,
        weight: IntTensor<Self>,
        residual: FloatTensor<Self>,
        spec: WeightSpec,
    ) -> FloatTensor<Self>;

    /// The three projections of attention in one step; `specs` in the order q, k, v.
    fn linear_qkv(
        x: FloatTensor<Self>,
        q: IntTensor<Self>,
        k: IntTensor<Self>,
        v: IntTensor<Self>,
        specs: [WeightSpec; 3],
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// `activation(x · gateᵀ) * (x · upᵀ)`; both matrices have the same rows and columns, not always the same format.
    fn gate_up(
        x: FloatTensor<Self>,
        gate: IntTensor<Self>,
        up: IntTensor<Self>,
        specs: [WeightSpec; 2],
        activation: Activation,
    ) -> FloatTensor<Self>;

    /// `x / sqrt(mean(x²) + epsilon) * weight` over the last axis (RMSNorm, Zhang & Sennrich 2019): `x` `[m, d]`, `weight` `[d]`.
    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, epsilon: f32) -> FloatTensor<Self>;

    /// Turns `q` `[m, heads * head_dim]` and `k` `[m, kv_heads * head_dim]` by their positions, puts `k` and `v` into the
    /// caches in place, and gives back `(q, keys, values)`. `place` `[1 + rotary_dim / 2]`: `spec.position` where the device finds it,
    /// then radians a position.
    ///
    /// The caches must not be shared: a backend that finds another owner copies them.
    fn rope_append(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        place: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        spec: RopeSpec,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// `softmax(scale · q · keysᵀ + causal mask) · values`: `q` `[m, heads * head_dim]`, rows at `position ..`; gives the
    /// same shape. The keys of these rows are in the cache already. `place` as for `rope_append`.
    fn attention(
        q: FloatTensor<Self>,
        keys: &FloatTensor<Self>,
        values: &FloatTensor<Self>,
        place: FloatTensor<Self>,
        spec: AttentionSpec,
    ) -> FloatTensor<Self>;

    /// `(x - mean) / sqrt(variance + epsilon) * weight + bias` over the last axis (LayerNorm, Ba et al. 2016): `x` `[m, d]`, `weight` and
    /// `bias` `[d]`.
    fn layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self>;

    /// `gelu(x + bias)` in its exact form, `y / 2 · (1 + erf(y / √2))` (Hendrycks & Gimpel 2016): `x` `[m, d]`, `bias` `[d]`.
    fn biased_gelu(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `softmax(scale · q · kᵀ) · v` where row `r` sees the rows `bounds[r, 0] .. bounds[r, 1]`, of which it is one: texts of any lengths one
    /// after the other, without padding. `q`, `k`, `v` `[m, heads * head_dim]`, `bounds` `[m, 2]`; gives the shape of `q`.
    fn bidirectional_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        bounds: IntTensor<Self>,
        spec: BidirectionalSpec,
    ) -> FloatTensor<Self>;
}
