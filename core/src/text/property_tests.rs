//! What holds for every text and every metadata.

use proptest::prelude::*;

use super::*;
use crate::format::{Array, Metadata, Value};

/// Byte-level BPE over all bytes, a few merges and special tokens.
pub(super) fn byte_level(pre: &str) -> Tokenizer {
    let mut tokens: Vec<String> = vocabulary::BYTE_CHARS.iter().map(|&character| character.to_string()).collect();
    let merges = ["Ġ t", "h e", "Ġt he", "a b", "ab c", "1 2", "Ã ©", "Ċ Ċ"];
    tokens.extend(merges.iter().map(|merge| merge.replace(' ', "")));
    let mut types = vec![1; tokens.len()];
    tokens.extend(["<|im_start|>", "<|im_end|>", "<tag>"].map(str::to_owned));
    types.extend([3, 3, 4]);
    Tokenizer::from_gguf(&Metadata::from_entries([
        ("tokenizer.ggml.model", Value::from("gpt2")),
        ("tokenizer.ggml.pre", pre.into()),
        ("tokenizer.ggml.tokens", Array::of_strings(&tokens).into()),
        ("tokenizer.ggml.token_type", Array::of_i32s(&types).into()),
        ("tokenizer.ggml.merges", Array::of_strings(&merges).into()),
    ]))
    .unwrap()
}

/// SentencePiece with byte tokens and a few pieces.
fn sentencepiece(space_prefix: bool) -> Tokenizer {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(str::to_owned).into();
    tokens.extend((0..=255).map(|byte| format!("<0x{byte:02X}>")));
    let pieces = ["▁", "▁t", "he", "▁the", "t", "h", "e", "a", "b", "ab", "é", "中", "  ", "\n\n"];
    tokens.extend(pieces.map(str::to_owned));
    let mut types = vec![2, 3, 3];
    types.extend([6; 256]);
    types.extend([1; 12]);
    types.extend([4; 2]);
    let scores: Vec<f32> = (0..tokens.len()).map(|id| -(id as f32)).collect();
    Tokenizer::from_gguf(&Metadata::from_entries([
        ("tokenizer.ggml.model", Value::from("llama")),
        ("tokenizer.ggml.add_space_prefix", space_prefix.into()),
        ("tokenizer.ggml.tokens", Array::of_strings(&tokens).into()),
        ("tokenizer.ggml.token_type", Array::of_i32s(&types).into()),
        ("tokenizer.ggml.scores", Array::of_f32s(&scores).into()),
    ]))
    .unwrap()
}

/// Text with a liking for what tokenizers stumble over.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[ \t\r\n]{1,5}",
        "[a-c12'éthe ]{1,6}",
        Just("<|im_end|>".to_owned()),
        Just("<|im_".to_owned()),
        Just("</s>".to_owned()),
        Just("<tag>".to_owned()),
        Just("\0".to_owned()),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// A value of the right or the wrong type for a tokenizer's key.
fn values() -> impl Strategy<Value = Value> {
    let strings = prop::collection::vec("(a|b|ab|Ġ|a b|<s>|<0x41>|▁|\\PC{0,3}){0,2}", 0..8);
    prop_oneof![
        any::<u32>().prop_map(Value::U32),
        (0u32..10).prop_map(Value::U32),
        any::<i32>().prop_map(Value::I32),
        any::<f32>().prop_map(Value::F32),
        any::<bool>().prop_map(Value::Bool),
        prop_oneof![Just("gpt2"), Just("llama"), Just("bert"), Just("smollm"), Just("default"), Just("phi-3")]
            .prop_map(Value::from),
        "\\PC{0,8}".prop_map(|text| Value::from(text.as_str())),
        strings.prop_map(|items| Array::of_strings(&items).into()),
        prop::collection::vec(-1..8, 0..8).prop_map(|items| Array::of_i32s(&items).into()),
        prop::collection::vec(any::<f32>(), 0..8).prop_map(|items| Array::of_f32s(&items).into()),
    ]
}

const KEYS: [&str; 14] = [
    "tokenizer.ggml.model",
    "tokenizer.ggml.pre",
    "tokenizer.ggml.tokens",
    "tokenizer.ggml.token_type",
    "tokenizer.ggml.scores",
    "tokenizer.ggml.merges",
    "tokenizer.ggml.bos_token_id",
    "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.unknown_token_id",
    "tokenizer.ggml.add_bos_token",
    "tokenizer.ggml.add_space_prefix",
    "tokenizer.chat_template",
    "general.name",
];

proptest! {
    #[test]
    fn byte_level_text_comes_back_unchanged(text in texts()) {
        for pre in ["gpt-2", "default", "smollm", "llama-bpe", "qwen2"] {
            let tokenizer = byte_level(pre);
            for special in [SpecialTokens::Recognise, SpecialTokens::AsText] {
                let ids = tokenizer.encode(&text, special).unwrap();
                prop_assert_eq!(tokenizer.decode_bytes(&ids), text.as_bytes());
                let pieces: Vec<u8> = ids.iter().flat_map(|&id| tokenizer.token_bytes(id).unwrap()).collect();
                prop_assert_eq!(pieces, text.as_bytes());
            }
        }
    }

    #[test]
    fn sentencepiece_text_comes_back_with_its_spaces(text in texts()) {
        // `▁` itself is a space there, and so is lost
        let expected = text.replace('▁', " ");
        // with a prefix, text after a user-defined token gets a space too, as in llama.cpp
        let cut = text.contains("  ") || text.contains("\n\n");
        for space_prefix in [false, true].into_iter().filter(|&prefix| !(prefix && cut)) {
            let tokenizer = sentencepiece(space_prefix);
            let ids = tokenizer.encode(&text, SpecialTokens::AsText).unwrap();
            prop_assert_eq!(tokenizer.decode(&ids), expected.clone());
        }
    }

    #[test]
    fn text_never_becomes_a_control_token(text in texts()) {
        for tokenizer in [byte_level("gpt-2"), byte_level("llama-bpe"), sentencepiece(false)] {
            let ids = tokenizer.encode(&text, SpecialTokens::AsText).unwrap();
            prop_assert!(!ids.iter().any(|&id| tokenizer.is_special(id)));
        }
    }

    #[test]
    fn no_message_changes_the_turns_of_a_conversation(contents in prop::collection::vec(texts(), 1..4)) {
        let tokenizer = byte_level("gpt-2");
        let turns = |contents: &[String], source: &str| -> crate::Result<Vec<u32>> {
            let template = ChatTemplate::from_gguf(&Metadata::from_entries([
                ("tokenizer.chat_template", Value::from(source)),
            ])).unwrap().unwrap();
            let messages: Vec<Message> = contents.iter().map(|text| Message::new(Role::User, text.as_str())).collect();
            let ids = template.encode_chat(&tokenizer, &messages, &RenderOptions::default())?;
            Ok(ids.into_iter().filter(|&id| tokenizer.is_special(id)).collect())
        };
        let plain = vec!["x".to_owned(); contents.len()];
        let written = |content: &str| {
            format!("{{% for m in messages %}}<|im_start|>{{{{ m.role }}}} {{{{ {content} }}}}<|im_end|>{{% endfor %}}")
        };
        for content in ["m.content", "m.content | trim", "m['content'] + '\n'", "'a ' + m.content.strip()"] {
            let source = written(content);
            prop_assert_eq!(turns(&contents, &source).unwrap(), turns(&plain, &source).unwrap());
        }
        // these rewrite contents: refused or harmless
        for content in ["m.content.replace('a', '')", "m.content.split('b')[0]", "m.content[1:]", "m.content | upper | lower"] {
            let source = written(content);
            if let Ok(found) = turns(&contents, &source) {
                prop_assert_eq!(found, turns(&plain, &source).unwrap());
            }
        }
    }

    #[test]
    fn no_metadata_makes_it_panic(entries in prop::collection::vec((prop::sample::select(&KEYS[..]), values()), 0..14), text in texts()) {
        let metadata = Metadata::from_entries(entries);
        if let Ok(tokenizer) = Tokenizer::from_gguf(&metadata) {
            let ids = tokenizer.encode(&text, SpecialTokens::Recognise).unwrap();
            prop_assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocabulary_size()));
            tokenizer.decode(&ids);
            prop_assert!(tokenizer.stop_ids().iter().all(|&id| (id as usize) < tokenizer.vocabulary_size()));
            prop_assert_eq!(tokenizer.piece(tokenizer.vocabulary_size() as u32), None);
        }
        if let Ok(Some(template)) = ChatTemplate::from_gguf(&metadata) {
            let _ = template.render(&[Message::new(Role::User, text)], &RenderOptions::default());
        }
    }
}

#[test]
fn a_text_too_long_for_any_model_is_refused() {
    let error =
        sentencepiece(false).encode(&"a".repeat((16 << 20) + 1), SpecialTokens::AsText).unwrap_err().to_string();
    assert_eq!(error, "expected a text of at most 16777216 bytes, found 16777217 (text)");
}
