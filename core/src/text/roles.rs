//! Which tokens end an answer.
//!
//! Source: llama.cpp (`llama-vocab.cpp`, `special_eog_ids`). Model files name one end-of-sequence token, but chat models end
//! turns with others, and many files don't say so. So the names are known here: tokens with such a text end an answer, whatever
//! the file says, and count as control tokens even where the file calls them text. (Gemma's `</s>` is one: the file has it as
//! HTML.) Names used only by families that are not supported are left out.

use super::vocabulary::Vocabulary;
use crate::Result;

/// A token with a job: the key that may name it, and the texts it has where the key is missing.
struct Job {
    key: &'static str,
    names: &'static [&'static str],
    ends: bool,
}

const JOBS: [Job; 8] = [
    Job { key: "tokenizer.ggml.eot_token_id", names: &[], ends: true },
    Job { key: "tokenizer.ggml.eom_token_id", names: &["<|eom_id|>"], ends: true },
    Job {
        key: "tokenizer.ggml.fim_pre_token_id",
        names: &["<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>"],
        ends: false,
    },
    Job {
        key: "tokenizer.ggml.fim_suf_token_id",
        names: &["<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>"],
        ends: false,
    },
    Job {
        key: "tokenizer.ggml.fim_mid_token_id",
        names: &["<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>"],
        ends: false,
    },
    Job {
        key: "tokenizer.ggml.fim_pad_token_id",
        names: &["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>"],
        ends: true,
    },
    Job {
        key: "tokenizer.ggml.fim_rep_token_id",
        names: &["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
        ends: true,
    },
    Job { key: "tokenizer.ggml.fim_sep_token_id", names: &["<|file_sep|>"], ends: true },
];

/// Texts that end an answer in any vocabulary that has them.
const ENDS: [&str; 14] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|endofturn|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<｜end▁of▁sentence｜>",
];

/// The tokens that end an answer, ascending: `eos`, those named by a key (`keyed` reads it), and those known by their text,
/// which become control tokens.
///
/// # Errors
/// Those of `keyed`.
pub(super) fn stop_ids(
    vocabulary: &mut Vocabulary,
    eos: &[u32],
    keyed: impl Fn(&str) -> Result<Option<u32>>,
) -> Result<Vec<u32>> {
    let mut stops = eos.to_vec();
    for job in &JOBS {
        let id = match keyed(job.key)? {
            Some(id) => Some(id),
            None => {
                let id = job.names.iter().filter_map(|name| vocabulary.find(name)).min();
                id.inspect(|&id| vocabulary.mark_control(id))
            }
        };
        stops.extend(id.filter(|_| job.ends));
    }
    for name in ENDS {
        if let Some(id) = vocabulary.find(name) {
            vocabulary.mark_control(id);
            stops.push(id);
        }
    }
    stops.sort_unstable();
    stops.dedup();
    Ok(stops)
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::Spelling;
    use super::*;

    #[test]
    fn ends_are_found_by_key_and_by_name() {
        let tokens = ["a", "<|im_end|>", "<reponame>", "b", "<fim_prefix>", "c"];
        let mut vocabulary = Vocabulary::new(Spelling::ByteLevel, &tokens, None).unwrap();
        let keyed = |key: &str| Ok((key == "tokenizer.ggml.eot_token_id").then_some(3));
        assert_eq!(stop_ids(&mut vocabulary, &[5], keyed).unwrap(), [1, 2, 3, 5]);
        let special: Vec<u32> = (0..6).filter(|&id| vocabulary.is_special(id)).collect();
        assert_eq!(special, [1, 2, 4]);
    }

    #[test]
    fn a_key_takes_the_place_of_the_names() {
        let mut vocabulary = Vocabulary::new(Spelling::ByteLevel, &["<|repo_name|>", "x"], None).unwrap();
        let keyed = |key: &str| Ok((key == "tokenizer.ggml.fim_rep_token_id").then_some(1));
        assert_eq!(stop_ids(&mut vocabulary, &[], keyed).unwrap(), [1]);
        assert!(!vocabulary.is_special(0));
    }
}
