//! What a step is about: the tokens, and the place of the first.

use burn::tensor::{DType, Int, Tensor, TensorData};

use super::device::ComputeDevice;

/// Token ids and the position of the first, on the host and where the device finds them.
///
/// A device keeps them in buffers of their own, so that a recorded step can be replayed with others.
pub(crate) struct StepInputs {
    pub(super) ids: Vec<u32>,
    position: usize,
    #[cfg(feature = "gpu")]
    inverse_frequencies: Vec<f32>,
    /// `[ids]`
    pub(super) ids_on_device: Tensor<1, Int>,
    /// `[1 + rotary_dim / 2]`: the position, exact up to 2^24, then the radians that each pair turns by a position. One buffer,
    /// because WebGPU promises eight to a kernel, and the one that needs both has all of them.
    pub(super) place: Tensor<1>,
}

impl StepInputs {
    /// `ids` from `position` on.
    pub(crate) fn new(ids: &[u32], position: usize, inverse_frequencies: &[f32], device: &ComputeDevice) -> Self {
        let on_device: Vec<i32> = ids.iter().map(|id| *id as i32).collect();
        let place = place(position, inverse_frequencies);
        let shape = [place.len()];
        Self {
            ids: ids.to_vec(),
            position,
            #[cfg(feature = "gpu")]
            inverse_frequencies: inverse_frequencies.to_vec(),
            ids_on_device: Tensor::from_data(TensorData::new(on_device, [ids.len()]), (device.burn(), DType::I32)),
            place: Tensor::from_data(TensorData::new(place, shape), (device.burn(), DType::F32)),
        }
    }

    /// How many tokens.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The position of the first.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// What `place` holds for another position.
    #[cfg(feature = "gpu")]
    pub(super) fn place_at(&self, position: usize) -> Vec<f32> {
        place(position, &self.inverse_frequencies)
    }
}

fn place(position: usize, inverse_frequencies: &[f32]) -> Vec<f32> {
    [&[position as f32], inverse_frequencies].concat()
}
