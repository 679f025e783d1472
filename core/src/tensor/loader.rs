//! A model file's tensors on a device.

use std::cell::RefCell;

use burn::tensor::{DType, Tensor, TensorData};

use super::block;
use super::cpu;
use super::device::ComputeDevice;
use super::pages::Region;
use super::spec::WeightSpec;
use super::weight::Weight;
use crate::Result;
use crate::format::{ModelFile, TensorInfo};

/// Puts the tensors of a file on a device, each once.
///
/// On the CPU all quantised matrices are packed into one region of memory, and what they were read from is given back as they come: a model is
/// never in memory twice. The largest should come first, since that one is, for a moment.
pub(crate) struct WeightLoader<'a> {
    file: &'a ModelFile,
    device: &'a ComputeDevice,
    packed: RefCell<Region>,
}

impl<'a> WeightLoader<'a> {
    /// # Errors
    /// `Memory` where the system has no room for the packed weights.
    pub(crate) fn new(file: &'a ModelFile, device: &'a ComputeDevice) -> Result<Self> {
        let bytes = |info: &TensorInfo| {
            let spec = WeightSpec { format: info.format, rows: info.rows(), cols: info.cols() };
            cpu::packed_bytes(spec).unwrap_or(0).next_multiple_of(Region::ALIGNMENT)
        };
        let quantised = file.tensors().iter().filter(|info| info.format.is_quantised());
        let length = match device {
            ComputeDevice::Cpu(_) => quantised.map(bytes).fold(0, usize::saturating_add),
            #[cfg(feature = "gpu")]
            ComputeDevice::Gpu(_) => 0,
        };
        Ok(Self { file, device, packed: Region::new(length)?.in_large_pages().into() })
    }

    /// The matrix `name`; it must have this shape.
    ///
    /// # Errors
    /// `ModelFile` where the file has no such matrix or another shape.
    pub(crate) fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Weight> {
        let info = self.file.require(name, &shape)?;
        let memory = |length| self.packed.borrow_mut().take(length);
        let weight = Weight::from_bytes(name, info.format, shape, self.file.data(info), self.device, memory);
        if info.format.is_quantised() {
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
