//! `perplexity`: how well a model predicts a text, over its first 2,048 tokens in one window.

use crate::args::{GlobalArgs, ModelArg};
use crate::errors::{CliError, Result};
use crate::{engine, output, text_input};
use clap::ArgGroup;
use indicatif::{ProgressBar, ProgressDrawTarget};
use minnow::CancelToken;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// `minnow perplexity`
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("input").required(true).args(["ids_file", "text_file"]))]
pub struct Args {
    #[command(flatten)]
    pub model: ModelArg,
    /// A file of token ids, separated by commas or white space
    #[arg(long, value_name = "F")]
    pub ids_file: Option<PathBuf>,
    /// A UTF-8 text file
    #[arg(value_name = "TEXTFILE")]
    pub text_file: Option<PathBuf>,
}

/// Tokens that are measured.
const WINDOW: usize = 2048;

#[derive(Serialize)]
struct Measured {
    perplexity: f64,
    tokens: usize,
}

/// Runs it.
///
/// # Errors
/// For fewer than two tokens, ids that are no numbers, or a file that can't be read.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let engine = engine::open(&args.model.model, global)?;
    let mut ids = match (&args.ids_file, &args.text_file) {
        (Some(path), _) => read_ids(path)?,
        (None, Some(path)) => engine::prompt_ids(&engine, &text_input::read_file(path)?)?,
        (None, None) => Vec::new(),
    };
    ids.truncate(WINDOW.min(engine.config().context_length));
    let bar = ProgressBar::with_draw_target(Some(ids.len() as u64), ProgressDrawTarget::stderr());
    let measured = minnow::perplexity(&engine, &ids, &CancelToken::new(), |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    let measured = measured?;
    let result = Measured { perplexity: measured.perplexity, tokens: measured.tokens };
    output::print(global.json, &result, |result| format!("{:.4} over {} tokens", result.perplexity, result.tokens))
}

fn read_ids(path: &Path) -> Result<Vec<u32>> {
    let text = text_input::read_file(path)?;
    let numbers =
        text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']')).filter(|part| !part.is_empty());
    let wrong = |index: usize| CliError::Input {
        what: format!("entry {} is no token id", index + 1),
        at: path.display().to_string(),
    };
    numbers.enumerate().map(|(index, part)| part.parse().map_err(|_| wrong(index))).collect()
}
