//! The kernels held to their scalar meaning, to plain arithmetic and to ggml's numbers, on every instruction set at hand.

mod attention;
mod linear;

use half::f16;

use super::{pack, packed_bytes};
use crate::format::BlockFormat;
use crate::tensor::block::quantize_row;
use crate::tensor::spec::WeightSpec;

/// `n` numbers in `-1 .. 1`, the same each time (xorshift, Marsaglia 2003).
fn noise(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n).map(next).collect()
}

/// A random matrix in `format`. K-quants, which this crate does not write, are random bits with scales of a usual size.
pub(super) fn weights(format: BlockFormat, rows: usize, cols: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; format.row_bytes(cols).unwrap() * rows];
    let scales: &[usize] = match format {
        BlockFormat::Q4_K | BlockFormat::Q5_K => &[0, 2],
        BlockFormat::Q6_K => &[208],
        _ => {
            quantize_row(format, &noise(rows * cols, seed), &mut bytes).unwrap();
            return bytes;
        }
    };
    let bits = noise(bytes.len(), seed);
    bytes.iter_mut().zip(bits).for_each(|(byte, x)| *byte = (x * 127.9 + 128.0) as u8);
    for (i, block) in bytes.chunks_exact_mut(format.block_bytes()).enumerate() {
        for at in scales {
            let scale = f16::from_f32(0.001 + 0.0001 * (i % 7) as f32);
            block[*at..*at + 2].copy_from_slice(&scale.to_le_bytes());
        }
    }
    bytes
}

/// The file's bytes as the kernels take them.
fn packed(file: &[u8], spec: WeightSpec) -> Vec<u8> {
    if !spec.format.is_quantised() {
        return file.to_vec();
    }
    let mut panels = vec![0; packed_bytes(spec).unwrap()];
    pack(spec, file, &mut panels).unwrap();
    panels
}

/// Runs `work` with this many threads.
fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}
