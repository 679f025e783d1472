//! What scripts rely on: exit codes, one line on stderr, JSON on stdout. No network, and a model store of its own.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output, Stdio};

fn minnow(arguments: &[&str]) -> Output {
    let cache = tempfile::tempdir().unwrap();
    minnow_in(cache.path(), arguments)
}

fn minnow_in(cache: &std::path::Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_minnow"));
    command.args(arguments).env("MINNOW_CACHE", cache).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn models_list_has_the_promised_fields() {
    let output = minnow(&["models", "list", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let smollm = &rows[0];
    assert_eq!(smollm["name"], "smollm2-135m-instruct-q4_1");
    assert_eq!(smollm["architecture"], "llama");
    assert_eq!(smollm["quantisation"], "Q4_1");
    assert_eq!(smollm["bytes"], 98_362_432);
    assert_eq!(smollm["licence"], "Apache-2.0");
    assert_eq!(smollm["state"], "downloadable");
    assert_eq!(smollm.as_object().unwrap().len(), 6);
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn models_list_for_people_has_a_line_per_model() {
    let output = minnow(&["models", "list"]);
    assert_eq!(text(&output.stdout).lines().count(), 3);
    assert!(text(&output.stdout).starts_with("smollm2-135m-instruct-q4_1  llama   Q4_1"), "{output:?}");
}

#[test]
fn a_failed_operation_is_one_line_and_exit_1() {
    let output = minnow(&["models", "fetch", "no\nsuch\u{1b}[2Jmodel"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("error: no model is called "), "{stderr}");
    assert!(stderr.ends_with(" (model catalogue)\n") && !stderr.contains('\u{1b}'), "{stderr}");
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn wrong_usage_is_exit_2() {
    let lines: [&[&str]; 6] = [
        &[],
        &["models"],
        &["models", "fetch"],
        &["swim"],
        &["models", "list", "--device", "abacus"],
        &["models", "list", "--threads", "0"],
    ];
    for line in lines {
        let output = minnow(line);
        assert_eq!(output.status.code(), Some(2), "{line:?}");
        assert_eq!(text(&output.stdout), "", "{line:?}");
        assert!(!output.stderr.is_empty(), "{line:?}");
    }
}

#[test]
fn help_and_version_are_exit_0() {
    for flag in ["--help", "--version"] {
        let output = minnow(&[flag]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("minnow"));
    }
}

#[test]
fn verify_names_the_damaged_file() {
    let cache = tempfile::tempdir().unwrap();
    let output = minnow_in(cache.path(), &["models", "verify", "--json"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "[]\n"));

    let output = minnow_in(cache.path(), &["models", "verify", "smollm2-135m-instruct-q4_1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("is not stored, fetch it first"), "{output:?}");

    std::fs::create_dir(cache.path().join("models")).unwrap();
    std::fs::write(cache.path().join("models/SmolLM2-135M-Instruct.Q4_1.gguf"), b"GGUF").unwrap();
    let output = minnow_in(cache.path(), &["models", "verify", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(
        stderr.starts_with("error: it has 4 bytes where the catalogue says 98362432, fetch it again ("),
        "{stderr}"
    );
    assert!(stderr.ends_with("SmolLM2-135M-Instruct.Q4_1.gguf)\n"), "{stderr}");
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(rows[0]["state"], "downloadable");
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let cache = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_minnow"));
    command.args(["models", "list"]).env("MINNOW_CACHE", cache.path()).stdin(Stdio::null());
    let output = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}
