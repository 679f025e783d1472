//! Sine and cosine of `position * frequency`, right for any position and on any GPU.
//!
//! `f32` holds an angle of 100,000 radians to no better than 0.004, and WGSL promises sine and cosine an error below
//! 2^-11 and only between -π and π. So the angle is kept in whole turns of 2^32 steps: a product of integers drops
//! whole turns by itself, its two top bits say the quadrant, and what is left is an eighth of a turn at most, where
//! short polynomials (Cephes' `sinf` and `cosf`) are good to 1e-7.

use cubecl::prelude::*;

/// 2^34 / 2π, to the nearest whole number.
const STEPS_A_RADIAN: u32 = 2_734_261_102;

/// 2π / 2^32.
const RADIANS_A_STEP: f32 = 1.462_918_1e-9;

/// An angle's sine and cosine.
#[derive(CubeType, Clone, Copy)]
pub(super) struct SinCos {
    /// Its sine.
    pub(super) sin: f32,
    /// Its cosine.
    pub(super) cos: f32,
}

/// Sine and cosine of `position * frequency` radians; `frequency` is positive and below 2^23.
#[cube]
pub(super) fn sin_cos(position: u32, frequency: f32) -> SinCos {
    let steps = position * steps(frequency);
    let quadrant = (steps + 0x2000_0000) >> 30;
    let rest = i32::reinterpret(steps - (quadrant << 30));
    let x = f32::cast_from(rest) * RADIANS_A_STEP;
    let x2 = x * x;
    let sin = x + x * x2 * (x2 * (x2 * -1.951_529_6e-4f32 + 8.332_161e-3f32) - 0.166_666_55f32);
    let cos = x2 * x2 * (x2 * (x2 * 2.443_315_7e-5f32 - 1.388_731_6e-3f32) + 4.166_664_6e-2f32) - x2 * 0.5f32 + 1.0f32;
    let odd = quadrant & 1 == 1;
    let sine = select(odd, cos, sin);
    let cosine = select(odd, sin, cos);
    SinCos { sin: select(quadrant & 2 == 2, -sine, sine), cos: select((quadrant + 1) & 2 == 2, -cosine, cosine) }
}

/// Steps of a turn that a position adds.
#[cube]
fn steps(frequency: f32) -> u32 {
    let bits = u32::reinterpret(frequency);
    let mantissa = (bits & 0x007f_ffff) | 0x0080_0000;
    // frequency = mantissa * 2^(exponent - 150), and the product has two bits to spare.
    let shift = 152 - (bits >> 23);
    let low = mantissa * STEPS_A_RADIAN;
    let high = mantissa.mul_hi(STEPS_A_RADIAN);
    let near = (high << ((32 - shift) & 31)) | (low >> (shift & 31));
    let far = select(shift < 64, high >> (shift & 31), 0u32.runtime());
    select(shift < 32, near, far)
}
