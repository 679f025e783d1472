//! Where the suites that cross crates find their data: reference files in `tests/data`, real models in the model store.

#![expect(clippy::expect_used, reason = "only tests call these")]

use std::path::{Path, PathBuf};

use minnow::{DevicePreference, Engine, EngineOptions};
use serde::de::DeserializeOwned;

/// A file or folder under `tests/data`.
pub fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(path)
}

/// A JSON file under `tests/data`.
pub fn json<T: DeserializeOwned>(path: &str) -> T {
    let file = data(path);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Little-endian `f32` values of a file under `tests/data`.
pub fn floats(path: &str) -> Vec<f32> {
    let bytes = std::fs::read(data(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
}

/// SmolLM2-135M-Instruct Q4_1 from the model store, if it is there: `cargo xtask test` fetches it. Says so where it isn't.
pub fn smollm2() -> Option<PathBuf> {
    stored("smollm2-135m-instruct-q4_1")
}

/// The all-MiniLM-L6-v2 encoder from the model store, if it is there: `cargo xtask test` fetches it. Says so where it isn't.
pub fn minilm() -> Option<PathBuf> {
    stored("all-minilm-l6-v2")
}

fn stored(name: &str) -> Option<PathBuf> {
    let path = minnow_models::desktop::store().and_then(|store| store.path(name));
    match path {
        Ok(path) => Some(path),
        Err(error) => {
            println!("skipped: {error} (cargo xtask test fetches the model)");
            None
        }
    }
}

/// Opens a model on the CPU.
pub fn cpu(path: impl AsRef<Path>) -> Engine {
    open(path, DevicePreference::Cpu).expect("the model opens on the CPU")
}

/// Opens a model on the GPU path, a software adapter included. Says so where there is no adapter.
pub fn gpu(path: impl AsRef<Path>) -> Option<Engine> {
    match open(path, DevicePreference::Gpu) {
        Ok(engine) => Some(engine),
        Err(minnow::Error::Device { what, .. }) => {
            println!("skipped: {what} (install mesa-vulkan-drivers for a software one)");
            None
        }
        Err(error) => panic!("the model opens on the GPU: {error}"),
    }
}

fn open(path: impl AsRef<Path>, device: DevicePreference) -> minnow::Result<Engine> {
    Engine::open(path, EngineOptions::default().device(device))
}

/// Largest and root mean square difference of two rows.
pub fn differences(found: &[f32], expected: &[f32]) -> (f32, f32) {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().all(|value| value.is_finite()), "a logit is no number");
    let squares = found.iter().zip(expected).map(|(a, b)| (a - b) * (a - b));
    let rms = (squares.sum::<f32>() / found.len().max(1) as f32).sqrt();
    (found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max), rms)
}

/// Index of the largest value; of equal ones, the lowest.
pub fn argmax(values: &[f32]) -> u32 {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best as u32
}

/// Checks a greedy continuation against a golden one: they must be equal up to the first step whose margin (largest less second
/// largest logit) is within `tolerance`, where rounding may choose otherwise and everything after it may differ.
pub fn assert_greedy(found: &[u32], expected: &[u32], margins: &[f32], tolerance: f32, name: &str) {
    for (step, (expected, margin)) in expected.iter().zip(margins).enumerate() {
        if found.get(step) != Some(expected) {
            assert!(
                *margin <= tolerance,
                "{name}: step {step} chose {:?}, not {expected}, at a margin of {margin}",
                found.get(step)
            );
            return;
        }
    }
}
