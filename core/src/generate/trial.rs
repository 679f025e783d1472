//! Trying a GPU before trusting it: the loaded model runs a few tokens on both processors.
//!
//! Drivers that compute wrong numbers, and GPUs slower than the CPU beside them, are both common on phones; names and version
//! numbers tell neither. So both run the same prompt; the GPU is taken if its logits agree and its decode is faster.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
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

/// Largest difference between a step and its replay: the same kernels on the same numbers.
const SAME: f32 = 1e-4;

/// How a GPU did against the CPU.
pub(super) struct Outcome {
    /// The model on the GPU.
    pub(super) decoder: Arc<dyn Decoder>,
    /// Whether recorded steps may be replayed there.
    pub(super) replays: bool,
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
    let mut replays = replays_agree(&decoder, config, gpu, dtype);
    let mut outcome = run(&decoder, config, gpu, dtype, replays);
    if outcome.is_err() && replays {
        replays = false;
        outcome = run(&decoder, config, gpu, dtype, false);
    }
    let (found, gpu_time) = outcome?;
    let cpu = ComputeDevice::cpu();
    let (expected, cpu_time) = run(&model::load(file, config.clone(), &cpu)?, config, &cpu, dtype, false)?;
    let difference = relative_difference(&found, &expected);
    let agrees = difference <= TOLERANCE;
    let rate = |time: Duration| DECODE as f64 / time.as_secs_f64().max(1e-9);
    let reason = if agrees {
        format!("measured {:.1} tokens/s on the GPU, {:.1} on the CPU", rate(gpu_time), rate(cpu_time))
    } else {
        format!("the GPU's logits are off by {:.0} % of their spread", 100.0 * difference)
    };
    Ok(Outcome { decoder, replays, reason, agrees, gpu: gpu_time, cpu: cpu_time })
}

/// Logits after a short prompt and after each of some decode steps, one after the other, and the time of as many more steps; those are
/// replayed with `replays`.
fn run(
    decoder: &Arc<dyn Decoder>,
    config: &ModelConfig,
    device: &ComputeDevice,
    dtype: DType,
    replays: bool,
) -> Result<(Vec<f32>, Duration)> {
    let mut cache = KvCache::new(config, device, PROMPT + 2 * DECODE, PROMPT, dtype);
    let id = |index: usize| ((index * 7919 + 13) % config.vocab_size) as u32;
    let prompt: Vec<u32> = (0..PROMPT).map(id).collect();
    let hidden = decoder.forward(&decoder.inputs(&prompt, &cache), &mut cache)?;
    let mut logits = to_host(decoder.logits(rows(hidden, PROMPT - 1..PROMPT)), device)?;
    // the first steps compile kernels
    for index in PROMPT..PROMPT + DECODE {
        let last = replays && index + 1 == PROMPT + DECODE;
        let id = id(index);
        let step = if last { cache.record(id, decoder, device) } else { step(id, decoder, device, &mut cache) };
        logits.extend(step?);
    }
    let started = Instant::now();
    for index in PROMPT + DECODE..PROMPT + 2 * DECODE {
        let step = if replays { replay } else { step };
        step(id(index), decoder, device, &mut cache)?;
    }
    Ok((logits, started.elapsed()))
}

fn step(id: u32, decoder: &Arc<dyn Decoder>, device: &ComputeDevice, cache: &mut KvCache) -> Result<Vec<f32>> {
    to_host(decoder.logits(decoder.forward(&decoder.inputs(&[id], cache), cache)?), device)
}

fn replay(id: u32, decoder: &Arc<dyn Decoder>, device: &ComputeDevice, cache: &mut KvCache) -> Result<Vec<f32>> {
    cache.replay(id, decoder, device)?.ok_or_else(|| device.error("the recorded step is of other caches"))
}

/// Whether a step that is replayed gives what a step gives, on a queue of its own. What can't be recorded doesn't.
pub(super) fn replays_agree(
    decoder: &Arc<dyn Decoder>,
    config: &ModelConfig,
    device: &ComputeDevice,
    dtype: DType,
) -> bool {
    let ids = [1, 2, 3, 4].map(|id| id % config.vocab_size as u32);
    let run = || -> Result<f32> {
        let mut caches = [0, 1].map(|_| KvCache::new(config, device, ids.len(), 1, dtype));
        let [usual, recorded] = &mut caches;
        let expected = ids.iter().map(|id| step(*id, decoder, device, usual)).collect::<Result<Vec<_>>>()?.concat();
        let mut found = step(ids[0], decoder, device, recorded)?;
        found.extend(recorded.record(ids[1], decoder, device)?);
        for id in &ids[2..] {
            found.extend(replay(*id, decoder, device, recorded)?);
        }
        Ok(relative_difference(&found, &expected))
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| device.on_another_queue().run(run)));
    let agrees = matches!(outcome, Ok(Ok(difference)) if difference <= SAME);
    tracing::debug!(agrees, "recorded steps");
    agrees
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
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::{self, ThreadId};

    use cubecl_runtime::logging::{LaunchObservation, LaunchObserver};

    use super::*;

    /// Counts the launches of one thread.
    struct Launches {
        thread: ThreadId,
        count: AtomicUsize,
    }

    impl LaunchObserver for Launches {
        fn launched(&self, _: &'static str) {
            if thread::current().id() == self.thread {
                self.count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// A tiny model on the GPU; says so where there is none.
    fn tiny() -> Option<(ComputeDevice, ModelConfig, Arc<dyn Decoder>)> {
        let gpu = match ComputeDevice::gpu(true) {
            Ok(gpu) => gpu,
            Err(error) => {
                println!("skipped: {error}");
                return None;
            }
        };
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/tiny/smollm2/smollm2.q8_0.gguf");
        let file = ModelFile::open(std::path::Path::new(path)).unwrap();
        let config = ModelConfig::from_file(&file).unwrap();
        let decoder = gpu.run(|| model::load(&file, config.clone(), &gpu)).unwrap();
        Some((gpu, config, decoder))
    }

    #[test]
    fn a_decode_step_takes_few_launches() {
        let Some((gpu, config, decoder)) = tiny() else { return };
        gpu.run(|| {
            let mut cache = KvCache::new(&config, &gpu, 8, 1, DType::F32);
            step(1, &decoder, &gpu, &mut cache).unwrap();
            let launches = Arc::new(Launches { thread: thread::current().id(), count: AtomicUsize::new(0) });
            let observed = LaunchObservation::new(launches.clone());
            step(2, &decoder, &gpu, &mut cache).unwrap();
            drop(observed);
            // the embedding, the last norm and the logits are of no layer
            let count = launches.count.load(Ordering::Relaxed);
            println!("{count} launches for {} layers", config.num_hidden_layers);
            assert!((1..=8 * config.num_hidden_layers + 3).contains(&count), "{count} launches");
        });
    }

    #[test]
    fn a_not_a_number_is_infinitely_wrong() {
        assert_eq!(relative_difference(&[f32::NAN, 1.0], &[0.0, 1.0]), f32::INFINITY);
        assert_eq!(relative_difference(&[0.0, 1.0], &[f32::NAN, 1.0]), f32::INFINITY);
        assert_eq!(relative_difference(&[0.0], &[0.0, 1.0]), f32::INFINITY);
    }

    #[test]
    fn steps_are_recorded_wherever_there_is_a_gpu() {
        let Some((gpu, config, decoder)) = tiny() else { return };
        for dtype in [DType::F32, DType::F16] {
            if dtype == DType::F32 || gpu.supports_f16_cache() {
                assert!(replays_agree(&decoder, &config, &gpu, dtype), "{dtype:?}");
            }
        }
    }

    #[test]
    fn the_difference_is_a_share_of_the_spread() {
        assert_eq!(relative_difference(&[0.5, 4.0], &[0.0, 4.0]), 0.125);
    }
}
