//! Rotary positions (RoFormer, Su et al. 2021) and the append to the cache, in one launch and in place.

use burn::tensor::DType;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::*;

use super::angle::sin_cos;
use super::launch::{empty, grid};
use crate::tensor::spec::{RopePairing, RopeSpec};

const UNITS: usize = 64;

/// `f16`'s largest number: what does not fit into a cache of them is cut there instead of becoming infinite. One kernel serves
/// both caches, so `f32` is cut there too; keys and values of models in use stay far below.
const LARGEST: f32 = 65_504.0;

/// Element `element` of the head that starts at `start`, turned to `position`.
#[cube]
fn turned(
    x: &[f32],
    place: &[f32],
    start: usize,
    element: usize,
    position: u32,
    magnitude: f32,
    rotary_dim: usize,
    #[comptime] pairing: RopePairing,
) -> f32 {
    let mut value = x[start + element];
    if element < rotary_dim {
        let half = rotary_dim / 2;
        // The element's pair, whether it is the second of it, and the other one of it.
        let (pair, second, other) = match pairing {
            RopePairing::Interleaved => (element / 2, element % 2 == 1, element + 1 - 2 * (element % 2)),
            RopePairing::Half => (element % half, element >= half, (element + half) % rotary_dim),
        };
        let angle = sin_cos(position, place[1 + pair]);
        let across = x[start + other] * angle.sin;
        value = (value * angle.cos + select(second, across, -across)) * magnitude;
    }
    value
}

/// A unit an element of a head: first those of q, then those of k, then those of v.
#[cube(launch_unchecked)]
fn rope_append_kernel<C: Float>(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    place: &[f32],
    q_out: &mut [f32],
    keys: &mut [C],
    values: &mut [C],
    tokens: u32,
    q_width: u32,
    kv_width: u32,
    head_dim: u32,
    rotary_dim: u32,
    capacity: u32,
    magnitude: f32,
    #[comptime] pairing: RopePairing,
    #[define(C)] _cache: ElemType,
) {
    let q_width = q_width as usize;
    let kv_width = kv_width as usize;
    let head_dim = head_dim as usize;
    let rotary_dim = rotary_dim as usize;
    let width = q_width + 2 * kv_width;
    let token = ABSOLUTE_POS / width;
    if token < tokens as usize {
        let at = ABSOLUTE_POS % width;
        let position = u32::cast_from(place[0]) + token as u32;
        if at < q_width {
            let start = token * q_width + at / head_dim * head_dim;
            let element = at % head_dim;
            q_out[start + element] = turned(q, place, start, element, position, magnitude, rotary_dim, pairing);
        } else {
            let is_value = at >= q_width + kv_width;
            let at = (at - q_width) % kv_width;
            let head = at / head_dim;
            let element = at % head_dim;
            let start = token * kv_width + head * head_dim;
            let slot = (position % capacity) as usize;
            let to = (head * capacity as usize + slot) * head_dim + element;
            if is_value {
                values[to] = C::cast_from(clamp(v[start + element], -LARGEST, LARGEST));
            } else {
                let key = turned(k, place, start, element, position, magnitude, rotary_dim, pairing);
                keys[to] = C::cast_from(clamp(key, -LARGEST, LARGEST));
            }
        }
    }
}

/// Turns `q` and `k`, puts `k` and `v` into the caches `[kv_heads, capacity, head_dim]`, and gives back `(q, keys,
/// values)`. A cache that has another owner is copied first.
pub(super) fn rope_append(
    q: CubeTensor,
    k: CubeTensor,
    v: CubeTensor,
    place: CubeTensor,
    keys: CubeTensor,
    values: CubeTensor,
    spec: RopeSpec,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let [q, k, v, place] = [q, k, v, place].map(into_contiguous);
    let [keys, values] = [keys, values].map(owned);
    let [tokens, q_width] = [q.meta.shape()[0], q.meta.shape()[1]];
    let kv_width = k.meta.shape()[1];
    let capacity = keys.meta.shape()[1];
    let q_out = empty(&q, [tokens, q_width]);
    if tokens == 0 {
        return (q_out, keys, values);
    }
    // SAFETY: `q` and `q_out` are `[tokens, q_width]`, `k` and `v` `[tokens, kv_width]`, whole heads wide; the caches
    // are `[kv_width / head_dim, capacity, head_dim]` and slots are below `capacity`; `place` is
    // `[1 + rotary_dim / 2]`.
    unsafe {
        rope_append_kernel::launch_unchecked(
            &q_out.client,
            grid((tokens * (q_width + 2 * kv_width)).div_ceil(UNITS)),
            CubeDim::new_1d(UNITS as u32),
            q.into_buffer_arg(),
            k.into_buffer_arg(),
            v.into_buffer_arg(),
            place.into_buffer_arg(),
            q_out.clone().into_buffer_arg(),
            keys.clone().into_buffer_arg(),
            values.clone().into_buffer_arg(),
            tokens as u32,
            q_width as u32,
            kv_width as u32,
            spec.head_dim as u32,
            spec.rotary_dim as u32,
            capacity as u32,
            spec.magnitude,
            spec.pairing,
            cache_element(&keys),
        );
    }
    (q_out, keys, values)
}

/// What a cache holds: `f16` or `f32`.
pub(super) fn cache_element(cache: &CubeTensor) -> ElemType {
    ElemType::Float(if cache.dtype == DType::F16 { FloatKind::F16 } else { FloatKind::F32 })
}

/// The cache, safe to write to.
fn owned(cache: CubeTensor) -> CubeTensor {
    let cache = into_contiguous(cache);
    if cache.can_mut() { cache } else { cache.copy() }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Dispatch, DispatchTensorKind};
    use burn::tensor::Tensor;

    use super::super::testing::{assert_close, device, numbers, read, tensor};
    use super::*;
    use crate::tensor::device::ComputeDevice;
    use crate::tensor::inputs::StepInputs;
    use crate::tensor::ops::SlmOps;

    const HEADS: usize = 3;
    const KV_HEADS: usize = 2;

    fn frequencies(rotary_dim: usize) -> Vec<f32> {
        (0..rotary_dim / 2).map(|i| 10_000f32.powf(-2.0 * i as f32 / rotary_dim as f32)).collect()
    }

    /// The heads of one row, turned, with angles in `f64`.
    fn turned_row(row: &[f32], spec: RopeSpec, position: usize) -> Vec<f32> {
        let mut out = row.to_vec();
        let half = spec.rotary_dim / 2;
        for (head, out) in row.chunks_exact(spec.head_dim).zip(out.chunks_exact_mut(spec.head_dim)) {
            for (i, frequency) in frequencies(spec.rotary_dim).into_iter().enumerate() {
                let (a, b) = match spec.pairing {
                    RopePairing::Interleaved => (2 * i, 2 * i + 1),
                    RopePairing::Half => (i, i + half),
                };
                let (sin, cos) = (position as f64 * f64::from(frequency)).sin_cos();
                let (x, y, magnitude) = (f64::from(head[a]), f64::from(head[b]), f64::from(spec.magnitude));
                out[a] = ((x * cos - y * sin) * magnitude) as f32;
                out[b] = ((x * sin + y * cos) * magnitude) as f32;
            }
        }
        out
    }

    struct Case {
        spec: RopeSpec,
        tokens: usize,
        capacity: usize,
        dtype: DType,
        tolerance: f32,
    }

    fn check(case: Case, device: &ComputeDevice) {
        let Case { spec, tokens, capacity, dtype, tolerance } = case;
        let (q_width, kv_width) = (HEADS * spec.head_dim, KV_HEADS * spec.head_dim);
        let (q, k, v) = (numbers(tokens * q_width), numbers(tokens * kv_width), numbers(tokens * kv_width + 1));
        let v = v[1..].to_vec();
        let cache = |value: f32| Tensor::<3>::full([KV_HEADS, capacity, spec.head_dim], value, (device.burn(), dtype));
        let (q_out, keys, values) = Dispatch::rope_append(
            tensor(q.clone(), [tokens, q_width], device).into_dispatch(),
            tensor(k.clone(), [tokens, kv_width], device).into_dispatch(),
            tensor(v.clone(), [tokens, kv_width], device).into_dispatch(),
            StepInputs::new(&[], spec.position, &frequencies(spec.rotary_dim), device).place.into_dispatch(),
            cache(7.0).into_dispatch(),
            cache(8.0).into_dispatch(),
            spec,
        );
        let (mut expected_keys, mut expected_values) =
            (vec![7.0; KV_HEADS * capacity * spec.head_dim], vec![8.0; KV_HEADS * capacity * spec.head_dim]);
        let mut expected_q = Vec::new();
        for token in 0..tokens {
            let position = spec.position + token;
            expected_q.extend(turned_row(&q[token * q_width..][..q_width], spec, position));
            let k = turned_row(&k[token * kv_width..][..kv_width], spec, position);
            for head in 0..KV_HEADS {
                let to = (head * capacity + position % capacity) * spec.head_dim;
                let from = head * spec.head_dim;
                expected_keys[to..to + spec.head_dim].copy_from_slice(&k[from..from + spec.head_dim]);
                expected_values[to..to + spec.head_dim].copy_from_slice(&v[token * kv_width + from..][..spec.head_dim]);
            }
        }
        let what = format!("{spec:?} {dtype:?}");
        assert_close(&read(Tensor::<2>::from_dispatch(q_out)), &expected_q, tolerance.min(2e-4), &what);
        assert_close(&read(Tensor::<3>::from_dispatch(keys)), &expected_keys, tolerance, &what);
        assert_close(&read(Tensor::<3>::from_dispatch(values)), &expected_values, tolerance, &what);
    }

    fn spec(pairing: RopePairing, rotary_dim: usize, position: usize) -> RopeSpec {
        RopeSpec { pairing, head_dim: 16, rotary_dim, magnitude: 1.0, position }
    }

    #[test]
    fn both_pairings_turn_and_append() {
        let Some(device) = device() else { return };
        for pairing in [RopePairing::Interleaved, RopePairing::Half] {
            // All of a head, a part of it, none of it.
            for rotary_dim in [16, 6, 0] {
                for (tokens, position) in [(1, 5), (4, 0)] {
                    let spec = spec(pairing, rotary_dim, position);
                    check(Case { spec, tokens, capacity: 9, dtype: DType::F32, tolerance: 1e-6 }, &device);
                }
            }
        }
    }

    #[test]
    fn the_ring_wraps_around() {
        let Some(device) = device() else { return };
        let spec = spec(RopePairing::Half, 16, 13);
        check(Case { spec, tokens: 5, capacity: 8, dtype: DType::F32, tolerance: 1e-6 }, &device);
    }

    #[test]
    fn caches_may_hold_f16() {
        let Some(device) = device() else { return };
        if !super::super::supports_f16_cache(device.burn()) {
            println!("skipped: the device has no f16");
            return;
        }
        let spec = RopeSpec { magnitude: 1.25, ..spec(RopePairing::Interleaved, 16, 3) };
        check(Case { spec, tokens: 3, capacity: 8, dtype: DType::F16, tolerance: 1e-3 }, &device);
    }

    #[test]
    fn far_positions_turn_as_exactly_as_near_ones() {
        let Some(device) = device() else { return };
        for position in [1 << 12, 32_767, 131_072] {
            let spec = spec(RopePairing::Half, 16, position);
            check(Case { spec, tokens: 2, capacity: 2, dtype: DType::F32, tolerance: 2e-4 }, &device);
        }
    }

    #[test]
    fn a_cache_with_another_owner_is_copied_and_one_without_is_not() {
        let Some(device) = device() else { return };
        let row = || tensor(vec![1.0; 16], [1, 16], &device).into_dispatch();
        let append = |keys: Tensor<3>, values: Tensor<3>, position| {
            let spec = spec(RopePairing::Half, 0, position);
            let place = StepInputs::new(&[], position, &[], &device).place.into_dispatch();
            let (keys, values) = (keys.into_dispatch(), values.into_dispatch());
            let (_, keys, values) = Dispatch::rope_append(row(), row(), row(), place, keys, values, spec);
            (Tensor::<3>::from_dispatch(keys), Tensor::<3>::from_dispatch(values))
        };
        let memory = |tensor: &Tensor<3>| match tensor.clone().into_dispatch().kind {
            DispatchTensorKind::Cube(tensor) => tensor.float().handle.memory.binding().id(),
            _ => panic!("not on the GPU"),
        };
        let zeros = || Tensor::<3>::zeros([1, 2, 16], device.burn());
        let shared = zeros();
        let (keys, values) = append(shared.clone(), zeros(), 0);
        assert_eq!(read(shared), [0.0; 32]);
        assert_eq!(read(keys.clone()), [[1.0; 16], [0.0; 16]].concat());
        let before = (memory(&keys), memory(&values));
        let (keys, values) = append(keys, values, 1);
        assert_eq!((memory(&keys), memory(&values)), before);
        assert_eq!(read(keys), [1.0; 32]);
    }
}
