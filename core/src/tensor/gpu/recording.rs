//! A decode step that was recorded once and is replayed for every token after.
//!
//! All steps of one token launch the same kernels over the same buffers; only the token and its position differ, and those stand in
//! buffers too. CubeCL records such a sequence (`Client::start_capture`), with every pipeline found and every buffer bound, and encodes
//! it again in a loop. That leaves out most of what a launch costs on the processor, which is most of a small model's step: on an
//! NVIDIA H200, SmolLM2-135M's 242 launches took 10 ms in the usual way (in the dev profile) and take 2.4 ms (in the release profile).
//!
//! Recording takes two runs: one that counts, and leaves the memory behind that the other one is recorded with. The recording knows
//! which buffers the caches were, so that it can tell when they no longer are.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::backend::{BackendTensor, DispatchDevice, DispatchTensor, DispatchTensorKind};
use burn::tensor::{Bytes, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::client::{Client, Graph};

use crate::tensor::device::ComputeDevice;
use crate::tensor::functions::to_host;
use crate::tensor::inputs::StepInputs;
use crate::{Error, Result};

/// A recorded step of one token.
pub(crate) struct Recording {
    graph: Graph,
    inputs: StepInputs,
    /// `[1, vocab_size]`, which every replay writes.
    logits: Tensor<2>,
    /// The caches' buffers, by numbers that are never given twice.
    caches: Vec<usize>,
}

impl Recording {
    /// Runs `step`, which must be the same launches on the same `caches` each time, and records it. Gives the logits of the run too.
    ///
    /// # Errors
    /// `Device` where a step failed or can't be recorded; the caches are of no use after that.
    pub(crate) fn make<C>(
        inputs: StepInputs,
        device: &ComputeDevice,
        caches: &mut C,
        tensors: impl Fn(&C) -> Vec<Tensor<3>>,
        mut step: impl FnMut(&StepInputs, &mut C) -> Result<Tensor<2>>,
    ) -> Result<(Self, Vec<f32>)> {
        let client = client(device)?;
        let error = |error| device.error(error);
        client.graph_prepare().map_err(error)?;
        let window = Window(&client);
        let found = to_host(step(&inputs, caches)?, device)?;
        let before = buffers(tensors(caches))?;
        client.start_capture().map_err(error)?;
        let logits = step(&inputs, caches)?;
        std::mem::forget(window);
        let graph = client.stop_capture().map_err(error)?;
        if buffers(tensors(caches))? != before {
            return Err(device.error("a recorded step copied its caches"));
        }
        Ok((Self { graph, inputs, logits, caches: before }, found))
    }

    /// Whether `caches` are what the step was recorded with.
    pub(crate) fn is_of(&self, caches: Vec<Tensor<3>>) -> bool {
        buffers(caches).is_ok_and(|buffers| buffers == self.caches)
    }

    /// The logits after one more token, for caches that [it is of](Self::is_of).
    ///
    /// # Errors
    /// `Device` where the device failed.
    pub(crate) fn replay(&mut self, id: u32, position: usize, device: &ComputeDevice) -> Result<Vec<f32>> {
        overwrite(cube(self.inputs.ids_on_device.clone().into_dispatch(), BackendTensor::int)?, vec![id]);
        overwrite(
            cube(self.inputs.place.clone().into_dispatch(), BackendTensor::float)?,
            self.inputs.place_at(position),
        );
        // SAFETY: the graph reads weights, inputs and caches and writes caches and logits. Whoever holds the recording holds the model, and
        // the caches, which `is_of` told apart from others; inputs and logits are held here. Nothing else runs meanwhile: an engine's
        // steps take turns on one stream, on which the inputs are written and the logits are read too.
        unsafe { self.graph.replay() }.map_err(|error| device.error(error))?;
        to_host(self.logits.clone(), device)
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").finish_non_exhaustive()
    }
}

/// An open capture: a step that fails in it closes it.
struct Window<'a>(&'a Client);

impl Drop for Window<'_> {
    fn drop(&mut self) {
        // while a panic unwinds, another one would end the process
        drop(catch_unwind(AssertUnwindSafe(|| self.0.stop_capture())));
    }
}

fn client(device: &ComputeDevice) -> Result<Client> {
    match device.burn().as_dispatch() {
        DispatchDevice::Cube(device) => Ok(device.client()),
        _ => Err(device.error("only a GPU's steps are recorded")),
    }
}

fn buffers(tensors: Vec<Tensor<3>>) -> Result<Vec<usize>> {
    let buffer = |tensor: Tensor<3>| {
        cube(tensor.into_dispatch(), BackendTensor::float).map(|cube| cube.handle.memory.binding().id().value)
    };
    tensors.into_iter().map(buffer).collect()
}

fn cube(tensor: DispatchTensor, kind: impl FnOnce(BackendTensor<CubeBackend>) -> CubeTensor) -> Result<CubeTensor> {
    match tensor.kind {
        DispatchTensorKind::Cube(tensor) => Ok(kind(tensor)),
        _ => Err(Error::Internal { what: "a step's inputs are not on the GPU".into() }),
    }
}

fn overwrite<T: bytemuck::NoUninit + Send + Sync>(tensor: CubeTensor, values: Vec<T>) {
    tensor.client.write(&tensor.handle, Bytes::from_bytes_vec(bytemuck::cast_slice(&values).to_vec()));
}
