//! Runs every saved input, and damaged copies of it, through its check, on stable Rust and without a fuzzer: `seeds/` is part of the repository, `corpus/`
//! and `artifacts/` are what cargo-fuzz leaves behind.

use std::path::Path;

/// Damaged copies of each seed.
const COPIES: u64 = 200;

fn replay(target: &str, check: fn(&[u8])) -> usize {
    let mut inputs = 0;
    for kind in ["seeds", "corpus", "artifacts"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).join(target);
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            let input = std::fs::read(path).unwrap();
            check(&input);
            for copy in 0..COPIES {
                check(&damaged(input.clone(), copy));
            }
            inputs += 1;
        }
    }
    inputs
}

/// A few bytes changed, or the end cut off: the same ones each time.
fn damaged(mut input: Vec<u8>, copy: u64) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15 ^ copy;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit.max(1)
    };
    for _ in 0..1 + below(4) {
        // what counts is mostly said at the beginning
        let reach = if below(2) == 0 { input.len() } else { input.len().min(1024) };
        let at = below(reach);
        if let Some(byte) = input.get_mut(at) {
            *byte = below(256) as u8;
        }
    }
    if below(8) == 0 {
        input.truncate(below(input.len()));
    }
    input
}

#[test]
fn gguf() {
    assert!(replay("gguf", minnow_fuzz::check_gguf) > 0);
}

#[test]
fn safetensors() {
    assert!(replay("safetensors", minnow_fuzz::check_safetensors) > 0);
}

#[test]
fn head() {
    assert!(replay("head", minnow_fuzz::check_head) > 0);
}
