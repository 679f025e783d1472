//! Each operation in stock Burn operations: what it means, for the tests that hold every backend to it.

use burn::tensor::{Int, Tensor, TensorData, activation};

use super::spec::{Activation, AttentionSpec, BidirectionalSpec, RopePairing, RopeSpec};

/// `x · Wᵀ`, the weight already dequantised to `[rows, cols]`.
pub(super) fn linear(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    x.matmul(weight.transpose())
}

/// `activation(x · gateᵀ) * (x · upᵀ)`
pub(super) fn gate_up(x: Tensor<2>, gate: Tensor<2>, up: Tensor<2>, kind: Activation) -> Tensor<2> {
    let gated = linear(x.clone(), gate);
    let gated = match kind {
        Activation::Silu => activation::silu(gated),
        Activation::GeluTanh => activation::gelu_approximate(gated),
    };
    gated * linear(x, up)
}

/// Rows `ids`, times `scale`.
pub(super) fn embed(ids: Tensor<1, Int>, table: Tensor<2>, scale: f32) -> Tensor<2> {
    table.select(0, ids) * scale
}

/// `x / sqrt(mean(x²) + epsilon) * weight`
pub(super) fn rms_norm(x: Tensor<2>, weight: Tensor<1>, epsilon: f32) -> Tensor<2> {
    let mean = (x.clone() * x.clone()).mean_dim(1);
    x / (mean + epsilon).sqrt() * weight.unsqueeze()
}

/// `(x - mean) / sqrt(variance + epsilon) * weight + bias`
pub(super) fn layer_norm(x: Tensor<2>, weight: Tensor<1>, bias: Tensor<1>, epsilon: f32) -> Tensor<2> {
    let centred = x.clone() - x.mean_dim(1);
    let variance = (centred.clone() * centred.clone()).mean_dim(1);
    centred / (variance + epsilon).sqrt() * weight.unsqueeze() + bias.unsqueeze()
}

/// `gelu(x + bias)`
pub(super) fn biased_gelu(x: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    activation::gelu(x + bias.unsqueeze())
}

/// Attention of rows to the rows of their own text; `lengths` are those of the texts.
pub(super) fn bidirectional_attention(
    [q, k, v]: [Tensor<2>; 3],
    lengths: &[usize],
    spec: BidirectionalSpec,
) -> Tensor<2> {
    let width = spec.heads * spec.head_dim;
    let mut start = 0;
    let texts = lengths.iter().map(|rows| {
        let text = |x: &Tensor<2>| -> Tensor<3> {
            let x = x.clone().slice_dim(0, start..start + rows);
            x.reshape([*rows, spec.heads, spec.head_dim]).swap_dims(0, 1)
        };
        let scores = text(&q).matmul(text(&k).swap_dims(1, 2)) * spec.scale;
        let mixed = activation::softmax(scores, 2).matmul(text(&v)).swap_dims(0, 1).reshape([*rows, width]);
        start += rows;
        mixed
    });
    Tensor::cat(texts.collect(), 0)
}

/// Turns the heads of `x` `[m, heads * head_dim]` by their positions.
pub(super) fn rotate(x: Tensor<2>, frequencies: &[f32], spec: RopeSpec) -> Tensor<2> {
    let [m, width] = x.dims();
    let (heads, half) = (width / spec.head_dim, spec.rotary_dim / 2);
    let device = x.device();
    let angles: Vec<f32> =
        (0..m).flat_map(|row| frequencies.iter().map(move |f| (spec.position + row) as f32 * f)).collect();
    let angles = Tensor::<2>::from_data(TensorData::new(angles, [m, half]), &device);
    let x = x.reshape([m, heads, spec.head_dim]);
    let turned = x.clone().slice_dim(2, 0..spec.rotary_dim);
    let rest = x.slice_dim(2, spec.rotary_dim..spec.head_dim);
    // both pairings as [m, heads, half] of first and of second elements
    let (first, second) = match spec.pairing {
        RopePairing::Half => (turned.clone().slice_dim(2, 0..half), turned.slice_dim(2, half..2 * half)),
        RopePairing::Interleaved => {
            let pairs = turned.reshape([m, heads, half, 2]);
            let side = |index: usize| pairs.clone().slice_dim(3, index..index + 1).reshape([m, heads, half]);
            (side(0), side(1))
        }
    };
    let cos: Tensor<3> = (angles.clone().cos() * spec.magnitude).reshape([m, 1, half]);
    let sin: Tensor<3> = (angles.sin() * spec.magnitude).reshape([m, 1, half]);
    let new_first = first.clone() * cos.clone() - second.clone() * sin.clone();
    let new_second = second * cos + first * sin;
    let turned: Tensor<3> = match spec.pairing {
        RopePairing::Half => Tensor::cat(vec![new_first, new_second], 2),
        RopePairing::Interleaved => {
            Tensor::<3>::stack::<4>(vec![new_first, new_second], 3).reshape([m, heads, 2 * half])
        }
    };
    let parts = if spec.rotary_dim < spec.head_dim { vec![turned, rest] } else { vec![turned] };
    Tensor::cat(parts, 2).reshape([m, width])
}

/// Attention of `q` `[m, heads * head_dim]` over keys and values of all positions `[positions, kv_heads * head_dim]`.
pub(super) fn attention(q: Tensor<2>, keys: Tensor<2>, values: Tensor<2>, spec: AttentionSpec) -> Tensor<2> {
    let ([m, width], positions) = (q.dims(), keys.dims()[0]);
    let group = spec.heads / spec.kv_heads;
    let per_head = |x: Tensor<2>, rows: usize, heads: usize| -> Tensor<3> {
        x.reshape([rows, heads, spec.head_dim]).swap_dims(0, 1)
    };
    let repeat = |x: Tensor<2>| -> Tensor<3> {
        let heads = per_head(x, positions, spec.kv_heads).reshape([spec.kv_heads, 1, positions, spec.head_dim]);
        heads.repeat_dim(1, group).reshape([spec.heads, positions, spec.head_dim])
    };
    let device = q.device();
    let mask: Vec<f32> = (0..m)
        .flat_map(|row| {
            (0..positions).map(move |key| {
                let query = spec.position + row;
                let seen = key <= query && spec.window.is_none_or(|window| query - key < window);
                if seen { 0.0 } else { -1e30 }
            })
        })
        .collect();
    let mask = Tensor::<3>::from_data(TensorData::new(mask, [1, m, positions]), &device);
    let scores = per_head(q, m, spec.heads).matmul(repeat(keys).swap_dims(1, 2)) * spec.scale + mask;
    activation::softmax(scores, 2).matmul(repeat(values)).swap_dims(0, 1).reshape([m, width])
}
