//! Runs every saved input through its check, on stable Rust and without a fuzzer: `seeds/` is part of the repository, `corpus/`
//! and `artifacts/` are what cargo-fuzz leaves behind.

use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) -> usize {
    let mut inputs = 0;
    for kind in ["seeds", "corpus", "artifacts"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).join(target);
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            check(&std::fs::read(path).unwrap());
            inputs += 1;
        }
    }
    inputs
}

#[test]
fn gguf() {
    assert!(replay("gguf", minnow_fuzz::check_gguf) > 0);
}

#[test]
fn safetensors() {
    assert!(replay("safetensors", minnow_fuzz::check_safetensors) > 0);
}
