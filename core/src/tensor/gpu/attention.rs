//! Causal attention over the cache in one launch, with the softmax made as keys come by (FlashAttention, Dao et al.
//! 2022; online softmax, Milakov & Gimelshein 2018).
//!
//! A cube takes one head and a few neighbouring tokens, and walks along the keys that any of them sees, a tile of one
//! key a unit at a time: each unit scores its key for all tokens; then every unit, for itself, looks over the tile's
//! scores for the new maximum. The values are shared out twice: over the elements of a head, and where there are more
//! units than elements, over groups of units that each take a part of the keys. All of them know the same maximum, so
//! at the end the groups' results are simply added. It runs alike with planes and without.
//!
//! What such a kernel waits for is memory, so loads that don't depend on each other stand side by side ([`AT_ONCE`]):
//! on an H200 a key took 420 ns of a layer's decode step one load at a time.
//!
//! Grouped heads read the same keys through the device's cache. Keys are not split over cubes: with few heads and a very
//! long context a decode step leaves units idle.

use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::empty;
use super::rope::cache_element;
use crate::tensor::spec::AttentionSpec;

/// Units a cube and keys a tile in prefill, where there are cubes enough.
const PREFILL_UNITS: usize = 64;

/// The same in decode, where heads are all there is to share out: the most that WebGPU promises.
const DECODE_UNITS: usize = 256;

/// Tokens a cube in prefill; one in decode.
const PREFILL_TOKENS: usize = 8;

/// Loads that are under way at the same time.
const AT_ONCE: usize = 8;

/// Below every score.
const LOWEST: f32 = -3.0e38;

/// How the units of a cube share a head's elements and the keys out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Shares {
    /// Units of the cube.
    units: usize,
    /// Groups of units that take every so-manieth key.
    groups: usize,
    /// Units of a group, side by side on the elements.
    lanes: usize,
    /// Elements a unit.
    owned: usize,
}

impl Shares {
    fn new(units: usize, head_dim: usize) -> Self {
        let groups = (units / head_dim).max(1);
        let lanes = if groups > 1 { head_dim } else { units };
        Self { units, groups, lanes, owned: head_dim.div_ceil(lanes) }
    }

    /// Keys that all groups take together between two looks at the end of the tile.
    fn round(self) -> usize {
        AT_ONCE * self.groups
    }

    /// Weights of a token in shared memory: rounds may go past the tile.
    fn padded(self) -> usize {
        self.units.next_multiple_of(self.round())
    }
}

#[cube(launch_unchecked)]
fn attention_kernel<C: Float, N: Size>(
    q: &[Vector<f32, N>],
    keys: &[Vector<C, N>],
    values: &[C],
    out: &mut [f32],
    place: &[f32],
    tokens: u32,
    group: u32,
    capacity: u32,
    window: u32,
    scale: f32,
    #[comptime] head_dim: usize,
    #[comptime] tile_tokens: usize,
    #[comptime] shares: Shares,
    #[define(C)] _cache: ElemType,
) {
    let size = N::value();
    let vectors = comptime!(head_dim / size);
    let vectors_at_once = comptime!(if vectors.is_multiple_of(4) { 4 } else { 1 });
    let units = comptime!(shares.units);
    let groups = comptime!(shares.groups);
    let owned = comptime!(shares.owned);
    let padded = comptime!(shares.padded());
    let heads = CUBE_COUNT_X as usize;
    let head = CUBE_POS_X as usize;
    let first_token = CUBE_POS_Y as usize * tile_tokens;
    let unit = UNIT_POS as usize;
    let unit_group = unit / comptime!(shares.lanes);
    let lane = unit % comptime!(shares.lanes);
    let cache_row = head / group as usize * capacity as usize;

    // Queries, scaled. Tokens past the last repeat it and are not written.
    let mut queries = Shared::<[Vector<f32, N>]>::new_slice(comptime!(tile_tokens * vectors));
    let mut piece = unit;
    while piece < comptime!(tile_tokens * vectors) {
        let token = min(first_token + piece / vectors, tokens as usize - 1);
        let from = (token * heads + head) * vectors + piece % vectors;
        queries[piece] = q[from] * Vector::<f32, N>::new(scale);
        piece += units;
    }
    let mut scores = Shared::<[f32]>::new_slice(comptime!(tile_tokens * units));
    // Zero past the tile, for good.
    let mut weights = Shared::<[f32]>::new_slice(comptime!(tile_tokens * padded));
    let mut weight = unit;
    while weight < comptime!(tile_tokens * padded) {
        weights[weight] = 0.0;
        weight += units;
    }
    sync_cube();

    let mut result = Array::<f32>::new(comptime!(tile_tokens * owned));
    let mut total = Array::<f32>::new(tile_tokens);
    let mut highest = Array::<f32>::new(tile_tokens);
    #[unroll]
    for t in 0..tile_tokens {
        highest[t] = LOWEST;
    }

    let position = u32::cast_from(place[0]);
    let first_position = position + first_token as u32;
    let last_position = position + min(first_token as u32 + comptime!(tile_tokens as u32 - 1), tokens - 1);
    let mut tile = first_position + 1 - min(window, first_position + 1);
    while tile <= last_position {
        let key = tile + UNIT_POS;
        let tile_keys = min(last_position + 1 - tile, comptime!(units as u32)) as usize;

        let mut sums = Array::<f32>::new(tile_tokens);
        if key <= last_position {
            let row = (cache_row + (key % capacity) as usize) * vectors;
            for step in 0..comptime!(vectors / vectors_at_once) {
                #[unroll]
                for next in 0..vectors_at_once {
                    let vector = step * vectors_at_once + next;
                    let part = Vector::<f32, N>::cast_from(keys[row + vector]);
                    #[unroll]
                    for t in 0..tile_tokens {
                        sums[t] += part.dot(queries[t * vectors + vector]);
                    }
                }
            }
        }
        #[unroll]
        for t in 0..tile_tokens {
            let token_position = first_position + comptime!(t as u32);
            let visible = key <= token_position && token_position - key < window;
            sums[t] = select(visible, sums[t], LOWEST);
            scores[comptime!(t * units) + unit] = sums[t];
        }
        sync_cube();

        #[unroll]
        for t in 0..tile_tokens {
            let mut new_highest = highest[t];
            for step in 0..tile_keys.div_ceil(AT_ONCE) {
                #[unroll]
                for next in 0..AT_ONCE {
                    new_highest = max(new_highest, scores[comptime!(t * units) + step * AT_ONCE + next]);
                }
            }
            let shrink = f32::exp(highest[t] - new_highest);
            total[t] *= shrink;
            #[unroll]
            for element in 0..owned {
                result[comptime!(t * owned + element)] *= shrink;
            }
            highest[t] = new_highest;
            // A token that has seen no key yet has nothing to subtract from.
            let weight = select(sums[t] == LOWEST, 0.0f32.runtime(), f32::exp(sums[t] - new_highest));
            weights[comptime!(t * padded) + unit] = weight;
        }
        sync_cube();

        if unit_group < groups {
            let first_slot = (tile % capacity) as usize;
            for round in 0..tile_keys.div_ceil(comptime!(shares.round())) {
                #[unroll]
                for next in 0..AT_ONCE {
                    let other = (round * AT_ONCE + next) * groups + unit_group;
                    // Past the tile the last key is read again and its weight is zero. A tile is no longer than the ring.
                    let slot = first_slot + min(other, tile_keys - 1);
                    let slot = select(slot >= capacity as usize, slot - capacity as usize, slot);
                    let row = (cache_row + slot) * head_dim;
                    #[unroll]
                    for t in 0..tile_tokens {
                        total[t] += weights[comptime!(t * padded) + other];
                    }
                    #[unroll]
                    for element in 0..owned {
                        let at = lane + comptime!(element * shares.lanes);
                        if at < head_dim {
                            let value = f32::cast_from(values[row + at]);
                            #[unroll]
                            for t in 0..tile_tokens {
                                result[comptime!(t * owned + element)] +=
                                    weights[comptime!(t * padded) + other] * value;
                            }
                        }
                    }
                }
            }
        }
        // The next tile's scores may be written now: all units are done with this one's. Its weights may not, but for
        // those every unit waits behind the next barrier.
        tile += comptime!(units as u32);
    }

    if comptime!(groups > 1) {
        // One element a unit here.
        let mut parts = Shared::<[f32]>::new_slice(comptime!(tile_tokens * units));
        let mut totals = Shared::<[f32]>::new_slice(comptime!(tile_tokens * units));
        #[unroll]
        for t in 0..tile_tokens {
            parts[comptime!(t * units) + unit] = result[t];
            totals[comptime!(t * units) + unit] = total[t];
        }
        sync_cube();
        #[unroll]
        for t in 0..tile_tokens {
            result[t] = 0.0;
            total[t] = 0.0;
            #[unroll]
            for part in 0..groups {
                let at = comptime!(t * units + part * shares.lanes) + lane;
                result[t] += parts[at];
                total[t] += totals[at];
            }
        }
    }

    #[unroll]
    for t in 0..tile_tokens {
        let token = first_token + t;
        if token < tokens as usize && unit_group == 0 {
            #[unroll]
            for element in 0..owned {
                let at = lane + comptime!(element * shares.lanes);
                if at < head_dim {
                    out[(token * heads + head) * head_dim + at] = result[comptime!(t * owned + element)] / total[t];
                }
            }
        }
    }
}

/// `softmax(scale · q · keysᵀ + causal mask) · values`: `q` `[m, heads * head_dim]`, caches `[kv_heads, capacity,
/// head_dim]`.
pub(super) fn attention(
    q: CubeTensor,
    keys: CubeTensor,
    values: CubeTensor,
    place: CubeTensor,
    spec: AttentionSpec,
) -> CubeTensor {
    let [q, keys, values] = [q, keys, values].map(into_contiguous);
    let [tokens, width] = [q.meta.shape()[0], q.meta.shape()[1]];
    let out = empty(&q, [tokens, width]);
    if tokens == 0 {
        return out;
    }
    let capacity = keys.meta.shape()[1];
    // Eight tokens of the widest heads would not fit into shared memory.
    let tile_tokens = if tokens > 1 && spec.head_dim <= 256 { PREFILL_TOKENS } else { 1 };
    let units = if tile_tokens == 1 { DECODE_UNITS } else { PREFILL_UNITS };
    let vector_size = if spec.head_dim.is_multiple_of(4) { 4 } else { 1 };
    let cubes = CubeCount::Static(spec.heads as u32, tokens.div_ceil(tile_tokens) as u32, 1);
    let element = cache_element(&keys);
    // SAFETY: `q` and `out` are `[tokens, heads * head_dim]`, the caches `[heads / group, capacity, head_dim]`; slots
    // are below `capacity`, tokens are clamped where read and compared where written.
    unsafe {
        attention_kernel::launch_unchecked(
            &out.client,
            cubes,
            CubeDim::new_1d(units as u32),
            vector_size,
            q.into_buffer_arg(),
            keys.into_buffer_arg(),
            values.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            place.into_buffer_arg(),
            tokens as u32,
            (spec.heads / spec.kv_heads.max(1)) as u32,
            capacity as u32,
            spec.window.map_or(u32::MAX, |window| window as u32),
            spec.scale,
            spec.head_dim,
            tile_tokens,
            Shares::new(units, spec.head_dim),
            element,
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use burn::backend::Dispatch;
    use burn::tensor::{DType, Tensor, TensorData};

    use super::super::testing::{assert_close, device, numbers, read, tensor};
    use super::*;
    use crate::tensor::device::ComputeDevice;
    use crate::tensor::inputs::StepInputs;
    use crate::tensor::ops::SlmOps;

    struct Case {
        heads: usize,
        kv_heads: usize,
        head_dim: usize,
        tokens: usize,
        position: usize,
        /// With a window the cache is a ring just large enough, else it holds every position.
        window: Option<usize>,
        dtype: DType,
        /// Factor on the scores, beside `1 / sqrt(head_dim)`.
        sharpness: f32,
    }

    const PLAIN: Case = Case {
        heads: 4,
        kv_heads: 4,
        head_dim: 64,
        tokens: 1,
        position: 0,
        window: None,
        dtype: DType::F32,
        sharpness: 1.0,
    };

    fn check(case: &Case, device: &ComputeDevice) {
        let &Case { heads, kv_heads, head_dim, tokens, position, window, dtype, sharpness } = case;
        let length = position + tokens;
        let capacity = window.map_or(length, |window| window + tokens - 1);
        let q = numbers(tokens * heads * head_dim);
        let round = |x: f32| if dtype == DType::F16 { half::f16::from_f32(x).to_f32() } else { x };
        // `[kv_heads, length, head_dim]`
        let history = |seed: usize| -> Vec<f32> {
            numbers(kv_heads * length * head_dim + seed)[seed..].iter().map(|x| round(*x)).collect()
        };
        let (keys, values) = (history(1), history(2));
        let cache = |history: &[f32]| {
            let mut slots = vec![0.0; kv_heads * capacity * head_dim];
            for head in 0..kv_heads {
                for position in 0..length {
                    let to = (head * capacity + position % capacity) * head_dim;
                    slots[to..to + head_dim]
                        .copy_from_slice(&history[(head * length + position) * head_dim..][..head_dim]);
                }
            }
            let data = TensorData::new(slots, [kv_heads, capacity, head_dim]).convert_dtype(dtype);
            Tensor::<3>::from_data(data, (device.burn(), dtype))
        };
        let scale = sharpness / (head_dim as f32).sqrt();
        let spec = AttentionSpec { heads, kv_heads, head_dim, scale, window, position };
        let out = Dispatch::attention(
            tensor(q.clone(), [tokens, heads * head_dim], device).into_dispatch(),
            &cache(&keys).into_dispatch(),
            &cache(&values).into_dispatch(),
            StepInputs::new(&[], position, &[], device).place.into_dispatch(),
            spec,
        );

        let mut expected = Vec::new();
        for token in 0..tokens {
            let last = position + token;
            let first = window.map_or(0, |window| (last + 1).saturating_sub(window));
            for head in 0..heads {
                let query = &q[(token * heads + head) * head_dim..][..head_dim];
                let row = |history: &'_ [f32], at: usize| {
                    history[(head / (heads / kv_heads) * length + at) * head_dim..][..head_dim].to_vec()
                };
                let scores: Vec<f64> = (first..=last)
                    .map(|at| {
                        let products = query.iter().zip(row(&keys, at)).map(|(q, k)| f64::from(*q) * f64::from(k));
                        products.sum::<f64>() * f64::from(scale)
                    })
                    .collect();
                let highest = scores.iter().fold(f64::MIN, |a, b| a.max(*b));
                let total: f64 = scores.iter().map(|score| (score - highest).exp()).sum();
                let mut result = vec![0.0f64; head_dim];
                for (at, score) in (first..=last).zip(scores) {
                    let share = (score - highest).exp() / total;
                    for (result, value) in result.iter_mut().zip(row(&values, at)) {
                        *result += share * f64::from(value);
                    }
                }
                expected.extend(result.into_iter().map(|x| x as f32));
            }
        }
        let what = format!("{heads}/{kv_heads} x {head_dim}, {tokens} from {position}, {window:?}, {dtype:?}");
        // Scores of 1e4 are exact to 1e-3 in `f32`, and so are their exponentials.
        let tolerance = if sharpness > 1.0 { 5e-3 } else { 1e-5 };
        assert_close(&read(Tensor::<2>::from_dispatch(out)), &expected, tolerance, &what);
    }

    #[test]
    fn one_token_attends_to_all_before_it() {
        let Some(device) = device() else { return };
        // Around the tile of 256 keys and the rounds of 32, and several.
        for position in [0, 1, 30, 31, 32, 62, 254, 255, 256, 700] {
            check(&Case { position, ..PLAIN }, &device);
        }
    }

    #[test]
    fn many_tokens_attend_causally() {
        let Some(device) = device() else { return };
        for (tokens, position) in [(2, 0), (8, 0), (9, 60), (33, 5), (70, 0)] {
            check(&Case { tokens, position, ..PLAIN }, &device);
        }
    }

    #[test]
    fn grouped_heads_share_keys() {
        let Some(device) = device() else { return };
        for (heads, kv_heads) in [(9, 3), (8, 1)] {
            check(&Case { heads, kv_heads, position: 20, ..PLAIN }, &device);
            check(&Case { heads, kv_heads, tokens: 11, ..PLAIN }, &device);
        }
    }

    #[test]
    fn heads_of_any_width_attend() {
        let Some(device) = device() else { return };
        for head_dim in [6, 80, 128, 256, 320] {
            check(&Case { head_dim, heads: 2, kv_heads: 1, position: 9, ..PLAIN }, &device);
            check(&Case { head_dim, heads: 2, kv_heads: 1, position: 300, ..PLAIN }, &device);
            check(&Case { head_dim, heads: 2, kv_heads: 1, position: 60, tokens: 10, ..PLAIN }, &device);
        }
    }

    #[test]
    fn a_window_sees_only_its_own_across_the_wrap() {
        let Some(device) = device() else { return };
        for window in [1, 5, 70] {
            for (tokens, position) in [(1, 0), (1, 200), (13, 0), (13, 150)] {
                check(&Case { window: Some(window), tokens, position, ..PLAIN }, &device);
            }
        }
    }

    #[test]
    fn caches_may_hold_f16() {
        let Some(device) = device() else { return };
        if !super::super::supports_f16_cache(device.burn()) {
            println!("skipped: the device has no f16");
            return;
        }
        check(&Case { dtype: DType::F16, position: 90, ..PLAIN }, &device);
        check(
            &Case { dtype: DType::F16, tokens: 12, window: Some(7), position: 40, heads: 6, kv_heads: 2, ..PLAIN },
            &device,
        );
    }

    #[test]
    fn large_scores_do_not_overflow() {
        let Some(device) = device() else { return };
        check(&Case { sharpness: 1e4, position: 130, ..PLAIN }, &device);
        check(&Case { sharpness: 1e4, tokens: 20, ..PLAIN }, &device);
    }
}
