//! Damaged model files, opened as an app would: an error that says where, never a panic, never a read outside the file.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use minnow::{CancelToken, DevicePreference, Engine, EngineOptions, Error, SessionOptions};
use minnow_tests::data;

fn open(path: &Path) -> Result<Engine, Error> {
    let options = EngineOptions::default().device(DevicePreference::Cpu).threads(1);
    catch_unwind(|| Engine::open(path, options)).expect("opening never panics")
}

/// Opens the file and, where that works, runs a few tokens: a file may be damaged in values that no check can know.
fn open_and_run(path: &Path) -> Result<(), Error> {
    let engine = open(path)?;
    catch_unwind(AssertUnwindSafe(|| {
        let mut session = engine.session(SessionOptions::default().context_tokens(8))?;
        session.feed(&[1, 2, 3], &CancelToken::new())
    }))
    .expect("running never panics")
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = fs::read(data("tiny/smollm2/smollm2.q4_0.gguf")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.gguf");
    for length in (1..whole.len()).step_by(997) {
        fs::write(&path, &whole[..length]).unwrap();
        let error = open(&path).expect_err("a cut file is no model");
        assert!(matches!(error, Error::ModelFile { .. }), "{length}: {error}");
        assert!(error.to_string().contains("cut.gguf"), "{error}");
    }
}

#[test]
fn flipped_header_bytes_never_panic() {
    let whole = fs::read(data("tiny/smollm2/smollm2.q4_0.gguf")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flipped.gguf");
    // metadata and tensor table; values and weights follow
    for at in (0..whole.len().min(16_000)).step_by(61) {
        for bits in [0x01, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] ^= bits;
            fs::write(&path, &damaged).unwrap();
            if let Err(error) = open_and_run(&path) {
                // the engine catches what unwinds below it: that would be a bug, too
                let caught = matches!(&error, Error::Device { what, .. } if what.contains("library failed"));
                assert!(!caught && !matches!(error, Error::Internal { .. }), "byte {at} with {bits:#x}: {error}");
            }
        }
    }
}

#[test]
fn weights_that_are_no_numbers_are_an_error() {
    // every scale is a NaN
    let mut whole = fs::read(data("tiny/smollm2/smollm2.q4_0.gguf")).unwrap();
    let from = whole.len() - 60_000;
    whole[from..].fill(0xff);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ones.gguf");
    fs::write(&path, &whole).unwrap();
    let error = open_and_run(&path).unwrap_err();
    assert!(error.to_string().contains("no numbers"), "{error}");
}

#[test]
fn what_is_no_model_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    for path in [
        folder.path().join("absent.gguf"),
        file("empty.gguf", b""),
        file("text.gguf", b"this is a letter, not a model"),
        folder.path().to_path_buf(),
    ] {
        let error = open(&path).expect_err("no model");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn a_checkpoint_with_a_damaged_config_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let source = data("tiny/smollm2");
    fs::copy(source.join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
    let config = fs::read_to_string(source.join("config.json")).unwrap();
    for (key, value) in [
        ("hidden_size", "0"),
        ("hidden_size", "128"),
        ("num_attention_heads", "7"),
        ("num_attention_heads", "-1"),
        ("num_key_value_heads", "4294967296"),
        ("num_hidden_layers", "3"),
        ("num_hidden_layers", "1e9"),
        ("vocab_size", "321"),
        ("rms_norm_eps", "-1.0"),
        ("max_position_embeddings", "0"),
        ("model_type", "\"gpt9\""),
    ] {
        let mut changed: serde_json::Value = serde_json::from_str(&config).unwrap();
        changed[key] = serde_json::from_str(value).unwrap();
        fs::write(folder.path().join("config.json"), changed.to_string()).unwrap();
        let error = open(folder.path()).expect_err(key);
        assert!(matches!(error, Error::ModelFile { .. } | Error::Unsupported { .. }), "{key} {value}: {error:?}");
    }
}
