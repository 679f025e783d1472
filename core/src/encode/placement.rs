//! Where an encoder's weights go: the device that was asked for, or the faster of two that agree.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::options::EncoderOptions;
use crate::format::ModelFile;
use crate::model::EncoderConfig;
use crate::model::bert::Bert;
use crate::runtime::guarded;
use crate::tensor::{ComputeDevice, DevicePreference, to_host};
use crate::{Error, Result};

/// An encoder on its device.
pub(super) struct Placed {
    pub(super) model: Arc<Bert>,
    pub(super) device: ComputeDevice,
    /// Why this device.
    pub(super) reason: String,
}

/// Tokens of the text that devices are compared with: a short message.
const TRIAL_TOKENS: u32 = 24;
/// Rounds of which the fastest counts.
const TRIAL_ROUNDS: usize = 3;
/// How far states may be apart, as a share of their size: the CPU rounds what goes into quantised products to 8 bits.
const TRIAL_TOLERANCE: f32 = 0.1;

/// Loads the weights on the device that the options lead to, and says why.
pub(super) fn place(file: &ModelFile, config: &EncoderConfig, options: &EncoderOptions) -> Result<Placed> {
    let on = |device: ComputeDevice, reason: String| {
        let model = device.run(|| Bert::load(file, config.clone(), options.dense_as, &device))?;
        Ok(Placed { model: Arc::new(model), device, reason })
    };
    match options.device {
        DevicePreference::Cpu => on(ComputeDevice::cpu(), "asked for".into()),
        DevicePreference::Gpu => on(ComputeDevice::gpu(true)?, "asked for".into()),
        DevicePreference::Auto => {
            let cpu = on(ComputeDevice::cpu(), String::new())?;
            let better = || {
                let gpu = ComputeDevice::gpu(false)?;
                guarded(|| gpu.name(), || faster(&cpu, on(gpu.clone(), String::new())?, config))
            };
            Ok(match better() {
                Ok((Some(gpu), reason)) => Placed { reason, ..gpu },
                Ok((None, reason)) => Placed { reason, ..cpu },
                Err(error) => Placed { reason: error.to_string(), ..cpu },
            })
        }
    }
}

/// The GPU's, where it computes what the CPU does in less time; and why or why not.
fn faster(cpu: &Placed, gpu: Placed, config: &EncoderConfig) -> Result<(Option<Placed>, String)> {
    let ((expected, slow), (found, fast)) = (trial(cpu, config)?, trial(&gpu, config)?);
    let difference: f32 = expected.iter().zip(&found).map(|(a, b)| (a - b) * (a - b)).sum();
    let size: f32 = expected.iter().map(|x| x * x).sum();
    let apart = (difference / size.max(f32::MIN_POSITIVE)).sqrt();
    if apart.is_nan() || apart > TRIAL_TOLERANCE {
        return Err(Error::Device { device: gpu.device.name(), what: format!("its numbers are {apart:.3} off") });
    }
    let reason = format!("a text took {:.1} ms on the CPU, {:.1} ms on the GPU", millis(slow), millis(fast));
    Ok(((fast < slow).then_some(gpu), reason))
}

/// The last states of a text, and the time that they took.
fn trial(placed: &Placed, config: &EncoderConfig) -> Result<(Vec<f32>, Duration)> {
    let length = TRIAL_TOKENS.min(config.max_tokens as u32);
    let text: Vec<u32> = (0..length).map(|at| at * 7919 % config.vocab_size as u32).collect();
    let (mut states, mut fastest) = (Vec::new(), Duration::MAX);
    // the first round compiles kernels
    for _ in 0..=TRIAL_ROUNDS {
        let started = Instant::now();
        let last = placed.device.run(|| to_host(placed.model.forward(std::slice::from_ref(&text))?, &placed.device));
        (states, fastest) = (last?, fastest.min(started.elapsed()));
    }
    Ok((states, fastest))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
