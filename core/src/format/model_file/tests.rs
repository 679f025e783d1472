//! Opening models: the reference files, the errors of the face, shards, and agreement with the reference's own listing.

use std::fs;

use serde_json::Value as Json;

use super::*;
use crate::format::gguf::{TensorSpec, Writer};
use crate::format::{BlockFormat, Value};

/// The reference data that travels beside the repository; `None` (and a line that says so) where it is not there.
fn shared() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared"));
    let path = std::env::var_os("MINNOW_SHARED").map_or_else(beside, PathBuf::from).join("reference");
    let there = path.is_dir();
    if !there {
        println!("skipped: no reference data (set MINNOW_SHARED)");
    }
    there.then_some(path)
}

fn write_gguf(path: &Path, metadata: &Metadata) {
    let spec = TensorSpec { name: "w".into(), format: BlockFormat::F32, shape: vec![2, 4] };
    let mut writer = Writer::new(fs::File::create(path).unwrap(), path, metadata, &[spec]).unwrap();
    writer.write_tensor("w", [Ok([7u8; 32])]).unwrap();
    writer.finish().unwrap();
}

const CONFIG: &str = r#"{"model_type":"llama","vocab_size":3,"hidden_size":4,"intermediate_size":5,"num_hidden_layers":1,
    "num_attention_heads":1,"max_position_embeddings":8}"#;

fn safetensors_file(name: &str, fill: u8) -> Vec<u8> {
    let header = format!(r#"{{"{name}":{{"dtype":"F16","shape":[3],"data_offsets":[0,6]}}}}"#);
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend([fill; 6]);
    file
}

#[test]
fn opens_a_gguf_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gguf");
    write_gguf(&path, &Metadata::from_entries([("general.architecture", Value::from("llama"))]));
    let file = ModelFile::open(&path).unwrap();
    assert_eq!((file.kind(), file.path()), (FileKind::Gguf, &*path));
    assert_eq!(file.metadata().unwrap().require_str("general.architecture").unwrap(), "llama");
    assert!(file.config().is_none());
    let tensor = file.require("w", &[2, 4]).unwrap();
    assert_eq!(file.data(tensor)[..], [7; 32]);
    assert_eq!(file.tensors().len(), 1);
    assert!(file.tensor("v").is_none());
    let foreign = TensorInfo { offset: u64::MAX, shard: 3, ..tensor.clone() };
    assert!(file.data(&foreign).is_empty());
    assert!(file.data(&TensorInfo { shard: 0, ..foreign }).is_empty());
}

#[test]
fn a_missing_tensor_or_wrong_shape_is_named_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gguf");
    write_gguf(&path, &Metadata::default());
    let file = ModelFile::open(&path).unwrap();
    let message = |name: &str, shape: &[usize]| file.require(name, shape).unwrap_err().to_string();
    let place = path.display();
    assert_eq!(message("w", &[4, 2]), format!("expected a tensor of shape [4, 2], found [2, 4] ({place}, w)"));
    assert_eq!(message("v", &[4]), format!("a required tensor is missing, expected shape [4] ({place}, v)"));
}

#[test]
fn errors_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gguf");
    fs::write(&path, b"GGUF\x03\0\0\0").unwrap();
    assert_eq!(
        ModelFile::open(&path).unwrap_err().to_string(),
        format!(
            "the tensor count needs 8 bytes, the file has 0 left: download it again ({}, header, byte 8)",
            path.display()
        )
    );
    assert!(matches!(ModelFile::open(folder.path().join("absent")), Err(Error::Io { .. })));
    let error = ModelFile::open(folder.path()).unwrap_err().to_string();
    assert!(error.starts_with("can't read: ") && error.contains("config.json"), "{error}");
}

#[test]
fn a_split_gguf_model_is_refused_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gguf");
    write_gguf(&path, &Metadata::from_entries([("split.count", Value::U16(3))]));
    assert_eq!(
        ModelFile::open(&path).unwrap_err().to_string(),
        "a GGUF model that is split into 3 files (join them with llama.cpp's gguf-split --merge)"
    );
}

#[test]
fn opens_a_folder_with_one_weights_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), CONFIG).unwrap();
    fs::write(folder.path().join("model.safetensors"), safetensors_file("w", 1)).unwrap();
    let file = ModelFile::open(folder.path()).unwrap();
    assert_eq!((file.kind(), file.config().unwrap().hidden_size), (FileKind::Safetensors, Some(4)));
    assert!(file.metadata().is_none());
    assert_eq!(file.data(file.require("w", &[3]).unwrap())[..], [1; 6]);
    let error = ModelFile::open(folder.path().join("model.safetensors")).unwrap_err().to_string();
    assert_eq!(error, "a safetensors file alone (give the folder that also holds its config.json)");
    fs::write(folder.path().join("config.json"), r#"{"hidden_size":"many"}"#).unwrap();
    let error = ModelFile::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("expected usize") && error.contains("config.json)"), "{error}");
}

#[test]
fn opens_a_folder_with_shards() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
    write("config.json", CONFIG.as_bytes());
    write("1.safetensors", &safetensors_file("a", 1));
    write("2.safetensors", &safetensors_file("b", 2));
    let index = |map: &str| write(INDEX_FILE, format!(r#"{{"weight_map":{{{map}}}}}"#).as_bytes());
    let error = || ModelFile::open(folder.path()).unwrap_err().to_string();

    index(r#""a":"1.safetensors","b":"2.safetensors""#);
    let file = ModelFile::open(folder.path()).unwrap();
    assert_eq!(file.data(file.tensor("a").unwrap())[..], [1; 6]);
    assert_eq!(file.data(file.tensor("b").unwrap())[..], [2; 6]);

    index(r#""a":"1.safetensors","b":"2.safetensors","c":"2.safetensors""#);
    assert!(error().starts_with("tensor c is in no file ("), "{}", error());
    index(r#""a":"1.safetensors","c":"2.safetensors""#);
    assert!(error().starts_with("the index does not assign this tensor to this file"), "{}", error());
    index(r#""a":"1.safetensors","b":"3.safetensors""#);
    assert!(error().starts_with("can't read: "), "{}", error());
}

#[test]
fn opens_every_reference_model() {
    let Some(shared) = shared() else { return };
    let (mut gguf, mut folders) = (0, 0);
    for folder in fs::read_dir(shared.join("tiny")).unwrap() {
        let folder = folder.unwrap().path();
        let model = ModelFile::open(&folder).unwrap();
        let hidden_size = model.config().unwrap().hidden_size.unwrap();
        assert!(model.require("model.embed_tokens.weight", &[320, hidden_size]).is_ok());
        folders += 1;
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "gguf") {
                let file = ModelFile::open(&path).unwrap();
                assert_eq!(file.metadata().unwrap().strings("tokenizer.ggml.tokens").unwrap().unwrap().len(), 320);
                assert!(file.require("token_embd.weight", &[320, hidden_size]).is_ok());
                gguf += 1;
            }
        }
    }
    assert!(gguf >= 15 && folders >= 9, "{gguf} files, {folders} folders");
}

/// The real models are not part of any repository; whoever has one in the store's folder gets this check.
#[test]
fn a_real_model_agrees_with_the_reference_listing() {
    let Some(shared) = shared() else { return };
    for listing in fs::read_dir(shared.join("models")).unwrap() {
        let listing: Json = serde_json::from_slice(&fs::read(listing.unwrap().path()).unwrap()).unwrap();
        let name = listing["file"].as_str().unwrap();
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let path = home.join(".cache/minnow/models").join(name);
        if !path.is_file() {
            println!("skipped: {name} is not in the model store");
            continue;
        }
        let file = ModelFile::open(&path).unwrap();
        let tensors = listing["tensors"].as_array().unwrap();
        assert_eq!(file.tensors().len(), tensors.len());
        for (found, expected) in file.tensors().iter().zip(tensors) {
            let ne: Vec<u64> = found.shape.iter().rev().map(|&dim| dim as u64).collect();
            assert_eq!(found.name, expected["name"]);
            assert_eq!(Json::from(ne), expected["ne"], "{}", found.name);
            assert_eq!(found.format.name(), expected["type"], "{}", found.name);
            assert_eq!((found.bytes as u64, found.offset), (number(&expected["bytes"]), number(&expected["offset"])));
        }
        let metadata = file.metadata().unwrap();
        let keys = listing["metadata"].as_object().unwrap();
        for (key, expected) in keys.iter().filter(|(key, _)| !key.starts_with("GGUF.")) {
            let found = metadata.get(key).unwrap_or_else(|| panic!("{key} is missing"));
            assert!(agrees(found, expected), "{key}: {found:.60?} is not {expected:.60}");
        }
        assert_eq!(metadata.len(), keys.keys().filter(|key| !key.starts_with("GGUF.")).count());
    }
}

fn number(json: &Json) -> u64 {
    json.as_u64().unwrap()
}

/// The listing gives lists in full, or as their length and first items.
fn agrees(found: &Value, expected: &Json) -> bool {
    match found {
        Value::String(text) => expected == text.as_str(),
        Value::Bool(flag) => expected == flag,
        Value::Array(array) => {
            let whole = expected.as_array();
            let first = whole.or_else(|| expected["first"].as_array()).unwrap();
            let len = if whole.is_some() { first.len() as u64 } else { number(&expected["list_len"]) };
            let items: Vec<Value> = match array.strings() {
                Some(strings) => strings.take(first.len()).map(Value::from).collect(),
                None => array.scalars().unwrap().take(first.len()).collect(),
            };
            array.len() as u64 == len && items.iter().zip(first).all(|(found, expected)| agrees(found, expected))
        }
        number => match number.as_integer() {
            Some(integer) => expected.as_i64() == i64::try_from(integer).ok(),
            None => expected.as_f64() == number.as_float(),
        },
    }
}
