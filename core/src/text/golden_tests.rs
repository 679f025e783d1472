//! Ids, texts and stop tokens against llama.cpp's.
//!
//! `tests/data/text/` holds what llama.cpp gave (its `README.md` says which version and how). The small vocabularies there
//! always run; those of the real models are too large for the repository, so these tests look for the models where
//! `minnow pull` puts them and pass over those that are missing.

use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::format::{Metadata, gguf, map};

fn data(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "tests", "data", "text", name].iter().collect()
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(data(name)).unwrap()).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

fn metadata(path: &std::path::Path) -> Metadata {
    gguf::parse(map(path).unwrap()).unwrap().metadata
}

/// The metadata of a real model; `None`, with a line that says so, where it is not on this machine.
fn model(file: &str) -> Option<Metadata> {
    let cache = std::env::var_os("MINNOW_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache").join("minnow")));
    let folder = std::env::var_os("MINNOW_MODELS").map(PathBuf::from).or_else(|| Some(cache?.join("models")));
    let path = folder?.join(file);
    if !path.is_file() {
        println!("skipped: {file} is not here (`minnow pull` fetches it)");
        return None;
    }
    Some(metadata(&path))
}

/// Every case of a file in the form of the reference: plain, with special tokens, and back to bytes.
fn check_cases(tokenizer: &Tokenizer, cases: &Value) {
    for case in cases.as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let plain = tokenizer.encode(text, SpecialTokens::AsText).unwrap();
        assert_eq!(plain, ids(&case["ids_plain"]), "as text: {text:?}");
        assert!(!plain.iter().any(|&id| tokenizer.is_special(id)), "{text:?}");
        let special = tokenizer.encode(text, SpecialTokens::Recognise).unwrap();
        assert_eq!(special, ids(&case["ids_parse_special"]), "with special tokens: {text:?}");
        if let Some(hex) = case["detok_hex"].as_str() {
            let found: String = tokenizer.decode_bytes(&plain).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(found, hex, "back to bytes: {text:?}");
        }
        if let Some(with_bos) = case.get("ids_add_special") {
            let bos = tokenizer.bos().filter(|_| tokenizer.add_bos());
            assert_eq!(bos.into_iter().chain(plain).collect::<Vec<_>>(), ids(with_bos), "{text:?}");
        }
    }
}

#[test]
fn small_vocabularies_give_the_ids_of_llama_cpp() {
    for entry in json("small.json").as_array().unwrap() {
        let mut metadata = metadata(&data(entry["file"].as_str().unwrap()));
        for (key, value) in entry["set"].as_object().unwrap() {
            match value {
                Value::String(text) => metadata.insert(key.as_str(), text.as_str()),
                other => metadata.insert(key.as_str(), other.as_bool().unwrap()),
            };
        }
        println!("{} {}", entry["file"], entry["set"]);
        check_cases(&Tokenizer::from_gguf(&metadata).unwrap(), &entry["cases"]);
    }
}

#[test]
fn the_toy_tokenizer_gives_the_ids_of_llama_cpp() {
    let tokenizer = Tokenizer::from_gguf(&metadata(&data("toy.gguf"))).unwrap();
    for case in json("toy.json").as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        assert_eq!(tokenizer.encode(text, SpecialTokens::Recognise).unwrap(), ids(&case["ids"]), "{text:?}");
        assert_eq!(tokenizer.decode(&ids(&case["ids"])), text);
    }
    assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.vocabulary_size()), (Some(316), Some(318), 320));
    assert_eq!(tokenizer.stop_ids(), [317, 318]);
    assert!(tokenizer.check_vocabulary(320).is_ok());
    assert_eq!(
        tokenizer.check_vocabulary(319).unwrap_err().to_string(),
        "expected an embedding row for each of 320 tokens, found 319 rows (tokenizer.ggml.tokens)"
    );
}

#[test]
fn smollm2_gives_the_ids_of_llama_cpp() {
    let Some(metadata) = model("SmolLM2-135M-Instruct.Q4_1.gguf") else { return };
    let tokenizer = Tokenizer::from_gguf(&metadata).unwrap();
    check_cases(&tokenizer, &json("smollm2-135m-instruct.json")["cases"]);
    check_cases(&tokenizer, &json("smollm2-more.json"));
    assert_eq!(tokenizer.stop_ids(), [0, 2, 4]);
    assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.add_bos()), (Some(1), Some(2), false));
    for prompt in json("smollm2-prompts.json").as_array().unwrap() {
        let text = prompt["text"].as_str().unwrap();
        assert_eq!(
            tokenizer.encode(text, SpecialTokens::Recognise).unwrap(),
            ids(&prompt["token_ids"]),
            "{}",
            prompt["name"]
        );
    }
}

#[test]
fn gemma_gives_the_ids_of_llama_cpp() {
    let Some(metadata) = model("gemma-3-270m-q4_k_m.gguf") else { return };
    let tokenizer = Tokenizer::from_gguf(&metadata).unwrap();
    check_cases(&tokenizer, &json("gemma-3-270m-base.json")["cases"]);
    check_cases(&tokenizer, &json("gemma-more.json"));
    assert_eq!(tokenizer.stop_ids(), [1, 106, 212]);
    assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.add_bos()), (Some(2), Some(1), true));
    assert!(ChatTemplate::from_gguf(&metadata).unwrap().is_none());
    for prompt in json("gemma-prompts.json").as_array().unwrap() {
        let text = prompt["text"].as_str().unwrap();
        let bos = tokenizer.bos().into_iter();
        let found: Vec<u32> = bos.chain(tokenizer.encode(text, SpecialTokens::Recognise).unwrap()).collect();
        assert_eq!(found, ids(&prompt["token_ids"]), "{}", prompt["name"]);
    }
}

#[test]
fn smollm2_conversations_render_and_encode_as_in_the_reference() {
    let Some(metadata) = model("SmolLM2-135M-Instruct.Q4_1.gguf") else { return };
    let tokenizer = Tokenizer::from_gguf(&metadata).unwrap();
    let template = ChatTemplate::from_gguf(&metadata).unwrap().unwrap();
    let options = RenderOptions::default().add_generation_prompt(true);
    for prompt in json("smollm2-prompts.json").as_array().unwrap() {
        let messages: Vec<Message> = serde_json::from_value(prompt["messages"].clone()).unwrap();
        assert_eq!(template.render(&messages, &options).unwrap(), prompt["text"], "{}", prompt["name"]);
        let found = template.encode_chat(&tokenizer, &messages, &options).unwrap();
        assert_eq!(found, ids(&prompt["token_ids"]), "{}", prompt["name"]);
    }
}
