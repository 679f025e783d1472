//! Encoders against sentence-transformers: a tiny random one that is checked in, and MiniLM where the model store has it. A chat model's states
//! against transformers.

use minnow::format::BlockFormat;
use minnow::{CancelToken, DevicePreference, Encoder, EncoderOptions, Error, MemoryPressure, SpecialTokens};
use minnow_tests::{cpu, data, floats, gpu, json, minilm, smollm2};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    sentences: Vec<String>,
    /// `[sentences, dimensions]`, each of length 1; or in a file of their own.
    #[serde(default)]
    embeddings: Vec<Vec<f32>>,
}

fn open(path: impl AsRef<std::path::Path>, device: DevicePreference) -> Option<Encoder> {
    match Encoder::open(path, EncoderOptions::default().device(device)) {
        Ok(encoder) => Some(encoder),
        Err(Error::Device { what, .. }) if device == DevicePreference::Gpu => {
            println!("skipped: {what} (install mesa-vulkan-drivers for a software one)");
            None
        }
        Err(error) => panic!("the encoder opens: {error}"),
    }
}

/// Largest `1 - cosine` to what is expected.
fn distance(encoder: &Encoder, golden: &Golden) -> f32 {
    let found = encoder.embed(&golden.sentences, &CancelToken::new(), |_| ()).unwrap();
    assert_eq!(found.len(), golden.sentences.len());
    let cosine = |(a, b): (&Vec<f32>, &Vec<f32>)| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    found.iter().zip(&golden.embeddings).map(|pair| 1.0 - cosine(pair)).fold(0.0, f32::max)
}

#[test]
fn a_tiny_encoder_gives_the_reference_s_embeddings_on_both_processors() {
    let golden: Golden = json("tiny/bert/expected.json");
    for device in [DevicePreference::Cpu, DevicePreference::Gpu] {
        let Some(encoder) = open(data("tiny/bert"), device) else { continue };
        assert_eq!(encoder.max_tokens(), 24);
        let far = distance(&encoder, &golden);
        println!("tiny bert on {}: {far:.1e}", encoder.device().name);
        assert!(far < 1e-5, "{far}");
    }
}

#[test]
fn quantised_the_tiny_encoder_stays_close_and_reads_as_before() {
    let golden: Golden = json("tiny/bert/expected.json");
    let folder = tempfile::tempdir().unwrap();
    let before = open(data("tiny/bert"), DevicePreference::Cpu).unwrap();
    for (format, limit) in [("F32", 1e-5), ("F16", 1e-4), ("Q8_0", 1e-3)] {
        let path = folder.path().join(format!("{format}.gguf"));
        let format = BlockFormat::from_name(format).unwrap();
        minnow::quantize(data("tiny/bert"), &path, format, &mut |_, _| ()).unwrap();
        for device in [DevicePreference::Cpu, DevicePreference::Gpu] {
            let Some(encoder) = open(&path, device) else { continue };
            let far = distance(&encoder, &golden);
            println!("tiny bert {format} on {}: {far:.1e}", encoder.device().name);
            assert!(far < limit, "{format}: {far}");
            for text in &golden.sentences {
                let ids = |encoder: &Encoder| encoder.tokenizer().unwrap().encode(text, SpecialTokens::AsText).unwrap();
                assert_eq!(ids(&encoder), ids(&before));
            }
        }
    }
}

#[test]
fn texts_do_not_see_each_other() {
    let golden: Golden = json("tiny/bert/expected.json");
    let encoder = open(data("tiny/bert"), DevicePreference::Cpu).unwrap();
    let embed = |texts: &[String]| encoder.embed(texts, &CancelToken::new(), |_| ()).unwrap();
    let together = embed(&golden.sentences);
    for (text, among_others) in golden.sentences.iter().zip(together) {
        let alone = embed(std::slice::from_ref(text)).remove(0);
        let apart = alone.iter().zip(&among_others).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-6, "{text:?}: {apart}");
    }
    assert!(embed(&[]).is_empty());
}

#[test]
fn an_encoder_is_cancelled_trimmed_and_refuses_decoders() {
    let encoder = open(data("tiny/bert"), DevicePreference::Cpu).unwrap();
    let text = ["a text"];
    let cancel = CancelToken::new();
    let first = encoder.embed(&text, &cancel, |_| ()).unwrap();
    encoder.trim(MemoryPressure::Critical);
    assert_eq!(encoder.embed(&text, &cancel, |_| ()).unwrap(), first);
    cancel.cancel();
    assert!(matches!(encoder.embed(&text, &cancel, |_| ()), Err(Error::Cancelled)));
    let error = Encoder::open(data("tiny/llama3"), EncoderOptions::default()).unwrap_err().to_string();
    assert!(error.starts_with("architecture `llama` is no encoder"), "{error}");
}

#[test]
fn minilm_gives_sentence_transformers_embeddings() {
    let Some(path) = minilm() else { return };
    let mut golden: Golden = json("golden/all-minilm-l6-v2.json");
    golden.embeddings =
        floats("golden/all-minilm-l6-v2.embeddings.bin").chunks_exact(384).map(<[f32]>::to_vec).collect();
    assert_eq!((golden.sentences.len(), golden.embeddings.len()), (200, 200));
    let encoder = open(&path, DevicePreference::Cpu).unwrap();
    let far = distance(&encoder, &golden);
    let folder = tempfile::tempdir().unwrap();
    let quantised = folder.path().join("q8_0.gguf");
    minnow::quantize(&path, &quantised, BlockFormat::Q8_0, &mut |_, _| ()).unwrap();
    let bytes = std::fs::metadata(&quantised).unwrap().len();
    let of_q8_0 = distance(&open(&quantised, DevicePreference::Cpu).unwrap(), &golden);
    let options = EncoderOptions::default().device(DevicePreference::Cpu).dense_as(BlockFormat::Q8_0);
    let rounded = distance(&Encoder::open(&path, options).unwrap(), &golden);
    println!("MiniLM: {far:.1e}, Q8_0 ({bytes} bytes): {of_q8_0:.1e}, rounded when read: {rounded:.1e}");
    assert!(rounded < 5e-3 && rounded > 1e-5, "{rounded}");
    assert!(far < 1e-5, "{far}");
    // weights and what goes into each product are rounded to 8 bits
    assert!(of_q8_0 < 5e-3, "{of_q8_0}");
    assert!(bytes < 26_000_000, "{bytes}");
}

#[test]
fn a_chat_model_s_states_are_transformers_states() {
    let Some(path) = smollm2() else { return };
    // the mean of the states after 8 of 30 layers
    let golden: Golden = json("golden/smollm2-135m-instruct.states.json");
    let far = distance(&Encoder::from_engine(&cpu(&path)).unwrap(), &golden);
    println!("SmolLM2's states: {far:.1e}");
    // what goes into each product is rounded to 8 bits
    assert!(far < 2e-4, "{far}");
}

#[test]
fn a_chat_model_s_states_are_the_same_on_both_processors() {
    let path = data("tiny/smollm2/smollm2.q4_0.gguf");
    let engine = cpu(&path);
    let encoder = Encoder::from_engine(&engine).unwrap();
    let texts = ["hello there", "", "the quick brown fox", "x"];
    let cancel = CancelToken::new();
    let on_cpu = encoder.embed(&texts, &cancel, |_| ()).unwrap();
    let lengths: Vec<f32> = on_cpu.iter().map(|vector| vector.iter().map(|x| x * x).sum::<f32>().round()).collect();
    assert_eq!(lengths, [1.0, 0.0, 1.0, 1.0], "an empty text is about nothing");
    engine.trim(MemoryPressure::Critical);
    assert_eq!(encoder.embed(&texts, &cancel, |_| ()).unwrap(), on_cpu);
    cancel.cancel();
    assert!(matches!(encoder.embed(&texts, &cancel, |_| ()), Err(Error::Cancelled)));
    let Some(engine) = gpu(&path) else { return };
    let on_gpu = Encoder::from_engine(&engine).unwrap().embed(&texts, &CancelToken::new(), |_| ()).unwrap();
    for (a, b) in on_cpu.iter().zip(&on_gpu) {
        let apart = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        assert!(apart < 1e-3, "{apart}");
    }
}
