//! Where a model's weights go: the device that was asked for, or the one that a trial finds better.

use std::sync::{Arc, OnceLock};

use burn::tensor::DType;

use crate::format::ModelFile;
use crate::model::{self, CachePrecision, Decoder, ModelConfig};
#[cfg(feature = "gpu")]
use crate::runtime::guarded;
use crate::tensor::{ComputeDevice, DevicePreference};
use crate::{Error, Result};

/// Whether recorded steps may be replayed: not known yet, or the outcome of a trial.
pub(super) type Replays = OnceLock<bool>;

/// A model on its device.
pub(super) struct Placed {
    pub(super) decoder: Arc<dyn Decoder>,
    pub(super) device: ComputeDevice,
    /// Why this device.
    pub(super) reason: String,
    pub(super) replays: Replays,
}

/// Loads the weights on the device that the preference leads to, and says why.
pub(super) fn place(
    file: &ModelFile,
    config: &ModelConfig,
    preference: DevicePreference,
    precision: CachePrecision,
) -> Result<Placed> {
    let on = |device, reason| on(file, config, device, reason);
    match preference {
        DevicePreference::Cpu => on(ComputeDevice::cpu(), "asked for".into()),
        DevicePreference::Gpu => on(ComputeDevice::gpu(true)?, "asked for".into()),
        DevicePreference::Auto => match ComputeDevice::gpu(false) {
            Ok(gpu) => on_better(file, config, gpu, precision),
            Err(error) => on(ComputeDevice::cpu(), error.to_string()),
        },
    }
}

/// Loads the weights on the device that a trial finds better.
#[cfg(feature = "gpu")]
fn on_better(file: &ModelFile, config: &ModelConfig, gpu: ComputeDevice, precision: CachePrecision) -> Result<Placed> {
    let trial = guarded(
        || gpu.name(),
        || {
            let dtype = cache_dtype(file, &gpu, precision)?;
            gpu.run(|| super::trial::against_cpu(file, config, &gpu, dtype))
        },
    );
    let reason = match trial {
        Ok(outcome) if outcome.gpu_wins() => {
            let super::trial::Outcome { decoder, replays, reason, .. } = outcome;
            return Ok(Placed { decoder, device: gpu, reason, replays: replays.into() });
        }
        Ok(outcome) => outcome.reason,
        Err(error) => format!("the GPU failed its self-test: {error}"),
    };
    on(file, config, ComputeDevice::cpu(), reason)
}

#[cfg(not(feature = "gpu"))]
fn on_better(file: &ModelFile, config: &ModelConfig, gpu: ComputeDevice, _: CachePrecision) -> Result<Placed> {
    on(file, config, gpu, "asked for".into())
}

/// Loads the weights on a device.
fn on(file: &ModelFile, config: &ModelConfig, device: ComputeDevice, reason: String) -> Result<Placed> {
    let decoder = device.run(|| model::load(file, config.clone(), &device))?;
    Ok(Placed { decoder, device, reason, replays: Replays::new() })
}

/// How keys and values are stored on a device.
///
/// # Errors
/// `Unsupported` where the device can't do what was asked for.
pub(super) fn cache_dtype(file: &ModelFile, device: &ComputeDevice, precision: CachePrecision) -> Result<DType> {
    let f16 = device.supports_f16_cache();
    match precision {
        CachePrecision::F32 => Ok(DType::F32),
        CachePrecision::F16 if f16 => Ok(DType::F16),
        CachePrecision::F16 => {
            Err(Error::unsupported("this device has no f16 arithmetic", "use CachePrecision::Auto or F32"))
        }
        CachePrecision::Auto => {
            // unquantised weights are used where numbers are compared: don't round what they make
            let quantised = file.tensors().iter().any(|tensor| tensor.format.is_quantised());
            Ok(if f16 && quantised { DType::F16 } else { DType::F32 })
        }
    }
}
