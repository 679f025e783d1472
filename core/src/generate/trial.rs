//! Trying a GPU before trusting it: the loaded model runs a few tokens on both processors.
//!
//! Drivers that compute wrong numbers, and GPUs slower than the CPU beside them, are both common on phones; names and version
//! numbers tell neither. So both run the same prompt; the GPU is taken if its logits agree and its decode is faster.

use std::time::{Duration, Instant};

use burn::tensor::DType;

use crate::Result;
use crate::format::ModelFile;
use crate::model::{self, Decoder, KvCache, ModelConfig};
use crate::tensor::{ComputeDevice, rows, to_host};

/// Tokens of the trial prompt, and of the trial decode that is timed.
const PROMPT: usize = 8;
const DECODE: usize = 6;
/// Largest difference of two logits, as a share of the logits' own spread. The CPU path rounds activations to 8 bits, which costs 0.022
/// against f32 on a golden prompt of SmolLM2-135M; a wrong kernel is off by the whole spread.
const TOLERANCE: f32 = 0.15;

/// How a GPU did against the CPU.
pub(super) struct Outcome {
    /// The model on the GPU.
    pub(super) decoder: Box<dyn Decoder>,
    /// What was found, in words.
    pub(super) reason: String,
    agrees: bool,
    gpu: Duration,
    cpu: Duration,
}

impl Outcome {
    /// Whether the GPU computes right and decodes faster.
    pub(super) fn gpu_wins(&self) -> bool {
        self.agrees && self.gpu < self.cpu
    }
}

/// Runs the model of `file` on `gpu` and on the CPU, with caches of `dtype`.
pub(super) fn against_cpu(
    file: &ModelFile,
    config: &ModelConfig,
    gpu: &ComputeDevice,
    dtype: DType,
) -> Result<Outcome> {
    let decoder = model::load(file, config.clone(), gpu)?;
    let (found, gpu_time) = run(&*decoder, config, gpu, dtype)?;
    let cpu = ComputeDevice::cpu();
    let (expected, cpu_time) = run(&*model::load(file, config.clone(), &cpu)?, config, &cpu, dtype)?;
    let difference = relative_difference(&found, &expected);
    let agrees = difference <= TOLERANCE;
    let rate = |time: Duration| DECODE as f64 / time.as_secs_f64().max(1e-9);
    let reason = if agrees {
        format!("measured {:.1} tokens/s on the GPU, {:.1} on the CPU", rate(gpu_time), rate(cpu_time))
    } else {
        format!("the GPU's logits are off by {:.0} % of their spread", 100.0 * difference)
    };
    Ok(Outcome { decoder, reason, agrees, gpu: gpu_time, cpu: cpu_time })
}

/// Logits after a short prompt and after each of some decode steps, one after the other, and the time of as many more steps.
fn run(
    decoder: &dyn Decoder,
    config: &ModelConfig,
    device: &ComputeDevice,
    dtype: DType,
) -> Result<(Vec<f32>, Duration)> {
    let mut cache = KvCache::new(config, device, PROMPT + 2 * DECODE, PROMPT, dtype);
    let id = |index: usize| ((index * 7919 + 13) % config.vocab_size) as u32;
    let prompt: Vec<u32> = (0..PROMPT).map(id).collect();
    let hidden = decoder.forward(&prompt, &mut cache)?;
    let mut logits = to_host(decoder.logits(rows(hidden, PROMPT - 1..PROMPT)), device)?;
    let mut step = |index: usize| to_host(decoder.logits(decoder.forward(&[id(index)], &mut cache)?), device);
    // the first steps compile kernels
    for index in PROMPT..PROMPT + DECODE {
        logits.extend(step(index)?);
    }
    let started = Instant::now();
    for index in PROMPT + DECODE..PROMPT + 2 * DECODE {
        step(index)?;
    }
    Ok((logits, started.elapsed()))
}

/// Largest difference as a share of the expected values' spread; infinite where anything is no number or missing.
fn relative_difference(found: &[f32], expected: &[f32]) -> f32 {
    if found.len() != expected.len() || found.iter().chain(expected).any(|value| !value.is_finite()) {
        return f32::INFINITY;
    }
    let (low, high) = expected.iter().fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    worst / (high - low).max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_not_a_number_is_infinitely_wrong() {
        assert_eq!(relative_difference(&[f32::NAN, 1.0], &[0.0, 1.0]), f32::INFINITY);
        assert_eq!(relative_difference(&[0.0, 1.0], &[f32::NAN, 1.0]), f32::INFINITY);
        assert_eq!(relative_difference(&[0.0], &[0.0, 1.0]), f32::INFINITY);
    }

    #[test]
    fn the_difference_is_a_share_of_the_spread() {
        assert_eq!(relative_difference(&[0.5, 4.0], &[0.0, 4.0]), 0.125);
    }
}
