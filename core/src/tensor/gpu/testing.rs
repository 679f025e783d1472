//! What the kernels' tests share: the device, random weights, and products on the host to hold the device to.

use burn::backend::DispatchDevice;
use burn::backend::ops::{FloatTensorOps, IntTensorOps};
use burn::tensor::{DType, Int, Tensor, TensorData};
use burn_cubecl::ops::into_data_sync;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, CubeDevice};

use super::layout::pack;
use crate::format::BlockFormat;
use crate::tensor::block;
use crate::tensor::device::ComputeDevice;
use crate::tensor::spec::WeightSpec;

/// The GPU, a software one included; where there is none the test says so and is done.
pub(super) fn device() -> Option<ComputeDevice> {
    match ComputeDevice::gpu(true) {
        Ok(device) => Some(device),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

/// SplitMix64 (Steele, Lea & Flood 2014): the same numbers each time.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number in -1..1.
    pub(super) fn number(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// Numbers in -1..1.
pub(super) fn numbers(count: usize) -> Vec<f32> {
    let mut random = Random(count as u64);
    (0..count).map(|_| random.number()).collect()
}

/// A tensor on the device.
pub(super) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &ComputeDevice) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (device.burn(), DType::F32))
}

/// The numbers of a tensor.
pub(super) fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_data().unwrap().try_into_vec_as().unwrap()
}

fn cube_device(device: &ComputeDevice) -> &CubeDevice {
    let DispatchDevice::Cube(device) = device.burn().as_dispatch() else { panic!("not a GPU") };
    device
}

/// A tensor as kernels' host functions take it.
pub(super) fn cube_tensor(values: Vec<f32>, shape: [usize; 2], device: &ComputeDevice) -> CubeTensor {
    CubeBackend::float_from_data(TensorData::new(values, shape), cube_device(device))
}

/// The numbers of such a tensor.
pub(super) fn read_cube(tensor: CubeTensor) -> Vec<f32> {
    into_data_sync(tensor).try_into_vec().unwrap()
}

/// A weight matrix in a file's blocks and what it is worth.
pub(super) struct Weight {
    pub(super) spec: WeightSpec,
    pub(super) bytes: Vec<u8>,
    pub(super) values: Vec<f32>,
}

impl Weight {
    /// Blocks of random bits whose scales are ordinary numbers.
    pub(super) fn random(format: BlockFormat, rows: usize, cols: usize) -> Self {
        let row_bytes = format.row_bytes(cols).unwrap();
        let mut random = Random((rows * 31 + cols) as u64 ^ u64::from(format.gguf_number()) << 40);
        let mut bytes: Vec<u8> = (0..rows * row_bytes).map(|_| random.bits() as u8).collect();
        // Where a block has half-precision numbers, and how large its integers make them.
        let (halves, size): (&[usize], f32) = match format {
            BlockFormat::F32 | BlockFormat::F16 | BlockFormat::BF16 => (&[], 1.0),
            BlockFormat::Q4_0 | BlockFormat::Q5_0 => (&[0], 0.1),
            BlockFormat::Q8_0 => (&[0], 0.01),
            BlockFormat::Q4_1 | BlockFormat::Q5_1 => (&[0, 2], 0.1),
            BlockFormat::Q4_K | BlockFormat::Q5_K => (&[0, 2], 1e-3),
            BlockFormat::Q6_K => (&[208], 1e-4),
        };
        for block in bytes.chunks_exact_mut(format.block_bytes()) {
            match format {
                BlockFormat::F32 => block.copy_from_slice(&random.number().to_le_bytes()),
                BlockFormat::F16 => block.copy_from_slice(&half::f16::from_f32(random.number()).to_le_bytes()),
                BlockFormat::BF16 => block.copy_from_slice(&half::bf16::from_f32(random.number()).to_le_bytes()),
                _ => {
                    for at in halves {
                        block[*at..at + 2].copy_from_slice(&half::f16::from_f32(random.number() * size).to_le_bytes());
                    }
                }
            }
        }
        let mut values = vec![0.0; rows * cols];
        for (bytes, values) in bytes.chunks_exact(row_bytes.max(1)).zip(values.chunks_exact_mut(cols.max(1))) {
            block::dequantize_row(format, bytes, values).unwrap();
        }
        Self { spec: WeightSpec { format, rows, cols }, bytes, values }
    }

    /// Its words on the device.
    pub(super) fn upload(&self, device: &ComputeDevice) -> Tensor<2, Int> {
        let WeightSpec { format, rows, cols } = self.spec;
        let words = pack(format, &self.bytes, rows, cols).unwrap();
        let shape = [rows, words.len() / rows];
        Tensor::from_data(TensorData::new(words, shape), (device.burn(), DType::U32))
    }

    /// As `upload`, as kernels' host functions take it.
    pub(super) fn upload_cube(&self, device: &ComputeDevice) -> CubeTensor {
        let WeightSpec { format, rows, cols } = self.spec;
        let words = pack(format, &self.bytes, rows, cols).unwrap();
        let shape = [rows, words.len() / rows];
        CubeBackend::int_from_data(TensorData::new(words, shape), cube_device(device))
    }

    /// `x · Wᵀ` in `f64`, `[m, rows]`.
    pub(super) fn product(&self, x: &[f32]) -> Vec<f32> {
        let WeightSpec { rows, cols, .. } = self.spec;
        let dot = |x: &[f32], w: &[f32]| x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>();
        x.chunks_exact(cols)
            .flat_map(|x| self.values.chunks_exact(cols).take(rows).map(move |w| dot(x, w) as f32))
            .collect()
    }
}

/// Holds `actual` to `expected`, relative to the largest number expected.
#[track_caller]
pub(super) fn assert_close(actual: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-6f32, |largest, x| largest.max(x.abs()));
    for (at, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        let error = (actual - expected).abs() / largest;
        // Not `error > tolerance`: that holds for no NaN.
        assert!(error <= tolerance, "{what}: {actual} instead of {expected} at {at} (error {error:e})");
    }
}
