//! A model file's tensors on a device.

use std::cell::RefCell;

use burn::tensor::{DType, Tensor, TensorData};
use bytes::Bytes;

use super::block;
use super::cpu;
use super::device::ComputeDevice;
use super::pages::Region;
use super::spec::WeightSpec;
use super::weight::Weight;
use crate::Result;
use crate::format::{BlockFormat, ModelFile, TensorInfo};

/// Puts the tensors of a file on a device, each once.
///
/// On the CPU all quantised matrices are packed into one region of memory, and what they were read from is given back as they come: a model is
/// never in memory twice. The largest should come first, since that one is, for a moment.
pub(crate) struct WeightLoader<'a> {
    file: &'a ModelFile,
    device: &'a ComputeDevice,
    /// What matrices that aren't quantised become on the way.
    dense_as: Option<BlockFormat>,
    packed: RefCell<Region>,
}

impl<'a> WeightLoader<'a> {
    /// # Errors
    /// `Memory` where the system has no room for the packed weights.
    pub(crate) fn new(file: &'a ModelFile, device: &'a ComputeDevice) -> Result<Self> {
        Self::quantising(file, device, None)
    }

    /// As [`WeightLoader::new`], but matrices of floats become blocks of `dense_as` where their rows are whole blocks.
    ///
    /// # Errors
    /// `Memory` where the system has no room for the packed weights.
    pub(crate) fn quantising(
        file: &'a ModelFile,
        device: &'a ComputeDevice,
        dense_as: Option<BlockFormat>,
    ) -> Result<Self> {
        let bytes = |info: &TensorInfo| {
            let spec = WeightSpec { format: format_of(info, dense_as), rows: info.rows(), cols: info.cols() };
            cpu::packed_bytes(spec).unwrap_or(0).next_multiple_of(Region::ALIGNMENT)
        };
        let quantised = file.tensors().iter().filter(|info| format_of(info, dense_as).is_quantised());
        let length = match device {
            ComputeDevice::Cpu(_) => quantised.map(bytes).fold(0, usize::saturating_add),
            #[cfg(feature = "gpu")]
            ComputeDevice::Gpu(_) => 0,
        };
        Ok(Self { file, device, dense_as, packed: Region::new(length)?.in_large_pages().into() })
    }

    /// The matrix `name`; it must have this shape.
    ///
    /// # Errors
    /// `ModelFile` where the file has no such matrix or another shape.
    pub(crate) fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Weight> {
        let info = self.file.require(name, &shape)?;
        let memory = |length| self.packed.borrow_mut().take(length);
        let format = format_of(info, self.dense_as);
        let data = match format == info.format {
            true => Ok(self.file.data(info)),
            false => block::convert_rows(info, 0, &self.file.data(info), format).map(Bytes::from),
        };
        let weight = data.and_then(|data| Weight::from_bytes(name, format, shape, data, self.device, memory));
        if format.is_quantised() {
            self.file.give_back(info);
        }
        weight.map_err(|error| error.in_file(self.file.path()))
    }

    /// A vector of `length` elements, converted to `f32` on the way.
    ///
    /// # Errors
    /// `ModelFile` where the file has no such vector or another shape.
    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Tensor<1>> {
        let values = self.values(name, length)?;
        Ok(Tensor::from_data(TensorData::new(values, [length]), (self.device.burn(), DType::F32)))
    }

    /// The elements of such a vector as `f32`, on the host.
    ///
    /// # Errors
    /// As [`WeightLoader::vector`].
    pub(crate) fn values(&self, name: &str, length: usize) -> Result<Vec<f32>> {
        let info = self.file.require(name, &[length])?;
        let mut values = vec![0.0; length];
        let read = block::dequantize_row(info.format, &self.file.data(info), &mut values);
        read.map_err(|error| error.in_file(self.file.path()))?;
        Ok(values)
    }
}

/// The block format that a tensor has once it is loaded.
fn format_of(info: &TensorInfo, dense_as: Option<BlockFormat>) -> BlockFormat {
    let fits = |format: &BlockFormat| {
        !info.format.is_quantised() && info.shape.len() == 2 && format.row_bytes(info.cols()).is_some()
    };
    dense_as.filter(fits).unwrap_or(info.format)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(values: &[f32], shape: [usize; 2]) -> (TensorInfo, Vec<u8>) {
        let data: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let info = TensorInfo {
            name: "w".into(),
            format: BlockFormat::F32,
            shape: shape.to_vec(),
            bytes: data.len(),
            offset: 0,
            shard: 0,
        };
        (info, data)
    }

    #[test]
    fn floats_become_blocks_where_rows_are_whole_blocks() {
        let values: Vec<f32> = (0..128).map(|i| i as f32 - 64.0).collect();
        let (info, data) = matrix(&values, [2, 64]);
        let blocks = block::convert_rows(&info, 0, &data, BlockFormat::Q8_0).unwrap();
        let mut row = vec![0.0; 64];
        block::dequantize_row(BlockFormat::Q8_0, &blocks[68..], &mut row).unwrap();
        assert!(row.iter().zip(&values[64..]).all(|(a, b)| (a - b).abs() < 0.3), "{row:?}");
        let narrow = matrix(&values, [4, 32 - 1]).0;
        for (info, dense_as, expected) in [
            (&info, None, BlockFormat::F32),
            (&info, Some(BlockFormat::Q8_0), BlockFormat::Q8_0),
            (&narrow, Some(BlockFormat::Q8_0), BlockFormat::F32),
            (&TensorInfo { shape: vec![128], ..info.clone() }, Some(BlockFormat::Q8_0), BlockFormat::F32),
            (&TensorInfo { format: BlockFormat::Q4_K, ..info.clone() }, Some(BlockFormat::Q8_0), BlockFormat::Q4_K),
        ] {
            assert_eq!(format_of(info, dense_as), expected);
        }
    }

    #[test]
    fn a_number_that_is_none_is_not_hidden_in_a_block() {
        let mut values = vec![1.0; 64];
        values[40] = f32::NAN;
        let (info, data) = matrix(&values, [2, 32]);
        let error = block::convert_rows(&info, 0, &data, BlockFormat::Q8_0).unwrap_err().to_string();
        assert!(error.contains("row 1 holds numbers that are none"), "{error}");
    }
}
