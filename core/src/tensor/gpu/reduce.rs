//! Sums over the units of a cube.

use cubecl::prelude::*;

/// Sums each of `slots` numbers over the `units` units of a cube; unit `s` gets the sum of slot `s`, the others nothing
/// of use. Every unit must call it. `units` is the cube's size and at least `slots`.
///
/// One barrier: with planes, each plane leaves one number; without, each unit does. Plane sizes differ between devices
/// and even between kernels, so a kernel asks for its own.
#[cube]
pub(super) fn cube_sums(
    partial: &Array<f32>,
    #[comptime] slots: usize,
    #[comptime] units: usize,
    #[comptime] planes: bool,
) -> f32 {
    let mut shared = Shared::<[f32]>::new_slice(comptime!(slots * units));
    let parts = if comptime!(planes) { units.runtime().div_ceil(PLANE_DIM as usize) } else { units.runtime() };
    #[unroll]
    for slot in 0..slots {
        if comptime!(planes) {
            let sum = plane_sum(partial[slot]);
            if UNIT_POS_PLANE == 0 {
                shared[slot * units + PLANE_POS as usize] = sum;
            }
        } else {
            shared[slot * units + UNIT_POS as usize] = partial[slot];
        }
    }
    sync_cube();
    let mut sum = 0.0f32;
    if (UNIT_POS as usize) < slots {
        for part in 0..parts {
            sum += shared[UNIT_POS as usize * units + part];
        }
    }
    sum
}
