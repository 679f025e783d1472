//! Token ids of a question, through the model's chat template where it has one.

use crate::Result;
use crate::generate::Engine;
use crate::text::{Message, RenderOptions, Role, SpecialTokens};

/// The ids of `instruction` and `content` as a chat turn that waits for the answer; for a model without a template, both as
/// paragraphs of plain text.
pub(super) fn question(engine: &Engine, instruction: &str, content: &str) -> Result<Vec<u32>> {
    let tokenizer = engine.tokenizer()?;
    match engine.template() {
        Ok(template) => {
            let messages = [Message::new(Role::System, instruction), Message::new(Role::User, content)];
            template.encode_chat(tokenizer, &messages, &RenderOptions::default().add_generation_prompt(true))
        }
        Err(_) => {
            let mut ids: Vec<u32> = tokenizer.bos().filter(|_| tokenizer.add_bos()).into_iter().collect();
            ids.extend(tokenizer.encode(&format!("{instruction}\n\n{content}\n\n"), SpecialTokens::AsText)?);
            Ok(ids)
        }
    }
}

/// The ids of a continuation, in which no text is read as a special token.
pub(super) fn continuation(engine: &Engine, text: &str) -> Result<Vec<u32>> {
    engine.tokenizer()?.encode(text, SpecialTokens::AsText)
}

/// How many tokens two sequences begin with together.
pub(super) fn shared(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
