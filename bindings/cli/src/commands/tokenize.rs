//! `tokenize`: the token ids and pieces of a text. No begin-of-sequence token is added.

use crate::args::{GlobalArgs, ModelArg, TextArgs};
use crate::errors::{Result, escape_controls};
use crate::{model_source, output, text_input};
use minnow::{SpecialTokens, Tokenizer};
use serde::Serialize;

/// `minnow tokenize`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub model: ModelArg,
    /// Recognise special tokens that are written out in the text
    #[arg(long)]
    pub special: bool,
    #[command(flatten)]
    pub text: TextArgs,
}

#[derive(Serialize)]
struct Tokens {
    ids: Vec<u32>,
    pieces: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// For a model without a tokenizer, or a text that can't be read.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let text = text_input::read(&args.text)?;
    let tokenizer = Tokenizer::open(model_source::resolve(&args.model.model, global)?)?;
    let special = if args.special { SpecialTokens::Recognise } else { SpecialTokens::AsText };
    let ids = tokenizer.encode(&text, special)?;
    let pieces = ids.iter().map(|id| tokenizer.piece(*id).unwrap_or_default()).collect();
    output::print(global.json, &Tokens { ids, pieces }, |tokens| {
        let rows = tokens.ids.iter().zip(&tokens.pieces);
        rows.map(|(id, piece)| format!("{id:>8}  {}\n", escape_controls(piece))).collect()
    })
}
