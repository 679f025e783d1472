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
        let stderr = text(&output.stderr);
        assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "{line:?}: {stderr}");
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

/// A model with random weights and a byte-level vocabulary of 320 tokens.
const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/tiny/smollm2/smollm2.q8_0.gguf");

/// Runs a command on the tiny model on the CPU and returns what `--json` printed.
fn json(arguments: &[&str]) -> serde_json::Value {
    let output = minnow(&[arguments, &["--model", TINY, "--device", "cpu", "--json"]].concat());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{arguments:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

fn fields(value: &serde_json::Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn inspect_shows_the_tensors() {
    let value = json(&["inspect"]);
    assert_eq!(value["architecture"], "llama");
    assert_eq!(value["context"], 512);
    assert!(value["parameters"].as_u64().unwrap() > 100_000);
    assert_eq!(fields(&value["tensors"][0]).len(), 3);
    assert!(value["tensors"].as_array().unwrap().iter().any(|tensor| tensor["type"] == "Q8_0"));
}

#[test]
fn tokenize_recognises_special_tokens_only_when_asked() {
    let ids = |arguments: &[&str]| json(arguments)["ids"].as_array().unwrap().len();
    let text = "<|im_start|>";
    assert_eq!(ids(&["tokenize", "--special", text]), 1);
    assert!(ids(&["tokenize", text]) > 1);
    let value = json(&["tokenize", "Hi"]);
    let pieces: String = value["pieces"].as_array().unwrap().iter().map(|piece| piece.as_str().unwrap()).collect();
    assert_eq!(pieces, "Hi");
}

#[test]
fn logits_come_whole_or_as_the_largest() {
    let whole = json(&["logits", "--ids", "1,2,3"]);
    assert_eq!(fields(&whole), ["argmax", "last_logits"]);
    assert_eq!(whole["last_logits"].as_array().unwrap().len(), 320);
    let top = json(&["logits", "--ids", "1,2,3", "--top", "5", "--all"]);
    assert_eq!(top["argmax"].as_array().unwrap().len(), 3);
    assert_eq!(top["top"]["ids"].as_array().unwrap().len(), 5);
    assert_eq!(top["top"]["ids"][0], top["argmax"][2]);
    assert!(top["logsumexp"].as_f64().unwrap() > top["top"]["logits"][0].as_f64().unwrap());
}

#[test]
fn generate_repeats_with_the_same_seed() {
    let run = |seed: &str| {
        json(&["generate", "--ids", "72,101", "--max-new", "12", "--temperature", "1.5", "--seed", seed])["ids"].clone()
    };
    assert_eq!(run("1"), run("1"));
    assert_ne!(run("1"), run("2"));
    let greedy = json(&["generate", "--prompt", "Hi", "--max-new", "3"]);
    for field in ["ids", "text", "finish", "prefill_tokens", "prefill_s", "decode_tokens", "decode_s", "first_token_s"]
    {
        assert!(!greedy[field].is_null(), "{field}");
    }
    assert_eq!(json(&["generate", "--prompt", "Hi", "--max-new", "0"])["finish"], "length");
}

#[test]
fn generate_holds_a_schema() {
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema.json");
    std::fs::write(&schema, r#"{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"]}"#).unwrap();
    let schema = schema.to_str().unwrap();
    let value = json(&["generate", "--ids", "72", "--max-new", "40", "--schema", schema]);
    let answer: serde_json::Value = serde_json::from_str(value["text"].as_str().unwrap()).unwrap();
    assert!(answer["ok"].is_boolean(), "{answer}");
}

#[test]
fn classify_and_perplexity_have_their_fields() {
    let value = json(&["classify", "--labels", "a, b", "some text"]);
    for field in ["label", "confidence", "scores", "served_by"] {
        assert!(value.get(field).is_some(), "{field}");
    }
    assert_eq!(value["scores"].as_array().unwrap().len(), 2);
    let folder = tempfile::tempdir().unwrap();
    let ids = folder.path().join("ids.txt");
    std::fs::write(&ids, "[1, 2, 3,\n4]").unwrap();
    assert_eq!(json(&["perplexity", "--ids-file", ids.to_str().unwrap()])["tokens"], 4);
}

#[test]
#[cfg(target_os = "linux")]
fn without_a_vulkan_driver_the_cpu_serves() {
    let run = |device: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_minnow"));
        command.args(["logits", "--ids", "1,2", "--top", "1", "--json", "--model", TINY, "--device", device]);
        // what the Vulkan loader asks: these name no driver
        command.env("VK_DRIVER_FILES", "/nonexistent").env("VK_ICD_FILENAMES", "/nonexistent");
        command.stdin(Stdio::null()).output().unwrap()
    };
    let output = run("auto");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let output = run("gpu");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), "error: no Vulkan GPU was found (gpu)\n"));
}

#[test]
fn what_a_model_can_not_do_is_one_line_and_exit_1() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.gguf");
    std::fs::write(&broken, &std::fs::read(TINY).unwrap()[..5000]).unwrap();
    let broken = broken.to_str().unwrap();
    let lines: [&[&str]; 5] = [
        &["logits", "--model", TINY, "--ids", "320"],
        &["generate", "--model", TINY, "--chat", "--prompt", "Hi", "--ids-file", "x"],
        &["inspect", "--model", broken],
        &["chat", "--model", broken],
        &["schedule", "--model", TINY, "--now", "noon", "--zone", "UTC", "tomorrow"],
    ];
    for (line, code) in lines.into_iter().zip([1, 2, 1, 1, 1]) {
        let output = minnow(&[line, &["--device", "cpu"]].concat());
        assert_eq!(output.status.code(), Some(code), "{line:?}: {output:?}");
        assert_eq!(text(&output.stdout), "", "{line:?}");
        let stderr = text(&output.stderr);
        assert!(code == 2 || (stderr.lines().count() == 1 && stderr.ends_with(")\n")), "{line:?}: {stderr}");
    }
}

#[test]
fn quantize_writes_a_file_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.gguf");
    let out = out.to_str().unwrap();
    let output = minnow(&["quantize", "--in", TINY, "--out", out, "--type", "q4_1", "--json"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let written: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(fields(&written), ["bytes", "type_counts"]);
    assert_eq!(written["bytes"].as_u64().unwrap(), std::fs::metadata(out).unwrap().len());
    assert!(written["type_counts"]["Q4_1"].as_u64().unwrap() > 7);
    let output = minnow(&["logits", "--model", out, "--device", "cpu", "--ids", "1,2,3", "--top", "1", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = minnow(&["quantize", "--in", TINY, "--out", out, "--type", "q4_k"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no whole number of Q4_K blocks"), "{}", text(&output.stderr));
}

#[test]
fn a_zone_is_a_name_or_an_offset() {
    for zone in ["Europe/London", "UTC", "-02:00", "+05:30"] {
        let value = json(&["schedule", "--now", "2026-11-24T09:30", "--zone", zone, "Lunch tomorrow at 10:30 am"]);
        assert_eq!(value["events"][0]["start"], "2026-11-25T10:30:00", "{zone}");
    }
    let output =
        minnow(&["schedule", "--now", "2026-11-24T09:30", "--zone", "Atlantis", "--model", TINY, "Lunch tomorrow"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no such IANA time zone or offset"), "{}", text(&output.stderr));
}

#[test]
fn a_batch_answers_each_row_in_its_own_zone() {
    let folder = tempfile::tempdir().unwrap();
    let (rows, out) = (folder.path().join("rows.jsonl"), folder.path().join("out.jsonl"));
    let row = |id: &str, text: &str| {
        serde_json::json!({"id": id, "text": text, "reference_time": "2026-11-24T09:30:00", "timezone": "-02:00"})
            .to_string()
    };
    let texts = [("a", "Lunch tomorrow at 10:30 am"), ("b", "Thanks, that was all."), ("c", "On 30 February 2027")];
    std::fs::write(&rows, texts.map(|(id, text)| row(id, text)).join("\n")).unwrap();
    let done = json(&["batch", "scheduling_en", "--in", rows.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert_eq!(fields(&done), ["rows", "seconds", "p50_ms", "p95_ms"]);
    let written = std::fs::read_to_string(&out).unwrap();
    let answers: Vec<serde_json::Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = serde_json::json!({
        "id": "a", "start": "2026-11-25T10:30:00", "end": null, "all_day": false, "rrule": null
    });
    assert_eq!(answers[0], expected);
    assert_eq!(answers[1], serde_json::json!({"id": "b", "event": null}));
    assert_eq!(answers[2], serde_json::json!({"id": "c", "event": null}), "a date that is on no calendar");
    std::fs::write(&rows, r#"{"id": "a", "text": "Lunch"}"#).unwrap();
    let (rows, out) = (rows.to_str().unwrap(), out.to_str().unwrap());
    let output = minnow(&["batch", "scheduling_en", "--in", rows, "--out", out, "--model", TINY, "--device", "cpu"]);
    assert!(text(&output.stderr).starts_with("error: a row has no reference_time"), "{}", text(&output.stderr));
}

#[test]
fn a_head_is_trained_corrected_and_used() {
    const ENCODER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/tiny/bert");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, rows: &[(&str, &str)]| {
        let path = folder.path().join(name);
        let lines = rows.iter().map(|(text, label)| serde_json::json!({"text": text, "label": label}).to_string());
        std::fs::write(&path, lines.collect::<Vec<_>>().join("\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let rows =
        file("rows", &[("hello there", "a"), ("good morning", "a"), ("the card is lost", "b"), ("my money", "b")]);
    let correction = file("correction", &[("the branch is open", "c")]);
    let head = folder.path().join("head");
    let head = head.to_str().unwrap();
    // an encoder, and a chat model in the place of one
    for model in [ENCODER, TINY] {
        let run = |arguments: &[&str]| -> serde_json::Value {
            let output = minnow(&[arguments, &["--model", model, "--device", "cpu", "--json"]].concat());
            assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{arguments:?}");
            serde_json::from_slice(&output.stdout).unwrap()
        };
        let trained = run(&["train-head", "--train", &rows, "--out", head]);
        for field in ["labels", "examples", "cross_validated_accuracy", "seconds", "bytes"] {
            assert!(trained.get(field).is_some(), "{field}");
        }
        assert_eq!((&trained["labels"], &trained["examples"]), (&2.into(), &4.into()));
        let learned = run(&["train-head", "--head", head, "--train", &correction, "--out", head]);
        assert_eq!((&learned["labels"], &learned["examples"]), (&3.into(), &5.into()));
        let answer = run(&["classify", "--head", head, "--evidence", "the branch is open"]);
        assert_eq!(answer["label"], "c", "{answer}");
        assert!(answer["evidence"].as_array().is_some_and(|evidence| !evidence.is_empty()), "{answer}");
    }
    let output = minnow(&["classify", "--head", head, "--model", ENCODER, "--device", "cpu", "hello"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("trained over another encoder"), "{}", text(&output.stderr));
}

#[test]
fn bench_shape_measures_a_model_that_never_was() {
    let run = ["bench-shape", "--architecture", "llama", "--shape", "smollm2-135m", "--type", "q4_0"];
    let short = ["--prefill", "2", "--decode", "1", "--repeat", "1", "--device", "cpu", "--json"];
    let output = minnow(&[&run[..], &short].concat());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["decode_tps"].as_f64().unwrap() > 0.0);
    assert_eq!(minnow(&[&run[..4], &["none", "--type", "q4_0"]].concat()).status.code(), Some(2));
}
