//! Random-weight models of each family: logits, argmax at every position and greedy steps of transformers and llama.cpp, on both
//! processors. Made by transformers 5.24.0 and llama.cpp v0.5.0; seeds stand in the files.

use std::collections::BTreeMap;

use minnow::{CancelToken, Engine, GenerateOptions, SessionOptions};
use minnow_tests::{argmax, assert_greedy, cpu, data, differences, gpu, json};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    input_ids: Vec<u32>,
    last_logits: Vec<f32>,
    argmax: Vec<u32>,
    argmax_margin: Vec<f32>,
    greedy_ids: Vec<u32>,
    greedy_margin: Vec<f32>,
}

#[derive(Deserialize)]
struct ExpectedGguf {
    files: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

/// What f32 engines differ by through summation order alone, with room (eager and SDPA attention agree to 3e-5).
const F32_TOLERANCE: f32 = 1e-3;

fn check(engine: &Engine, case: &Case, tolerance: f32, name: &str) {
    let name = format!("{name} {}", case.name);
    let cancel = CancelToken::new();
    let mut session = engine.session(SessionOptions::default().chunk_tokens(48)).unwrap();
    let mut rows = Vec::new();
    session.feed_each(&case.input_ids, &cancel, |_, logits| rows.push(argmax(logits))).unwrap();
    let (max, rms) = differences(session.logits().unwrap(), &case.last_logits);
    println!("{name}: max {max:.6} rms {rms:.6}");
    assert!(max <= tolerance, "{name}: logits differ by {max}");
    for (row, (found, expected)) in rows.iter().zip(&case.argmax).enumerate() {
        assert!(found == expected || case.argmax_margin[row] <= 2.0 * tolerance, "{name}: argmax of row {row}");
    }
    let options = GenerateOptions::default().max_new_tokens(case.greedy_ids.len());
    let answer = session.generate(&options, &cancel, |_| ()).unwrap();
    assert_greedy(&answer.ids, &case.greedy_ids, &case.greedy_margin, 2.0 * tolerance, &name);
}

fn check_checkpoint(family: &str) {
    let expected: Expected = json(&format!("tiny/{family}/expected.json"));
    let folder = data(&format!("tiny/{family}"));
    let engines = [Some(cpu(&folder)), gpu(&folder)];
    for engine in engines.iter().flatten() {
        for case in &expected.cases {
            check(engine, case, F32_TOLERANCE, &format!("{family} {}", engine.device().kind));
        }
    }
}

#[test]
fn llama3_with_its_rope_scaling_agrees() {
    check_checkpoint("llama3");
}

#[test]
fn mistral_with_its_sliding_window_agrees() {
    check_checkpoint("mistral");
}

#[test]
fn smollm2_with_tied_embeddings_agrees() {
    check_checkpoint("smollm2");
}

/// GGUF twins of the checkpoints, against transformers on the dequantised weights: f32 files to summation order; quantised ones on the
/// CPU, which rounds activations to 8 bits, to twice what llama.cpp's own 8-bit path differs by; on the GPU, whose caches are f16, to
/// what rounding keys and values to 11 bits costs (0.005 was measured).
fn check_gguf(family: &str) {
    let inputs: Expected = json(&format!("tiny/{family}/expected.json"));
    let expected: ExpectedGguf = json(&format!("tiny/{family}/expected_gguf.json"));
    for (file, cases) in &expected.files {
        let path = data(&format!("tiny/{family}/{file}"));
        let engines = [Some(cpu(&path)), gpu(&path)];
        for case in &inputs.cases {
            let row = |key: &str| -> Vec<f32> {
                serde_json::from_value(cases[&case.name][key].clone()).unwrap_or_else(|_| panic!("{file} {key}"))
            };
            let llamacpp = row("last_logits");
            let exact =
                if file.ends_with("f32.gguf") { case.last_logits.clone() } else { row("f32_dequant_last_logits") };
            let noise = differences(&llamacpp, &exact).0;
            for engine in engines.iter().flatten() {
                let cancel = CancelToken::new();
                let mut session = engine.session(SessionOptions::default()).unwrap();
                session.feed(&case.input_ids, &cancel).unwrap();
                let (max, rms) = differences(session.logits().unwrap(), &exact);
                let tolerance = match (file.ends_with("f32.gguf"), engine.device().is_gpu()) {
                    (true, _) => F32_TOLERANCE,
                    (false, true) => 0.02,
                    (false, false) => 2.0 * noise,
                };
                let name = format!("{file} {} {}", case.name, engine.device().kind);
                println!("{name}: max {max:.5} rms {rms:.5}, llama.cpp {noise:.5}");
                assert!(max <= tolerance, "{name}: logits differ by {max}, allowed {tolerance}");
            }
        }
    }
}

#[test]
fn llama3_files_agree_in_every_format() {
    check_gguf("llama3");
}

#[test]
fn smollm2_files_agree_in_every_format() {
    check_gguf("smollm2");
}
