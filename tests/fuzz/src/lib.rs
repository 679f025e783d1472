//! What holds for any bytes: one function a parser. The fuzz targets call them with new inputs, `tests/replay.rs` with saved ones.

use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use minnow::format::{TensorInfo, Value, gguf, safetensors};
use minnow::{CancelToken, Classifier, ClassifyOptions, DevicePreference, Encoder, EncoderOptions};

/// GGUF: refused, or every tensor lies inside the file and every value can be read.
pub fn check_gguf(data: &[u8]) {
    let file = Bytes::copy_from_slice(data);
    let Ok(parsed) = gguf::parse(file.clone()) else { return };
    check_tensors(&parsed.tensors, file.len());
    for (key, value) in parsed.metadata.iter() {
        assert!(parsed.metadata.get(key).is_some_and(|found| std::ptr::eq(found, value)), "{key}");
        if let Value::Array(array) = value {
            let read = array.strings().map(Iterator::count).or_else(|| array.scalars().map(Iterator::count));
            assert_eq!(read.unwrap_or(array.len()), array.len(), "{key}");
        }
    }
}

/// safetensors: refused, or every tensor lies inside the file.
pub fn check_safetensors(data: &[u8]) {
    let file = Bytes::copy_from_slice(data);
    if let Ok(tensors) = safetensors::parse(&file) {
        check_tensors(&tensors, file.len());
    }
}

/// The head of a classifier: refused, or it classifies, with probabilities that are some.
pub fn check_head(data: &[u8]) {
    static ENCODER: LazyLock<Encoder> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/tiny/bert");
        let options = EncoderOptions::default().device(DevicePreference::Cpu).threads(1);
        Encoder::open(folder, options).expect("the tiny encoder opens")
    });
    let path = std::env::temp_dir().join(format!("minnow-fuzz-{}.head", std::process::id()));
    std::fs::write(&path, data).expect("there is a folder for temporary files");
    let cancel = CancelToken::new();
    let Ok(classifier) = Classifier::load(&ENCODER, &path, &cancel) else { return };
    let labels = classifier.labels().len();
    for options in [ClassifyOptions::default(), ClassifyOptions::default().accuracy(0.9).refused(0.5)] {
        let answer = classifier.classify("hello there", &options, &cancel).expect("a head that was read classifies");
        let sum: f32 = answer.scores.iter().map(|score| score.probability).sum();
        assert!(answer.scores.len() == labels && (sum - 1.0).abs() < 1e-3, "{sum} over {labels} labels");
    }
    classifier.save(&path).expect("a head that was read can be written");
    Classifier::load(&ENCODER, &path, &cancel).expect("and read again");
}

fn check_tensors(tensors: &[TensorInfo], file_bytes: usize) {
    for tensor in tensors {
        assert!(tensor.end() <= file_bytes as u64, "{}", tensor.name);
        let row = tensor.format.row_bytes(tensor.cols());
        assert_eq!(row.and_then(|row| row.checked_mul(tensor.rows())), Some(tensor.bytes), "{}", tensor.name);
    }
}
